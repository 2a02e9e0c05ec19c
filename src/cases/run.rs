//! Running cases and comparing what came out with what must.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::given::parse_given;
use crate::domain::outcome::Outcome;
use crate::engine::Decision;
use crate::rulebook::case::{CaseDoc, CaseFile};
use crate::rulebook::{Diagnostic, Rulebook, read_cases};

/// The outcome that a malformed request has in case files; to a caller it is an error.
const INVALID_REQUEST: &str = "INVALID_REQUEST";

/// One field of one case that came out otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CaseMismatch {
    /// File of the case.
    pub file: String,
    /// Id of the case.
    pub id: String,
    /// Title of the case.
    pub title: String,
    /// Field of `expect`, such as `outcome` or `lines[2]`.
    pub field: String,
    /// What must come out.
    pub expected: String,
    /// What came out.
    pub got: String,
}

/// What came of running cases.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CaseReport {
    /// Cases run.
    pub total: usize,
    /// Cases without a mismatch.
    pub passed: usize,
    /// Everything that came out otherwise.
    pub failed: Vec<CaseMismatch>,
}

impl CaseReport {
    /// Takes another report in.
    pub fn add(&mut self, other: Self) {
        self.total += other.total;
        self.passed += other.passed;
        self.failed.extend(other.failed);
    }
}

/// Reads and runs one file of cases.
///
/// # Errors
/// What is wrong with the file.
pub fn run_file(book: &Rulebook, file: &str, text: &str) -> Result<CaseReport, Vec<Diagnostic>> {
    read_cases(file, text).map(|cases| run_cases(book, file, &cases))
}

/// Runs the cases that a rulebook carries.
#[must_use]
pub fn run_bundle_cases(book: &Rulebook) -> CaseReport {
    let mut report = CaseReport::default();
    for (file, text) in book.bundle.files().filter(|(file, _)| file.ends_with("_test.yaml")) {
        // A file that does not read has kept the rulebook from compiling already.
        if let Ok(of_file) = run_file(book, file, text) {
            report.add(of_file);
        }
    }
    report
}

fn run_cases(book: &Rulebook, file: &str, cases: &CaseFile) -> CaseReport {
    let mut report = CaseReport { total: cases.cases.len(), ..CaseReport::default() };
    for case in &cases.cases {
        let mismatches = run_case(book, case);
        report.passed += usize::from(mismatches.is_empty());
        report.failed.extend(mismatches.into_iter().map(|(field, expected, got)| CaseMismatch {
            file: file.to_owned(),
            id: case.id.clone(),
            title: case.title.clone(),
            field,
            expected,
            got,
        }));
    }
    report
}

/// Runs one case: each mismatch as field, expected and got.
#[must_use]
pub fn run_case(book: &Rulebook, case: &CaseDoc) -> Vec<(String, String, String)> {
    let mut mismatches = Mismatches(Vec::new());
    let export = case.request.parse(&book.vocabulary);
    let given = parse_given(&case.given);
    let (export, given) = match (export, given) {
        (Ok(export), Ok(given)) => (export, given),
        (Err(violations), _) => {
            if case.expect.outcome != INVALID_REQUEST {
                let fields: Vec<String> =
                    violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
                mismatches.add(
                    "outcome",
                    &case.expect.outcome,
                    &format!("{INVALID_REQUEST} ({})", fields.join("; ")),
                );
            }
            return mismatches.0;
        }
        (_, Err(violations)) => {
            for violation in violations {
                mismatches.add(&violation.field, "a value that can be", &violation.description);
            }
            return mismatches.0;
        }
    };
    // A list that no rule knows can fire nothing, and the case would show a permission that means nothing.
    for (at, listed) in given.listed_parties.iter().enumerate() {
        if book.party_list(&listed.list).is_none() {
            let field = format!("given.listed_parties[{at}].list");
            mismatches.add(&field, "a party list of the rulebook", &listed.list);
        }
    }
    let decision = given.decide(book, &export, given.known(&export));
    compare(book, case, &decision, &mut mismatches);
    mismatches.0
}

struct Mismatches(Vec<(String, String, String)>);

impl Mismatches {
    fn add(&mut self, field: &str, expected: &str, got: &str) {
        self.0.push((field.to_owned(), expected.to_owned(), got.to_owned()));
    }
}

fn compare(book: &Rulebook, case: &CaseDoc, decision: &Decision, mismatches: &mut Mismatches) {
    let expect = &case.expect;
    if expect.outcome != decision.outcome.as_str() {
        mismatches.add("outcome", &expect.outcome, decision.outcome.as_str());
    }
    let basis = decision.basis.map_or("none", |basis| basis.as_str());
    if let Some(expected) = expect.basis.as_deref().filter(|expected| *expected != basis) {
        mismatches.add("basis", expected, basis);
    }
    let findings = || decision.lines.iter().flat_map(|line| &line.findings);
    let found: BTreeSet<&str> = findings().map(|finding| finding.finder.id(book)).collect();
    let list = |ids: &BTreeSet<&str>| ids.iter().copied().collect::<Vec<_>>().join(", ");
    for (field, ids) in [("rules", &expect.rules), ("other_findings", &expect.other_findings)] {
        for id in ids.iter().filter(|id| !found.contains(id.as_str())) {
            mismatches.add(field, id, &list(&found));
        }
    }
    for (line, expected) in &expect.lines {
        let got = decision
            .lines
            .iter()
            .find(|decided| decided.line == *line)
            .map_or("no such line", |line| line.outcome.as_str());
        if expected != got {
            mismatches.add(&format!("lines[{line}]"), expected, got);
        }
    }
    let duties: BTreeSet<&str> =
        decision.duties.iter().map(|duty| book.vocabulary.duties.id(*duty)).collect();
    for duty in expect.duties.iter().filter(|duty| !duties.contains(duty.as_str())) {
        mismatches.add("duties", duty, &list(&duties));
    }
    if let Some(expected) = &expect.remaining_value {
        let remaining: Option<Decimal> = decision
            .lines
            .iter()
            .rev()
            .flat_map(|line| &line.allocations)
            .find_map(|allocation| allocation.remaining_value);
        let is_equal = remaining.is_some() && remaining == expected.parse().ok();
        if !is_equal {
            let got = remaining.map_or_else(|| "none".to_owned(), |remaining| remaining.to_string());
            mismatches.add("remaining_value", expected, &got);
        }
    }
    if Outcome::parse(&expect.outcome).is_none() && expect.outcome != INVALID_REQUEST {
        mismatches.add("outcome", "a known outcome", &expect.outcome);
    }
}
