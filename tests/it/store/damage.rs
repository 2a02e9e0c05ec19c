//! Either copy rebuilds the other; where neither can prove what was recorded, the store refuses.

use std::fs;
use std::path::{Path, PathBuf};

use slagboom::store::{Notice, Opened, Options, Store, StoreError, check_folder, compact_folder};
use tempfile::TempDir;

use super::support::{self, *};

const SIZE: u64 = 400;

/// A folder with [`SIZE`] usual records in several segments, closed.
fn sound() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, mut writer, .. } = open(dir.path()).unwrap();
    grow(&mut writer, 0, SIZE, 9);
    assert!(store.check().unwrap().is_sound());
    drop((store, writer));
    assert!(segments(dir.path()).len() >= 4);
    dir
}

/// The same, and once more with every closed segment compressed.
fn sound_both() -> [TempDir; 2] {
    let (plain, packed) = (sound(), tempfile::tempdir().unwrap());
    copy(plain.path(), packed.path());
    let report = compact_folder(&options(packed.path())).unwrap();
    assert!(report.compressed >= 3 && report.bytes_after < report.bytes_before, "{report:?}");
    [plain, packed]
}

/// Opens, expects all records and that every part is whole again, and gives the notices.
fn mended(dir: &Path, size: u64) -> Vec<Notice> {
    let Opened { store, mut writer, notices } = open(dir).unwrap();
    check_usual(&store, size);
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{report:?}");
    grow(&mut writer, size, size + 20, 3);
    drop((store, writer));
    let Opened { store, notices: again, .. } = open(dir).unwrap();
    assert_eq!(again, []);
    check_usual(&store, size + 20);
    notices
}

fn damaged(dir: &Path) -> u64 {
    match open(dir) {
        Err(StoreError::Damaged { first_bad, .. }) => first_bad,
        other => panic!("{other:?}"),
    }
}

fn sled_file(dir: &Path) -> PathBuf {
    dir.join("sled/db")
}

#[test]
fn a_crash_at_any_byte_of_the_last_batch_leaves_all_or_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { mut writer, .. } = open(dir.path()).unwrap();
    grow(&mut writer, 0, 10, 5);
    drop(writer);
    let before = fs::metadata(&segments(dir.path())[0]).unwrap().len();
    let Opened { mut writer, .. } = open(dir.path()).unwrap();
    grow(&mut writer, 10, 12, 2);
    drop(writer);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let whole = fs::read(&segments(dir.path())[0]).unwrap();
    for cut in before as usize..=whole.len() {
        // The tail is as a power cut leaves it: short, or of its full length with zeros.
        for zeros in [0, whole.len() - cut] {
            let copy = tempfile::tempdir().unwrap();
            support::copy(dir.path(), copy.path());
            let mut bytes = whole[..cut].to_vec();
            bytes.resize(cut + zeros, 0);
            fs::write(&segments(copy.path())[0], &bytes).unwrap();
            if cut % 61 == 0 || cut + 3 > whole.len() {
                let Opened { store, notices, .. } = open(copy.path()).unwrap();
                let ends_in_zeros = bytes[before as usize..].iter().all(|byte| *byte == 0);
                let (all, size) = (whole == bytes, store.size());
                assert_eq!(size, if all { 12 } else { 10 }, "cut at {cut}");
                check_usual(&store, size);
                let told =
                    notices.iter().any(|notice| matches!(notice, Notice::TailCut { sequence: 10, .. }));
                assert_eq!(told, !all && !ends_in_zeros, "cut at {cut}: {notices:?}");
            }
        }
    }
}

#[test]
fn a_tail_cut_off_the_journal_comes_back_from_sled() {
    let sound = sound();
    for cut in [1, 100, 5_000, 20_000] {
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        let last = segments(dir.path()).pop().unwrap();
        let length = fs::metadata(&last).unwrap().len();
        fs::File::options().write(true).open(&last).unwrap().set_len(length.saturating_sub(cut)).unwrap();
        let notices = mended(dir.path(), SIZE);
        assert!(matches!(notices[..], [Notice::JournalRestored { to: SIZE, .. }]), "{cut}: {notices:?}");
    }
}

#[test]
fn any_segment_deleted_comes_back_from_sled() {
    for sound in sound_both() {
        for index in 0..segments(sound.path()).len() {
            let dir = tempfile::tempdir().unwrap();
            copy(sound.path(), dir.path());
            fs::remove_file(&segments(dir.path())[index]).unwrap();
            let report = check_folder(&options(dir.path())).unwrap();
            assert!(report.first_bad.is_some(), "{report:?}");
            let notices = mended(dir.path(), SIZE);
            assert!(matches!(notices[..], [Notice::JournalRestored { .. }]), "{index}: {notices:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        for path in segments(dir.path()) {
            fs::remove_file(path).unwrap();
        }
        let notices = mended(dir.path(), SIZE);
        assert!(matches!(notices[..], [Notice::JournalRestored { from: 0, to: SIZE, .. }]), "{notices:?}");
    }
}

#[test]
fn a_bit_flipped_anywhere_in_the_journal_is_found_and_comes_back_from_sled() {
    for sound in sound_both() {
        let report = check_folder(&options(sound.path())).unwrap();
        assert!(report.is_sound() && report.size == SIZE, "{report:?}");
        for (index, path) in segments(sound.path()).iter().enumerate() {
            let bits = fs::metadata(path).unwrap().len() * 8;
            for part in 0..12 {
                let dir = tempfile::tempdir().unwrap();
                copy(sound.path(), dir.path());
                let bit = if part == 0 { 70 } else { bits / 12 * part + part };
                flip(&segments(dir.path())[index], bit);
                let report = check_folder(&options(dir.path())).unwrap();
                assert!(report.first_bad.is_some(), "bit {bit} of segment {index}");
                let thorough = Options { thorough: true, ..options(dir.path()) };
                let Opened { store, notices, .. } = Store::open(&thorough, derive).unwrap();
                assert!(!notices.is_empty(), "bit {bit} of segment {index}");
                check_usual(&store, SIZE);
                let report = store.check().unwrap();
                assert!(report.is_sound(), "bit {bit} of segment {index}: {report:?}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_an_old_segment_is_never_answered_from() {
    let dir = sound();
    let path = &segments(dir.path())[1];
    flip(path, fs::metadata(path).unwrap().len() * 4);
    let Opened { store, .. } = open(dir.path()).unwrap();
    let bad: Vec<u64> = (0..SIZE).filter(|sequence| store.record(*sequence).is_err()).collect();
    let first_bad = store.check().unwrap().first_bad.unwrap();
    assert!(bad.contains(&first_bad) && bad.len() <= 9, "{bad:?}");
    let scanned: Vec<u64> = store.scan(0).map_while(Result::ok).map(|record| record.entry.sequence).collect();
    // A scan gives whole batches.
    assert!((bad[0] - 9..=bad[0]).contains(&(scanned.len() as u64)));
    assert!(matches!(store.scan(0).find_map(Result::err), Some(StoreError::Damaged { .. })));
}

#[test]
fn sled_deleted_is_rebuilt_from_the_journal() {
    let dir = sound();
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let notices = mended(dir.path(), SIZE);
    assert!(matches!(notices[..], [Notice::DatabaseRebuilt { records: SIZE, .. }]), "{notices:?}");
}

#[test]
fn sled_truncated_is_rebuilt_from_the_journal() {
    let sound = sound();
    let length = fs::metadata(sled_file(sound.path())).unwrap().len();
    for left in [0, 1, 4_096, length / 4, length / 2, length - 4_096] {
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        fs::File::options().write(true).open(sled_file(dir.path())).unwrap().set_len(left).unwrap();
        let notices = mended(dir.path(), SIZE);
        let right = matches!(
            notices[..],
            [] | [Notice::DatabaseRebuilt { records: SIZE, .. } | Notice::DatabaseBroughtUp { to: SIZE, .. }]
        );
        assert!(right, "{left} of {length}: {notices:?}");
    }
}

#[test]
fn a_bit_flipped_in_sled_is_rebuilt_from_the_journal() {
    let sound = sound();
    let bytes = fs::read(sled_file(sound.path())).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for part in 0..24 {
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        flip(&sled_file(dir.path()), (used / 24 * part + 17) as u64 * 8);
        // A flip in space that sled does not use changes nothing; any other must be told or found.
        let Opened { store, .. } = open(dir.path()).unwrap();
        let report = store.check().unwrap();
        for sequence in 0..SIZE {
            match store.record(sequence) {
                Ok(record) => assert_eq!(record.unwrap().entry_bytes, usual(sequence).entry),
                Err(_) => assert!(!report.is_sound()),
            }
        }
        assert!(store.scan(0).all(|record| record.is_ok()));
    }
}

#[test]
fn when_neither_copy_can_prove_a_record_the_first_bad_one_is_named() {
    for sound in sound_both() {
        // A flip in the middle of the last segment, and no sled.
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        let last = segments(dir.path()).pop().unwrap();
        flip(&last, fs::metadata(&last).unwrap().len() * 4);
        let expected = check_folder(&options(dir.path())).unwrap().first_bad.unwrap();
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        assert_eq!(damaged(dir.path()), expected);
        // The refusal changed nothing: it is given again.
        assert_eq!(damaged(dir.path()), expected);

        // The third segment gone, and no sled.
        let dir = tempfile::tempdir().unwrap();
        copy(sound.path(), dir.path());
        let name = first_of(&segments(dir.path())[2]);
        fs::remove_file(&segments(dir.path())[2]).unwrap();
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        assert_eq!(damaged(dir.path()), name);
    }
}

#[test]
fn sled_of_another_log_is_not_believed() {
    let (mine, theirs) = (sound(), tempfile::tempdir().unwrap());
    {
        let Opened { mut writer, .. } = open(theirs.path()).unwrap();
        for sequence in 0..SIZE {
            writer.append(&[record(sequence, "other|values", 20)]).unwrap();
        }
    }
    fs::remove_dir_all(mine.path().join("sled")).unwrap();
    copy(&theirs.path().join("sled"), &mine.path().join("sled"));
    let notices = mended(mine.path(), SIZE);
    assert!(matches!(notices[..], [Notice::DatabaseRebuilt { records: SIZE, .. }]), "{notices:?}");

    // The same with a longer log: its end does not fit onto this journal, and something is wrong with both.
    let Opened { mut writer, .. } = open(theirs.path()).unwrap();
    for sequence in SIZE..SIZE + 60 {
        writer.append(&[record(sequence, "other|values", 20)]).unwrap();
    }
    drop(writer);
    fs::remove_dir_all(mine.path().join("sled")).unwrap();
    copy(&theirs.path().join("sled"), &mine.path().join("sled"));
    assert_eq!(damaged(mine.path()), SIZE + 20);
}

#[test]
fn a_log_that_was_copied_while_it_was_written_opens_with_all_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, mut writer, .. } = open(dir.path()).unwrap();
    let mut size = 0;
    for batch in [1, 1, 1, 50, 1, 200, 7, 1, 64, 64, 1, 1, 300] {
        grow(&mut writer, size, size + batch, batch);
        size += batch;
        // What lies in the files is what SIGKILL would leave.
        let killed = tempfile::tempdir().unwrap();
        copy(dir.path(), killed.path());
        let Opened { store, .. } = open(killed.path()).unwrap();
        check_usual(&store, size);
    }
    drop(store);
}

#[test]
fn sled_as_it_was_a_while_ago_is_brought_up() {
    let dir = tempfile::tempdir().unwrap();
    for (size, batch) in [(0, 1), (30, 1), (200, 9), (390, 190)] {
        let Opened { mut writer, .. } = open(dir.path()).unwrap();
        grow(&mut writer, 0, size, 9);
        drop(writer);
        let old = tempfile::tempdir().unwrap();
        copy(&dir.path().join("sled"), old.path());
        let Opened { mut writer, .. } = open(dir.path()).unwrap();
        grow(&mut writer, size, 400, batch);
        drop(writer);
        fs::remove_dir_all(dir.path().join("sled")).unwrap();
        copy(old.path(), &dir.path().join("sled"));
        let notices = mended(dir.path(), 400);
        let right = matches!(
            notices[..],
            [Notice::DatabaseBroughtUp { to: 400, .. } | Notice::DatabaseRebuilt { records: 400, .. }]
        );
        assert!(right, "{notices:?}");
        fs::remove_dir_all(dir.path()).unwrap();
    }
}

/// Rounds of the random damage; a longer run sets `SLAGBOOM_DAMAGE_ROUNDS`.
fn rounds() -> u64 {
    std::env::var("SLAGBOOM_DAMAGE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30)
}

#[test]
fn two_copies_no_damage_to_one_is_silent_or_loses_a_record() {
    for sound in sound_both() {
        let mut files = segments(sound.path());
        files.extend(fs::read_dir(sound.path().join("sled")).unwrap().map(|file| file.unwrap().path()));
        files.retain(|path| path.is_file());
        for round in 0..rounds() {
            let random = noise(round, 32);
            let die = |index: usize| u64::from_be_bytes(random[index * 8..index * 8 + 8].try_into().unwrap());
            let dir = tempfile::tempdir().unwrap();
            copy(sound.path(), dir.path());
            let victim = &files[die(0) as usize % files.len()];
            let path = dir.path().join(victim.strip_prefix(sound.path()).unwrap());
            let mut bytes = fs::read(&path).unwrap();
            let at = die(1) as usize % bytes.len().max(1);
            match die(2) % 5 {
                0 => bytes.truncate(at),
                1 => bytes.iter_mut().skip(at / 4_096 * 4_096).take(4_096).for_each(|byte| *byte = 0),
                2 => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte ^= 0xa5),
                3 => bytes.clear(),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1),
            }
            let changed = bytes != fs::read(&path).unwrap();
            fs::write(&path, &bytes).unwrap();
            let told = format!("round {round}: {} at {at}, kind {}", path.display(), die(2) % 5);
            let found = check_folder(&options(dir.path())).unwrap();

            let thorough = Options { thorough: true, ..options(dir.path()) };
            let Opened { store, notices, .. } = Store::open(&thorough, derive).unwrap();
            check_usual(&store, SIZE);
            let report = store.check().unwrap();
            assert!(report.is_sound(), "{told}: {report:?}");
            // Much of sled's file is free space, where damage does no harm.
            if changed && path.starts_with(dir.path().join("journal")) {
                assert!(!found.is_sound() && !notices.is_empty(), "{told}: {found:?} {notices:?}");
            }
        }
    }
}
