//! The state of the daemon as a fold over its log.
//!
//! A restart and an auditor compute it in the same way, and every entry carries the digest of the state after it, so
//! that both can see at once whether they agree (`as_known_then`). The register of licences is part of it.

use std::sync::Arc;

use thiserror::Error;

use crate::{
    engine::{self, Effects},
    ledger::{Digest, Entry, EntryKind},
    register::{ApplyError, Event, Note, Register},
};

const VERSION: u8 = 3;
const ACTIVATION_LENGTH: usize = 40;

/// The state after some number of entries.
#[derive(Clone, Debug)]
pub struct State {
    size: u64,
    /// Every activation of a rulebook, in order: its digest and its entry.
    activations: Vec<(Digest, u64)>,
    /// Digest over the activations, kept because they hardly ever change.
    activations_digest: Digest,
    /// The entries that rotated the key of the log, in order. They decide nothing, so they are no part of the digest.
    rotations: Vec<u64>,
    /// The register of licences.
    register: Arc<Register>,
    /// Digest of this state, from the first entry on that changed the register. Each such digest holds the one before
    /// it, so that it stands for every balance.
    chained: Option<Digest>,
}

/// What an entry changes beside the length of the log.
pub(super) enum Change {
    /// Something happened to the register.
    Event(Box<Event>),
    /// A decision reserved on licences, or gave back.
    Decided(Effects),
}

impl Change {
    /// What an entry of this kind changes, read from the second part of its body.
    ///
    /// # Errors
    /// [`FoldError::Change`] for bytes that do not say.
    pub(super) fn read(kind: EntryKind, sequence: u64, bytes: &[u8]) -> Result<Option<Self>, FoldError> {
        let unread = || FoldError::Change { sequence, why: "its body does not decode".to_owned() };
        match kind {
            EntryKind::DecisionMade => {
                let effects = engine::effects(bytes).ok_or_else(unread)?;
                Ok((!effects.is_none()).then_some(Self::Decided(effects)))
            }
            kind if is_of_register(kind) => {
                let note: Note = serde_json::from_slice(bytes).map_err(|_| unread())?;
                Ok(Some(Self::Event(Box::new(note.event))))
            }
            _ => Ok(None),
        }
    }
}

/// Does an entry of this kind hold an event of the register?
pub(super) const fn is_of_register(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::LicenceRecorded
            | EntryKind::LicenceAmended
            | EntryKind::RatesSet
            | EntryKind::GeneralAuthorisationRegistered
            | EntryKind::CorrectionProposed
            | EntryKind::CorrectionApproved
            | EntryKind::LicenceSuspended
            | EntryKind::LicenceSuspensionLifted
            | EntryKind::LicenceRevoked
            | EntryKind::LicenceReturned
            | EntryKind::ShipmentConfirmed
            | EntryKind::ReservationReleased
            | EntryKind::ReservationExpired
            | EntryKind::Incident
            | EntryKind::DutyDone
    )
}

/// The kind of the entry that records an event.
pub(super) const fn kind_of(event: &Event) -> EntryKind {
    match event {
        Event::LicenceRecorded(_) => EntryKind::LicenceRecorded,
        Event::LicenceAmended(_) => EntryKind::LicenceAmended,
        Event::RatesSet(_) => EntryKind::RatesSet,
        Event::GeneralAuthorisationRegistered(_) => EntryKind::GeneralAuthorisationRegistered,
        Event::CorrectionProposed(_) => EntryKind::CorrectionProposed,
        Event::CorrectionApproved(_) => EntryKind::CorrectionApproved,
        Event::LicencesSuspended(_) => EntryKind::LicenceSuspended,
        Event::SuspensionLifted(_) => EntryKind::LicenceSuspensionLifted,
        Event::LicenceRevoked(_) => EntryKind::LicenceRevoked,
        Event::LicenceReturned(_) => EntryKind::LicenceReturned,
        Event::ShipmentConfirmed(_) => EntryKind::ShipmentConfirmed,
        Event::ReservationReleased(_) => EntryKind::ReservationReleased,
        Event::ReservationExpired(_) => EntryKind::ReservationExpired,
        Event::Incident(_) => EntryKind::Incident,
        Event::DutyDone(_) => EntryKind::DutyDone,
    }
}

/// Why an entry does not follow on a state.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
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
    /// What the entry changes cannot be.
    #[error("entry {sequence} cannot change the register of licences: {why}")]
    Change {
        /// The entry.
        sequence: u64,
        /// Why not.
        why: String,
    },
    /// Bytes that are no state.
    #[error("these bytes are no state of this version")]
    Bytes,
}

impl Default for State {
    /// The state before the first entry.
    fn default() -> Self {
        Self {
            size: 0,
            activations: Vec::new(),
            activations_digest: digest_of(&[]),
            rotations: Vec::new(),
            register: Arc::default(),
            chained: None,
        }
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

    /// The register of licences.
    #[must_use]
    pub const fn register(&self) -> &Arc<Register> {
        &self.register
    }

    /// Has anything changed the register yet? A state without it is small, and can be kept as a snapshot.
    #[must_use]
    pub const fn has_register(&self) -> bool {
        self.chained.is_some()
    }

    /// Takes the next entry in, with the second part of its body where that is known; its own `state` is not looked at.
    /// What it changes is what these bytes say, to the writer as to everybody who reads them later.
    ///
    /// # Errors
    /// [`FoldError::Change`]; the state must not be used then.
    pub fn advance(
        &mut self,
        kind: EntryKind,
        rulebook: Digest,
        body: Option<&[u8]>,
    ) -> Result<(), FoldError> {
        let (before, sequence) = (self.digest(), self.size);
        let change = match body {
            Some(bytes) => Change::read(kind, sequence, bytes)?.map(|change| (change, bytes)),
            None => None,
        };
        let applied = match &change {
            Some((Change::Event(event), _)) => Arc::make_mut(&mut self.register).apply(sequence, event),
            Some((Change::Decided(effects), _)) => {
                Arc::make_mut(&mut self.register).decided(sequence, effects)
            }
            None => Ok(()),
        };
        applied.map_err(|fault: ApplyError| FoldError::Change { sequence, why: fault.to_string() })?;
        if kind == EntryKind::RulebookActivated {
            self.activations.push((rulebook, self.size));
            self.activations_digest = digest_of(&self.activations);
        }
        if kind == EntryKind::KeyRotated {
            self.rotations.push(self.size);
        }
        self.size += 1;
        if change.is_some() || self.chained.is_some() {
            self.chained = Some(Digest::of_parts(&[
                b"slagboom state v2",
                before.as_bytes(),
                &self.size.to_be_bytes(),
                self.activations_digest.as_bytes(),
                change.map_or(Digest::ZERO, |(_, bytes)| Digest::of(bytes)).as_bytes(),
            ]));
        }
        Ok(())
    }

    /// Goes on at `sequence`, over entries that are not there: whoever reads a log with a gap says so, and sees by the
    /// digests behind it whether the gap changed the state.
    pub(super) const fn skip_to(&mut self, sequence: u64) {
        self.size = sequence;
    }

    /// Goes on behind an entry that does not fit, as if it did: whoever reads on says that it does not, and judges the
    /// entries behind it by themselves.
    pub(super) fn go_on_behind(&mut self, entry: &Entry) {
        self.size = entry.sequence + 1;
        if self.chained.is_some() {
            self.chained = Some(entry.state);
        }
    }

    /// Takes the next entry of a log in, and compares. `change` is the second part of its body; of an erased one nobody
    /// knows what it changed, so its entry is believed.
    ///
    /// # Errors
    /// [`FoldError::Sequence`], [`FoldError::State`], [`FoldError::Change`]; the state has then moved on and must not be
    /// used.
    pub fn replay(&mut self, entry: &Entry, body: Option<&[u8]>) -> Result<(), FoldError> {
        if entry.sequence != self.size {
            return Err(FoldError::Sequence { expected: self.size, found: entry.sequence });
        }
        self.advance(entry.kind, entry.rulebook, body)?;
        if body.is_none() && self.chained.is_some() {
            self.chained = Some(entry.state);
        }
        if entry.state == self.digest() { Ok(()) } else { Err(FoldError::State { sequence: entry.sequence }) }
    }

    /// The digest that the entry before this state carries.
    #[must_use]
    pub fn digest(&self) -> Digest {
        if let Some(chained) = self.chained {
            return chained;
        }
        Digest::of_parts(&[
            b"slagboom state v1",
            &self.size.to_be_bytes(),
            self.activations_digest.as_bytes(),
        ])
    }

    /// The state without its register as a snapshot: version 3, size (u64), the number of rotations (u64) and the sequence of each (u64), and
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
        Ok(Self {
            size: u64::from_be_bytes(*size),
            activations,
            activations_digest,
            rotations,
            ..Self::default()
        })
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
