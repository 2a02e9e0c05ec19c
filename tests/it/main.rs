//! The integration tests, one binary.

mod cases;
mod oracle;
mod rulebook;
#[cfg(feature = "daemon")]
mod server;
#[cfg(feature = "daemon")]
mod store;
#[cfg(feature = "daemon")]
mod support;
mod tidy;
