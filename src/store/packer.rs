//! How batches become packs and blocks in sled, and what of them is still pending.

use crate::ledger::{Accumulator, Digest};
use crate::store::block::{BLOCK_LENGTH_MAX, BLOCK_RECORDS_MAX, Row, encode_block};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::index::BlockSummary;
use crate::store::journal::Place;
use crate::store::pack::{Frames, PACK_LENGTH_MAX, Pack};

/// Consecutive records that the journal holds, to be put into sled.
pub(super) struct Job {
    /// Journal bytes that hold all frames, headers of batches between them.
    pub(super) bytes: Vec<u8>,
    /// Where each record's frames are in `bytes`, ascending.
    pub(super) spans: Vec<(usize, usize)>,
    /// Where `bytes` lie in the journal.
    pub(super) place: Place,
    /// The first sequence number.
    pub(super) first: u64,
    /// The tree after the last record.
    pub(super) tree: Accumulator,
    /// What is derived from each record.
    pub(super) rows: Vec<Row>,
}

/// What a job did, for the index in memory.
pub(super) struct Applied {
    /// The rows of the job, given back.
    pub(super) rows: Vec<Row>,
    /// Blocks that were closed, over earlier rows and these.
    pub(super) closed: Vec<BlockSummary>,
}

/// Puts jobs into sled, one after another. Knows the pending packs.
#[derive(Default)]
pub(super) struct Packer {
    pending: Vec<Pack>,
    /// Bytes of frames in them.
    length: usize,
    /// Keys that go with the next merge though a part of the records is in full packs already.
    keys: Vec<u64>,
}

impl Packer {
    /// Goes on with the pending packs that sled holds under these keys.
    pub(super) fn resume(pending: Vec<Pack>, keys: Vec<u64>) -> Packer {
        let length = pending.iter().map(frames_length).sum();
        Packer { pending, length, keys }
    }

    /// Applies a job. `recent` are the rows before it that are in no closed block.
    pub(super) fn apply(
        &mut self,
        database: &Database,
        job: Job,
        recent: &[Row],
    ) -> Result<Applied, StoreError> {
        let root = job.tree.root();
        self.put_packs(database, &job, root)?;
        let (blocks, closed) = close_blocks(job.first, recent, &job.rows);
        if !blocks.is_empty() {
            database.put_blocks(blocks, &job.tree)?;
        }
        Ok(Applied { rows: job.rows, closed })
    }

    fn put_packs(&mut self, database: &Database, job: &Job, root: Digest) -> Result<(), StoreError> {
        let proof = (job.tree.size(), root);
        // A pack lies in one segment of the journal, so that one place leads to all its records.
        let elsewhere = self.pending.first().is_some_and(|pack| pack.place.segment != job.place.segment);
        let length: usize = job.spans.iter().map(|(start, end)| end - start).sum();
        if !elsewhere && self.length + length < PACK_LENGTH_MAX {
            let pack = job_pack(job, proof);
            database.put_packs(Vec::new(), &[], Some(&pack))?;
            self.keys.push(pack.first);
            self.length += length;
            self.pending.push(pack);
            return Ok(());
        }
        let mut full = Vec::new();
        let mut open: Option<Pack> = None;
        for pack in std::mem::take(&mut self.pending) {
            if let Frames::Here(frames) = &pack.frames {
                add(&mut open, &mut full, &pack, pack.count, frames);
            }
        }
        if elsewhere && let Some(pack) = open.take() {
            full.push(pack);
        }
        for (sequence, (start, end)) in (job.first..).zip(&job.spans) {
            let place = Place { offset: job.place.offset + *start as u64, ..job.place };
            let at = Pack { first: sequence, count: 1, place, proof, frames: Frames::Here(Vec::new()) };
            add(&mut open, &mut full, &at, 1, job.bytes.get(*start..*end).unwrap_or_default());
        }
        let leftover = match open {
            Some(pack) if frames_length(&pack) >= PACK_LENGTH_MAX / 2 => {
                full.push(pack);
                None
            }
            other => other,
        };
        // The last pack of a batch proves it to its end, whatever it was begun for.
        for pack in &mut full {
            if pack.end() > job.first {
                pack.proof = proof;
            }
        }
        let leftover = leftover.map(|pack| Pack { proof, ..pack });
        let keys = std::mem::take(&mut self.keys);
        database.put_packs(full, &keys, leftover.as_ref())?;
        self.length = leftover.as_ref().map_or(0, frames_length);
        self.keys.extend(leftover.as_ref().map(|pack| pack.first));
        self.pending.extend(leftover);
        Ok(())
    }
}

/// Adds frames to the open pack, or closes it and begins another like `at` when they do not fit.
fn add(open: &mut Option<Pack>, full: &mut Vec<Pack>, at: &Pack, count: u32, frames: &[u8]) {
    if let Some(pack) = open
        && frames_length(pack) + frames.len() <= PACK_LENGTH_MAX
        && let Frames::Here(held) = &mut pack.frames
    {
        held.extend_from_slice(frames);
        pack.count += count;
        pack.proof = at.proof;
        return;
    }
    full.extend(open.take());
    let mut held = Vec::with_capacity(PACK_LENGTH_MAX.max(frames.len()));
    held.extend_from_slice(frames);
    *open = Some(Pack { count, frames: Frames::Here(held), ..at.clone() });
}

fn job_pack(job: &Job, proof: (u64, Digest)) -> Pack {
    let mut frames = Vec::new();
    for (start, end) in &job.spans {
        frames.extend_from_slice(job.bytes.get(*start..*end).unwrap_or_default());
    }
    let offset = job.place.offset + job.spans.first().map_or(0, |span| span.0 as u64);
    Pack {
        first: job.first,
        count: u32::try_from(job.spans.len()).unwrap_or(u32::MAX),
        place: Place { offset, ..job.place },
        proof,
        frames: Frames::Here(frames),
    }
}

fn frames_length(pack: &Pack) -> usize {
    match &pack.frames {
        Frames::Here(frames) => frames.len(),
        Frames::Chunked { length } => *length,
    }
}

/// Makes blocks of the rows for as long as they fill any; the rest stays recent.
fn close_blocks(first: u64, recent: &[Row], new: &[Row]) -> (Vec<(u64, Vec<u8>)>, Vec<BlockSummary>) {
    let (mut blocks, mut closed) = (Vec::new(), Vec::new());
    let length: usize = recent.iter().map(Row::length_max).sum();
    let new_length: usize = new.iter().map(Row::length_max).sum();
    if recent.len() + new.len() < BLOCK_RECORDS_MAX && length + new_length < BLOCK_LENGTH_MAX {
        return (blocks, closed);
    }
    let mut from = first - recent.len() as u64;
    let (mut rows, mut length) = (Vec::new(), 0);
    for row in recent.iter().chain(new) {
        if rows.len() == BLOCK_RECORDS_MAX
            || (length + row.length_max() > BLOCK_LENGTH_MAX && !rows.is_empty())
        {
            blocks.push((from, encode_block(&rows)));
            closed.push(BlockSummary::of_rows(from, &rows));
            from += rows.len() as u64;
            rows.clear();
            length = 0;
        }
        length += row.length_max();
        rows.push(row.clone());
    }
    if rows.len() == BLOCK_RECORDS_MAX {
        blocks.push((from, encode_block(&rows)));
        closed.push(BlockSummary::of_rows(from, &rows));
    }
    (blocks, closed)
}
