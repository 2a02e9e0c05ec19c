//! Old segments take less room, and nobody who reads them can tell.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slagboom::ledger::{Entry, EntryKind};
use slagboom::store::{
    JournalEnd, JournalFiles, Notice, Opened, Options, Store, StoreError, begin_erasing, check_folder,
    compact_folder,
};
use tempfile::TempDir;

use super::support::*;

const SIZE: u64 = 400;

fn grown(batch: u64) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut writer, .. } = open(dir.path()).unwrap();
    grow(&mut writer, 0, SIZE, batch);
    dir
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lz4")
}

/// Every entry and body as an auditor reads them from the files, and the roots of all batches.
fn read_as_files(dir: &Path, from: u64) -> Vec<String> {
    let mut files = JournalFiles::open(dir, from).unwrap();
    let mut found = Vec::new();
    loop {
        match files.next(|batch| format!("{} {} {:?}", batch.first, batch.root, batch.records)).unwrap() {
            Ok(batch) => found.push(batch),
            Err(JournalEnd::Whole) => return found,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_reader_finds_the_same_in_compressed_segments() {
    for batch in [1, 9, 150] {
        let dir = grown(batch);
        let before: Vec<Vec<String>> = [0, 5, 201, SIZE].map(|from| read_as_files(dir.path(), from)).to_vec();
        let report = compact_folder(&options(dir.path())).unwrap();
        let closed = segments(dir.path()).len() as u64 - 1;
        assert_eq!((report.compressed, report.already, report.damaged.len()), (closed, 0, 0));
        assert!(report.bytes_after < report.bytes_before, "{report:?}");
        let sizes = segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
        assert_eq!(report.bytes_after, sizes);
        assert_eq!(segments(dir.path()).iter().filter(|path| is_packed(path)).count() as u64, closed);

        let after: Vec<Vec<String>> = [0, 5, 201, SIZE].map(|from| read_as_files(dir.path(), from)).to_vec();
        assert_eq!(before, after);
        assert!(check_folder(&options(dir.path())).unwrap().is_sound());
        // Once is enough.
        let again = compact_folder(&options(dir.path())).unwrap();
        assert_eq!((again.compressed, again.already), (0, closed));
        assert_eq!(again.bytes_before, again.bytes_after);

        for thorough in [false, true] {
            let options = Options { thorough, ..options(dir.path()) };
            let Opened { store, notices, .. } = Store::open(&options, derive).unwrap();
            assert_eq!(notices, []);
            check_usual(&store, SIZE);
            let found = (0..SIZE).map(|sequence| store.record(sequence).unwrap().unwrap().entry_bytes);
            assert!(found.eq((0..SIZE).map(|sequence| usual(sequence).entry)));
        }
        // sled and the hashes are made from compressed segments as from plain ones.
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        fs::remove_dir_all(dir.path().join("hashes")).unwrap();
        let Opened { store, mut writer, notices } = open(dir.path()).unwrap();
        assert!(matches!(notices[..], [Notice::DatabaseRebuilt { records: SIZE, .. }]), "{notices:?}");
        check_usual(&store, SIZE);
        grow(&mut writer, SIZE, SIZE + 200, 7);
        assert!(store.check().unwrap().is_sound());
    }
}

#[test]
fn a_crash_at_any_step_leaves_a_whole_segment() {
    let plain = grown(9);
    let packed = tempfile::tempdir().unwrap();
    copy(plain.path(), packed.path());
    compact_folder(&options(packed.path())).unwrap();
    let victim = &segments(plain.path())[1];
    let name = victim.file_name().unwrap().to_str().unwrap().to_owned();
    let bytes = fs::read(packed.path().join(format!("journal/{name}.lz4"))).unwrap();
    // What is beside while it is written, in part and whole; both names; the plain one gone.
    let states: [(&str, &[u8]); 4] =
        [("lz4.new", &[]), ("lz4.new", &bytes[..bytes.len() / 2]), ("lz4.new", &bytes), ("lz4", &bytes)];
    for (extension, bytes) in states {
        for finish in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            copy(plain.path(), dir.path());
            fs::write(dir.path().join(format!("journal/{name}.{extension}")), bytes).unwrap();
            if finish {
                assert_eq!(compact_folder(&options(dir.path())).unwrap().already, 0);
            }
            let Opened { store, notices, .. } = open(dir.path()).unwrap();
            assert_eq!(notices, [], "{extension}");
            check_usual(&store, SIZE);
            assert!(store.check().unwrap().is_sound());
            let names: Vec<PathBuf> =
                fs::read_dir(dir.path().join("journal")).unwrap().map(|file| file.unwrap().path()).collect();
            assert_eq!(names.len(), segments(plain.path()).len(), "{names:?}");
        }
    }
    // Where both are there, it is the plain one that counts, whatever the other says.
    let dir = tempfile::tempdir().unwrap();
    copy(plain.path(), dir.path());
    fs::write(dir.path().join(format!("journal/{name}.lz4")), b"nonsense").unwrap();
    assert_eq!(read_as_files(dir.path(), 0), read_as_files(plain.path(), 0));
    assert!(check_folder(&options(dir.path())).unwrap().is_sound());
    let Opened { store, notices, .. } = open(dir.path()).unwrap();
    assert_eq!(notices, []);
    check_usual(&store, SIZE);
}

#[test]
fn a_compressed_segment_cut_anywhere_comes_back_from_sled() {
    let sound = grown(9);
    compact_folder(&options(sound.path())).unwrap();
    let path = segments(sound.path())[1].clone();
    let length = fs::metadata(&path).unwrap().len();
    for left in [0, 1, 27, 28, 29, length / 3, length - 20, length - 5, length - 1] {
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        let path = &segments(dir.path())[1];
        fs::File::options().write(true).open(path).unwrap().set_len(left).unwrap();
        let first = first_of(path);
        assert_eq!(check_folder(&options(dir.path())).unwrap().first_bad, Some(first));
        let Opened { store, notices, .. } = open(dir.path()).unwrap();
        assert!(
            matches!(notices[..], [Notice::JournalRestored { from, .. }] if from == first),
            "{notices:?}"
        );
        check_usual(&store, SIZE);
        assert!(store.check().unwrap().is_sound());
        // A plain one again, with what it was beside.
        assert!(!is_packed(&segments(dir.path())[1]));
        assert!(path.with_added_extension("damaged").exists());
        drop(store);
        // An auditor finds a whole log too, though its batches may be others than they were.
        assert!(!read_as_files(dir.path(), 0).is_empty());

        let copy_without_sled = tempfile::tempdir().unwrap();
        copy(sound.path(), copy_without_sled.path());
        let path = &segments(copy_without_sled.path())[1];
        fs::File::options().write(true).open(path).unwrap().set_len(left).unwrap();
        fs::remove_dir_all(copy_without_sled.path().join("sled")).unwrap();
        let error = open(copy_without_sled.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { first_bad, .. } if first_bad == first), "{error}");
    }
}

#[test]
fn every_bit_of_header_and_index_counts() {
    let sound = grown(9);
    compact_folder(&options(sound.path())).unwrap();
    let path = segments(sound.path())[0].clone();
    let bytes = fs::read(&path).unwrap();
    let index = bytes.len() - 8 * (64_u64 << 10).div_ceil(64 << 10) as usize - 4;
    let bits = (0..28 * 8).chain(index * 8..bytes.len() * 8);
    for bit in bits {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        let mut files = JournalFiles::open(sound.path(), 0).unwrap();
        let end = files.next(|batch| batch.first).unwrap();
        assert!(matches!(end, Err(JournalEnd::Damaged { first_bad: 0, .. })), "bit {bit}: {end:?}");
    }
}

#[test]
fn a_damaged_segment_is_left_plain_for_the_next_start_to_mend() {
    let dir = grown(9);
    let path = segments(dir.path())[1].clone();
    flip(&path, fs::metadata(&path).unwrap().len() * 4);
    let before = fs::read(&path).unwrap();
    let report = compact_folder(&options(dir.path())).unwrap();
    assert_eq!(report.damaged, [first_of(&path)]);
    assert_eq!(fs::read(&path).unwrap(), before);
    let thorough = Options { thorough: true, ..options(dir.path()) };
    let Opened { store, notices, .. } = Store::open(&thorough, derive).unwrap();
    assert!(matches!(notices[..], [Notice::JournalRestored { .. }]), "{notices:?}");
    check_usual(&store, SIZE);
}

#[test]
fn old_segments_are_compressed_while_the_store_goes_on() {
    let dir = grown(9);
    let options = Options { compress: true, ..options(dir.path()) };
    let Opened { store, mut writer, .. } = Store::open(&options, derive).unwrap();
    grow(&mut writer, SIZE, SIZE + 300, 3);
    let plain = || segments(dir.path()).iter().filter(|path| !is_packed(path)).count();
    let patience = Instant::now() + Duration::from_mins(1);
    while plain() > 2 && Instant::now() < patience {
        check_usual(&store, SIZE + 300);
    }
    assert_eq!(plain(), 2);
    check_usual(&store, SIZE + 300);
    assert!(store.check().unwrap().is_sound());
    assert!(matches!(compact_folder(&options), Err(StoreError::InUse { .. })));
}

#[test]
fn a_body_in_a_compressed_segment_is_erased_and_nothing_else_is() {
    let dir = grown(9);
    compact_folder(&options(dir.path())).unwrap();
    let erased = [3, 4, 200, SIZE - 1];
    begin_erasing(dir.path(), SIZE, &erased).unwrap();
    let Opened { mut writer, .. } = open(dir.path()).unwrap();
    assert!(!dir.path().join("erasing").exists(), "the log says nothing of it yet, so nothing was erased");
    begin_erasing(dir.path(), SIZE, &erased).unwrap();
    let mut record = usual(SIZE);
    let mut entry = Entry::decode(&record.entry).unwrap();
    entry.kind = EntryKind::BodyErased;
    record.entry = entry.encode().unwrap();
    writer.append(&[record]).unwrap();
    drop(writer);
    let Opened { store, notices, .. } = open(dir.path()).unwrap();
    assert!(notices.contains(&Notice::BodiesErased { count: 4 }), "{notices:?}");
    for sequence in 0..SIZE {
        let found = store.record(sequence).unwrap().unwrap();
        let expected = usual(sequence);
        assert_eq!(found.entry_bytes, expected.entry);
        let kept = found.kept.map(|kept| (kept.salt, kept.bytes));
        let whole = (expected.salt, expected.body);
        assert_eq!(kept, (!erased.contains(&sequence)).then_some(whole), "{sequence}");
    }
    assert!(store.check().unwrap().is_sound());
    // The others are compressed still, and these are again when their turn comes.
    assert!(segments(dir.path()).iter().any(|path| is_packed(path)));
    drop(store);
    compact_folder(&options(dir.path())).unwrap();
    assert!(check_folder(&options(dir.path())).unwrap().is_sound());
}
