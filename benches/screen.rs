//! What it costs to screen a name: `SLAGBOOM_DATA=FOLDER cargo bench --bench screen`.
//!
//! The OFAC list of the data folder (39,457 names), and the same with 25 copies in which each word has one letter
//! changed (about a million names). Queries are those of the development set, in order. Without the folder a small
//! list of the rulebook's own parties is used.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first error"
)]

use std::path::PathBuf;
use std::sync::OnceLock;

use divan::{Bencher, black_box};
use slagboom::rulebook::{Bundle, compile};
use slagboom::screening::{Effort, Entry, EntryName, PartyKind, Query, Scratch, Screener, country_of, list};

fn main() {
    divan::main();
}

/// Copies of the list: 1 or about a million names.
const COPIES: [usize; 2] = [1, 26];

#[divan::bench(args = COPIES)]
fn one_name(bencher: Bencher<'_, '_>, copies: usize) {
    let screener = screener(copies);
    let queries = queries();
    let (mut scratch, mut at) = (Scratch::default(), 0);
    bencher.bench_local(|| {
        let (name, kind, country) = &queries[at % queries.len()];
        at += 1;
        let query = Query { name, kind: *kind, country: country_of(country), ..Query::default() };
        black_box(screener.screen(&query, Effort::Indexed, 5, &mut scratch).len())
    });
}

#[divan::bench]
fn read_and_build(bencher: Bencher<'_, '_>) {
    let Some(bytes) = list_bytes() else { return };
    bencher.bench_local(|| Screener::new(list::read("bench", black_box(&bytes)).unwrap().entries).names());
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("SLAGBOOM_DATA").map(PathBuf::from)
}

fn list_bytes() -> Option<Vec<u8>> {
    let path = folder()?.join("parties/ofac_sdn_2026-07-11.ftm.jsonl.gz");
    Some(std::fs::read(path).expect("the data folder has the OFAC list"))
}

fn entries() -> Vec<Entry> {
    if let Some(bytes) = list_bytes() {
        return list::read("bench", &bytes).unwrap().entries;
    }
    let book = compile(Bundle::built_in()).rulebook.expect("the built-in rulebook compiles");
    let names = book.listed_names.values().flatten();
    let entry = |(at, listed): (usize, &slagboom::rulebook::model::ListedName)| Entry {
        uid: at.to_string().into(),
        names: vec![EntryName {
            name: listed.name.clone(),
            quality: slagboom::screening::NameQuality::Strong,
        }],
        ..Entry::default()
    };
    names.enumerate().map(entry).collect()
}

fn screener(copies: usize) -> &'static Screener {
    static ONE: OnceLock<Screener> = OnceLock::new();
    static MANY: OnceLock<Screener> = OnceLock::new();
    let build = || {
        let plain = entries();
        let copy = |number: usize| {
            plain.iter().cloned().map(move |mut entry| {
                entry.uid = format!("{}-{number}", entry.uid).into();
                for listed in &mut entry.names {
                    listed.name = changed(&listed.name, number).into();
                }
                entry
            })
        };
        Screener::new((0..copies).flat_map(copy))
    };
    if copies == 1 { ONE.get_or_init(build) } else { MANY.get_or_init(build) }
}

/// Each long word with one letter changed, another for each copy; the first copy is the list itself.
fn changed(name: &str, number: usize) -> String {
    if number == 0 {
        return name.to_owned();
    }
    let word = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        if letters.len() > 4 {
            let at = (number * 7 + letters.len()) % letters.len();
            letters[at] = char::from(b'a' + u8::try_from((number * 5 + at) % 26).unwrap_or(0));
        }
        letters.into_iter().collect::<String>()
    };
    name.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

type QueryText = (String, PartyKind, String);

fn queries() -> &'static [QueryText] {
    static QUERIES: OnceLock<Vec<QueryText>> = OnceLock::new();
    QUERIES.get_or_init(|| {
        let Some(folder) = folder() else {
            return vec![("Kalashnikov Konzern OAO".to_owned(), PartyKind::Organisation, "RU".to_owned())];
        };
        let read = |file: &str| std::fs::read_to_string(folder.join("screening_dev").join(file)).unwrap();
        let (positives, negatives) = (read("positives.jsonl"), read("negatives.jsonl"));
        // Listed and unlisted names in turn.
        let lines = positives.lines().zip(negatives.lines()).flat_map(|(a, b)| [a, b]);
        let query = |line: &str| {
            let doc: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |field: &str| doc[field].as_str().unwrap_or_default().to_owned();
            (text("name"), PartyKind::parse(&text("type")), text("country"))
        };
        lines.map(query).collect()
    })
}
