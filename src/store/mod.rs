//! The log on the disk, twice: our own journal, and sled.
//!
//! The journal is the commit point: a batch is recorded when its fdatasync has returned and sled has taken it.

mod block;
mod bytes;
mod check;
mod database;
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod folder;
mod frame;
mod index;
mod journal;
mod load;
mod open;
mod pack;
mod packer;
mod read;
mod repair;
mod segment;
mod types;
mod writer;

pub use check::{CheckReport, check_folder};
pub use error::{Notice, StoreError};
pub use read::{Scan, Store};
pub use types::{
    BODY_LENGTH_MAX, Derive, Derived, Opened, Options, Record, RequestKey, StoredRecord, TERMS_MAX, Term,
};
pub use writer::Writer;
#[doc(hidden)]
pub use writer::journal_alone;
