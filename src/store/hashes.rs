//! The hashes of the tree on the disk, from which proofs are made without reading entries.
//!
//! Full tiles lie one after another, one file for each level of tiles (C2SP tlog-tiles), so that a place is
//! arithmetic: 32.13 bytes an entry in all. They are derived and never synced. Nobody is given a proof from them
//! that was not checked against a signed root first, and where one does not hold, they are made anew.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ledger::{Accumulator, Digest, HashTile, TILE_WIDTH, Tile, TileBuilder, TileHashes, leaf_hash};
use crate::store::error::StoreError;
use crate::store::segment::{SegmentReader, Step, list_segments};

const FOLDER: &str = "hashes";
const TILE_BYTES: u64 = 32 * TILE_WIDTH as u64;
/// Levels of tiles that a log of 2⁶⁴ entries has.
const LEVELS_MAX: u8 = 8;
/// Full tiles kept in memory, 16 KiB each: the upper levels, and where readers last were.
const KEPT_MAX: usize = 64;

/// The tiles of a log: full ones in files, the right edge in memory.
pub(super) struct Hashes {
    folder: PathBuf,
    files: Vec<File>,
    builder: TileBuilder,
    /// The right edge as tiles, by level; made when asked for, and old after the next entry.
    edge: Option<Vec<Arc<HashTile>>>,
    kept: VecDeque<Arc<HashTile>>,
    full: Vec<HashTile>,
}

impl Hashes {
    /// The tiles of the log whose right edge is `tree`, as far as the files in the data folder hold them; the rest
    /// is made anew from the journal.
    pub(super) fn open(data: &Path, journal: &Path, tree: &Accumulator) -> Result<Hashes, StoreError> {
        let folder = Hashes::folder(data);
        if !folder.exists() {
            fs::create_dir(&folder).map_err(StoreError::io("create", &folder))?;
        }
        let mut hashes = Hashes {
            folder,
            files: Vec::new(),
            builder: TileBuilder::new(),
            edge: None,
            kept: VecDeque::new(),
            full: Vec::new(),
        };
        hashes.resume(journal, tree)?;
        Ok(hashes)
    }

    /// Where they lie in a data folder.
    pub(super) fn folder(data: &Path) -> PathBuf {
        data.join(FOLDER)
    }

    /// Makes them anew from the first entry on, because a proof did not hold.
    pub(super) fn rebuild(&mut self, journal: &Path, until: u64) -> Result<(), StoreError> {
        self.begin(TileBuilder::new());
        self.grow(journal, until)?;
        self.flush()
    }

    /// Goes on from the newest segment at whose start the files hold the tree that its header says.
    fn resume(&mut self, journal: &Path, tree: &Accumulator) -> Result<(), StoreError> {
        for first in list_segments(journal)?.into_iter().rev() {
            let (_, header) = SegmentReader::open(journal, first)?;
            let Some(before) = header.map(|header| header.before).filter(|before| before.size() == first)
            else {
                continue;
            };
            let resumed = TileBuilder::resume(first, |tile| self.partial(journal, tile));
            let Ok(builder) = resumed else { continue };
            self.begin(builder);
            let root = TileHashes::new(first, |tile| self.tile(tile)).root();
            if root.is_ok_and(|root| root == before.root()) {
                return self.grow(journal, tree.size());
            }
        }
        self.begin(TileBuilder::new());
        self.grow(journal, tree.size())
    }

    fn begin(&mut self, builder: TileBuilder) {
        self.builder = builder;
        self.edge = None;
        self.kept.clear();
    }

    /// A partial tile of a tree: its leaves from the journal, its nodes from the full tiles below.
    fn partial(&mut self, journal: &Path, tile: Tile) -> Result<HashTile, StoreError> {
        let first = tile.index() * u64::from(TILE_WIDTH);
        let hashes = match tile.level().checked_sub(1) {
            None => leaves(journal, first, first + u64::from(tile.width()))?,
            Some(below) => {
                let mut roots = Vec::with_capacity(usize::from(tile.width()));
                for index in first..first + u64::from(tile.width()) {
                    let full = self.read(below, index)?;
                    roots.extend(full.root());
                }
                roots
            }
        };
        HashTile::new(tile, &hashes).map_err(|_| short(&self.folder))
    }

    /// Adds entries of the journal up to sequence `until`.
    fn grow(&mut self, journal: &Path, until: u64) -> Result<(), StoreError> {
        let first = self.builder.size();
        if first < until {
            each_leaf(journal, first, until, |leaf| self.push(leaf))?;
        }
        Ok(())
    }

    /// Adds the leaves of a batch.
    pub(super) fn extend(&mut self, leaves: impl IntoIterator<Item = Digest>) {
        for leaf in leaves {
            self.push(leaf);
        }
    }

    fn push(&mut self, leaf: Digest) {
        self.edge = None;
        let mut full = std::mem::take(&mut self.full);
        self.builder.push(leaf, &mut full);
        for tile in full.drain(..) {
            // A tile that is not there makes a proof fail, and then it is made anew.
            let _ = self.write(&tile);
            if tile.tile().level() > 0 {
                self.keep(Arc::new(tile));
            }
        }
        self.full = full;
    }

    /// One tile of the tree as it is or as it was when it had fewer entries.
    pub(super) fn tile(&mut self, tile: Tile) -> Result<Arc<HashTile>, StoreError> {
        if let Some(kept) = self.kept.iter().find(|kept| covers(kept, tile)) {
            return cut(kept, tile);
        }
        let edge = self.edge.get_or_insert_with(|| {
            self.builder.partial_tiles().into_iter().map(Arc::new).collect::<Vec<_>>()
        });
        if let Some(edge) = edge.iter().find(|edge| covers(edge, tile)) {
            return cut(edge, tile);
        }
        let full = Arc::new(self.read(tile.level(), tile.index())?);
        self.keep(Arc::clone(&full));
        cut(&full, tile)
    }

    fn keep(&mut self, tile: Arc<HashTile>) {
        if self.kept.len() >= KEPT_MAX {
            // The upper levels are few and in every proof, so the oldest of the lowest level goes first.
            let lowest = self.kept.iter().position(|kept| kept.tile().level() == 0).unwrap_or(0);
            self.kept.remove(lowest);
        }
        self.kept.push_back(tile);
    }

    fn read(&mut self, level: u8, index: u64) -> Result<HashTile, StoreError> {
        let tile = Tile::new(level, index, TILE_WIDTH).map_err(|_| short(&self.folder))?;
        let mut bytes = vec![0; usize::try_from(TILE_BYTES).unwrap_or_default()];
        let path = self.path(level);
        let file = self.file(level)?;
        file.read_exact_at(&mut bytes, index * TILE_BYTES).map_err(StoreError::io("read", &path))?;
        HashTile::decode(tile, &bytes).map_err(|_| short(&path))
    }

    fn write(&mut self, tile: &HashTile) -> Result<(), StoreError> {
        let path = self.path(tile.tile().level());
        let file = self.file(tile.tile().level())?;
        let offset = tile.tile().index() * TILE_BYTES;
        file.write_all_at(&tile.encode(), offset).map_err(StoreError::io("write", &path))
    }

    fn file(&mut self, level: u8) -> Result<&File, StoreError> {
        while self.files.len() <= usize::from(level.min(LEVELS_MAX)) {
            let path = self.path(u8::try_from(self.files.len()).unwrap_or(LEVELS_MAX));
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            self.files.push(file.map_err(StoreError::io("open", &path))?);
        }
        self.files.get(usize::from(level)).ok_or_else(|| short(&self.folder))
    }

    fn path(&self, level: u8) -> PathBuf {
        self.folder.join(level.to_string())
    }

    /// Makes durable what is in the files, so that the next start need not make it anew.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        for (level, file) in (0..).zip(&self.files) {
            file.sync_data().map_err(StoreError::io("sync", &self.path(level)))?;
        }
        Ok(())
    }

    /// The number of entries.
    pub(super) fn size(&self) -> u64 {
        self.builder.size()
    }
}

/// Whether this tile holds all that `wanted` does, of the same place.
fn covers(tile: &HashTile, wanted: Tile) -> bool {
    let tile = tile.tile();
    (tile.level(), tile.index()) == (wanted.level(), wanted.index()) && tile.width() >= wanted.width()
}

/// The tile with as many hashes as `wanted` has: as it was when the tree was smaller.
fn cut(tile: &Arc<HashTile>, wanted: Tile) -> Result<Arc<HashTile>, StoreError> {
    if tile.tile() == wanted {
        return Ok(Arc::clone(tile));
    }
    let hashes = tile.hashes().get(..usize::from(wanted.width())).unwrap_or_default();
    HashTile::new(wanted, hashes).map(Arc::new).map_err(|_| short(Path::new(FOLDER)))
}

fn leaves(journal: &Path, from: u64, until: u64) -> Result<Vec<Digest>, StoreError> {
    let mut leaves = Vec::new();
    each_leaf(journal, from, until, |leaf| leaves.push(leaf))?;
    Ok(leaves)
}

/// The hashes of the entries from `from` up to `until`, out of the journal.
fn each_leaf(journal: &Path, from: u64, until: u64, mut take: impl FnMut(Digest)) -> Result<(), StoreError> {
    let segments = list_segments(journal)?;
    let start = segments.partition_point(|first| *first <= from).saturating_sub(1);
    let mut next = from;
    for first in segments.into_iter().skip(start) {
        if next >= until {
            break;
        }
        let (mut reader, _) = SegmentReader::open(journal, first)?;
        while reader.skip(next)?.is_some() {}
        while next < until
            && let Step::Batch(header) = reader.step()?
        {
            for (sequence, record) in (header.first..).zip(reader.records()) {
                if sequence == next && next < until {
                    take(leaf_hash(record.entry));
                    next += 1;
                }
            }
        }
    }
    if next == until { Ok(()) } else { Err(StoreError::damaged(next, "the journal lacks it")) }
}

fn short(path: &Path) -> StoreError {
    StoreError::Io {
        what: "read hashes of the tree in",
        path: path.to_owned(),
        source: std::io::ErrorKind::UnexpectedEof.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log that is larger than a tile of the second level would need too many entries here; two levels do.
    #[test]
    fn proofs_of_every_size_come_from_files_and_edge() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join(FOLDER);
        fs::create_dir(&folder).unwrap();
        let mut hashes = Hashes {
            folder,
            files: Vec::new(),
            builder: TileBuilder::new(),
            edge: None,
            kept: VecDeque::new(),
            full: Vec::new(),
        };
        let mut tree = Accumulator::new();
        let mut roots = vec![tree.root()];
        for leaf in 0..1_500_u64 {
            let leaf = leaf_hash(&leaf.to_be_bytes());
            hashes.extend([leaf]);
            tree.push(leaf);
            roots.push(tree.root());
            if leaf.as_bytes()[0] < 8 {
                let size = tree.size();
                let found = TileHashes::new(size, |tile| hashes.tile(tile)).root().unwrap();
                assert_eq!(found, tree.root());
            }
        }
        // Roots of every earlier size, when the log has gone on.
        for (size, root) in roots.iter().enumerate().skip(1) {
            let found = TileHashes::new(size as u64, |tile| hashes.tile(tile)).root().unwrap();
            assert_eq!(found, *root, "{size}");
        }
    }
}
