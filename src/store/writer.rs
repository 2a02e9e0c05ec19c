//! Appending: one writer, one fdatasync a batch, sled applied meanwhile. `no_record_no_release` rests here.

use std::error::Error as _;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::ledger::{Accumulator, Batch, Body, ENTRY_LENGTH_MAX, Entry, commitment, leaf_hash};
use crate::store::block::Row;
use crate::store::compact::Compactor;
use crate::store::disk::SystemDisk;
use crate::store::error::StoreError;
use crate::store::frame::{BATCH_HEADER_LENGTH, BatchHeader, push_record, record_length};
use crate::store::journal::{Journal, Limits};
use crate::store::packer::{Applied, Job, Packer};
use crate::store::read::Shared;
use crate::store::types::{BODY_LENGTH_MAX, Options, Record, TERMS_MAX};

/// The most bytes of frames in one batch.
const BATCH_LENGTH_MAX: usize = 32 << 20;

/// The one that appends. Dropping it gives back reserved space and writes sled out.
pub struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    /// The tree of all records, those of the last batch included.
    tree: Accumulator,
    jobs: Option<Sender<Job>>,
    applied: Receiver<Result<Applied, StoreError>>,
    thread: Option<JoinHandle<()>>,
    compactor: Option<Compactor>,
}

impl Writer {
    /// Goes on after `tree`; `packer` knows what is pending in sled.
    pub(super) fn start(
        shared: Arc<Shared>,
        journal: Journal,
        tree: Accumulator,
        mut packer: Packer,
        options: &Options,
    ) -> Result<Writer, StoreError> {
        let (jobs, inbox) = bounded::<Job>(1);
        let (outbox, applied) = bounded(1);
        let theirs = Arc::clone(&shared);
        let work = move || {
            for job in inbox {
                // Nobody writes to the index between a job and its answer.
                let result = packer.apply(&theirs.database, job, theirs.index().recent());
                if outbox.send(result).is_err() {
                    break;
                }
            }
        };
        let no_thread = StoreError::io("start a thread for", &shared.folder.dir);
        let thread =
            thread::Builder::new().name("slagboom-sled".to_owned()).spawn(work).map_err(no_thread)?;
        let (jobs, thread) = (Some(jobs), Some(thread));
        let mut writer = Writer { shared, journal, tree, jobs, applied, thread, compactor: None };
        if options.compress {
            let no_thread = StoreError::io("start a thread for", &writer.shared.folder.dir);
            let compactor = Compactor::start(Arc::clone(&writer.shared), options.reserve_bytes);
            writer.compactor = Some(compactor.map_err(no_thread)?);
        }
        Ok(writer)
    }

    /// Appends the records, all or none, and gives them as a batch of the tree, for checkpoint and receipts.
    ///
    /// When it returns, they are on the disk in the journal (one fdatasync) and applied to sled, and readers
    /// see them. At most 32 MiB at a time.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Unfit`]: a record is wrong; [`StoreError::Full`]: no space.
    /// Nothing was recorded and the store goes on. After any other error it is not known what is on the disk:
    /// every later append gives [`StoreError::Poisoned`], and a restart finds out.
    pub fn append(&mut self, batch: &[Record]) -> Result<Batch, StoreError> {
        if let Some(why) = self.shared.poison.get() {
            return Err(StoreError::Poisoned { why: why.clone() });
        }
        if batch.is_empty() {
            return Ok(Batch::new(self.tree.clone(), Vec::new()));
        }
        let prepared = prepare(batch, &self.tree)?;
        let result = self.commit(prepared);
        match &result {
            Ok(_) | Err(StoreError::Full { .. }) => {}
            Err(error) => {
                let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
                let _ = self.shared.poison.set(format!("{error}{source}"));
            }
        }
        result
    }

    fn commit(&mut self, prepared: Prepared) -> Result<Batch, StoreError> {
        let Prepared { bytes, spans, rows, batch, tree } = prepared;
        let first = self.tree.size();
        let segment = self.journal.segment();
        let place = self.journal.write(&bytes, &self.tree)?;
        let job = Job { bytes, spans, place, first, tree: tree.clone(), rows };
        // A sled thread that is gone drops its ends; the receive below says so.
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        let synced = self.journal.sync();
        let gone = || StoreError::Database { why: "its thread is gone".to_owned() };
        let applied = if sent { self.applied.recv().map_err(|_| gone()) } else { Err(gone()) };
        synced?;
        let applied = applied??;

        if segment != place.segment
            && let Some(compactor) = &self.compactor
        {
            compactor.wake();
        }
        self.shared.hashes().extend(batch.leaves().iter().copied());
        self.shared.publish(applied, &tree);
        self.tree = tree;
        Ok(batch)
    }
}

/// Writes and syncs batches in a journal alone, without sled: what a measurement of the store is held
/// against. Each batch is handed to `after` when it is on the disk.
///
/// # Errors
/// As [`Writer::append`].
#[doc(hidden)]
pub fn journal_alone(
    dir: &Path,
    batches: &[Vec<Record>],
    mut after: impl FnMut(&Batch),
) -> Result<(), StoreError> {
    let limits = Limits { segment_bytes: 64 << 20, reserve_bytes: 64 << 20 };
    let mut tree = Accumulator::new();
    let mut journal = Journal::create(dir, tree.clone(), (0, 0), Box::new(SystemDisk), limits)?;
    for batch in batches {
        let prepared = prepare(batch, &tree)?;
        journal.write(&prepared.bytes, &tree)?;
        journal.sync()?;
        after(&prepared.batch);
        tree = prepared.tree;
    }
    Ok(())
}

impl Shared {
    /// Shows readers what is durable now.
    pub(super) fn publish(&self, applied: Applied, tree: &Accumulator) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        for row in applied.rows {
            index.add_row(row);
        }
        for summary in applied.closed {
            index.close_block(summary);
        }
        drop(index);
        self.tree.write().unwrap_or_else(PoisonError::into_inner).clone_from(tree);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.compactor = None;
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        // After an error the files stay as they are, for the next start to look at.
        if self.shared.poison.get().is_none() {
            let _ = self.journal.trim();
            let _ = self.shared.database.flush();
            let _ = self.shared.hashes().flush();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("dir", &self.shared.folder.dir)
            .field("size", &self.tree.size())
            .finish_non_exhaustive()
    }
}

/// A batch as it will be written.
struct Prepared {
    bytes: Vec<u8>,
    spans: Vec<(usize, usize)>,
    rows: Vec<Row>,
    batch: Batch,
    /// The tree with the batch.
    tree: Accumulator,
}

/// Checks every record and lays the batch out behind its header.
fn prepare(batch: &[Record], before: &Accumulator) -> Result<Prepared, StoreError> {
    let length: usize = batch.iter().map(|record| record_length(record.entry.len(), record.body.len())).sum();
    limit("a batch", length, BATCH_LENGTH_MAX)?;
    let mut bytes = Vec::with_capacity(BATCH_HEADER_LENGTH + length);
    bytes.resize(BATCH_HEADER_LENGTH, 0);
    let (mut spans, mut rows) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    let mut leaves = Vec::with_capacity(batch.len());
    for (sequence, record) in (before.size()..).zip(batch) {
        let entry = check(record, sequence)?;
        let start = bytes.len();
        push_record(&mut bytes, &record.entry, &record.salt, &record.body);
        spans.push((start, bytes.len()));
        rows.push(Row::new(entry.time_ms, record.request_key, &record.terms));
        leaves.push(leaf_hash(&record.entry));
    }
    let count = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    let batch = Batch::new(before.clone(), leaves);
    let tree = batch.after();
    let header = BatchHeader {
        count,
        length: u32::try_from(length).unwrap_or(u32::MAX),
        first: before.size(),
        root: tree.root(),
    };
    bytes.splice(..BATCH_HEADER_LENGTH, header.encode());
    Ok(Prepared { bytes, spans, rows, batch, tree })
}

/// A record that could not be read back is not recorded.
fn check(record: &Record, sequence: u64) -> Result<Entry, StoreError> {
    limit("an entry", record.entry.len(), ENTRY_LENGTH_MAX)?;
    limit("a body", record.body.len(), BODY_LENGTH_MAX)?;
    limit("a list of terms", record.terms.len(), TERMS_MAX)?;
    let unfit = |why: String| StoreError::Unfit { sequence, why };
    let entry = Entry::decode(&record.entry).map_err(|error| unfit(error.to_string()))?;
    if entry.sequence != sequence {
        return Err(unfit(format!("its entry says that it is sequence {}", entry.sequence)));
    }
    if entry.commitment != commitment(&record.salt, &record.body) {
        return Err(unfit("its entry commits to another body".to_owned()));
    }
    Body::split(&record.body).map_err(|error| unfit(error.to_string()))?;
    Ok(entry)
}

fn limit(what: &'static str, length: usize, limit: usize) -> Result<(), StoreError> {
    if length > limit { Err(StoreError::TooLarge { what, length, limit }) } else { Ok(()) }
}
