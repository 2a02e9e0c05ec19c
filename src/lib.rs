//! slagboom

#[cfg(feature = "daemon")]
pub mod proto;
pub mod rulebook;
