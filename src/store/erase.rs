//! Erasing bodies: out of both copies, and finished at the next start whatever comes between.
//!
//! The entry that says so comes first and stays. What is to be erased is written down before it ([`begin_erasing`]);
//! the next [`crate::store::Store::open`] finds the note, overwrites the bodies in the journal, and lets the database be
//! made anew from there, so that nothing of them stays in its files. Then the note goes.
//!
//! Overwritten is gone as far as files go. What a file system, a disk or a backup keeps of old blocks is out of reach.

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::ledger::{Body, BodyState, Entry, EntryKind};
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::error::StoreError;
use crate::store::folder::{Folder, sync_folder_of, write_durably};
use crate::store::frame::{BATCH_HEADER_LENGTH, FRAME_HEADER_LENGTH, RecordRef, erased_frame};
use crate::store::segment::{SegmentReader, Step, list_segments, segment_path};
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

/// Erases what the note in the folder asks for, if there is one and the log says so. Gives how many bodies that were.
pub(super) fn finish_erasing(folder: &Folder, derive: Derive) -> Result<Option<u64>, StoreError> {
    let path = folder.dir.join(NOTE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let (entry, sequences) = decode(&bytes).ok_or_else(|| StoreError::Database {
        why: format!("`{}` is altered, and says what is to be erased; erase it again", path.display()),
    })?;
    let journal = folder.journal();
    let kind =
        record_at(&journal, entry, |record, _| Entry::decode(record.entry).map(|entry| entry.kind).ok())?;
    let erased = if kind.flatten() == Some(EntryKind::BodyErased) {
        for sequence in &sequences {
            erase(&journal, *sequence, derive)?;
        }
        remove_copies(&journal)?;
        // The database holds them too, in a file that only ever grows: it is made anew from the journal.
        let database = folder.database();
        if database.exists() {
            fs::remove_dir_all(&database).map_err(StoreError::io("remove", &database))?;
        }
        Some(sequences.len() as u64)
    } else {
        None
    };
    fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
    sync_folder_of(&path)?;
    Ok(erased)
}

fn decode(bytes: &[u8]) -> Option<(u64, Vec<u64>)> {
    let mut reader = Reader::new(unseal(bytes)?);
    let entry = reader.u64()?;
    let mut sequences = Vec::new();
    while !reader.rest.is_empty() {
        sequences.push(reader.u64()?);
    }
    Some((entry, sequences))
}

/// Overwrites one body in the journal; one that is erased already stays so.
fn erase(journal: &Path, sequence: u64, derive: Derive) -> Result<(), StoreError> {
    let found = record_at(journal, sequence, |record, place| {
        let BodyState::Kept { body, .. } = record.body else { return None };
        let entry = Entry::decode(record.entry).ok()?;
        let key = derive(&entry, &Body::decode(body).unwrap_or_default()).request_key;
        let head = FRAME_HEADER_LENGTH + record.entry.len();
        let frame = erased_frame(record.frames.len() - head, key.map(|key| key.0));
        Some((place.0, place.1 + head as u64, frame))
    })?;
    let found =
        found.ok_or_else(|| StoreError::damaged(sequence, "the journal lacks the body to be erased"))?;
    let Some((path, offset, frame)) = found else { return Ok(()) };
    let file = OpenOptions::new().write(true).open(&path).map_err(StoreError::io("open", &path))?;
    file.write_all_at(&frame, offset).map_err(StoreError::io("write", &path))?;
    file.sync_data().map_err(StoreError::io("sync", &path))
}

/// Finds a record in the journal and hands it on with its file and offset; nothing where it is not there.
fn record_at<T>(
    journal: &Path,
    sequence: u64,
    take: impl FnOnce(&RecordRef<'_>, (PathBuf, u64)) -> T,
) -> Result<Option<T>, StoreError> {
    let first = list_segments(journal)?.into_iter().rev().find(|first| *first <= sequence);
    let Some(first) = first else { return Ok(None) };
    let path = segment_path(journal, first);
    let (mut reader, _) = SegmentReader::open(&path)?;
    while reader.skip(sequence)?.is_some() {}
    let mut offset = reader.offset + BATCH_HEADER_LENGTH as u64;
    let Step::Batch(header) = reader.step()? else { return Ok(None) };
    for (at, record) in (header.first..).zip(reader.records()) {
        if at == sequence {
            return Ok(Some(take(&record, (path, offset))));
        }
        offset += record.frames.len() as u64;
    }
    Ok(None)
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
