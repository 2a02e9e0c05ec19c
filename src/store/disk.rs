//! The few calls on which durability rests, behind a seam so that tests can make them fail.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};

/// What the journal asks of a file.
pub(super) trait Disk: Send {
    /// Writes all of `bytes` at `offset`.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// fdatasync: returns when the bytes are on the disk.
    fn sync(&self, file: &File) -> io::Result<()>;
    /// Makes the file `length` bytes long, with the space for it taken.
    fn reserve(&self, file: &File, from: u64, length: u64) -> io::Result<()>;
    /// Makes the file `length` bytes long by cutting it.
    fn cut(&self, file: &File, length: u64) -> io::Result<()>;
    /// Bytes that may still be written on the volume of the file.
    fn space(&self, file: &File) -> io::Result<u64>;
}

/// The operating system's own calls.
pub(super) struct SystemDisk;

impl Disk for SystemDisk {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn reserve(&self, file: &File, from: u64, length: u64) -> io::Result<()> {
        match fallocate(file, FallocateFlags::empty(), from, length.saturating_sub(from)) {
            // Some file systems cannot reserve; the writes then take the space.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => file.set_len(length),
            other => Ok(other?),
        }
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn space(&self, file: &File) -> io::Result<u64> {
        let volume = fstatvfs(file)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
}
