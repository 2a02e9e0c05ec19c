//! What it costs to apply law: `cargo bench --bench evaluate`.
//!
//! Rulebooks of 10, 1,000 and 10,000 random rules: 1 to 8 of 200 destinations (three in a hundred rules are for all), 1 to
//! 4 control codes at any level, dates of which half are open, and a further fact in every fourth. What counts is the
//! ratio between the sizes: the index makes it a matter of what fires, not of how many rules there are.

#![expect(
    clippy::panic,
    clippy::wildcard_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a bench stops at the first error"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::OnceLock;

use divan::{Bencher, black_box};
use slagboom::domain::country::Country;
use slagboom::domain::export::ProposedExport;
use slagboom::domain::licence::{ExchangeRates, Standing};
use slagboom::domain::request::RawRequest;
use slagboom::engine::{Known, Question, assess, canonical, fired, settle};
use slagboom::rulebook::{Bundle, RuleIx, Rulebook, compile};
use smallvec::SmallVec;

const SIZES: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    for size in SIZES {
        let count = |far| ask(book(size), far, |question| all_fired(question).len());
        println!(
            "{size} rules: {} fire for one destination, {} for four countries",
            count(false),
            count(true)
        );
    }
    divan::main();
}

/// A small generator with a long period (xorshift64*, Vigna 2016): the same rulebook in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }
}

/// The rulebook of this many random rules; kept, because compiling 10,000 rules takes longer than measuring them.
fn book(size: usize) -> &'static Rulebook {
    static BOOKS: [OnceLock<Rulebook>; SIZES.len()] = [const { OnceLock::new() }; SIZES.len()];
    let at = SIZES.iter().position(|known| *known == size).expect("a known size");
    BOOKS[at].get_or_init(|| {
        let compiled = compile(bundle(size));
        let remarks: Vec<String> = compiled.diagnostics.iter().map(ToString::to_string).take(5).collect();
        compiled.rulebook.unwrap_or_else(|| panic!("{}", remarks.join("\n")))
    })
}

fn bundle(size: usize) -> Bundle {
    let mut dice = Dice(42);
    let countries: Vec<&str> =
        Country::all().map(Country::code).filter(|code| *code != "NL").take(200).collect();
    let mut bundle = Bundle::of([
        ("rulebook.yaml", include_str!("../tests/it/oracle/rulebook.yaml")),
        ("groups.yaml", include_str!("../tests/it/oracle/groups.yaml")),
        ("regions.yaml", include_str!("../tests/it/oracle/regions.yaml")),
        ("lists/lists.yaml", include_str!("../tests/it/oracle/lists.yaml")),
    ]);
    let mut ids = Vec::new();
    for file in 0..size.div_ceil(1_000) {
        let mut act = "act: random\nrules:\n".to_owned();
        for at in file * 1_000..size.min((file + 1) * 1_000) {
            let destination = if dice.roll(100) < 3 {
                "outside_groups: [UNION]".to_owned()
            } else {
                let chosen: Vec<&str> = (0..=dice.roll(8)).map(|_| countries[dice.roll(200)]).collect();
                format!("countries: [\"{}\"]", chosen.join("\", \""))
            };
            let codes: Vec<String> = (0..=dice.roll(4)).map(|_| code(&mut dice)).collect();
            let from = format!("20{:02}-01-01", 10 + dice.roll(14));
            let until = if dice.roll(2) == 0 {
                String::new()
            } else {
                format!(", until: \"20{}-06-30\"", 25 + dice.roll(5))
            };
            let fact = if dice.roll(4) == 0 { ", end_use: [oil]" } else { "" };
            writeln!(
                act,
                "  - {{id: R{at}, version: 1, title: {{en: t, nl: t}}, citation: {{act: A, celex: \"1\"}}, \
                 effective: {{from: \"{from}\"{until}}}, recorded_at: \"2009-01-01T00:00:00Z\", confidence: confirmed, \
                 scope: [{{destination: {{{destination}}}, goods: {{codes: [\"{}\"]}}{fact}}}], \
                 effects: [{{effect: prohibit}}], message: {{en: m, nl: m}}}}",
                codes.join("\", \"")
            )
            .unwrap();
            ids.push(format!("R{at}"));
        }
        bundle = bundle.with(&format!("acts/random-{file:03}.yaml"), &act);
    }
    let cases = format!(
        "cases: [{{id: c, title: t, request: {{}}, expect: {{outcome: INVALID_REQUEST, rules: [{}]}}}}]\n",
        ids.join(", ")
    );
    bundle.with("acts/random_test.yaml", &cases)
}

fn code(dice: &mut Dice) -> String {
    let entry = format!("{}{}{:03}", dice.roll(10), char::from(b"ABCDE"[dice.roll(5)]), 1 + dice.roll(9));
    match dice.roll(4) {
        0 => entry.get(..2).unwrap().to_owned(),
        1 => entry,
        2 => format!("{entry}.{}", char::from(b"abc"[dice.roll(3)])),
        _ => format!("{entry}.{}.{}", char::from(b"abc"[dice.roll(3)]), 1 + dice.roll(3)),
    }
}

/// An export of one line; with `far`, to be used in another country, by parties in two more.
fn export(book: &Rulebook, far: bool) -> ProposedExport {
    let (end_use, consignee, end_user) = if far { ("TR", "AE", "KZ") } else { ("IN", "IN", "IN") };
    let text = format!(
        "{{export_date: \"2024-05-01\", exporter: {{name: Exporter, country: NL}}, \
         goods: [{{code: \"5A002.a.1\", quantity: 1, unit: pcs, value: \"1.00\", currency: EUR}}], \
         consignee: {{name: Consignee, country: {consignee}}}, end_user: {{name: User, country: {end_user}, type: civil}}, \
         end_use: civil, end_use_country: {end_use}, destination: {{country: IN}}}}"
    );
    let raw: RawRequest = serde_yaml::from_str(&text).unwrap();
    raw.parse(&book.vocabulary).unwrap()
}

fn ask<R>(book: &Rulebook, far: bool, work: impl FnOnce(&Question<'_>) -> R) -> R {
    let export = export(book, far);
    let (rates, recorded_at) = (ExchangeRates::default(), BTreeMap::new());
    let known = Known::Always { at: None, recorded_at: &recorded_at };
    work(&Question { book, export: &export, known, hits: &[], rates: &rates })
}

/// The rules that fire, listed.
fn all_fired(question: &Question<'_>) -> SmallVec<[RuleIx; 32]> {
    let mut found = SmallVec::new();
    fired(question, |_, rule| found.push(rule));
    found
}

/// All rules that fire for one destination.
#[divan::bench(args = SIZES)]
fn fired_for_one_destination(bencher: Bencher, size: usize) {
    ask(book(size), false, |question| bencher.bench_local(|| all_fired(black_box(question))));
}

/// All rules that fire for a destination, another place of use and parties in two more countries.
#[divan::bench(args = SIZES)]
fn fired_for_four_countries(bencher: Bencher, size: usize) {
    ask(book(size), true, |question| bencher.bench_local(|| all_fired(black_box(question))));
}

/// The whole assessment: findings with their facts, and the days on which law changes.
#[divan::bench(args = SIZES)]
fn assess_and_settle(bencher: Bencher, size: usize) {
    ask(book(size), false, |question| {
        bencher.bench_local(|| {
            settle(question.book, question.export, &Standing::default(), &assess(black_box(question)))
        });
    });
}

/// The shipped law: encryption to Russia in December 2021, with what was to come.
mod shipped {
    use super::*;

    fn shipped() -> &'static Rulebook {
        static BOOK: OnceLock<Rulebook> = OnceLock::new();
        BOOK.get_or_init(|| compile(Bundle::built_in()).rulebook.expect("the shipped rulebook compiles"))
    }

    fn raw() -> RawRequest {
        serde_yaml::from_str(include_str!("../examples/05-routers-to-russia-before-the-war.yaml")).unwrap()
    }

    fn ask<R>(work: impl FnOnce(&Question<'_>) -> R) -> R {
        let export = raw().parse(&shipped().vocabulary).unwrap();
        let (rates, recorded_at) = (ExchangeRates::default(), BTreeMap::new());
        let known = Known::Always { at: None, recorded_at: &recorded_at };
        work(&Question { book: shipped(), export: &export, known, hits: &[], rates: &rates })
    }

    #[divan::bench]
    fn parse_request(bencher: Bencher) {
        let raw = raw();
        bencher.bench_local(|| black_box(&raw).parse(&shipped().vocabulary).unwrap());
    }

    #[divan::bench]
    fn rules_fired(bencher: Bencher) {
        ask(|question| bencher.bench_local(|| all_fired(black_box(question))));
    }

    #[divan::bench]
    fn decision(bencher: Bencher) {
        ask(|question| {
            bencher.bench_local(|| {
                settle(question.book, question.export, &Standing::default(), &assess(black_box(question)))
            });
        });
    }

    #[divan::bench]
    fn canonical_bytes(bencher: Bencher) {
        ask(|question| {
            let decision = settle(question.book, question.export, &Standing::default(), &assess(question));
            bencher.bench_local(|| canonical::encode(question.book, black_box(&decision)));
        });
    }

    #[divan::bench(sample_count = 10)]
    fn compile_rulebook(bencher: Bencher) {
        bencher.with_inputs(Bundle::built_in).bench_local_values(compile);
    }
}
