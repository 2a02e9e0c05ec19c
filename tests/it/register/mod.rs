//! Licences over a real socket: reserved with the decision, drawn once, suspended by criterion, the same after a restart.

mod accounts;
mod crash;
mod edges;
mod orders;
mod owed;
mod papers;
mod property;
mod suspend;
mod verbs;
mod worked;

use std::time::Duration;

use slagboom::proto::v1::{self, Outcome, replay_decisions_response::Said};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{NOON_MS, TestServer, block_on, check, fields, request, to, with_code};

/// A day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

/// 100 pieces worth 100,000 euro of 5A002 and below, for India.
pub fn licence(number: &str) -> v1::Licence {
    v1::Licence {
        number: number.to_owned(),
        kind: "individual".to_owned(),
        holder: "VOORBEELD Netwerken B.V.".to_owned(),
        issued: "2021-12-01".to_owned(),
        valid_from: "2022-01-01".to_owned(),
        valid_until: "2022-12-31".to_owned(),
        destinations: vec!["IN".to_owned()],
        end_users: vec!["Civil Buyer".to_owned()],
        lines: vec![v1::LicenceLine {
            code: "5A002".to_owned(),
            quantity: "100".to_owned(),
            unit: "pcs".to_owned(),
            value: "100000.00".to_owned(),
            ..v1::LicenceLine::default()
        }],
        ..v1::Licence::default()
    }
}

pub async fn record(server: &TestServer, licence: v1::Licence) -> Result<v1::Recorded, Status> {
    let request_id = format!("record/{}", licence.number);
    let request = v1::RecordLicenceRequest { request_id, licence: Some(licence) };
    let response = server.licences().await.record_licence(request).await?;
    Ok(response.into_inner().recorded.unwrap())
}

pub async fn held(server: &TestServer, number: &str) -> v1::HeldLicence {
    let request = v1::GetLicenceRequest { number: number.to_owned(), ..Default::default() };
    server.licences().await.get_licence(request).await.unwrap().into_inner().licence.unwrap()
}

/// Confirmed quantity and value, reserved quantity and value of the first line.
pub async fn balance(server: &TestServer, number: &str) -> [String; 4] {
    let balance = held(server, number).await.balances[0].clone();
    [balance.confirmed_quantity, balance.confirmed_value, balance.reserved_quantity, balance.reserved_value]
}

/// So many pieces of 5A002.a, worth so much, to India.
pub fn order(id: &str, quantity: &str, value: &str) -> v1::CheckExportRequest {
    let mut asked = with_code("5A002.a", request(id));
    quantity.clone_into(&mut asked.goods[0].quantity);
    value.clone_into(&mut asked.goods[0].value);
    asked
}

pub fn shipment(
    id: &str,
    decision: &v1::Decision,
    quantity: &str,
    value: &str,
) -> v1::ConfirmShipmentRequest {
    v1::ConfirmShipmentRequest {
        request_id: id.to_owned(),
        decision_id: decision.decision_id.clone(),
        export_date: "2022-03-01".to_owned(),
        reference: "22NL0001".to_owned(),
        lines: vec![v1::ShippedGoods {
            line: 1,
            quantity: quantity.to_owned(),
            value: value.to_owned(),
            currency: "EUR".to_owned(),
        }],
        last: false,
    }
}

pub async fn confirm(
    server: &TestServer,
    request: v1::ConfirmShipmentRequest,
) -> Result<v1::ConfirmShipmentResponse, Status> {
    Ok(server.control().await.confirm_shipment(request).await?.into_inner())
}

/// The same on another day.
pub fn on(day: &str, mut request: v1::CheckExportRequest) -> v1::CheckExportRequest {
    day.clone_into(&mut request.export_date);
    request
}

/// A part of a line that is to be drawn on this licence.
pub fn part(licence: &str, quantity: &str, value: &str) -> v1::AskedAllocation {
    v1::AskedAllocation {
        licence: licence.to_owned(),
        licence_line: 0,
        quantity: quantity.to_owned(),
        value: value.to_owned(),
    }
}

pub async fn amend(server: &TestServer, id: &str, licence: v1::Licence, from: &str) -> Result<(), Status> {
    let request = v1::AmendLicenceRequest {
        request_id: id.to_owned(),
        licence: Some(licence),
        from: from.to_owned(),
        reason: "the authority amended it".to_owned(),
    };
    server.licences().await.amend_licence(request).await.map(drop)
}

async fn release(server: &TestServer, id: &str, decision: &v1::Decision) -> Result<(), Status> {
    let request = v1::ReleaseReservationRequest {
        request_id: id.to_owned(),
        decision_id: decision.decision_id.clone(),
        reason: "order cancelled".to_owned(),
    };
    server.control().await.release_reservation(request).await.map(drop)
}

pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Every recorded decision comes out the same, to the byte.
pub async fn replays(server: &TestServer, decisions: u64) {
    let mut said = server
        .log()
        .await
        .replay_decisions(v1::ReplayDecisionsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let mut last = None;
    while let Some(message) = said.message().await.unwrap() {
        last = message.said;
    }
    let Some(Said::Summary(summary)) = last else { panic!("{last:?}") };
    assert_eq!(
        (summary.decisions, summary.same, summary.unreplayable),
        (decisions, decisions, 0),
        "{summary:?}"
    );
}

#[test]
fn a_check_finds_a_licence_and_reserves_it_in_the_same_record() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Permitted);
        assert_eq!(decision.basis(), v1::Basis::Licence);
        let allocation = &decision.allocations[0];
        assert_eq!((&*allocation.licence, allocation.licence_line), ("NL-1", 1));
        assert_eq!((&*allocation.remaining_quantity, &*allocation.remaining_value), ("60", "70000.00"));
        // Thirty days after the day of the export, which is the later one.
        assert_eq!((&*decision.reserved_until, &*decision.valid_until), ("2022-03-31", "2022-03-31"));
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "40", "30000.00"]);
        // A retry draws nothing, and a dry run neither.
        let again = check(&server, order("a", "40", "30000.00")).await.unwrap();
        assert!(again.answered_from_record);
        assert_eq!(again.reserved_until, decision.reserved_until);
        let dry = v1::CheckExportRequest { dry_run: true, ..order("x", "60", "70000.00") };
        assert_eq!(check(&server, dry).await.unwrap().outcome(), Outcome::Permitted);
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "40", "30000.00"]);
        // Offered or found, a licence for another end user, country or holder is none.
        for other in [
            to("BR", order("b", "1", "1.00")),
            {
                let mut other = order("c", "1", "1.00");
                other.end_user.as_mut().unwrap().name = "Someone Else".to_owned();
                other
            },
            {
                let mut other = order("d", "1", "1.00");
                other.exporter.as_mut().unwrap().name = "Voorbeeld Netwerken".to_owned();
                other
            },
        ] {
            let decision = check(&server, other.clone()).await.unwrap();
            assert_eq!(decision.outcome(), Outcome::LicenceRequired);
            let offered = v1::CheckExportRequest {
                licences_offered: vec!["NL-1".to_owned()],
                request_id: format!("{}-offered", other.request_id),
                ..other
            };
            let decision = check(&server, offered).await.unwrap();
            assert_eq!(decision.outcome(), Outcome::LicenceInsufficient);
            assert!(decision.reserved_until.is_empty());
        }
        replays(&server, 7).await;
    });
}

#[test]
fn both_caps_bind_equality_is_inside_and_a_cent_or_a_piece_over_is_not() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        for (id, quantity, value) in [("a", "101", "1.00"), ("b", "1", "100000.01")] {
            let decision = check(&server, order(id, quantity, value)).await.unwrap();
            assert_eq!(decision.outcome(), Outcome::LicenceInsufficient, "{id}");
        }
        let decision = check(&server, order("c", "100", "100000.00")).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Permitted);
        let decision = check(&server, order("d", "0.000001", "0.00")).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceInsufficient);
        // Another unit is never guessed at.
        record(&server, licence("NL-2")).await.unwrap();
        let mut kilos = order("e", "1", "1.00");
        kilos.goods[0].unit = "kg".to_owned();
        let decision = check(&server, kilos).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceRequired);
        assert!(decision.considered.iter().any(|considered| considered.why_not.contains("counts in pcs")));
    });
}

#[test]
fn a_document_reserves_all_of_its_lines_or_none() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut asked = order("a", "40", "30000.00");
        asked.goods.push(v1::Goods { line: 2, quantity: "61".to_owned(), ..asked.goods[0].clone() });
        let decision = check(&server, asked.clone()).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceInsufficient);
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "0", "0"]);
        asked.request_id = "b".to_owned();
        asked.goods[1].quantity = "60".to_owned();
        assert_eq!(check(&server, asked).await.unwrap().outcome(), Outcome::Permitted);
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "100", "60000.00"]);
    });
}

#[test]
fn a_licence_is_chosen_by_expiry_and_then_by_the_smallest_balance_that_suffices() {
    let server = TestServer::start();
    block_on(async {
        let mut late = licence("NL-LATE");
        late.valid_until = "2023-06-30".to_owned();
        let mut any_user = licence("NL-ANY-USER");
        any_user.end_users.clear();
        any_user.valid_until = "2022-06-30".to_owned();
        let mut small = licence("NL-SMALL");
        small.lines[0].value = "50000.00".to_owned();
        for licence in [late, any_user, licence("NL-LARGE"), small] {
            record(&server, licence).await.unwrap();
        }
        let mut used = Vec::new();
        for (id, value) in [("a", "40000.00"), ("b", "40000.00"), ("c", "90000.00"), ("d", "90000.00")] {
            let decision = check(&server, order(id, "1", value)).await.unwrap();
            used.push(decision.allocations.first().map_or_else(String::new, |part| part.licence.clone()));
        }
        assert_eq!(used, ["NL-SMALL", "NL-LARGE", "NL-LATE", "NL-ANY-USER"]);
    });
}

#[test]
fn what_has_left_is_written_off_in_parts_and_never_more_than_was_reserved() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        let first = confirm(&server, shipment("s1", &decision, "10", "7000.00")).await.unwrap();
        assert_eq!((&*first.written_off[0].licence, &*first.incident), ("NL-1", ""));
        assert_eq!(balance(&server, "NL-1").await, ["10", "7000.00", "30", "23000.00"]);
        // The same message again is the same shipment; the same id for another one is refused.
        let again = confirm(&server, shipment("s1", &decision, "10", "7000.00")).await.unwrap();
        assert!(again.answered_from_record);
        assert_eq!(again.sequence, first.sequence);
        let other = confirm(&server, shipment("s1", &decision, "11", "7000.00")).await.unwrap_err();
        assert_eq!(reason(&other), "REQUEST_ID_REUSED");
        let check_again = check(&server, order("s1", "1", "1.00")).await.unwrap_err();
        assert_eq!(reason(&check_again), "REQUEST_ID_REUSED");
        for (id, quantity, value) in [("s2", "30.000001", "1.00"), ("s3", "1", "23000.01")] {
            let refused = confirm(&server, shipment(id, &decision, quantity, value)).await.unwrap_err();
            assert_eq!(
                (refused.code(), &*reason(&refused)),
                (Code::FailedPrecondition, "MORE_THAN_RESERVED")
            );
        }
        // The last one gives the rest back; then nothing is reserved any more.
        let last = v1::ConfirmShipmentRequest { last: true, ..shipment("s4", &decision, "20", "20000.00") };
        confirm(&server, last).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["30", "27000.00", "0", "0.00"]);
        let over = confirm(&server, shipment("s5", &decision, "1", "1.00")).await.unwrap_err();
        assert_eq!(reason(&over), "NO_RESERVATION");
        assert_eq!(reason(&release(&server, "r1", &decision).await.unwrap_err()), "NO_RESERVATION");

        let decision = check(&server, order("b", "70", "1.00")).await.unwrap();
        release(&server, "r2", &decision).await.unwrap();
        release(&server, "r2", &decision).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["30", "27000.00", "0", "0.00"]);
        assert_eq!(
            reason(&confirm(&server, shipment("s6", &decision, "1", "1.00")).await.unwrap_err()),
            "NO_RESERVATION"
        );
        replays(&server, 2).await;
    });
}

#[test]
fn bad_confirmations_name_every_bad_field() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        let size = server.service.size();
        let mut bad = shipment("has space", &decision, "0", "-1");
        bad.export_date = "2022-02-30".to_owned();
        bad.reference = String::new();
        bad.decision_id = "7".to_owned();
        bad.lines[0].currency = "euro".to_owned();
        bad.lines.push(bad.lines[0].clone());
        let refused = confirm(&server, bad).await.unwrap_err();
        let named = fields(&refused);
        for field in [
            "request_id",
            "decision_id",
            "export_date",
            "reference",
            "lines[0].quantity",
            "lines[0].value",
            "lines[0].currency",
            "lines[1].line",
        ] {
            assert!(named.iter().any(|named| named == field), "{field} is not in {named:?}");
        }
        let mut dollars = shipment("s1", &decision, "1", "1.00");
        dollars.lines[0].currency = "USD".to_owned();
        assert_eq!(confirm(&server, dollars).await.unwrap_err().code(), Code::InvalidArgument);
        let mut late = shipment("s2", &decision, "1", "1.00");
        late.export_date = "2023-01-01".to_owned();
        assert_eq!(reason(&confirm(&server, late).await.unwrap_err()), "LICENCE_NOT_USABLE");
        assert_eq!(server.service.size(), size + 1, "the goods may have gone: it is kept as an incident");
        for reason in [String::new(), "x".repeat(4_097)] {
            let request = v1::ReleaseReservationRequest {
                request_id: "r1".to_owned(),
                decision_id: decision.decision_id.clone(),
                reason,
            };
            let refused = server.control().await.release_reservation(request).await.unwrap_err();
            assert_eq!(fields(&refused), ["reason"]);
        }
        let mut nowhere = shipment("s3", &decision, "1", "1.00");
        nowhere.decision_id = "D000000000401M86P7FK0".to_owned();
        assert_eq!(confirm(&server, nowhere).await.unwrap_err().code(), Code::NotFound);
        assert_eq!(server.service.size(), size + 1, "nothing else was recorded");
    });
}

#[test]
fn a_reservation_that_nobody_confirms_runs_out_and_is_recorded() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "100", "1.00")).await.unwrap();
        assert_eq!(decision.reserved_until, "2022-03-31");
        server.clock.set(NOON_MS + 30 * DAY_MS);
        let decided = check(&server, order("b", "1", "1.00")).await.unwrap();
        assert_eq!(decided.outcome(), Outcome::LicenceInsufficient, "the last day counts");
        let size = server.service.size();
        server.clock.set(NOON_MS + 31 * DAY_MS);
        let decided = check(&server, order("c", "1", "1.00")).await.unwrap();
        assert_eq!(decided.outcome(), Outcome::Permitted);
        assert_eq!(server.service.size(), size + 2, "that it ran out is an entry of its own");
        assert_eq!(
            reason(&confirm(&server, shipment("s1", &decision, "1", "1.00")).await.unwrap_err()),
            "NO_RESERVATION"
        );
        replays(&server, 3).await;
    });
}

#[test]
fn a_changed_document_gives_back_what_the_old_one_reserved() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let first = check(&server, order("a/1", "80", "1.00")).await.unwrap();
        let changed = |id: &str, supersedes: &str, quantity: &str| v1::CheckExportRequest {
            supersedes: supersedes.to_owned(),
            ..order(id, quantity, "1.00")
        };
        // Without giving the 80 back, 100 would be too much.
        let second = check(&server, changed("a/2", &first.decision_id, "100")).await.unwrap();
        assert_eq!(second.outcome(), Outcome::Permitted);
        assert_eq!(balance(&server, "NL-1").await[2], "100");
        // The new document is what counts, whatever comes of it.
        let third = check(&server, changed("a/3", &second.decision_id, "101")).await.unwrap();
        assert_eq!(third.outcome(), Outcome::LicenceInsufficient);
        assert_eq!(balance(&server, "NL-1").await[2], "0");
        for wrong in ["document 7", "D000000000401M86P7FK0"] {
            let refused = check(&server, changed("a/4", wrong, "1")).await.unwrap_err();
            assert_eq!(fields(&refused), ["supersedes"], "{wrong}");
        }
        replays(&server, 3).await;
    });
}

#[test]
fn the_register_is_the_same_after_a_restart_and_in_every_copy() {
    let server = TestServer::start();
    let before = block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        record(&server, licence("NL-2")).await.unwrap();
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        confirm(&server, shipment("s1", &decision, "10", "7000.00")).await.unwrap();
        check(&server, order("b", "70", "1.00")).await.unwrap();
        [held(&server, "NL-1").await, held(&server, "NL-2").await]
    });
    let server = server.restart();
    block_on(async {
        assert_eq!([held(&server, "NL-1").await, held(&server, "NL-2").await], before);
        // Retries over the restart draw nothing.
        assert!(check(&server, order("b", "70", "1.00")).await.unwrap().answered_from_record);
        assert!(record(&server, licence("NL-1")).await.unwrap().answered_from_record);
        let mut other = licence("NL-1");
        other.kind = "global".to_owned();
        let request = v1::RecordLicenceRequest { request_id: "other".to_owned(), licence: Some(other) };
        let refused = server.licences().await.record_licence(request).await.unwrap_err();
        assert_eq!(reason(&refused), "LICENCE_KNOWN");
        replays(&server, 2).await;
    });
}

/// 64 at once, each for a tenth of what there is: ten get it, and the sum is exact.
#[test]
fn many_at_once_never_draw_more_than_there_is() {
    let rounds: usize =
        std::env::var("SLAGBOOM_RACE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let server = TestServer::start();
    block_on(async {
        for round in 0..rounds {
            let number = format!("NL-{round}");
            let mut of_round = licence(&number);
            of_round.end_users = vec![format!("Buyer {round}")];
            record(&server, of_round).await.unwrap();
            let mut tasks = tokio::task::JoinSet::new();
            for at in 0..64 {
                let mut asked = order(&format!("{round}/{at}"), "10", "10000.00");
                asked.end_user.as_mut().unwrap().name = format!("Buyer {round}");
                let mut control = server.control().await;
                tasks.spawn(async move {
                    control.check_export(asked).await.unwrap().into_inner().decision.unwrap()
                });
            }
            let decisions = tasks.join_all().await;
            let permitted =
                decisions.iter().filter(|decision| decision.outcome() == Outcome::Permitted).count();
            assert_eq!(permitted, 10);
            assert_eq!(balance(&server, &number).await, ["0", "0", "100", "100000.00"]);
        }
        replays(&server, rounds as u64 * 64).await;
    });
}

#[test]
fn a_licence_that_cannot_be_is_refused_with_every_fault() {
    let server = TestServer::start();
    block_on(async {
        let bad = v1::Licence {
            number: " ".to_owned(),
            kind: "general".to_owned(),
            valid_from: "2022-02-30".to_owned(),
            destinations: vec!["RU".to_owned(), "Russia".to_owned()],
            lines: vec![
                v1::LicenceLine { code: "5A".to_owned(), quantity: "1".to_owned(), ..Default::default() },
                v1::LicenceLine {
                    code: "5A002".to_owned(),
                    value: "1000000000000000.00".to_owned(),
                    ..Default::default()
                },
                v1::LicenceLine { line: 1, code: "5A002".to_owned(), ..Default::default() },
            ],
            ..v1::Licence::default()
        };
        let refused = record(&server, bad).await.unwrap_err();
        let fields = fields(&refused);
        for field in [
            "licence.number",
            "licence.kind",
            "licence.holder",
            "licence.valid_from",
            "licence.destinations[1]",
            "licence.lines[0].code",
            "licence.lines[0].unit",
            "licence.lines[1].value",
            "licence.lines[2].value",
        ] {
            assert!(fields.iter().any(|named| named == field), "{field} is not in {fields:?}");
        }
        assert_eq!(server.service.size(), 1, "nothing was recorded");
    });
}

/// The writer waits a minute for work before it looks for reservations that have run out; a shutdown does not.
#[test]
fn an_idle_daemon_is_not_kept_from_its_shutdown() {
    let server = TestServer::start();
    block_on(async { record(&server, licence("NL-1")).await.unwrap() });
    let begun = std::time::Instant::now();
    drop(server.stop());
    assert!(begun.elapsed() < Duration::from_secs(20));
}
