//! What was decided is decided again, to the byte, however the replay goes about it.

use std::{cell::Cell, ops::ControlFlow};

use jiff::Timestamp;
use proptest::prelude::*;
use slagboom::{
    rulebook::Bundle,
    server::grpc::WIRE,
    service::replay::{Body, Event, Options, Under, Wire, replay},
};

use super::{LATE_MS, Told, made::Made, small, small_with_ban_from, snapshot, told, told_with, worked};
use crate::support::{NOON_MS, request, to, with_code};

const WITHOUT_MEMO: Wire = Wire { essence: None, ..WIRE };

#[test]
fn worked_cases_are_decided_again_as_recorded() {
    let law = snapshot(Bundle::built_in());
    let mut made = Made::default();
    made.activate(&law, LATE_MS);
    for (at, request) in (0..).zip(worked(&law.rulebook)) {
        made.decide(&law, &request, LATE_MS + at);
    }
    for (threads, wire) in [(1, WIRE), (2, WIRE), (2, WITHOUT_MEMO)] {
        let options = Options { threads, ..Options::default() };
        let told = told_with(wire, &options, made.items());
        assert_eq!((&told.differences, &told.unreplayable), (&vec![], &vec![]));
        assert_eq!(told.summary.same, made.items.len() as u64 - 1);
        assert_eq!(told.summary.decisions, told.summary.same);
        assert_eq!(told.summary.entries, made.items.len() as u64);
        assert!(told.summary.is_clean());
    }
}

/// A log of two rulebooks, with repeated and odd records in it, from few choices so that questions come again.
fn log() -> impl Strategy<Value = Made> {
    let decision = (0..4_usize, 0..4_usize, 0..3_usize, 0..8_usize, any::<bool>());
    (prop::collection::vec(decision, 0..40), 0..40_usize).prop_map(|(decisions, change)| {
        let laws = [small(), snapshot(small_with_ban_from("2022-03-02"))];
        let mut made = Made::default();
        made.activate(&laws[0], NOON_MS - 10_000_000_000);
        for (at, (country, code, era, odd, is_document)) in decisions.into_iter().enumerate() {
            if at == change {
                made.activate(&laws[1], NOON_MS);
            }
            let law = &laws[usize::from(at >= change)];
            let code = ["NOT_LISTED", "5A002", "1C350.10", "9Z999"][code];
            let mut request =
                to(["IN", "RU", "DE", "US"][country], with_code(code, request(&format!("r{at}"))));
            if is_document {
                request.document_reference = format!("DN {at}");
            }
            // The day before the ban, the day, and long after what was known of it had been recorded.
            ["2022-02-25", "2022-02-26", "2022-03-02"][era].clone_into(&mut request.export_date);
            let time_ms = NOON_MS - [1_000_000_000, 100_000_000, 0][era];
            made.decide(law, &request, time_ms);
            let item = made.items.last_mut().unwrap();
            match (odd, &mut item.body) {
                (0, body) => *body = Body::Erased,
                (1, Body::Kept { bytes, .. }) => *bytes.last_mut().unwrap() ^= 1,
                (2, _) => "0.0.1".clone_into(&mut item.entry.engine_version),
                (3, Body::Kept { bytes, .. }) => bytes[10] ^= 1,
                _ => {}
            }
        }
        made
    })
}

fn laws() -> Vec<Under> {
    let at = |ms| Timestamp::from_millisecond(ms).unwrap();
    vec![
        Under::AsKnownThen,
        Under::AsKnownAt(at(NOON_MS - 1_000_000_000)),
        Under::Rulebook { snapshot: snapshot(small_with_ban_from("2022-03-02")), known_at: at(NOON_MS) },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_memo_nor_threads_change_what_is_told(made in log()) {
        for under in laws() {
            let with = |threads, wire| -> Told {
                let options = Options { under: under.clone(), threads, ..Options::default() };
                told_with(wire, &options, made.items())
            };
            let plain = with(1, WITHOUT_MEMO);
            prop_assert_eq!(&plain, &with(1, WIRE));
            prop_assert_eq!(&plain, &with(2, WIRE));
            prop_assert_eq!(&plain, &with(3, WITHOUT_MEMO));
            let summary = &plain.summary;
            prop_assert_eq!(summary.decisions, summary.same + summary.changed + summary.unreplayable);
        }
    }
}

/// A log of thousands, so that many chunks are under way at a time.
#[test]
fn what_is_told_comes_in_the_order_of_the_log() {
    let law = small();
    let mut made = Made::default();
    made.activate(&law, NOON_MS);
    for at in 0..5_000 {
        made.decide(&law, &to("RU", with_code("5A002", request(&format!("r{at}")))), NOON_MS);
    }
    let mut events = Vec::new();
    for threads in [1, 2, 5] {
        let under = Under::AsKnownAt(Timestamp::UNIX_EPOCH);
        let options = Options { under, threads, ..Options::default() };
        let mut told = Vec::new();
        replay(made.items(), WIRE, &options, |event| {
            told.push(event);
            ControlFlow::Continue(())
        });
        events.push(told);
    }
    // The progress too.
    assert!(events[0] == events[1] && events[0] == events[2]);
    let sequences = events[0].iter().filter_map(|event| match event {
        Event::Difference(difference) => Some(difference.sequence),
        _ => None,
    });
    assert!(sequences.eq(1..=5_000));
}

#[test]
fn no_more_than_a_window_of_the_log_is_in_memory() {
    let law = small();
    let mut made = Made::default();
    made.activate(&law, NOON_MS);
    for at in 0..10_000 {
        made.decide(&law, &request(&format!("r{at}")), NOON_MS);
    }
    for threads in [1, 2] {
        let taken = Cell::new(0_u64);
        let items = made.items().inspect(|_| taken.set(taken.get() + 1));
        let options = Options { threads, ..Options::default() };
        let mut most = 0;
        replay(items, WIRE, &options, |event| {
            if let Event::Progress { entries } = event {
                most = most.max(taken.get() - entries);
            }
            ControlFlow::Continue(())
        });
        // Three chunks for each thread, and the first item of the next.
        assert!(most <= 256 * 3 * threads as u64 + 1, "{most} ahead of {threads}");
    }
}

#[test]
fn a_replay_that_is_told_to_end_ends() {
    let law = small();
    let mut made = Made::default();
    made.activate(&law, NOON_MS);
    for at in 0..10_000 {
        made.decide(&law, &request(&format!("r{at}")), NOON_MS);
    }
    for threads in [1, 2] {
        let taken = Cell::new(0_u64);
        let items = made.items().inspect(|_| taken.set(taken.get() + 1));
        let options = Options { threads, ..Options::default() };
        let mut events = 0;
        replay(items, WIRE, &options, |_| {
            events += 1;
            ControlFlow::Break(())
        });
        assert_eq!(events, 1);
        assert!(taken.get() < 5_000, "{} were taken", taken.get());
    }
}

#[test]
fn a_log_without_decisions_replays() {
    let told = told(&Options::default(), []);
    assert_eq!(told, Told::default());
    let mut made = Made::default();
    made.activate(&small(), NOON_MS);
    let told = told_with(WIRE, &Options::default(), made.items());
    assert_eq!((told.summary.entries, told.summary.decisions), (1, 0));
}
