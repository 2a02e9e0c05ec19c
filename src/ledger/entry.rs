//! The entry of a record: small, bounded, nameless; a leaf of the tree.

use std::fmt;

use thiserror::Error;

use crate::ledger::body::{SALT_LENGTH, request_digest};
use crate::ledger::hash::Digest;

/// The longest encoded entry, in bytes. The present version cannot reach it; it binds later ones.
pub const ENTRY_LENGTH_MAX: usize = 4096;
/// The longest caller, in bytes.
pub const CALLER_LENGTH_MAX: usize = 128;
/// The longest engine version, in bytes.
pub const ENGINE_VERSION_LENGTH_MAX: usize = 64;

const VERSION: u8 = 1;

/// What happened, by whom it was asked, under which law, and the hashes that bind the rest.
///
/// Encoded, with numbers in big-endian order; the stored bytes are hashed and never encoded anew to verify:
///
/// | offset | length | what |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 1 | kind, see [`EntryKind`] |
/// | 2 | 1 | outcome |
/// | 3 | 8 | sequence |
/// | 11 | 8 | time, Unix milliseconds, two's complement |
/// | 19 | 32 | digest of the rulebook |
/// | 51 | 32 | digest of the lists |
/// | 83 | 32 | digest of the normalised request |
/// | 115 | 32 | commitment to the body |
/// | 147 | 32 | digest of the state after this entry |
/// | 179 | 1 | length *n* of the caller |
/// | 180 | *n* | caller, UTF-8 |
/// | 180 + *n* | 1 | length *m* of the engine version |
/// | 181 + *n* | *m* | engine version, UTF-8 |
///
/// Nothing follows; a byte more is an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The place in the log, from 0; also the index of the leaf in the tree.
    pub sequence: u64,
    /// When it was recorded, in Unix milliseconds. Time going backwards is noted, never a failure.
    pub time_ms: i64,
    /// What happened.
    pub kind: EntryKind,
    /// Who asked: the name of a token, of a system or a post rather than of a person, never of a party; ≤ 128 bytes.
    pub caller: String,
    /// The version of the engine that decided; ≤ 64 bytes.
    pub engine_version: String,
    /// The digest of the rulebook in force.
    pub rulebook: Digest,
    /// The digest of the party lists in force; [`Digest::ZERO`] where there are none.
    pub lists: Digest,
    /// SHA-256(salt ‖ request), see [`request_digest`]. The oldest entries have SHA-256(request).
    pub request: Digest,
    /// The outcome's number, or 0 for entries that decide nothing.
    pub outcome: u8,
    /// SHA-256(salt ‖ body), see [`crate::ledger::commitment`].
    pub commitment: Digest,
    /// The digest of the fold over the log after this entry, so that a replay can check itself.
    pub state: Digest,
}

impl Entry {
    /// Whether these are the bytes of the request that it was recorded for.
    #[must_use]
    pub fn is_of_request(&self, salt: &[u8; SALT_LENGTH], request: &[u8]) -> bool {
        self.request == request_digest(salt, request) || self.request == Digest::of(request)
    }

    /// The bytes as they are stored and hashed.
    ///
    /// # Errors
    /// When caller or engine version are longer than their limits.
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let mut bytes = Vec::with_capacity(181 + self.caller.len() + self.engine_version.len());
        bytes.extend_from_slice(&[VERSION, self.kind.number(), self.outcome]);
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.time_ms.to_be_bytes());
        for digest in [&self.rulebook, &self.lists, &self.request, &self.commitment, &self.state] {
            bytes.extend_from_slice(digest.as_bytes());
        }
        push_text(&mut bytes, &self.caller, FieldName::Caller)?;
        push_text(&mut bytes, &self.engine_version, FieldName::EngineVersion)?;
        Ok(bytes)
    }

    /// Reads what [`Entry::encode`] wrote, and nothing else.
    ///
    /// # Errors
    /// When the version or the kind is unknown, a text is too long or no UTF-8, or bytes are missing or left.
    pub fn decode(bytes: &[u8]) -> Result<Entry, EntryError> {
        let mut reader = Reader { rest: bytes };
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(EntryError::Version { version });
        }
        let [kind, outcome] = reader.array()?;
        let kind = EntryKind::from_number(kind).ok_or(EntryError::Kind { number: kind })?;
        let sequence = u64::from_be_bytes(reader.array()?);
        let time_ms = i64::from_be_bytes(reader.array()?);
        let mut digests = [Digest::ZERO; 5];
        for digest in &mut digests {
            *digest = Digest::from_bytes(reader.array()?);
        }
        let [rulebook, lists, request, commitment, state] = digests;
        let caller = reader.text(FieldName::Caller)?;
        let engine_version = reader.text(FieldName::EngineVersion)?;
        if !reader.rest.is_empty() {
            return Err(EntryError::Left { count: reader.rest.len() });
        }
        Ok(Entry {
            sequence,
            time_ms,
            kind,
            caller,
            engine_version,
            rulebook,
            lists,
            request,
            outcome,
            commitment,
            state,
        })
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str, field: FieldName) -> Result<(), EntryError> {
    let length = text.len();
    let byte = u8::try_from(length).ok().filter(|_| length <= field.length_max());
    bytes.push(byte.ok_or(EntryError::TooLong { field, length })?);
    bytes.extend_from_slice(text.as_bytes());
    Ok(())
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], EntryError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(EntryError::Cut)?;
        self.rest = rest;
        Ok(*head)
    }

    fn text(&mut self, field: FieldName) -> Result<String, EntryError> {
        let [length] = self.array()?;
        let length = usize::from(length);
        if length > field.length_max() {
            return Err(EntryError::TooLong { field, length });
        }
        let (text, rest) = self.rest.split_at_checked(length).ok_or(EntryError::Cut)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).map_err(|_| EntryError::NotText { field })
    }
}

macro_rules! entry_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What an entry records. A number is never used again for another thing.
        ///
        /// Those that this version does not write yet have their numbers, so that the format stays as it is
        /// when they come.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u8)]
        pub enum EntryKind {
            $($(#[$doc])* $name = $number,)*
        }

        impl EntryKind {
            /// Every kind, in the order of the numbers.
            pub const ALL: &[EntryKind] = &[$(EntryKind::$name,)*];

            /// The number in the encoding.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self {
                    $(EntryKind::$name => $number,)*
                }
            }

            /// The kind with this number, or none.
            #[must_use]
            pub const fn from_number(number: u8) -> Option<EntryKind> {
                match number {
                    $($number => Some(EntryKind::$name),)*
                    _ => None,
                }
            }
        }
    };
}

entry_kinds! {
    /// A rulebook became the one in force; the body holds it whole.
    RulebookActivated = 1,
    /// An export was decided; the body holds the request and the decision.
    DecisionMade = 2,
    /// A party list became the one in force.
    PartyListActivated = 3,
    /// Exchange rates were set.
    RatesSet = 4,
    /// A licence was recorded.
    LicenceRecorded = 5,
    /// A licence was amended.
    LicenceAmended = 6,
    /// A licence was suspended.
    LicenceSuspended = 7,
    /// The suspension of a licence was lifted.
    LicenceSuspensionLifted = 8,
    /// A licence was revoked.
    LicenceRevoked = 9,
    /// A licence was returned to the authority.
    LicenceReturned = 10,
    /// A correction of a balance was proposed.
    CorrectionProposed = 11,
    /// A correction of a balance was approved by a second person.
    CorrectionApproved = 12,
    /// The use of a general authorisation was registered.
    GeneralAuthorisationRegistered = 13,
    /// A shipment was confirmed: what was reserved is drawn.
    ShipmentConfirmed = 14,
    /// A reservation was given back.
    ReservationReleased = 15,
    /// A reservation ran out.
    ReservationExpired = 16,
    /// Something went wrong that an auditor must know of.
    Incident = 17,
    /// The release of an export under review was proposed.
    ReviewProposed = 18,
    /// The release of an export under review was approved by a second person.
    ReviewApproved = 19,
    /// The release of an export under review was refused.
    ReviewRefused = 20,
    /// A hit on a party list was cleared.
    ClearanceGranted = 21,
    /// A clearance was withdrawn.
    ClearanceWithdrawn = 22,
    /// Bodies of earlier entries were erased, see [`crate::ledger::Marks`].
    BodyErased = 23,
    /// The key that signs checkpoints was changed, see [`crate::ledger::Rotation`].
    KeyRotated = 24,
    /// Earlier entries may not be erased for now, see [`crate::ledger::Marks`].
    LegalHoldSet = 25,
    /// Earlier entries are held no more.
    LegalHoldReleased = 26,
    /// What a holder owes the authority was done.
    DutyDone = 27,
}

/// A text field of an entry, for messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldName {
    /// The caller.
    Caller,
    /// The version of the engine.
    EngineVersion,
}

impl FieldName {
    /// The longest value, in bytes.
    #[must_use]
    pub const fn length_max(self) -> usize {
        match self {
            FieldName::Caller => CALLER_LENGTH_MAX,
            FieldName::EngineVersion => ENGINE_VERSION_LENGTH_MAX,
        }
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldName::Caller => "caller",
            FieldName::EngineVersion => "engine version",
        })
    }
}

/// Why bytes are no entry, or an entry has no bytes.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum EntryError {
    /// Written by a version of slagboom that this one does not know.
    #[error("entry has version {version}, and this program reads version 1")]
    Version {
        /// The version byte found.
        version: u8,
    },
    /// A kind that this version does not know.
    #[error("entry has the unknown kind {number}")]
    Kind {
        /// The kind byte found.
        number: u8,
    },
    /// A text longer than its limit.
    #[error("{field} of an entry has {length} bytes, more than {}", field.length_max())]
    TooLong {
        /// Which text.
        field: FieldName,
        /// Its length in bytes.
        length: usize,
    },
    /// A text that is no UTF-8.
    #[error("{field} of an entry is not UTF-8")]
    NotText {
        /// Which text.
        field: FieldName,
    },
    /// Fewer bytes than an entry has.
    #[error("entry ends too early")]
    Cut,
    /// More bytes than an entry has.
    #[error("{count} bytes are left after an entry")]
    Left {
        /// How many.
        count: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest() -> impl Strategy<Value = Digest> {
        any::<[u8; 32]>().prop_map(Digest::from_bytes)
    }

    prop_compose! {
        fn entry()(
            numbers in (any::<u64>(), any::<i64>(), any::<u8>()),
            kind in prop::sample::select(EntryKind::ALL),
            caller in "[ -~é]{0,60}",
            engine_version in "[0-9.]{0,12}",
            digests in (digest(), digest(), digest(), digest(), digest()),
        ) -> Entry {
            let (sequence, time_ms, outcome) = numbers;
            let (rulebook, lists, request, commitment, state) = digests;
            Entry {
                sequence, time_ms, kind, caller, engine_version, rulebook, lists, request, outcome, commitment,
                state,
            }
        }
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_is_written(entry in entry()) {
            let bytes = entry.encode().unwrap();
            prop_assert!(bytes.len() <= ENTRY_LENGTH_MAX);
            prop_assert_eq!(Entry::decode(&bytes), Ok(entry));
        }

        #[test]
        fn a_flipped_bit_gives_another_entry_or_none(entry in entry(), at in any::<prop::sample::Index>()) {
            let mut bytes = entry.encode().unwrap();
            let bit = at.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = Entry::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap(), bytes);
                prop_assert_ne!(other, entry);
            }
        }

        #[test]
        fn no_beginning_of_an_entry_is_an_entry(entry in entry()) {
            let mut bytes = entry.encode().unwrap();
            for length in 0..bytes.len() {
                prop_assert!(Entry::decode(&bytes[..length]).is_err());
            }
            bytes.push(0);
            prop_assert_eq!(Entry::decode(&bytes), Err(EntryError::Left { count: 1 }));
        }
    }

    #[test]
    fn texts_have_limits() {
        let mut entry = Entry {
            sequence: 0,
            time_ms: 0,
            kind: EntryKind::DecisionMade,
            caller: "é".repeat(64),
            engine_version: "1".repeat(64),
            rulebook: Digest::ZERO,
            lists: Digest::ZERO,
            request: Digest::ZERO,
            outcome: 0,
            commitment: Digest::ZERO,
            state: Digest::ZERO,
        };
        assert!(entry.encode().is_ok());
        entry.caller.push('x');
        assert_eq!(entry.encode(), Err(EntryError::TooLong { field: FieldName::Caller, length: 129 }));
    }

    #[test]
    fn kinds_have_the_numbers_one_to_twenty_seven() {
        let numbers: Vec<u8> = EntryKind::ALL.iter().map(|kind| kind.number()).collect();
        assert_eq!(numbers, (1..=27).collect::<Vec<u8>>());
        assert!((1..=27).all(|number| EntryKind::from_number(number).map(EntryKind::number) == Some(number)));
        assert_eq!(EntryKind::from_number(0), None);
        assert_eq!(EntryKind::from_number(28), None);
    }
}
