//! The log for programs and spreadsheets: JSON lines with everything, or CSV with a row a decision.
//!
//! A body that its entry does not commit to ends it with an error; who signed the entries is for `slagboom verify` to
//! say.
//!
//! A line of JSON stands for one entry of the log:
//!
//! | field | what |
//! |---|---|
//! | `sequence` | number; place in the log, index of the leaf |
//! | `kind` | text in capitals, such as `DECISION_MADE`, `RULEBOOK_ACTIVATED`, `KEY_ROTATED` |
//! | `recorded_at` | instant, RFC 3339 in UTC, milliseconds |
//! | `caller`, `engine_version` | text |
//! | `rulebook`, `lists`, `request_digest`, `commitment`, `state`, `leaf_hash` | SHA-256 in 64 hexadecimal digits; `lists` is null where there are none |
//! | `outcome` | text such as `PROHIBITED`; null for entries that decide nothing |
//! | `erased` | true where the body was erased |
//! | `decision_id` | text; null for entries that are no decision |
//! | `decision`, `request` | the messages `Decision` and `CheckExportRequest` as proto JSON; null where there is none or it was erased |
//!
//! A cell of the CSV that begins with `=`, `+`, `-`, `@`, a tab or a carriage return has a `'` before it, so that no
//! spreadsheet takes a name from outside for a formula; programs take it off again.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use serde_json::{Value, json};

use crate::archive::Archive;
use crate::domain::outcome::Outcome;
use crate::ledger::{Body, BodyState, Digest, Entry, EntryKind, Record, leaf_hash};
use crate::proto::{self, v1};
use crate::server::grpc::{self, convert, render};
use crate::service::{DecisionId, Recorded, Snapshot};

/// The columns of the CSV; texts that several goods lines or rules share are joined by a space.
pub const COLUMNS: [&str; 22] = [
    "sequence",
    "decision_id",
    "recorded_at",
    "outcome",
    "basis",
    "export_date",
    "exporter",
    "consignee",
    "end_user",
    "end_use",
    "destination",
    "region",
    "codes",
    "goods_lines",
    "rules",
    "duties",
    "valid_until",
    "request_id",
    "document_reference",
    "caller",
    "rulebook",
    "leaf_hash",
];

/// An entry with what its body says.
struct Told {
    entry: Entry,
    leaf: Digest,
    erased: bool,
    decision: Option<(v1::Decision, v1::CheckExportRequest)>,
}

/// Writes JSON lines; gives how many.
pub fn jsonl(
    archive: &Archive,
    mut out: impl Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, anyhow::Error> {
    each(archive, |told| {
        progress(told.entry.sequence);
        serde_json::to_writer(&mut out, &line(told)?)?;
        out.write_all(b"\n")?;
        Ok(())
    })
}

/// Writes a table with a row for each decision; gives how many entries were read.
pub fn csv(archive: &Archive, out: impl Write, mut progress: impl FnMut(u64)) -> Result<u64, anyhow::Error> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    let read = each(archive, |told| {
        progress(told.entry.sequence);
        if told.entry.kind == EntryKind::DecisionMade {
            table.write_record(row(told).iter().map(|cell| plain(cell)))?;
        }
        Ok(())
    })?;
    table.flush()?;
    Ok(read)
}

/// Every entry in order; each decision under the rulebook that stood last before it.
fn each(
    archive: &Archive,
    mut tell: impl FnMut(&Told) -> Result<(), anyhow::Error>,
) -> Result<u64, anyhow::Error> {
    let mut blocks = archive.blocks(0)?;
    let mut in_force: Option<Arc<Snapshot>> = None;
    let mut read = 0;
    while let Some(block) = blocks.next_block()? {
        for (sequence, record) in (block.first()..).zip(block.records()) {
            let told = of(&record, &mut in_force).with_context(|| format!("record {sequence}"))?;
            tell(&told)?;
            read += 1;
        }
    }
    match blocks.end() {
        Some(crate::archive::BlockEnd::Damaged { first_bad, why }) => {
            Err(anyhow!("the log is damaged from sequence {first_bad} on: {why}; see `slagboom verify`"))
        }
        _ => Ok(read),
    }
}

fn of(record: &Record<'_>, in_force: &mut Option<Arc<Snapshot>>) -> Result<Told, anyhow::Error> {
    let entry = Entry::decode(record.entry)?;
    let leaf = leaf_hash(record.entry);
    let body = match record.body.proved(&entry)? {
        BodyState::Kept { body, .. } => Some(Body::decode(body)?),
        BodyState::Erased => None,
        BodyState::NotGiven => {
            return Err(anyhow!("this export was made without bodies, so there is nothing to tell"));
        }
        BodyState::Lost => return Err(anyhow!("its body is lost")),
    };
    let erased = body.is_none();
    let decision = match (entry.kind, body) {
        (EntryKind::RulebookActivated, Some(body)) => {
            *in_force = Some(Arc::new(Snapshot::of_activation(&body)?));
            None
        }
        (EntryKind::DecisionMade, Some(body)) => Some(decided(&entry, body, in_force.as_ref())?),
        _ => None,
    };
    Ok(Told { entry, leaf, erased, decision })
}

fn decided(
    entry: &Entry,
    body: Body,
    in_force: Option<&Arc<Snapshot>>,
) -> Result<(v1::Decision, v1::CheckExportRequest), anyhow::Error> {
    let snapshot = in_force.filter(|snapshot| snapshot.digest == entry.rulebook);
    let snapshot = snapshot.ok_or_else(|| anyhow!("its rulebook does not stand in the log before it"))?;
    let request = prost::Message::decode(&*body.request)?;
    let recorded = Recorded::read(entry.clone(), body, Arc::clone(snapshot), grpc::read_request)?;
    Ok((render::decision(&*recorded.into_answer(false, None)?), request))
}

fn line(told: &Told) -> Result<Value, anyhow::Error> {
    let Told { entry, leaf, erased, decision } = told;
    let is_decision = entry.kind == EntryKind::DecisionMade;
    let id = is_decision.then(|| DecisionId::of(entry.sequence, entry.time_ms).to_string());
    let (decision, request) = match decision {
        Some((decision, request)) => (
            proto::json(decision, "slagboom.v1.Decision")?,
            proto::json(request, "slagboom.v1.CheckExportRequest")?,
        ),
        None => (Value::Null, Value::Null),
    };
    Ok(json!({
        "sequence": entry.sequence,
        "kind": kind(entry.kind),
        "recorded_at": recorded_at(entry),
        "caller": entry.caller,
        "engine_version": entry.engine_version,
        "rulebook": entry.rulebook.to_string(),
        "lists": (entry.lists != Digest::ZERO).then(|| entry.lists.to_string()),
        "request_digest": entry.request.to_string(),
        "commitment": entry.commitment.to_string(),
        "state": entry.state.to_string(),
        "leaf_hash": leaf.to_string(),
        "outcome": Outcome::from_code(entry.outcome).filter(|_| is_decision).map(Outcome::as_str),
        "erased": erased,
        "decision_id": id,
        "decision": decision,
        "request": request,
    }))
}

fn row(told: &Told) -> Vec<String> {
    let entry = &told.entry;
    let (decision, request) = told.decision.clone().unwrap_or_default();
    let outcome = Outcome::from_code(entry.outcome).map(Outcome::as_str).unwrap_or_default();
    let basis = decision.basis().as_str_name().trim_start_matches("BASIS_").replace("UNSPECIFIED", "");
    let erased = |text: String| if told.erased { "(erased)".to_owned() } else { text };
    let joined = |parts: Vec<String>| parts.join(" ");
    let destination = request.destination.unwrap_or_default();
    vec![
        entry.sequence.to_string(),
        DecisionId::of(entry.sequence, entry.time_ms).to_string(),
        recorded_at(entry),
        outcome.to_owned(),
        basis,
        decision.export_date,
        erased(request.exporter.map(|party| party.name).unwrap_or_default()),
        erased(request.consignee.map(|party| party.name).unwrap_or_default()),
        erased(request.end_user.map(|party| party.name).unwrap_or_default()),
        request.end_use,
        destination.country,
        destination.region,
        joined(decision.lines.iter().map(|line| line.code.clone()).collect()),
        decision.lines.len().to_string(),
        joined(decision.findings.iter().map(|finding| finding.rule.clone()).collect()),
        joined(decision.duties.iter().map(|duty| duty.id.clone()).collect()),
        decision.valid_until,
        decision.request_id,
        decision.document_reference,
        entry.caller.clone(),
        entry.rulebook.to_string(),
        told.leaf.to_string(),
    ]
}

/// A cell that no spreadsheet takes for a formula: names come from outside.
fn plain(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() }
}

fn recorded_at(entry: &Entry) -> String {
    let at = convert::instant(&convert::timestamp(entry.time_ms));
    at.map_or_else(|| entry.time_ms.to_string(), |at| at.to_string())
}

/// The name of a kind in capitals.
fn kind(kind: EntryKind) -> String {
    let mut name = String::new();
    for (at, letter) in format!("{kind:?}").char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_in_capitals_and_no_cell_is_a_formula() {
        assert_eq!(kind(EntryKind::DecisionMade), "DECISION_MADE");
        assert_eq!(kind(EntryKind::KeyRotated), "KEY_ROTATED");
        assert_eq!(plain("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(plain("Voorbeeld BV"), "Voorbeeld BV");
    }
}
