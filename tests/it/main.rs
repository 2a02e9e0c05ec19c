//! The integration tests, one binary.

#[cfg(feature = "daemon")]
mod store;
