//! Both copies compared, record by record and to the last bit. Nothing is mended.

use std::ops::Range;
use std::path::Path;

use crate::ledger::{Accumulator, Digest, leaf_hash};
use crate::store::database::Database;
use crate::store::error::StoreError;
use crate::store::folder::Folder;
use crate::store::frame::RecordRef;
use crate::store::load::examine;
use crate::store::pack::Pack;
use crate::store::read::Store;
use crate::store::segment::{SegmentReader, Step, list_segments};
use crate::store::types::Options;

/// Problems that a report tells apart; more are only counted.
const PROBLEMS_MAX: usize = 100;

/// What a comparison of both copies found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CheckReport {
    /// Records that were looked at.
    pub size: u64,
    /// The root of the tree over their entries; nothing after damage, when it is unknown.
    pub root: Option<Digest>,
    /// The first record that is missing, altered, or not the same in both copies.
    pub first_bad: Option<u64>,
    /// What is wrong, a sentence each, in the order of the log; the first 100.
    pub problems: Vec<String>,
    /// How many problems there are in all.
    pub problem_count: u64,
}

impl std::fmt::Display for CheckReport {
    /// A line for a sound log; otherwise a line for each problem that is told apart.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_sound() {
            let root = self.root.map_or_else(|| "unknown".to_owned(), |root| root.to_string());
            return write!(f, "{} entries, the journal and sled agree, root {root}", self.size);
        }
        write!(f, "{} problems in {} entries", self.problem_count, self.size)?;
        if let Some(first) = self.first_bad {
            write!(f, ", first bad sequence {first}")?;
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl CheckReport {
    /// Whether both copies are whole and the same.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn note(&mut self, sequence: u64, problem: String) {
        self.first_bad = Some(self.first_bad.map_or(sequence, |first| first.min(sequence)));
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }
}

impl Store {
    /// Compares both copies of all records up to the present end. Reads everything: about a second for a
    /// million decisions. The store goes on meanwhile.
    ///
    /// # Errors
    /// Only when the files cannot be read; damage is in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        let journal = self.shared.folder.journal();
        let mut report = compare(&journal, Some(&self.shared.database), Some(self.size()))?;
        if report.size < self.size() {
            report.note(report.size, format!("the journal ends before sequence {}", self.size()));
        }
        Ok(report)
    }
}

/// Compares both copies in a folder that no process has open, and leaves the records as they are.
///
/// # Errors
/// [`StoreError::InUse`], [`StoreError::Version`], or when there is no folder or its files cannot be read.
pub fn check_folder(options: &Options) -> Result<CheckReport, StoreError> {
    let folder = Folder::open_existing(&options.dir)?;
    let missing = !folder.database().exists();
    let database = if missing { None } else { Database::open(&folder.database(), options.cache_bytes).ok() };
    let mut report = compare(&folder.journal(), database.as_ref(), None)?;
    if database.is_none() && !missing {
        report.note(0, "the database cannot be opened".to_owned());
    } else if missing && report.size > 0 {
        report.note(0, "the database is missing".to_owned());
    }
    Ok(report)
}

pub(super) fn compare(
    journal: &Path,
    database: Option<&Database>,
    until: Option<u64>,
) -> Result<CheckReport, StoreError> {
    let (problems, root) = (Vec::new(), None);
    let mut report = CheckReport { size: 0, root, first_bad: None, problems, problem_count: 0 };
    let mut tree = Some(Accumulator::new());
    let mut other = Other { database, pack: None };
    let until = until.unwrap_or(u64::MAX);
    let firsts = list_segments(journal)?;
    for first in firsts.iter().copied().take_while(|first| *first < until || *first == 0) {
        let (mut reader, header) = SegmentReader::open(journal, first)?;
        if first != report.size {
            report.note(report.size.min(first), format!("a segment is missing before sequence {first}"));
        }
        if header.as_ref().is_none_or(|header| tree.as_ref().is_some_and(|tree| header.before != *tree)) {
            report.note(first, format!("the header of the segment of sequence {first} is wrong"));
        }
        if header.is_none() && reader.resynchronise(first)?.is_none() {
            continue;
        }
        if first != report.size {
            // Only the next root can tell whether the tree goes on as it was.
            tree = header.map(|header| header.before);
            report.size = first;
        }
        compare_segment(
            &mut reader,
            &mut report,
            &mut tree,
            &mut other,
            until,
            Some(&first) == firsts.last(),
        )?;
    }
    if until == u64::MAX
        && let Some(database) = database
        && let Ok(Some(pack)) = database.pack_at(report.size)
    {
        report.note(report.size, format!("the database goes on to sequence {}", pack.end()));
    }
    report.root = tree.filter(|_| report.is_sound()).map(|tree| tree.root());
    Ok(report)
}

fn compare_segment(
    reader: &mut SegmentReader,
    report: &mut CheckReport,
    tree: &mut Option<Accumulator>,
    other: &mut Other<'_>,
    until: u64,
    last: bool,
) -> Result<(), StoreError> {
    loop {
        match reader.step()? {
            Step::Batch(header) if header.first >= until => return Ok(()),
            Step::Batch(header) => {
                if header.first != report.size {
                    let (from, to) = (report.size.min(header.first), header.first);
                    report.note(from, format!("the journal goes from sequence {} to {to}", report.size));
                    *tree = None;
                }
                for (sequence, record) in (header.first..).zip(reader.records()) {
                    if let Err(error) = examine(&record, sequence) {
                        report.note(sequence, error.to_string());
                    } else if let Some(problem) = other.differs(&record, sequence) {
                        report.note(sequence, format!("sequence {sequence} {problem}"));
                    }
                    if let Some(tree) = tree {
                        tree.push(leaf_hash(record.entry));
                    }
                }
                if tree.as_ref().is_some_and(|tree| tree.root() != header.root) {
                    let (first, last) = (header.first, header.end() - 1);
                    report.note(first, format!("sequences {first} to {last} do not have their root"));
                    *tree = None;
                }
                report.size = header.end();
            }
            Step::End => return Ok(()),
            Step::Bad { good } => {
                let bad = report.size + good;
                let after = reader.resynchronise(report.size + 1)?;
                // The last batch may be torn by a power cut; then nobody was answered from it and sled,
                // which is applied after it, lacks it.
                let answered = until != u64::MAX || !last || other.holds(report.size);
                if after.is_some() || answered {
                    report.note(bad, format!("sequence {bad} in the journal has a wrong checksum or is cut"));
                    *tree = None;
                }
                match after {
                    Some(header) => report.size = header.first,
                    None => return Ok(()),
                }
            }
        }
    }
}

/// sled's copy, read along.
struct Other<'a> {
    database: Option<&'a Database>,
    /// The pack in hand, and where each record's frames are in it.
    pack: Option<(Pack, Vec<Range<usize>>)>,
}

impl Other<'_> {
    fn holds(&self, sequence: u64) -> bool {
        self.database.is_some_and(|database| !matches!(database.pack_at(sequence), Ok(None)))
    }

    /// What is different in sled's copy of this record, if it can be read at all.
    fn differs(&mut self, record: &RecordRef<'_>, sequence: u64) -> Option<&'static str> {
        let database = self.database?;
        if self.pack.as_ref().is_none_or(|(pack, _)| !(pack.first..pack.end()).contains(&sequence)) {
            match database.pack_at(sequence) {
                Ok(Some(pack)) => {
                    let Some(ranges) = ranges(&pack) else { return Some("is altered in the database") };
                    self.pack = Some((pack, ranges));
                }
                Ok(None) => return Some("is missing in the database"),
                Err(_) => return Some("cannot be read in the database"),
            }
        }
        let (pack, ranges) = self.pack.as_ref()?;
        let range = ranges.get(usize::try_from(sequence - pack.first).ok()?)?;
        let frames = pack.frames.here().get(range.clone());
        (frames != Some(record.frames)).then_some("is not the same in both copies")
    }
}

fn ranges(pack: &Pack) -> Option<Vec<Range<usize>>> {
    let mut end = 0;
    let ranges = pack.records()?.into_iter().map(|record| {
        let start = end;
        end += record.frames.len();
        start..end
    });
    Some(ranges.collect())
}
