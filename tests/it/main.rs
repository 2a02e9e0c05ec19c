//! The integration tests, one binary.

mod cases;
mod oracle;
mod rulebook;
mod tidy;
