//! What a witness remembers on the disk: its key, and a page for each log.
//!
//! ```text
//! lock          held by the one process that has the folder open
//! key           the secret key, `PRIVATE+KEY+…`, for its owner alone
//! logs/<hex>    a page for each log, named by SHA-256 of its origin; see `page.rs`
//! ```
//!
//! A page is written before the cosignature leaves, whole or not at all.
//! What is missing, damaged or unreadable stops the witness at its start: it never counts as "nothing seen".
//! One thing cannot be seen from here, and that is a folder restored from an older copy as a whole; a log that grew
//! since then goes on, and one that was rewritten since then would be believed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::ledger::{Cosigner, KeyName, NOTE_LENGTH_MAX, SEED_LENGTH, Verifier};
use crate::witness::error::{BookError, PageError};
use crate::witness::files::{create_folder, is_unfinished, read, sync_folder, unfinished, write_durably};
use crate::witness::page::Page;

const LOCK_FILE: &str = "lock";
const KEY_FILE: &str = "key";
const LOGS_FOLDER: &str = "logs";

/// Longest key file, bytes.
const KEY_LENGTH_MAX: u64 = 4 << 10;
/// Longest page, bytes: a note and a line.
const PAGE_LENGTH_MAX: u64 = NOTE_LENGTH_MAX as u64 + 128;

/// The pages of a book, by the origin of their log.
pub type Pages = BTreeMap<String, Page>;

/// The state folder of a witness, which this process alone has open until the value is dropped.
#[derive(Debug)]
pub struct Book {
    dir: PathBuf,
    lock: File,
    cosigner: Cosigner,
}

impl Drop for Book {
    fn drop(&mut self) {
        // Closing the file would do, but for a child that was just forked and holds it open too.
        let _ = self.lock.unlock();
    }
}

impl Book {
    /// Opens the folder with all its pages. The first time, it makes the folder and a key.
    ///
    /// `name` is that of a new key, `slagboom-witness/` and 8 random hexadecimal digits when not given; a key that is
    /// there must have it.
    ///
    /// # Errors
    /// When the folder is in use, is not a witness's, or anything in it is missing, damaged or unreadable.
    pub fn open(dir: &Path, name: Option<&KeyName>) -> Result<(Book, Pages), BookError> {
        if !dir.exists() {
            create_folder(dir)?;
        }
        let lock = lock(dir)?;
        let key = dir.join(KEY_FILE);
        if !key.try_exists().map_err(BookError::io("look at", &key))? {
            begin(dir, name)?;
        }
        let (cosigner, pages) = Book::read(dir)?;
        // A process that was killed may have left names that can be read and are not on the disk yet; what rests on
        // them would be signed.
        sync_folder(dir)?;
        sync_folder(&dir.join(LOGS_FOLDER))?;
        let own = cosigner.verifier().name();
        if let Some(asked) = name.filter(|asked| *asked != own) {
            let (dir, name, asked) = (dir.to_owned(), own.clone(), asked.clone());
            return Err(BookError::OtherName { dir, name, asked });
        }
        Ok((Book { dir: dir.to_owned(), lock, cosigner }, pages))
    }

    /// Reads a folder that a witness may be running on, and changes nothing.
    ///
    /// # Errors
    /// When it has no key, or anything in it is missing, damaged or unreadable.
    pub fn read(dir: &Path) -> Result<(Cosigner, Pages), BookError> {
        let cosigner = read_key(dir)?;
        let pages = read_pages(&dir.join(LOGS_FOLDER), cosigner.verifier())?;
        Ok((cosigner, pages))
    }

    /// The key that this witness signs with.
    #[must_use]
    pub fn cosigner(&self) -> &Cosigner {
        &self.cosigner
    }

    /// Puts a page in the place of the one before it. When this returns, it is on the disk.
    ///
    /// # Errors
    /// When it cannot be written. If [`BookError::is_fatal`], the page may or may not be on the disk, and this witness
    /// must stop; otherwise the earlier page still stands.
    pub fn write(&self, page: &Page) -> Result<(), BookError> {
        let path = self.dir.join(LOGS_FOLDER).join(Page::file_name(page.checkpoint().origin()));
        write_durably(&path, page.encode().as_bytes())
    }
}

fn lock(dir: &Path) -> Result<File, BookError> {
    let path = dir.join(LOCK_FILE);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = opened.map_err(BookError::io("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BookError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(BookError::io("lock", &path)(error)),
    }
}

/// Makes a key in an empty folder. The folder of pages comes first: with a key and without it, something is lost.
fn begin(dir: &Path, name: Option<&KeyName>) -> Result<(), BookError> {
    let (key, logs) = (dir.join(KEY_FILE), dir.join(LOGS_FOLDER));
    let unfinished_key = unfinished(Path::new(KEY_FILE));
    for file in fs::read_dir(dir).map_err(BookError::io("list", dir))? {
        let found = file.map_err(BookError::io("list", dir))?.file_name();
        let ours = [Path::new(LOCK_FILE), Path::new(LOGS_FOLDER), &unfinished_key];
        if !ours.contains(&Path::new(&found)) {
            let found = found.to_string_lossy().into_owned();
            return Err(BookError::Foreign { dir: dir.to_owned(), found });
        }
    }
    create_folder(&logs)?;
    if fs::read_dir(&logs).map_err(BookError::io("list", &logs))?.next().is_some() {
        return Err(BookError::KeyGone { path: key, logs });
    }
    let cosigner = new_key(&key, name)?;
    write_durably(&key, format!("{}\n", cosigner.to_secret_text()).as_bytes())
}

fn new_key(path: &Path, name: Option<&KeyName>) -> Result<Cosigner, BookError> {
    let wrong = |source| BookError::Key { path: path.to_owned(), source };
    let name = if let Some(name) = name {
        name.clone()
    } else {
        // Names tell witnesses apart; this number has nothing to do with the secret.
        let number = getrandom::u32().map_err(BookError::Random)?;
        format!("slagboom-witness/{number:08x}").parse().map_err(wrong)?
    };
    let mut seed = [0; SEED_LENGTH];
    getrandom::fill(&mut seed).map_err(BookError::Random)?;
    Cosigner::from_seed(name, &seed).map_err(wrong)
}

fn read_key(dir: &Path) -> Result<Cosigner, BookError> {
    let path = dir.join(KEY_FILE);
    let bytes = match read(&path, KEY_LENGTH_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BookError::Nothing { dir: dir.to_owned() });
        }
        Err(error) => return Err(BookError::io("read", &path)(error)),
    };
    let mode = fs::metadata(&path).map_err(BookError::io("look at", &path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(BookError::KeyShared { path, mode });
    }
    // Bytes that are no text are no key either; what they are is not said, they may be most of a secret.
    let text = String::from_utf8(bytes).unwrap_or_default();
    text.trim_ascii_end().parse().map_err(|source| BookError::Key { path, source })
}

fn read_pages(logs: &Path, witness: &Verifier) -> Result<Pages, BookError> {
    let mut pages = Pages::new();
    let files = match fs::read_dir(logs) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BookError::LogsGone { path: logs.to_owned() });
        }
        Err(error) => return Err(BookError::io("list", logs)(error)),
    };
    for file in files {
        let path = file.map_err(BookError::io("list", logs))?.path();
        if is_unfinished(&path) {
            continue;
        }
        let page =
            read_page(&path, witness).map_err(|source| BookError::Damaged { path: path.clone(), source })?;
        pages.insert(page.checkpoint().origin().to_owned(), page);
    }
    Ok(pages)
}

fn read_page(path: &Path, witness: &Verifier) -> Result<Page, PageError> {
    let page = Page::parse(&read(path, PAGE_LENGTH_MAX)?, witness)?;
    let origin = page.checkpoint().origin();
    if path.file_name().is_some_and(|name| *name == *Page::file_name(origin)) {
        Ok(page)
    } else {
        Err(PageError::OtherLog { origin: origin.to_owned() })
    }
}
