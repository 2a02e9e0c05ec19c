//! Reading: single records out of both copies, searches out of the index, long runs out of the journal.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use smallvec::SmallVec;

use crate::ledger::{Accumulator, BodyState, Digest, Entry, HashTile, Tile, TileHashes};
use crate::store::block::{Block, ShortTerm};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::frame::{BATCH_HEADER_LENGTH, BATCH_MAGIC, RecordRef, split_record};
use crate::store::hashes::Hashes;
use crate::store::index::{BlockSummary, Index};
use crate::store::load::examine;
use crate::store::pack::Pack;
use crate::store::segment::{SegmentReader, Step, list_segments};
use crate::store::segment_file::SegmentFile;
use crate::store::types::{KeptBody, RequestKey, StoredRecord, Term};

/// The recorded log, for reading. Sees what is durable and nothing else; cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(super) shared: Arc<Shared>,
}

/// What the readers and the writer share.
pub(super) struct Shared {
    pub(super) folder: Folder,
    pub(super) database: Database,
    pub(super) index: RwLock<Index>,
    /// The tree of all durable records.
    pub(super) tree: RwLock<Accumulator>,
    /// Its hashes, which may be ahead of it by the batch that is about to be published.
    pub(super) hashes: Mutex<Hashes>,
    /// The error that stopped the store, if one did.
    pub(super) poison: OnceLock<String>,
}

impl Store {
    /// The number of records.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.tree().size()
    }

    /// The root of the tree over all entries.
    #[must_use]
    pub fn root(&self) -> Digest {
        self.shared.tree().root()
    }

    /// The right edge of the tree over all entries.
    #[must_use]
    pub fn tree(&self) -> Accumulator {
        self.shared.tree()
    }

    /// Works on the hashes of the tree that the log was when it had `size` entries. They are not proved here: whoever
    /// uses what `work` gives holds it against a signed root, and calls [`Store::rebuild_hashes`] where it does not
    /// hold.
    pub fn with_tree<T>(&self, size: u64, work: impl FnOnce(&mut TreeHashes<'_>) -> T) -> T {
        let mut hashes = self.shared.hashes();
        let fetch: Fetch<'_> = Box::new(|tile| hashes.tile(tile));
        work(&mut TileHashes::new(size, fetch))
    }

    /// Makes the hashes of the tree anew from the entries.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn rebuild_hashes(&self) -> Result<(), StoreError> {
        let mut hashes = self.shared.hashes();
        let journal = self.shared.folder.journal();
        let size = hashes.size();
        hashes.rebuild(&journal, size)
    }

    /// The data folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.shared.folder.dir
    }

    /// The entry at this place, or nothing at or after the end.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn entry(&self, sequence: u64) -> Result<Option<Entry>, StoreError> {
        Ok(self.record(sequence)?.map(|record| record.entry))
    }

    /// The record at this place, or nothing at or after the end. Both copies are read, and only what they
    /// agree on is given, under invariant `two_copies`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when they do not agree or the record contradicts itself; others as they come.
    pub fn record(&self, sequence: u64) -> Result<Option<StoredRecord>, StoreError> {
        if sequence >= self.size() {
            return Ok(None);
        }
        let missing = || StoreError::damaged(sequence, "the database does not hold it");
        let pack = self.shared.database.pack_at(sequence)?.ok_or_else(missing)?;
        let records =
            pack.records().ok_or_else(|| StoreError::damaged(sequence, "the database altered it"))?;
        let index = usize::try_from(sequence - pack.first).unwrap_or(usize::MAX);
        let record = records.get(index).ok_or_else(missing)?;
        if self.shared.journal_frames(&pack, index)?.as_deref() != Some(record.frames) {
            return Err(StoreError::damaged(sequence, "journal and database do not agree"));
        }
        stored(record, sequence).map(Some)
    }

    /// All records from `from` up to the present end, in order, read from the journal. Holds one batch in
    /// memory at a time.
    #[must_use]
    pub fn scan(&self, from: u64) -> Scan {
        Scan {
            journal: self.shared.folder.journal(),
            next: from,
            until: self.size(),
            open: None,
            ready: VecDeque::new(),
        }
    }

    /// The records that may be of this request, ascending; nearly always none or one. The caller compares.
    #[must_use]
    pub fn find_request(&self, key: RequestKey) -> SmallVec<[u64; 1]> {
        self.shared.index().find_request(key)
    }

    /// The newest records below sequence `before` that may have all `terms`, newest first, at most `limit`.
    /// Without terms, all records have them. Terms are hashes: the caller compares each with its record.
    ///
    /// # Errors
    /// When sled fails or a block of its index is damaged.
    pub fn search(&self, terms: &[Term], before: u64, limit: usize) -> Result<Vec<u64>, StoreError> {
        let mut terms: Vec<ShortTerm> = terms.iter().copied().map(ShortTerm::from).collect();
        terms.sort_unstable();
        terms.dedup();
        let before = before.min(self.size());
        if terms.is_empty() {
            return Ok((0..before).rev().take(limit).collect());
        }
        let (mut found, mut cursor) = self.shared.index().search_recent(&terms, before, limit);
        while found.len() < limit {
            let Some(first) = self.shared.index().block_before(&terms, cursor).map(|block| block.first)
            else {
                break;
            };
            let value = self.shared.block(first)?;
            let until = u32::try_from(cursor - first).unwrap_or(u32::MAX);
            let rows = Block::decode(&value).and_then(|block| block.search(&terms, 0..until));
            let rows = rows.ok_or_else(|| altered_block(first))?;
            found.extend(rows.iter().rev().map(|row| first + u64::from(*row)).take(limit - found.len()));
            cursor = first;
        }
        Ok(found)
    }

    /// The first record that is not older than this instant (Unix milliseconds), or the size of the log.
    /// Every record before it is older; one after it may be too, where the clock went backwards.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn sequence_at(&self, time_ms: i64) -> Result<u64, StoreError> {
        self.first_where(|block| block.time_ms_max >= time_ms, |time| time >= time_ms)
    }

    /// One past the last record that is older than this instant (Unix milliseconds), or 0 where none is.
    /// Every record from there on is not older.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub fn sequence_after(&self, time_ms: i64) -> Result<u64, StoreError> {
        let found = {
            let index = self.shared.index();
            if let Some(row) = index.recent().iter().rposition(|row| row.time_ms < time_ms) {
                return Ok(index.blocks_end() + row as u64 + 1);
            }
            index.blocks().iter().rev().find(|block| block.time_ms_min < time_ms).map(|block| block.first)
        };
        let Some(first) = found else { return Ok(0) };
        let row = self.shared.block_times(first)?.iter().rposition(|time| *time < time_ms);
        Ok(first + row.map_or(0, |row| row as u64 + 1))
    }

    fn first_where(
        &self,
        block_has: impl Fn(&BlockSummary) -> bool,
        has: impl Fn(i64) -> bool,
    ) -> Result<u64, StoreError> {
        let found = {
            let index = self.shared.index();
            let Some(block) = index.blocks().iter().find(|block| block_has(block)) else {
                let recent = index.recent();
                let row = recent.iter().position(|row| has(row.time_ms)).unwrap_or(recent.len());
                return Ok(index.blocks_end() + row as u64);
            };
            block.first
        };
        let times = self.shared.block_times(found)?;
        Ok(found + times.iter().position(|time| has(*time)).unwrap_or(times.len()) as u64)
    }

    /// The newest snapshot of the fold and the number of records that it is over. It is derived: whoever
    /// takes it compares its digest with the state in the entry before that number.
    ///
    /// # Errors
    /// When sled fails.
    pub fn snapshot(&self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        self.shared.database.snapshot(self.size())
    }

    /// Keeps a snapshot of the fold over the first `upto` records. The last two are kept.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the log has fewer records; others when sled fails.
    pub fn put_snapshot(&self, upto: u64, bytes: &[u8]) -> Result<(), StoreError> {
        if upto > self.size() {
            let why = "a snapshot cannot be ahead of the log".to_owned();
            return Err(StoreError::Unfit { sequence: upto, why });
        }
        self.shared.database.put_snapshot(upto, bytes)
    }
}

/// Gives the tiles of a tree.
type Fetch<'a> = Box<dyn FnMut(Tile) -> Result<Arc<HashTile>, StoreError> + 'a>;
/// The hashes of the tree as it was at one size.
pub type TreeHashes<'a> = TileHashes<Fetch<'a>>;

impl Shared {
    /// The hashes of the tree; a thread that panicked while it held the lock left tiles that proofs are checked for.
    pub(super) fn hashes(&self) -> MutexGuard<'_, Hashes> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index; a thread that panicked while it held the lock left it whole (it only ever adds).
    pub(super) fn index(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tree(&self) -> Accumulator {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn block(&self, first: u64) -> Result<Vec<u8>, StoreError> {
        let value = self.database.block(first)?.ok_or_else(|| altered_block(first))?;
        Ok(value.to_vec())
    }

    fn block_times(&self, first: u64) -> Result<Vec<i64>, StoreError> {
        let value = self.block(first)?;
        Block::decode(&value).map(|block| block.times_ms).ok_or_else(|| altered_block(first))
    }

    /// The frames of the record at `index` of this pack as the journal has them; nothing when it has not.
    fn journal_frames(&self, pack: &Pack, index: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let sequence = pack.first + index as u64;
        let is_it = |frames: &Vec<u8>| {
            let record = split_record(frames);
            record.is_some_and(|(record, _)| examine(&record, sequence).is_ok())
        };
        match self.frames_at_place(pack, index)?.filter(is_it) {
            Some(frames) => Ok(Some(frames)),
            // A journal that was restored has its records in other places than sled remembers.
            None => self.frames_by_search(sequence),
        }
    }

    fn frames_by_search(&self, sequence: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let journal = self.folder.journal();
        let first = list_segments(&journal)?.into_iter().rev().find(|first| *first <= sequence);
        let Some(first) = first else { return Ok(None) };
        let (mut reader, _) = SegmentReader::open(&journal, first)?;
        while reader.skip(sequence)?.is_some() {}
        let Step::Batch(header) = reader.step()? else { return Ok(None) };
        let index = sequence.checked_sub(header.first).and_then(|index| usize::try_from(index).ok());
        let records = reader.records();
        Ok(index.and_then(|index| records.get(index)).map(|record| record.frames.to_vec()))
    }

    fn frames_at_place(&self, pack: &Pack, index: usize) -> Result<Option<Vec<u8>>, StoreError> {
        let records = pack.records().unwrap_or_default();
        // Between the records there may be the headers of as many batches.
        let frames: usize = records.iter().take(index + 1).map(|record| record.frames.len()).sum();
        let mut bytes = vec![0; frames + index * BATCH_HEADER_LENGTH];
        let mut file = match SegmentFile::open(&self.folder.journal(), pack.place.segment) {
            Ok(file) => file,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.fill_at(&mut bytes, pack.place.offset)?;
        let mut rest = bytes.get(..length).unwrap_or_default();
        for _ in 0..index {
            rest = skip_batch_header(rest);
            let Some((_, after)) = split_record(rest) else { return Ok(None) };
            rest = after;
        }
        let record = split_record(skip_batch_header(rest));
        Ok(record.map(|(record, _)| record.frames.to_vec()))
    }
}

fn skip_batch_header(bytes: &[u8]) -> &[u8] {
    if bytes.starts_with(&BATCH_MAGIC) { bytes.get(BATCH_HEADER_LENGTH..).unwrap_or_default() } else { bytes }
}

fn altered_block(first: u64) -> StoreError {
    StoreError::Database { why: format!("the block of sequence {first} is missing or altered") }
}

/// A record that has proved itself, copied out.
fn stored(record: &RecordRef<'_>, sequence: u64) -> Result<StoredRecord, StoreError> {
    let entry = examine(record, sequence)?;
    let kept = match record.body {
        BodyState::Kept { salt, body } => Some(KeptBody { salt: *salt, bytes: body.to_vec() }),
        _ => None,
    };
    Ok(StoredRecord { entry, entry_bytes: record.entry.to_vec(), kept })
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.shared.folder.dir).field("size", &self.size()).finish()
    }
}

/// A run over the journal, see [`Store::scan`]. Ends after the first error.
pub struct Scan {
    journal: PathBuf,
    next: u64,
    until: u64,
    open: Option<SegmentReader>,
    ready: VecDeque<StoredRecord>,
}

impl Iterator for Scan {
    type Item = Result<StoredRecord, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && self.next < self.until
            && let Err(error) = self.fill()
        {
            self.until = self.next;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Scan {
    /// Reads on until a batch has given records.
    fn fill(&mut self) -> Result<(), StoreError> {
        while self.ready.is_empty() {
            let mut reader = match self.open.take() {
                Some(reader) => reader,
                None => self.open_segment()?,
            };
            match reader.step()? {
                Step::Batch(header) => {
                    if header.first > self.next {
                        return Err(StoreError::damaged(self.next, "the journal lacks it"));
                    }
                    for (sequence, record) in (header.first..).zip(reader.records()) {
                        if (self.next..self.until).contains(&sequence) {
                            self.ready.push_back(stored(&record, sequence)?);
                            self.next = sequence + 1;
                        }
                    }
                    self.open = Some(reader);
                }
                // The next segment begins with the next record, or the record is lost.
                Step::End if list_segments(&self.journal)?.contains(&self.next) => {}
                Step::End => return Err(StoreError::damaged(self.next, "the journal lacks it")),
                Step::Bad { good } => {
                    let why = "a checksum in the journal is wrong";
                    return Err(StoreError::damaged(self.next + good, why));
                }
            }
        }
        Ok(())
    }

    fn open_segment(&self) -> Result<SegmentReader, StoreError> {
        let firsts = list_segments(&self.journal)?;
        let first = firsts.into_iter().rev().find(|first| *first <= self.next);
        let first = first.ok_or_else(|| StoreError::damaged(self.next, "the journal lacks its segment"))?;
        let (mut reader, header) = SegmentReader::open(&self.journal, first)?;
        if header.is_none() {
            return Err(StoreError::damaged(first, "the header of its segment is altered"));
        }
        while reader.skip(self.next)?.is_some() {}
        Ok(reader)
    }
}
