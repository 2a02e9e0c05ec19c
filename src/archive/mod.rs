//! A log as an auditor holds it: files, and nothing else. No daemon, no lock, no sled.
//!
//! An [`Archive`] is either a data folder, read beside a daemon or without one, or an exported log in the layout of C2SP
//! tlog-tiles. Both give the same [`Block`]s of records, which [`verify`] rehashes and a replay decides again.
//!
//! # An exported log
//!
//! | name | what |
//! |---|---|
//! | `checkpoint` | the signed head, which covers every entry of the export (C2SP tlog-checkpoint) |
//! | `checkpoints/` | older signed heads, each named by its size in 20 digits |
//! | `log.vkeys` | the public keys of the log, a line each, the oldest first (C2SP signed-note) |
//! | `tile/<level>/…` | hashes of the tree (C2SP tlog-tiles) |
//! | `tile/entries/…` | entry bundles (C2SP tlog-tiles) |
//! | `bodies/…` | bodies of the entries of a bundle, at the path of the bundle below `tile/entries`; ours |
//!
//! A file below `bodies/` has for each entry of its bundle:
//!
//! | offset | length | what |
//! |---|---|---|
//! | 0 | 1 | 1: kept; 2: erased; 3: left out, as those of decisions are in an export without names |
//! | 1 | 4 | length *n* of what follows, big-endian; 0 where nothing does |
//! | 5 | *n* | salt (32 bytes) and body, as the entry commits to them |

mod block;
mod claims;
mod export;
mod read;
mod report;
mod trust;
mod verify;

use std::path::{Path, PathBuf};

use thiserror::Error;

pub use block::{Block, BlockEnd};
pub use export::{ExportError, Exported, export_tiles};
pub use read::Blocks;
pub use report::Report;
pub use trust::Given;
pub use verify::{VerifyOptions, verify, verify_receipts};

use crate::ledger::{CHECKPOINT_PATH, Checkpoint, Note, Verifier};
use crate::store::{
    KEYS_LENGTH_MAX, KeptCheckpoint, KeyFiles, KeysError, StoreError, kept_checkpoints, parse_verifiers,
    read_text,
};

/// The public keys in an exported log.
const KEYS: &str = "log.vkeys";

/// A log in files.
#[derive(Clone, Debug)]
pub struct Archive {
    dir: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// The folder of a daemon: the journal.
    Data,
    /// An exported log: entry bundles.
    Export,
}

/// Why there is no log to read.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// No folder, or one with something else.
    #[error("`{}` holds no log: neither a data folder with `journal` nor an exported log with `tile` and `checkpoint`", dir.display())]
    NoLog {
        /// The folder.
        dir: PathBuf,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of an exported log cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The public keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A thread could not be started.
    #[error("no thread to verify on: {0}")]
    Thread(std::io::Error),
}

impl Archive {
    /// The log in this folder, whichever of the two it is.
    ///
    /// # Errors
    /// [`ArchiveError::NoLog`].
    pub fn open(dir: &Path) -> Result<Archive, ArchiveError> {
        Archive::open_data(dir).or_else(|_| Archive::open_export(dir))
    }

    /// The log in a data folder.
    ///
    /// # Errors
    /// [`ArchiveError::NoLog`].
    pub fn open_data(dir: &Path) -> Result<Archive, ArchiveError> {
        Archive::of(dir, Kind::Data, dir.join("journal").is_dir())
    }

    /// The log in an export.
    ///
    /// # Errors
    /// [`ArchiveError::NoLog`].
    pub fn open_export(dir: &Path) -> Result<Archive, ArchiveError> {
        // An empty log has a checkpoint and no tile; one whose checkpoint is lost still has tiles to look at.
        Archive::of(dir, Kind::Export, dir.join(CHECKPOINT_PATH).is_file() || dir.join("tile").is_dir())
    }

    fn of(dir: &Path, kind: Kind, is_one: bool) -> Result<Archive, ArchiveError> {
        let dir = dir.to_owned();
        if is_one { Ok(Archive { dir, kind }) } else { Err(ArchiveError::NoLog { dir }) }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether it is a data folder, and not an export.
    #[must_use]
    pub fn is_data(&self) -> bool {
        self.kind == Kind::Data
    }

    /// The public keys that the log names itself, the oldest first.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn verifiers(&self) -> Result<Vec<Verifier>, ArchiveError> {
        match self.kind {
            Kind::Data => Ok(KeyFiles::of(&self.dir, None).verifiers()?),
            Kind::Export => {
                let path = self.dir.join(KEYS);
                match read_text(&path, KEYS_LENGTH_MAX) {
                    Ok(text) => Ok(parse_verifiers(&path, &text)?),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                    Err(source) => Err(ArchiveError::Read { path, source }),
                }
            }
        }
    }

    /// Every checkpoint that is kept of it, the newest last.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn checkpoints(&self) -> Result<Vec<KeptCheckpoint>, ArchiveError> {
        Ok(kept_checkpoints(&self.dir)?)
    }

    /// How many entries the newest checkpoint says that there are; 0 where none can be read.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn size_claimed(&self) -> Result<u64, ArchiveError> {
        let newest = self.checkpoints()?.pop();
        let size = newest.and_then(|kept| {
            let note = Note::parse(&kept.bytes).ok()?;
            Some(Checkpoint::parse(note.text()).ok()?.size())
        });
        Ok(size.unwrap_or(0))
    }

    /// Its records from sequence `from` on.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn blocks(&self, from: u64) -> Result<Blocks, ArchiveError> {
        Blocks::open(self, from)
    }
}
