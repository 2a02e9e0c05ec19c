//! The journal looked over at start, and put back from sled where it is damaged and sled can prove it.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::ledger::{Accumulator, Digest};
use crate::store::database::Database;
use crate::store::error::{Notice, StoreError};
use crate::store::folder::{sync_folder_of, temporary};
use crate::store::frame::{BATCH_HEADER_LENGTH, BatchHeader, RecordRef};
use crate::store::load::examine;
use crate::store::segment::{
    SegmentHeader, SegmentReader, Step, extend_tree, list_segments, packed_path, segment_path,
};

/// What a look over the journal found.
pub(super) struct Survey {
    /// Where the log ends; nothing while there is damage at the end.
    pub(super) tail: Option<Tail>,
    /// Damage before the end, in the order of the log.
    pub(super) damages: Vec<Damage>,
}

/// The end of the journal.
#[derive(Debug)]
pub(super) struct Tail {
    /// The tree of all records.
    pub(super) tree: Accumulator,
    /// First sequence number and used bytes of the last segment; nothing where there is none yet.
    pub(super) segment: Option<(u64, u64)>,
    /// Bytes after the last whole batch that are part of another.
    pub(super) spare: u64,
}

/// A stretch of the journal, a segment or more, that must be written anew.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The first record that is missing or altered.
    pub(super) first_bad: u64,
    pub(super) why: &'static str,
    /// Header, first sequence number and offset of the batches that are whole.
    good: Vec<(BatchHeader, u64)>,
    /// The header of the segment that follows, which knows the tree before it.
    next: Option<SegmentHeader>,
}

/// Looks over the journal: the newest segment whole, of the others the joints, or `thorough`ly all.
pub(super) fn survey(journal: &Path, thorough: bool) -> Result<Survey, StoreError> {
    let mut segments = Vec::new();
    for first in list_segments(journal)? {
        let (reader, header) = SegmentReader::open(journal, first)?;
        let header = header.filter(|header| header.before.size() == first);
        segments.push((first, reader.file_length(), header));
    }
    let mut damages = Vec::new();
    let mut tail = Some(Tail { tree: Accumulator::new(), segment: None, spare: 0 });
    let mut expected = 0;
    for (index, (first, file_length, header)) in segments.iter().enumerate() {
        let (first, next) = (*first, segments.get(index + 1));
        if first < expected {
            return Err(StoreError::damaged(first, "two segments of the journal hold it"));
        }
        if first > expected {
            let (why, good, next) = ("a segment of the journal is missing", Vec::new(), header.clone());
            damages.push(Damage { from: expected, to: first, first_bad: expected, why, good, next });
        }
        let next_header = next.and_then(|(_, _, header)| header.clone());
        let joined = next_header.as_ref().is_some_and(|next| next.previous == (first, *file_length));
        if let Some((next_first, ..)) = next
            && joined
            && header.is_some()
            && !thorough
        {
            expected = *next_first;
            continue;
        }
        let scanned = scan(journal, first)?;
        let whole = scanned.tree.is_some() && (next.is_none() || scanned.spare == 0);
        let to = match next {
            Some((next_first, ..)) if !whole => *next_first,
            _ => scanned.next,
        };
        expected = to;
        if next.is_none() {
            let Scanned { spare, length, .. } = scanned;
            tail = scanned.tree.clone().map(|tree| Tail { tree, segment: Some((first, length)), spare });
        }
        if !whole {
            let first_bad = scanned.first_bad.unwrap_or(scanned.next);
            let (why, good) = ("a segment of the journal is altered", scanned.good);
            damages.push(Damage { from: first, to, first_bad, why, good, next: next_header });
        }
    }
    Ok(Survey { tail, damages })
}

/// A segment read from front to back.
struct Scanned {
    good: Vec<(BatchHeader, u64)>,
    /// The first bad record before a good one.
    first_bad: Option<u64>,
    /// One past the last good record.
    next: u64,
    /// The tree to there; nothing after damage.
    tree: Option<Accumulator>,
    /// The offset after the last good batch.
    length: u64,
    /// Bytes after that which are no batch and not only zeros.
    spare: u64,
}

fn scan(journal: &Path, first: u64) -> Result<Scanned, StoreError> {
    let (mut reader, header) = SegmentReader::open(journal, first)?;
    let tree = header.map(|header| header.before).filter(|before| before.size() == first);
    let first_bad = tree.is_none().then_some(first);
    let mut scanned =
        Scanned { good: Vec::new(), first_bad, next: first, tree, length: reader.offset, spare: 0 };
    if first_bad.is_some() && reader.resynchronise(first)?.is_none() {
        return Ok(scanned);
    }
    loop {
        let offset = reader.offset;
        match reader.step()? {
            Step::Batch(header) => {
                let records = reader.records();
                let right = header.first == scanned.next
                    && scanned.tree.as_mut().is_none_or(|tree| extend_tree(tree, &records, &header.root));
                if !right && scanned.tree.take().is_some() {
                    scanned.first_bad.get_or_insert(scanned.next);
                }
                // With a tree the root proves the batch; after damage, the repair does.
                if right || header.first > scanned.next {
                    scanned.good.push((header, offset));
                    scanned.next = header.end();
                    scanned.length = reader.offset;
                } else {
                    scanned.next = scanned.next.max(header.end());
                }
            }
            Step::End => return Ok(scanned),
            Step::Bad { good } => {
                let bad = scanned.next + good;
                // One batch is written at a time, and only after the last was synced. So bytes with a batch
                // after them were synced once and are damaged; with none, they are a batch that a power cut
                // tore, and that nobody was answered from.
                if reader.resynchronise(scanned.next + 1)?.is_none() {
                    scanned.spare = reader.file_length() - offset;
                    return Ok(scanned);
                }
                scanned.first_bad.get_or_insert(bad);
                scanned.tree = None;
            }
        }
    }
}

/// Writes a damaged stretch anew, from the batches that are whole and, for the rest, from sled. What it
/// becomes must have the root that the journal knows of it; the old file is kept as `….damaged`.
pub(super) fn repair(journal: &Path, damage: &Damage, database: &Database) -> Result<Notice, StoreError> {
    let unproven = || StoreError::damaged(damage.first_bad, damage.why);
    let path = segment_path(journal, damage.from);
    let (before, previous) = joint(journal, damage)?;
    let mut tree = before.clone();
    let header = SegmentHeader { before, previous }.encode();

    let beside = temporary(&path);
    let file = File::create(&beside).map_err(StoreError::io("create", &beside))?;
    let mut file = BufWriter::with_capacity(1 << 17, file);
    let written = StoreError::io("write", &beside);
    file.write_all(&header).map_err(StoreError::io("write", &beside))?;

    let mut old =
        if damage.good.is_empty() { None } else { Some(SegmentReader::open(journal, damage.from)?.0) };
    let mut good = damage.good.iter().peekable();
    let (mut next, mut restored) = (damage.from, None);
    while next < damage.to {
        let mut batch = Vec::new();
        if let Some((header, offset)) = good.next_if(|(header, _)| header.first == next)
            && let Some(old) = &mut old
        {
            old.offset = *offset;
            if old.step()? != Step::Batch(*header) || !extend_tree(&mut tree, &old.records(), &header.root) {
                return Err(unproven());
            }
            batch.extend_from_slice(&header.encode());
            batch.extend_from_slice(old.frames());
        } else {
            let until = good.peek().map_or(damage.to, |(header, _)| header.first);
            let pack = database.pack_at(next).ok().flatten().ok_or_else(unproven)?;
            let records = pack.records().ok_or_else(unproven)?;
            let skip = usize::try_from(next - pack.first).unwrap_or(usize::MAX);
            let take = usize::try_from(until - next).unwrap_or(usize::MAX);
            let records: Vec<_> = records.into_iter().skip(skip).take(take).collect();
            batch = encode_batch(&records, &mut tree).map_err(|_| unproven())?;
            let (from, _) = restored.unwrap_or((next, next));
            restored = Some((from, tree.size()));
        }
        file.write_all(&batch).map_err(StoreError::io("write", &beside))?;
        next = tree.size();
    }
    if next != damage.to || damage.next.as_ref().is_some_and(|header| header.before != tree) {
        return Err(unproven());
    }
    let file = file.into_inner().map_err(|error| written(error.into_error()))?;
    file.sync_all().map_err(StoreError::io("sync", &beside))?;
    let packed = packed_path(journal, damage.from);
    for old in [&path, &packed].into_iter().filter(|path| path.exists()) {
        let kept = old.with_added_extension("damaged");
        let _ = fs::remove_file(&kept);
        fs::hard_link(old, &kept).map_err(StoreError::io("keep", old))?;
    }
    fs::rename(&beside, &path).map_err(StoreError::io("rename into place", &path))?;
    sync_folder_of(&path)?;
    if packed.exists() {
        fs::remove_file(&packed).map_err(StoreError::io("remove", &packed))?;
        sync_folder_of(&packed)?;
    }
    let (from, to) = restored.unwrap_or((damage.from, damage.from));
    Ok(Notice::JournalRestored { from, to, why: damage.why.to_owned() })
}

/// The tree before a damaged stretch and the segment in front of it, from its own header or, where that is
/// lost, from the segment in front.
fn joint(journal: &Path, damage: &Damage) -> Result<(Accumulator, (u64, u64)), StoreError> {
    let own = match SegmentReader::open(journal, damage.from) {
        Ok((_, header)) => header.filter(|header| header.before.size() == damage.from),
        Err(_) => None,
    };
    if let Some(own) = own {
        return Ok((own.before, own.previous));
    }
    let unproven = || StoreError::damaged(damage.first_bad, damage.why);
    if damage.from == 0 {
        return Ok((Accumulator::new(), (0, 0)));
    }
    let front = list_segments(journal)?.into_iter().rev().find(|first| *first < damage.from);
    let scanned = scan(journal, front.ok_or_else(unproven)?)?;
    let previous = (front.unwrap_or(0), scanned.length);
    let tree = scanned.tree.filter(|tree| tree.size() == damage.from).ok_or_else(unproven)?;
    Ok((tree, previous))
}

/// A batch of these records after the tree, which is extended. Records that contradict themselves are not
/// taken.
pub(super) fn encode_batch(records: &[RecordRef<'_>], tree: &mut Accumulator) -> Result<Vec<u8>, StoreError> {
    let first = tree.size();
    for (sequence, record) in (first..).zip(records) {
        examine(record, sequence)?;
    }
    extend_tree(tree, records, &Digest::ZERO);
    let length: usize = records.iter().map(|record| record.frames.len()).sum();
    let header = BatchHeader {
        count: u32::try_from(records.len()).unwrap_or(u32::MAX),
        length: u32::try_from(length).unwrap_or(u32::MAX),
        first,
        root: tree.root(),
    };
    let mut batch = Vec::with_capacity(BATCH_HEADER_LENGTH + length);
    batch.extend_from_slice(&header.encode());
    for record in records {
        batch.extend_from_slice(record.frames);
    }
    Ok(batch)
}
