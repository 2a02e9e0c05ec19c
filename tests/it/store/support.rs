//! Records that tell their own derivation, and a store in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};

use slagboom::ledger::{Accumulator, Body, Digest, Entry, EntryKind, commitment, leaf_hash};
use slagboom::store::{Derived, Opened, Options, Record, RequestKey, Store, StoreError, Term, Writer};

pub use crate::support::copy;

/// Derives from the request `id|value|value…`: the key of the id, a term for each value.
pub fn derive(entry: &Entry, body: &Body) -> Derived {
    let text = String::from_utf8(body.request.clone()).unwrap();
    let mut parts = text.split('|');
    let request_key = parts.next().filter(|id| !id.is_empty()).map(|id| RequestKey::of(&entry.caller, id));
    Derived { request_key, terms: parts.map(|value| Term::of("value", value)).collect() }
}

/// The record that a test expects at this place.
pub fn record(sequence: u64, request: &str, padding: usize) -> Record {
    let body = Body { request: request.as_bytes().to_vec(), decision: noise(sequence, padding) };
    let body_bytes = body.encode().unwrap();
    let salt = *Digest::of(&sequence.to_be_bytes()).as_bytes();
    let entry = Entry {
        sequence,
        time_ms: 1_700_000_000_000 + i64::try_from(sequence).unwrap() * 10,
        kind: EntryKind::DecisionMade,
        caller: "127.0.0.1:5000".to_owned(),
        engine_version: "0.1.0".to_owned(),
        rulebook: Digest::of(b"rulebook"),
        lists: Digest::ZERO,
        request: Digest::of(request.as_bytes()),
        outcome: (sequence % 6) as u8,
        commitment: commitment(&salt, &body_bytes),
        state: Digest::of(&sequence.to_le_bytes()),
    };
    let derived = derive(&entry, &body);
    Record {
        entry: entry.encode().unwrap(),
        salt,
        body: body_bytes,
        request_key: derived.request_key,
        terms: derived.terms,
    }
}

/// The usual record of the tests.
pub fn usual(sequence: u64) -> Record {
    record(sequence, &format!("order-{sequence}|country-{}|all", sequence % 7), 300)
}

/// Bytes that do not compress and are the same every time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = Digest::of(&seed.to_be_bytes());
    while bytes.len() < length {
        bytes.extend_from_slice(block.as_bytes());
        block = Digest::of(block.as_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Small segments, so that a few hundred records make several; compressed only when a test says so.
pub fn options(dir: &Path) -> Options {
    Options { segment_bytes: 64 << 10, compress: false, ..Options::new(dir) }
}

pub fn open(dir: &Path) -> Result<Opened, StoreError> {
    Store::open(&options(dir), derive)
}

/// Appends the usual records up to this size, in batches of the size.
pub fn grow(writer: &mut Writer, from: u64, to: u64, batch: u64) {
    let mut next = from;
    while next < to {
        let end = to.min(next + batch);
        let records: Vec<Record> = (next..end).map(usual).collect();
        assert_eq!(writer.append(&records).unwrap().size(), end);
        next = end;
    }
}

/// Everything a reader can ask gives what was appended.
pub fn check_usual(store: &Store, size: u64) {
    assert_eq!(store.size(), size);
    let mut tree = Accumulator::new();
    let mut scanned = store.scan(0);
    for sequence in 0..size {
        let expected = usual(sequence);
        tree.push(leaf_hash(&expected.entry));
        let found = scanned.next().unwrap().unwrap();
        assert_eq!(found.entry_bytes, expected.entry);
        let kept = found.kept.as_ref().unwrap();
        assert_eq!((kept.salt, &kept.bytes), (expected.salt, &expected.body));
        if sequence % 13 == 0 || sequence + 3 > size {
            assert_eq!(store.record(sequence).unwrap().unwrap(), found);
        }
        assert_eq!(store.find_request(expected.request_key.unwrap()).as_slice(), [sequence]);
    }
    assert!(scanned.next().is_none());
    assert_eq!(store.root(), tree.root());
    assert_eq!(store.record(size).unwrap(), None);
    let newest: Vec<u64> = (0..size).rev().filter(|sequence| sequence % 7 == 3).collect();
    assert_eq!(store.search(&[Term::of("value", "country-3")], u64::MAX, usize::MAX).unwrap(), newest);
    let terms = [Term::of("value", "country-3"), Term::of("value", "all")];
    assert_eq!(store.search(&terms, size, 5).unwrap(), newest[..newest.len().min(5)]);
    assert!(store.search(&[Term::of("value", "nowhere")], size, 5).unwrap().is_empty());
}

/// The journal's files, plain and compressed, oldest first.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir.join("journal"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal" || extension == "lz4"))
        .collect();
    paths.sort();
    paths
}

/// The first sequence number that the name of a segment's file says.
pub fn first_of(segment: &Path) -> u64 {
    segment.file_name().unwrap().to_str().unwrap()[..20].parse().unwrap()
}

/// Flips one bit of a file.
pub fn flip(path: &Path, bit: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}
