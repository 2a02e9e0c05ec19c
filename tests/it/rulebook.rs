//! Rulebooks that do not hold: what is said, and where.

use std::fmt::Write as _;

use slagboom::rulebook::{Bundle, Severity, compile};

const RULE: &str = r#"act: A
rules:
  - id: R1
    version: 1
    title: {en: t, nl: t}
    citation: {act: A, celex: "1"}
    effective: {from: "2022-02-26"}
    recorded_at: "2022-02-25T00:00:00+01:00"
    confidence: confirmed
    scope:
      - destination: {countries: [RU]}
        goods: {lists: [ANNEX-I]}
    effects: [{effect: prohibit}]
    message: {en: m, nl: m}
"#;
const CASES: &str =
    "cases: [{id: c, title: t, request: {}, expect: {outcome: INVALID_REQUEST, rules: [R1]}}]\n";

fn bundle(act: &str) -> Bundle {
    Bundle::of([
        ("rulebook.yaml", include_str!("oracle/rulebook.yaml")),
        ("groups.yaml", include_str!("oracle/groups.yaml")),
        ("regions.yaml", include_str!("oracle/regions.yaml")),
        ("lists/lists.yaml", include_str!("oracle/lists.yaml")),
        ("acts/a.yaml", act),
        ("acts/a_test.yaml", CASES),
    ])
}

/// Compiles the act with one text replaced by another, and shows what is said of it.
fn check(from: &str, to: &str) -> Vec<String> {
    assert!(RULE.contains(from), "{from:?} is not in the rule");
    said(bundle(&RULE.replacen(from, to, 1)))
}

fn said(bundle: Bundle) -> Vec<String> {
    let compiled = compile(bundle);
    let has_errors = compiled.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    // INVARIANT (last_good_rulebook): what has an error is no rulebook.
    assert_eq!(compiled.rulebook.is_none(), has_errors);
    compiled.diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn a_sound_rulebook_says_nothing() {
    assert_eq!(said(bundle(RULE)), Vec::<String>::new());
}

#[test]
fn a_typo_in_a_field_name_is_an_error_at_its_place() {
    insta::assert_snapshot!(check("        goods:", "        godos:").join("\n"));
}

#[test]
fn a_duplicate_key_is_an_error() {
    insta::assert_snapshot!(
        check("    confidence: confirmed\n", "    confidence: confirmed\n    confidence: assumed\n")
            .join("\n")
    );
}

#[test]
fn a_duplicate_rule_version_is_an_error() {
    let twice = format!("{RULE}{}", RULE.replace("act: A\nrules:\n", ""));
    insta::assert_snapshot!(said(bundle(&twice)).join("\n"));
}

#[test]
fn overlapping_versions_are_an_error_unless_one_supersedes() {
    let second = RULE.replace("act: A\nrules:\n", "").replace("version: 1", "version: 2");
    insta::assert_snapshot!(said(bundle(&format!("{RULE}{second}"))).join("\n"));
    let superseding = second.replace("version: 2\n", "version: 2\n    supersedes: 1\n");
    assert_eq!(said(bundle(&format!("{RULE}{superseding}"))), Vec::<String>::new());
    let ended = RULE.replace(
        "    confidence",
        "    ended: {until: \"2022-07-21\", recorded_at: \"2022-07-21T00:00:00+02:00\"}\n    confidence",
    );
    let next = second.replace("from: \"2022-02-26\"", "from: \"2022-07-22\"");
    assert_eq!(said(bundle(&format!("{ended}{next}"))), Vec::<String>::new());
}

#[test]
fn unknown_names_are_errors_with_a_suggestion() {
    insta::assert_snapshot!(
        [
            check("[RU]", "[RUS]"),
            check("countries: [RU]", "regions: [UA-4]"),
            check("countries: [RU]", "groups: [UNIO]"),
            check("[ANNEX-I]", "[ANNEX-1]"),
            check("effect: prohibit", "effect: forbid"),
            check("goods: {lists: [ANNEX-I]}", "goods: {codes: [\"5AOO2\"]}"),
            check("goods: {lists: [ANNEX-I]}", "end_use: [civilian]"),
        ]
        .concat()
        .join("\n")
    );
}

#[test]
fn dates_are_days_in_order() {
    insta::assert_snapshot!(
        [
            check("\"2022-02-26\"", "\"2022-02-26T00:00\""),
            check("\"2022-02-26\"", "\"2022-02-30\""),
            check("{from: \"2022-02-26\"}", "{from: \"2022-02-26\", until: \"2022-02-25\"}"),
            check("2022-02-25T00:00:00+01:00", "yesterday"),
        ]
        .concat()
        .join("\n")
    );
}

#[test]
fn a_rule_stands_on_a_citation_and_a_case() {
    insta::assert_snapshot!(
        [
            check(", celex: \"1\"", ""),
            check("id: R1", "id: R2"),
            check("{en: m, nl: m}", "{en: m, nl: \"\"}")
        ]
        .concat()
        .join("\n")
    );
}

#[test]
fn a_permission_without_a_condition_is_an_error() {
    insta::assert_snapshot!(
        [
            check("effect: prohibit", "effect: permit"),
            check("    message:", "    exemptions: [{id: always, when: {}}]\n    message:"),
        ]
        .concat()
        .join("\n")
    );
}

/// An alias bomb: nine levels of nine aliases are 9^9 nodes; the budget stops it at once.
#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = "act: A\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![before; 9].join(", ")).unwrap();
    }
    bomb += "rules: []\n";
    let said = said(bundle(&bomb));
    assert!(said.iter().any(|line| line.starts_with("acts/a.yaml:")), "{said:?}");
}

#[test]
fn an_unquoted_code_is_read_as_written_and_warned_of() {
    insta::assert_snapshot!(check("goods: {lists: [ANNEX-I]}", "goods: {codes: [5E002]}").join("\n"));
}

#[test]
fn a_missing_or_stray_file_is_named() {
    let no_groups = Bundle::of([("rulebook.yaml", include_str!("oracle/rulebook.yaml"))]);
    insta::assert_snapshot!(
        [said(no_groups), said(bundle(RULE).with("notes.yaml", "x: 1\n"))].concat().join("\n")
    );
}
