//! What was appended comes back, from the same process and from the next.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use slagboom::store::{Opened, Record, Store, StoreError, Term};

use super::support::*;

#[test]
fn records_come_back_after_a_restart_whatever_the_batches() {
    for batch in [1, 3, 64, 700] {
        let dir = tempfile::tempdir().unwrap();
        let mut size = 0;
        for more in [40, 1, 900, 2] {
            let Opened { store, mut writer, notices } = open(dir.path()).unwrap();
            assert_eq!(notices, [], "batches of {batch}, at {size}");
            check_usual(&store, size);
            grow(&mut writer, size, size + more, batch);
            size += more;
            check_usual(&store, size);
        }
        assert!(segments(dir.path()).len() > 2);
    }
}

#[test]
fn a_record_larger_than_a_pack_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..4)
        .map(|sequence| record(sequence, "|bundle", [200, 700_000, 32_000, 10][sequence as usize]))
        .collect();
    {
        let Opened { mut writer, .. } = open(dir.path()).unwrap();
        writer.append(&records[..2]).unwrap();
        writer.append(&records[2..]).unwrap();
    }
    let Opened { store, notices, .. } = open(dir.path()).unwrap();
    assert_eq!(notices, []);
    for (sequence, record) in (0..).zip(&records) {
        assert_eq!(store.record(sequence).unwrap().unwrap().kept.unwrap().bytes, record.body);
    }
    assert_eq!(store.scan(1).map(|record| record.unwrap().entry.sequence).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn unfit_records_are_refused_and_the_store_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, mut writer, .. } = open(dir.path()).unwrap();
    let refused = |writer: &mut slagboom::store::Writer, change: fn(&mut Record)| {
        let mut records = vec![usual(0), usual(1)];
        change(&mut records[1]);
        writer.append(&records).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&mut writer, |record| record.salt[0] ^= 1),
        "record 1 cannot be appended: its entry commits to another body"
    );
    assert_eq!(
        refused(&mut writer, |record| *record = usual(2)),
        "record 1 cannot be appended: its entry says that it is sequence 2"
    );
    assert_eq!(
        refused(&mut writer, |record| record.entry.push(0)),
        "record 1 cannot be appended: 1 bytes are left after an entry"
    );
    assert_eq!(
        refused(&mut writer, |record| record.body = vec![1; (16 << 20) + 1]),
        "a body is 16777217 long, more than 16777216"
    );
    assert_eq!(
        refused(&mut writer, |record| record.terms = vec![Term(0); 2_001]),
        "a list of terms is 2001 long, more than 2000"
    );
    assert_eq!(store.size(), 0);
    grow(&mut writer, 0, 10, 10);
    check_usual(&store, 10);
}

#[test]
fn a_second_open_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(&dir.path().display().to_string()));
    drop(first);
    open(dir.path()).unwrap();
}

#[test]
fn a_folder_of_another_version_or_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("FORMAT"), "slagboom store 2\n").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("has the format `slagboom store 2`, and this program"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "").unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("has the file `thesis.txt` and no format"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_read_only_folder_is_refused_before_anything_is_changed() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_new_folder_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    drop(open(&deep).unwrap());
    assert_eq!(fs::metadata(&deep).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn the_newest_whole_snapshot_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    {
        let Opened { store, mut writer, .. } = open(dir.path()).unwrap();
        assert_eq!(store.snapshot().unwrap(), None);
        grow(&mut writer, 0, 30, 30);
        for upto in [0, 10, 20, 30] {
            store.put_snapshot(upto, &noise(upto, 100_000 - upto as usize * 3_000)).unwrap();
            assert_eq!(store.snapshot().unwrap().unwrap().0, upto);
        }
        assert!(matches!(store.put_snapshot(31, b""), Err(StoreError::Unfit { .. })));
    }
    let Opened { store, .. } = open(dir.path()).unwrap();
    assert_eq!(store.snapshot().unwrap(), Some((30, noise(30, 10_000))));
}

#[test]
fn instants_are_found_though_the_clock_went_back() {
    let dir = tempfile::tempdir().unwrap();
    let Opened { store, mut writer, .. } = open(dir.path()).unwrap();
    grow(&mut writer, 0, 1_300, 100);
    let time = |sequence: i64| 1_700_000_000_000 + sequence * 10;
    for sequence in [0, 1, 511, 512, 700, 1_299] {
        assert_eq!(store.sequence_at(time(sequence)).unwrap(), sequence as u64);
        assert_eq!(store.sequence_at(time(sequence) + 1).unwrap(), sequence as u64 + 1);
        assert_eq!(store.sequence_after(time(sequence)).unwrap(), sequence as u64);
        assert_eq!(store.sequence_after(time(sequence) + 1).unwrap(), sequence as u64 + 1);
    }
    // The record after the last says that it is as old as the first.
    let mut back = usual(1_300);
    let mut entry = slagboom::ledger::Entry::decode(&back.entry).unwrap();
    entry.time_ms = time(0);
    back.entry = entry.encode().unwrap();
    writer.append(&[back]).unwrap();
    assert_eq!(store.sequence_at(time(700)).unwrap(), 700);
    assert_eq!(store.sequence_after(time(700)).unwrap(), 1_301);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn a_search_finds_what_a_look_at_every_record_finds(
        rows in prop::collection::vec(prop::collection::vec(0_u8..12, 0..6), 1..900),
        wanted in prop::collection::vec(0_u8..13, 0..3),
        before in 0_u64..1_000,
        limit in 1_usize..50,
        batch in 1_usize..400,
        restart in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let request = |row: &Vec<u8>| {
            let values: Vec<String> = row.iter().map(u8::to_string).collect();
            format!("|{}", values.join("|"))
        };
        let records: Vec<Record> =
            (0..).zip(&rows).map(|(sequence, row)| record(sequence, &request(row), 5)).collect();
        let mut opened = Store::open(&options(dir.path()), derive).unwrap();
        for batch in records.chunks(batch) {
            opened.writer.append(batch).unwrap();
        }
        if restart {
            drop(opened);
            opened = Store::open(&options(dir.path()), derive).unwrap();
        }
        let terms: Vec<Term> = wanted.iter().map(|value| Term::of("value", &value.to_string())).collect();
        let naive: Vec<u64> = (0..rows.len() as u64).rev()
            .filter(|sequence| *sequence < before)
            .filter(|sequence| wanted.iter().all(|value| rows[*sequence as usize].contains(value)))
            .take(limit).collect();
        prop_assert_eq!(opened.store.search(&terms, before, limit).unwrap(), naive);
    }
}
