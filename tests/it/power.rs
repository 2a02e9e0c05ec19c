//! The real daemon and a disk that keeps only what was synced: a power cut at any moment, and a disk that fails.
//!
//! The disk is `tests/shim/power_cut.rs`, which the test builds and loads before libc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use slagboom::store::{Options, check_folder};
use tonic::Code;

use crate::cli::with_the_daemon::Daemon;
use crate::crash::{Answered, found_again, killed_while_asked, rounds, verified};
use crate::support::{self, block_on, copy};
use slagboom::proto::v1::export_control_service_client::ExportControlServiceClient;

/// The shim, built once; nothing where there is no compiler to build it with, or no libc that it fits.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    SHIM.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let library = folder.join(format!("libpower_cut-{}.so", std::process::id()));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let built = Command::new(rustc)
            .args(["--edition", "2024", "--crate-type", "cdylib", "-O", "-o"])
            .arg(&library)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/power_cut.rs"))
            .status();
        let fits = cfg!(all(target_os = "linux", target_env = "gnu"));
        if fits && built.is_ok_and(|status| status.success()) {
            Some(library)
        } else {
            println!("skipped: a power cut needs Linux with glibc, and rustc to build its shim");
            None
        }
    })
    .as_deref()
}

/// A data folder, and what the disk holds of it.
struct Disk {
    _folder: tempfile::TempDir,
    data: PathBuf,
    shadow: PathBuf,
    fault: PathBuf,
}

impl Disk {
    fn new() -> Disk {
        let folder = tempfile::tempdir().unwrap();
        let [data, shadow, fault] = ["data", "shadow", "fault"].map(|name| folder.path().join(name));
        Disk { _folder: folder, data, shadow, fault }
    }

    /// A daemon on this disk. All that is there has long been synced.
    fn start(&self, shim: &Path, more: &[(&str, &Path)]) -> Daemon {
        if self.shadow.exists() {
            fs::remove_dir_all(&self.shadow).unwrap();
        }
        if self.data.exists() {
            copy(&self.data, &self.shadow);
        }
        let environment = [
            ("LD_PRELOAD", shim),
            ("POWER_CUT_FROM", &self.data),
            ("POWER_CUT_TO", &self.shadow),
            ("POWER_CUT_FAULT", &self.fault),
        ];
        Daemon::start_with(&self.data, &[], &[&environment[..], more].concat())
    }

    /// The power goes: what was not synced is gone.
    fn cut(&self) {
        fs::remove_dir_all(&self.data).unwrap();
        fs::rename(&self.shadow, &self.data).unwrap();
    }

    fn fail(&self, fault: &str) {
        fs::write(&self.fault, fault).unwrap();
    }

    fn mend(&self) {
        fs::remove_file(&self.fault).unwrap();
    }
}

/// INVARIANT (`no_record_no_release`): each round asks from several connections, cuts the power at some moment, and looks
/// for every decision that was answered, in this round and before. Nothing was signed that did not stay.
#[test]
fn every_answered_decision_survives_a_power_cut() {
    let Some(shim) = shim() else { return };
    let disk = Disk::new();
    let answered = Answered::default();
    for round in 0..rounds() {
        let daemon = disk.start(shim, &[]);
        found_again(&daemon, &answered);
        let before = answered.lock().unwrap().len();
        killed_while_asked(daemon, round, &answered);
        disk.cut();
        verified(&disk.data, &answered, before);
    }
    let mut daemon = disk.start(shim, &[]);
    found_again(&daemon, &answered);
    assert_eq!(daemon.signal(Signal::TERM), 0);
    verified(&disk.data, &answered, 0);
    let report = check_folder(&Options::new(&disk.data)).unwrap();
    assert!(report.is_sound(), "{report}");
    let answered = answered.lock().unwrap();
    assert!(answered.len() as u64 >= rounds(), "only {} answers in {} rounds", answered.len(), rounds());
}

/// The test above can fail: on a disk whose syncs are lies, answered decisions are gone.
#[test]
fn a_disk_that_lies_loses_what_was_answered() {
    let Some(shim) = shim() else { return };
    let disk = Disk::new();
    let mut daemon = disk.start(shim, &[]);
    assert_eq!(daemon.signal(Signal::TERM), 0);
    let answered = Answered::default();
    let daemon = disk.start(shim, &[("POWER_CUT_LIES", Path::new("1"))]);
    killed_while_asked(daemon, 0, &answered);
    disk.cut();
    let mut daemon = disk.start(shim, &[]);
    let size = block_on(async {
        let mut log = slagboom::proto::v1::decision_log_service_client::DecisionLogServiceClient::connect(
            daemon.server.clone(),
        )
        .await
        .unwrap();
        log.read_entries(slagboom::proto::v1::ReadEntriesRequest::default()).await.unwrap().into_inner().size
    });
    assert_eq!(size, 1, "{} were answered", answered.lock().unwrap().len());
    assert_eq!(daemon.signal(Signal::TERM), 0);
}

async fn ask(daemon: &Daemon, id: &str) -> Result<String, tonic::Status> {
    let mut control = ExportControlServiceClient::connect(daemon.server.clone())
        .await
        .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let response = control.check_export(support::request(id)).await?;
    Ok(response.into_inner().decision.unwrap().decision_id)
}

/// Full or read-only: nothing is answered, nothing is lost, and it goes on when it can.
#[test]
fn a_disk_that_takes_no_writes_permits_nothing_and_the_daemon_goes_on_when_it_does() {
    let Some(shim) = shim() else { return };
    for fault in ["enospc", "erofs"] {
        let disk = Disk::new();
        let mut daemon = disk.start(shim, &[]);
        let first = block_on(ask(&daemon, "a")).unwrap();
        disk.fail(fault);
        for at in 0..3 {
            let status = block_on(ask(&daemon, &format!("b-{at}"))).unwrap_err();
            // A full disk is waited out; one that turned read-only is broken, and the daemon ends.
            assert!(fault == "erofs" || status.code() == Code::Unavailable, "{fault}: {status}");
        }
        if fault == "erofs" {
            assert_eq!(daemon.ended(), 2);
            disk.mend();
            daemon = disk.start(shim, &[]);
        } else {
            disk.mend();
            block_on(ask(&daemon, "c")).unwrap();
        }
        assert_eq!(block_on(ask(&daemon, "a")).unwrap(), first);
        block_on(ask(&daemon, "b-0")).unwrap();
        assert_eq!(daemon.signal(Signal::TERM), 0);
        let report = check_folder(&Options::new(&disk.data)).unwrap();
        assert!(report.is_sound(), "{fault}: {report}");
        verified(&disk.data, &Answered::default(), 0);
    }
}

/// An fdatasync that failed is never tried again: pages may be marked clean that are not on the disk.
#[test]
fn a_failed_sync_ends_the_daemon_and_loses_nothing_that_was_answered() {
    let Some(shim) = shim() else { return };
    let disk = Disk::new();
    let mut daemon = disk.start(shim, &[]);
    let first = block_on(ask(&daemon, "a")).unwrap();
    disk.fail("eio");
    let status = block_on(ask(&daemon, "b")).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    disk.mend();
    let start = Instant::now();
    block_on(ask(&daemon, "c")).unwrap_err();
    assert_eq!(daemon.ended(), 2);
    assert!(start.elapsed() < Duration::from_mins(1));
    let mut daemon = disk.start(shim, &[]);
    assert_eq!(block_on(ask(&daemon, "a")).unwrap(), first);
    block_on(ask(&daemon, "c")).unwrap();
    assert_eq!(daemon.signal(Signal::TERM), 0);
    assert!(check_folder(&Options::new(&disk.data)).unwrap().is_sound());
}
