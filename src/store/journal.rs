//! The end of the journal: batches are written here and synced, and that is the commit point.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::ledger::Accumulator;
use crate::store::disk::Disk;
use crate::store::error::StoreError;
use crate::store::folder::{sync_folder_of, write_durably};
use crate::store::segment::{SegmentHeader, list_segments, packed_path, segment_path};

/// Space is reserved in steps of this many bytes, so that most syncs need not write the file's length.
const RESERVE_STEP: u64 = 4 << 20;

/// Where in the journal bytes went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// The first sequence number of the segment.
    pub(super) segment: u64,
    /// The offset in that file.
    pub(super) offset: u64,
}

/// The last segment, open for writing.
pub(super) struct Journal {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    segment_bytes: u64,
    /// Bytes to leave free on the volume: what sled may still write for what the journal took.
    reserve_bytes: u64,
    file: File,
    path: PathBuf,
    first: u64,
    /// Bytes in use; the next batch goes here.
    length: u64,
    /// Bytes reserved; zeros lie between.
    reserved: u64,
}

/// Limits of the journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) segment_bytes: u64,
    pub(super) reserve_bytes: u64,
}

impl Journal {
    /// Creates the first segment of a new log, or the next of an old one, after the tree `before`.
    pub(super) fn create(
        dir: &Path,
        before: Accumulator,
        previous: (u64, u64),
        disk: Box<dyn Disk>,
        limits: Limits,
    ) -> Result<Journal, StoreError> {
        let first = before.size();
        let header = SegmentHeader { before, previous }.encode();
        write_durably(&segment_path(dir, first), &header)?;
        Journal::resume(dir, first, header.len() as u64, disk, limits)
    }

    /// Opens the segment that begins with `first` to go on at `length`; what lies after it is cut off.
    pub(super) fn resume(
        dir: &Path,
        first: u64,
        length: u64,
        disk: Box<dyn Disk>,
        limits: Limits,
    ) -> Result<Journal, StoreError> {
        let path = segment_path(dir, first);
        let file =
            OpenOptions::new().read(true).write(true).open(&path).map_err(StoreError::io("open", &path))?;
        if file.metadata().map_err(StoreError::io("look at", &path))?.len() != length {
            disk.cut(&file, length).map_err(StoreError::io("cut", &path))?;
            file.sync_all().map_err(StoreError::io("sync", &path))?;
        }
        let Limits { segment_bytes, reserve_bytes } = limits;
        let dir = dir.to_owned();
        Ok(Journal { dir, disk, segment_bytes, reserve_bytes, file, path, first, length, reserved: length })
    }

    /// The first sequence number of the segment that is written to.
    pub(super) fn segment(&self) -> u64 {
        self.first
    }

    /// Writes a batch after the last one and says where; [`Journal::sync`] makes it durable.
    ///
    /// `before` is the tree without the batch, for the header of a new segment if one is begun.
    /// On an error of [`StoreError::Full`] nothing of the batch is left; any other leaves the end unknown.
    pub(super) fn write(&mut self, batch: &[u8], before: &Accumulator) -> Result<Place, StoreError> {
        let length = batch.len() as u64;
        if before.size() > self.first && self.length + length > self.segment_bytes {
            self.roll(before)?;
        }
        let end = self.length + length;
        if end > self.reserved {
            self.reserve(end)?;
        }
        if let Err(error) = self.disk.write(&self.file, batch, self.length) {
            let error = StoreError::io("write", &self.path)(error);
            self.forget_after_end()?;
            return Err(error);
        }
        let place = Place { segment: self.first, offset: self.length };
        self.length = end;
        Ok(place)
    }

    /// Returns when all that was written is on the disk. An error is final: the kernel may have dropped the
    /// pages and will call the next sync a success, so nobody may try again.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        // Not mapped to `Full`: a full disk found this late has left bytes half-written.
        self.disk.sync(&self.file).map_err(|source| StoreError::Io {
            what: "sync",
            path: self.path.clone(),
            source,
        })
    }

    /// Gives back the reserved space.
    pub(super) fn trim(&mut self) -> Result<(), StoreError> {
        self.disk.cut(&self.file, self.length).map_err(StoreError::io("cut", &self.path))?;
        self.reserved = self.length;
        self.sync()
    }

    /// Ends this segment and begins the next.
    fn roll(&mut self, before: &Accumulator) -> Result<(), StoreError> {
        self.trim()?;
        let header = SegmentHeader { before: before.clone(), previous: (self.first, self.length) }.encode();
        let path = segment_path(&self.dir, before.size());
        write_durably(&path, &header)?;
        self.file =
            OpenOptions::new().read(true).write(true).open(&path).map_err(StoreError::io("open", &path))?;
        self.path = path;
        self.first = before.size();
        self.length = header.len() as u64;
        self.reserved = self.length;
        Ok(())
    }

    /// Whether so many bytes can be written and the reserve is left.
    pub(super) fn check_space(&self, bytes: u64) -> Result<(), StoreError> {
        let space = self.disk.space(&self.file).map_err(StoreError::io("look at", &self.path))?;
        if space < bytes.saturating_add(self.reserve_bytes) {
            return Err(StoreError::Full { path: self.path.clone() });
        }
        Ok(())
    }

    fn reserve(&mut self, end: u64) -> Result<(), StoreError> {
        let wanted = end.next_multiple_of(RESERVE_STEP);
        self.check_space(wanted - self.reserved)?;
        if let Err(error) = self.disk.reserve(&self.file, self.reserved, wanted) {
            let error = StoreError::io("reserve space in", &self.path)(error);
            // A reservation may have been made in part; zeros after the end say nothing, but take space.
            self.forget_after_end()?;
            return Err(error);
        }
        self.reserved = wanted;
        Ok(())
    }

    /// After a failed write: leaves the file as if it had not been tried.
    fn forget_after_end(&mut self) -> Result<(), StoreError> {
        self.disk.cut(&self.file, self.length).map_err(|source| StoreError::Io {
            what: "cut a failed write off",
            path: self.path.clone(),
            source,
        })?;
        self.reserved = self.length;
        Ok(())
    }
}

/// Deletes files that were being written when the machine stopped, and the compressed form of segments whose plain
/// one is still there.
pub(super) fn sweep(dir: &Path) -> Result<(), StoreError> {
    for first in list_segments(dir)? {
        let packed = packed_path(dir, first);
        if packed.exists() && segment_path(dir, first).exists() {
            fs::remove_file(&packed).map_err(StoreError::io("remove", &packed))?;
            sync_folder_of(&packed)?;
        }
    }
    for name in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let path = name.map_err(StoreError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        }
    }
    Ok(())
}
