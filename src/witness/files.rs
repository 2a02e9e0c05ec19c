//! Small files that are whole or not there, and the folder around them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::witness::error::BookError;

/// Writes a file that is whole or not there, for nobody but the owner: beside it first, synced, then renamed, then
/// the folder synced.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), BookError> {
    let beside = unfinished(path);
    // A file that an earlier try left is not written into: what became of its pages is not known.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BookError::io("remove", &beside)(error));
        }
        _ => {}
    }
    let mut options = OpenOptions::new();
    let opened = options.create_new(true).write(true).mode(0o600).open(&beside);
    let mut file = opened.map_err(BookError::io("create", &beside))?;
    file.write_all(bytes).map_err(BookError::io("write", &beside))?;
    file.sync_all().map_err(BookError::sync(&beside))?;
    fs::rename(&beside, path).map_err(BookError::io("rename into place", path))?;
    sync_folder_of(path)
}

/// Makes a folder for nobody but the owner, durably.
pub(super) fn create_folder(dir: &Path) -> Result<(), BookError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(BookError::io("create", dir))?;
    sync_folder_of(dir)
}

/// Makes the names in the folder of `path` durable.
fn sync_folder_of(path: &Path) -> Result<(), BookError> {
    let Some(dir) = path.parent() else { return Ok(()) };
    // The parent of a bare name such as `state` is empty, and means the folder that one stands in.
    sync_folder(if dir.as_os_str().is_empty() { Path::new(".") } else { dir })
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(dir: &Path) -> Result<(), BookError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(BookError::sync(dir))
}

/// Reads a file of at most `length_max` bytes.
pub(super) fn read(path: &Path, length_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"));
    }
    file.take(length_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > length_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is longer than {length_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// The name under which a file is written before it is whole.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}

/// Is this the name of a file that was not finished? Nothing that was signed rests on it.
pub(super) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "new")
}
