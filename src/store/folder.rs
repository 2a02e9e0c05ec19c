//! The data folder: whose it is, which version it has, and that nobody else has it open.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::store::error::StoreError;

const FORMAT_FILE: &str = "FORMAT";
const FORMAT: &str = "slagboom store 1";
const LOCK_FILE: &str = "lock";

/// A data folder that this process alone has open, until this value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    lock: File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing the file would do, but for a child that was just forked and has not yet run its program:
        // it holds the file open too.
        let _ = self.lock.unlock();
    }
}

impl Folder {
    /// Opens or creates the folder. A folder that is not ours is left as it is.
    pub(super) fn open(dir: &Path) -> Result<Folder, StoreError> {
        if !dir.exists() {
            // Decisions name people: nobody but the daemon's own user may read them.
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(StoreError::io("create the data folder", dir))?;
            sync_folder_of(dir)?;
        }
        Folder::check_writable(dir)?;
        Folder::check_format(dir)?;
        let lock = Folder::lock(dir)?;
        // Looked at again under the lock: another process may have been the first.
        if Folder::check_format(dir)? {
            write_durably(&dir.join(FORMAT_FILE), format!("{FORMAT}\n").as_bytes())?;
        }
        Ok(Folder { dir: dir.to_owned(), lock })
    }

    /// The same where there must be a store already.
    pub(super) fn open_existing(dir: &Path) -> Result<Folder, StoreError> {
        Folder::check_writable(dir)?;
        if Folder::check_format(dir)? {
            let found = "no store in it".to_owned();
            return Err(StoreError::Version { dir: dir.to_owned(), found, expected: FORMAT });
        }
        Ok(Folder { dir: dir.to_owned(), lock: Folder::lock(dir)? })
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.dir.join("journal")
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("sled")
    }

    /// Looks before anything is changed. A folder without any write permission counts as read-only for root
    /// too, who could write it all the same: someone meant it to stay as it is.
    fn check_writable(dir: &Path) -> Result<(), StoreError> {
        let metadata = fs::metadata(dir).map_err(StoreError::io("look at", dir))?;
        if !metadata.is_dir() {
            return Err(StoreError::io("open as a folder", dir)(ErrorKind::NotADirectory.into()));
        }
        if metadata.permissions().mode() & 0o222 == 0 {
            return Err(StoreError::ReadOnly { dir: dir.to_owned() });
        }
        access(dir, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| StoreError::io("write in", dir)(error.into()))
    }

    /// Whether the folder is a fresh one, which has no version yet.
    fn check_format(dir: &Path) -> Result<bool, StoreError> {
        let wrong = |found| StoreError::Version { dir: dir.to_owned(), found, expected: FORMAT };
        let path = dir.join(FORMAT_FILE);
        match fs::read(&path) {
            Ok(text) if text.trim_ascii_end() == FORMAT.as_bytes() => Ok(false),
            Ok(text) => {
                let text = String::from_utf8_lossy(text.get(..80).unwrap_or(&text)).trim_end().to_owned();
                Err(wrong(format!("the format `{text}`")))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                for file in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
                    let name = file.map_err(StoreError::io("list", dir))?.file_name();
                    if name != LOCK_FILE && name != temporary(Path::new(FORMAT_FILE)).as_os_str() {
                        return Err(wrong(format!("the file `{}` and no format", name.display())));
                    }
                }
                Ok(true)
            }
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    fn lock(dir: &Path) -> Result<File, StoreError> {
        let path = dir.join(LOCK_FILE);
        let options = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = options.map_err(StoreError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", &path)(error)),
        }
    }
}

/// Writes a file that is whole or not there: beside it first, synced, then renamed, then the folder synced.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let beside = temporary(path);
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .map_err(StoreError::io("create", &beside))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is left beside would only take space from the next try.
        let _ = fs::remove_file(&beside);
        return Err(StoreError::io("write", &beside)(error));
    }
    fs::rename(&beside, path).map_err(StoreError::io("rename into place", path))?;
    sync_folder_of(path)
}

/// Makes the names in the folder of `path` durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), StoreError> {
    let Some(dir) = path.parent() else { return Ok(()) };
    // The parent of a bare name such as `data` is empty, and means the folder that one stands in.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync the folder", dir))
}

/// The name under which a file is written before it is whole.
pub(super) fn temporary(path: &Path) -> PathBuf {
    path.with_added_extension("new")
}
