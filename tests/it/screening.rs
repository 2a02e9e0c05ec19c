//! Names against real lists, and names that nobody should have to expect.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use slagboom::screening::{
    Birth, Effort, Entry, EntryName, Identifier, NameQuality, PartyKind, Query, SCORE_MIN, Scratch, Screener,
    country_of, evidence, list,
};

/// The folder of large public lists; tests that need it say so and pass without it.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("SLAGBOOM_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: SLAGBOOM_DATA names no folder of lists");
    }
    folder
}

fn screener_of(folder: &std::path::Path, file: &str) -> Screener {
    let bytes = std::fs::read(folder.join("parties").join(file)).unwrap();
    let file = list::read("test", &bytes).unwrap();
    assert_eq!(file.bad_rows, []);
    Screener::new(file.entries)
}

fn queries(folder: &std::path::Path, file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("screening_dev").join(file)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn query(doc: &Value) -> Query<'_> {
    Query {
        name: doc["name"].as_str().unwrap(),
        kind: PartyKind::parse(doc["type"].as_str().unwrap_or_default()),
        country: doc["country"].as_str().and_then(country_of),
        birth: doc["dob"].as_str().and_then(Birth::parse),
        ..Query::default()
    }
}

fn party(uid: &str, kind: PartyKind, names: &[&str]) -> Entry {
    let names = names.iter().map(|name| EntryName { name: (*name).into(), quality: NameQuality::Strong });
    Entry { uid: uid.into(), list: "l".into(), kind, names: names.collect(), ..Entry::default() }
}

fn some_parties() -> Screener {
    Screener::new([
        party("1", PartyKind::Organisation, &["OAO Kalashnikov Concern", "Kalashnikov Group JSC"]),
        party("2", PartyKind::Person, &["GADDAFI, Muammar Mohammed"]),
        party("3", PartyKind::Organisation, &["Limited Liability Company"]),
        party("4", PartyKind::Vessel, &["HAO FAN 2"]),
        party("5", PartyKind::Organisation, &["SHUANGSI TRADING COMPANY"]),
    ])
}

fn best(screener: &Screener, name: &str, kind: PartyKind) -> (String, f32) {
    let query = Query { name, kind, ..Query::default() };
    let hits = screener.screen(&query, Effort::Indexed, 5, &mut Scratch::default());
    hits.first().map_or((String::new(), 0.0), |hit| (hit.uid.to_owned(), hit.score))
}

#[test]
fn one_name_in_many_guises_is_found() {
    let screener = some_parties();
    for (name, kind, uid) in [
        ("Kalashnikov Konzern OAO", PartyKind::Organisation, "1"),
        ("Концерн Калашников", PartyKind::Organisation, "1"),
        ("KALASHNIKOV GROUP", PartyKind::Unknown, "1"),
        ("Kаlаshnikоv Cоncern", PartyKind::Organisation, "1"),
        ("Muammar Qadhafi", PartyKind::Person, "2"),
        ("M. M. Gaddafi", PartyKind::Person, "2"),
        ("معمر محمد القذافي", PartyKind::Person, "2"),
        ("M/V Hao Fan 2", PartyKind::Vessel, "4"),
        ("SHUANGSITRADING CO LTD", PartyKind::Organisation, "5"),
    ] {
        let (found, score) = best(&screener, name, kind);
        assert!(found == uid && score >= SCORE_MIN, "{name}: {found} {score}");
    }
}

#[test]
fn other_names_are_no_hits() {
    let screener = some_parties();
    for (name, kind) in [
        ("Voorbeeld Netwerken BV", PartyKind::Organisation),
        ("Hao Fan 7", PartyKind::Vessel),
        ("Mohammed Group Trading LLC", PartyKind::Organisation),
        ("Trading Company Ltd", PartyKind::Organisation),
        ("Jan de Vries", PartyKind::Person),
    ] {
        let (found, score) = best(&screener, name, kind);
        assert!(score < SCORE_MIN, "{name}: {found} {score}");
    }
}

#[test]
fn strange_names_are_answered_like_any_other() {
    let screener = some_parties();
    let long = "Kalashnikov ".repeat(1000);
    let strange = [
        "",
        " ",
        "a",
        "LLC",
        "Ltd. Co. & GmbH",
        "🙂🙂🙂",
        "\0",
        "Kalashnikov\0Concern",
        "\u{202e}vokinhsalaK",
        "،؛؟",
        "--",
        "Калашников Kalashnikov كلاشينكوف",
        "((((",
        ";;;;",
        "'''''",
        "1",
        "ــــ",
        "\u{301}\u{301}",
        "ﷺ",
        long.as_str(),
    ];
    for name in strange {
        for kind in [PartyKind::Unknown, PartyKind::Person, PartyKind::Organisation, PartyKind::Vessel] {
            let (_, score) = best(&screener, name, kind);
            assert!((0.0..=1.0).contains(&score), "{name}: {score}");
        }
    }
    // The forms of companies alone are nobody's name, even where a list has them as one.
    assert!(best(&screener, "Ltd. Co.", PartyKind::Organisation).1 < SCORE_MIN);
    assert_eq!(best(&Screener::default(), "anyone", PartyKind::Unknown), (String::new(), 0.0));
}

#[test]
fn an_identifier_decides_by_itself() {
    let number = Identifier::parse("IMO 8747604").unwrap();
    let mut ship = party("4", PartyKind::Vessel, &["HAO FAN 2"]);
    ship.identifiers.push(number.clone());
    let screener = Screener::new([ship, party("5", PartyKind::Vessel, &["PEARL"])]);
    let numbers = [number];
    let query = Query { name: "PEARL", identifiers: &numbers, ..Query::default() };
    let found = screener.screen(&query, Effort::Indexed, 5, &mut Scratch::default());
    assert!(found[0].uid == "4" && found[0].by_identifier);
    assert_eq!(found[1].uid, "5");
}

#[test]
fn an_entry_counts_on_the_days_on_which_it_is_listed() {
    let mut entry = party("1", PartyKind::Organisation, &["Kalashnikov"]);
    entry.listed.from = Some("2014-09-12".parse().unwrap());
    let screener = Screener::new([entry]);
    let found = |day: &str| {
        let query = Query { name: "Kalashnikov", day: Some(day.parse().unwrap()), ..Query::default() };
        screener.screen(&query, Effort::Indexed, 1, &mut Scratch::default()).len()
    };
    assert_eq!((found("2014-09-11"), found("2014-09-12")), (0, 1));
}

#[test]
fn birth_and_kind_are_evidence() {
    let mut person = party("2", PartyKind::Person, &["GADDAFI, Muammar"]);
    person.births.extend(Birth::parse("1942-06-07"));
    let screener = Screener::new([person]);
    let score = |birth: Option<&str>, kind| {
        let query =
            Query { name: "Muamar Kadafi", kind, birth: birth.and_then(Birth::parse), ..Query::default() };
        screener.screen(&query, Effort::Indexed, 1, &mut Scratch::default())[0].score
    };
    assert!(score(Some("1942-06-07"), PartyKind::Person) > score(None, PartyKind::Person));
    assert!(score(Some("1980-01-01"), PartyKind::Person) < score(None, PartyKind::Person));
    assert!(score(None, PartyKind::Organisation) < score(None, PartyKind::Person));
}

/// INVARIANT (`pure_decision`): the order of the list changes no score, and a used scratch changes nothing.
#[test]
fn the_same_query_gives_the_same_hits() {
    let screener = some_parties();
    let mut used = Scratch::default();
    for name in ["Kalashnikov Konzern", "Muammar Gaddafi", "Hao Fan 2", "nobody"] {
        let query = Query { name, ..Query::default() };
        let once = screener.screen(&query, Effort::Indexed, 5, &mut used);
        assert_eq!(once, screener.screen(&query, Effort::Indexed, 5, &mut used));
        assert_eq!(once, screener.screen(&query, Effort::Indexed, 5, &mut Scratch::default()));
        // A scratch of another list holds marks of other words.
        let _ = Screener::new([party("9", PartyKind::Unknown, &["nobody else"])]).screen(
            &query,
            Effort::Indexed,
            5,
            &mut used,
        );
        assert_eq!(once, screener.screen(&query, Effort::Indexed, 5, &mut used));
    }
}

#[test]
fn the_evidence_names_the_words_that_met() {
    let screener = some_parties();
    let query = Query { name: "Kalaschnikow Konzern Export", ..Query::default() };
    let found = screener.screen(&query, Effort::Indexed, 1, &mut Scratch::default());
    assert_eq!(
        evidence(&found[0]),
        "kalaschnikow ~ kalashnikov (sound); konzern ~ concern (meaning); export: not in the listed name; oao: only in the listed name"
    );
}

#[test]
fn the_default_threshold_holds_on_the_development_set() {
    let Some(folder) = data() else { return };
    let screener = screener_of(&folder, "ofac_sdn_2026-07-11.ftm.jsonl.gz");
    let mut scratch = Scratch::default();
    let (mut right, mut wrong, mut alarms) = (0.0f64, 0.0f64, 0.0f64);
    let positives = queries(&folder, "positives.jsonl");
    for doc in &positives {
        let found = screener.screen(&query(doc), Effort::Indexed, 1, &mut scratch);
        if let Some(hit) = found.first().filter(|hit| hit.score >= SCORE_MIN) {
            let expected = doc["expected"].as_array().unwrap();
            let is_right = expected.iter().any(|uid| uid.as_str() == Some(hit.uid));
            if is_right { right += 1.0 } else { wrong += 1.0 }
        }
    }
    for doc in &queries(&folder, "negatives.jsonl") {
        let found = screener.screen(&query(doc), Effort::Indexed, 1, &mut scratch);
        alarms += f64::from(u8::from(found.first().is_some_and(|hit| hit.score >= SCORE_MIN)));
    }
    let total = f64::from(u32::try_from(positives.len()).unwrap());
    let f1 = 2.0 * right / (right + wrong + alarms + total);
    assert!(f1 >= 0.93, "F1 {f1:.4}: {right} right, {wrong} wrong, {alarms} alarms");
}

/// The index against the search that leaves out nothing, at or above the threshold. Every difference is printed.
///
/// A hundredth of the development set, or as many queries as `SLAGBOOM_ROUNDS` says.
#[test]
fn the_index_finds_what_the_exhaustive_search_finds() {
    let Some(folder) = data() else { return };
    let rounds: usize =
        std::env::var("SLAGBOOM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(28);
    let screener = screener_of(&folder, "ofac_sdn_2026-07-11.ftm.jsonl.gz");
    let mut scratch = Scratch::default();
    let all: Vec<Value> = [queries(&folder, "positives.jsonl"), queries(&folder, "negatives.jsonl")].concat();
    let step = (all.len() / rounds.max(1)).max(1);
    let (mut compared, mut different) = (0u32, 0u32);
    for doc in all.iter().step_by(step) {
        let query = query(doc);
        let hit = |effort, scratch: &mut Scratch| {
            let found = screener.screen(&query, effort, 1, scratch);
            found.first().filter(|hit| hit.score >= SCORE_MIN).map(|hit| (hit.name.to_owned(), hit.score))
        };
        let indexed = hit(Effort::Indexed, &mut scratch);
        let exhaustive = hit(Effort::Exhaustive, &mut scratch);
        compared += 1;
        if indexed.as_ref().map(|hit| hit.1) != exhaustive.as_ref().map(|hit| hit.1) {
            different += 1;
            eprintln!("`{}`: {indexed:?}, exhaustively {exhaustive:?}", query.name);
        }
    }
    assert!(different * 200 <= compared.max(200), "{different} of {compared} differ");
}

/// The lists of January 2022 and January 2023 as OFAC published them: a party listed in between is in the second only.
#[test]
fn two_states_of_a_list_differ_by_who_was_listed_between_them() {
    let Some(folder) = data() else { return };
    let state = |files: &[&str]| {
        let read = files.iter().map(|file| {
            let bytes = std::fs::read(folder.join("parties/raw").join(file)).unwrap();
            list::read("us_ofac_sdn", &bytes).unwrap()
        });
        Screener::new(list::combine(read))
    };
    let before =
        state(&["ofac_sdn_2022-01-31.csv.gz", "ofac_alt_2022-01-31.csv.gz", "ofac_add_2022-01-31.csv.gz"]);
    let after = screener_of(&folder, "ofac_sdn_2026-07-11.ftm.jsonl.gz");
    let score = |screener: &Screener, name: &str| {
        let query = Query { name, kind: PartyKind::Organisation, ..Query::default() };
        screener
            .screen(&query, Effort::Indexed, 1, &mut Scratch::default())
            .first()
            .map_or(0.0, |hit| hit.score)
    };
    assert!(score(&before, "Sberbank of Russia") < SCORE_MIN);
    assert!(score(&after, "Sberbank of Russia") >= SCORE_MIN);
}

/// Every published file in the folder reads, and says how many parties it holds.
#[test]
fn published_files_are_read_whole() {
    let Some(folder) = data() else { return };
    let expected: HashMap<&str, usize> = [
        ("ofac_sdn_2021-03-10.xml.gz", 8_832),
        ("eu_fsf_2021-03-02.xml.gz", 2_269),
        ("un_consolidated_2026-02-27.xml.gz", 1_003),
        ("us_csl_sample_2019-12.csv.gz", 115),
        ("ofac_cons_prim_2025-12.csv.gz", 442),
    ]
    .into();
    for (name, parties) in expected {
        let bytes = std::fs::read(folder.join("parties/raw").join(name)).unwrap();
        let file = list::read("test", &bytes).unwrap();
        assert_eq!((file.bad_rows.len(), file.entries.len()), (0, parties), "{name}");
    }
}

/// A list as somebody keeps it: OpenSanctions' simple table.
const TABLE: &str = "id,schema,name,aliases,birth_date,countries,addresses,identifiers\n\
    Q1,Company,Kalashnikov Concern,Концерн Калашников,,ru,,\n\
    Q2,Person,Ivan Petrovich Sidorov,,1961-04-02,ru,,\n";

#[test]
fn the_verb_answers_a_line_for_a_line_and_refuses_what_would_clear_everyone() {
    use crate::cli::{code, slagboom_with, text};
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let list = write("targets.simple.csv", TABLE.as_bytes());
    let queries = "{\"id\": 1, \"name\": \"OAO Kalashnikov Konzern\", \"type\": \"org\"}\n\n\
        {\"id\": \"two\", \"name\": \"Sidorov, I. P.\", \"type\": \"person\", \"dob\": \"1961-04-02\"}\n\
        {\"id\": 3, \"name\": \"\"}\n{\"id\": 4, \"name\": \"Bakkerij de Groot\", \"type\": \"org\"}\n";
    let output = slagboom_with(&["screen", "--list", &list], queries);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let answers: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = answers
        .iter()
        .map(|answer| (answer["id"].clone(), answer["uid"].as_str(), answer["hit"].as_bool().unwrap()))
        .collect();
    assert_eq!(told[0], (1.into(), Some("Q1"), true));
    assert_eq!(told[1], ("two".into(), Some("Q2"), true));
    assert!(!told[2].2 && !told[3].2, "{answers:?}");
    assert!(answers[0]["us"].is_number() && answers[0]["hits"][0]["why"].is_string());

    for (name, bytes, why) in [
        ("empty.csv", &b""[..], "an empty list would clear everyone"),
        (
            "header.csv",
            &b"id,schema,name,aliases,birth_date,countries\n"[..],
            "an empty list would clear everyone",
        ),
        ("other.csv", &b"a,b\n1,2\n"[..], "not a list of parties"),
        ("latin.csv", &b"id,schema,name,aliases\nQ1,Person,Jos\xe9,\n"[..], "not UTF-8"),
        ("cut.gz", &b"\x1f\x8b\x08\x00"[..], "cannot be unpacked"),
    ] {
        let bad = write(name, bytes);
        let output = slagboom_with(&["screen", "--list", &bad], queries);
        assert_eq!(code(&output), 2, "{name}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(why), "{name}: {}", text(&output.stderr));
    }
    let output = slagboom_with(&["screen", "--list", &list], "{\"id\": 1, \"name\": \"A\"}\nnonsense\n");
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("line 2 is not a query"), "{}", text(&output.stderr));
    assert_eq!(code(&slagboom_with(&["screen"], "")), 64);
}
