//! SIGKILL at any moment: what was acknowledged is there, nothing is there by half.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use slagboom::ledger::Digest;
use slagboom::store::Opened;

use super::support::*;

const FOLDER: &str = "SLAGBOOM_CRASH_FOLDER";

/// Rounds of the crash test; a longer run sets `SLAGBOOM_CRASH_ROUNDS`.
fn rounds() -> u64 {
    std::env::var("SLAGBOOM_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

#[test]
fn no_record_no_release_what_was_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..rounds() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::crash::appends_until_it_is_killed", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut last = || lines.by_ref().find_map(|line| line.strip_prefix("size ")?.parse::<u64>().ok());
        acknowledged = last().unwrap();
        // Somewhere between the first acknowledgement and half a second later.
        let life = u64::from(Digest::of(&round.to_be_bytes()).as_bytes()[0]) * 2;
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(life) {
            acknowledged = last().unwrap();
        }
        child.kill().unwrap();
        while let Some(size) = last() {
            acknowledged = size;
        }
        child.wait().unwrap();

        let Opened { store, writer, notices } = open(dir.path()).unwrap();
        let size = store.size();
        assert!(
            size >= acknowledged,
            "round {round}: {acknowledged} acknowledged, {size} there: {notices:?}"
        );
        let report = store.check().unwrap();
        assert!(report.is_sound(), "round {round}: {report:?}");
        assert_eq!(report.root, Some(store.root()));
        for sequence in size.saturating_sub(40)..size {
            assert_eq!(store.record(sequence).unwrap().unwrap().entry_bytes, usual(sequence).entry);
        }
        drop((store, writer));
    }
    assert!(acknowledged > 0);
}

/// The child of the test above; on its own it does nothing.
#[test]
fn appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(FOLDER) else { return };
    let Opened { store, mut writer, .. } = open(Path::new(&dir)).unwrap();
    let mut stdout = std::io::stdout();
    for batch in [1, 1, 7, 1, 64, 1, 1, 200].into_iter().cycle() {
        let size = store.size();
        grow(&mut writer, size, size + batch, batch);
        writeln!(stdout, "size {}", store.size()).unwrap();
        stdout.flush().unwrap();
    }
}
