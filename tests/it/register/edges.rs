//! Ways round a cap, a date or somebody else's wall that were thought of, each closed.

use std::sync::Arc;

use slagboom::{
    domain::identity::{Identity, Role, Roles},
    proto::v1::{self, Outcome},
    register::Revocation,
    rulebook::Bundle,
    service::{Command, Order, Refusal},
};
use tonic::Code;

use super::{DAY_MS, amend, balance, confirm, held, licence, order, part, reason, record, replays, shipment};
use crate::support::{
    NOON_MS, Setup, TestServer, block_on, check, fields, request, rulebook_of, to, with_code,
};

/// Who keeps licences, and speaks for these exporters; for all where none is named.
fn keeper(name: &str, exporters: Option<&[String]>) -> Arc<Identity> {
    Arc::new(Identity::new(name, Roles::of(&[Role::LicenceAdmin]), exporters))
}

async fn ordered(
    server: &TestServer,
    caller: &Arc<Identity>,
    id: &str,
    order: Order,
) -> Result<u64, Refusal> {
    let command =
        Command { caller: caller.clone(), request_id: id.to_owned(), order, bytes: id.to_owned().into() };
    Ok(server.service.command(command).await?.sequence)
}

#[test]
fn a_line_of_a_licence_that_is_named_twice_is_one_part_and_is_written_off_once() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut asked = order("a", "100", "100000.00");
        let second = v1::AskedAllocation { licence_line: 1, ..part("NL-1", "50", "50000.00") };
        asked.goods[0].allocations = vec![part("NL-1", "50", "50000.00"), second];
        let decision = check(&server, asked).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Permitted);
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "100", "100000.00"]);
        confirm(&server, shipment("c", &decision, "100", "100000.00")).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["100", "100000.00", "0", "0.00"]);
        let again = confirm(&server, shipment("c2", &decision, "50", "50000.00")).await.unwrap_err();
        assert_eq!(reason(&again), "NO_RESERVATION");
        replays(&server, 1).await;
    });
}

#[test]
fn one_licence_answers_one_duty_of_a_line_also_where_the_exporter_says_how_it_is_drawn() {
    let server =
        TestServer::start_with(Setup { rulebook: rulebook_of(Bundle::built_in()), ..Setup::default() });
    block_on(async {
        server.clock.set(1_798_758_000_000);
        let mut sanctions = licence("SA");
        sanctions.kind = "sanctions".to_owned();
        sanctions.valid_until = "2030-12-31".to_owned();
        sanctions.destinations = vec!["BY".to_owned(), "RU".to_owned()];
        sanctions.lines[0].code = "NOT_LISTED".to_owned();
        record(&server, sanctions).await.unwrap();
        // Goods for Russia that are used in Belarus: a ban of each act.
        let mut asked = to("RU", request("a"));
        asked.export_date = "2025-03-01".to_owned();
        asked.end_use_country = "BY".to_owned();
        asked.goods[0].annex_items = vec!["833/2014:X".to_owned(), "765/2006:2024-1865".to_owned()];
        asked.licences_offered = vec!["SA".to_owned()];
        let offered = check(&server, asked.clone()).await.unwrap();
        asked.request_id = "b".to_owned();
        asked.licences_offered.clear();
        asked.goods[0].allocations = vec![part("SA", "30", "45000.00")];
        let said = check(&server, asked).await.unwrap();
        let banned = |decision: &v1::Decision| {
            decision.findings.iter().filter(|finding| finding.effect() == v1::Effect::Prohibit).count()
        };
        assert!(banned(&offered) >= 2, "{:?}", offered.findings);
        assert_eq!((offered.outcome(), said.outcome()), (Outcome::Prohibited, Outcome::Prohibited));
        assert_eq!(balance(&server, "SA").await[2..], ["0", "0"]);
    });
}

#[test]
fn what_is_of_another_exporter_is_not_there_for_a_check_or_for_a_bound_keeper() {
    let server = TestServer::start();
    block_on(async {
        let mut foreign = licence("NL-F");
        foreign.holder = "Somebody Else BV".to_owned();
        foreign.kind = "military".to_owned();
        record(&server, foreign).await.unwrap();
        for (id, number) in [("a", "NL-F"), ("b", "NL-UNKNOWN")] {
            let mut asked = order(id, "1", "1.00");
            asked.licences_offered = vec![number.to_owned()];
            let decision = check(&server, asked).await.unwrap();
            let why: Vec<&str> = decision.considered.iter().map(|other| &*other.why_not).collect();
            assert_eq!(why, ["no licence of this number is recorded for the exporter"], "{number}");
        }
        let mut asked = order("c", "1", "1.00");
        asked.goods[0].allocations = vec![part("NL-F", "1", "1.00")];
        let decision = check(&server, asked).await.unwrap();
        assert!(decision.considered[0].why_not.contains("no licence of this number"));

        // Also not in the moment in which it is recorded.
        let (anybody, bound) = (keeper("anybody", None), keeper("bound", Some(&["Other BV".to_owned()])));
        for round in 0..100 {
            let number = format!("NL-{round}");
            let text = slagboom::server::grpc::licence_text(licence(&number));
            let from = "2022-01-01".parse().unwrap();
            let revocation = Revocation { number, from, reason: "mine".to_owned(), ordered_on: None };
            let (record_id, revoke_id) = (format!("record/{round}"), format!("revoke/{round}"));
            let (recorded, revoked) = tokio::join!(
                ordered(&server, &anybody, &record_id, Order::Record(text)),
                ordered(&server, &bound, &revoke_id, Order::Revoke(revocation)),
            );
            recorded.unwrap();
            assert!(revoked.is_err(), "{round}");
        }
    });
}

#[test]
fn one_shipment_comes_back_once_also_where_it_was_proposed_twice() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut sequences = Vec::new();
        for id in ["a", "b"] {
            let decision = check(&server, order(id, "5", "500.00")).await.unwrap();
            let confirmed = confirm(&server, shipment(&format!("c{id}"), &decision, "5", "500.00")).await;
            sequences.push(confirmed.unwrap().sequence);
        }
        let mut proposals = Vec::new();
        for id in ["p1", "p2"] {
            let request = v1::ProposeCorrectionRequest {
                request_id: id.to_owned(),
                kind: "reverse".to_owned(),
                number: "NL-1".to_owned(),
                line: 1,
                quantity: "-5".to_owned(),
                value: "-500.00".to_owned(),
                shipment: sequences[0],
                reference: "memo".to_owned(),
                reason: "came back".to_owned(),
            };
            let proposed = server.licences().await.propose_correction(request).await.unwrap();
            proposals.push(proposed.into_inner().recorded.unwrap().sequence);
        }
        let other = keeper("bram", None);
        let approve = async |proposal: u64| {
            let order = Order::ApproveCorrection { proposal, reason: "seen".to_owned() };
            ordered(&server, &other, &format!("approve/{proposal}"), order).await
        };
        approve(proposals[0]).await.unwrap();
        assert!(approve(proposals[1]).await.unwrap_err().to_string().contains("more is reversed"));
        assert_eq!(balance(&server, "NL-1").await, ["5", "500.00", "0", "0.00"]);
    });
}

#[test]
fn a_cap_on_the_value_is_not_added_to_what_was_drawn_in_any_currency() {
    let server = TestServer::start();
    block_on(async {
        let mut pieces = licence("NL-1");
        pieces.lines[0].value.clear();
        record(&server, pieces.clone()).await.unwrap();
        let mut capped = pieces;
        capped.lines[0].value = "11000.00".to_owned();
        let mut pounds = order("a", "1", "10000.00");
        pounds.goods[0].currency = "GBP".to_owned();
        assert_eq!(check(&server, pounds).await.unwrap().outcome(), Outcome::Permitted);
        let refused = amend(&server, "m", capped, "2022-01-02").await.unwrap_err();
        assert_eq!(fields(&refused), ["licence.lines[line=1]"]);
    });
}

#[test]
fn what_could_be_known_on_the_day_of_export_is_refused_and_what_could_not_is_flagged() {
    let server = TestServer::start();
    block_on(async {
        for number in ["NL-1", "NL-2"] {
            let mut known = licence(number);
            // Each order finds its own.
            known.end_users = Vec::new();
            known.lines[0].value = if number == "NL-1" { "100.00" } else { "200.00" }.to_owned();
            record(&server, known).await.unwrap();
        }
        let first = check(&server, order("a", "1", "60.00")).await.unwrap();
        let second = check(&server, order("b", "1", "60.00")).await.unwrap();
        assert_eq!((&*first.allocations[0].licence, &*second.allocations[0].licence), ("NL-1", "NL-2"));
        let revoke = v1::RevokeLicenceRequest {
            request_id: "r".to_owned(),
            number: "NL-1".to_owned(),
            from: "2022-02-01".to_owned(),
            reason: "wrong data".to_owned(),
        };
        server.licences().await.revoke_licence(revoke).await.unwrap();
        let mut elsewhere = held(&server, "NL-2").await.licence.unwrap();
        elsewhere.destinations = vec!["BR".to_owned()];
        amend(&server, "m", elsewhere, "2022-02-01").await.unwrap();
        // Both were ordered on 1 March: what went on that day could know, what went the day before could not.
        for (id, decision) in [("ca", &first), ("cb", &second)] {
            let known = confirm(&server, shipment(id, decision, "1", "30.00")).await.unwrap_err();
            assert_eq!((known.code(), &*reason(&known)), (Code::FailedPrecondition, "LICENCE_NOT_USABLE"));
            let mut before = shipment(&format!("{id}-before"), decision, "1", "30.00");
            before.export_date = "2022-02-28".to_owned();
            let written = confirm(&server, before).await.unwrap();
            assert!(!written.incident.is_empty(), "{id}");
        }
    });
}

#[test]
fn what_is_used_up_of_a_reservation_counts_on_nothing_any_more() {
    let server = TestServer::start();
    block_on(async {
        for number in ["P-1", "P-2"] {
            record(&server, licence(number)).await.unwrap();
        }
        let mut asked = order("a", "2", "20.00");
        asked.goods[0].allocations = vec![part("P-1", "1", "10.00"), part("P-2", "1", "10.00")];
        let decision = check(&server, asked).await.unwrap();
        confirm(&server, shipment("c", &decision, "1", "10.00")).await.unwrap();
        assert_eq!(balance(&server, "P-1").await[2..], ["0", "0.00"]);
        let suspend = v1::SuspendLicencesRequest {
            request_id: "s".to_owned(),
            numbers: vec!["P-1".to_owned()],
            from: "2022-03-01".to_owned(),
            reason: "test".to_owned(),
            ..Default::default()
        };
        let stopped = server.licences().await.suspend_licences(suspend).await.unwrap().into_inner();
        assert_eq!(stopped.reservation_count, 0);
        let give_back = v1::ReturnLicenceRequest {
            request_id: "r".to_owned(),
            number: "P-1".to_owned(),
            from: "2022-03-02".to_owned(),
            reason: "test".to_owned(),
        };
        server.licences().await.return_licence(give_back).await.unwrap();
        server.clock.set(NOON_MS + DAY_MS);
        let other = with_code("5A002.a", order("b", "1", "1.00"));
        assert_eq!(check(&server, other).await.unwrap().allocations[0].licence, "P-2");
    });
}
