//! Old segments of the journal, compressed: by a thread that takes what nobody else wants of the machine, or all
//! at once while no daemon runs.
//!
//! A compressed segment is written beside the plain one, read back and compared byte for byte, synced and named;
//! only then the plain one goes. A crash at any step leaves a whole file, and where it leaves two, the plain one
//! counts and the next start takes the other away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, bounded};
use tracing::{debug, warn};

use crate::store::bytes::seal;
use crate::store::disk::{Disk, SystemDisk};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, sync_folder_of, temporary};
use crate::store::journal::sweep;
use crate::store::read::Shared;
use crate::store::segment::{SegmentReader, Step, list_segments, packed_path, segment_path};
use crate::store::segment_file::{PACKED_HEADER_LENGTH, PACKED_MAGIC, PACKED_VERSION, SegmentFile};
use crate::store::types::Options;
use crate::telemetry::field;

/// Bytes of the plain file in a block, but for the last. LZ4 looks back no further than 64 KiB, so larger blocks
/// would be slower to read from and hardly smaller.
const BLOCK_LENGTH: usize = 64 << 10;
/// Written bytes are synced in steps of this many, so that the journal never waits behind a whole segment.
const SYNC_STEP: usize = 4 << 20;
/// The segment that is being written, and the newest closed one, which readers still want most.
const NEWEST_LEFT: usize = 2;
/// The least that a thread can ask of a processor.
const NICEST: i32 = 19;

/// What a compaction did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CompactReport {
    /// Segments that were compressed now.
    pub compressed: u64,
    /// Segments that were compressed already.
    pub already: u64,
    /// Bytes of all segments before.
    pub bytes_before: u64,
    /// Bytes of all segments now.
    pub bytes_after: u64,
    /// Segments that are damaged, by their first sequence number. They were left as they are, for the next start
    /// to mend.
    pub damaged: Vec<u64>,
}

/// What became of one segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Packing {
    /// It is compressed.
    Done,
    /// It is damaged and was left as it is.
    Damaged,
    /// There was a call to stop.
    Stopped,
}

/// Compresses every closed segment of a folder that no process has open.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Full`] and others as they come; what was compressed by then stays so.
pub fn compact_folder(options: &Options) -> Result<CompactReport, StoreError> {
    let folder = Folder::open_existing(&options.dir)?;
    let journal = folder.journal();
    sweep(&journal)?;
    let firsts = list_segments(&journal)?;
    let mut report = CompactReport { bytes_before: size_of(&journal, &firsts)?, ..CompactReport::default() };
    let closed = firsts.split_last().map_or(&[][..], |(_, closed)| closed);
    for first in closed {
        if !segment_path(&journal, *first).exists() {
            report.already += 1;
            continue;
        }
        match pack_segment(&journal, *first, options.reserve_bytes, &|| false)? {
            Packing::Done => report.compressed += 1,
            Packing::Damaged | Packing::Stopped => report.damaged.push(*first),
        }
    }
    report.bytes_after = size_of(&journal, &firsts)?;
    Ok(report)
}

/// Bytes of the files of these segments.
fn size_of(journal: &Path, firsts: &[u64]) -> Result<u64, StoreError> {
    let mut bytes = 0;
    for first in firsts {
        let file = SegmentFile::open(journal, *first)?;
        bytes += fs::metadata(file.path()).map_err(StoreError::io("look at", file.path()))?.len();
    }
    Ok(bytes)
}

/// The thread that compresses, for as long as somebody writes.
pub(super) struct Compactor {
    wake: Option<Sender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Compactor {
    /// Starts it on what earlier runs have left.
    pub(super) fn start(shared: Arc<Shared>, reserve_bytes: u64) -> std::io::Result<Compactor> {
        let (wake, woken) = bounded::<()>(1);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || {
            // A system that does not allow it compresses all the same.
            let _ = rustix::process::nice(NICEST);
            let mut given_up = BTreeSet::new();
            loop {
                let must_stop = || stopped.load(Ordering::Relaxed) || shared.poison.get().is_some();
                pass(&shared.folder.journal(), reserve_bytes, &mut given_up, &must_stop);
                if must_stop() || woken.recv().is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name("slagboom-lz4".to_owned()).spawn(work)?;
        Ok(Compactor { wake: Some(wake), stop, thread: Some(thread) })
    }

    /// A segment was closed.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // A call that waits already will do.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Compactor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Compresses what is old enough. What fails is told once and left: nothing depends on it but space.
fn pass(journal: &Path, reserve_bytes: u64, given_up: &mut BTreeSet<u64>, must_stop: &dyn Fn() -> bool) {
    let firsts = match list_segments(journal) {
        Ok(firsts) => firsts,
        Err(fault) => return warn!({ field::ERROR } = %fault, "old segments cannot be listed"),
    };
    let old = firsts.get(..firsts.len().saturating_sub(NEWEST_LEFT)).unwrap_or_default();
    for first in old {
        if must_stop() {
            return;
        }
        if given_up.contains(first) || !segment_path(journal, *first).exists() {
            continue;
        }
        match pack_segment(journal, *first, reserve_bytes, must_stop) {
            Ok(Packing::Done) => debug!({ field::SEQUENCE } = first, "a segment was compressed"),
            Ok(Packing::Stopped) => return,
            Ok(Packing::Damaged) => {
                warn!({ field::SEQUENCE } = first, "a segment is damaged; restart to have it mended");
                given_up.insert(*first);
            }
            // There may be space again when the next segment is closed.
            Err(fault @ StoreError::Full { .. }) => {
                return warn!({ field::ERROR } = %fault, "old segments are not compressed");
            }
            Err(fault) => {
                warn!({ field::ERROR } = %fault, { field::SEQUENCE } = first, "a segment is not compressed");
                given_up.insert(*first);
            }
        }
    }
}

/// Compresses one closed segment.
fn pack_segment(
    journal: &Path,
    first: u64,
    reserve_bytes: u64,
    must_stop: &dyn Fn() -> bool,
) -> Result<Packing, StoreError> {
    let (plain, packed) = (segment_path(journal, first), packed_path(journal, first));
    let beside = temporary(&packed);
    let packing = write_packed(&plain, &beside, reserve_bytes, must_stop);
    if !matches!(packing, Ok(Packing::Done)) {
        // What is left beside would only take space.
        let _ = fs::remove_file(&beside);
        return packing;
    }
    fs::rename(&beside, &packed).map_err(StoreError::io("rename into place", &packed))?;
    sync_folder_of(&packed)?;
    fs::remove_file(&plain).map_err(StoreError::io("remove", &plain))?;
    sync_folder_of(&plain)?;
    Ok(Packing::Done)
}

/// Writes the compressed form of a segment and syncs it, if it gives the very bytes again.
fn write_packed(
    plain: &Path,
    beside: &Path,
    reserve_bytes: u64,
    must_stop: &dyn Fn() -> bool,
) -> Result<Packing, StoreError> {
    let source = File::open(plain).map_err(StoreError::io("open", plain))?;
    let length = source.metadata().map_err(StoreError::io("look at", plain))?.len();
    let space = SystemDisk.space(&source).map_err(StoreError::io("look at", plain))?;
    if space < length.saturating_add(reserve_bytes) {
        return Err(StoreError::Full { path: beside.to_owned() });
    }
    let mut source = BufReader::with_capacity(BLOCK_LENGTH, source);
    let mut target = File::create(beside).map_err(StoreError::io("create", beside))?;
    let write =
        |target: &mut File, bytes: &[u8]| target.write_all(bytes).map_err(StoreError::io("write", beside));
    write(&mut target, &encode_header(length))?;
    let (mut index, mut unsynced) = (Vec::new(), 0);
    let mut raw = Vec::with_capacity(BLOCK_LENGTH);
    loop {
        if must_stop() {
            return Ok(Packing::Stopped);
        }
        raw.clear();
        let read = Read::by_ref(&mut source).take(BLOCK_LENGTH as u64).read_to_end(&mut raw);
        if read.map_err(StoreError::io("read", plain))? == 0 {
            break;
        }
        let compressed = lz4_flex::block::compress(&raw);
        let stored = if compressed.len() < raw.len() { &compressed } else { &raw };
        index.extend_from_slice(&u32::try_from(stored.len()).unwrap_or(u32::MAX).to_be_bytes());
        index.extend_from_slice(&crc32fast::hash(stored).to_be_bytes());
        write(&mut target, stored)?;
        unsynced += stored.len();
        if unsynced >= SYNC_STEP {
            target.sync_data().map_err(StoreError::io("sync", beside))?;
            unsynced = 0;
        }
    }
    seal(&mut index);
    write(&mut target, &index)?;
    target.sync_all().map_err(StoreError::io("sync", beside))?;
    gives_the_same(plain, beside, length, must_stop)
}

/// Reads back what was written: it must be the plain file, byte for byte, and the plain file must be whole batches.
fn gives_the_same(
    plain: &Path,
    beside: &Path,
    length: u64,
    must_stop: &dyn Fn() -> bool,
) -> Result<Packing, StoreError> {
    let open = |path: &Path| File::open(path).map_err(StoreError::io("open", path));
    let mut packed = SegmentFile::packed(beside.to_owned(), open(beside)?)?;
    let mut source = BufReader::with_capacity(BLOCK_LENGTH, open(plain)?);
    let (mut here, mut there) = (vec![0; BLOCK_LENGTH], vec![0; BLOCK_LENGTH]);
    let mut offset = 0;
    let mut same = packed.length() == length;
    while same && offset < length {
        if must_stop() {
            return Ok(Packing::Stopped);
        }
        let count = packed.fill_at(&mut here, offset)?;
        let there = there.get_mut(..count).unwrap_or_default();
        source.read_exact(there).map_err(StoreError::io("read", plain))?;
        same = count > 0 && here.get(..count) == Some(&*there);
        offset += count as u64;
    }
    if !same {
        return Err(StoreError::Unreadable { path: beside.to_owned() });
    }
    let (mut reader, header) = SegmentReader::of(packed)?;
    let mut whole = header.is_some();
    while whole {
        match reader.step()? {
            Step::Batch(_) if must_stop() => return Ok(Packing::Stopped),
            Step::Batch(_) => {}
            Step::End => break,
            Step::Bad { .. } => whole = false,
        }
    }
    Ok(if whole { Packing::Done } else { Packing::Damaged })
}

fn encode_header(length: u64) -> Vec<u8> {
    let mut header = Vec::with_capacity(PACKED_HEADER_LENGTH);
    header.extend_from_slice(&PACKED_MAGIC);
    header.extend_from_slice(&PACKED_VERSION.to_be_bytes());
    header.extend_from_slice(&u32::try_from(BLOCK_LENGTH).unwrap_or(u32::MAX).to_be_bytes());
    header.extend_from_slice(&length.to_be_bytes());
    seal(&mut header);
    header
}

/// Puts a plain file in the place of a compressed one, for what must be written in place: the first `length` bytes of
/// the segment that begins with `first`. Nothing happens where it is plain.
pub(super) fn unpack_segment(journal: &Path, first: u64, length: u64) -> Result<(), StoreError> {
    let mut packed = SegmentFile::open(journal, first)?;
    if !packed.is_packed() {
        return Ok(());
    }
    let (plain, old) = (segment_path(journal, first), packed.path().to_owned());
    let beside = temporary(&plain);
    let mut target = File::create(&beside).map_err(StoreError::io("create", &beside))?;
    let (mut block, mut offset) = (vec![0; BLOCK_LENGTH], 0);
    while offset < length {
        let left = usize::try_from(length - offset).unwrap_or(usize::MAX).min(BLOCK_LENGTH);
        let count = packed.fill_at(block.get_mut(..left).unwrap_or_default(), offset)?;
        if count == 0 {
            return Err(StoreError::damaged(first, "its segment ends too early"));
        }
        let bytes = block.get(..count).unwrap_or_default();
        target.write_all(bytes).map_err(StoreError::io("write", &beside))?;
        offset += count as u64;
    }
    target.sync_all().map_err(StoreError::io("sync", &beside))?;
    fs::rename(&beside, &plain).map_err(StoreError::io("rename into place", &plain))?;
    sync_folder_of(&plain)?;
    fs::remove_file(&old).map_err(StoreError::io("remove", &old))?;
    sync_folder_of(&old)
}
