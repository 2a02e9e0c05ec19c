//! What can be wrong with a witness and with what it remembers.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::ledger::{CheckpointError, KeyError, KeyName, NoteError, Refusal};

/// Why the state folder of a witness cannot be used. None of these counts as "nothing seen".
#[derive(Debug, Error)]
pub enum BookError {
    /// The operating system refused.
    #[error("cannot {what} `{path}`: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A sync failed: what is on the disk is no longer known, and trying again would not tell.
    #[error("cannot sync `{path}`, so it is not known what is on the disk: {source}")]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has the folder open.
    #[error("the state folder `{dir}` is in use by another witness")]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// A folder with other things in it.
    #[error("`{dir}` is no state folder of a witness: it holds `{found}`")]
    Foreign {
        /// The folder.
        dir: PathBuf,
        /// The first thing that is not ours.
        found: String,
    },
    /// Nothing there to read.
    #[error("`{dir}` is no state folder of a witness: it has no key")]
    Nothing {
        /// The folder.
        dir: PathBuf,
    },
    /// The key is gone, and logs have been seen.
    #[error(
        "`{path}` is gone, and `{logs}` says that it has cosigned; put the key back, or start in a new folder"
    )]
    KeyGone {
        /// Where the key was.
        path: PathBuf,
        /// What was seen.
        logs: PathBuf,
    },
    /// What was seen is gone, and there is a key.
    #[error("`{path}` is gone: this witness has forgotten what it saw; {RETIRE}")]
    LogsGone {
        /// Where it was.
        path: PathBuf,
    },
    /// Others may read the secret key.
    #[error("the key `{path}` has mode {mode:o}: it must be for its owner alone (chmod 600)")]
    KeyShared {
        /// The key.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key file holds no key.
    #[error("the key `{path}` is damaged: {source}")]
    Key {
        /// The key.
        path: PathBuf,
        /// What is wrong; nothing of the secret is in it.
        source: KeyError,
    },
    /// A name is asked for, and the key has another one.
    #[error("the key in `{dir}` has the name `{name}`, not `{asked}`: a witness keeps its name")]
    OtherName {
        /// The folder.
        dir: PathBuf,
        /// The name of the key.
        name: KeyName,
        /// The name asked for.
        asked: KeyName,
    },
    /// No randomness to make a key of.
    #[error("no random bytes for a key: {0}")]
    Random(#[source] getrandom::Error),
    /// A file that is not as it was written.
    #[error("`{path}` is damaged: {source}; put back the file as it was last written, or {RETIRE}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PageError,
    },
}

/// A witness that has forgotten could sign two histories of one log, which is the one thing it is there to prevent.
const RETIRE: &str = "retire this witness and start one with a new key in a new folder";

impl BookError {
    /// Turns an error of the operating system into ours.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BookError {
        let path = path.to_owned();
        move |source| BookError::Io { what, path, source }
    }

    /// The same where a sync failed.
    pub(super) fn sync(path: &Path) -> impl FnOnce(io::Error) -> BookError {
        let path = path.to_owned();
        move |source| BookError::Sync { path, source }
    }

    /// Must the witness stop, because nobody knows what is on the disk?
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, BookError::Sync { .. })
    }
}

/// Why a file is not what a witness wrote about a log.
#[derive(Debug, Error)]
pub enum PageError {
    /// Cut short, changed, or something else altogether.
    #[error("its first line is not the digest of the rest")]
    NotWhole,
    /// Not to be read at all.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// No signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// No checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Written by another witness, or by nobody.
    #[error("it is not cosigned by the key `{key}` of this folder")]
    NotCosigned {
        /// The key of the folder.
        key: KeyName,
    },
    /// The file of another log, or no file of a log.
    #[error("it has another name than the log `{origin}` in it")]
    OtherLog {
        /// The origin of the log.
        origin: String,
    },
}

/// Why a witness does not cosign.
#[derive(Debug, Error)]
pub enum WitnessError {
    /// It is not to be cosigned.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be remembered, so it is not signed.
    #[error(transparent)]
    Book(#[from] BookError),
    /// It could not be made.
    #[error("cannot cosign: {0}")]
    Page(#[from] PageError),
    /// The time cannot be signed.
    #[error("cannot cosign: {0}")]
    Key(#[from] KeyError),
    /// A clock that says nothing.
    #[error("the clock stands before 1970")]
    Clock,
    /// An earlier request ended in the middle.
    #[error("an earlier request ended in the middle: the witness must be started again")]
    Stopped,
}

impl WitnessError {
    pub(super) fn note(error: NoteError) -> WitnessError {
        PageError::from(error).into()
    }
}
