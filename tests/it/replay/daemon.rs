//! The real daemon: what it records is decided again, before and after the law changes, and over its own wire.

use std::time::Duration;

use jiff::Timestamp;
use slagboom::{
    domain::{
        licence::{ExchangeRates, Standing},
        outcome::Outcome,
    },
    engine::{Known, Question, assess, canonical, settle},
    proto::v1::{self, replay_decisions_response::Said},
    rulebook::{Bundle, Rulebook},
    screening,
    server::grpc::{convert, read_request},
};
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::{LATE_MS, snapshot, worked};
use crate::support::{NOON_MS, Setup, TestServer, block_on, check, request, rulebook_of, to, with_code};

/// What a replay said over the wire, progress apart.
#[derive(Debug, Default)]
struct Heard {
    differences: Vec<v1::ReplayDifference>,
    unreplayable: Vec<v1::ReplayFailure>,
    summary: Option<v1::ReplaySummary>,
}

async fn heard(server: &TestServer, request: v1::ReplayDecisionsRequest) -> Result<Heard, Status> {
    let mut said = server.log().await.replay_decisions(request).await?.into_inner();
    let mut heard = Heard::default();
    while let Some(message) = said.message().await? {
        assert!(heard.summary.is_none(), "the summary is the last");
        match message.said.unwrap() {
            Said::Progress(at) => assert!(at.entries <= at.size),
            Said::Difference(difference) => heard.differences.push(difference),
            Said::Unreplayable(failed) => heard.unreplayable.push(failed),
            Said::Summary(summary) => heard.summary = Some(summary),
        }
    }
    Ok(heard)
}

async fn record(server: &TestServer, requests: Vec<v1::CheckExportRequest>) {
    let count = requests.len();
    let items = requests.into_iter().map(|request| v1::CheckExportsRequest { request: Some(request) });
    let items: Vec<_> = items.collect();
    let answers = server.control().await.check_exports(tokio_stream::iter(items)).await.unwrap();
    assert_eq!(answers.into_inner().collect::<Vec<_>>().await.len(), count);
}

/// The shipped rulebook with one rule's first day moved.
fn changed() -> Bundle {
    let (file, built_in) = ("acts/833-2014-art-2.yaml", Bundle::built_in());
    let text = built_in.text(file).unwrap().to_owned();
    let from = "effective: {from: \"2022-02-26\"}";
    assert!(text.contains(from));
    built_in.with(file, &text.replacen(from, "effective: {from: \"2022-06-01\"}", 1))
}

/// What the engine makes of a request, by itself.
fn decided(book: &Rulebook, message: &v1::CheckExportRequest) -> Option<(Outcome, Vec<u8>)> {
    let request = read_request(&prost::Message::encode_to_vec(message))?;
    let export = request.parse(&book.vocabulary).ok()?;
    let hits = screening::exact(book, &export, &[]);
    let rates = ExchangeRates::default();
    let known = Known::At(Timestamp::from_millisecond(LATE_MS).unwrap());
    let question = Question { book, export: &export, known, hits: &hits, rates: &rates };
    let decision = settle(book, &export, &Standing::default(), &assess(&question));
    Some((decision.outcome, canonical::encode(book, &decision)))
}

#[test]
fn decisions_survive_a_change_of_law_and_its_differences_are_exactly_those_of_the_law() {
    let (old, new) = (rulebook_of(Bundle::built_in()), rulebook_of(changed()));
    let requests = worked(&old);
    let server =
        TestServer::start_with(Setup { rulebook: rulebook_of(Bundle::built_in()), ..Setup::default() });
    server.clock.set(LATE_MS);
    block_on(record(&server, requests.clone()));
    let by_then = v1::ReplayDecisionsRequest::default();
    let recorded = server.service.size() - 1;
    let heard_all = block_on(heard(&server, by_then.clone())).unwrap();
    let summary = heard_all.summary.unwrap();
    assert_eq!((summary.decisions, summary.same, summary.entries), (recorded, recorded, recorded + 1));

    // The law changes, and a decision is made under the new one.
    let server = server.restart_with(Setup { rulebook: rulebook_of(changed()), ..Setup::default() });
    server.clock.set(LATE_MS);
    block_on(check(&server, request("afterwards"))).unwrap();
    let heard_all = block_on(heard(&server, by_then)).unwrap();
    let summary = heard_all.summary.unwrap();
    assert_eq!((summary.decisions, summary.same), (recorded + 1, recorded + 1));
    assert_eq!((heard_all.differences, heard_all.unreplayable), (vec![], vec![]));

    // Malformed requests were never recorded, so the others stand one behind the other.
    let pairs = requests.iter().filter_map(|request| Some((decided(&old, request)?, decided(&new, request))));
    let expected: Vec<_> = (1_u64..)
        .zip(pairs)
        .filter_map(|(sequence, (was, now))| {
            let now = now.unwrap();
            (was != now).then_some((sequence, was.0, now.0))
        })
        .collect();
    assert!(expected.len() > 3, "{expected:?}");
    assert!(expected.iter().any(|(_, was, now)| was != now), "{expected:?}");
    let law = v1::ReplayLaw::InForce.into();
    let in_force = v1::ReplayDecisionsRequest { law, ..v1::ReplayDecisionsRequest::default() };
    let heard_all = block_on(heard(&server, in_force)).unwrap();
    let found: Vec<_> = heard_all
        .differences
        .iter()
        .map(|found| {
            let outcome = |wire| convert::outcome_from(wire).unwrap();
            assert_eq!(found.cause, "rulebook");
            (found.sequence, outcome(found.was()), outcome(found.now()))
        })
        .collect();
    assert_eq!(found, expected);
    let summary = heard_all.summary.unwrap();
    assert_eq!(summary.changed, expected.len() as u64);
    assert_eq!(summary.same, recorded + 1 - summary.changed);
    assert_eq!(summary.changes.iter().map(|change| change.count).sum::<u64>(), summary.changed);

    // The same from the folder, through the store's own door.
    let folder = server.stop();
    let options = slagboom::store::Options::new(folder.path().join("data"));
    let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(LATE_MS));
    let service = slagboom::server::open_to_read(&options, clock).unwrap();
    let told = super::told_with(
        slagboom::server::grpc::WIRE,
        &super::Options::default(),
        service.records().unwrap(),
    );
    assert_eq!((told.summary.same, told.summary.is_clean()), (recorded + 1, true));
    let under = slagboom::service::replay::Under::Rulebook {
        snapshot: snapshot(changed()),
        known_at: Timestamp::from_millisecond(LATE_MS).unwrap(),
    };
    let options = super::Options { under, threads: 2, ..super::Options::default() };
    let told = super::told_with(slagboom::server::grpc::WIRE, &options, service.records().unwrap());
    let found: Vec<_> = told.differences.iter().map(|found| (found.sequence, found.was, found.now)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_replay_over_the_wire_takes_filters_and_names_bad_fields() {
    let server = TestServer::start();
    block_on(async {
        check(&server, request("free")).await.unwrap();
        check(&server, to("RU", with_code("5A002", request("banned")))).await.unwrap();
        let by = v1::ReplayDecisionsRequest::default;
        let filter = v1::DecisionFilter { destination: "RU".to_owned(), ..v1::DecisionFilter::default() };
        let known_at = Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 });
        let asked = v1::ReplayDecisionsRequest { known_at, filter: Some(filter), ..by() };
        let found = heard(&server, asked.clone()).await.unwrap();
        assert_eq!((found.differences.len(), found.unreplayable.len()), (1, 0));
        let difference = &found.differences[0];
        assert_eq!((difference.sequence, difference.cause.as_str()), (2, "known_at"));
        assert_eq!(
            (difference.was(), difference.now()),
            (v1::Outcome::Prohibited, v1::Outcome::LicenceRequired)
        );
        assert_eq!(
            (&difference.rules_added[..], &difference.rules_removed[..]),
            (&[][..], &["T-BAN".to_owned()][..])
        );
        let decision = slagboom::service::DecisionId::of(2, NOON_MS).to_string();
        assert_eq!(difference.decision_id, decision);
        assert_eq!(found.summary.unwrap().decisions, 1);
        let asked = v1::ReplayDecisionsRequest { now: v1::Outcome::Permitted.into(), ..asked };
        let summary = heard(&server, asked).await.unwrap().summary.unwrap();
        assert_eq!((summary.changed, summary.not_asked), (0, 1));

        let eccn = v1::DecisionFilter { eccn: "5AO".to_owned(), ..v1::DecisionFilter::default() };
        let never = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
        for (bad, field) in [
            (v1::ReplayDecisionsRequest { law: 9, ..by() }, "law"),
            (v1::ReplayDecisionsRequest { was: 99, ..by() }, "was"),
            (v1::ReplayDecisionsRequest { now: 99, ..by() }, "now"),
            (v1::ReplayDecisionsRequest { known_at: never, ..by() }, "known_at"),
            (v1::ReplayDecisionsRequest { filter: Some(eccn), ..by() }, "eccn"),
        ] {
            let refused = heard(&server, bad).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, field);
        }
    });
}

/// A log whose replay says more than any buffer between it and its client holds.
async fn talkative() -> (TestServer, v1::ReplayDecisionsRequest) {
    let server = TestServer::start();
    let requests = (0..6_000).map(|at| to("RU", with_code("5A002", request(&format!("r{at}")))));
    record(&server, requests.collect()).await;
    let known_at = Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 });
    (server, v1::ReplayDecisionsRequest { known_at, ..v1::ReplayDecisionsRequest::default() })
}

#[test]
fn one_replay_runs_at_a_time_and_it_ends_when_its_client_goes() {
    let (server, asked) = block_on(talkative());
    block_on(async {
        let mut said = server.log().await.replay_decisions(asked.clone()).await.unwrap().into_inner();
        said.message().await.unwrap().unwrap();
        // The client reads no further: the replay waits for it, and holds its place.
        let refused = heard(&server, asked.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "REPLAY_BUSY");
        // Checks go on meanwhile.
        check(&server, request("meanwhile")).await.unwrap();
        drop(said);
        let found = loop {
            match heard(&server, asked.clone()).await {
                Err(busy) if busy.code() == Code::ResourceExhausted => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                other => break other.unwrap(),
            }
        };
        assert_eq!(found.differences.len(), 6_000);
        assert_eq!(found.summary.unwrap().decisions, 6_001);
    });
}

#[test]
fn a_drain_ends_a_replay_that_waits_for_its_client() {
    let (mut server, asked) = block_on(talkative());
    block_on(async {
        let mut said = server.log().await.replay_decisions(asked).await.unwrap().into_inner();
        said.message().await.unwrap().unwrap();
        server.begin_shutdown();
        // It ends without its summary: that is no result, and the client sees so.
        let (mut count, mut has_summary) = (1, false);
        while let Ok(Some(message)) = said.message().await {
            count += 1;
            has_summary |= matches!(message.said, Some(Said::Summary(_)));
        }
        assert!(!has_summary && count < 6_000, "{count}");
    });
    server.shut_down().unwrap();
}
