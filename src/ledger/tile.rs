//! Tiles: where the hashes and the entries of a log lie, as C2SP tlog-tiles has it. Arithmetic and paths alone.
//!
//! A tile holds up to 256 hashes of one level; a full tile is hashed into one hash of the level above.
//! Entries lie in bundles of up to 256, at paths of the same shape.
//! Source: <https://c2sp.org/tlog-tiles>.

use std::fmt::Write as _;
use std::iter;

use thiserror::Error;

use crate::ledger::proof::Node;
use crate::ledger::text::{beginning, parse_decimal};

/// The levels of the tree that one tile spans.
pub const TILE_HEIGHT: u8 = 8;
/// The hashes in a full tile, and the entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// The highest level a path may name.
pub const TILE_LEVEL_MAX: u8 = 63;

/// The place of the signed checkpoint within a log.
pub const CHECKPOINT_PATH: &str = "checkpoint";

/// The place of a tile in a log: level, number and width.
///
/// At level 0 it names 256 leaf hashes and, with [`Tile::entries_path`], the bundle of their entries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tile {
    level: u8,
    index: u64,
    // INVARIANT (tile width): 1 to 256; below 256 the tile is partial and never hashed into the level above.
    width: u16,
}

impl Tile {
    /// The tile at `level`, `index` from the left, with `width` hashes.
    ///
    /// # Errors
    /// When the level is above [`TILE_LEVEL_MAX`], or the width is not 1 to [`TILE_WIDTH`].
    pub fn new(level: u8, index: u64, width: u16) -> Result<Tile, TileError> {
        if level > TILE_LEVEL_MAX {
            Err(TileError::Level { level })
        } else if width == 0 || width > TILE_WIDTH {
            Err(TileError::Width { width })
        } else {
            Ok(Tile { level, index, width })
        }
    }

    /// The tile of the tree of `size` leaves at this place; `None` where that tree has no hash there.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Tile> {
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let there = hashes_at(level, size).checked_sub(before)?;
        let width = u16::try_from(there).map_or(TILE_WIDTH, |width| width.min(TILE_WIDTH));
        (width > 0).then_some(Tile { level, index, width })
    }

    /// The level, 0 for leaf hashes and entries.
    #[must_use]
    pub fn level(self) -> u8 {
        self.level
    }

    /// The number within the level, from 0.
    #[must_use]
    pub fn index(self) -> u64 {
        self.index
    }

    /// The number of hashes or entries in it, 1 to [`TILE_WIDTH`].
    #[must_use]
    pub fn width(self) -> u16 {
        self.width
    }

    /// Whether it has fewer hashes than a tile can hold, so that a larger tree may have more of it.
    #[must_use]
    pub fn is_partial(self) -> bool {
        self.width < TILE_WIDTH
    }

    /// The same tile with all its hashes, which may stand in for a partial one.
    #[must_use]
    pub fn full(self) -> Tile {
        Tile { width: TILE_WIDTH, ..self }
    }

    /// The path of its hashes: `tile/<level>/x001/x234/067`, with `.p/<width>` at the end of a partial one.
    #[must_use]
    pub fn path(self) -> String {
        self.path_under(&self.level.to_string())
    }

    /// The path of the bundle of entries with the number and width of this tile: `tile/entries/x001/x234/067`.
    #[must_use]
    pub fn entries_path(self) -> String {
        self.path_under("entries")
    }

    fn path_under(self, folder: &str) -> String {
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        let mut path = format!("tile/{folder}");
        for (place, group) in groups.iter().enumerate().rev() {
            // All groups but the last begin with an x, so that no file has the name of a folder.
            let mark = if place == 0 { "" } else { "x" };
            let _ = write!(path, "/{mark}{group:03}");
        }
        if self.is_partial() {
            let _ = write!(path, ".p/{}", self.width);
        }
        path
    }
}

/// What a path within a log names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TilePath {
    /// The hashes of a tile.
    Hashes(Tile),
    /// The bundle of entries with the number and width of this tile of level 0.
    Entries(Tile),
}

impl TilePath {
    /// Reads a path exactly as [`Tile::path`] and [`Tile::entries_path`] write it.
    ///
    /// # Errors
    /// [`TileError::Path`] for every other text.
    pub fn parse(path: &str) -> Result<TilePath, TileError> {
        let wrong = || TileError::Path { path: beginning(path) };
        let (folder, place) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or_else(wrong)?;
        let (number, width) = match place.split_once(".p/") {
            None => (place, TILE_WIDTH),
            Some((number, width)) => {
                let width = parse_decimal(width).and_then(|width| u16::try_from(width).ok());
                (number, width.filter(|width| *width < TILE_WIDTH).ok_or_else(wrong)?)
            }
        };
        let mut index = 0_u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            let value =
                Some(digits).filter(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()));
            let value: u64 = value.and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
            index = index.checked_mul(1000).and_then(|index| index.checked_add(value)).ok_or_else(wrong)?;
        }
        let level = if folder == "entries" {
            0
        } else {
            parse_decimal(folder).and_then(|level| u8::try_from(level).ok()).ok_or_else(wrong)?
        };
        let tile = Tile::new(level, index, width).map_err(|_| wrong())?;
        let (read, written) = if folder == "entries" {
            (TilePath::Entries(tile), tile.entries_path())
        } else {
            (TilePath::Hashes(tile), tile.path())
        };
        // What is left of other spellings: groups without their x, or zeros in front.
        if written == path { Ok(read) } else { Err(wrong()) }
    }
}

/// All tiles of the tree of `size` leaves, level by level and from left to right; a partial one ends its level.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    levels(size).flat_map(move |level| tiles_at(level, size))
}

/// The bundles of entries of a log of `size` entries: the tiles of level 0.
pub fn bundles(size: u64) -> impl Iterator<Item = Tile> {
    tiles_at(0, size)
}

/// The partial tiles of the tree of `size` leaves, from level 0 up: what changes when it grows.
pub fn partial_tiles(size: u64) -> impl Iterator<Item = Tile> {
    levels(size)
        .filter_map(move |level| Tile::in_tree(level, hashes_at(level, size) / u64::from(TILE_WIDTH), size))
}

fn tiles_at(level: u8, size: u64) -> impl Iterator<Item = Tile> {
    (0..hashes_at(level, size).div_ceil(u64::from(TILE_WIDTH)))
        .filter_map(move |index| Tile::in_tree(level, index, size))
}

fn levels(size: u64) -> impl Iterator<Item = u8> {
    iter::successors(Some(0), |level| Some(level + 1)).take_while(move |level| hashes_at(*level, size) > 0)
}

/// How many hashes there are at a level of tiles: floor(size / 256^level).
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}

/// Where the hashes lie that make up a complete subtree: the tile level, the index of the tile, the first hash in
/// it, and how many.
pub(super) fn place(node: Node) -> (u8, u64, usize, usize) {
    let level = node.level / TILE_HEIGHT;
    let inner = node.level % TILE_HEIGHT;
    // Within a tile, so the shifted index is that of a hash of this tree and fits.
    let first = node.index << inner;
    let within = usize::from(u8::try_from(first % u64::from(TILE_WIDTH)).unwrap_or(0));
    (level, first / u64::from(TILE_WIDTH), within, 1 << inner)
}

/// Why there is no such tile.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum TileError {
    /// A level that no log has.
    #[error("tiles have levels 0 to 63, not {level}")]
    Level {
        /// The level given.
        level: u8,
    },
    /// A width that no tile has.
    #[error("tiles have 1 to 256 hashes, not {width}")]
    Width {
        /// The width given.
        width: u16,
    },
    /// A text that is no path of a tile. Holds its first 80 characters.
    #[error("`{path}` is not the path of a tile or an entry bundle")]
    Path {
        /// What was given.
        path: String,
    },
    /// Other bytes than those of so many hashes.
    #[error("a tile of {width} hashes has {} bytes, not {found}", u32::from(*.width) * 32)]
    Length {
        /// The width of the tile.
        width: u16,
        /// The number of bytes found.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn paths(size: u64) -> Vec<String> {
        tiles(size).map(Tile::path).collect()
    }

    #[test]
    fn a_tree_has_the_tiles_that_the_specification_gives_it() {
        assert_eq!(paths(0), Vec::<String>::new());
        assert_eq!(paths(1), ["tile/0/000.p/1"]);
        assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(paths(257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        let large: Vec<Tile> = tiles(70_000).collect();
        let full = |level| large.iter().filter(|tile| tile.level() == level && !tile.is_partial()).count();
        assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
        let partial: Vec<String> = partial_tiles(70_000).map(Tile::path).collect();
        assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
        assert!(partial_tiles(70_000).eq(large.iter().copied().filter(|tile| tile.is_partial())));
        assert_eq!(partial_tiles(65_536).map(Tile::path).collect::<Vec<_>>(), ["tile/2/000.p/1"]);
        assert_eq!(bundles(70_000).count(), 274);
        assert_eq!(bundles(70_000).last().map(Tile::entries_path).as_deref(), Some("tile/entries/273.p/112"));
    }

    #[test]
    fn numbers_are_written_in_groups_of_three() {
        let path = |index| Tile::new(0, index, 256).unwrap().path();
        assert_eq!(path(0), "tile/0/000");
        assert_eq!(path(999), "tile/0/999");
        assert_eq!(path(1_000), "tile/0/x001/000");
        assert_eq!(path(1_234_067), "tile/0/x001/x234/067");
        assert_eq!(path(u64::MAX), "tile/0/x018/x446/x744/x073/x709/x551/615");
        assert_eq!(Tile::new(0, 1_234_067, 8).unwrap().entries_path(), "tile/entries/x001/x234/067.p/8");
    }

    #[test]
    fn other_spellings_are_no_paths() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000",
            "tile/0/x000/001",
            "tile/0/001/001",
            "tile/0/x001/x001",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/",
            "tile/0/000.p/1/",
            "tile/0/000.p/+1",
            "tile/0/+00",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "/tile/0/000",
            "tile/data/000",
            "tile/entries/",
            "tile/8/000",
        ] {
            let parsed = TilePath::parse(path);
            assert_eq!(parsed.is_ok(), path == "tile/8/000", "{path}: {parsed:?}");
        }
    }

    #[test]
    fn levels_and_widths_have_limits() {
        assert!(Tile::new(64, 0, 1).is_err());
        assert!(Tile::new(63, 0, 0).is_err());
        assert!(Tile::new(63, 0, 257).is_err());
        assert!(Tile::new(63, u64::MAX, 256).is_ok());
        assert_eq!(Tile::in_tree(9, 0, u64::MAX), None);
        assert_eq!(Tile::in_tree(0, u64::MAX, u64::MAX), None);
        assert_eq!(Tile::in_tree(7, 0, u64::MAX).map(Tile::width), Some(255));
    }

    proptest! {
        #[test]
        fn a_path_is_read_as_it_is_written(level in 0..=63_u8, index: u64, width in 1..=256_u16) {
            let tile = Tile::new(level, index, width).unwrap();
            prop_assert_eq!(TilePath::parse(&tile.path()), Ok(TilePath::Hashes(tile)));
            let bundle = Tile::new(0, index, width).unwrap();
            prop_assert_eq!(TilePath::parse(&bundle.entries_path()), Ok(TilePath::Entries(bundle)));
        }

        #[test]
        fn any_text_is_a_path_or_an_error(path in "(tile/)?[x0-9/p.entis]{0,24}|.{0,20}") {
            if let Ok(TilePath::Hashes(tile)) = TilePath::parse(&path) {
                prop_assert_eq!(tile.path(), path);
            }
        }
    }
}
