//! What a disk holds after a power cut: a library that is loaded before libc (`LD_PRELOAD`) and keeps a shadow of a
//! folder with only what was synced.
//!
//! `POWER_CUT_FROM` names the folder, `POWER_CUT_TO` the shadow. A write marks bytes of a file as dirty; fdatasync and
//! fsync of the file copy its dirty bytes, and its length, to the shadow; a rename or a deletion reaches the shadow when
//! the folder that it was in is synced. One lock is held over each of these, so that nothing gets into the shadow that was
//! written while a sync ran. Whoever kills the process then finds in the shadow what a strict disk would have kept.
//!
//! Space that is reserved (fallocate, which is asked for past libc) holds zeros and needs no shadow; sync_file_range is
//! no sync and is not looked at.
//!
//! `POWER_CUT_LIES` makes every sync a lie, to show that a test can fail. `POWER_CUT_FAULT` names a file; what it holds is
//! what goes wrong for as long as it is there: `enospc` and `erofs` fail writes, `eio` fails syncs.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn __errno_location() -> *mut c_int;
}

const ENOSPC: c_int = 28;
const EROFS: c_int = 30;
const EIO: c_int = 5;

thread_local! {
    /// The shim itself is at work on this thread: what it writes is not watched.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// What was written and not synced, and what was renamed or deleted and not synced.
#[derive(Default)]
struct Unsynced {
    /// Ranges of bytes of each file; nothing where all of it is dirty.
    files: HashMap<PathBuf, Option<Vec<(u64, u64)>>>,
    moves: Vec<Move>,
}

enum Move {
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

struct Shim {
    from: PathBuf,
    to: PathBuf,
    lies: bool,
    fault: Option<PathBuf>,
    unsynced: Mutex<Unsynced>,
}

fn shim() -> Option<&'static Shim> {
    static SHIM: OnceLock<Option<Shim>> = OnceLock::new();
    SHIM.get_or_init(|| {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (from, to) = (variable("POWER_CUT_FROM")?, variable("POWER_CUT_TO")?);
        let lies = std::env::var_os("POWER_CUT_LIES").is_some();
        Some(Shim { from, to, lies, fault: variable("POWER_CUT_FAULT"), unsynced: Mutex::default() })
    })
    .as_ref()
}

impl Shim {
    fn lock(&self) -> MutexGuard<'_, Unsynced> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of an open file below the folder.
    fn path(&self, fd: c_int) -> Option<PathBuf> {
        let path = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        path.starts_with(&self.from).then_some(path)
    }

    fn shadow(&self, path: &Path) -> Option<PathBuf> {
        Some(self.to.join(path.strip_prefix(&self.from).ok()?))
    }

    fn fails(&self, faults: &[(&str, c_int)]) -> Option<c_int> {
        let fault = fs::read_to_string(self.fault.as_ref()?).ok()?;
        faults.iter().find(|(name, _)| *name == fault.trim()).map(|(_, errno)| *errno)
    }

    fn mark(&self, unsynced: &mut Unsynced, path: PathBuf, range: Option<(u64, u64)>) {
        let dirty = unsynced.files.entry(path).or_insert_with(|| Some(Vec::new()));
        match (dirty, range) {
            (Some(ranges), Some(range)) => ranges.push(range),
            (dirty, _) => *dirty = None,
        }
    }

    fn synced(&self, unsynced: &mut Unsynced, path: &Path) -> Option<()> {
        if path.is_dir() {
            let moves = std::mem::take(&mut unsynced.moves);
            for one in moves {
                let (Move::Rename(_, place) | Move::Remove(place)) = &one;
                if place.parent() != Some(path) {
                    unsynced.moves.push(one);
                    continue;
                }
                match &one {
                    Move::Rename(from, to) => drop(fs::rename(self.shadow(from)?, self.shadow(to)?)),
                    Move::Remove(place) => drop(fs::remove_file(self.shadow(place)?)),
                }
            }
            return Some(());
        }
        let shadow = self.shadow(path)?;
        fs::create_dir_all(shadow.parent()?).ok()?;
        let file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        // A file that was never seen to be written is copied whole, once.
        let is_new = !shadow.exists();
        let copy = OpenOptions::new().write(true).create(true).truncate(false).open(&shadow).ok()?;
        let ranges = match unsynced.files.remove(path) {
            Some(Some(ranges)) if !is_new => ranges,
            None if !is_new => Vec::new(),
            _ => vec![(0, length)],
        };
        for (start, end) in ranges {
            let end = end.min(length);
            let mut bytes = vec![0; usize::try_from(end.saturating_sub(start)).ok()?];
            file.read_exact_at(&mut bytes, start).ok()?;
            copy.write_all_at(&bytes, start).ok()?;
        }
        copy.set_len(length).ok()
    }
}

/// Runs `work` with the shim, unless it is the shim itself that calls.
fn watched<T>(work: impl FnOnce(&'static Shim) -> T, otherwise: impl FnOnce() -> T) -> T {
    // A thread that is about to end has no storage of its own any more.
    if BUSY.try_with(|busy| busy.replace(true)).unwrap_or(true) {
        return otherwise();
    }
    let result = match shim() {
        Some(shim) => work(shim),
        None => otherwise(),
    };
    BUSY.set(false);
    result
}

fn failed(errno: c_int) -> c_int {
    // SAFETY: libc gives the address of this thread's own errno.
    unsafe { *__errno_location() = errno };
    -1
}

macro_rules! real {
    ($name:literal, $type:ty) => {{
        static REAL: OnceLock<usize> = OnceLock::new();
        let address = *REAL.get_or_init(|| {
            // SAFETY: the name ends in a zero; RTLD_NEXT is -1.
            let found = unsafe { dlsym(usize::MAX as *mut c_void, concat!($name, "\0").as_ptr().cast()) };
            assert!(!found.is_null(), "libc has no {}", $name);
            found as usize
        });
        // SAFETY: this is the function of that name in libc, and it has this type.
        unsafe { std::mem::transmute::<usize, $type>(address) }
    }};
}

/// # Safety
/// As `write(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, count: usize) -> isize {
    let real = real!("write", unsafe extern "C" fn(c_int, *const c_void, usize) -> isize);
    // SAFETY: the caller's own arguments.
    let call = || unsafe { real(fd, bytes, count) };
    watched(
        |shim| {
            let Some(path) = shim.path(fd) else { return call() };
            if let Some(errno) = shim.fails(&[("enospc", ENOSPC), ("erofs", EROFS)]) {
                return failed(errno) as isize;
            }
            let mut unsynced = shim.lock();
            let written = call();
            shim.mark(&mut unsynced, path, None);
            written
        },
        call,
    )
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, bytes: *const c_void, count: usize, offset: i64) -> isize {
    let real = real!("pwrite64", unsafe extern "C" fn(c_int, *const c_void, usize, i64) -> isize);
    // SAFETY: the caller's own arguments.
    let call = || unsafe { real(fd, bytes, count, offset) };
    watched(
        |shim| {
            let Some(path) = shim.path(fd) else { return call() };
            if let Some(errno) = shim.fails(&[("enospc", ENOSPC), ("erofs", EROFS)]) {
                return failed(errno) as isize;
            }
            let mut unsynced = shim.lock();
            let written = call();
            let start = u64::try_from(offset).unwrap_or(0);
            let end = start + u64::try_from(written).unwrap_or(0);
            shim.mark(&mut unsynced, path, Some((start, end)));
            written
        },
        call,
    )
}

/// # Safety
/// As `pwrite(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, bytes: *const c_void, count: usize, offset: i64) -> isize {
    // SAFETY: the caller's own arguments; both have 64-bit offsets here.
    unsafe { pwrite64(fd, bytes, count, offset) }
}

/// # Safety
/// As `ftruncate(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: i64) -> c_int {
    let real = real!("ftruncate64", unsafe extern "C" fn(c_int, i64) -> c_int);
    // SAFETY: the caller's own arguments.
    let call = || unsafe { real(fd, length) };
    watched(
        |shim| {
            let Some(path) = shim.path(fd) else { return call() };
            let mut unsynced = shim.lock();
            let done = call();
            shim.mark(&mut unsynced, path, Some((0, 0)));
            done
        },
        call,
    )
}

/// # Safety
/// As `ftruncate(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: i64) -> c_int {
    // SAFETY: the caller's own arguments.
    unsafe { ftruncate64(fd, length) }
}

fn sync(fd: c_int, call: impl Fn() -> c_int) -> c_int {
    watched(
        |shim| {
            let Some(path) = shim.path(fd) else { return call() };
            if let Some(errno) = shim.fails(&[("eio", EIO)]) {
                return failed(errno);
            }
            if shim.lies {
                return 0;
            }
            let mut unsynced = shim.lock();
            let done = call();
            if done == 0 && shim.synced(&mut unsynced, &path).is_none() {
                eprintln!("power cut: {} could not be copied to the shadow", path.display());
                std::process::abort();
            }
            done
        },
        &call,
    )
}

/// # Safety
/// As `fdatasync(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    let real = real!("fdatasync", unsafe extern "C" fn(c_int) -> c_int);
    // SAFETY: the caller's own argument.
    sync(fd, || unsafe { real(fd) })
}

/// # Safety
/// As `fsync(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    let real = real!("fsync", unsafe extern "C" fn(c_int) -> c_int);
    // SAFETY: the caller's own argument.
    sync(fd, || unsafe { real(fd) })
}

fn path_of(path: *const c_char) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: a path that was given to libc ends in a zero.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
    std::env::current_dir().map(|here| here.join(path)).unwrap_or_else(|_| path.to_owned())
}

/// # Safety
/// As `rename(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    let real = real!("rename", unsafe extern "C" fn(*const c_char, *const c_char) -> c_int);
    // SAFETY: the caller's own arguments.
    let call = || unsafe { real(from, to) };
    watched(
        |shim| {
            let mut unsynced = shim.lock();
            let done = call();
            let (from, to) = (path_of(from), path_of(to));
            if done == 0 && to.starts_with(&shim.from) {
                // What of it was not synced stays dirty under its new name.
                if let Some(dirty) = unsynced.files.remove(&from) {
                    unsynced.files.insert(to.clone(), dirty);
                }
                unsynced.moves.push(Move::Rename(from, to));
            }
            done
        },
        call,
    )
}

/// # Safety
/// As `unlink(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    let real = real!("unlink", unsafe extern "C" fn(*const c_char) -> c_int);
    // SAFETY: the caller's own argument.
    let call = || unsafe { real(path) };
    watched(
        |shim| {
            let mut unsynced = shim.lock();
            let done = call();
            let path = path_of(path);
            if done == 0 && path.starts_with(&shim.from) {
                unsynced.files.remove(&path);
                unsynced.moves.push(Move::Remove(path));
            }
            done
        },
        call,
    )
}
