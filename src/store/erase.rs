//! Erasing bodies: out of both copies, and finished at the next start whatever comes between.
//!
//! The entry that says so comes first and stays. What is to be erased is written down before it ([`begin_erasing`]);
//! the next [`crate::store::Store::open`] finds the note, mends both copies as ever, puts segments without the bodies
//! in the place of those that hold them, and lets the database be made anew from there. Then the note goes. A crash at
//! any step leaves whole files and the note, and the next start does it again.
//!
//! The bodies in the segments before are overwritten too. What else held them is unlinked and not overwritten: the
//! database, compressed segments, and what a file system, a disk or a backup keeps of old blocks.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::ledger::{Body, BodyState, Entry};
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::compact::unpack_segment;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, sync_folder_of, temporary, write_durably};
use crate::store::frame::{BATCH_HEADER_LENGTH, FRAME_HEADER_LENGTH, RecordRef, erased_frame};
use crate::store::segment::{SegmentReader, Step, list_segments, segment_path};
use crate::store::segment_file::SegmentFile;
use crate::store::types::Derive;

const NOTE: &str = "erasing";

/// Notes durably which bodies the entry at sequence `entry` is about to say are erased. Append that entry next, close
/// the store and open it again: then they are. Where the entry is never appended, nothing is erased.
///
/// # Errors
/// When the note cannot be written.
pub fn begin_erasing(dir: &Path, entry: u64, sequences: &[u64]) -> Result<(), StoreError> {
    let mut bytes = entry.to_be_bytes().to_vec();
    for sequence in sequences {
        bytes.extend_from_slice(&sequence.to_be_bytes());
    }
    seal(&mut bytes);
    write_durably(&dir.join(NOTE), &bytes)
}

/// What the note in a folder asks for.
#[derive(Debug)]
pub(super) struct Erasing {
    /// The sequence of the entry that says so.
    pub(super) entry: u64,
    /// The records whose bodies go, ascending.
    pub(super) sequences: Vec<u64>,
}

impl Erasing {
    /// The note in this folder, if there is one.
    pub(super) fn noted(dir: &Path) -> Result<Option<Erasing>, StoreError> {
        let path = dir.join(NOTE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let erasing = decode(&bytes).ok_or_else(|| StoreError::Database {
            why: format!(
                "`{}` is altered, and says what is to be erased; remove it, and erase again",
                path.display()
            ),
        })?;
        Ok(Some(erasing))
    }

    /// Erases. The journal must be whole, and nobody may have it open but this folder.
    pub(super) fn carry_out(&self, folder: &Folder, derive: Derive) -> Result<(), StoreError> {
        let journal = folder.journal();
        erase(&journal, &self.sequences, derive)?;
        remove_copies(&journal)?;
        // The database holds them too, in a file that only ever grows: it is made anew from the journal.
        let database = folder.database();
        if database.exists() {
            fs::remove_dir_all(&database).map_err(StoreError::io("remove", &database))?;
        }
        Ok(())
    }

    /// Takes the note away: all of it is done, or none of it is to be.
    pub(super) fn end(folder: &Folder) -> Result<(), StoreError> {
        let path = folder.dir.join(NOTE);
        fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        sync_folder_of(&path)
    }
}

fn decode(bytes: &[u8]) -> Option<Erasing> {
    let mut reader = Reader::new(unseal(bytes)?);
    let entry = reader.u64()?;
    let mut sequences = Vec::new();
    while !reader.rest.is_empty() {
        sequences.push(reader.u64()?);
    }
    Some(Erasing { entry, sequences })
}

/// Erases these bodies in the journal, ascending, segment by segment; one that is erased already stays so.
fn erase(journal: &Path, sequences: &[u64], derive: Derive) -> Result<(), StoreError> {
    let mut rest = sequences;
    while let Some(next) = rest.first() {
        let lost = || StoreError::damaged(*next, "the journal lacks the body to be erased");
        let first = segment_of(journal, *next)?.ok_or_else(lost)?;
        // A compressed one is plain again, until the thread that compresses comes to it.
        let length = SegmentFile::open(journal, first)?.length();
        unpack_segment(journal, first, length)?;
        let (frames, after) = erased_frames(journal, first, rest, derive)?;
        replace(&segment_path(journal, first), &frames)?;
        if after.len() == rest.len() {
            return Err(lost());
        }
        rest = after;
    }
    Ok(())
}

/// A frame of a segment that is to stand in the place of another, and where.
struct Frame {
    offset: u64,
    bytes: Vec<u8>,
}

/// What is to stand in the place of those of the bodies that this segment holds, and the bodies that it does not.
fn erased_frames<'a>(
    journal: &Path,
    first: u64,
    sequences: &'a [u64],
    derive: Derive,
) -> Result<(Vec<Frame>, &'a [u64]), StoreError> {
    let (mut rest, mut frames) = (sequences, Vec::new());
    let (mut reader, _) = SegmentReader::open(journal, first)?;
    while let Some(next) = rest.first() {
        while reader.skip(*next)?.is_some() {}
        let mut offset = reader.offset + BATCH_HEADER_LENGTH as u64;
        let Step::Batch(header) = reader.step()? else { break };
        for (sequence, record) in (header.first..).zip(reader.records()) {
            if rest.first() == Some(&sequence) {
                if let Some((head, bytes)) = erased(&record, derive) {
                    frames.push(Frame { offset: offset + head, bytes });
                }
                rest = rest.get(1..).unwrap_or_default();
            }
            offset += record.frames.len() as u64;
        }
    }
    Ok((frames, rest))
}

/// Puts a file with these frames in the place of the segment, whole or not at all, and then overwrites the bodies in
/// the one before, which has no name any more.
fn replace(path: &Path, frames: &[Frame]) -> Result<(), StoreError> {
    if frames.is_empty() {
        return Ok(());
    }
    let write = |file: &File, path: &Path| {
        frames.iter().try_for_each(|frame| {
            file.write_all_at(&frame.bytes, frame.offset).map_err(StoreError::io("write", path))
        })
    };
    let old = OpenOptions::new().read(true).write(true).open(path).map_err(StoreError::io("open", path))?;
    let beside = temporary(path);
    fs::copy(path, &beside).map_err(StoreError::io("copy", &beside))?;
    let new = OpenOptions::new().write(true).open(&beside).map_err(StoreError::io("open", &beside))?;
    write(&new, &beside)?;
    new.sync_all().map_err(StoreError::io("sync", &beside))?;
    fs::rename(&beside, path).map_err(StoreError::io("rename into place", path))?;
    sync_folder_of(path)?;
    write(&old, path)?;
    old.sync_data().map_err(StoreError::io("sync", path))
}

/// What stands in the place of the body frame of a record, and how far behind its start; nothing where it is erased.
fn erased(record: &RecordRef<'_>, derive: Derive) -> Option<(u64, Vec<u8>)> {
    let BodyState::Kept { body, .. } = record.body else { return None };
    let entry = Entry::decode(record.entry).ok()?;
    let key = derive(&entry, &Body::decode(body).unwrap_or_default()).request_key;
    let head = FRAME_HEADER_LENGTH + record.entry.len();
    Some((head as u64, erased_frame(record.frames.len() - head, key.map(|key| key.0))))
}

/// The first sequence number of the segment that holds this record.
fn segment_of(journal: &Path, sequence: u64) -> Result<Option<u64>, StoreError> {
    Ok(list_segments(journal)?.into_iter().rev().find(|first| *first <= sequence))
}

/// Deletes what a repair kept of damaged segments: it may hold the bodies too.
fn remove_copies(journal: &Path) -> Result<(), StoreError> {
    for name in fs::read_dir(journal).map_err(StoreError::io("list", journal))? {
        let path = name.map_err(StoreError::io("list", journal))?.path();
        if path.extension().is_some_and(|extension| extension == "damaged") {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
    }
    Ok(())
}
