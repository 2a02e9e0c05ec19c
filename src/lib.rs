pub mod ledger;
#[cfg(feature = "daemon")]
pub mod store;
