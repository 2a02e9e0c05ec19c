//! Records in a row, with the bytes that they lie in: what one thread hashes or replays at a time.

use std::ops::Range;

use crate::ledger::{Accumulator, BodyState, Digest, Record, SALT_LENGTH};

/// Records in a row.
#[derive(Debug, Default)]
pub struct Block {
    pub(super) first: u64,
    buffer: Vec<u8>,
    spans: Vec<Span>,
    /// The hashes that tiles have for the entries, where there are tiles.
    pub(super) leaves: Vec<Digest>,
    /// What the journal says of the tree before some records: each with the sequence of the record.
    pub(super) joints: Vec<Accumulator>,
    /// The root that the journal says the tree has after the last record.
    pub(super) root: Option<Digest>,
}

#[derive(Debug)]
struct Span {
    entry: Range<usize>,
    body: BodySpan,
}

#[derive(Debug)]
enum BodySpan {
    NotGiven,
    Erased,
    Lost,
    /// Salt and body, one after the other.
    Kept(Range<usize>),
}

/// How a log ends, when its records have all been read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BlockEnd {
    /// Well.
    Whole,
    /// In bytes that are no whole batch: one that is being written, or was when the machine stopped.
    Torn {
        /// How many bytes.
        bytes: u64,
    },
    /// Damaged: from here on nothing is known.
    Damaged {
        /// The first record that is missing or altered.
        first_bad: u64,
        /// What was found.
        why: String,
    },
}

impl Block {
    pub(super) fn starting_at(first: u64) -> Block {
        Block { first, ..Block::default() }
    }

    /// Adds a record, copied.
    pub(super) fn push(&mut self, record: &Record<'_>) {
        let entry = self.copy(&[record.entry]);
        let body = match record.body {
            BodyState::NotGiven => BodySpan::NotGiven,
            BodyState::Erased => BodySpan::Erased,
            BodyState::Lost => BodySpan::Lost,
            BodyState::Kept { salt, body } => BodySpan::Kept(self.copy(&[salt, body])),
        };
        self.leaves.extend(record.leaf);
        self.spans.push(Span { entry, body });
    }

    fn copy(&mut self, parts: &[&[u8]]) -> Range<usize> {
        let start = self.buffer.len();
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        start..self.buffer.len()
    }

    /// The sequence of the first record.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number of records.
    #[must_use]
    pub fn length(&self) -> usize {
        self.spans.len()
    }

    /// One past the sequence of the last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.spans.len() as u64
    }

    /// The bytes that its records take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.spans.iter().enumerate().map(|(at, span)| Record {
            entry: self.buffer.get(span.entry.clone()).unwrap_or_default(),
            leaf: self.leaves.get(at),
            body: match &span.body {
                BodySpan::NotGiven => BodyState::NotGiven,
                BodySpan::Erased => BodyState::Erased,
                BodySpan::Lost => BodyState::Lost,
                BodySpan::Kept(range) => self.kept(range.clone()),
            },
        })
    }

    fn kept(&self, range: Range<usize>) -> BodyState<'_> {
        let bytes = self.buffer.get(range).unwrap_or_default();
        match bytes.split_first_chunk::<SALT_LENGTH>() {
            Some((salt, body)) => BodyState::Kept { salt, body },
            None => BodyState::Lost,
        }
    }
}
