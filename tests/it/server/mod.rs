//! The daemon over a real socket.

mod access;
mod answers;
mod bad_input;
mod cases;
mod lifecycle;
mod log;
mod proofs;
mod retries;
