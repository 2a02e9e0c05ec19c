//! slagboom

pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod proto;
pub mod rulebook;
#[cfg(feature = "daemon")]
pub mod telemetry;
