//! What the store does when the disk fails: a full one is waited out, a failed sync is final.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::ledger::{Body, Digest, Entry, EntryKind, commitment};
use crate::store::disk::{Disk, SystemDisk};
use crate::store::{Derived, Notice, Opened, Options, Record, Store, StoreError};

/// A disk that works until it is told what to fail at.
#[derive(Clone, Default)]
struct FaultyDisk {
    fault: Arc<AtomicU8>,
}

const SOUND: u8 = 0;
/// Half of what is written arrives, then there is no space.
const HALF_WRITE: u8 = 1;
/// Reserving finds no space.
const NO_RESERVE: u8 = 2;
/// The volume is filled into the reserve.
const NO_SPACE: u8 = 3;
/// A write error of the device surfaces in fdatasync.
const SYNC_ERROR: u8 = 4;
/// The same for an error that says that the disk is full.
const SYNC_FULL: u8 = 5;
/// Half of what is written arrives, and the rest cannot even be cut off.
const STUCK_WRITE: u8 = 6;

impl FaultyDisk {
    fn set(&self, fault: u8) {
        self.fault.store(fault, Ordering::SeqCst);
    }

    fn is(&self, faults: &[u8]) -> bool {
        faults.contains(&self.fault.load(Ordering::SeqCst))
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.is(&[HALF_WRITE, STUCK_WRITE]) {
            SystemDisk.write(file, &bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        SystemDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        match self.fault.load(Ordering::SeqCst) {
            SYNC_ERROR => Err(io::Error::other("input/output error")),
            SYNC_FULL => Err(io::ErrorKind::StorageFull.into()),
            _ => SystemDisk.sync(file),
        }
    }

    fn reserve(&self, file: &File, from: u64, length: u64) -> io::Result<()> {
        if self.is(&[NO_RESERVE]) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        SystemDisk.reserve(file, from, length)
    }

    fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        if self.is(&[STUCK_WRITE]) {
            return Err(io::Error::other("input/output error"));
        }
        SystemDisk.cut(file, length)
    }

    fn space(&self, file: &File) -> io::Result<u64> {
        if self.is(&[NO_SPACE]) { Ok((64 << 20) - 1) } else { SystemDisk.space(file) }
    }
}

fn record(sequence: u64, padding: usize) -> Record {
    let body = Body { request: b"request".to_vec(), decision: vec![7; padding] }.encode().unwrap();
    let salt = [3; 32];
    let entry = Entry {
        sequence,
        time_ms: 0,
        kind: EntryKind::DecisionMade,
        caller: String::new(),
        engine_version: String::new(),
        rulebook: Digest::ZERO,
        lists: Digest::ZERO,
        request: Digest::ZERO,
        outcome: 0,
        commitment: commitment(&salt, &body),
        state: Digest::ZERO,
    };
    Record { entry: entry.encode().unwrap(), salt, body, request_key: None, terms: Vec::new() }
}

fn open(dir: &Path, disk: &FaultyDisk) -> Opened {
    let options = Options { segment_bytes: 1 << 20, ..Options::new(dir) };
    Store::open_on(Box::new(disk.clone()), &options, |_, _| Derived::default()).unwrap()
}

#[test]
fn a_full_disk_records_nothing_and_the_store_goes_on_when_there_is_space() {
    for fault in [HALF_WRITE, NO_RESERVE, NO_SPACE] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FaultyDisk::default());
        let Opened { store, mut writer, .. } = open(dir.path(), &disk);
        writer.append(&[record(0, 10)]).unwrap();
        disk.set(fault);
        // Larger than what is reserved, so that reserving is tried too.
        for _ in 0..3 {
            let error = writer.append(&[record(1, 9 << 20)]).unwrap_err();
            assert!(matches!(error, StoreError::Full { .. }), "fault {fault}: {error}");
        }
        assert_eq!(store.size(), 1);
        disk.set(SOUND);
        writer.append(&[record(1, 20), record(2, 30)]).unwrap();
        assert!(store.check().unwrap().is_sound());
        drop((store, writer));
        let Opened { store, notices, .. } = open(dir.path(), &disk);
        assert_eq!((store.size(), notices), (3, Vec::new()), "fault {fault}");
    }
}

#[test]
fn a_database_is_not_thrown_away_while_there_is_no_space_for_another() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), FaultyDisk::default());
    let Opened { store, mut writer, .. } = open(dir.path(), &disk);
    writer.append(&[record(0, 10)]).unwrap();
    drop((store, writer));
    let file = dir.path().join("sled/conf");
    std::fs::write(&file, b"unreadable").unwrap();
    disk.set(NO_SPACE);
    let options = Options::new(dir.path());
    let error = Store::open_on(Box::new(disk.clone()), &options, |_, _| Derived::default()).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"unreadable");
    disk.set(SOUND);
    let Opened { store, notices, .. } = open(dir.path(), &disk);
    assert!(matches!(notices[..], [Notice::DatabaseRebuilt { records: 1, .. }]), "{notices:?}");
    assert!(store.check().unwrap().is_sound());
}

#[test]
fn no_record_no_release_a_failed_sync_is_final() {
    for fault in [SYNC_ERROR, SYNC_FULL, STUCK_WRITE] {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FaultyDisk::default());
        let Opened { store, mut writer, .. } = open(dir.path(), &disk);
        writer.append(&[record(0, 10)]).unwrap();
        disk.set(fault);
        let error = writer.append(&[record(1, 10)]).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "fault {fault}: {error}");
        disk.set(SOUND);
        let error = writer.append(&[record(1, 10)]).unwrap_err();
        assert!(matches!(error, StoreError::Poisoned { .. }), "fault {fault}: {error}");
        assert_eq!(store.size(), 1);
        drop((store, writer));
        // Whatever of it arrived, both copies agree on it again.
        let Opened { store, mut writer, .. } = open(dir.path(), &disk);
        assert!(store.check().unwrap().is_sound());
        let size = store.size();
        assert!(size == 1 || size == 2);
        writer.append(&[record(size, 10)]).unwrap();
    }
}
