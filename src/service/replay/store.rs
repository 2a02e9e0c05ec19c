//! An open store as a source of items, and the replays of a service.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    super::{Refusal, Service},
    Body, Item,
};
use crate::store::{Scan, Store, StoreError};

/// Most replays that a service runs for its callers at a time: each takes a core, and checks need the other.
const REPLAYS_MAX: usize = 1;

/// Room for the replays of a service.
pub(in crate::service) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(REPLAYS_MAX))
}

impl Service {
    /// Room for a replay, held while it runs.
    ///
    /// # Errors
    /// [`Refusal::ReplayBusy`].
    pub fn room_to_replay(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.replays.clone().try_acquire_owned().map_err(|_| Refusal::ReplayBusy)
    }

    /// The records of the log that readers see by now, for [`super::replay`]. Reads the disk, beside the writer.
    ///
    /// # Errors
    /// [`Refusal::Unwitnessed`].
    pub fn records(&self) -> Result<Records, Refusal> {
        let upto = self.core.readable()?.size;
        Ok(Records { upto, ..items(&self.core.store) })
    }

    /// The time of the service.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.now()
    }
}

/// The records of a store in order. Each has proved itself: its checksum, its place and its body's commitment.
pub struct Records {
    scan: Scan,
    /// Where it ends at the latest.
    upto: u64,
}

/// All records of a store up to its present end, for [`super::replay`].
#[must_use]
pub fn items(store: &Store) -> Records {
    Records { scan: store.scan(0), upto: u64::MAX }
}

impl Iterator for Records {
    type Item = Result<Item, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.scan.next()?;
        if record.as_ref().is_ok_and(|record| record.entry.sequence >= self.upto) {
            return None;
        }
        Some(record.map(|record| Item {
            sequence: record.entry.sequence,
            entry: record.entry,
            body: record.kept.map_or(Body::Erased, |kept| Body::Kept { salt: kept.salt, bytes: kept.bytes }),
        }))
    }
}
