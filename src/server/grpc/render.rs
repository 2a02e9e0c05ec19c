//! Decisions as the wire tells them: one renderer for new answers, retries and the log.
//!
//! A record holds the decision in canonical form, without texts. Texts, titles and citations come from the rulebook that
//! decided, so an answer reads the same years later.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::convert;
use crate::{
    domain::{
        code::Classification,
        outcome::{Authorisation, Basis, Effect, Outcome},
    },
    engine::{Allocation, Finder, Finding, Ground, LineDecision},
    ledger::Entry,
    proto::v1,
    rulebook::{
        Rulebook,
        document::{CitationDoc, TextDoc},
        model::PaperUse,
    },
    service::{Answer, DecisionId, Receipt, advice},
};

/// The answer as a message.
#[must_use]
pub fn decision(answer: &Answer) -> v1::Decision {
    let Answer { decision, export, snapshot, .. } = answer;
    let book = &snapshot.rulebook;
    let recorded = answer.sequence.map(|sequence| DecisionId::of(sequence, answer.time_ms).to_string());
    v1::Decision {
        decision_id: recorded.unwrap_or_default(),
        sequence: answer.sequence,
        recorded_at: Some(convert::timestamp(answer.time_ms)),
        request_id: text_of(export.request_id.as_deref()),
        document_reference: text_of(export.document_reference.as_deref()),
        caller: answer.caller.to_string(),
        supersedes: text_of(export.supersedes.as_deref()),
        dry_run: answer.sequence.is_none(),
        answered_from_record: answer.from_record,
        outcome: convert::outcome(decision.outcome).into(),
        basis: convert::basis(decision.basis).into(),
        export_date: export.export_date.to_string(),
        valid_until: date_of(decision.valid_until),
        lines: decision
            .lines
            .iter()
            .map(|line| {
                let goods = export.goods.iter().find(|goods| goods.line == line.line);
                self::line(line, goods.map(|goods| &goods.classification), book)
            })
            .collect(),
        findings: findings(&decision.lines, book),
        considered: decision.lines.iter().flat_map(considered).collect(),
        duties: decision
            .duties
            .iter()
            .filter_map(|duty| book.vocabulary.duties.entry(*duty))
            .map(|duty| v1::Duty {
                id: duty.id.to_string(),
                text: Some(v1::Text { en: duty.title_en.to_string(), nl: duty.title_nl.to_string() }),
            })
            .collect(),
        reserved_until: decision.effects.reserved_until.map(|until| until.to_string()).unwrap_or_default(),
        allocations: decision
            .lines
            .iter()
            .flat_map(|line| line.allocations.iter().map(|part| allocation(line.line, part)))
            .collect(),
        warnings: decision
            .lines
            .iter()
            .flat_map(|line| {
                line.warnings.iter().map(|text| v1::Warning { line: line.line, message: text.to_string() })
            })
            .collect(),
        next: Some(next(decision.outcome)),
        upcoming: decision
            .upcoming
            .iter()
            .map(|change| v1::UpcomingChange {
                date: change.date.to_string(),
                outcome: convert::outcome(change.outcome).into(),
                rules: change.rules.iter().map(|finder| finder.id(book).to_owned()).collect(),
            })
            .collect(),
        rulebook: Some(v1::RulebookReference {
            name: book.name.to_string(),
            version: book.version.to_string(),
            digest: snapshot.digest.to_string(),
        }),
        engine_version: answer.engine_version.to_string(),
        receipt: answer.receipt.as_deref().map(receipt),
    }
}

/// A receipt as a message.
#[must_use]
pub fn receipt(receipt: &Receipt) -> v1::Receipt {
    v1::Receipt {
        leaf_hash: receipt.leaf.as_bytes().to_vec(),
        proof: receipt.proof.clone().unwrap_or_default(),
    }
}

/// What an entry alone says of a decision whose body was erased.
#[must_use]
pub fn erased(entry: &Entry) -> v1::Decision {
    let outcome = Outcome::from_code(entry.outcome).map_or(v1::Outcome::Unspecified, convert::outcome);
    v1::Decision {
        decision_id: DecisionId::of(entry.sequence, entry.time_ms).to_string(),
        sequence: Some(entry.sequence),
        recorded_at: Some(convert::timestamp(entry.time_ms)),
        caller: entry.caller.clone(),
        outcome: outcome.into(),
        rulebook: Some(v1::RulebookReference {
            digest: entry.rulebook.to_string(),
            ..v1::RulebookReference::default()
        }),
        engine_version: entry.engine_version.clone(),
        ..v1::Decision::default()
    }
}

/// What the customs declaration names for a permitted line: the licences and general authorisations that answer its
/// duties, or that the goods are on no list.
fn documents(
    line: &LineDecision,
    classification: Option<&Classification>,
    book: &Rulebook,
) -> Vec<v1::DeclarationDocument> {
    let mut documents: Vec<v1::DeclarationDocument> = Vec::new();
    if line.outcome != Outcome::Permitted {
        return documents;
    }
    let mut name = |used_for: PaperUse, reference: &str| {
        for code in book.papers.codes.iter().filter(|code| code.used_for == used_for) {
            let document = v1::DeclarationDocument {
                code: code.code.to_string(),
                reference: reference.to_owned(),
                text: Some(both(&code.title)),
                confidence: if code.confirmed { "confirmed" } else { "assumed" }.to_owned(),
            };
            if !documents.contains(&document) {
                documents.push(document);
            }
        }
    };
    for finding in &line.findings {
        match (&finding.ground, finding.effect) {
            (Some(Ground::Licence(numbers)), Effect::RequireLicence(authorisation)) => {
                // A line that is split has the numbers of all its licences.
                let answers = |allocation: &&Allocation| {
                    allocation.licence == *numbers
                        || numbers.split(", ").any(|number| *number == *allocation.licence)
                };
                for allocation in line.allocations.iter().filter(answers) {
                    name(PaperUse::Licence(authorisation), &allocation.licence);
                }
            }
            (Some(Ground::Licence(number)), Effect::Prohibit) => {
                name(PaperUse::Licence(Authorisation::Sanctions), number);
            }
            (Some(Ground::GeneralAuthorisation(id)), _) => name(PaperUse::GeneralAuthorisation, id),
            _ => {}
        }
    }
    if line.basis == Some(Basis::NotControlled) && matches!(classification, Some(Classification::NotListed)) {
        name(PaperUse::NotListed, "");
    }
    documents
}

fn line(line: &LineDecision, classification: Option<&Classification>, book: &Rulebook) -> v1::LineDecision {
    v1::LineDecision {
        line: line.line,
        outcome: convert::outcome(line.outcome).into(),
        basis: convert::basis(line.basis).into(),
        next: Some(next(line.outcome)),
        code: match classification {
            Some(Classification::Code(code)) => code.as_str().to_owned(),
            Some(Classification::Foreign(code)) => code.to_string(),
            Some(Classification::NotListed) => "NOT_LISTED".to_owned(),
            Some(Classification::Unclassified) | None => String::new(),
        },
        documents: documents(line, classification, book),
    }
}

/// Findings of all lines, those that say the same together, worst first.
fn findings(lines: &[LineDecision], book: &Rulebook) -> Vec<v1::Finding> {
    let mut groups: BTreeMap<Finder, Vec<(&Finding, Vec<u32>)>> = BTreeMap::new();
    for line in lines {
        for finding in &line.findings {
            let group = groups.entry(finding.finder).or_default();
            match group.iter_mut().find(|(same, _)| *same == finding) {
                Some((_, lines)) => lines.push(line.line),
                None => group.push((finding, vec![line.line])),
            }
        }
    }
    let mut sorted: Vec<(&Finding, Vec<u32>)> = groups.into_values().flatten().collect();
    // Stable: among equals the order of the rulebook holds.
    sorted.sort_by_key(|(finding, _)| (std::cmp::Reverse(finding.outcome), finding.state));
    sorted.into_iter().map(|(finding, lines)| self::finding(finding, lines, book)).collect()
}

fn finding(finding: &Finding, mut lines: Vec<u32>, book: &Rulebook) -> v1::Finding {
    lines.sort_unstable();
    let told = Told::by(finding.finder, book);
    v1::Finding {
        rule: told.id.to_owned(),
        rule_version: told.version,
        title: Some(told.title),
        citation: told.citation,
        effective_from: date_of(told.effective.0),
        effective_until: date_of(told.effective.1),
        confidence: told.confidence.to_owned(),
        state: convert::finding_state(finding.state).into(),
        effect: convert::effect(finding.effect).into(),
        outcome: finding.outcome.map_or(v1::Outcome::Unspecified, convert::outcome).into(),
        lines,
        facts: finding
            .facts
            .iter()
            .map(|fact| v1::Fact { name: fact.field.to_owned(), value: fact.value.to_string() })
            .collect(),
        missing: finding.missing.fields().map(str::to_owned).collect(),
        ground: finding.ground.as_ref().map(ground),
        message: Some(told.message),
        duties: finding.duties.iter().map(|duty| book.vocabulary.duties.id(*duty).to_owned()).collect(),
    }
}

/// What is told of a rule or of the engine's own finding.
struct Told<'a> {
    id: &'a str,
    version: u32,
    title: v1::Text,
    message: v1::Text,
    citation: Option<v1::Citation>,
    effective: (Option<Date>, Option<Date>),
    confidence: &'static str,
}

impl<'a> Told<'a> {
    fn by(finder: Finder, book: &'a Rulebook) -> Self {
        let text = |(en, nl): (&str, &str)| v1::Text { en: en.to_owned(), nl: nl.to_owned() };
        match finder {
            Finder::Engine(own) => Told {
                id: own.id(),
                version: 0,
                title: text(own.title()),
                message: text(own.message()),
                citation: None,
                effective: (None, None),
                confidence: "confirmed",
            },
            Finder::Rule(ix) => match book.rule(ix) {
                Some(rule) => Told {
                    id: &rule.id,
                    version: rule.version,
                    title: both(&rule.title),
                    message: both(&rule.message),
                    citation: Some(citation(&rule.citation)),
                    effective: (rule.effective.from, rule.effective.until),
                    confidence: if rule.confirmed { "confirmed" } else { "assumed" },
                },
                // A decision names rules of its own rulebook only; a record that does not was refused when it was read.
                None => Told {
                    id: "",
                    version: 0,
                    title: v1::Text::default(),
                    message: v1::Text::default(),
                    citation: None,
                    effective: (None, None),
                    confidence: "assumed",
                },
            },
        }
    }
}

fn ground(ground: &Ground) -> v1::Ground {
    let (kind, id) = match ground {
        Ground::Exemption(id) => (v1::GroundKind::Exemption, id),
        Ground::WindDown(id) => (v1::GroundKind::WindDown, id),
        Ground::Derogation(id) => (v1::GroundKind::Derogation, id),
        Ground::Licence(id) => (v1::GroundKind::Licence, id),
        Ground::GeneralAuthorisation(id) => (v1::GroundKind::GeneralAuthorisation, id),
        Ground::Clearance(id) => (v1::GroundKind::Clearance, id),
    };
    v1::Ground { kind: kind.into(), id: id.to_string() }
}

fn considered(line: &LineDecision) -> impl Iterator<Item = v1::Considered> {
    line.considered.iter().map(|considered| v1::Considered {
        line: line.line,
        what: considered.what.to_string(),
        why_not: considered.why_not.to_string(),
    })
}

fn allocation(line: u32, part: &Allocation) -> v1::Allocation {
    v1::Allocation {
        line,
        licence: part.licence.to_string(),
        licence_line: part.licence_line,
        quantity: part.quantity.to_string(),
        unit: part.unit.to_string(),
        value: part.value.to_string(),
        currency: part.currency.to_string(),
        remaining_quantity: part.remaining_quantity.map(|left| left.to_string()).unwrap_or_default(),
        remaining_value: part.remaining_value.map(|left| left.to_string()).unwrap_or_default(),
        exchange_rate: part.rate.map(|rate| rate.to_string()).unwrap_or_default(),
    }
}

fn citation(citation: &CitationDoc) -> v1::Citation {
    v1::Citation {
        act: citation.act.clone(),
        article: text_of(citation.article.as_deref()),
        amended_by: text_of(citation.amended_by.as_deref()),
        celex: text_of(citation.celex.as_deref()),
        bwb: text_of(citation.bwb.as_deref()),
        stcrt: text_of(citation.stcrt.as_deref()),
        cfsp: text_of(citation.cfsp.as_deref()),
        document: text_of(citation.document.as_deref()),
        oj: text_of(citation.oj.as_deref()),
        url: text_of(citation.url.as_deref()),
    }
}

fn next(outcome: Outcome) -> v1::Text {
    let advice = advice(outcome);
    v1::Text { en: advice.en.to_owned(), nl: advice.nl.to_owned() }
}

fn both(text: &TextDoc) -> v1::Text {
    v1::Text { en: text.en.clone(), nl: text.nl.clone() }
}

fn text_of(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn date_of(date: Option<Date>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}
