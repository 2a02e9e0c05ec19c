//! What is kept in memory to find records: request keys, a filter for each block, and the newest rows.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use smallvec::SmallVec;

use crate::store::RequestKey;
use crate::store::block::{Block, Row, ShortTerm};

/// The index over a log, from sequence 0 to [`Index::end`].
#[derive(Default)]
pub(super) struct Index {
    requests: Requests,
    /// Closed blocks, consecutive from sequence 0.
    blocks: Vec<BlockSummary>,
    /// Rows of records after the last closed block.
    recent: Vec<Row>,
}

impl Index {
    /// One past the last record that is in a closed block.
    pub(super) fn blocks_end(&self) -> u64 {
        self.blocks.last().map_or(0, BlockSummary::end)
    }

    /// One past the last record.
    pub(super) fn end(&self) -> u64 {
        self.blocks_end() + self.recent.len() as u64
    }

    /// Adds a block that was read from sled: its request keys and its summary.
    pub(super) fn add_block(&mut self, first: u64, block: &Block<'_>) -> Option<()> {
        for (sequence, key) in (first..).zip(&block.request_keys) {
            if let Some(key) = key {
                self.requests.insert(*key, sequence);
            }
        }
        self.blocks.push(BlockSummary::of_block(first, block)?);
        Some(())
    }

    /// Adds the row of the next record.
    pub(super) fn add_row(&mut self, row: Row) {
        if let Some(key) = row.request_key {
            self.requests.insert(key, self.end());
        }
        self.recent.push(row);
    }

    /// Replaces the oldest recent rows by the block that was made of them.
    pub(super) fn close_block(&mut self, summary: BlockSummary) {
        self.recent.drain(..(summary.count as usize).min(self.recent.len()));
        self.blocks.push(summary);
    }

    pub(super) fn recent(&self) -> &[Row] {
        &self.recent
    }

    /// The records with this request key, ascending.
    pub(super) fn find_request(&self, key: RequestKey) -> SmallVec<[u64; 1]> {
        self.requests.find(key)
    }

    /// The newest records below `before` that have all terms and are in no closed block yet, newest first,
    /// at most `limit`; and where the search goes on.
    pub(super) fn search_recent(&self, terms: &[ShortTerm], before: u64, limit: usize) -> (Vec<u64>, u64) {
        let start = self.blocks_end();
        let rows = (start..self.end())
            .rev()
            .zip(self.recent.iter().rev())
            .filter(|(sequence, _)| *sequence < before);
        let found = rows.filter(|(_, row)| row.has_all(terms)).map(|(sequence, _)| sequence);
        (found.take(limit).collect(), before.min(start))
    }

    /// The newest block below `before` that may hold a record with all terms.
    pub(super) fn block_before(&self, terms: &[ShortTerm], before: u64) -> Option<&BlockSummary> {
        let until = self.blocks.partition_point(|block| block.first < before);
        self.blocks.get(..until)?.iter().rev().find(|block| block.filter.may_have_all(terms))
    }

    /// The blocks, for a search by time.
    pub(super) fn blocks(&self) -> &[BlockSummary] {
        &self.blocks
    }
}

/// What is kept in memory of a closed block.
#[derive(Clone, Debug)]
pub(super) struct BlockSummary {
    pub(super) first: u64,
    pub(super) count: u32,
    pub(super) time_ms_min: i64,
    pub(super) time_ms_max: i64,
    filter: Filter,
}

impl BlockSummary {
    pub(super) fn of_rows(first: u64, rows: &[Row]) -> BlockSummary {
        let mut terms: Vec<ShortTerm> = rows.iter().flat_map(|row| row.terms.iter().copied()).collect();
        terms.sort_unstable();
        terms.dedup();
        BlockSummary::new(first, rows.iter().map(|row| row.time_ms), &terms)
    }

    fn of_block(first: u64, block: &Block<'_>) -> Option<BlockSummary> {
        Some(BlockSummary::new(first, block.times_ms.iter().copied(), &block.terms()?))
    }

    fn new(first: u64, times_ms: impl Iterator<Item = i64> + Clone, terms: &[ShortTerm]) -> BlockSummary {
        BlockSummary {
            first,
            count: u32::try_from(times_ms.clone().count()).unwrap_or(u32::MAX),
            time_ms_min: times_ms.clone().min().unwrap_or(i64::MAX),
            time_ms_max: times_ms.max().unwrap_or(i64::MIN),
            filter: Filter::new(terms),
        }
    }

    pub(super) fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

/// A Bloom filter of eight bits a term and three probes: wrong about one absent term in thirty.
#[derive(Clone, Debug)]
struct Filter {
    words: Box<[u64]>,
}

impl Filter {
    fn new(terms: &[ShortTerm]) -> Filter {
        let mut words = vec![0_u64; terms.len().div_ceil(8)].into_boxed_slice();
        for term in terms {
            for bit in Filter::bits(*term, words.len()) {
                if let Some(word) = words.get_mut(bit / 64) {
                    *word |= 1 << (bit % 64);
                }
            }
        }
        Filter { words }
    }

    fn may_have_all(&self, terms: &[ShortTerm]) -> bool {
        terms.iter().all(|term| {
            Filter::bits(*term, self.words.len())
                .iter()
                .all(|bit| self.words.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1))
        })
    }

    fn bits(term: ShortTerm, words: usize) -> [usize; 3] {
        // The term is a hash; multiplying spreads its bits for the three probes.
        let mixed = u64::from(term.0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (words as u64) * 64;
        [mixed & 0x1f_ffff, mixed >> 21 & 0x1f_ffff, mixed >> 42 & 0x1f_ffff]
            .map(|probe| ((probe * bits) >> 21) as usize)
    }
}

/// Request key to sequence numbers. In shards, so that growing moves one part in sixty-four at a time.
struct Requests {
    shards: Vec<HashMap<Key, u32, BuildHasherDefault<Identity>>>,
    /// Records of a key that has one already, which is a collision of hashes; and sequence numbers past u32.
    more: HashMap<u64, Vec<u64>>,
}

const SHARDS: u64 = 64;

impl Default for Requests {
    fn default() -> Requests {
        Requests { shards: (0..SHARDS).map(|_| HashMap::default()).collect(), more: HashMap::new() }
    }
}

impl Requests {
    fn insert(&mut self, RequestKey(key): RequestKey, sequence: u64) {
        let vacant = match self.shards.get_mut(shard_of(key)).map(|shard| shard.entry(Key::of(key))) {
            Some(Entry::Vacant(vacant)) => u32::try_from(sequence).ok().map(|sequence| (vacant, sequence)),
            _ => None,
        };
        match vacant {
            Some((vacant, sequence)) => {
                vacant.insert(sequence);
            }
            None => self.more.entry(key).or_default().push(sequence),
        }
    }

    fn find(&self, RequestKey(key): RequestKey) -> SmallVec<[u64; 1]> {
        let mut found = SmallVec::new();
        if let Some(first) = self.shards.get(shard_of(key)).and_then(|shard| shard.get(&Key::of(key))) {
            found.push(u64::from(*first));
        }
        if !self.more.is_empty()
            && let Some(more) = self.more.get(&key)
        {
            found.extend_from_slice(more);
        }
        found
    }
}

/// The map takes its place from the low bits and its tag from the high ones: these are between.
fn shard_of(key: u64) -> usize {
    usize::try_from(key >> 40 & (SHARDS - 1)).unwrap_or_default()
}

/// A request key in two halves, so that with its u32 it takes twelve bytes and not sixteen: 70 MB of ten
/// million.
#[derive(Eq, PartialEq)]
struct Key {
    high: u32,
    low: u32,
}

impl Key {
    fn of(key: u64) -> Key {
        let [a, b, c, d, rest @ ..] = key.to_be_bytes();
        Key { high: u32::from_be_bytes([a, b, c, d]), low: u32::from_be_bytes(rest) }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.high) << 32 | u64::from(self.low));
    }
}

/// The hash of a key that is a hash already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_forgets_no_term_and_knows_most_strangers() {
        let spread = |number: u32| ShortTerm(number.wrapping_mul(0x9e37_79b1));
        let terms: Vec<ShortTerm> = (0..3_000).map(spread).collect();
        let filter = Filter::new(&terms);
        assert!(terms.iter().all(|term| filter.may_have_all(&[*term])));
        let strangers = (3_000..13_000).filter(|number| filter.may_have_all(&[spread(*number)])).count();
        assert!(strangers < 600, "{strangers} of 10,000 strangers pass");
        assert!(!Filter::new(&[]).may_have_all(&[spread(1)]));
        assert!(Filter::new(&[]).may_have_all(&[]));
    }

    #[test]
    fn two_records_of_one_key_are_both_found() {
        let mut requests = Requests::default();
        requests.insert(RequestKey(7), 1);
        requests.insert(RequestKey(8), 2);
        requests.insert(RequestKey(7), 3);
        assert_eq!(requests.find(RequestKey(7)).as_slice(), [1, 3]);
        assert_eq!(requests.find(RequestKey(8)).as_slice(), [2]);
        assert!(requests.find(RequestKey(9)).is_empty());
        for sequence in [u64::from(u32::MAX), u64::from(u32::MAX) + 1] {
            requests.insert(RequestKey(sequence), sequence);
            assert_eq!(requests.find(RequestKey(sequence)).as_slice(), [sequence]);
        }
    }
}
