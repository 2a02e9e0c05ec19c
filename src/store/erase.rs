//! Erasing bodies: out of both copies, and finished at the next start whatever comes between.
//!
//! The entry that says so comes first and stays. What is to be erased is written down before it ([`begin_erasing`]);
//! the next [`crate::store::Store::open`] finds the note, overwrites the bodies in the journal, and lets the database be
//! made anew from there, so that nothing of them stays in its files. Then the note goes.
//!
//! Overwritten is gone as far as files go. What a file system, a disk or a backup keeps of old blocks is out of reach.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::ledger::{Body, BodyState, Entry, EntryKind};
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::compact::unpack_segment;
use crate::store::error::StoreError;
use crate::store::folder::{Folder, sync_folder_of, write_durably};
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

/// Erases what the note in the folder asks for, if there is one and the log says so. Gives how many bodies that were.
pub(super) fn finish_erasing(folder: &Folder, derive: Derive) -> Result<Option<u64>, StoreError> {
    let path = folder.dir.join(NOTE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    let (entry, sequences) = decode(&bytes).ok_or_else(|| StoreError::Database {
        why: format!(
            "`{}` is altered, and says what is to be erased; remove it, and erase again",
            path.display()
        ),
    })?;
    let journal = folder.journal();
    let erased = if kind_at(&journal, entry)? == Some(EntryKind::BodyErased) {
        erase(&journal, &sequences, derive)?;
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

/// Overwrites these bodies in the journal, ascending, segment by segment; one that is erased already stays so.
fn erase(journal: &Path, sequences: &[u64], derive: Derive) -> Result<(), StoreError> {
    let mut rest = sequences;
    while let Some(next) = rest.first() {
        let lost = || StoreError::damaged(*next, "the journal lacks the body to be erased");
        let first = segment_of(journal, *next)?.ok_or_else(lost)?;
        // A compressed one is plain again, until the thread that compresses comes to it.
        let length = SegmentFile::open(journal, first)?.length();
        unpack_segment(journal, first, length)?;
        let path = segment_path(journal, first);
        let file = OpenOptions::new().write(true).open(&path).map_err(StoreError::io("open", &path))?;
        let before = rest.len();
        rest = erase_in(journal, first, &file, rest, derive)?;
        file.sync_data().map_err(StoreError::io("sync", &path))?;
        if rest.len() == before {
            return Err(lost());
        }
    }
    Ok(())
}

/// Overwrites those of the bodies that this segment holds, and gives the others.
fn erase_in<'a>(
    journal: &Path,
    first: u64,
    file: &File,
    sequences: &'a [u64],
    derive: Derive,
) -> Result<&'a [u64], StoreError> {
    let path = segment_path(journal, first);
    let mut rest = sequences;
    let (mut reader, _) = SegmentReader::open(journal, first)?;
    while let Some(next) = rest.first() {
        while reader.skip(*next)?.is_some() {}
        let mut offset = reader.offset + BATCH_HEADER_LENGTH as u64;
        let Step::Batch(header) = reader.step()? else { break };
        for (sequence, record) in (header.first..).zip(reader.records()) {
            if rest.first() == Some(&sequence) {
                if let Some((head, frame)) = erased(&record, derive) {
                    file.write_all_at(&frame, offset + head).map_err(StoreError::io("write", &path))?;
                }
                rest = rest.get(1..).unwrap_or_default();
            }
            offset += record.frames.len() as u64;
        }
    }
    Ok(rest)
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

/// The kind of the entry at this place of the journal; nothing where there is none.
fn kind_at(journal: &Path, sequence: u64) -> Result<Option<EntryKind>, StoreError> {
    let Some(first) = segment_of(journal, sequence)? else { return Ok(None) };
    let (mut reader, _) = SegmentReader::open(journal, first)?;
    while reader.skip(sequence)?.is_some() {}
    let Step::Batch(header) = reader.step()? else { return Ok(None) };
    let records = reader.records();
    let record = (header.first..).zip(&records).find(|(at, _)| *at == sequence);
    Ok(record.and_then(|(_, record)| Entry::decode(record.entry).ok()).map(|entry| entry.kind))
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
