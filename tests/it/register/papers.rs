//! Amendments, rates, registrations and corrections, over a real socket.

use slagboom::domain::identity::{Identity, Role, Roles};
use slagboom::proto::v1::{self, Outcome};
use slagboom::rulebook::Bundle;
use slagboom::service::{Command, Order};
use tonic::{Code, Status};

use super::{amend, balance, confirm, held, licence, on, order, reason, record, replays, shipment};
use crate::support::{Setup, TestServer, block_on, check, fields, request, rulebook_of, to, with_code};

/// 100 pieces worth so much.
fn worth(number: &str, value: &str) -> v1::Licence {
    let mut licence = licence(number);
    value.clone_into(&mut licence.lines[0].value);
    licence
}

#[test]
fn an_amendment_holds_from_its_own_day_and_a_lower_cap_binds_before_it() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut longer = worth("NL-1", "150000.00");
        "2023-12-31".clone_into(&mut longer.valid_until);
        longer.lines.push(v1::LicenceLine {
            line: 2,
            code: "5A001".to_owned(),
            value: "10.00".to_owned(),
            ..v1::LicenceLine::default()
        });
        amend(&server, "m1", longer.clone(), "2022-06-01").await.unwrap();
        // The same message again changes nothing; another one under its id is refused.
        amend(&server, "m1", longer.clone(), "2022-06-01").await.unwrap();
        let other = amend(&server, "m1", longer.clone(), "2022-06-02").await.unwrap_err();
        assert_eq!(other.code(), Code::AlreadyExists);
        // The day before, the old cap; on the day, the new one; and it is valid for longer.
        let day_before = on("2022-05-31", order("a", "50", "100000.01"));
        assert_eq!(check(&server, day_before).await.unwrap().outcome(), Outcome::LicenceInsufficient);
        let first_day = on("2022-06-01", order("b", "50", "100000.01"));
        assert_eq!(check(&server, first_day).await.unwrap().outcome(), Outcome::Permitted);
        let next_year = on("2023-12-31", order("c", "10", "10.00"));
        assert_eq!(check(&server, next_year).await.unwrap().outcome(), Outcome::Permitted);
        // A cap that is lowered later binds at once: what is drawn counts for all versions.
        let mut lower = longer.clone();
        "120000.00".clone_into(&mut lower.lines[0].value);
        amend(&server, "m2", lower.clone(), "2022-09-01").await.unwrap();
        let before = on("2022-06-02", order("d", "10", "19989.99"));
        assert_eq!(check(&server, before.clone()).await.unwrap().outcome(), Outcome::Permitted);
        let before = on("2022-06-02", order("e", "10", "0.01"));
        assert_eq!(check(&server, before).await.unwrap().outcome(), Outcome::LicenceInsufficient);
        // Below what is drawn, with a line less, of another kind or holder, or before the last: no amendment.
        let mut bad = lower;
        "119999.99".clone_into(&mut bad.lines[0].value);
        bad.lines.pop();
        "global".clone_into(&mut bad.kind);
        "Somebody Else".clone_into(&mut bad.holder);
        let refused = amend(&server, "m3", bad, "2022-09-01").await.unwrap_err();
        assert_eq!(
            fields(&refused),
            ["from", "licence.holder", "licence.kind", "licence.lines[line=1]", "licence.lines[line=2]"]
        );
        let unknown = amend(&server, "m4", licence("NL-9"), "2022-09-01").await.unwrap_err();
        assert_eq!(reason(&unknown), "LICENCE_UNKNOWN");
        let shown = held(&server, "NL-1").await;
        assert_eq!(shown.amendments.len(), 2);
        assert_eq!(shown.licence.unwrap().lines[0].value, "100000.00", "on the day of the test");
        replays(&server, 5).await;
    });
    let server = server.restart();
    block_on(async {
        assert_eq!(held(&server, "NL-1").await.amendments.len(), 2);
        replays(&server, 5).await;
    });
}

fn rates(id: &str, rates: &[(&str, &str, &str)]) -> v1::SetExchangeRatesRequest {
    let rate = |(currency, date, rate): &(&str, &str, &str)| v1::ExchangeRate {
        currency: (*currency).to_owned(),
        date: (*date).to_owned(),
        eur_per_unit: (*rate).to_owned(),
        ..v1::ExchangeRate::default()
    };
    v1::SetExchangeRatesRequest {
        request_id: id.to_owned(),
        source: "European Central Bank".to_owned(),
        rates: rates.iter().map(rate).collect(),
        replace: false,
    }
}

fn in_dollars(mut request: v1::CheckExportRequest) -> v1::CheckExportRequest {
    "USD".clone_into(&mut request.goods[0].currency);
    request
}

#[test]
fn a_cap_in_another_currency_is_tested_by_the_rate_of_the_day_and_never_without_one() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut licences = server.licences().await;
        let without = check(&server, in_dollars(order("a", "1", "1000.00"))).await.unwrap();
        assert_eq!(without.outcome(), Outcome::Review);
        assert!(without.findings.iter().any(|finding| finding.rule == "RATE-MISSING"));
        // A rate of another day is no rate.
        licences.set_exchange_rates(rates("r1", &[("USD", "2022-02-28", "0.8")])).await.unwrap();
        let beside = check(&server, in_dollars(order("b", "1", "1000.00"))).await.unwrap();
        assert_eq!(beside.outcome(), Outcome::Review);
        licences.set_exchange_rates(rates("r2", &[("USD", "2022-03-01", "0.8955")])).await.unwrap();
        let with = check(&server, in_dollars(order("c", "1", "1000.10"))).await.unwrap();
        assert_eq!(with.outcome(), Outcome::Permitted);
        // 1000.10 × 0.8955 = 895.58955, half to even to the cent, once.
        assert_eq!((&*with.allocations[0].value, &*with.allocations[0].exchange_rate), ("895.59", "0.8955"));
        // The cap binds in euro: one cent over is not inside.
        let over = check(&server, in_dollars(order("d", "1", "110669.37"))).await.unwrap();
        assert_eq!(over.outcome(), Outcome::LicenceInsufficient, "{:?}", over.considered);
        // Another rate for the same day must say so; the same one again is fine.
        let other = licences.set_exchange_rates(rates("r3", &[("USD", "2022-03-01", "0.9")])).await;
        assert_eq!(reason(&other.unwrap_err()), "RATE_KNOWN");
        licences.set_exchange_rates(rates("r4", &[("USD", "2022-03-01", "0.8955")])).await.unwrap();
        let replacing =
            v1::SetExchangeRatesRequest { replace: true, ..rates("r5", &[("USD", "2022-03-01", "0.9")]) };
        licences.set_exchange_rates(replacing).await.unwrap();
        let listed = licences
            .list_exchange_rates(v1::ListExchangeRatesRequest { page_size: 1, ..Default::default() })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(listed.rates[0].date, "2022-02-28");
        let next = v1::ListExchangeRatesRequest {
            page_size: 1,
            page_token: listed.next_page_token,
            ..Default::default()
        };
        let listed = licences.list_exchange_rates(next).await.unwrap().into_inner();
        assert_eq!((&*listed.rates[0].eur_per_unit, &*listed.next_page_token), ("0.9", ""));
        // Decisions of before keep their rate.
        replays(&server, 4).await;
    });
    let server = server.restart();
    block_on(async {
        replays(&server, 4).await;
        let with = check(&server, in_dollars(order("e", "1", "10.00"))).await.unwrap();
        assert_eq!(with.allocations[0].exchange_rate, "0.9");
    });
}

#[test]
fn bad_rates_are_all_named_and_none_is_set() {
    let server = TestServer::start();
    block_on(async {
        let mut licences = server.licences().await;
        let bad = [
            ("USD", "2022-03-01", "0"),
            ("EUR", "2022-03-01", "1"),
            ("XXZ", "2022-03-01", "1"),
            ("GBP", "2022-02-30", "1.2"),
            ("JPY", "2022-03-01", "-1"),
            ("CHF", "2022-03-01", "1"),
            ("CHF", "2022-03-01", "1"),
        ];
        let refused = licences.set_exchange_rates(rates("r1", &bad)).await.unwrap_err();
        assert_eq!(
            fields(&refused),
            [
                "rates[0].eur_per_unit",
                "rates[1].currency",
                "rates[2].currency",
                "rates[3].date",
                "rates[4].eur_per_unit",
                "rates[6].date"
            ]
        );
        let nothing = v1::SetExchangeRatesRequest { request_id: "r2".to_owned(), ..Default::default() };
        let refused = licences.set_exchange_rates(nothing).await.unwrap_err();
        assert_eq!(fields(&refused), ["rates", "source"]);
        let listed = licences.list_exchange_rates(v1::ListExchangeRatesRequest::default()).await.unwrap();
        assert_eq!(listed.into_inner().rates, []);
    });
}

fn registration(authorisation: &str, from: &str) -> v1::RegisterGeneralAuthorisationRequest {
    v1::RegisterGeneralAuthorisationRequest {
        request_id: format!("{authorisation}/{from}"),
        registration: Some(v1::Registration {
            authorisation: authorisation.to_owned(),
            holder: "VOORBEELD Netwerken B.V.".to_owned(),
            from: from.to_owned(),
            reference: "CDIU 2021/1".to_owned(),
            ..v1::Registration::default()
        }),
    }
}

#[test]
fn a_general_authorisation_is_used_from_the_day_of_registration_and_not_before() {
    let server =
        TestServer::start_with(Setup { rulebook: rulebook_of(Bundle::built_in()), ..Setup::default() });
    block_on(async {
        let mut licences = server.licences().await;
        let export = |id: &str, day: &str| on(day, to("JP", with_code("5A002.a", request(id))));
        let before = check(&server, export("a", "2022-03-01")).await.unwrap();
        assert_eq!(before.outcome(), Outcome::LicenceRequired);
        assert!(before.considered.iter().any(|other| other.what == "EU001"), "{:?}", before.considered);
        licences.register_general_authorisation(registration("EU001", "2022-03-10")).await.unwrap();
        let eve = check(&server, export("b", "2022-03-09")).await.unwrap();
        assert_eq!(eve.outcome(), Outcome::LicenceRequired);
        let day = check(&server, export("c", "2022-03-10")).await.unwrap();
        assert_eq!((day.outcome(), day.basis()), (Outcome::Permitted, v1::Basis::GeneralAuthorisation));
        let duties: Vec<&str> = day.duties.iter().map(|duty| &*duty.id).collect();
        assert!(duties.contains(&"NOTIFY_FIRST_USE"), "{duties:?}");
        // People can suspend it by its kind.
        let suspend = v1::SuspendLicencesRequest {
            request_id: "s".to_owned(),
            kinds: vec!["union_general".to_owned()],
            countries: vec!["JP".to_owned()],
            from: "2022-04-01".to_owned(),
            reason: "misuse".to_owned(),
            ..Default::default()
        };
        licences.suspend_licences(suspend).await.unwrap();
        let suspended = check(&server, export("d", "2022-04-01")).await.unwrap();
        assert_eq!(suspended.outcome(), Outcome::LicenceRequired);
        let why = suspended.considered.iter().find(|other| other.what == "EU001").unwrap();
        assert!(why.why_not.contains("suspended since 2022-04-01"), "{}", why.why_not);
        let march = check(&server, export("e", "2022-03-31")).await.unwrap();
        assert_eq!(march.outcome(), Outcome::Permitted);
        let unknown = licences.register_general_authorisation(registration("EU099", "2022-01-01")).await;
        assert_eq!(fields(&unknown.unwrap_err()), ["authorisation"]);
        let bad = v1::RegisterGeneralAuthorisationRequest { request_id: "x".to_owned(), registration: None };
        let refused = licences.register_general_authorisation(bad).await.unwrap_err();
        assert_eq!(
            fields(&refused),
            [
                "registration.authorisation",
                "registration.from",
                "registration.holder",
                "registration.reference"
            ]
        );
        replays(&server, 5).await;
        let listed = licences.list_registrations(v1::ListRegistrationsRequest::default()).await.unwrap();
        assert_eq!(listed.into_inner().registrations[0].from, "2022-03-10");
    });
}

fn adjust(id: &str, quantity: &str, value: &str) -> v1::ProposeCorrectionRequest {
    v1::ProposeCorrectionRequest {
        request_id: id.to_owned(),
        kind: "adjust".to_owned(),
        number: "NL-1".to_owned(),
        line: 1,
        quantity: quantity.to_owned(),
        value: value.to_owned(),
        reference: "memo 7".to_owned(),
        reason: "written off twice".to_owned(),
        shipment: 0,
    }
}

/// Approves as somebody else than who asks over the wire.
async fn approve(server: &TestServer, proposal: u64) -> Result<(), slagboom::service::Refusal> {
    let caller = std::sync::Arc::new(Identity::new("bram", Roles::of(&[Role::Officer]), None));
    let order = Order::ApproveCorrection { proposal, reason: "seen the papers".to_owned() };
    let request_id = format!("approve/{proposal}/{}", server.service.size());
    let bytes = request_id.clone().into();
    server.service.command(Command { caller, request_id, order, bytes }).await.map(drop)
}

#[test]
fn a_correction_takes_two_people_and_never_goes_beyond_what_is_there() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut licences = server.licences().await;
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        let confirmed = confirm(&server, shipment("c", &decision, "40", "30000.00")).await.unwrap();
        let propose = async |request: v1::ProposeCorrectionRequest| {
            let answer = server.licences().await.propose_correction(request).await?;
            Ok::<u64, Status>(answer.into_inner().recorded.unwrap().sequence)
        };
        let proposal = propose(adjust("p1", "-1", "-500.00")).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["40", "30000.00", "0", "0.00"], "nothing changes yet");
        let shown = held(&server, "NL-1").await.corrections;
        assert_eq!((shown[0].proposal, &*shown[0].proposed_by), (proposal, "local"));
        // Who proposed it cannot approve it.
        let own = v1::ApproveCorrectionRequest {
            request_id: "own".to_owned(),
            proposal,
            reason: "sure".to_owned(),
        };
        let refused = licences.approve_correction(own).await.unwrap_err();
        assert_eq!(reason(&refused), "SAME_PERSON");
        approve(&server, proposal).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["39", "29500.00", "0", "0.00"]);
        assert!(approve(&server, proposal).await.is_err(), "it is done");
        // Below zero, above the cap, or of a line that is not there.
        for (id, quantity, value) in
            [("p2", "-40", "0"), ("p3", "0", "-29500.01"), ("p4", "62", "0"), ("p5", "", "70500.01")]
        {
            let refused = propose(adjust(id, quantity, value)).await.unwrap_err();
            assert_eq!(reason(&refused), "NOT_CORRECTABLE", "{id}");
        }
        let no_line = propose(v1::ProposeCorrectionRequest { line: 7, ..adjust("p6", "1", "") }).await;
        assert_eq!(reason(&no_line.unwrap_err()), "LINE_UNKNOWN");
        // To the cap is inside; what is drawn in between counts when it is approved.
        let last = propose(adjust("p7", "61", "0")).await.unwrap();
        check(&server, order("b", "1", "1.00")).await.unwrap();
        assert!(approve(&server, last).await.is_err());
        // A reversal names its shipment, and gives back no more than that wrote off.
        let reverse = |id: &str, quantity: &str, value: &str| v1::ProposeCorrectionRequest {
            kind: "reverse".to_owned(),
            shipment: confirmed.sequence,
            ..adjust(id, quantity, value)
        };
        let over = propose(reverse("r0", "-40", "-30000.00")).await.unwrap_err();
        assert_eq!(reason(&over), "NOT_CORRECTABLE");
        let half = propose(reverse("r1", "-20", "-15000.00")).await.unwrap();
        approve(&server, half).await.unwrap();
        let again = propose(reverse("r2", "-10", "-15000.01")).await.unwrap_err();
        assert_eq!(reason(&again), "MORE_THAN_SHIPPED");
        let elsewhere = v1::ProposeCorrectionRequest { shipment: 1, ..reverse("r3", "-1", "") };
        assert_eq!(fields(&propose(elsewhere).await.unwrap_err()), ["shipment"]);
        let upwards = v1::ProposeCorrectionRequest { shipment: 0, ..reverse("r4", "1", "") };
        assert_eq!(fields(&propose(upwards).await.unwrap_err()), ["quantity", "shipment"]);
        let nothing = v1::ProposeCorrectionRequest { request_id: "n".to_owned(), ..Default::default() };
        let refused = propose(nothing).await.unwrap_err();
        assert_eq!(fields(&refused), ["kind", "number", "quantity", "reason", "reference"]);
        assert_eq!(balance(&server, "NL-1").await, ["19", "14500.00", "1", "1.00"]);
        replays(&server, 2).await;
    });
    let server = server.restart();
    block_on(async {
        assert_eq!(balance(&server, "NL-1").await, ["19", "14500.00", "1", "1.00"]);
        replays(&server, 2).await;
    });
}
