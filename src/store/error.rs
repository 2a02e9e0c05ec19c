//! What can go wrong with the store, and what it tells the operator when it mended itself.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the store cannot do what it was asked. Nothing is ever answered from a store that gave an error.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("data folder `{}` is in use by another process", dir.display())]
    InUse {
        /// The data folder.
        dir: PathBuf,
    },
    /// The folder is not one of ours, or of another format version.
    #[error("data folder `{}` has {found}, and this program reads and writes `{expected}`", dir.display())]
    Version {
        /// The data folder.
        dir: PathBuf,
        /// What was found there.
        found: String,
        /// What this program writes.
        expected: &'static str,
    },
    /// The folder cannot be written. Nothing was changed.
    #[error("data folder `{}` is read-only", dir.display())]
    ReadOnly {
        /// The folder or file.
        dir: PathBuf,
    },
    /// No space is left (or none but the reserve). Nothing was recorded; append again when there is space.
    #[error("too little space is left for `{}`; nothing was recorded", path.display())]
    Full {
        /// The folder or file.
        path: PathBuf,
    },
    /// An earlier write failed, so what is on the disk is unknown: only a restart, which looks, can go on.
    #[error("the store stopped after an error, restart to go on: {why}")]
    Poisoned {
        /// The error that stopped it.
        why: String,
    },
    /// Bytes are not what was recorded, and the other copy cannot prove what they were.
    #[error("the log is damaged from sequence {first_bad} on: {why}")]
    Damaged {
        /// The first record that is missing or altered.
        first_bad: u64,
        /// What was found.
        why: String,
    },
    /// Something is larger than the store takes.
    #[error("{what} is {length} long, more than {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its length in bytes (for terms, their number).
        length: usize,
        /// The largest the store takes.
        limit: usize,
    },
    /// A record that contradicts itself or its place; nothing was recorded.
    #[error("record {sequence} cannot be appended: {why}")]
    Unfit {
        /// The sequence number that it would have had.
        sequence: u64,
        /// What is wrong with it.
        why: String,
    },
    /// sled returned an error or panicked.
    #[error("the database failed: {why}")]
    Database {
        /// What it said.
        why: String,
    },
    /// A file that was just written does not give back what was written.
    #[error("`{}` does not read back as it was written", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// Another error of the operating system.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Names the file and the act; a full disk and a read-only one get their own variants.
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly { dir: path }
            }
            _ => StoreError::Io { what, path, source },
        }
    }

    pub(super) fn damaged(first_bad: u64, why: impl Into<String>) -> StoreError {
        StoreError::Damaged { first_bad, why: why.into() }
    }
}

/// What the store did to itself while it opened, for the operator to read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Notice {
    /// The last batch was not whole: it was being written when the machine stopped, and was never answered.
    #[error("cut {bytes} bytes of an unfinished batch off the journal, at sequence {sequence}")]
    TailCut {
        /// The sequence number at which the log goes on.
        sequence: u64,
        /// Bytes cut off.
        bytes: u64,
    },
    /// sled lacked the newest records, as after a crash, and got them from the journal.
    #[error("brought the database up from sequence {from} to {to} out of the journal")]
    DatabaseBroughtUp {
        /// The first record that it lacked.
        from: u64,
        /// One past the last.
        to: u64,
    },
    /// sled could not be used and was built anew from the journal.
    #[error("rebuilt the database with {records} records out of the journal, because {why}")]
    DatabaseRebuilt {
        /// What was wrong with it.
        why: String,
        /// How many records it holds now.
        records: u64,
    },
    /// Bodies were erased, as the log says.
    #[error("erased the bodies of {count} records, as the log says")]
    BodiesErased {
        /// How many.
        count: u64,
    },
    /// A part of the journal was lost or altered and was put back from sled, which proved it by the root.
    #[error(
        "restored sequences {from} to {to} (exclusive) of the journal out of the database, because {why}"
    )]
    JournalRestored {
        /// The first record put back.
        from: u64,
        /// One past the last.
        to: u64,
        /// What was wrong with it.
        why: String,
    },
}
