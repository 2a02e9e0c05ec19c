//! Opening: both copies are looked over, each is brought up from the other, and only agreement is served,
//! under invariant `two_copies`.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use crate::ledger::{Accumulator, EntryKind, leaf_hash};
use crate::store::check::compare;
use crate::store::compact::unpack_segment;
use crate::store::database::Database;
use crate::store::disk::{Disk, SystemDisk};
use crate::store::erase::Erasing;
use crate::store::error::{Notice, StoreError};
use crate::store::folder::{Folder, sync_folder_of};
use crate::store::frame::BATCH_HEADER_LENGTH;
use crate::store::hashes::Hashes;
use crate::store::index::Index;
use crate::store::journal::{Journal, Limits, Place, sweep};
use crate::store::load::{Loaded, examine, load, row_of};
use crate::store::packer::{Job, Packer};
use crate::store::read::{Shared, Store};
use crate::store::repair::{Tail, encode_batch, repair, survey};
use crate::store::segment::{SegmentReader, Step, list_segments};
use crate::store::types::{Derive, Opened, Options};
use crate::store::writer::Writer;

/// Bytes of the journal that are put into sled at a time while it is brought up.
const JOB_LENGTH: usize = 256 << 10;

impl Store {
    /// Opens the store in a folder, or makes a new one, and mends what a crash or damage left.
    ///
    /// `derive` must give for every record what it had as request key and terms when it was appended.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Version`], [`StoreError::ReadOnly`]: nothing was changed.
    /// [`StoreError::Damaged`]: records are lost that neither copy can prove. Others as they come.
    pub fn open(options: &Options, derive: Derive) -> Result<Opened, StoreError> {
        let Some(erasing) = Erasing::noted(&options.dir)? else {
            return Store::open_on(Box::new(SystemDisk), options, derive);
        };
        // Mended before anything is erased: a body that cannot be found cannot go, and it may be the database alone
        // that holds the entry that says so.
        let thorough = Options { thorough: true, ..options.clone() };
        let Opened { store, writer, mut notices } = Store::open_on(Box::new(SystemDisk), &thorough, derive)?;
        let is_told = store.entry(erasing.entry)?.is_some_and(|entry| entry.kind == EntryKind::BodyErased);
        drop((store, writer));
        let folder = Folder::open_existing(&options.dir)?;
        if is_told {
            erasing.carry_out(&folder, derive)?;
            notices.push(Notice::BodiesErased { count: erasing.sequences.len() as u64 });
        }
        Erasing::end(&folder)?;
        drop(folder);
        let mut opened = Store::open_on(Box::new(SystemDisk), options, derive)?;
        notices.append(&mut opened.notices);
        Ok(Opened { notices, ..opened })
    }

    /// The same on a disk that may fail.
    pub(super) fn open_on(
        disk: Box<dyn Disk>,
        options: &Options,
        derive: Derive,
    ) -> Result<Opened, StoreError> {
        let folder = Folder::open(&options.dir)?;
        let dir = folder.journal();
        if !dir.exists() {
            DirBuilder::new().mode(0o700).create(&dir).map_err(StoreError::io("create", &dir))?;
            sync_folder_of(&dir)?;
        }
        sweep(&dir)?;
        let mut notices = Vec::new();
        let fresh = !folder.database().exists();
        let database = Database::open(&folder.database(), options.cache_bytes);
        let loaded = database.and_then(|database| Ok((load(&database, derive)?, database)));

        let mut found = survey(&dir, options.thorough)?;
        if let Some(first) = found.damages.first() {
            let Ok((_, database)) = &loaded else {
                return Err(StoreError::damaged(first.first_bad, first.why));
            };
            for damage in &found.damages {
                notices.push(repair(&dir, damage, database)?);
            }
            found = survey(&dir, options.thorough)?;
        }
        let Some(tail) = found.tail.filter(|_| found.damages.is_empty()) else {
            let first_bad = found.damages.first().map_or(0, |damage| damage.first_bad);
            return Err(StoreError::damaged(first_bad, "the journal could not be restored"));
        };

        let limits = Limits { segment_bytes: options.segment_bytes, reserve_bytes: options.reserve_bytes };
        let ahead = loaded.as_ref().ok().filter(|(loaded, _)| loaded.tree.size() > tail.tree.size());
        if tail.spare > 0 && ahead.is_none() {
            notices.push(Notice::TailCut { sequence: tail.tree.size(), bytes: tail.spare });
        }
        let end = match ahead {
            // Proved before anything is cut or written.
            Some((loaded, database)) => Some(missing_tail(database, &tail, loaded)?),
            None => None,
        };
        let mut journal = match tail.segment {
            Some((first, length)) => {
                // It is compressed where all that came after it was lost.
                unpack_segment(&dir, first, length)?;
                Journal::resume(&dir, first, length, disk, limits)?
            }
            None => Journal::create(&dir, Accumulator::new(), (0, 0), disk, limits)?,
        };
        let mut tree = tail.tree;
        if let (Some(end), Some((_, database))) = (end, ahead) {
            let from = tree.size();
            restore_tail(&mut journal, database, &mut tree, end)?;
            let why = "its end was cut off".to_owned();
            notices.push(Notice::JournalRestored { from, to: end, why });
        }

        let (loaded, database) = match agreeing(loaded, &dir, &tree, options.thorough) {
            Ok(pair) => pair,
            Err(error) => {
                // A full disk makes a sound database fail too, and it could not be built anew.
                journal.check_space(0)?;
                // Dropped inside `agreeing`, so its files may go.
                remove_database(&folder.database())?;
                let database = Database::open(&folder.database(), options.cache_bytes)?;
                let (index, packer) = (Index::default(), Packer::default());
                notices.push(Notice::DatabaseRebuilt { why: error.to_string(), records: tree.size() });
                (Loaded { index, tree: Accumulator::new(), packer }, database)
            }
        };
        let Loaded { index, tree: held, mut packer } = loaded;
        let rebuilt = notices.iter().any(|notice| matches!(notice, Notice::DatabaseRebuilt { .. }));
        let (from, to) = (held.size(), tree.size());
        if from < to && !rebuilt {
            notices.push(match from {
                0 => {
                    let why = if fresh { "it was missing" } else { "it was empty" };
                    Notice::DatabaseRebuilt { why: why.to_owned(), records: to }
                }
                _ => Notice::DatabaseBroughtUp { from, to },
            });
        }
        let index = RwLock::new(index);
        let hashes = Mutex::new(Hashes::open(&folder.dir, &dir, &tree)?);
        let (tree_held, poison) = (RwLock::new(held), OnceLock::new());
        let shared = Shared { folder, database, index, tree: tree_held, hashes, poison };
        bring_up(&shared, &dir, &mut packer, derive)?;
        let shared = Arc::new(shared);
        let writer = Writer::start(Arc::clone(&shared), journal, tree, packer, options)?;
        Ok(Opened { store: Store { shared }, writer, notices })
    }
}

/// One past the last record that sled holds and the journal lacks, if they prove themselves: appended to the
/// journal's tree they must give sled's tree.
fn missing_tail(database: &Database, tail: &Tail, loaded: &Loaded) -> Result<u64, StoreError> {
    let from = tail.tree.size();
    let unproven =
        || StoreError::damaged(from, "the journal ends there, and the database does not fit to it");
    let mut tree = tail.tree.clone();
    while tree.size() < loaded.tree.size() {
        let next = tree.size();
        let pack = database.pack_at(next)?.ok_or_else(unproven)?;
        let records = pack.records().ok_or_else(unproven)?;
        for (sequence, record) in (pack.first..).zip(&records).skip_while(|(sequence, _)| *sequence < next) {
            examine(record, sequence)?;
            tree.push(leaf_hash(record.entry));
        }
    }
    if tree == loaded.tree { Ok(tree.size()) } else { Err(unproven()) }
}

/// Appends to the journal what sled holds after `tree`, up to sequence `end`.
fn restore_tail(
    journal: &mut Journal,
    database: &Database,
    tree: &mut Accumulator,
    end: u64,
) -> Result<(), StoreError> {
    while tree.size() < end {
        let next = tree.size();
        let lost = || StoreError::damaged(next, "the database lost it while it was read");
        let pack = database.pack_at(next)?.ok_or_else(lost)?;
        let records = pack.records().ok_or_else(lost)?;
        let skip = usize::try_from(next - pack.first).unwrap_or(usize::MAX);
        let before = tree.clone();
        let batch = encode_batch(records.get(skip..).ok_or_else(lost)?, tree)?;
        journal.write(&batch, &before)?;
    }
    journal.sync()
}

/// sled's copy, if it could be read and the journal has the same tree at its size.
fn agreeing(
    loaded: Result<(Loaded, Database), StoreError>,
    journal: &Path,
    tree: &Accumulator,
    thorough: bool,
) -> Result<(Loaded, Database), StoreError> {
    let (loaded, database) = loaded?;
    let size = loaded.tree.size();
    let same =
        if size == tree.size() { loaded.tree == *tree } else { tree_at(journal, size)? == loaded.tree };
    if !same {
        let why = format!("its {size} records have another root than the journal's");
        return Err(StoreError::Database { why });
    }
    if thorough
        && let Some(problem) = compare(journal, Some(&database), Some(size))?.problems.into_iter().next()
    {
        return Err(StoreError::Database { why: problem });
    }
    Ok((loaded, database))
}

/// The tree of the first `size` records, from the journal.
fn tree_at(journal: &Path, size: u64) -> Result<Accumulator, StoreError> {
    let first = list_segments(journal)?.into_iter().rev().find(|first| *first <= size);
    let Some(first) = first else { return Ok(Accumulator::new()) };
    let (mut reader, header) = SegmentReader::open(journal, first)?;
    let mut tree = header.map(|header| header.before).unwrap_or_default();
    while tree.size() < size && matches!(reader.step()?, Step::Batch(_)) {
        let left = usize::try_from(size - tree.size()).unwrap_or(usize::MAX);
        for record in reader.records().iter().take(left) {
            tree.push(leaf_hash(record.entry));
        }
    }
    Ok(tree)
}

/// Takes away what the journal gives again: the database and the hashes of the tree. The next open makes them anew.
///
/// # Errors
/// [`StoreError::InUse`], or when they cannot be removed.
pub fn remove_derived(dir: &Path) -> Result<(), StoreError> {
    let folder = Folder::open_existing(dir)?;
    remove_database(&folder.database())?;
    remove_database(&Hashes::folder(dir))
}

fn remove_database(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(StoreError::io("remove", path))?;
    }
    Ok(())
}

/// Puts into sled and the index what the journal holds after them.
fn bring_up(shared: &Shared, journal: &Path, packer: &mut Packer, derive: Derive) -> Result<(), StoreError> {
    let mut tree = shared.tree.read().map(|tree| tree.clone()).unwrap_or_default();
    let mut firsts = list_segments(journal)?;
    let start = firsts.partition_point(|first| *first <= tree.size()).saturating_sub(1);
    for first in firsts.drain(start..) {
        let (mut reader, _) = SegmentReader::open(journal, first)?;
        let mut job: Option<Job> = None;
        loop {
            let offset = reader.offset;
            let Step::Batch(header) = reader.step()? else { break };
            if header.end() <= tree.size() {
                continue;
            }
            let place = Place { segment: first, offset };
            let (rows, spans) = (Vec::new(), Vec::new());
            let next = tree.size();
            let mut grown = job.take().unwrap_or_else(|| Job {
                bytes: Vec::new(),
                spans,
                place,
                first: next,
                tree: tree.clone(),
                rows,
            });
            grown.bytes.extend_from_slice(&header.encode());
            debug_assert_eq!(header.encode().len(), BATCH_HEADER_LENGTH);
            for (sequence, record) in (header.first..).zip(reader.records()) {
                let start = grown.bytes.len();
                grown.bytes.extend_from_slice(record.frames);
                if sequence < next {
                    continue;
                }
                let entry = examine(&record, sequence)?;
                grown.spans.push((start, grown.bytes.len()));
                grown.rows.push(row_of(&record, &entry, derive));
                tree.push(leaf_hash(record.entry));
            }
            grown.tree = tree.clone();
            if grown.bytes.len() < JOB_LENGTH {
                job = Some(grown);
            } else {
                put(shared, packer, grown)?;
            }
        }
        if let Some(job) = job.take() {
            put(shared, packer, job)?;
        }
    }
    Ok(())
}

fn put(shared: &Shared, packer: &mut Packer, job: Job) -> Result<(), StoreError> {
    let tree = job.tree.clone();
    let applied = packer.apply(&shared.database, job, shared.index().recent())?;
    shared.publish(applied, &tree);
    Ok(())
}
