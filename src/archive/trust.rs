//! Whom an auditor believes: the keys that were given, and those that the log says follow them.

use crate::ledger::{Rotation, Trust, Verifier};

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
    keys: Vec<Verifier>,
}

impl Believed {
    /// Begins with these keys.
    pub(super) fn new(keys: Vec<Verifier>) -> Believed {
        Believed { keys }
    }

    /// Takes in that one key follows another. Says whether the one before is believed; if not, neither is the new one.
    pub(super) fn follow(&mut self, rotation: &Rotation) -> bool {
        let believed = self.keys.contains(&rotation.old);
        if believed && !self.keys.contains(&rotation.new) {
            self.keys.push(rotation.new.clone());
        }
        believed || self.keys.contains(&rotation.new)
    }

    /// The terms on which a checkpoint is believed; `None` without any key.
    pub(super) fn trust(&self, witnesses: &[Verifier], quorum: usize) -> Option<Trust> {
        let (first, rest) = self.keys.split_first()?;
        let trust = rest.iter().cloned().fold(Trust::log(first.clone()), Trust::with_key);
        Some(trust.with_witnesses(witnesses.to_vec(), quorum))
    }
}
