//! The real daemon killed at any moment: what it answered is there, and nothing is half there.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use slagboom::archive::{Archive, VerifyOptions, verify};
use slagboom::proto::v1;
use slagboom::store::{Options, check_folder};
use v1::decision_log_service_client::DecisionLogServiceClient;
use v1::export_control_service_client::ExportControlServiceClient;

use crate::cli::with_the_daemon::Daemon;
use crate::support;

/// Id of the decision, id of the request, and receipt of every answer.
pub type Answered = Arc<Mutex<Vec<(String, String, String)>>>;

/// Rounds: a tenth of the 200 of a full run, unless `SLAGBOOM_CRASH_ROUNDS` says otherwise.
pub fn rounds() -> u64 {
    std::env::var("SLAGBOOM_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// INVARIANT (`no_record_no_release`): each round asks from several connections, kills the daemon with SIGKILL at some
/// moment, starts it again on the same folder, and looks for every decision that was answered, in this round and before.
#[test]
fn every_answered_decision_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let answered = Answered::default();
    for round in 0..rounds() {
        let daemon = Daemon::start(&data, &[]);
        let before = answered.lock().unwrap().len();
        killed_while_asked(daemon, round, &answered);
        verified(&data, &answered, before);
        let report = check_folder(&Options::new(&data)).unwrap();
        // The last batch may be in one copy only; a start evens that out.
        let mut daemon = Daemon::start(&data, &[]);
        found_again(&daemon, &answered);
        assert_eq!(daemon.signal(rustix::process::Signal::TERM), 0);
        let after = check_folder(&Options::new(&data)).unwrap();
        assert!(after.is_sound(), "round {round}: {after} (before the restart: {report})");
    }
    let answered = answered.lock().unwrap();
    assert!(answered.len() as u64 >= rounds(), "only {} answers in {} rounds", answered.len(), rounds());
}

pub fn killed_while_asked(mut daemon: Daemon, round: u64, answered: &Answered) {
    let server = daemon.server.clone();
    let before = answered.lock().unwrap().len();
    let stop = Arc::new(AtomicBool::new(false));
    let asker = |client: u64| {
        let (server, answered, stop) = (server.clone(), answered.clone(), stop.clone());
        std::thread::spawn(move || {
            support::block_on(async {
                let Ok(mut control) = ExportControlServiceClient::connect(server).await else { return };
                for at in 0.. {
                    let request_id = format!("crash-{round}-{client}-{at}");
                    let mut request = support::request(&request_id);
                    request.receipt = v1::ReceiptKind::Full.into();
                    let Ok(response) = control.check_export(request).await else { return };
                    let decision = response.into_inner().decision.unwrap();
                    let receipt = decision.receipt.unwrap().proof;
                    answered.lock().unwrap().push((decision.decision_id, request_id, receipt));
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        })
    };
    let askers: Vec<_> = (0..4).map(asker).collect();
    // Some answers first, then a moment that nobody chose.
    while answered.lock().unwrap().len() < before + 8 {
        std::thread::yield_now();
    }
    let noise = RandomState::new().build_hasher().finish();
    std::thread::sleep(Duration::from_micros(noise % 20_000));
    daemon.signal(rustix::process::Signal::KILL);
    stop.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.join().unwrap();
    }
}

/// Every receipt since `from` holds in the log of this folder, and so does all the rest of it: nothing was signed that did
/// not stay.
pub fn verified(data: &Path, answered: &Answered, from: usize) {
    let kept = answered.lock().unwrap().clone();
    let receipts = kept.into_iter().skip(from).map(|(id, _, receipt)| (id.into(), receipt.into_bytes()));
    let options = VerifyOptions { receipts: receipts.collect(), threads: 1, ..VerifyOptions::default() };
    let report = verify(&Archive::open_data(data).unwrap(), &options, |_| {}).unwrap();
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.receipts, options.receipts.len());
}

pub fn found_again(daemon: &Daemon, answered: &Answered) {
    let answered = answered.lock().unwrap().clone();
    support::block_on(async {
        let mut log = DecisionLogServiceClient::connect(daemon.server.clone()).await.unwrap();
        for (decision_id, request_id, _) in answered {
            let request = v1::GetDecisionRequest { decision_id: decision_id.clone() };
            let found =
                log.get_decision(request).await.unwrap_or_else(|status| panic!("{decision_id}: {status}"));
            let recorded = found.into_inner().recorded.unwrap();
            assert_eq!(recorded.decision.unwrap().request_id, request_id);
            assert_eq!(recorded.request.unwrap().request_id, request_id);
        }
    });
}
