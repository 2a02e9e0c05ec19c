//! Reading a log out of its files, block by block.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::archive::{Archive, ArchiveError, Block, BlockEnd, Kind};
use crate::ledger::{BUNDLE_ENTRY_LENGTH_MAX, BodyState, HashTile, Record, SALT_LENGTH, Tile, decode_bundle};
use crate::store::{JournalEnd, JournalFiles, read_file};

/// Records in a block: enough that handing it to another thread costs nothing beside hashing it, and a multiple of 256,
/// the entries of a tile.
const BLOCK_RECORDS: usize = 4_096;
/// Bytes after which a block is closed, whatever it holds.
const BLOCK_BYTES: usize = 8 << 20;

/// The longest file of hashes.
pub(super) const HASHES_LENGTH_MAX: usize = 256 * 32;
/// The longest entry bundle.
const ENTRIES_LENGTH_MAX: usize = 256 * (2 + BUNDLE_ENTRY_LENGTH_MAX);
/// The longest file of bodies: each 16 MiB at most, as a store takes them.
const BODIES_LENGTH_MAX: usize = 256 * (5 + SALT_LENGTH + (16 << 20));

/// The records of a log in blocks, in order.
pub struct Blocks {
    source: Source,
    end: Option<BlockEnd>,
}

enum Source {
    Journal(Box<JournalFiles>),
    Bundles(Bundles),
}

impl Blocks {
    pub(super) fn open(archive: &Archive, from: u64) -> Result<Blocks, ArchiveError> {
        let source = match archive.kind {
            Kind::Data => Source::Journal(Box::new(JournalFiles::open(&archive.dir, from)?)),
            Kind::Export => Source::Bundles(Bundles::open(archive, from)?),
        };
        Ok(Blocks { source, end: None })
    }

    /// The next block; `None` at the end, which is then told by [`Blocks::end`]. The first block may begin before the
    /// sequence asked for.
    ///
    /// # Errors
    /// When a file cannot be read. Damage is no error: it is how the log ends.
    pub fn next_block(&mut self) -> Result<Option<Block>, ArchiveError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let (block, end) = match &mut self.source {
            Source::Journal(journal) => of_journal(journal)?,
            Source::Bundles(bundles) => bundles.next()?,
        };
        self.end = end;
        Ok((block.length() > 0).then_some(block))
    }

    /// How the log ends, once it was read to its end.
    #[must_use]
    pub fn end(&self) -> Option<&BlockEnd> {
        self.end.as_ref()
    }
}

/// Whole batches of the journal, until there are enough.
fn of_journal(journal: &mut JournalFiles) -> Result<(Block, Option<BlockEnd>), ArchiveError> {
    let mut block = Block::starting_at(journal.sequence());
    while block.length() < BLOCK_RECORDS && block.bytes() < BLOCK_BYTES {
        let read = journal.next(|batch| {
            block.joints.extend(batch.joint);
            for record in &batch.records {
                block.push(record);
            }
            block.root = Some(batch.root);
        })?;
        if let Err(end) = read {
            let end = match end {
                JournalEnd::Whole => BlockEnd::Whole,
                JournalEnd::Torn { bytes } => BlockEnd::Torn { bytes },
                JournalEnd::Damaged { first_bad, why } => {
                    BlockEnd::Damaged { first_bad, why: why.to_owned() }
                }
            };
            return Ok((block, Some(end)));
        }
    }
    Ok((block, None))
}

/// The bundles of an exported log.
struct Bundles {
    dir: PathBuf,
    /// Entries that are there, as far as bundles follow each other.
    size: u64,
    /// Entries that the newest checkpoint says there are.
    claimed: u64,
    next: u64,
    has_bodies: bool,
}

impl Bundles {
    fn open(archive: &Archive, from: u64) -> Result<Bundles, ArchiveError> {
        let dir = archive.dir.clone();
        // What a checkpoint says is not believed yet: it must not hide entries that are there.
        let (size, claimed) = (entries_found(&dir), archive.size_claimed()?);
        let has_bodies = dir.join("bodies").is_dir();
        Ok(Bundles { dir, size, claimed, next: from / 256, has_bodies })
    }

    /// How the log ends after the last bundle that is there.
    fn end(&self) -> BlockEnd {
        match Tile::in_tree(0, self.size / 256, self.claimed).filter(|_| self.size < self.claimed) {
            Some(tile) => BlockEnd::Damaged {
                first_bad: self.size,
                why: format!("`{}` is missing", tile.entries_path()),
            },
            None => BlockEnd::Whole,
        }
    }

    fn next(&mut self) -> Result<(Block, Option<BlockEnd>), ArchiveError> {
        let mut block = Block::starting_at(self.next * 256);
        while block.length() < BLOCK_RECORDS && block.bytes() < BLOCK_BYTES {
            let Some(tile) = Tile::in_tree(0, self.next, self.size) else {
                return Ok((block, Some(self.end())));
            };
            if let Err(why) = self.bundle(tile, &mut block)? {
                let first_bad = block.end();
                return Ok((block, Some(BlockEnd::Damaged { first_bad, why })));
            }
            self.next += 1;
        }
        Ok((block, None))
    }

    /// Adds one bundle, or says why it cannot be used.
    fn bundle(&self, tile: Tile, block: &mut Block) -> Result<Result<(), String>, ArchiveError> {
        let missing = |path: &str| Ok(Err(format!("`{path}` is missing")));
        let entries_path = tile.entries_path();
        let Some(bytes) = read(&self.dir.join(&entries_path), ENTRIES_LENGTH_MAX)? else {
            return missing(&entries_path);
        };
        let entries = match decode_bundle(&bytes, tile.width()) {
            Ok(entries) => entries,
            Err(fault) => return Ok(Err(format!("`{entries_path}`: {fault}"))),
        };
        let hashes_path = tile.path();
        let Some(bytes) = read(&self.dir.join(&hashes_path), HASHES_LENGTH_MAX)? else {
            return missing(&hashes_path);
        };
        let hashes = match HashTile::decode(tile, &bytes) {
            Ok(hashes) => hashes,
            Err(fault) => return Ok(Err(format!("`{hashes_path}`: {fault}"))),
        };
        let bodies_path = bodies_path(tile);
        let bodies =
            if self.has_bodies { read(&self.dir.join(&bodies_path), BODIES_LENGTH_MAX)? } else { None };
        let mut rest = bodies.as_deref().unwrap_or_default();
        for (entry, leaf) in entries.iter().zip(hashes.hashes()) {
            let body = match (self.has_bodies, split_body(rest)) {
                (false, _) => BodyState::NotGiven,
                (true, None) => BodyState::Lost,
                (true, Some((body, after))) => {
                    rest = after;
                    body
                }
            };
            block.push(&Record { entry, leaf: Some(leaf), body });
        }
        if !rest.is_empty() {
            return Ok(Err(format!("`{bodies_path}` does not end with the last body of its bundle")));
        }
        Ok(Ok(()))
    }
}

/// Where the bodies of a bundle lie.
pub(super) fn bodies_path(tile: Tile) -> String {
    tile.entries_path().replacen("tile/entries", "bodies", 1)
}

/// The body at the front of a file of bodies, and what follows it.
fn split_body(bytes: &[u8]) -> Option<(BodyState<'_>, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (kept, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    match kind {
        1 => {
            let (salt, body) = kept.split_first_chunk::<SALT_LENGTH>()?;
            Some((BodyState::Kept { salt, body }, rest))
        }
        2 if kept.is_empty() => Some((BodyState::Erased, rest)),
        3 if kept.is_empty() => Some((BodyState::NotGiven, rest)),
        _ => None,
    }
}

/// Adds a body to a file of bodies, as [`split_body`] reads it.
pub(super) fn push_body(bytes: &mut Vec<u8>, body: BodyState<'_>) {
    match body {
        BodyState::Kept { salt, body } => {
            bytes.push(1);
            let length = u32::try_from(salt.len() + body.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(salt);
            bytes.extend_from_slice(body);
        }
        BodyState::Erased => bytes.extend_from_slice(&[2, 0, 0, 0, 0]),
        // A lost one is left out too: `verify` says of the log itself that it is lost.
        BodyState::NotGiven | BodyState::Lost => bytes.extend_from_slice(&[3, 0, 0, 0, 0]),
    }
}

/// How many entries there are, as far as bundles follow each other.
fn entries_found(dir: &Path) -> u64 {
    let full = (0..).take_while(|index| {
        Tile::new(0, *index, 256).is_ok_and(|tile| dir.join(tile.entries_path()).is_file())
    });
    let full = full.count() as u64;
    let partial = (1..256_u16)
        .rev()
        .find(|width| Tile::new(0, full, *width).is_ok_and(|tile| dir.join(tile.entries_path()).is_file()));
    full * 256 + u64::from(partial.unwrap_or(0))
}

fn read(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, ArchiveError> {
    match read_file(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArchiveError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_as_they_are_written() {
        let mut bytes = Vec::new();
        push_body(&mut bytes, BodyState::Kept { salt: &[7; SALT_LENGTH], body: b"body" });
        push_body(&mut bytes, BodyState::Erased);
        push_body(&mut bytes, BodyState::NotGiven);
        let (first, rest) = split_body(&bytes).unwrap();
        assert_eq!(first, BodyState::Kept { salt: &[7; SALT_LENGTH], body: b"body" });
        let (second, rest) = split_body(rest).unwrap();
        assert_eq!(second, BodyState::Erased);
        assert_eq!(split_body(rest), Some((BodyState::NotGiven, &[][..])));
        assert_eq!(split_body(&bytes[..20]), None);
    }
}
