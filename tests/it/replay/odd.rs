//! What cannot be replayed is told with its reason, and never passed over.

use slagboom::{
    domain::outcome::Outcome,
    ledger::{self, Digest},
    server::grpc::{WIRE, read_request},
    service::{
        RawFilter,
        replay::{Body, Cause, Item, Options, Under, Why, Wire},
    },
};

use super::{made::Made, small, small_with_ban_from, snapshot, told, told_with};
use crate::support::{NOON_MS, request, small_bundle, to, with_code};

/// The rulebook, and three decisions: a permission, a licence duty and a ban.
fn three() -> Made {
    let law = small();
    let mut made = Made::default();
    made.activate(&law, NOON_MS);
    made.decide(&law, &request("a"), NOON_MS);
    made.decide(&law, &with_code("5A002", request("b")), NOON_MS);
    made.decide(&law, &to("RU", with_code("5A002", request("c"))), NOON_MS);
    made
}

fn bytes_of(item: &mut Item) -> &mut Vec<u8> {
    match &mut item.body {
        Body::Kept { bytes, .. } => bytes,
        other => panic!("{other:?}"),
    }
}

/// Replaces the body of a record, so that entry and request still agree.
fn with_body(item: &mut Item, body: &ledger::Body) {
    item.entry.request = ledger::request_digest(&[0; 32], &body.request);
    item.body = Body::Kept { salt: [0; 32], bytes: body.encode().unwrap() };
}

fn whys(items: Vec<Item>) -> Vec<(u64, Why)> {
    let told = told(&Options::default(), items);
    assert_eq!(told.differences, []);
    told.whys()
}

#[test]
fn no_byte_of_a_recorded_decision_can_change_unseen() {
    let made = three();
    let start = {
        let mut item = made.items[3].clone();
        let (request, _) = ledger::Body::split(bytes_of(&mut item)).unwrap();
        5 + request.len()
    };
    let length = bytes_of(&mut made.items[3].clone()).len();
    assert!(length > start + 100);
    let mut not_reproducible = 0;
    for at in start..length {
        let mut items = made.items.clone();
        bytes_of(&mut items[3])[at] ^= 1;
        let told = told(&Options::default(), items);
        assert_eq!((told.summary.decisions, told.summary.same), (3, 2), "byte {at}");
        match &told.differences[..] {
            [] => assert_eq!(told.whys(), [(3, Why::DecisionUndecodable)], "byte {at}"),
            [difference] => {
                not_reproducible += 1;
                assert_eq!((difference.sequence, &difference.cause), (3, &Cause::NotReproducible));
                assert_eq!((difference.was, difference.now), (Outcome::Prohibited, Outcome::Prohibited));
            }
            more => panic!("{more:?}"),
        }
    }
    assert!(not_reproducible > 50, "{not_reproducible}");
}

#[test]
fn an_outcome_that_the_entry_alone_tells_is_not_reproducible() {
    let mut items = three().items;
    items[3].entry.outcome = Outcome::Permitted.code();
    let told = told(&Options::default(), items);
    let difference = &told.differences[0];
    assert_eq!((difference.was, difference.now), (Outcome::Permitted, Outcome::Prohibited));
    assert_eq!(difference.cause.to_string(), "not reproducible");
    assert!(!told.summary.is_clean());
}

#[test]
fn another_engine_is_named() {
    let mut items = three().items;
    for item in &mut items {
        item.entry.engine_version = "0.0.7".to_owned();
    }
    *bytes_of(&mut items[2]).last_mut().unwrap() ^= 1;
    let told = told(&Options::default(), items);
    // What it decided in the same way is the same.
    assert_eq!(told.summary.same, 2);
    assert_eq!(told.differences[0].cause.to_string(), "engine 0.0.7");
}

#[test]
fn erased_and_lost_bodies_are_told() {
    let mut items = three().items;
    items[1].body = Body::Erased;
    items[3].body = Body::Lost;
    assert_eq!(whys(items.clone()), [(1, Why::BodyErased), (3, Why::BodyLost)]);
    // A filter looks at the entry of those too; what it cannot see there excludes nothing.
    let with = |filter: RawFilter| {
        let options = Options { filter: filter.parse().unwrap(), ..Options::default() };
        told(&options, items.clone()).whys()
    };
    let prohibited = RawFilter { outcome: Some(Outcome::Prohibited), ..RawFilter::default() };
    assert_eq!(with(prohibited), [(3, Why::BodyLost)]);
    let to_germany = RawFilter { destination: "DE".to_owned(), ..RawFilter::default() };
    assert_eq!(with(to_germany), [(1, Why::BodyErased), (3, Why::BodyLost)]);
}

#[test]
fn records_that_say_nothing_are_told() {
    let made = three();
    let kept = |items: &mut Vec<Item>| {
        let (request, decision) = ledger::Body::split(bytes_of(&mut items[1])).unwrap();
        ledger::Body { request: request.to_vec(), decision: decision.to_vec() }
    };
    let with = |change: &dyn Fn(&mut Vec<Item>)| {
        let mut items = made.items.clone();
        change(&mut items);
        let told = whys(items);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, 1);
        told[0].1.clone()
    };
    assert!(matches!(with(&|items| bytes_of(&mut items[1]).truncate(3)), Why::Body(_)));
    assert_eq!(with(&|items| items[1].entry.outcome = 99), Why::NoOutcome);
    assert_eq!(with(&|items| items[1].entry.time_ms = i64::MAX), Why::NoInstant);
    assert_eq!(with(&|items| items[1].entry.request = Digest::ZERO), Why::RequestAltered);
    let undecodable = with(&|items| {
        let body = ledger::Body { request: vec![0xff; 9], ..kept(items) };
        with_body(&mut items[1], &body);
    });
    assert_eq!(undecodable, Why::RequestUndecodable);
    let malformed = with(&|items| {
        let request = prost::Message::encode_to_vec(&slagboom::proto::v1::CheckExportRequest::default());
        let body = ledger::Body { request, ..kept(items) };
        with_body(&mut items[1], &body);
    });
    assert!(malformed.to_string().contains("export_date"), "{malformed}");
}

#[test]
fn rulebooks_that_the_log_does_not_give_are_told_for_each_decision() {
    let made = three();
    let three_times = |why: &Why| (1..=3).map(|sequence| (sequence, why.clone())).collect::<Vec<_>>();
    let digest = made.items[0].entry.rulebook;
    let mut items = made.items.clone();
    items[0].body = Body::Erased;
    let told = whys(items);
    assert_eq!(told.len(), 3);
    assert!(told[0].1.to_string().contains("was erased"), "{}", told[0].1);

    // The text of another rulebook in its place.
    let mut items = made.items.clone();
    let other = ledger::Body { request: small_with_ban_from("2022-03-02").to_bytes(), decision: Vec::new() };
    items[0].body = Body::Kept { salt: [0; 32], bytes: other.encode().unwrap() };
    let why = Why::RulebookUnreadable { digest, why: "its digest is another".to_owned() };
    assert_eq!(whys(items), three_times(&why));

    // One that this version does not take.
    let broken = small_bundle().with("acts/small.yaml", "act: [");
    let digest = Digest::from_bytes(broken.digest().0);
    let mut again = Made::default();
    let body = ledger::Body { request: broken.to_bytes(), decision: Vec::new() };
    again.activate_bytes(digest, NOON_MS, &body);
    again.decide_as(digest, &small(), &request("a"), NOON_MS);
    assert_eq!(whys(again.items), [(1, Why::RulebookDoesNotCompile(digest))]);

    // One that no entry before it put in force.
    let mut items = made.items;
    let other = Digest::of(b"another");
    items[2].entry.rulebook = other;
    assert_eq!(whys(items), [(2, Why::RulebookNotInLog(other))]);
}

#[test]
fn a_decision_under_a_rulebook_that_was_replaced_is_replayed_under_that() {
    let (old, new) = (small(), snapshot(small_with_ban_from("2022-03-02")));
    let mut made = Made::default();
    made.activate(&old, NOON_MS);
    made.activate(&new, NOON_MS);
    made.decide(&old, &to("RU", with_code("5A002", request("a"))), NOON_MS);
    made.activate(&old, NOON_MS);
    made.decide(&old, &to("RU", with_code("5A002", request("b"))), NOON_MS);
    assert_eq!(told(&Options::default(), made.items).summary.same, 2);
}

#[test]
fn a_log_that_does_not_fold_is_told_where_it_does_not() {
    let made = three();
    let mut items = made.items.clone();
    items[2].entry.state = Digest::ZERO;
    assert_eq!(whys(items), [(2, Why::State)]);

    let mut items = made.items.clone();
    items.remove(2);
    assert_eq!(whys(items), [(2, Why::Missing { next: 3 })]);

    let mut items = made.items.clone();
    let again = items[2].clone();
    items.push(again);
    assert_eq!(whys(items), [(2, Why::Misplaced { found: 2 })]);

    let mut items = made.items.clone();
    items[2].entry.sequence = 7;
    assert_eq!(whys(items), [(2, Why::Misplaced { found: 7 })]);

    // Without its first entry nothing folds and no rulebook is known.
    let told = whys(made.items[1..].to_vec());
    let expected = [(0, Why::Missing { next: 1 }), (1, Why::State), (2, Why::State), (3, Why::State)];
    assert_eq!(told, expected);
}

#[test]
fn a_source_that_fails_is_told_and_ends_the_replay() {
    let made = three();
    let items = made.items.into_iter().map(Ok);
    let items = items.take(3).chain([Err("the disk is gone")]);
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let told = told_with(WIRE, &options, items.clone());
        assert_eq!((told.summary.entries, told.summary.same), (3, 2));
        assert_eq!(told.whys(), [(3, Why::Unreadable("the disk is gone".to_owned()))]);
    }
}

#[test]
fn a_fault_of_the_engine_is_told_and_the_others_go_on() {
    let wire = Wire {
        read: |bytes| {
            let request = read_request(bytes)?;
            assert_ne!(request.request_id.as_deref(), Some("b"), "this one is too much");
            Some(request)
        },
        essence: None,
    };
    for threads in [1, 2] {
        let options = Options { threads, ..Options::default() };
        let told = told_with(wire, &options, three().items());
        assert_eq!(told.summary.same, 2);
        let whys = told.whys();
        assert!(
            matches!(&whys[..], [(2, Why::Engine(text))] if text.contains("this one is too much")),
            "{whys:?}"
        );
    }
}

/// Under another rulebook a damaged record is no matter of law.
#[test]
fn a_forged_record_is_not_explained_by_another_rulebook() {
    let mut items = three().items;
    *bytes_of(&mut items[3]).last_mut().unwrap() ^= 1;
    let under = Under::Rulebook {
        snapshot: snapshot(small_with_ban_from("2022-03-02")),
        known_at: jiff::Timestamp::from_millisecond(NOON_MS).unwrap(),
    };
    let told = told(&Options { under, ..Options::default() }, items);
    let last = told.differences.last().unwrap();
    assert_eq!((last.sequence, &last.cause), (3, &Cause::NotReproducible));
}
