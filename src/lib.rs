//! slagboom

pub mod cases;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
pub mod domain;
pub mod engine;
pub mod ledger;
#[cfg(feature = "daemon")]
pub mod proto;
pub mod rulebook;
pub mod screening;
#[cfg(feature = "daemon")]
pub mod server;
#[cfg(feature = "daemon")]
pub mod service;
#[cfg(feature = "daemon")]
pub mod store;
#[cfg(feature = "daemon")]
pub mod telemetry;
