//! The index against the linear evaluator, and what must hold of every decision.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use slagboom::cases::parse_given;
use slagboom::domain::export::PartyHit;
use slagboom::domain::licence::{ExchangeRates, Standing};
use slagboom::domain::request::RawRequest;
use slagboom::engine::{Assessment, Decision, Known, Question, assess, assess_linearly, canonical, settle};
use slagboom::rulebook::case::CaseDoc;
use slagboom::rulebook::{Bundle, Rulebook, compile, read_cases};
use slagboom::screening;

use crate::cases::{BOOK, files};

/// Every request that the repository holds.
fn all_cases() -> Vec<CaseDoc> {
    let of_book = BOOK.bundle.files().filter(|(file, _)| file.ends_with("_test.yaml"));
    let texts = of_book.map(|(file, text)| (file.to_owned(), text.to_owned())).chain(files());
    texts.flat_map(|(file, text)| read_cases(&file, &text).unwrap().cases).collect()
}

/// Everything about one case: both assessments and the decision; none for a malformed request.
fn decide(book: &Rulebook, case: &CaseDoc) -> Option<(Assessment, Assessment, Decision)> {
    let export = case.request.parse(&book.vocabulary).ok()?;
    let given = parse_given(&case.given).ok()?;
    let hits = screening::exact(book, &export, &given.listed_parties);
    let known = Known::Always { at: export.known_at, recorded_at: &given.recorded_at };
    let question = Question { book, export: &export, known, hits: &hits, rates: &given.standing.rates };
    let assessment = assess(&question);
    let decision = settle(book, &export, &given.standing, &assessment);
    Some((assessment, assess_linearly(&question), decision))
}

#[test]
fn index_agrees_with_the_linear_evaluator_on_the_shipped_law() {
    for case in all_cases() {
        if let Some((indexed, linear, _)) = decide(&BOOK, &case) {
            assert_eq!(indexed, linear, "{}", case.id);
        }
    }
}

#[test]
fn decisions_survive_their_canonical_bytes() {
    for case in all_cases() {
        if let Some((_, _, decision)) = decide(&BOOK, &case) {
            let bytes = canonical::encode(&BOOK, &decision);
            assert_eq!(canonical::decode(&BOOK, &bytes).unwrap(), decision, "{}", case.id);
            for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
                assert!(canonical::decode(&BOOK, &bytes[..cut]).is_err(), "{} cut at {cut}", case.id);
            }
        }
    }
}

/// INVARIANT (`pure_decision`): the same inputs give the same bytes.
#[test]
fn deciding_twice_gives_the_same_bytes() {
    for case in all_cases() {
        let bytes = || decide(&BOOK, &case).map(|(_, _, decision)| canonical::encode(&BOOK, &decision));
        assert_eq!(bytes(), bytes(), "{}", case.id);
    }
}

const HEAD: &str = include_str!("oracle/rulebook.yaml");
const GROUPS: &str = include_str!("oracle/groups.yaml");
const REGIONS: &str = include_str!("oracle/regions.yaml");
const LISTS: &str = include_str!("oracle/lists.yaml");

/// A piece of YAML flow text, or nothing.
fn maybe(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![2 => Just(String::new()), 3 => text]
}

fn pick(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

const DAYS: &[&str] =
    &["2020-01-01", "2021-06-15", "2021-12-31", "2022-02-24", "2022-02-26", "2022-07-22", "2023-01-01"];
const COUNTRIES: &[&str] = &["RU", "UA", "DE", "IN", "US", "GB"];
const CODES: &[&str] = &["5", "5A", "5A002", "5A002.a", "5A002.a.1", "1C350..1C354", "1C350.1", "ML", "ML6"];
const LIST_IDS: &[&str] = &["ANNEX-I", "ML", "LIMITED", "CN-ROWS", "CN-PART", "STATED"];

fn destination() -> impl Strategy<Value = String> {
    let look =
        pick(&["[destination]", "[destination, end_use]", "[destination, end_use, party]", "[transit]"]);
    let place = prop_oneof![
        prop::sample::subsequence(COUNTRIES, 1..3).prop_map(|c| format!("countries: [{}]", c.join(", "))),
        Just("groups: [UNION]".to_owned()),
        Just("outside_groups: [UNION]".to_owned()),
        Just("regions: [UA-43]".to_owned()),
        Just("regions: [UA-14], area_control: non_government".to_owned()),
    ];
    (look, place).prop_map(|(look, place)| format!("destination: {{any_of: {look}, {place}}}"))
}

fn goods() -> impl Strategy<Value = String> {
    let what = prop_oneof![
        prop::sample::subsequence(LIST_IDS, 1..3).prop_map(|l| format!("lists: [{}]", l.join(", "))),
        prop::sample::subsequence(CODES, 1..3).prop_map(|c| format!("codes: [\"{}\"]", c.join("\", \""))),
        Just("cn: [\"8430 49\", \"88\"]".to_owned()),
        Just("not_listed: true".to_owned()),
    ];
    let except = maybe(prop_oneof![
        Just(", except: {groups: [D, E]}".to_owned()),
        Just(", except: {codes: [\"5A002.a.1\"]}".to_owned()),
        Just(", except: {lists: [LIMITED]}".to_owned()),
    ]);
    (what, except).prop_map(|(what, except)| format!("goods: {{{what}{except}}}"))
}

fn condition() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("claims: [medical]".to_owned()),
        Just("claims: [medical], not_military: true".to_owned()),
        Just("end_use: [oil]".to_owned()),
        Just("not_in_annex: [STATED]".to_owned()),
        pick(DAYS).prop_map(|day| format!("contract_before: \"{day}\"")),
    ]
}

/// One rule as flow YAML, without its id.
fn rule() -> impl Strategy<Value = String> {
    let effect = pick(&["prohibit", "require_licence", "review", "policy", "duty", "suspend_licences"]);
    let scope = (
        maybe(destination()),
        maybe(goods()),
        maybe(Just("parties: {lists: [FREEZE]}".to_owned())),
        maybe(Just("military: true".to_owned())),
        maybe(Just("end_use: [civil, oil]".to_owned())),
    )
        .prop_map(|(a, b, c, d, e)| {
            let parts: Vec<String> = [a, b, c, d, e].into_iter().filter(|part| !part.is_empty()).collect();
            format!("{{{}}}", parts.join(", "))
        });
    let days = (pick(DAYS), prop::option::of(pick(DAYS))).prop_map(|(from, until)| match until {
        Some(until) if until >= from => format!("{{from: \"{from}\", until: \"{until}\"}}"),
        _ => format!("{{from: \"{from}\"}}"),
    });
    let exemptions =
        maybe(condition().prop_map(|when| format!(", exemptions: [{{id: e, when: {{{when}}}}}]")));
    let wind_down = maybe((pick(DAYS), pick(DAYS), pick(&["permit", "require_licence"])).prop_map(
        |(before, until, result)| {
            format!(", wind_down: [{{contract_before: \"{before}\", until: \"{until}\", result: {result}}}]")
        },
    ));
    let derogations = maybe(
        condition().prop_map(|when| format!(", derogations: [{{id: d, when: {{{when}}}}}, {{id: any}}]")),
    );
    (effect, prop::collection::vec(scope, 1..3), days, exemptions, wind_down, derogations).prop_map(
        |(effect, scopes, days, exemptions, wind_down, derogations)| {
            format!(
                "title: {{en: t, nl: t}}, citation: {{act: A, celex: \"1\"}}, effective: {days}, \
                 recorded_at: \"2019-01-01T00:00:00Z\", confidence: confirmed, scope: [{}], \
                 effects: [{{effect: {effect}}}], message: {{en: m, nl: m}}{exemptions}{wind_down}{derogations}",
                scopes.join(", ")
            )
        },
    )
}

/// A rulebook of these rules.
fn book_of(rules: &[String]) -> Rulebook {
    let mut act = "act: random\nrules:\n".to_owned();
    let mut ids = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        writeln!(act, "  - {{id: R{at}, version: 1, {rule}}}").unwrap();
        ids.push(format!("R{at}"));
    }
    let cases = format!(
        "cases: [{{id: c, title: t, request: {{}}, expect: {{outcome: INVALID_REQUEST, rules: [{}]}}}}]",
        ids.join(", ")
    );
    let bundle = Bundle::of([
        ("rulebook.yaml", HEAD),
        ("groups.yaml", GROUPS),
        ("regions.yaml", REGIONS),
        ("lists/lists.yaml", LISTS),
        ("acts/random.yaml", &act),
        ("acts/random_test.yaml", &cases),
    ]);
    let compiled = compile(bundle);
    let remarks: Vec<String> = compiled.diagnostics.iter().map(ToString::to_string).collect();
    compiled.rulebook.unwrap_or_else(|| panic!("{}\n{act}", remarks.join("\n")))
}

/// A well-formed request as YAML.
fn request() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        pick(COUNTRIES).prop_map(|country| format!("country: {country}")),
        Just("country: UA, region: UA-43".to_owned()),
        Just("country: RU, region: UA-43".to_owned()),
        Just("country: RU, address: Simferopol 295000".to_owned()),
        Just("country: UA, region: UA-14, area_control: non_government".to_owned()),
        Just("country: UA, region: UA-14".to_owned()),
    ];
    let code = pick(&[
        "null",
        "NOT_LISTED",
        "5A002.a.1",
        "5A002",
        "5A003",
        "1C350.10",
        "1C350",
        "5D002",
        "ML6",
        "EAR99",
        "9A991",
    ]);
    let cn = maybe(
        pick(&["8430 49 00", "8430", "8801 00", "7304 29", "2701"]).prop_map(|cn| format!(", cn: \"{cn}\"")),
    );
    let stated = maybe(
        pick(&["[]", "[STATED]", "[CN-ROWS]", "[CN-PART, ITEM-1]"])
            .prop_map(|s| format!(", annex_items: {s}")),
    );
    let facts = (
        maybe(pick(&["civil", "oil", "military", "unknown"]).prop_map(|w| format!(", end_use: {w}"))),
        maybe(pick(COUNTRIES).prop_map(|c| format!(", end_use_country: {c}"))),
        maybe(pick(DAYS).prop_map(|d| format!(", contract_date: \"{d}\""))),
        maybe(Just(", exemption_claims: [medical]".to_owned())),
        maybe(pick(COUNTRIES).prop_map(|c| format!(", transit_countries: [{c}]"))),
    );
    let user =
        (pick(&["Civil Buyer", "Frozen Holding"]), pick(COUNTRIES), pick(&["civil", "military", "unknown"]));
    (pick(DAYS), place, code, cn, stated, facts, user).prop_map(|(day, place, code, cn, stated, facts, (name, country, kind))| {
        let (end_use, end_use_country, contract, claims, transit) = facts;
        format!(
            "{{export_date: \"{day}\", exporter: {{name: Exporter, country: NL}}, \
             goods: [{{code: {code}{cn}{stated}, quantity: 1, unit: pcs, value: \"1.00\", currency: EUR}}], \
             consignee: {{name: Consignee, country: {country}}}, end_user: {{name: {name}, country: {country}, type: {kind}}}, \
             destination: {{{place}}}{end_use}{end_use_country}{contract}{claims}{transit}}}"
        )
    })
}

fn outcome_of(book: &Rulebook, text: &str) -> (Assessment, Assessment, Decision) {
    let raw: RawRequest = serde_yaml::from_str(text).unwrap();
    let export = raw.parse(&book.vocabulary).unwrap_or_else(|violations| panic!("{violations:?}\n{text}"));
    let hits: Vec<PartyHit> = screening::exact(book, &export, &[]);
    let (rates, recorded_at) = (ExchangeRates::default(), BTreeMap::new());
    let known = Known::Always { at: None, recorded_at: &recorded_at };
    let question = Question { book, export: &export, known, hits: &hits, rates: &rates };
    let assessment = assess(&question);
    let decision = settle(book, &export, &Standing::default(), &assessment);
    (assessment, assess_linearly(&question), decision)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn index_agrees_with_the_linear_evaluator(
        rules in prop::collection::vec(rule(), 1..24),
        requests in prop::collection::vec(request(), 16),
    ) {
        let book = book_of(&rules);
        for text in &requests {
            let (indexed, linear, decision) = outcome_of(&book, text);
            prop_assert_eq!(indexed, linear, "{}", text);
            let bytes = canonical::encode(&book, &decision);
            prop_assert_eq!(canonical::decode(&book, &bytes).unwrap(), decision);
        }
    }

    #[test]
    fn one_more_ban_never_loosens_an_outcome(
        rules in prop::collection::vec(rule(), 1..8),
        ban in (destination(), goods(), pick(DAYS)),
        requests in prop::collection::vec(request(), 8),
    ) {
        let (destination, goods, from) = ban;
        let ban = format!(
            "title: {{en: t, nl: t}}, citation: {{act: A, celex: \"1\"}}, effective: {{from: \"{from}\"}}, \
             recorded_at: \"2019-01-01T00:00:00Z\", confidence: confirmed, scope: [{{{destination}, {goods}}}], \
             effects: [{{effect: prohibit}}], message: {{en: m, nl: m}}"
        );
        let before = book_of(&rules);
        let after = book_of(&rules.iter().cloned().chain([ban]).collect::<Vec<_>>());
        for text in &requests {
            let (_, _, was) = outcome_of(&before, text);
            let (_, _, is) = outcome_of(&after, text);
            prop_assert!(is.outcome >= was.outcome, "{:?} became {:?}: {}", was.outcome, is.outcome, text);
        }
    }
}
