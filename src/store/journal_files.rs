//! The journal of a data folder read as files: without a lock, without sled, and with nothing mended. What an
//! auditor reads, beside a daemon or without one.

use std::path::{Path, PathBuf};

use crate::ledger::{Accumulator, Digest, Record};
use crate::store::error::StoreError;
use crate::store::segment::{SegmentReader, Step, list_segments};

/// The journal, batch by batch from one sequence on.
pub struct JournalFiles {
    folder: PathBuf,
    segments: std::vec::IntoIter<u64>,
    open: Option<SegmentReader>,
    /// The sequence of the next record. A segment must begin with it. How long the one before was does not matter
    /// here: one that was restored may hold the same records in other batches.
    next: u64,
    joint: Option<Accumulator>,
}

/// Consecutive records as they lie in the journal.
pub struct JournalBatch<'a> {
    /// The sequence of the first.
    pub first: u64,
    /// The root of the tree after the last, as the journal says.
    pub root: Digest,
    /// Where a segment begins with this batch: the tree before it, as the journal says.
    pub joint: Option<Accumulator>,
    /// The records.
    pub records: Vec<Record<'a>>,
}

/// Why a journal does not go on.
#[derive(Debug)]
pub enum JournalEnd {
    /// It ends well.
    Whole,
    /// It ends in bytes that are no whole batch. One is being written, or was when the machine stopped, and nobody
    /// was answered from it; unless a checkpoint says that there was more.
    Torn {
        /// How many bytes.
        bytes: u64,
    },
    /// It is damaged: from here on nothing is known.
    Damaged {
        /// The first record that is missing or altered.
        first_bad: u64,
        /// What was found.
        why: &'static str,
    },
}

impl JournalFiles {
    /// The journal of this data folder from sequence `from` on.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(data: &Path, from: u64) -> Result<JournalFiles, StoreError> {
        let folder = data.join("journal");
        let segments = list_segments(&folder)?;
        let start = segments.partition_point(|first| *first <= from).saturating_sub(1);
        let segments = segments.get(start..).unwrap_or_default().to_vec();
        let next = if start == 0 { 0 } else { segments.first().copied().unwrap_or_default() };
        let mut files =
            JournalFiles { folder, segments: segments.into_iter(), open: None, next, joint: None };
        files.skip(from)?;
        Ok(files)
    }

    /// Passes over whole batches that end at or before `until`.
    fn skip(&mut self, until: u64) -> Result<(), StoreError> {
        if until == 0 || self.open_next()?.is_err() {
            return Ok(());
        }
        if let Some(reader) = &mut self.open {
            while let Some(end) = reader.skip(until)? {
                self.next = end;
                self.joint = None;
            }
        }
        Ok(())
    }

    /// Opens the next segment; the error is how the journal ends.
    fn open_next(&mut self) -> Result<Result<(), JournalEnd>, StoreError> {
        let Some(first) = self.segments.next() else { return Ok(Err(JournalEnd::Whole)) };
        let damaged = |first_bad, why| Ok(Err(JournalEnd::Damaged { first_bad, why }));
        if first != self.next {
            return damaged(first.min(self.next), "a segment of the journal is missing");
        }
        let (reader, header) = SegmentReader::open(&self.folder, first)?;
        let Some(header) = header.filter(|header| header.before.size() == first) else {
            return damaged(first, "the header of a segment of the journal is altered");
        };
        self.joint = Some(header.before);
        self.open = Some(reader);
        Ok(Ok(()))
    }

    /// Hands the next batch to `take`, or says how the journal ends.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn next<T>(
        &mut self,
        take: impl FnOnce(JournalBatch<'_>) -> T,
    ) -> Result<Result<T, JournalEnd>, StoreError> {
        loop {
            if self.open.is_none()
                && let Err(end) = self.open_next()?
            {
                return Ok(Err(end));
            }
            let Some(reader) = &mut self.open else { return Ok(Err(JournalEnd::Whole)) };
            let offset = reader.offset;
            match reader.step()? {
                Step::Batch(header) if header.first != self.next => {
                    let first_bad = header.first.min(self.next);
                    return Ok(Err(JournalEnd::Damaged { first_bad, why: "a batch is out of its place" }));
                }
                Step::Batch(header) => {
                    self.next = header.end();
                    let records = reader.records();
                    let records = records.iter().map(|record| Record {
                        entry: record.entry,
                        leaf: None,
                        body: record.body,
                    });
                    return Ok(Ok(take(JournalBatch {
                        first: header.first,
                        root: header.root,
                        joint: self.joint.take(),
                        records: records.collect(),
                    })));
                }
                Step::End => self.open = None,
                Step::Bad { good } => {
                    let bytes = reader.file_length().saturating_sub(offset);
                    let last = self.segments.as_slice().is_empty();
                    if last && reader.resynchronise(self.next + 1)?.is_none() {
                        return Ok(Err(JournalEnd::Torn { bytes }));
                    }
                    let why = "a checksum in the journal is wrong";
                    return Ok(Err(JournalEnd::Damaged { first_bad: self.next + good, why }));
                }
            }
        }
    }

    /// The sequence of the next record.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.next
    }
}
