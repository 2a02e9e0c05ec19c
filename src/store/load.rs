//! What sled holds: read at start, as far as it proves itself.

use crate::ledger::{Accumulator, Body, BodyState, Digest, Entry, commitment, leaf_hash};
use crate::store::block::{Block, Row};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::frame::RecordRef;
use crate::store::index::Index;
use crate::store::packer::Packer;
use crate::store::types::{Derive, RequestKey};

/// Old packs that are looked at while opening, evenly spread; `check` looks at all.
const SAMPLES: u64 = 16;

/// sled's copy of the log, as far as it proves itself.
pub(super) struct Loaded {
    pub(super) index: Index,
    /// The tree of all records.
    pub(super) tree: Accumulator,
    pub(super) packer: Packer,
}

/// Reads the blocks into an index and the records after them into the tree.
///
/// The records go as far as the last root that they reach: what lies beyond is of a batch that a crash cut
/// short and that nobody was answered from, and is taken away.
pub(super) fn load(database: &Database, derive: Derive) -> Result<Loaded, StoreError> {
    let mut index = Index::default();
    // One by one, and not by an iterator: sled looks to its cache's limit at every so many reads of a page,
    // and an iterator reads each once, so that all would stay in memory.
    while let Some(value) = database.block(index.blocks_end())? {
        let first = index.blocks_end();
        let block = Block::decode(&value).filter(|block| !block.times_ms.is_empty());
        let added = block.and_then(|block| index.add_block(first, &block));
        added.ok_or_else(|| altered(format!("the block of sequence {first} is altered")))?;
    }
    let mut tree = database.tree()?;
    let start = tree.size().min(index.blocks_end());

    let (mut end, mut proof) = (0, (0, Digest::ZERO));
    for _ in 0..2 {
        (end, proof) = reach(database, start, &tree)?;
        if end > proof.0 {
            database.cut(proof.0)?;
        }
    }
    if end != proof.0 || index.blocks_end() > end {
        return Err(altered(format!("records are missing after sequence {end}")));
    }

    let mut next = start;
    while next < end {
        let pack = database.pack_at(next)?.ok_or_else(|| altered(format!("sequence {next} is missing")))?;
        let records = pack.records().ok_or_else(|| altered(format!("sequence {next} is altered")))?;
        for (sequence, record) in (pack.first..).zip(&records) {
            let entry = examine(record, sequence)?;
            if sequence == tree.size() {
                tree.push(leaf_hash(record.entry));
            }
            if sequence == index.end() {
                index.add_row(row_of(record, &entry, derive));
            }
        }
        next = pack.end();
    }
    if (tree.size(), tree.root()) != proof {
        return Err(altered(format!("the newest {} records do not have their root", end - start)));
    }
    for sample in 0..SAMPLES {
        let sequence = start / SAMPLES * sample;
        if sequence < start && database.pack_at(sequence)?.is_none_or(|pack| pack.records().is_none()) {
            return Err(altered(format!("sequence {sequence} is missing or altered")));
        }
    }

    let packs_end = database.packs_end()?;
    let (mut pending, mut keys) = (Vec::new(), Vec::new());
    for pack in database.pending()? {
        keys.push(pack.first);
        if pack.end() > packs_end {
            pending.push(pack);
        }
    }
    Ok(Loaded { index, tree, packer: Packer::resume(pending, keys) })
}

/// How far the packs go without a gap, and the last root that they reach with its size.
fn reach(database: &Database, start: u64, tree: &Accumulator) -> Result<(u64, (u64, Digest)), StoreError> {
    let (mut end, mut proofs) = (start, vec![(tree.size(), tree.root())]);
    while let Some(pack) = database.pack_at(end)? {
        end = pack.end();
        proofs.push(pack.proof);
    }
    let proof = proofs.into_iter().filter(|proof| proof.0 <= end).max();
    proof
        .map(|proof| (end, proof))
        .ok_or_else(|| altered(format!("records are missing after sequence {end}")))
}

/// Decodes the entry of a record and checks what it says: its place, its body, and that the body can be read.
pub(super) fn examine(record: &RecordRef<'_>, sequence: u64) -> Result<Entry, StoreError> {
    let entry = Entry::decode(record.entry)
        .map_err(|error| StoreError::damaged(sequence, format!("its entry cannot be read: {error}")))?;
    if entry.sequence != sequence {
        return Err(StoreError::damaged(sequence, format!("sequence {} is in its place", entry.sequence)));
    }
    let BodyState::Kept { salt, body } = record.body else { return Ok(entry) };
    if entry.commitment != commitment(salt, body) {
        return Err(StoreError::damaged(sequence, "its body is not the one that its entry commits to"));
    }
    match Body::split(body) {
        Ok(_) => Ok(entry),
        Err(error) => Err(StoreError::damaged(sequence, format!("its body cannot be read: {error}"))),
    }
}

/// The index row of a record that was examined, derived anew.
pub(super) fn row_of(record: &RecordRef<'_>, entry: &Entry, derive: Derive) -> Row {
    let body = match record.body {
        BodyState::Kept { body, .. } => Body::decode(body).unwrap_or_default(),
        // An erased record is found by its time, its place and its request key, so that a retry is not decided anew.
        _ => return Row::new(entry.time_ms, record.erased_key.map(RequestKey), &[]),
    };
    let derived = derive(entry, &body);
    Row::new(entry.time_ms, derived.request_key, &derived.terms)
}

fn altered(why: String) -> StoreError {
    StoreError::Database { why }
}
