//! The integration tests, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what tests share stands outside of test functions, and may fail as they do"
)]

#[cfg(feature = "daemon")]
mod archive;
#[cfg(feature = "daemon")]
mod audit;
mod cases;
mod cli;
#[cfg(feature = "daemon")]
mod crash;
#[cfg(feature = "daemon")]
mod damage;
#[cfg(feature = "daemon")]
mod fixtures;
mod ledger;
mod oracle;
#[cfg(feature = "daemon")]
mod power;
#[cfg(feature = "daemon")]
mod register;
#[cfg(feature = "daemon")]
mod replay;
#[cfg(feature = "daemon")]
mod retention;
mod rulebook;
#[cfg(feature = "daemon")]
mod screening;
#[cfg(feature = "daemon")]
mod server;
#[cfg(feature = "daemon")]
mod store;
#[cfg(feature = "daemon")]
mod support;
mod tidy;
#[cfg(feature = "daemon")]
mod witness;
