//! What goes into the store and comes out of it.

use std::path::PathBuf;

use crate::ledger::{Body, BodyError, Digest, Entry, SALT_LENGTH};
use crate::store::{Notice, Store, Writer};

/// The longest encoded body, in bytes.
pub const BODY_LENGTH_MAX: usize = 16 << 20;
/// The most terms of one record.
pub const TERMS_MAX: usize = 2_000;

/// Where the store is and how much it may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder; it is created where it does not exist.
    pub dir: PathBuf,
    /// A segment of the journal is closed before it grows past this many bytes; 64 MiB.
    pub segment_bytes: u64,
    /// Memory that sled may take for its cache, in bytes (it takes more than it may); 16 MiB.
    pub cache_bytes: u64,
    /// Bytes to leave free on the volume, for what sled writes behind the journal; 64 MiB. An append that
    /// would go below gives [`crate::store::StoreError::Full`].
    pub reserve_bytes: u64,
    /// Read every byte of both copies while opening, not just the newest segment and the joints of the
    /// others, and mend either from the other. Takes about two seconds for a million decisions.
    pub thorough: bool,
    /// Compress old segments of the journal in the background while the writer lives; on.
    pub compress: bool,
}

impl Options {
    /// The usual limits, for the store in this folder.
    pub fn new(dir: impl Into<PathBuf>) -> Options {
        Options {
            dir: dir.into(),
            segment_bytes: 64 << 20,
            cache_bytes: 16 << 20,
            reserve_bytes: 64 << 20,
            thorough: false,
            compress: true,
        }
    }
}

/// An open store. The folder stays locked until the writer and every clone of the store are dropped.
#[derive(Debug)]
pub struct Opened {
    /// For reading, from any thread; cheap to clone.
    pub store: Store,
    /// For appending, from one.
    pub writer: Writer,
    /// What was mended while opening. Empty when all was well.
    pub notices: Vec<Notice>,
}

/// A record to append.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The encoded [`Entry`]; its sequence is the next one and its commitment is to salt and body.
    pub entry: Vec<u8>,
    /// The salt of the commitment.
    pub salt: [u8; SALT_LENGTH],
    /// The encoded [`Body`]; at most [`BODY_LENGTH_MAX`] bytes.
    pub body: Vec<u8>,
    /// The key under which a repeated request finds this record.
    pub request_key: Option<RequestKey>,
    /// The terms under which a search finds it, in any order; at most [`TERMS_MAX`].
    pub terms: Vec<Term>,
}

/// A record as it was read; both copies agreed on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredRecord {
    /// The entry.
    pub entry: Entry,
    /// The bytes of the entry as they are hashed.
    pub entry_bytes: Vec<u8>,
    /// Its body, unless that was erased.
    pub kept: Option<KeptBody>,
}

/// A body as it is committed to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptBody {
    /// The salt of the commitment.
    pub salt: [u8; SALT_LENGTH],
    /// The bytes of the body.
    pub bytes: Vec<u8>,
}

impl StoredRecord {
    /// The body, decoded; `None` where it was erased.
    ///
    /// # Errors
    /// When its version is unknown to this program.
    pub fn body(&self) -> Result<Option<Body>, BodyError> {
        self.kept.as_ref().map(|kept| Body::decode(&kept.bytes)).transpose()
    }
}

/// What can be derived from a record by its entry and body alone, so that every index can be built anew.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Derived {
    /// See [`Record::request_key`].
    pub request_key: Option<RequestKey>,
    /// See [`Record::terms`].
    pub terms: Vec<Term>,
}

/// Derives anew what [`Record::request_key`] and [`Record::terms`] were when a record was appended.
pub type Derive = fn(&Entry, &Body) -> Derived;

/// A hash of a caller and its request id. Two requests may share one: compare the records.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestKey(pub u64);

impl RequestKey {
    /// The key of this caller's request: the first eight bytes of SHA-256 over the length of the caller
    /// (u32, big-endian), the caller and the request id. Nobody can choose ids that crowd one key.
    #[must_use]
    pub fn of(caller: &str, request_id: &str) -> RequestKey {
        let length = u32::try_from(caller.len()).unwrap_or(u32::MAX).to_be_bytes();
        let digest = Digest::of_parts(&[&length, caller.as_bytes(), request_id.as_bytes()]);
        RequestKey(digest.as_bytes().first_chunk().map_or(0, |head| u64::from_be_bytes(*head)))
    }
}

/// A hash of a field and a value under which records are found. Two may share one: compare the records.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Term(pub u64);

impl Term {
    /// The term of this value in this field: FNV-1a over the field, a zero byte and the value, with the
    /// finishing step of `MurmurHash3`, so that every bit depends on every byte.
    #[must_use]
    pub fn of(field: &str, value: &str) -> Term {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in field.bytes().chain([0]).chain(value.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Term(hash ^ hash >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_terms_stay_as_they_are() {
        // They are on disks: another value here is another format.
        assert_eq!(RequestKey::of("127.0.0.1", "order-1"), RequestKey(KEY));
        assert_eq!(Term::of("destination", "RU"), Term(TERM));
        assert_ne!(Term::of("ab", "c"), Term::of("a", "bc"));
        assert_ne!(RequestKey::of("ab", "c"), RequestKey::of("a", "bc"));
    }

    const KEY: u64 = 0x8c0a_0fa7_a659_4cca;
    const TERM: u64 = 0x19d3_bbf5_76ea_a479;
}
