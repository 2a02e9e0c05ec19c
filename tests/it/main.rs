//! The integration tests, one binary.

#[cfg(feature = "daemon")]
mod server;
#[cfg(feature = "daemon")]
mod store;
#[cfg(feature = "daemon")]
mod support;
