//! Incidents, duties with their days, and what the declaration names.

use slagboom::proto::v1::{self, Outcome};
use slagboom::rulebook::Bundle;

use super::{DAY_MS, balance, confirm, licence, on, order, reason, record, release, replays, shipment};
use crate::support::{
    NOON_MS, Setup, TestServer, block_on, check, fields, request, rulebook_of, to, with_code,
};

async fn incidents(server: &TestServer, page_size: i32) -> Vec<v1::Incident> {
    let mut request = v1::ListIncidentsRequest { page_size, ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = server.licences().await.list_incidents(request.clone()).await.unwrap().into_inner();
        found.extend(page.incidents);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return found;
        }
    }
}

#[test]
fn a_shipment_that_cannot_be_written_off_is_kept_as_an_incident() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "10", "1000.00")).await.unwrap();
        // One piece more than was reserved.
        let over = confirm(&server, shipment("over", &decision, "11", "1000.00")).await.unwrap_err();
        assert_eq!(reason(&over), "MORE_THAN_RESERVED");
        let size = server.service.size();
        let again = confirm(&server, shipment("over", &decision, "11", "1000.00")).await.unwrap_err();
        assert_eq!((reason(&again), again.message()), ("MORE_THAN_RESERVED".to_owned(), over.message()));
        assert_eq!(server.service.size(), size, "a retry is no second incident");
        // After expiry, after a release, twice.
        let cancelled = check(&server, order("b", "1", "1.00")).await.unwrap();
        release(&server, "r", &cancelled).await.unwrap();
        let gone = confirm(&server, shipment("gone", &cancelled, "1", "1.00")).await.unwrap_err();
        assert_eq!(reason(&gone), "NO_RESERVATION");
        let mut late = shipment("late", &decision, "1", "1.00");
        "2023-01-01".clone_into(&mut late.export_date);
        assert_eq!(reason(&confirm(&server, late).await.unwrap_err()), "LICENCE_NOT_USABLE");
        // What never reserved anything overdraws nothing, and a message that cannot be read is no incident.
        let free = check(&server, request("free")).await.unwrap();
        let size = server.service.size();
        assert_eq!(
            reason(&confirm(&server, shipment("cfree", &free, "1", "1.00")).await.unwrap_err()),
            "NO_RESERVATION"
        );
        let mut bad = shipment("bad", &decision, "1", "1.00");
        "USD".clone_into(&mut bad.lines[0].currency);
        assert_eq!(fields(&confirm(&server, bad).await.unwrap_err()), ["lines.currency"]);
        assert_eq!(server.service.size(), size);
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "10", "1000.00"], "nothing was written off");

        let all = incidents(&server, 100).await;
        let kinds: Vec<&str> = all.iter().map(|incident| &*incident.kind).collect();
        assert_eq!(kinds, ["LICENCE_NOT_USABLE", "NO_RESERVATION", "MORE_THAN_RESERVED"]);
        assert_eq!((&*all[2].decision_id, &*all[2].lines[0].quantity), (&*decision.decision_id, "11"));
        assert!(!all[2].written_off);
        assert_eq!(incidents(&server, 1).await, all);
        replays(&server, 3).await;
    });
    let server = server.restart();
    block_on(async {
        assert_eq!(incidents(&server, 100).await.len(), 3);
        replays(&server, 3).await;
    });
}

async fn duties(server: &TestServer, on: &str) -> Vec<v1::OwedDuty> {
    let request = v1::ListDutiesRequest { on: on.to_owned(), ..Default::default() };
    server.licences().await.list_duties(request).await.unwrap().into_inner().duties
}

fn registration() -> v1::RegisterGeneralAuthorisationRequest {
    v1::RegisterGeneralAuthorisationRequest {
        request_id: "register".to_owned(),
        registration: Some(v1::Registration {
            authorisation: "EU001".to_owned(),
            holder: "Voorbeeld Netwerken BV".to_owned(),
            from: "2022-01-01".to_owned(),
            reference: "CDIU 7".to_owned(),
            ..v1::Registration::default()
        }),
    }
}

async fn done(server: &TestServer, owed: &v1::OwedDuty, on: &str) {
    let request = v1::RecordDutyDoneRequest {
        request_id: format!("done/{}/{}/{on}", owed.paper, owed.since),
        duty: owed.duty.clone(),
        holder: owed.holder.to_uppercase(),
        paper: owed.paper.clone(),
        since: owed.since.clone(),
        on: on.to_owned(),
        reference: "letter 12".to_owned(),
    };
    server.licences().await.record_duty_done(request).await.unwrap();
}

#[test]
fn the_notice_of_first_use_is_due_thirty_days_after_it() {
    let server =
        TestServer::start_with(Setup { rulebook: rulebook_of(Bundle::built_in()), ..Setup::default() });
    block_on(async {
        let mut licences = server.licences().await;
        licences.register_general_authorisation(registration()).await.unwrap();
        assert_eq!(duties(&server, "2022-06-01").await, []);
        let export = |id: &str, day: &str| on(day, to("JP", with_code("5A002.a", request(id))));
        check(&server, export("later", "2022-03-20")).await.unwrap();
        let first = check(&server, export("first", "2022-03-10")).await.unwrap();
        check(&server, export("latest", "2022-03-30")).await.unwrap();
        let owed = duties(&server, "2022-06-01").await;
        assert_eq!(owed.len(), 1);
        assert_eq!(
            (&*owed[0].duty, &*owed[0].since, &*owed[0].due, &*owed[0].done, &*owed[0].evidence),
            ("NOTIFY_FIRST_USE", "2022-03-10", "2022-04-09", "", &*first.decision_id)
        );
        assert!(owed[0].source.contains("2021/821"), "{}", owed[0].source);
        // Done again, the later day counts, whatever comes first.
        done(&server, &owed[0], "2022-02-20").await;
        assert_eq!(duties(&server, "2022-06-01").await[0].done, "2022-02-20");
        done(&server, &owed[0], "2022-02-28").await;
        done(&server, &owed[0], "2022-02-25").await;
        assert_eq!(duties(&server, "2022-06-01").await[0].done, "2022-02-28");
        // The declaration names the authorisation under its code.
        let documents = &first.lines[0].documents;
        assert_eq!(
            (documents.len(), &*documents[0].code, &*documents[0].reference, &*documents[0].confidence),
            (1, "X002", "EU001", "assumed")
        );
        let free = check(&server, to("JP", request("free"))).await.unwrap();
        assert_eq!(free.lines[0].documents[0].code, "Y901");
        let stopped = check(&server, on("2021-03-10", export("stopped", "2021-12-31"))).await.unwrap();
        assert_eq!((stopped.outcome(), stopped.lines[0].documents.len()), (Outcome::LicenceRequired, 0));
    });
}

#[test]
fn holders_return_what_they_never_used_and_report_military_goods_by_half_year() {
    let server =
        TestServer::start_with(Setup { rulebook: rulebook_of(Bundle::built_in()), ..Setup::default() });
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut used = licence("NL-2");
        used.lines[0].value = "50000.00".to_owned();
        record(&server, used).await.unwrap();
        let mut military = licence("NL-M");
        military.kind = "military".to_owned();
        military.lines[0].code = "ML10".to_owned();
        record(&server, military).await.unwrap();
        let decision = check(&server, order("a", "1", "1.00")).await.unwrap();
        assert_eq!(decision.allocations[0].licence, "NL-2");
        assert_eq!(
            (&*decision.lines[0].documents[0].code, &*decision.lines[0].documents[0].reference),
            ("X002", "NL-2")
        );
        confirm(&server, shipment("c", &decision, "1", "1.00")).await.unwrap();
        let arms = check(&server, with_code("ML10.a", order("m", "1", "1.00"))).await.unwrap();
        assert_eq!(arms.outcome(), Outcome::Permitted, "{:?}", arms.findings);
        confirm(&server, shipment("cm", &arms, "1", "1.00")).await.unwrap();
        assert_eq!(duties(&server, "2022-06-30").await, []);
        let owed = duties(&server, "2022-07-01").await;
        assert_eq!(
            (owed.len(), &*owed[0].duty, &*owed[0].paper, &*owed[0].since, &*owed[0].due),
            (1, "REPORT_HALF_YEAR", "NL-M", "2022-06-30", "2022-08-30")
        );
        assert!(owed[0].source.contains("2012, 10"), "{}", owed[0].source);
        server.clock.set(NOON_MS + 400 * DAY_MS);
        done(&server, &owed[0], "2022-08-01").await;
        let owed = duties(&server, "2023-01-01").await;
        assert_eq!((&*owed[0].done, &*owed[1].done), ("2022-08-01", ""));
        let told: Vec<_> = owed.iter().map(|owed| (&*owed.duty, &*owed.paper, &*owed.due)).collect();
        assert_eq!(
            told,
            [("REPORT_HALF_YEAR", "NL-M", "2022-08-30"), ("RETURN_UNUSED", "NL-1", "2022-12-31")]
        );
        server.clock.set(NOON_MS + 400 * DAY_MS);
        assert_eq!(duties(&server, "").await.len(), 2);
    });
}

#[test]
fn a_duty_that_was_done_names_every_field() {
    let server = TestServer::start();
    block_on(async {
        let request = v1::RecordDutyDoneRequest { request_id: "d".to_owned(), ..Default::default() };
        let refused = server.licences().await.record_duty_done(request).await.unwrap_err();
        assert_eq!(fields(&refused), ["duty", "holder", "on", "paper", "reference", "since"]);
    });
}

#[test]
fn general_authorisations_are_registered_for_and_not_recorded() {
    let server = TestServer::start();
    block_on(async {
        for kind in ["union_general", "national_general"] {
            let mut general = licence("NL-G");
            kind.clone_into(&mut general.kind);
            assert_eq!(fields(&record(&server, general).await.unwrap_err()), ["licence.kind"]);
        }
    });
}
