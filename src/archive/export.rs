//! A log written in the layout of C2SP tlog-tiles, so that standard tools check it.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::archive::read::{bodies_path, push_body};
use crate::archive::trust::Believed;
use crate::archive::{Archive, ArchiveError, Block, BlockEnd, KEYS};
use crate::ledger::{
    BodyState, CHECKPOINT_PATH, Checkpoint, Digest, EntryKind, HashTile, Record, TILE_WIDTH, Tile,
    TileBuilder, TileHashes, encode_bundle, leaf_hash,
};

/// What was exported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exported {
    /// Entries written, all under the checkpoint.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// Entries that the log holds after its newest checkpoint; they are not part of the export.
    pub left: u64,
    /// Files written.
    pub files: u64,
}

/// Why a log was not exported; the folder then has no `checkpoint`, and is no log.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something lies there already.
    #[error("`{}` is not empty; give a folder that is new or empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing to stand under.
    #[error("the log has no checkpoint that its own keys sign; start the daemon once, or verify the log")]
    NoCheckpoint,
    /// The log is not what its checkpoint says.
    #[error("the log is damaged from sequence {first_bad} on: {why}; see `slagboom verify`")]
    Damaged {
        /// The first record that is missing or altered, as far as it is known.
        first_bad: u64,
        /// What was found.
        why: String,
    },
}

/// Writes the log, as far as its newest checkpoint covers it, to a new or empty folder.
///
/// The `checkpoint` is written last, and only when the entries lead to it, so that half an export is none.
///
/// # Errors
/// [`ExportError`].
pub fn export_tiles(
    archive: &Archive,
    out: &Path,
    with_bodies: bool,
    mut progress: impl FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let (checkpoint, text) = newest_checkpoint(archive)?;
    let size = checkpoint.size();
    let mut files = Files::open(out)?;
    let mut builder = TileBuilder::new();
    let mut bundle = Bundle::default();
    let mut blocks = archive.blocks(0)?;
    let mut found = 0;
    while let Some(block) = blocks.next_block()? {
        found = block.end();
        add_block(&block, size, &mut builder, &mut bundle, &mut files, with_bodies)?;
        progress(builder.size(), size);
    }
    if builder.size() < size {
        let why = match blocks.end() {
            Some(BlockEnd::Damaged { why, .. }) => why.clone(),
            _ => format!("its checkpoint says that there are {size} entries"),
        };
        return Err(ExportError::Damaged { first_bad: builder.size(), why });
    }
    let partial = builder.partial_tiles();
    for tile in &partial {
        files.write(&tile.tile().path(), &tile.encode())?;
    }
    if let Some(tile) = Tile::in_tree(0, size / u64::from(TILE_WIDTH), size) {
        bundle.write(tile, &mut files)?;
    }
    let root = root(out, size, &partial)?;
    if root != *checkpoint.root() {
        let why = "its entries do not lead to the root of its checkpoint".to_owned();
        return Err(ExportError::Damaged { first_bad: 0, why });
    }
    let mut keys = String::new();
    for key in archive.verifiers()? {
        keys.push_str(&key.to_string());
        keys.push('\n');
    }
    files.write(KEYS, keys.as_bytes())?;
    for kept in archive.checkpoints()? {
        let older =
            kept.path.file_name().and_then(|name| name.to_str()).filter(|name| *name != CHECKPOINT_PATH);
        if let Some(name) = older.filter(|name| name.parse::<u64>().is_ok_and(|older| older <= size)) {
            files.write(&format!("checkpoints/{name}"), &kept.bytes)?;
        }
    }
    files.sync()?;
    files.write(CHECKPOINT_PATH, &text)?;
    files.sync()?;
    Ok(Exported { size, root, left: found - size, files: files.count })
}

/// The newest checkpoint that a key of the log itself signs.
fn newest_checkpoint(archive: &Archive) -> Result<(Checkpoint, Vec<u8>), ExportError> {
    let trust = Believed::new(archive.verifiers()?).trust(&[], 0).ok_or(ExportError::NoCheckpoint)?;
    let mut kept = archive.checkpoints()?.into_iter().rev();
    kept.find_map(|kept| Some((Checkpoint::open(&kept.bytes, &trust).ok()?.checkpoint, kept.bytes)))
        .ok_or(ExportError::NoCheckpoint)
}

/// The root that the written tiles have.
fn root(out: &Path, size: u64, partial: &[HashTile]) -> Result<Digest, ExportError> {
    let fetch = |tile: Tile| -> Result<std::sync::Arc<HashTile>, ExportError> {
        if let Some(found) = partial.iter().find(|found| found.tile() == tile) {
            return Ok(std::sync::Arc::new(found.clone()));
        }
        let path = out.join(tile.path());
        let bytes = fs::read(&path).map_err(|source| ArchiveError::Read { path: path.clone(), source })?;
        let why = |_| ExportError::Damaged { first_bad: 0, why: format!("`{}` was altered", tile.path()) };
        HashTile::decode(tile, &bytes).map(std::sync::Arc::new).map_err(why)
    };
    TileHashes::new(size, fetch)
        .root()
        .map_err(|fault| ExportError::Damaged { first_bad: 0, why: fault.to_string() })
}

fn add_block(
    block: &Block,
    size: u64,
    builder: &mut TileBuilder,
    bundle: &mut Bundle,
    files: &mut Files,
    with_bodies: bool,
) -> Result<(), ExportError> {
    let mut full = Vec::new();
    let left = usize::try_from(size.saturating_sub(block.first())).unwrap_or(usize::MAX);
    for (sequence, record) in (block.first()..).zip(block.records().take(left)) {
        builder.push(leaf_hash(record.entry), &mut full);
        bundle.push(record.entry, if with_bodies { record.body } else { nameless(&record) });
        if builder.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            for tile in full.drain(..) {
                files.write(&tile.tile().path(), &tile.encode())?;
            }
            let index = sequence / u64::from(TILE_WIDTH);
            if let Ok(tile) = Tile::new(0, index, TILE_WIDTH) {
                bundle.write(tile, files)?;
            }
        }
    }
    Ok(())
}

/// The body of a record in an export without names: those of decisions are left out, and those that say which law, which
/// key and which erasures stay.
fn nameless<'a>(record: &Record<'a>) -> BodyState<'a> {
    let is_decision = record.entry.get(1) == Some(&EntryKind::DecisionMade.number());
    if is_decision && record.body != BodyState::Erased { BodyState::NotGiven } else { record.body }
}

/// The entries of a bundle, until there are 256.
#[derive(Default)]
struct Bundle {
    entries: Vec<Vec<u8>>,
    bodies: Vec<u8>,
}

impl Bundle {
    fn push(&mut self, entry: &[u8], body: BodyState<'_>) {
        self.entries.push(entry.to_vec());
        push_body(&mut self.bodies, body);
    }

    fn write(&mut self, tile: Tile, files: &mut Files) -> Result<(), ExportError> {
        let entries = std::mem::take(&mut self.entries);
        let bytes = encode_bundle(entries.iter().map(Vec::as_slice)).map_err(|fault| {
            ExportError::Damaged { first_bad: tile.index() * u64::from(TILE_WIDTH), why: fault.to_string() }
        })?;
        files.write(&tile.entries_path(), &bytes)?;
        files.write(&bodies_path(tile), &self.bodies)?;
        self.bodies.clear();
        Ok(())
    }
}

/// The folder that is written to.
struct Files {
    out: PathBuf,
    made: BTreeSet<PathBuf>,
    count: u64,
}

impl Files {
    fn open(out: &Path) -> Result<Files, ExportError> {
        let failed = |source| ExportError::Write { path: out.to_owned(), source };
        // Bodies name people: the folder is for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(out).map_err(failed)?;
        if fs::read_dir(out).map_err(failed)?.next().is_some() {
            return Err(ExportError::NotEmpty { path: out.to_owned() });
        }
        Ok(Files { out: out.to_owned(), made: BTreeSet::new(), count: 0 })
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let path = self.out.join(path);
        let failed = |source| ExportError::Write { path: path.clone(), source };
        if let Some(folder) = path.parent()
            && !self.made.contains(folder)
        {
            fs::create_dir_all(folder).map_err(failed)?;
            self.made.insert(folder.to_owned());
        }
        // The files too, where the folder was there before and is open to others.
        let mut owners = OpenOptions::new();
        owners.write(true).create_new(true).mode(0o600);
        owners.open(&path).and_then(|mut file| file.write_all(bytes)).map_err(failed)?;
        self.count += 1;
        Ok(())
    }

    /// Makes all that was written durable.
    fn sync(&self) -> Result<(), ExportError> {
        let failed = |source| ExportError::Write { path: self.out.clone(), source };
        let folder = File::open(&self.out).map_err(failed)?;
        rustix::fs::syncfs(&folder).map_err(|fault| failed(fault.into()))
    }
}
