//! The hashes of tiles: a tree written as tiles, and every root and proof read back from them.

use std::sync::Arc;

use thiserror::Error;

use crate::ledger::hash::{AccumulatorError, Digest, node_hash};
use crate::ledger::proof::{self, Node};
use crate::ledger::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileError, partial_tiles, place};

/// A tile with its hashes, and the complete subtrees within it worked out once: 16 KiB where it is full.
///
/// To keep hot ones is to make proofs lookups; how many is for the caller to bound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HashTile {
    tile: Tile,
    // Row by row: the hashes of the tile, then the nodes over pairs of them, and so on up to height 8.
    rows: Vec<Digest>,
}

impl HashTile {
    /// The tile with these hashes.
    ///
    /// # Errors
    /// [`TileError::Length`] when they are not as many as the tile is wide.
    pub fn new(tile: Tile, hashes: &[Digest]) -> Result<HashTile, TileError> {
        if hashes.len() != usize::from(tile.width()) {
            return Err(TileError::Length { width: tile.width(), found: hashes.len() * Digest::LENGTH });
        }
        Ok(HashTile::over(tile, hashes))
    }

    /// As [`HashTile::new`], where the number of hashes is known to be the width of the tile.
    fn over(tile: Tile, hashes: &[Digest]) -> HashTile {
        let mut rows = Vec::with_capacity(2 * hashes.len());
        rows.extend_from_slice(hashes);
        let mut start = 0;
        let mut length = hashes.len();
        while length > 1 {
            for pair in (start..start + length - length % 2).step_by(2) {
                if let (Some(left), Some(right)) = (rows.get(pair), rows.get(pair + 1)) {
                    let node = node_hash(left, right);
                    rows.push(node);
                }
            }
            start += length;
            length /= 2;
        }
        HashTile { tile, rows }
    }

    /// Reads the bytes of a tile: its hashes, one after another.
    ///
    /// # Errors
    /// [`TileError::Length`] when they are fewer or more than the width calls for.
    pub fn decode(tile: Tile, bytes: &[u8]) -> Result<HashTile, TileError> {
        let (hashes, rest) = bytes.as_chunks::<{ Digest::LENGTH }>();
        if !rest.is_empty() {
            return Err(TileError::Length { width: tile.width(), found: bytes.len() });
        }
        let hashes: Vec<Digest> = hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect();
        HashTile::new(tile, &hashes)
    }

    /// The bytes of the tile as they are written: 32 for each hash.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_hashes(self.hashes())
    }

    /// Where it lies and how wide it is.
    #[must_use]
    pub fn tile(&self) -> Tile {
        self.tile
    }

    /// Its hashes, as many as it is wide.
    #[must_use]
    pub fn hashes(&self) -> &[Digest] {
        self.rows.get(..usize::from(self.tile.width())).unwrap_or(&self.rows)
    }

    /// The hash over all of a full tile, which stands in the level above; `None` for a partial one.
    #[must_use]
    pub fn root(&self) -> Option<Digest> {
        if self.tile.is_partial() { None } else { self.rows.last().copied() }
    }

    /// The node of height `inner` (0 to 8) over the hashes from `first`; `None` where the tile has none.
    fn node(&self, inner: u8, first: usize) -> Option<Digest> {
        let width = usize::from(self.tile.width());
        let row = (0..inner).map(|row| width >> row).sum::<usize>();
        let within = first >> inner;
        if within < width >> inner { self.rows.get(row + within).copied() } else { None }
    }
}

fn encode_hashes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The tree of one size, read from its tiles.
///
/// Tiles come from `fetch`, which is asked for exactly the tiles of that tree, each once while it is among the last
/// 16 fetched. They are believed: whoever did not write them checks the root or the proof that they give.
#[derive(Debug)]
pub struct TileHashes<F> {
    size: u64,
    fetch: F,
    recent: Vec<Arc<HashTile>>,
}

/// A proof touches at most 8 tiles on the path of a leaf and 8 on the right edge.
const RECENT_MAX: usize = 16;

impl<F, E> TileHashes<F>
where
    F: FnMut(Tile) -> Result<Arc<HashTile>, E>,
{
    /// The tree of `size` leaves whose tiles `fetch` has.
    pub fn new(size: u64, fetch: F) -> TileHashes<F> {
        TileHashes { size, fetch, recent: Vec::new() }
    }

    /// The root of the tree.
    ///
    /// # Errors
    /// When a tile cannot be fetched or is another one than asked for.
    pub fn root(&mut self) -> Result<Digest, FetchError<E>> {
        self.root_of(self.size)
    }

    /// The root that the tree had at `size` leaves.
    ///
    /// # Errors
    /// [`FetchError::Outside`] when it is larger than the tree; else as [`TileHashes::root`].
    pub fn root_of(&mut self, size: u64) -> Result<Digest, FetchError<E>> {
        if size > self.size {
            return Err(FetchError::Outside { size: self.size });
        }
        proof::tree_root(size, |node| self.hash(node))
    }

    /// The proof that leaf `index` is in this tree, see [`crate::ledger::inclusion_proof`].
    ///
    /// # Errors
    /// When there is no such leaf, or as [`TileHashes::root`].
    pub fn inclusion_proof(&mut self, index: u64) -> Result<Vec<Digest>, proof::BuildError<FetchError<E>>> {
        proof::inclusion_proof(index, self.size, |node| self.hash(node))
    }

    /// The proof that this tree continues the one of `old` leaves, see [`crate::ledger::consistency_proof`].
    ///
    /// # Errors
    /// When `old` is 0 or larger than the tree, or as [`TileHashes::root`].
    pub fn consistency_proof(&mut self, old: u64) -> Result<Vec<Digest>, proof::BuildError<FetchError<E>>> {
        proof::consistency_proof(old, self.size, |node| self.hash(node))
    }

    /// The hash of a complete subtree of this tree.
    ///
    /// # Errors
    /// [`FetchError::Outside`] when the tree does not have it; else as [`TileHashes::root`].
    pub fn hash(&mut self, node: Node) -> Result<Digest, FetchError<E>> {
        let (level, index, first, _) = place(node);
        let outside = FetchError::Outside { size: self.size };
        let known =
            self.recent.iter().find(|known| known.tile().level() == level && known.tile().index() == index);
        let tile = if let Some(known) = known {
            Arc::clone(known)
        } else {
            let tile = Tile::in_tree(level, index, self.size).ok_or(outside)?;
            let fetched = (self.fetch)(tile).map_err(FetchError::Fetch)?;
            if fetched.tile() != tile {
                return Err(FetchError::Other { expected: tile, found: fetched.tile() });
            }
            if self.recent.len() == RECENT_MAX {
                self.recent.remove(0);
            }
            self.recent.push(Arc::clone(&fetched));
            fetched
        };
        tile.node(node.level % TILE_HEIGHT, first).ok_or(FetchError::Outside { size: self.size })
    }
}

/// Why a hash could not be had from tiles.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FetchError<E> {
    /// The tile could not be fetched.
    #[error(transparent)]
    Fetch(E),
    /// Another tile came than was asked for.
    #[error("asked for the tile {}, and {} came", expected.path(), found.path())]
    Other {
        /// The tile of the tree.
        expected: Tile,
        /// The tile that came.
        found: Tile,
    },
    /// The tree has no such subtree.
    #[error("a tree of {size} entries has no such hash")]
    Outside {
        /// The size of the tree.
        size: u64,
    },
}

/// A tree in the making, as tiles: full ones come out as they are completed, partial ones stay.
///
/// Holds the right edge only, at most 255 hashes for each of 8 levels.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TileBuilder {
    size: u64,
    // INVARIANT (ledger_is_append_only): level by level the hashes of the partial tile, as `partial_tiles(size)`.
    edge: Vec<Vec<Digest>>,
}

impl TileBuilder {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> TileBuilder {
        TileBuilder::default()
    }

    /// The tree of `size` leaves whose partial tiles `partial` has; it is asked for each of them.
    ///
    /// # Errors
    /// The first one of `partial`, or [`FetchError::Other`] when another tile comes.
    pub fn resume<E>(
        size: u64,
        mut partial: impl FnMut(Tile) -> Result<HashTile, E>,
    ) -> Result<TileBuilder, FetchError<E>> {
        let mut builder = TileBuilder { size, edge: Vec::new() };
        for expected in partial_tiles(size) {
            let tile = partial(expected).map_err(FetchError::Fetch)?;
            if tile.tile() != expected {
                return Err(FetchError::Other { expected, found: tile.tile() });
            }
            builder.level(expected.level()).extend_from_slice(tile.hashes());
        }
        Ok(builder)
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf on the right; the tiles that it completes are added to `full`, the lowest first.
    pub fn push(&mut self, leaf: Digest, full: &mut Vec<HashTile>) {
        self.size += 1;
        self.push_at(0, leaf, full);
    }

    /// Adds 256 leaves at once, where a tile of level 0 begins; that tile and those above that it completes are
    /// added to `full`. Gives the tile back where it is not full or not the next one.
    ///
    /// # Errors
    /// The tile itself, boxed as it is large.
    pub fn push_tile(&mut self, tile: HashTile, full: &mut Vec<HashTile>) -> Result<(), Box<HashTile>> {
        let width = u64::from(TILE_WIDTH);
        let next = self.size.is_multiple_of(width) && tile.tile().index() == self.size / width;
        match tile.root() {
            Some(root) if next && tile.tile().level() == 0 => {
                full.push(tile);
                self.size += width;
                self.push_at(1, root, full);
                Ok(())
            }
            _ => Err(Box::new(tile)),
        }
    }

    /// Adds 256 leaves by the root over them alone, as [`crate::ledger::Chunk::tile_roots`] gives it: the tile of
    /// level 0 is left out of `full`, those above that it completes are added.
    ///
    /// # Errors
    /// [`AccumulatorError::Place`] where no tile of level 0 begins.
    pub fn push_tile_root(&mut self, root: Digest, full: &mut Vec<HashTile>) -> Result<(), AccumulatorError> {
        if !self.size.is_multiple_of(u64::from(TILE_WIDTH)) {
            return Err(AccumulatorError::Place { size: self.size, level: TILE_HEIGHT });
        }
        self.size += u64::from(TILE_WIDTH);
        self.push_at(1, root, full);
        Ok(())
    }

    /// The partial tiles, from level 0 up.
    #[must_use]
    pub fn partial_tiles(&self) -> Vec<HashTile> {
        let hashes = |tile: Tile| self.edge.get(usize::from(tile.level()))?.get(..usize::from(tile.width()));
        partial_tiles(self.size).filter_map(|tile| Some(HashTile::over(tile, hashes(tile)?))).collect()
    }

    fn push_at(&mut self, mut level: u8, mut hash: Digest, full: &mut Vec<HashTile>) {
        loop {
            let edge = self.level(level);
            edge.push(hash);
            if edge.len() < usize::from(TILE_WIDTH) {
                return;
            }
            let hashes = std::mem::take(edge);
            let index = (self.size >> (TILE_HEIGHT * (level + 1))) - 1;
            let Ok(tile) = Tile::new(level, index, TILE_WIDTH) else { return };
            let tile = HashTile::over(tile, &hashes);
            let Some(root) = tile.root() else { return };
            full.push(tile);
            hash = root;
            level += 1;
        }
    }

    fn level(&mut self, level: u8) -> &mut Vec<Digest> {
        let level = usize::from(level);
        if self.edge.len() <= level {
            self.edge.resize_with(level + 1, Vec::new);
        }
        #[expect(clippy::indexing_slicing, reason = "the level was just made")]
        &mut self.edge[level]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{Accumulator, leaf_hash, verify_consistency, verify_inclusion};

    /// A log kept as tiles in memory, by path, as files would be.
    struct Kept {
        tiles: BTreeMap<String, Vec<u8>>,
        builder: TileBuilder,
        roots: Vec<Digest>,
    }

    fn leaf(index: u64) -> Digest {
        leaf_hash(&index.to_le_bytes())
    }

    /// The full tiles of a tree, and the partial ones of the given sizes.
    fn keep(size: u64, partial_at: &[u64]) -> Kept {
        let mut tree = Accumulator::new();
        let mut kept = Kept { tiles: BTreeMap::new(), builder: TileBuilder::new(), roots: vec![tree.root()] };
        let mut full = Vec::new();
        for index in 0..size {
            tree.push(leaf(index));
            kept.roots.push(tree.root());
            kept.builder.push(leaf(index), &mut full);
            if partial_at.contains(&(index + 1)) {
                full.extend(kept.builder.partial_tiles());
            }
            kept.tiles.extend(full.drain(..).map(|tile| (tile.tile().path(), tile.encode())));
        }
        kept
    }

    fn fetch(kept: &Kept) -> impl FnMut(Tile) -> Result<Arc<HashTile>, String> {
        |tile| {
            let bytes = kept.tiles.get(&tile.path()).ok_or_else(|| tile.path())?;
            Ok(Arc::new(HashTile::decode(tile, bytes).unwrap()))
        }
    }

    #[test]
    fn a_log_has_the_tiles_of_its_size_and_no_others() {
        let kept = keep(70_000, &[70_000]);
        let paths: BTreeMap<String, Vec<u8>> =
            super::super::tile::tiles(70_000).map(|tile| (tile.path(), vec![])).collect();
        assert!(kept.tiles.keys().eq(paths.keys()));
    }

    #[test]
    fn roots_and_proofs_from_tiles_are_those_of_the_tree() {
        let sizes = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000];
        let kept = keep(66_000, &sizes);
        let root = |size: u64| kept.roots[usize::try_from(size).unwrap()];
        for size in sizes {
            let mut hashes = TileHashes::new(size, fetch(&kept));
            assert_eq!(hashes.root(), Ok(root(size)));
            for index in (0..size).step_by(997).chain([size - 1]) {
                let proof = hashes.inclusion_proof(index).unwrap();
                assert_eq!(verify_inclusion(&leaf(index), index, size, &proof, &root(size)), Ok(()));
            }
            for old in (1..=size).step_by(991).chain([size]) {
                let proof = hashes.consistency_proof(old).unwrap();
                assert_eq!(verify_consistency(old, &root(old), size, &root(size), &proof), Ok(()));
                assert_eq!(hashes.root_of(old), Ok(root(old)));
            }
            assert!(hashes.inclusion_proof(size).is_err());
            assert_eq!(hashes.root_of(size + 1), Err(FetchError::Outside { size }));
            assert!(hashes.hash(Node { level: 0, index: size }).is_err());
            assert!(hashes.hash(Node { level: 63, index: 1 }).is_err());
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_partial_tiles() {
        for size in [0, 1, 255, 256, 257, 65_536, 65_600] {
            let kept = keep(size, &[size]);
            let partial =
                |tile: Tile| Ok::<_, TileError>(HashTile::decode(tile, &kept.tiles[&tile.path()]).unwrap());
            let mut resumed = TileBuilder::resume(size, partial).unwrap();
            assert_eq!(resumed, kept.builder);
            let mut one_by_one = kept.builder;
            let (mut left, mut right) = (Vec::new(), Vec::new());
            for index in size..size + 300 {
                one_by_one.push(leaf(index), &mut left);
                resumed.push(leaf(index), &mut right);
            }
            assert_eq!((one_by_one, left), (resumed, right));
        }
    }

    #[test]
    fn a_whole_tile_is_as_good_as_its_leaves() {
        let (mut one_by_one, mut at_once) = (TileBuilder::new(), TileBuilder::new());
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for index in 0..257 {
            let leaves: Vec<Digest> = (index * 256..(index + 1) * 256).map(leaf).collect();
            for leaf in &leaves {
                one_by_one.push(*leaf, &mut left);
            }
            let tile = HashTile::new(Tile::new(0, index, 256).unwrap(), &leaves).unwrap();
            assert!(at_once.push_tile(tile.clone(), &mut right).is_ok());
            assert!(at_once.push_tile(tile, &mut right).is_err(), "it is not the next one");
        }
        let mut by_root = TileBuilder::new();
        let mut upper = Vec::new();
        for tile in right.iter().filter(|tile| tile.tile().level() == 0) {
            by_root.push_tile_root(tile.root().unwrap(), &mut upper).unwrap();
        }
        assert_eq!(by_root, at_once);
        assert!(upper.iter().eq(left.iter().filter(|tile| tile.tile().level() > 0)));
        assert_eq!((one_by_one, left), (at_once, right));
        by_root.push(leaf(0), &mut upper);
        assert!(by_root.push_tile_root(leaf(0), &mut upper).is_err());
    }

    #[test]
    fn a_tile_of_another_length_is_refused() {
        let tile = Tile::new(0, 0, 3).unwrap();
        assert!(HashTile::decode(tile, &[0; 96]).is_ok());
        for length in [0, 32, 64, 95, 97, 128, 8_192] {
            assert_eq!(
                HashTile::decode(tile, &vec![0; length]),
                Err(TileError::Length { width: 3, found: length })
            );
        }
        let other = Arc::new(HashTile::decode(tile, &[0; 96]).unwrap());
        let mut hashes = TileHashes::new(2, |_| Ok::<_, TileError>(Arc::clone(&other)));
        assert!(matches!(hashes.root(), Err(FetchError::Other { .. })));
    }

    #[test]
    fn a_tile_that_is_not_there_is_said() {
        let kept = keep(300, &[]);
        assert_eq!(
            TileHashes::new(300, fetch(&kept)).root(),
            Err(FetchError::Fetch(String::from("tile/0/001.p/44")))
        );
    }

    proptest! {
        #[test]
        fn the_root_of_a_full_tile_is_that_of_the_tree(hashes in prop::collection::vec(any::<[u8; 32]>(), 1..=256)) {
            let hashes: Vec<Digest> = hashes.into_iter().map(Digest::from_bytes).collect();
            let width = u16::try_from(hashes.len()).unwrap();
            let tile = HashTile::new(Tile::new(0, 0, width).unwrap(), &hashes).unwrap();
            let mut tree = Accumulator::new();
            for hash in &hashes {
                tree.push(*hash);
            }
            prop_assert_eq!(tile.root(), (width == 256).then(|| tree.root()));
            prop_assert_eq!(tile.hashes(), &hashes[..]);
            prop_assert_eq!(HashTile::decode(tile.tile(), &tile.encode()), Ok(tile));
        }
    }
}
