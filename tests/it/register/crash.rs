//! The real daemon killed between reserving, answering and confirming: balances are the fold of the log.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use slagboom::proto::v1::{self, Outcome};
use v1::export_control_service_client::ExportControlServiceClient;
use v1::licence_service_client::LicenceServiceClient;

use super::{licence, order, shipment};
use crate::cli::with_the_daemon::Daemon;
use crate::cli::{code, json, slagboom};
use crate::crash::rounds;
use crate::support::block_on;

/// What was answered and what was sent, over all rounds.
#[derive(Default)]
struct Seen {
    reserved: AtomicU64,
    confirmed: AtomicU64,
    confirmations_sent: AtomicU64,
    /// Confirmations without an answer: they are sent again, and draw once.
    unanswered: Mutex<Vec<v1::ConfirmShipmentRequest>>,
}

#[test]
fn balances_are_the_fold_of_the_log_whenever_the_daemon_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let seen = Arc::new(Seen::default());
    for round in 0..rounds().div_ceil(2) {
        let daemon = Daemon::start(&data, &[]);
        if round == 0 {
            let mut wide = licence("NL-1");
            wide.lines[0].quantity = "1000000".to_owned();
            wide.lines[0].value = "1000000000".to_owned();
            block_on(async {
                let request = v1::RecordLicenceRequest { request_id: "r".to_owned(), licence: Some(wide) };
                let mut licences = LicenceServiceClient::connect(daemon.server.clone()).await.unwrap();
                licences.record_licence(request).await.unwrap();
            });
        }
        retry(&daemon, &seen);
        killed(daemon, round, &seen);

        let mut daemon = Daemon::start(&data, &[]);
        let balance = block_on(async {
            let mut licences = LicenceServiceClient::connect(daemon.server.clone()).await.unwrap();
            let request = v1::GetLicenceRequest { number: "NL-1".to_owned(), ..Default::default() };
            licences.get_licence(request).await.unwrap().into_inner().licence.unwrap().balances[0].clone()
        });
        assert_eq!(daemon.signal(rustix::process::Signal::TERM), 0);
        let (confirmed, reserved): (u64, u64) =
            (balance.confirmed_quantity.parse().unwrap(), balance.reserved_quantity.parse().unwrap());
        let output = slagboom(&["replay", "--data", data.to_str().unwrap(), "--format", "json"]);
        assert_eq!(code(&output), 0);
        let replayed = json(&output);
        assert_eq!(replayed["decisions"], replayed["same"], "round {round}");
        let decisions = replayed["decisions"].as_u64().unwrap();
        assert_eq!(confirmed + reserved, decisions, "round {round}: each decision drew one piece, once");
        assert!(decisions >= seen.reserved.load(Ordering::SeqCst), "an answered reservation is lost");
        let answered = seen.confirmed.load(Ordering::SeqCst);
        assert!(confirmed >= answered, "an answered confirmation is lost");
        assert!(confirmed <= seen.confirmations_sent.load(Ordering::SeqCst), "one was written off twice");
        let cents = |text: &str| text.parse::<rust_decimal::Decimal>().unwrap();
        assert_eq!(
            cents(&balance.confirmed_value),
            rust_decimal::Decimal::new(i64::try_from(confirmed).unwrap() * 1_000, 2)
        );
    }
    assert!(seen.confirmed.load(Ordering::SeqCst) > 0);
}

/// What got no answer is sent again, as an ERP does.
fn retry(daemon: &Daemon, seen: &Seen) {
    let again = std::mem::take(&mut *seen.unanswered.lock().unwrap());
    block_on(async {
        let mut control = ExportControlServiceClient::connect(daemon.server.clone()).await.unwrap();
        for request in again {
            control.confirm_shipment(request).await.unwrap();
            seen.confirmed.fetch_add(1, Ordering::SeqCst);
        }
    });
}

fn killed(mut daemon: Daemon, round: u64, seen: &Arc<Seen>) {
    let server = daemon.server.clone();
    let before = seen.reserved.load(Ordering::SeqCst);
    let asker = |client: u64| {
        let (server, seen) = (server.clone(), seen.clone());
        std::thread::spawn(move || {
            block_on(async {
                let Ok(mut control) = ExportControlServiceClient::connect(server).await else { return };
                for at in 0.. {
                    let id = format!("{round}-{client}-{at}");
                    let Ok(response) = control.check_export(order(&id, "1", "10.00")).await else { return };
                    let decision = response.into_inner().decision.unwrap();
                    assert_eq!(decision.outcome(), Outcome::Permitted);
                    seen.reserved.fetch_add(1, Ordering::SeqCst);
                    if at % 2 == 0 {
                        let request = shipment(&format!("s-{id}"), &decision, "1", "10.00");
                        seen.confirmations_sent.fetch_add(1, Ordering::SeqCst);
                        if control.confirm_shipment(request.clone()).await.is_err() {
                            seen.unanswered.lock().unwrap().push(request);
                            return;
                        }
                        seen.confirmed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        })
    };
    let askers: Vec<_> = (0..4).map(asker).collect();
    // Some answers first, then a moment that nobody chose.
    while seen.reserved.load(Ordering::SeqCst) < before + 8 {
        std::thread::yield_now();
    }
    let noise = RandomState::new().build_hasher().finish();
    std::thread::sleep(Duration::from_micros(noise % 20_000));
    daemon.signal(rustix::process::Signal::KILL);
    for asker in askers {
        asker.join().unwrap();
    }
}
