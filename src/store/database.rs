//! sled: the second copy, and what is derived. The only module that says its name to the compiler.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use sled::{Batch, IVec, Mode, Tree};

use crate::ledger::{Accumulator, Digest};
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::error::StoreError;
use crate::store::pack::{CHUNK_LENGTH_MAX, Frames, PACK_LENGTH_MAX, Pack};

/// sled makes no blob files, which it never syncs, while 17 values fit a quarter of a segment. Blocks are the
/// largest, at 14,500 bytes.
const SEGMENT_BYTES: usize = 1 << 20;
const TREE_KEY: &[u8] = b"tree";
/// Snapshots of the fold that are kept: the last, and the one before in case the last is damaged.
const SNAPSHOTS_KEPT: usize = 2;

/// The database of a data folder. Every call may fail; after a failure the database is not to be trusted.
#[derive(Clone)]
pub(super) struct Database {
    db: sled::Db,
    /// First sequence number to pack; full packs, consecutive from 0.
    packs: Tree,
    /// The same for the small packs of the newest commits, which are merged into full ones by and by.
    /// A tree of its own, because sled rewrites neighbours together and full packs are heavy.
    pending: Tree,
    /// Sequence number and chunk number to a part of a record that is too large for a pack.
    chunks: Tree,
    /// First sequence number to block.
    blocks: Tree,
    /// `tree`: the right edge of the tree of hashes as of the newest block.
    meta: Tree,
    /// Size of the log and chunk number to a part of a snapshot of the fold.
    snapshots: Tree,
}

impl Database {
    /// Opens or creates the database.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Database, StoreError> {
        wait_for_lock(path);
        remove_half_made_snapshots(path);
        guarded(|| {
            let config = sled::Config::new()
                .path(path)
                .segment_size(SEGMENT_BYTES)
                .cache_capacity(cache_bytes)
                .mode(Mode::HighThroughput);
            let db = config.open()?;
            Ok(Database {
                packs: db.open_tree("packs")?,
                pending: db.open_tree("pending")?,
                chunks: db.open_tree("chunks")?,
                blocks: db.open_tree("blocks")?,
                meta: db.open_tree("meta")?,
                snapshots: db.open_tree("snapshots")?,
                db,
            })
        })
    }

    /// The full or pending pack that holds this record.
    pub(super) fn pack_at(&self, sequence: u64) -> Result<Option<Pack>, StoreError> {
        // A pending pack may be merged into a full one between the two looks; then the third finds it.
        for tree in [&self.packs, &self.pending, &self.packs] {
            let found = guarded(|| tree.range(..=sequence.to_be_bytes()).next_back().transpose())?;
            if let Some(pack) = found.map(decode_pack).transpose()?
                && pack.end() > sequence
            {
                return self.with_frames(pack).map(Some);
            }
        }
        Ok(None)
    }

    /// The pending packs, ascending.
    pub(super) fn pending(&self) -> Result<Vec<Pack>, StoreError> {
        let found = guarded(|| self.pending.iter().collect::<Result<Vec<_>, _>>())?;
        found.into_iter().map(decode_pack).collect()
    }

    /// One past the last record in a full pack.
    pub(super) fn packs_end(&self) -> Result<u64, StoreError> {
        let last = guarded(|| self.packs.last())?;
        Ok(last.map(decode_pack).transpose()?.map_or(0, |pack| pack.end()))
    }

    fn with_frames(&self, mut pack: Pack) -> Result<Pack, StoreError> {
        if let Frames::Chunked { length } = pack.frames {
            let mut frames = Vec::new();
            for chunk in guarded(|| {
                self.chunks.scan_prefix(pack.first.to_be_bytes()).values().collect::<Result<Vec<_>, _>>()
            })? {
                frames.extend_from_slice(&chunk);
            }
            if frames.len() != length {
                return Err(StoreError::damaged(pack.first, "sled lacks a part of a large record"));
            }
            pack.frames = Frames::Here(frames);
        }
        Ok(pack)
    }

    /// Adds full packs, and the chunks of those that are too large, and takes the pending ones away that
    /// they replace. A crash between the steps leaves records twice or a batch in part, and
    /// [`crate::store::load`] knows both.
    pub(super) fn put_packs(
        &self,
        full: Vec<Pack>,
        replaced: &[u64],
        pending: Option<&Pack>,
    ) -> Result<(), StoreError> {
        guarded(|| {
            if !full.is_empty() {
                let mut batch = Batch::default();
                for mut pack in full {
                    if let Frames::Here(frames) = &pack.frames
                        && frames.len() > PACK_LENGTH_MAX
                    {
                        let mut chunks = Batch::default();
                        for (number, chunk) in (0_u32..).zip(frames.chunks(CHUNK_LENGTH_MAX)) {
                            chunks.insert(&numbered_key(pack.first, number), chunk);
                        }
                        self.chunks.apply_batch(chunks)?;
                        pack.frames = Frames::Chunked { length: frames.len() };
                    }
                    batch.insert(&pack.first.to_be_bytes(), pack.encode(true));
                }
                self.packs.apply_batch(batch)?;
            }
            if !replaced.is_empty() {
                let mut batch = Batch::default();
                for first in replaced {
                    batch.remove(&first.to_be_bytes());
                }
                if let Some(pack) = pending {
                    batch.insert(&pack.first.to_be_bytes(), pack.encode(false));
                }
                self.pending.apply_batch(batch)
            } else if let Some(pack) = pending {
                self.pending.insert(pack.first.to_be_bytes(), pack.encode(false)).map(drop)
            } else {
                Ok(())
            }
        })
    }

    /// Takes away full packs that go past `end`, which are of a batch that was never finished, and pending
    /// ones that full packs hold already.
    pub(super) fn cut(&self, end: u64) -> Result<(), StoreError> {
        guarded(|| {
            while let Some((key, value)) = self.packs.last()? {
                if decode_pack((key.clone(), value)).is_ok_and(|pack| pack.end() <= end) {
                    break;
                }
                self.packs.remove(key)?;
            }
            Ok(())
        })?;
        let full = self.packs_end()?;
        for pack in self.pending()?.iter().filter(|pack| pack.end() <= full || pack.end() > end) {
            guarded(|| self.pending.remove(pack.first.to_be_bytes()))?;
        }
        Ok(())
    }

    /// The value of the block that begins with this record.
    pub(super) fn block(&self, first: u64) -> Result<Option<IVec>, StoreError> {
        guarded(|| self.blocks.get(first.to_be_bytes()))
    }

    /// Adds closed blocks and the tree as of their batch.
    pub(super) fn put_blocks(
        &self,
        blocks: Vec<(u64, Vec<u8>)>,
        tree: &Accumulator,
    ) -> Result<(), StoreError> {
        let mut value = tree.size().to_be_bytes().to_vec();
        for peak in tree.peaks() {
            value.extend_from_slice(peak.as_bytes());
        }
        seal(&mut value);
        guarded(|| {
            let mut batch = Batch::default();
            for (first, block) in blocks {
                batch.insert(&first.to_be_bytes(), block);
            }
            self.blocks.apply_batch(batch)?;
            self.meta.insert(TREE_KEY, value).map(drop)
        })
    }

    /// The tree as [`Database::put_blocks`] last wrote it; the empty one before any block.
    pub(super) fn tree(&self) -> Result<Accumulator, StoreError> {
        let Some(value) = guarded(|| self.meta.get(TREE_KEY))? else { return Ok(Accumulator::new()) };
        let decode = || {
            let mut reader = Reader::new(unseal(&value)?);
            let size = reader.u64()?;
            let mut peaks = Vec::new();
            while !reader.rest.is_empty() {
                peaks.push(Digest::from_bytes(reader.array()?));
            }
            Accumulator::from_peaks(size, peaks).ok()
        };
        decode().ok_or_else(|| database("the tree of hashes is altered"))
    }

    /// The newest whole snapshot for a log of at most `size` records.
    pub(super) fn snapshot(&self, size: u64) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        guarded(|| {
            for head in self.snapshots.range(..=numbered_key(size, u32::MAX)).rev() {
                let (key, value) = head?;
                let Some((upto, u32::MAX)) = split_numbered_key(&key) else { continue };
                let mut bytes = Vec::new();
                for chunk in self.snapshots.range(numbered_key(upto, 0)..numbered_key(upto, u32::MAX)) {
                    bytes.extend_from_slice(&chunk?.1);
                }
                if value == Digest::of(&bytes).as_bytes() {
                    return Ok(Some((upto, bytes)));
                }
            }
            Ok(None)
        })
    }

    /// Keeps a snapshot of the fold over the first `upto` records.
    pub(super) fn put_snapshot(&self, upto: u64, bytes: &[u8]) -> Result<(), StoreError> {
        guarded(|| {
            let mut batch = Batch::default();
            for (number, chunk) in (0_u32..).zip(bytes.chunks(CHUNK_LENGTH_MAX)) {
                batch.insert(&numbered_key(upto, number), chunk);
            }
            batch.insert(&numbered_key(upto, u32::MAX), &Digest::of(bytes).as_bytes()[..]);
            self.snapshots.apply_batch(batch)?;
            let mut heads = Vec::new();
            for key in self.snapshots.iter().keys().rev() {
                let key = key?;
                if let Some((upto, u32::MAX)) = split_numbered_key(&key) {
                    heads.push(upto);
                }
                if heads.len() > SNAPSHOTS_KEPT {
                    self.snapshots.remove(key)?;
                }
            }
            Ok(())
        })
    }

    /// Hands everything to the operating system and asks it to write.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        guarded(|| self.db.flush().map(drop))
    }
}

/// Waits a second for sled's own lock. No other process has it, because the folder is ours; but a child that
/// was just forked may for a moment, and sled would give an error that makes the database seem broken.
fn wait_for_lock(path: &Path) {
    let Ok(file) = File::open(path.join("db")) else { return };
    for _ in 0..100 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
            // Any other error is sled's to meet and to tell.
            Ok(()) | Err(TryLockError::Error(_)) => return,
        }
    }
}

/// A crash while sled wrote a snapshot of its own page table leaves a file over which it stumbles. It is
/// derived, and sled makes another.
fn remove_half_made_snapshots(path: &Path) {
    let Ok(names) = fs::read_dir(path) else { return };
    for path in names.flatten().map(|name| name.path()) {
        if path.extension().is_some_and(|extension| extension == "generating") {
            // What cannot be removed here makes the open fail, which says why.
            let _ = fs::remove_file(path);
        }
    }
}

/// Calls sled. It panics on damage where others return an error; both become [`StoreError::Database`].
fn guarded<T>(call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(database(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(database(format!("sled panicked: {}", text.chars().take(200).collect::<String>())))
        }
    }
}

fn database(why: impl Into<String>) -> StoreError {
    StoreError::Database { why: why.into() }
}

fn decode_pack((key, value): (IVec, IVec)) -> Result<Pack, StoreError> {
    let first = sequence_of(&key).ok_or_else(|| database("a key of a pack is altered"))?;
    Pack::decode(first, &value).ok_or_else(|| database(format!("the pack of sequence {first} is altered")))
}

fn sequence_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.try_into().ok()?))
}

fn numbered_key(sequence: u64, number: u32) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&sequence.to_be_bytes());
    tail.copy_from_slice(&number.to_be_bytes());
    key
}

fn split_numbered_key(key: &[u8]) -> Option<(u64, u32)> {
    let mut reader = Reader::new(key);
    Some((reader.u64()?, reader.u32()?)).filter(|_| reader.rest.is_empty())
}
