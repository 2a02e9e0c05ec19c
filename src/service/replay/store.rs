//! An open store as a source of items.

use super::{Body, Item};
use crate::store::{Scan, Store, StoreError};

/// The records of a store in order. Each has proved itself: its checksum, its place and its body's commitment.
pub struct Records(Scan);

/// All records of a store up to its present end, for [`super::replay`].
#[must_use]
pub fn items(store: &Store) -> Records {
    Records(store.scan(0))
}

impl Iterator for Records {
    type Item = Result<Item, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.0.next()?;
        Some(record.map(|record| Item {
            sequence: record.entry.sequence,
            entry: record.entry,
            body: Body::Kept(record.body_bytes),
        }))
    }
}
