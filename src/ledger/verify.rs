//! The whole log checked, record by record, from nothing but its bytes and the checkpoints kept of it.
//!
//! The work is in two steps, so that it spreads over cores: [`Chunk::hash`] hashes and checks some records by
//! themselves, on any thread; [`LogVerifier::join`] takes the chunks in order and compares with the checkpoints.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::ledger::body::{SALT_LENGTH, commitment};
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::entry::{Entry, EntryError};
use crate::ledger::hash::{Accumulator, Digest, leaf_hash, node_hash};
use crate::ledger::tile::TILE_HEIGHT;

/// The most problems that are kept; more are only counted.
pub const PROBLEMS_MAX: usize = 1_000;

/// What lies beside an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyState<'a> {
    /// The log at hand holds entries alone.
    NotGiven,
    /// It was erased as the law on personal data asks; the entry stays, and stays provable.
    Erased,
    /// It should be there and is not.
    Lost,
    /// It is there, with the salt of its commitment.
    Kept {
        /// The salt.
        salt: &'a [u8; SALT_LENGTH],
        /// The bytes as stored.
        body: &'a [u8],
    },
}

impl BodyState<'_> {
    /// The same, where it is what the entry commits to as far as it is there at all.
    ///
    /// # Errors
    /// [`Problem::Commitment`].
    pub fn proved(self, entry: &Entry) -> Result<Self, Problem> {
        match self {
            BodyState::Kept { salt, body } if commitment(salt, body) != entry.commitment => {
                Err(Problem::Commitment { at: entry.sequence })
            }
            _ => Ok(self),
        }
    }
}

/// A record as it was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record<'a> {
    /// The bytes of the entry as stored.
    pub entry: &'a [u8],
    /// The hash that a tile or another copy has for it, where there is one.
    pub leaf: Option<&'a Digest>,
    /// What lies beside it.
    pub body: BodyState<'a>,
}

impl<'a> Record<'a> {
    /// An entry with nothing beside it.
    #[must_use]
    pub fn entry(entry: &'a [u8]) -> Record<'a> {
        Record { entry, leaf: None, body: BodyState::NotGiven }
    }
}

/// Some records in a row, hashed and checked by themselves.
#[derive(Clone, Debug)]
pub struct Chunk {
    first: u64,
    // Every complete subtree within the chunk: row by row from the leaves up, each with its first index.
    rows: Vec<(u64, Vec<Digest>)>,
    found: Findings,
    // The time of the first entry and of the last one, in Unix milliseconds.
    times: Option<(i64, i64)>,
}

impl Chunk {
    /// Hashes and checks the records that follow each other from sequence `first`: that each entry is one, has its
    /// sequence, hashes to the leaf given with it and commits to the body given with it.
    ///
    /// Chunks of some thousand records keep the joining cheap. The chunk holds 64 bytes a record.
    pub fn hash<'a>(first: u64, records: impl IntoIterator<Item = Record<'a>>) -> Chunk {
        let mut chunk = Chunk { first, rows: Vec::new(), found: Findings::default(), times: None };
        let mut leaves = Vec::new();
        for (at, record) in (first..).zip(records) {
            let leaf = leaf_hash(record.entry);
            if record.leaf.is_some_and(|expected| *expected != leaf) {
                chunk.found.add(Problem::Leaf { at });
            }
            chunk.check_entry(at, &record);
            leaves.push(leaf);
        }
        chunk.rows = rows(first, leaves);
        chunk
    }

    /// The sequence of its first record.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number of its records.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.rows.first().map_or(0, |(_, leaves)| leaves.len() as u64)
    }

    /// The root of every full tile of level 0 within the chunk, from left to right, to check the tiles above
    /// ([`crate::ledger::TileBuilder::push_tile_root`]). Chunks that begin and end at multiples of 256 miss none.
    #[must_use]
    pub fn tile_roots(&self) -> &[Digest] {
        self.rows.get(usize::from(TILE_HEIGHT)).map_or(&[], |(_, row)| row)
    }

    fn check_entry(&mut self, at: u64, record: &Record<'_>) {
        let entry = match Entry::decode(record.entry) {
            Ok(entry) => entry,
            Err(error) => return self.found.add(Problem::Entry { at, error }),
        };
        if entry.sequence != at {
            self.found.add(Problem::Sequence { at, found: entry.sequence });
        }
        match self.times {
            Some((_, last)) if entry.time_ms < last => self.found.note_time(at),
            _ => {}
        }
        self.times = Some((self.times.map_or(entry.time_ms, |(first, _)| first), entry.time_ms));
        match record.body {
            BodyState::NotGiven => self.found.bodies_not_given += 1,
            BodyState::Erased => self.found.erased.push(at),
            BodyState::Lost => self.found.add(Problem::BodyLost { at }),
            BodyState::Kept { salt, body } if commitment(salt, body) == entry.commitment => {
                self.found.bodies_kept += 1;
            }
            BodyState::Kept { .. } => self.found.add(Problem::Commitment { at }),
        }
    }

    /// The largest complete subtree of the chunk that begins at `position` and ends at `end` or before it: its
    /// height and hash.
    fn subtree(&self, position: u64, end: u64) -> Option<(u8, Digest)> {
        let level = (end - position).checked_ilog2()?.min(position.trailing_zeros());
        let (first, row) = self.rows.get(usize::try_from(level).ok()?)?;
        let place = usize::try_from((position >> level).checked_sub(*first)?).ok()?;
        Some((u8::try_from(level).ok()?, *row.get(place)?))
    }
}

/// All complete subtrees over leaves that begin at index `first`.
fn rows(first: u64, leaves: Vec<Digest>) -> Vec<(u64, Vec<Digest>)> {
    let mut rows = Vec::new();
    let mut first = first;
    let mut row = leaves;
    while !row.is_empty() {
        // A node of odd index has its sibling before the chunk, and so no parent in it.
        let (pairs, _) = row.get(usize::from(first % 2 == 1)..).unwrap_or_default().as_chunks::<2>();
        let above = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
        rows.push((first, row));
        first = first.div_ceil(2);
        row = above;
    }
    rows
}

/// Who says that a log has a root.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Claim {
    /// A signed checkpoint.
    Checkpoint,
    /// The files that the records lie in.
    Files,
}

/// A checkpoint that the records have come to.
#[derive(Clone, Copy, Debug)]
struct Reached {
    size: u64,
    root: Digest,
    // Whether the records lead to its root.
    agrees: bool,
}

/// Checks a log from its records, in order, against the checkpoints kept of it.
#[derive(Clone, Debug)]
pub struct LogVerifier {
    tree: Accumulator,
    expected: BTreeMap<u64, Vec<(Digest, Claim)>>,
    // The size that it began with, which is trusted.
    start: u64,
    // The checkpoints that were reached, in the order of their sizes.
    reached: Vec<Reached>,
    last_time_ms: Option<i64>,
    found: Findings,
}

impl LogVerifier {
    /// Begins with the first record of a log.
    #[must_use]
    pub fn new() -> LogVerifier {
        LogVerifier::resume(Accumulator::new())
    }

    /// Begins after the records of this tree, which is trusted.
    #[must_use]
    pub fn resume(tree: Accumulator) -> LogVerifier {
        LogVerifier {
            start: tree.size(),
            tree,
            expected: BTreeMap::new(),
            reached: Vec::new(),
            last_time_ms: None,
            found: Findings::default(),
        }
    }

    /// Asks that the first records, as many as the checkpoint says, have its root. Who signed it is for the caller to
    /// check, before ([`Checkpoint::open`]) or at the end ([`LogVerifier::finish_believing`]).
    ///
    /// # Errors
    /// [`JoinError::Passed`] when more records have been joined already.
    pub fn expect(&mut self, checkpoint: &Checkpoint) -> Result<(), JoinError> {
        self.expect_claim(checkpoint.size(), *checkpoint.root(), Claim::Checkpoint)
    }

    /// Asks that the first `size` records have the root that the files of the log say they have. It is checked and
    /// proves nothing: whoever can write the records can write the root.
    ///
    /// # Errors
    /// As [`LogVerifier::expect`].
    pub fn expect_root(&mut self, size: u64, root: Digest) -> Result<(), JoinError> {
        self.expect_claim(size, root, Claim::Files)
    }

    fn expect_claim(&mut self, size: u64, root: Digest, claim: Claim) -> Result<(), JoinError> {
        if size < self.tree.size() {
            return Err(JoinError::Passed { size, joined: self.tree.size() });
        }
        self.expected.entry(size).or_default().push((root, claim));
        if size == self.tree.size() {
            self.compare();
        }
        Ok(())
    }

    /// The tree of the records so far.
    #[must_use]
    pub fn tree(&self) -> &Accumulator {
        &self.tree
    }

    /// Adds something wrong that was found elsewhere.
    pub fn add(&mut self, problem: Problem) {
        self.found.add(problem);
    }

    /// Takes the next records.
    ///
    /// # Errors
    /// [`JoinError::Order`] when they are not the next ones, and nothing is taken.
    pub fn join(&mut self, chunk: Chunk) -> Result<(), JoinError> {
        if chunk.first != self.tree.size() {
            return Err(JoinError::Order { expected: self.tree.size(), found: chunk.first });
        }
        let end = chunk.first + chunk.length();
        while self.tree.size() < end {
            // Up to the next checkpoint, in as few steps as the boundaries of subtrees allow.
            let stop = self.expected.keys().next().map_or(end, |size| end.min(*size));
            let Some((level, hash)) = chunk.subtree(self.tree.size(), stop) else { break };
            if self.tree.push_subtree(level, hash).is_err() {
                break;
            }
            if self.tree.size() == stop {
                self.compare();
            }
        }
        if let (Some(before), Some((first, _))) = (self.last_time_ms, chunk.times)
            && first < before
        {
            self.found.note_time(chunk.first);
        }
        self.last_time_ms = chunk.times.map_or(self.last_time_ms, |(_, last)| Some(last));
        self.found.append(chunk.found);
        Ok(())
    }

    /// How many records the log has so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// What was found, where every checkpoint is believed. Those that the log did not reach are problems now.
    #[must_use]
    pub fn finish(self) -> Verdict {
        self.finish_believing(|_, _| true)
    }

    /// As [`LogVerifier::finish`], for a caller who learns only from the log which keys to believe: a checkpoint
    /// proves something when `is_believed` says so of its size and root. One that is not believed still is a problem
    /// where the records contradict it.
    #[must_use]
    pub fn finish_believing(mut self, is_believed: impl Fn(u64, &Digest) -> bool) -> Verdict {
        let size = self.tree.size();
        for (expected, claims) in std::mem::take(&mut self.expected) {
            if claims.iter().any(|(_, claim)| *claim == Claim::Checkpoint) {
                self.found.add(Problem::Short { size, expected });
            }
        }
        let proving = self.reached.iter().filter(|reached| reached.agrees);
        let believed = proving.filter(|reached| is_believed(reached.size, &reached.root));
        let proved = believed.map(|reached| reached.size).fold(self.start, u64::max);
        // Where a wrong root has no entry to blame, all that is known is where the proved ones end. A checkpoint that
        // a larger one contradicts says nothing about entries.
        let refuted = self.reached.iter().find(|reached| !reached.agrees && reached.size > proved);
        let refuted = refuted.filter(|refuted| {
            let explained = self.found.first_altered.is_some_and(|altered| altered < refuted.size);
            !explained
        });
        let first_bad = [self.found.first_bad, refuted.map(|_| proved)].into_iter().flatten().min();
        Verdict {
            size,
            root: self.tree.root(),
            proved,
            first_bad,
            problems: self.found.problems,
            problem_count: self.found.problem_count,
            bodies_kept: self.found.bodies_kept,
            bodies_not_given: self.found.bodies_not_given,
            erased: self.found.erased,
            times_back: self.found.times_back,
            first_time_back: self.found.first_time_back,
        }
    }

    /// Compares the root with the checkpoints of this size.
    fn compare(&mut self) {
        let size = self.tree.size();
        let Some(roots) = self.expected.remove(&size) else { return };
        let found = self.tree.root();
        for (root, claim) in roots {
            let agrees = root == found;
            match claim {
                Claim::Files if agrees => {}
                Claim::Files => self.found.add(Problem::FileRoot { size }),
                Claim::Checkpoint => {
                    if !agrees {
                        self.found.add(Problem::Root { size });
                    }
                    self.reached.push(Reached { size, root, agrees });
                }
            }
        }
    }
}

impl Default for LogVerifier {
    fn default() -> LogVerifier {
        LogVerifier::new()
    }
}

/// What a verification found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The number of records.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// How many of them the largest believed checkpoint proves that they lead to; 0 without one.
    pub proved: u64,
    /// The first record that is bad: altered, missing or with another body; where only a root says that something
    /// is, the first one that no checkpoint proves.
    pub first_bad: Option<u64>,
    /// What is wrong, the first [`PROBLEMS_MAX`] of it.
    pub problems: Vec<Problem>,
    /// How much is wrong, also where it was not kept.
    pub problem_count: u64,
    /// The number of bodies that are what their entries commit to.
    pub bodies_kept: u64,
    /// The number of entries whose body is not part of the log at hand.
    pub bodies_not_given: u64,
    /// The records whose body was erased, in order. That each has its entry of kind
    /// [`crate::ledger::EntryKind::BodyErased`] is for whoever reads bodies to check.
    pub erased: Vec<u64>,
    /// How many entries bear an earlier time than the one before: noted, never a problem.
    pub times_back: u64,
    /// The first of them.
    pub first_time_back: Option<u64>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problem_count == 0
    }
}

/// One thing that is wrong with a log.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Problem {
    /// Bytes that are no entry.
    #[error("record {at}: {error}")]
    Entry {
        /// Its place in the log.
        at: u64,
        /// Why not.
        error: EntryError,
    },
    /// An entry in the place of another.
    #[error("record {at}: the entry there has the sequence {found}")]
    Sequence {
        /// The place in the log.
        at: u64,
        /// The sequence in the entry.
        found: u64,
    },
    /// An entry that a tile or another copy has otherwise.
    #[error("record {at}: the entry does not hash to its leaf in the tree")]
    Leaf {
        /// Its place in the log.
        at: u64,
    },
    /// A body other than the entry commits to.
    #[error("record {at}: the body is not the one that the entry commits to")]
    Commitment {
        /// Its place in the log.
        at: u64,
    },
    /// A body that was not erased and is not there.
    #[error("record {at}: the body is lost")]
    BodyLost {
        /// Its place in the log.
        at: u64,
    },
    /// A checkpoint that the entries do not lead to.
    #[error("the first {size} entries do not lead to the root of the checkpoint")]
    Root {
        /// The size in the checkpoint.
        size: u64,
    },
    /// A root in the files of the log that the entries do not lead to.
    #[error("the first {size} entries do not lead to the root that the files have for them")]
    FileRoot {
        /// The size of the tree with that root.
        size: u64,
    },
    /// Records that are missing or cannot be read, so that nothing after them can be checked.
    #[error("record {at}: {why}")]
    Unreadable {
        /// The first of them.
        at: u64,
        /// What was found.
        why: String,
    },
    /// A checkpoint of more entries than there are: the end was cut off, or an old copy put back.
    #[error("a checkpoint says that there are {expected} entries, and there are {size}")]
    Short {
        /// How many there are.
        size: u64,
        /// How many the checkpoint says.
        expected: u64,
    },
}

impl Problem {
    /// The record that it is about: for a log that is short, the first one missing; `None` for a root.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        match self {
            Problem::Entry { at, .. }
            | Problem::Sequence { at, .. }
            | Problem::Leaf { at }
            | Problem::Commitment { at }
            | Problem::BodyLost { at }
            | Problem::Unreadable { at, .. } => Some(*at),
            Problem::FileRoot { size } => Some(size.saturating_sub(1)),
            Problem::Short { size, .. } => Some(*size),
            Problem::Root { .. } => None,
        }
    }

    /// Whether it shows that the bytes of an entry are not those recorded, which gives another root.
    fn alters_entry(&self) -> bool {
        matches!(self, Problem::Entry { .. } | Problem::Sequence { .. } | Problem::Leaf { .. })
    }
}

#[derive(Clone, Debug, Default)]
struct Findings {
    problems: Vec<Problem>,
    problem_count: u64,
    first_bad: Option<u64>,
    first_altered: Option<u64>,
    bodies_kept: u64,
    bodies_not_given: u64,
    erased: Vec<u64>,
    times_back: u64,
    first_time_back: Option<u64>,
}

impl Findings {
    fn add(&mut self, problem: Problem) {
        self.problem_count += 1;
        self.first_bad = earlier(self.first_bad, problem.sequence());
        if problem.alters_entry() {
            self.first_altered = earlier(self.first_altered, problem.sequence());
        }
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    fn note_time(&mut self, at: u64) {
        self.times_back += 1;
        self.first_time_back = earlier(self.first_time_back, Some(at));
    }

    fn append(&mut self, later: Findings) {
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(later.problems.into_iter().take(room));
        self.problem_count += later.problem_count;
        self.first_bad = earlier(self.first_bad, later.first_bad);
        self.first_altered = earlier(self.first_altered, later.first_altered);
        self.bodies_kept += later.bodies_kept;
        self.bodies_not_given += later.bodies_not_given;
        self.erased.extend(later.erased);
        self.times_back += later.times_back;
        self.first_time_back = earlier(self.first_time_back, later.first_time_back);
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Why something cannot be taken, which is a mistake of the caller and says nothing about the log.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum JoinError {
    /// Records that are not the next ones.
    #[error("the next record is {expected}, and records from {found} came")]
    Order {
        /// The sequence of the next record.
        expected: u64,
        /// The sequence of the first one given.
        found: u64,
    },
    /// A checkpoint within the records already taken.
    #[error("a checkpoint of {size} entries comes too late after {joined} records")]
    Passed {
        /// The size in the checkpoint.
        size: u64,
        /// How many records have been taken.
        joined: u64,
    },
}
