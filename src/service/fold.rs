//! The state of the daemon as a fold over its log.
//!
//! A restart and an auditor compute it in the same way, and every entry carries the digest of the state after it, so
//! that both can see at once whether they agree (`as_known_then`). Licences, registrations and reviews will join it.

use thiserror::Error;

use crate::ledger::{Digest, Entry, EntryKind};

const VERSION: u8 = 3;
const ACTIVATION_LENGTH: usize = 40;

/// The state after some number of entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    size: u64,
    /// Every activation of a rulebook, in order: its digest and its entry.
    activations: Vec<(Digest, u64)>,
    /// Digest over the activations, kept because they hardly ever change.
    activations_digest: Digest,
    /// The entries that rotated the key of the log, in order. They decide nothing, so they are no part of the digest.
    rotations: Vec<u64>,
}

/// Why an entry does not follow on a state.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FoldError {
    /// The log has a gap or an entry out of place.
    #[error("entry {found} stands where entry {expected} belongs")]
    Sequence {
        /// Where the state is.
        expected: u64,
        /// What the entry says.
        found: u64,
    },
    /// The entry was made on another state.
    #[error("entry {sequence} does not agree with the log before it")]
    State {
        /// The entry.
        sequence: u64,
    },
    /// Bytes that are no state.
    #[error("these bytes are no state of this version")]
    Bytes,
}

impl Default for State {
    /// The state before the first entry.
    fn default() -> Self {
        Self { size: 0, activations: Vec::new(), activations_digest: digest_of(&[]), rotations: Vec::new() }
    }
}

impl State {
    /// How many entries it is over; also the sequence of the next one.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Digest of the rulebook in force.
    #[must_use]
    pub fn rulebook(&self) -> Option<Digest> {
        self.activations.last().map(|(digest, _)| *digest)
    }

    /// Every activation: digest of the rulebook and sequence of the entry, in order.
    #[must_use]
    pub fn activations(&self) -> &[(Digest, u64)] {
        &self.activations
    }

    /// The entries that rotated the key of the log, in order.
    #[must_use]
    pub fn rotations(&self) -> &[u64] {
        &self.rotations
    }

    /// Takes the next entry in; its own `state` is not looked at.
    pub fn advance(&mut self, kind: EntryKind, rulebook: Digest) {
        if kind == EntryKind::RulebookActivated {
            self.activations.push((rulebook, self.size));
            self.activations_digest = digest_of(&self.activations);
        }
        if kind == EntryKind::KeyRotated {
            self.rotations.push(self.size);
        }
        self.size += 1;
    }

    /// Goes on at `sequence`, over entries that are not there: whoever reads a log with a gap says so, and sees by the
    /// digests behind it whether the gap changed the state.
    pub(super) const fn skip_to(&mut self, sequence: u64) {
        self.size = sequence;
    }

    /// Takes the next entry of a log in, and compares.
    ///
    /// # Errors
    /// [`FoldError::Sequence`], [`FoldError::State`]; the state has then moved on and must not be used.
    pub fn replay(&mut self, entry: &Entry) -> Result<(), FoldError> {
        if entry.sequence != self.size {
            return Err(FoldError::Sequence { expected: self.size, found: entry.sequence });
        }
        self.advance(entry.kind, entry.rulebook);
        if entry.state == self.digest() { Ok(()) } else { Err(FoldError::State { sequence: entry.sequence }) }
    }

    /// The digest that the entry before this state carries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts(&[
            b"slagboom state v1",
            &self.size.to_be_bytes(),
            self.activations_digest.as_bytes(),
        ])
    }

    /// The state as a snapshot: version 3, size (u64), the number of rotations (u64) and the sequence of each (u64), and
    /// for each activation digest (32 bytes) and sequence (u64), big-endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = 17 + 8 * self.rotations.len() + ACTIVATION_LENGTH * self.activations.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.push(VERSION);
        bytes.extend(self.size.to_be_bytes());
        bytes.extend((self.rotations.len() as u64).to_be_bytes());
        for sequence in &self.rotations {
            bytes.extend(sequence.to_be_bytes());
        }
        for (digest, sequence) in &self.activations {
            bytes.extend(digest.as_bytes());
            bytes.extend(sequence.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`State::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FoldError::Bytes`] for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FoldError> {
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(FoldError::Bytes)?;
        let (size, rest) = rest.split_first_chunk::<8>().ok_or(FoldError::Bytes)?;
        let (count, mut rest) = rest.split_first_chunk::<8>().ok_or(FoldError::Bytes)?;
        let mut rotations = Vec::new();
        for _ in 0..u64::from_be_bytes(*count) {
            let (sequence, after) = rest.split_first_chunk::<8>().ok_or(FoldError::Bytes)?;
            rotations.push(u64::from_be_bytes(*sequence));
            rest = after;
        }
        let (rows, odd) = rest.as_chunks::<ACTIVATION_LENGTH>();
        if !odd.is_empty() {
            return Err(FoldError::Bytes);
        }
        let mut activations = Vec::with_capacity(rows.len());
        for row in rows {
            let (digest, sequence) = row.split_first_chunk::<32>().ok_or(FoldError::Bytes)?;
            let sequence = sequence.first_chunk::<8>().ok_or(FoldError::Bytes)?;
            activations.push((Digest::from_bytes(*digest), u64::from_be_bytes(*sequence)));
        }
        let activations_digest = digest_of(&activations);
        Ok(Self { size: u64::from_be_bytes(*size), activations, activations_digest, rotations })
    }
}

fn digest_of(activations: &[(Digest, u64)]) -> Digest {
    let mut bytes = Vec::with_capacity(ACTIVATION_LENGTH * activations.len());
    for (digest, sequence) in activations {
        bytes.extend(digest.as_bytes());
        bytes.extend(sequence.to_be_bytes());
    }
    Digest::of(&bytes)
}
