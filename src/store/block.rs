//! Blocks: what is derived from a run of records, in one value: request keys, times and terms.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::store::bytes::{Reader, push_varint, seal, unseal};
use crate::store::{RequestKey, Term};

/// A block is closed before it holds more records than this. sled keeps some thousand values of a tree in
/// memory whatever its cache may take: with 512 records each, opening ten million took 300 MiB more.
pub(super) const BLOCK_RECORDS_MAX: usize = 128;
/// A block is closed before its value could pass this many bytes.
pub(super) const BLOCK_LENGTH_MAX: usize = 14_500;

/// What is derived from one record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) time_ms: i64,
    pub(super) request_key: Option<RequestKey>,
    /// Ascending, each once.
    pub(super) terms: Vec<ShortTerm>,
}

impl Row {
    pub(super) fn new(time_ms: i64, request_key: Option<RequestKey>, terms: &[Term]) -> Row {
        let mut terms: Vec<ShortTerm> = terms.iter().copied().map(ShortTerm::from).collect();
        terms.sort_unstable();
        terms.dedup();
        Row { time_ms, request_key, terms }
    }

    /// The most bytes that this row adds to a block.
    pub(super) fn length_max(&self) -> usize {
        10 + 9 + 7 * self.terms.len()
    }

    pub(super) fn has_all(&self, terms: &[ShortTerm]) -> bool {
        terms.iter().all(|term| self.terms.binary_search(term).is_ok())
    }
}

/// The upper half of a [`Term`]. Enough inside a block: what a search finds is verified against the record.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ShortTerm(pub(super) u32);

impl From<Term> for ShortTerm {
    fn from(term: Term) -> ShortTerm {
        ShortTerm((term.0 >> 32) as u32)
    }
}

/// Encodes the rows of consecutive records, the first of which is the key of the value.
///
/// | what | how |
/// |---|---|
/// | count | u32 |
/// | a row each: time | varint of the zigzag difference to the row before, from 0 |
/// | a row each: request key | a byte 0, or a byte 1 and the u64 |
/// | number of terms | u32 |
/// | a term each, ascending | u32, varint of the number of rows, varint of each row's distance from the last |
/// | checksum | CRC-32 |
pub(super) fn encode_block(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BLOCK_LENGTH_MAX);
    bytes.extend_from_slice(&length_bytes(rows.len()));
    let mut postings: BTreeMap<ShortTerm, Vec<u32>> = BTreeMap::new();
    let mut time_ms = 0_i64;
    for (index, row) in (0_u32..).zip(rows) {
        push_varint(&mut bytes, zigzag(row.time_ms.wrapping_sub(time_ms)));
        time_ms = row.time_ms;
        match row.request_key {
            None => bytes.push(0),
            Some(RequestKey(key)) => {
                bytes.push(1);
                bytes.extend_from_slice(&key.to_be_bytes());
            }
        }
        for term in &row.terms {
            postings.entry(*term).or_default().push(index);
        }
    }
    bytes.extend_from_slice(&length_bytes(postings.len()));
    for (term, indexes) in postings {
        bytes.extend_from_slice(&term.0.to_be_bytes());
        push_varint(&mut bytes, indexes.len() as u64);
        let mut last = 0;
        for index in indexes {
            push_varint(&mut bytes, u64::from(index - last));
            last = index;
        }
    }
    seal(&mut bytes);
    bytes
}

/// A block as it was read: the head decoded, the postings still in their bytes.
pub(super) struct Block<'a> {
    pub(super) times_ms: Vec<i64>,
    pub(super) request_keys: Vec<Option<RequestKey>>,
    terms: u32,
    postings: &'a [u8],
}

impl<'a> Block<'a> {
    /// Reads a value; nothing when a bit is wrong.
    pub(super) fn decode(value: &'a [u8]) -> Option<Block<'a>> {
        let mut reader = Reader::new(unseal(value)?);
        let count = reader.u32()? as usize;
        if count > value.len() {
            return None;
        }
        let (mut times_ms, mut request_keys) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut time = 0_i64;
        for _ in 0..count {
            time = time.wrapping_add(unzigzag(reader.varint()?));
            times_ms.push(time);
            request_keys.push(match reader.array()? {
                [0] => None,
                [1] => Some(RequestKey(reader.u64()?)),
                _ => return None,
            });
        }
        let terms = reader.u32()?;
        Some(Block { times_ms, request_keys, terms, postings: reader.rest })
    }

    /// Every term of the block, ascending.
    pub(super) fn terms(&self) -> Option<Vec<ShortTerm>> {
        let mut terms = Vec::new();
        self.walk(|term, _| terms.push(term))?;
        Some(terms)
    }

    /// The rows below `rows.end` and from `rows.start` on that have all terms, ascending.
    pub(super) fn search(&self, wanted: &[ShortTerm], rows: Range<u32>) -> Option<Vec<u32>> {
        let mut counts = vec![0_usize; self.times_ms.len()];
        self.walk(|term, indexes| {
            if wanted.contains(&term) {
                for index in indexes {
                    if let Some(count) = counts.get_mut(*index as usize) {
                        *count += 1;
                    }
                }
            }
        })?;
        let found = (0_u32..).zip(&counts);
        Some(
            found
                .filter(|(row, count)| rows.contains(row) && **count == wanted.len())
                .map(|(row, _)| row)
                .collect(),
        )
    }

    fn walk(&self, mut visit: impl FnMut(ShortTerm, &[u32])) -> Option<()> {
        let mut reader = Reader::new(self.postings);
        let mut indexes = Vec::new();
        for _ in 0..self.terms {
            let term = ShortTerm(reader.u32()?);
            indexes.clear();
            let mut index = 0_u32;
            for _ in 0..reader.varint()? {
                index = index.checked_add(u32::try_from(reader.varint()?).ok()?)?;
                indexes.push(index);
            }
            visit(term, &indexes);
        }
        reader.rest.is_empty().then_some(())
    }
}

/// A block has a hundred rows and fewer terms than bytes.
fn length_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row = (any::<i64>(), any::<Option<u64>>(), prop::collection::vec(0_u64..9, 0..6));
        prop::collection::vec(row, 0..60).prop_map(|rows| {
            let terms = |terms: Vec<u64>| terms.into_iter().map(|term| Term(term << 32)).collect::<Vec<_>>();
            rows.into_iter()
                .map(|(time, key, list)| Row::new(time, key.map(RequestKey), &terms(list)))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_block_finds_what_its_rows_have(
            rows in rows(), wanted in prop::collection::btree_set(0_u32..9, 0..3), from in 0_u32..60,
        ) {
            let wanted: Vec<ShortTerm> = wanted.into_iter().map(ShortTerm).collect();
            let value = encode_block(&rows);
            let block = Block::decode(&value).unwrap();
            prop_assert_eq!(&block.times_ms, &rows.iter().map(|row| row.time_ms).collect::<Vec<_>>());
            prop_assert_eq!(&block.request_keys, &rows.iter().map(|row| row.request_key).collect::<Vec<_>>());
            let naive: Vec<u32> = (0_u32..).zip(&rows)
                .filter(|(index, row)| *index >= from && row.has_all(&wanted)).map(|(index, _)| index).collect();
            prop_assert_eq!(block.search(&wanted, from..u32::MAX).unwrap(), naive);
            let room: usize = rows.iter().map(Row::length_max).sum();
            prop_assert!(value.len() <= room + 12);
        }
    }
}
