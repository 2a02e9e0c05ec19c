//! Signed heads of the log, kept as files: the newest, and older ones that every later log must continue.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::ledger::NOTE_LENGTH_MAX;
use crate::store::error::StoreError;
use crate::store::files::read_file;

/// The newest checkpoint of a log.
const NEWEST: &str = "checkpoint";
/// Older ones, each named by its size in 20 digits.
const OLDER: &str = "checkpoints";

/// The newest checkpoint that witnesses have cosigned.
const COSIGNED: &str = "checkpoint.cosigned";

/// A checkpoint as it was kept. What it says, and whether it is signed, is for the reader to find out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptCheckpoint {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Every checkpoint that a folder keeps: the older ones in the order of their sizes, the one that witnesses have cosigned,
/// and the newest last.
///
/// # Errors
/// When a file cannot be read.
pub fn kept_checkpoints(dir: &Path) -> Result<Vec<KeptCheckpoint>, StoreError> {
    let older = dir.join(OLDER);
    let mut paths = Vec::new();
    match fs::read_dir(&older) {
        Ok(names) => {
            for name in names {
                let path = name.map_err(StoreError::io("list", &older))?.path();
                if path.extension().is_none() {
                    paths.push(path);
                }
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("list", &older)(error)),
    }
    paths.sort_unstable();
    paths.extend([dir.join(COSIGNED), dir.join(NEWEST)]);
    let mut kept = Vec::with_capacity(paths.len());
    for path in paths {
        match read_file(&path, NOTE_LENGTH_MAX) {
            Ok(bytes) => kept.push(KeptCheckpoint { path, bytes }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        }
    }
    Ok(kept)
}

/// Keeps `text` as the newest checkpoint of the folder and, where it is to stay, also under its size.
///
/// # Errors
/// When a file cannot be written; the one before is then still there, whole.
#[cfg(feature = "daemon")]
pub fn keep_checkpoint(dir: &Path, size: u64, text: &str, stays: bool) -> Result<(), StoreError> {
    use crate::store::folder::{sync_folder_of, write_durably};

    if stays {
        let older = dir.join(OLDER);
        if !older.exists() {
            fs::create_dir(&older).map_err(StoreError::io("create", &older))?;
            sync_folder_of(&older)?;
        }
        write_durably(&older.join(format!("{size:020}")), text.as_bytes())?;
    }
    write_durably(&dir.join(NEWEST), text.as_bytes())
}

/// Keeps `text` as the newest checkpoint that witnesses have cosigned.
///
/// # Errors
/// As [`keep_checkpoint`].
#[cfg(feature = "daemon")]
pub fn keep_cosigned(dir: &Path, text: &str) -> Result<(), StoreError> {
    crate::store::folder::write_durably(&dir.join(COSIGNED), text.as_bytes())
}
