//! As the law is now known: other rulebooks, other instants, and which differences are asked for.

use jiff::Timestamp;
use slagboom::{
    domain::outcome::Outcome,
    service::{
        RawFilter,
        replay::{Cause, Options, Under},
    },
};

use super::{made::Made, small, small_with_ban_from, snapshot, told};
use crate::support::{NOON_MS, request, to, with_code};

/// The ban of the small rulebook was recorded a day before it ran.
const BEFORE_BAN_WAS_KNOWN: &str = "2022-02-25T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Sequences 1 to 5: free goods, listed goods, and listed goods to Russia on three days.
fn log() -> Made {
    let law = small();
    let mut made = Made::default();
    made.activate(&law, NOON_MS);
    made.decide(&law, &request("free"), NOON_MS);
    made.decide(&law, &with_code("5A002", request("listed")), NOON_MS + 1_000);
    for day in ["2022-02-25", "2022-02-26", "2022-03-02"] {
        let mut banned = to("RU", with_code("5A002", request(day)));
        day.clone_into(&mut banned.export_date);
        made.decide(&law, &banned, NOON_MS + 2_000);
    }
    made
}

fn later_ban() -> Under {
    let known_at = Timestamp::from_millisecond(NOON_MS).unwrap();
    Under::Rulebook { snapshot: snapshot(small_with_ban_from("2022-03-02")), known_at }
}

/// Sequence, outcome before and after, rules that came and went, cause.
type Row = (u64, Outcome, Outcome, Vec<String>, Vec<String>, Cause);

fn rows(options: &Options) -> Vec<Row> {
    let told = told(options, log().items);
    assert_eq!(told.unreplayable, []);
    let row = |d: slagboom::service::replay::Difference| {
        (d.sequence, d.was, d.now, d.rules_added, d.rules_removed, d.cause)
    };
    told.differences.into_iter().map(row).collect()
}

#[test]
fn another_rulebook_gives_the_differences_that_it_makes_and_no_other() {
    let ban = || vec!["T-BAN".to_owned()];
    let rows = rows(&Options { under: later_ban(), ..Options::default() });
    let expected = [
        // The same licence duty, and another day on which it is to become a ban.
        (3, Outcome::LicenceRequired, Outcome::LicenceRequired, vec![], vec![], Cause::Rulebook),
        (4, Outcome::Prohibited, Outcome::LicenceRequired, vec![], ban(), Cause::Rulebook),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn before_a_rule_was_recorded_it_was_not_known() {
    let licence = Outcome::LicenceRequired;
    let ban = || vec!["T-BAN".to_owned()];
    let expected = [
        (3, licence, licence, vec![], vec![], Cause::KnownAt),
        (4, Outcome::Prohibited, licence, vec![], ban(), Cause::KnownAt),
        (5, Outcome::Prohibited, licence, vec![], ban(), Cause::KnownAt),
    ];
    let known_at = at(BEFORE_BAN_WAS_KNOWN);
    assert_eq!(rows(&Options { under: Under::AsKnownAt(known_at), ..Options::default() }), expected);
    // Another rulebook that would say the same is not the cause either.
    for law in [small(), snapshot(small_with_ban_from("2022-03-02"))] {
        let under = Under::Rulebook { snapshot: law, known_at };
        assert_eq!(rows(&Options { under, ..Options::default() }), expected);
    }
    // In the same span of knowledge nothing changes.
    let after = Under::AsKnownAt(at("2030-01-01T00:00:00Z"));
    assert_eq!(rows(&Options { under: after, ..Options::default() }), []);
}

#[test]
fn only_the_differences_that_are_asked_for_count() {
    let options = |was, now| Options { under: later_ban(), was, now, ..Options::default() };
    let sequences = |was, now| -> (Vec<u64>, u64) {
        let told = told(&options(was, now), log().items);
        assert_eq!((told.summary.decisions, told.summary.same), (5, 3));
        (told.differences.iter().map(|difference| difference.sequence).collect(), told.summary.not_asked)
    };
    assert_eq!(sequences(None, None), (vec![3, 4], 0));
    assert_eq!(sequences(Some(Outcome::Prohibited), None), (vec![4], 1));
    assert_eq!(sequences(None, Some(Outcome::LicenceRequired)), (vec![3, 4], 0));
    assert_eq!(sequences(Some(Outcome::LicenceRequired), Some(Outcome::LicenceRequired)), (vec![3], 1));
    assert_eq!(sequences(None, Some(Outcome::Permitted)), (vec![], 2));
}

#[test]
fn filters_look_at_what_was_recorded() {
    let decisions = |filter: RawFilter| {
        let options = Options { under: later_ban(), filter: filter.parse().unwrap(), ..Options::default() };
        let told = told(&options, log().items);
        (told.summary.decisions, told.differences.iter().map(|difference| difference.sequence).collect())
    };
    let by = RawFilter::default;
    let text = str::to_owned;
    let cases: [(RawFilter, (u64, Vec<u64>)); 10] = [
        (by(), (5, vec![3, 4])),
        (RawFilter { destination: text("RU"), ..by() }, (3, vec![3, 4])),
        (RawFilter { destination: text("IN"), ..by() }, (2, vec![])),
        (RawFilter { outcome: Some(Outcome::Prohibited), ..by() }, (2, vec![4])),
        (RawFilter { rule: text("T-BAN"), ..by() }, (2, vec![4])),
        (RawFilter { eccn: text("5A"), ..by() }, (4, vec![3, 4])),
        (RawFilter { exporter: text("voorbeeld netwerken b.v."), ..by() }, (5, vec![3, 4])),
        (RawFilter { party: text("Somebody Else"), ..by() }, (0, vec![])),
        (RawFilter { from_ms: Some(NOON_MS + 2_000), ..by() }, (3, vec![3, 4])),
        (RawFilter { until_ms: Some(NOON_MS + 1_000), ..by() }, (1, vec![])),
    ];
    for (filter, expected) in cases {
        assert_eq!(decisions(filter.clone()), expected, "{filter:?}");
    }
}

#[test]
fn changes_are_counted_by_outcome_and_rule() {
    let told = told(&Options { under: later_ban(), ..Options::default() }, log().items);
    let changes: Vec<_> = told
        .summary
        .changes
        .iter()
        .map(|(change, counts)| (*change, counts.count, counts.main_rule()))
        .collect();
    let (licence, banned) = (Outcome::LicenceRequired, Outcome::Prohibited);
    assert_eq!(changes, [((licence, licence), 1, None), ((banned, licence), 1, Some("T-BAN"))]);
}
