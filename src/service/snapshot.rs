//! The rulebook that decides, and those that decided.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use thiserror::Error;

use crate::{
    ledger::{Body, Digest},
    rulebook::{Bundle, BundleError, Rulebook, compile},
    store::{Store, StoreError},
};

/// Most rulebooks of the past that are kept compiled: auditors read old decisions in runs.
const OLD_MAX: usize = 4;

/// Everything that a decision reads beside the request, pinned once for each request and never changed.
#[derive(Debug)]
pub struct Snapshot {
    /// The rulebook.
    pub rulebook: Rulebook,
    /// Its digest, as entries name it.
    pub digest: Digest,
    /// The moments at which what is known of the law changes, ascending.
    moments: Vec<Timestamp>,
}

/// Why the rulebook that an entry put in force cannot be had again.
#[derive(Debug, Error)]
pub enum NoSnapshot {
    /// The store does not give the record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is missing or erased.
    #[error("its record cannot be read")]
    Record,
    /// The record holds no rulebook.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// This version does not take it.
    #[error("it compiles no more")]
    Compile,
}

/// The snapshot in force and a few older ones.
#[derive(Debug)]
pub struct Library {
    current: ArcSwap<Snapshot>,
    old: Mutex<Vec<Arc<Snapshot>>>,
}

impl Snapshot {
    /// The snapshot of a rulebook.
    #[must_use]
    pub fn of(rulebook: Rulebook) -> Self {
        let rules = rulebook.rules.iter();
        let mut moments: Vec<Timestamp> =
            rules.flat_map(|rule| [Some(rule.recorded_at), rule.superseded_at]).flatten().collect();
        moments.sort_unstable();
        moments.dedup();
        Self { digest: Digest::from_bytes(rulebook.digest.0), rulebook, moments }
    }

    /// The snapshot of the rulebook that the entry at `sequence` put in force: the body of that record holds it whole.
    pub(super) fn activated_at(store: &Store, sequence: u64) -> Result<Self, NoSnapshot> {
        let stored = store.record(sequence)?;
        let body = stored.and_then(|stored| stored.body().ok()).flatten().ok_or(NoSnapshot::Record)?;
        Self::of_activation(&body)
    }

    /// The snapshot of the rulebook in the body of an activation.
    ///
    /// # Errors
    /// [`NoSnapshot::Bundle`], [`NoSnapshot::Compile`].
    pub fn of_activation(body: &Body) -> Result<Self, NoSnapshot> {
        let bundle = Bundle::from_bytes(&body.request)?;
        compile(bundle).rulebook.map(Self::of).ok_or(NoSnapshot::Compile)
    }

    /// Is the same law known at both instants?
    #[must_use]
    pub fn knows_the_same(&self, a: Timestamp, b: Timestamp) -> bool {
        a == b || self.era(a) == self.era(b)
    }

    /// The span of time to which an instant belongs, counted from 0; in one span, the same law is known.
    #[must_use]
    pub fn era(&self, at: Timestamp) -> usize {
        self.moments.partition_point(|moment| *moment <= at)
    }
}

impl Library {
    /// A library with this snapshot in force.
    #[must_use]
    pub fn new(current: Arc<Snapshot>) -> Self {
        Self { current: ArcSwap::new(current), old: Mutex::default() }
    }

    /// The snapshot in force.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The snapshot with this digest, if it is at hand.
    #[must_use]
    pub fn find(&self, digest: &Digest) -> Option<Arc<Snapshot>> {
        let current = self.current.load();
        if current.digest == *digest {
            return Some(Arc::clone(&current));
        }
        let old = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        old.iter().find(|snapshot| snapshot.digest == *digest).cloned()
    }

    /// Keeps a snapshot of the past at hand, in the place of the one that was kept longest.
    pub fn keep(&self, snapshot: Arc<Snapshot>) {
        let mut old = self.old.lock().unwrap_or_else(PoisonError::into_inner);
        if old.len() >= OLD_MAX {
            old.remove(0);
        }
        old.push(snapshot);
    }
}
