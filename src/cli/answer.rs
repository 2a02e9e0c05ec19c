//! Decisions for people and for programs.

use std::fmt::Write as _;

use super::{Language, print};
use crate::proto::v1;

/// The name of an outcome without the prefix that the wire gives it.
pub fn outcome(outcome: v1::Outcome) -> &'static str {
    outcome.as_str_name().trim_start_matches("OUTCOME_")
}

fn coloured(of: v1::Outcome) -> String {
    let text = outcome(of);
    match of {
        v1::Outcome::Permitted => print::good(text),
        v1::Outcome::Prohibited | v1::Outcome::LicenceSuspended | v1::Outcome::Unspecified => {
            print::bad(text)
        }
        _ => print::wait(text),
    }
}

fn with_basis(of: v1::Outcome, basis: v1::Basis) -> String {
    match basis {
        v1::Basis::Unspecified => coloured(of),
        basis => format!("{} ({})", coloured(of), basis.as_str_name().trim_start_matches("BASIS_")),
    }
}

fn text(of: Option<&v1::Text>, language: Language) -> &str {
    match (of, language) {
        (None, _) => "",
        (Some(text), Language::En) => &text.en,
        (Some(text), Language::Nl) => &text.nl,
    }
}

/// A decision for people.
pub fn human(label: &str, decision: &v1::Decision, language: Language) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}  {}", with_basis(decision.outcome(), decision.basis()), print::bold(label));
    if decision.lines.len() > 1 {
        for line in &decision.lines {
            let _ = writeln!(
                out,
                "  line {}: {} {}",
                line.line,
                with_basis(line.outcome(), line.basis()),
                line.code
            );
        }
    }
    for finding in &decision.findings {
        of_finding(&mut out, finding, decision.lines.len() > 1, language);
    }
    for considered in &decision.considered {
        let line =
            if decision.lines.len() > 1 { format!(" for line {}", considered.line) } else { String::new() };
        let _ = writeln!(out, "  {} is not used{line}: {}", considered.what, considered.why_not);
    }
    for allocation in &decision.allocations {
        let _ = writeln!(
            out,
            "  line {} draws {} {} and {} {} on {} line {}; left: {} {}, {} {}",
            allocation.line,
            allocation.quantity,
            allocation.unit,
            allocation.value,
            allocation.currency,
            allocation.licence,
            allocation.licence_line,
            or_no_cap(&allocation.remaining_quantity),
            allocation.unit,
            or_no_cap(&allocation.remaining_value),
            allocation.currency
        );
    }
    for (line, document) in
        decision.lines.iter().flat_map(|line| line.documents.iter().map(move |document| (line, document)))
    {
        let checked = if document.confidence == "confirmed" { "" } else { " (code from memory)" };
        let _ = writeln!(
            out,
            "  line {} is declared with {} {}: {}{checked}",
            line.line,
            document.code,
            document.reference,
            text(document.text.as_ref(), language)
        );
    }
    if !decision.reserved_until.is_empty() {
        let _ = writeln!(
            out,
            "  reserved until {}: confirm the shipment, or give it back",
            decision.reserved_until
        );
    }
    for duty in &decision.duties {
        let _ = writeln!(
            out,
            "  {} {}: {}",
            label_of(language, "duty", "plicht"),
            print::bold(&duty.id),
            text(duty.text.as_ref(), language)
        );
    }
    for warning in &decision.warnings {
        let _ = writeln!(out, "  {}: {}", label_of(language, "note", "opmerking"), warning.message);
    }
    for upcoming in &decision.upcoming {
        let rules = upcoming.rules.join(", ");
        let from = label_of(language, "from", "vanaf");
        let _ = writeln!(
            out,
            "  {from} {}: {} {}",
            upcoming.date,
            coloured(upcoming.outcome()),
            print::dim(&rules)
        );
    }
    if !decision.valid_until.is_empty() {
        let _ = writeln!(
            out,
            "  {} {}",
            label_of(language, "holds until", "geldt tot en met"),
            decision.valid_until
        );
    }
    let _ = writeln!(out, "  {} {}", print::bold("→"), text(decision.next.as_ref(), language));
    let _ = writeln!(out, "  {}", print::dim(&place(decision)));
    out
}

fn or_no_cap(text: &str) -> &str {
    if text.is_empty() { "(no cap)" } else { text }
}

const fn label_of(language: Language, en: &'static str, nl: &'static str) -> &'static str {
    match language {
        Language::En => en,
        Language::Nl => nl,
    }
}

fn of_finding(out: &mut String, finding: &v1::Finding, many_lines: bool, language: Language) {
    let state = finding.state().as_str_name().trim_start_matches("FINDING_STATE_");
    let gives = match finding.outcome() {
        v1::Outcome::Unspecified => String::new(),
        of => format!(" → {}", outcome(of)),
    };
    let lines = if many_lines { format!(" (lines {})", joined(&finding.lines)) } else { String::new() };
    let title = text(finding.title.as_ref(), language);
    let _ = writeln!(
        out,
        "  {} {title}{lines}  {}",
        print::bold(&finding.rule),
        print::dim(&format!("{state}{gives}"))
    );
    if let Some(citation) = &finding.citation {
        let until = if finding.effective_until.is_empty() { "…" } else { &finding.effective_until };
        let assumed = if finding.confidence == "assumed" { ", assumed" } else { "" };
        let _ = writeln!(
            out,
            "      {}",
            print::dim(&format!("{} [{} – {until}{assumed}]", cited(citation), finding.effective_from))
        );
    }
    let _ = writeln!(out, "      {}", text(finding.message.as_ref(), language));
    if !finding.facts.is_empty() {
        let facts: Vec<String> =
            finding.facts.iter().map(|fact| format!("{} {}", fact.name, fact.value)).collect();
        let _ = writeln!(out, "      {}: {}", label_of(language, "because", "want"), facts.join("; "));
    }
    if !finding.missing.is_empty() {
        let missing = label_of(language, "missing", "ontbreekt");
        let _ = writeln!(out, "      {missing}: {}", finding.missing.join(", "));
    }
    if let Some(ground) = &finding.ground {
        let kind =
            ground.kind().as_str_name().trim_start_matches("GROUND_KIND_").to_lowercase().replace('_', " ");
        let _ = writeln!(out, "      {}: {kind} {}", label_of(language, "by", "door"), ground.id);
    }
}

fn joined(lines: &[u32]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A citation in one line.
fn cited(citation: &v1::Citation) -> String {
    let mut parts = vec![citation.act.clone()];
    if !citation.article.is_empty() {
        parts.push(format!("Art {}", citation.article));
    }
    if !citation.amended_by.is_empty() {
        parts.push(format!("as amended by {}", citation.amended_by));
    }
    let sources = [&citation.oj, &citation.bwb, &citation.stcrt, &citation.cfsp, &citation.document];
    parts.extend(sources.into_iter().filter(|source| !source.is_empty()).cloned());
    parts.join(", ")
}

/// Where the decision stands, and what decided it.
fn place(decision: &v1::Decision) -> String {
    let rulebook = decision.rulebook.as_ref();
    let digest = rulebook.map_or("", |rulebook| rulebook.digest.get(..12).unwrap_or(&rulebook.digest));
    let by = rulebook.map_or_else(String::new, |rulebook| {
        format!("rulebook {} {} {digest}", rulebook.name, rulebook.version)
    });
    match decision.sequence {
        Some(sequence) => {
            let again = if decision.answered_from_record { ", answered from the record" } else { "" };
            format!("decision {} at sequence {sequence}{again}; {by}", decision.decision_id)
        }
        None => format!("not recorded; {by}"),
    }
}
