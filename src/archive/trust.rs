//! Whom an auditor believes: the keys that were given, and those that the log says follow them.

use thiserror::Error;

use crate::ledger::{
    Checkpoint, CheckpointError, Note, NoteError, Rotation, SignedCheckpoint, Trust, Verifier,
};

/// What an auditor brings along from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Public keys of the log; with none, those in the folder are believed, which proves less.
    pub keys: Vec<Verifier>,
    /// Public keys of witnesses.
    pub witnesses: Vec<Verifier>,
    /// How many of the witnesses must have cosigned the newest checkpoint.
    pub quorum: usize,
}

/// The keys that are believed, in the making.
#[derive(Debug)]
pub(super) struct Believed {
    keys: Vec<Key>,
}

/// A key that is believed, up to where another follows it.
#[derive(Debug)]
struct Key {
    verifier: Verifier,
    /// The record that names its successor; the successor signs from there on.
    followed_at: Option<u64>,
}

/// Why a checkpoint is not believed.
#[derive(Debug, Error)]
pub(super) enum Disbelief {
    /// Nobody whose key is known has signed it, or what is signed is not this.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Signed by a key that was no longer in force.
    #[error(
        "it covers {size} entries, and another key follows the one that signed it from record {followed_at} on"
    )]
    Followed {
        /// Its size.
        size: u64,
        /// The record that names the key that follows.
        followed_at: u64,
    },
}

impl Disbelief {
    /// Whether nobody has signed it whose key is known.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Disbelief::Checkpoint(CheckpointError::Note(NoteError::Unknown)))
    }
}

impl Believed {
    /// Begins with these keys.
    pub(super) fn new(keys: Vec<Verifier>) -> Believed {
        Believed { keys: keys.into_iter().map(|verifier| Key { verifier, followed_at: None }).collect() }
    }

    /// Whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes in that record `sequence` lets one key follow another. Says whether either is believed; the new one is
    /// where the one before was.
    pub(super) fn follow(&mut self, rotation: &Rotation, sequence: u64) -> bool {
        let old = self.keys.iter_mut().find(|key| key.verifier == rotation.old);
        let is_believed = old.is_some();
        if let Some(old) = old {
            old.followed_at = Some(old.followed_at.map_or(sequence, |at| at.min(sequence)));
        }
        let knows_new = self.keys.iter().any(|key| key.verifier == rotation.new);
        if is_believed && !knows_new {
            self.keys.push(Key { verifier: rotation.new.clone(), followed_at: None });
        }
        is_believed || knows_new
    }

    /// Believes a checkpoint, or says why not: a key counts up to the record that lets another follow it.
    pub(super) fn open(
        &self,
        note: &Note,
        checkpoint: &Checkpoint,
        witnesses: &[Verifier],
    ) -> Result<SignedCheckpoint, Disbelief> {
        let unknown = || Disbelief::Checkpoint(CheckpointError::Note(NoteError::Unknown));
        let size = checkpoint.size();
        let in_force = self.keys.iter().filter(|key| key.followed_at.is_none_or(|at| size <= at));
        let opened =
            trust(in_force, witnesses).ok_or_else(unknown).and_then(|trust| Ok(trust.open(note.clone())?));
        let Err(why) = opened else { return opened };
        let before = self.keys.iter().filter_map(|key| Some((key, key.followed_at.filter(|at| size > *at)?)));
        for (key, followed_at) in before {
            if Trust::log(key.verifier.clone()).open(note.clone()).is_ok() {
                return Err(Disbelief::Followed { size, followed_at });
            }
        }
        Err(why)
    }

    /// The terms on which a receipt is believed by itself; `None` without any key.
    pub(super) fn trust(&self, witnesses: &[Verifier], quorum: usize) -> Option<Trust> {
        trust(self.keys.iter(), witnesses).map(|trust| trust.with_witnesses(witnesses.to_vec(), quorum))
    }
}

fn trust<'a>(mut keys: impl Iterator<Item = &'a Key>, witnesses: &[Verifier]) -> Option<Trust> {
    let first = Trust::log(keys.next()?.verifier.clone());
    let trust = keys.fold(first, |trust, key| trust.with_key(key.verifier.clone()));
    Some(trust.with_witnesses(witnesses.to_vec(), 0))
}
