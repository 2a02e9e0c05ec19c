//! The evidence of one decision: files that prove it to somebody who has nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use prost::Message;
use tracing::error;

use super::{convert, render};
use crate::{
    domain::{identity::Identity, request::RawRequest, vocabulary::ListId},
    engine::Finder,
    ledger::request_digest,
    proto::{self, v1},
    rulebook::{Rule, Rulebook, document::CitationDoc},
    service::{Evidence, Recorded, Refusal, Service},
    store::KeptBody,
    telemetry::field,
};

/// A file of the evidence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EvidenceFile {
    /// Its path within the package.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Everything that proves this decision, the README first. Reads the disk.
///
/// # Errors
/// As [`Service::evidence`].
pub fn evidence(service: &Service, reader: &Identity, id: &str) -> Result<Vec<EvidenceFile>, Refusal> {
    let Evidence { recorded, entry_bytes, kept, receipt } = service.evidence(reader, id)?;
    let sequence = recorded.entry.sequence;
    let request = v1::CheckExportRequest::decode(&*recorded.request_bytes)
        .map_err(|_| Refusal::RecordDamaged { sequence })?;
    let snapshot = recorded.snapshot.clone();
    let (rules, again) = (rules(&recorded), again(&recorded)?);
    let readme_facts = Facts::of(&recorded, &kept, service);
    let answer = recorded.into_answer(false, None)?;
    let decision = render::decision(&answer);
    let mut files = vec![
        file("README.md", readme(&readme_facts).into_bytes()),
        file("decision.json", json(&decision, "slagboom.v1.Decision")?),
        file("request.json", json(&request, "slagboom.v1.CheckExportRequest")?),
        file("request.yaml", again),
        file("rules.md", rules.into_bytes()),
        file("receipt.tlog-proof", receipt.proof.unwrap_or_default().into_bytes()),
        file("log.vkeys", lines(&service.verifier_keys()).into_bytes()),
        file("record/entry.bin", entry_bytes),
        file("record/salt.bin", kept.salt.to_vec()),
        file("record/body.bin", kept.bytes),
    ];
    let texts = snapshot.rulebook.bundle.files();
    files.extend(texts.map(|(path, text)| file(format!("rulebook/{path}"), text.as_bytes().to_vec())));
    Ok(files)
}

fn file(path: impl Into<String>, content: Vec<u8>) -> EvidenceFile {
    EvidenceFile { path: path.into(), content }
}

fn lines(texts: &[String]) -> String {
    texts.iter().flat_map(|text| [text.as_str(), "\n"]).collect()
}

fn json(message: &impl Message, name: &str) -> Result<Vec<u8>, Refusal> {
    let value = proto::json(message, name).and_then(|value| Ok(serde_json::to_vec_pretty(&value)?));
    value.map_err(|fault| {
        error!({ field::ERROR } = %fault, "a message has no JSON");
        Refusal::Internal
    })
}

/// The question in the shape of a case, to be decided again as the law was known when it was asked.
fn again(recorded: &Recorded) -> Result<Vec<u8>, Refusal> {
    let known_at = convert::instant(&convert::timestamp(recorded.entry.time_ms)).map(|at| at.to_string());
    let request = RawRequest { request_id: None, dry_run: true, known_at, ..recorded.request.clone() };
    let told = serde_yaml::to_value(&request).map(without_nulls);
    let text = told.and_then(|value| serde_yaml::to_string(&value));
    text.map(String::into_bytes).map_err(|fault| {
        error!({ field::ERROR } = %fault, "a request has no YAML");
        Refusal::Internal
    })
}

fn without_nulls(value: serde_yaml::Value) -> serde_yaml::Value {
    match value {
        serde_yaml::Value::Mapping(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            serde_yaml::Value::Mapping(kept.map(|(key, value)| (key, without_nulls(value))).collect())
        }
        serde_yaml::Value::Sequence(items) => {
            serde_yaml::Value::Sequence(items.into_iter().map(without_nulls).collect())
        }
        other => other,
    }
}

/// What the README says of the decision.
struct Facts {
    id: String,
    sequence: u64,
    outcome: &'static str,
    recorded_at: String,
    export_date: String,
    caller: String,
    commitment: String,
    request: String,
    request_length: usize,
    /// The part of a command that reads the salt; empty where it is no part of the digest.
    request_salt: &'static str,
    rulebook: String,
    digest: String,
    engine: String,
    key: String,
}

impl Facts {
    fn of(recorded: &Recorded, kept: &KeptBody, service: &Service) -> Facts {
        let entry = &recorded.entry;
        let book = &recorded.snapshot.rulebook;
        let at = convert::instant(&convert::timestamp(entry.time_ms));
        Facts {
            id: recorded.id().to_string(),
            sequence: entry.sequence,
            outcome: recorded.decision.outcome.as_str(),
            recorded_at: at.map_or_else(String::new, |at| at.to_string()),
            export_date: recorded.request.export_date.clone(),
            caller: entry.caller.clone(),
            commitment: entry.commitment.to_string(),
            request: entry.request.to_string(),
            request_length: recorded.request_bytes.len(),
            request_salt: if entry.request == request_digest(&kept.salt, &recorded.request_bytes) {
                "cat record/salt.bin; "
            } else {
                // The oldest entries have the digest of the request alone.
                ""
            },
            rulebook: format!("{} {}", book.name, book.version),
            digest: entry.rulebook.to_string(),
            engine: entry.engine_version.clone(),
            key: service.verifier_keys().pop().unwrap_or_default(),
        }
    }
}

fn readme(facts: &Facts) -> String {
    let Facts {
        id,
        sequence,
        outcome,
        recorded_at,
        export_date,
        caller,
        commitment,
        request,
        request_length,
        request_salt,
        rulebook,
        digest,
        engine,
        key,
    } = facts;
    format!(
        "# Evidence of export decision {id}

On {recorded_at} (UTC) `{caller}` asked whether an export of {export_date} may go.
The answer was **{outcome}**.
It was recorded as entry {sequence} of the log, under rulebook {rulebook}, by slagboom {engine}, before it was given.

| file | what it is |
|---|---|
| `decision.json` | the answer: outcome, every rule that fired with citation, dates and facts, duties |
| `request.json` | the question as it was sent |
| `request.yaml` | the same, to be decided again as the law was known on that day |
| `rules.md` | every rule that fired, in its words, and the lists it looked at |
| `rulebook/` | the whole rulebook that decided |
| `receipt.tlog-proof` | the receipt: that entry {sequence} is in the log, with the log's signature (C2SP tlog-proof) |
| `log.vkeys` | the public keys of the log as the log names them; compare them with the one you were given |
| `record/entry.bin` | the entry: 179 bytes and two texts; its format is in slagboom's `src/ledger/entry.rs` |
| `record/salt.bin`, `record/body.bin` | what the entry commits to: a random salt, and the request and decision as recorded |

## How to check it

1. **The entry is in the log.**
   With slagboom: `slagboom verify --receipt receipt.tlog-proof --vkey '{key}'`.
   Use the key that the exporter gave you earlier, not the one in this package; if they differ, this package proves nothing.
   Without slagboom: the leaf is SHA-256 of a zero byte and `record/entry.bin`; the lines after `index` are the hashes beside its path to the root (RFC 6962 section 2.1.1); the last part is a signed note with that root (Ed25519).
2. **The body belongs to the entry.**
   `cat record/salt.bin record/body.bin | sha256sum` gives `{commitment}`, which stands in `record/entry.bin` at offset 115.
3. **The question is in the body.**
   After a byte for the version and four for its length, `record/body.bin` holds the request's own bytes.
   `({request_salt}tail -c +6 record/body.bin | head -c {request_length}) | sha256sum` gives `{request}`, which stands in `record/entry.bin` at offset 83.
4. **The rulebook is the one that decided.**
   `slagboom lint rulebook` prints its digest; it is `{digest}`, which stands in `record/entry.bin` at offset 19.
5. **The rulebook leads to the answer.**
   `slagboom check request.yaml --rules rulebook` decides the question again, as the law was known when it was asked.

What this does not prove: that the facts in the question were true.
"
    )
}

/// The rules that fired, in their words, and the lists that they look at.
fn rules(recorded: &Recorded) -> String {
    let book = &recorded.snapshot.rulebook;
    let mut out = String::from("# The rules that fired\n");
    let mut seen = BTreeSet::new();
    let mut lists = BTreeSet::new();
    for finding in recorded.decision.lines.iter().flat_map(|line| &line.findings) {
        if !seen.insert(finding.finder) {
            continue;
        }
        match finding.finder {
            Finder::Engine(own) => {
                let (en, _) = own.message();
                let _ = writeln!(
                    out,
                    "\n## {}\n\nA finding of the engine itself; it cites no act. {en}",
                    own.id()
                );
            }
            Finder::Rule(ix) => {
                if let Some(rule) = book.rule(ix) {
                    of_rule(&mut out, rule, book);
                    lists.extend(rule.scope.iter().flat_map(|scope| lists_of(scope.goods.as_ref())));
                }
            }
        }
    }
    let named: Vec<_> =
        lists.iter().filter_map(|id| book.goods.list(*id)).filter(|list| !list.id.is_empty()).collect();
    if !named.is_empty() {
        out.push_str("\n# The lists that they look at\n\nEach in its version of this rulebook; the files are under `rulebook/lists/`.\n\n");
        out.push_str("| list | what | source |\n|---|---|---|\n");
        for list in named {
            let _ = writeln!(out, "| `{}` | {} | {} |", list.id, list.title.en, source(&list.citation));
        }
    }
    out
}

fn lists_of(goods: Option<&crate::rulebook::model::Goods>) -> impl Iterator<Item = ListId> {
    goods.into_iter().flat_map(|goods| goods.lists.iter().chain(&goods.except_lists).copied())
}

fn of_rule(out: &mut String, rule: &Rule, book: &Rulebook) {
    let confidence = if rule.confirmed { "" } else { "; dates and scope are assumed" };
    let _ = writeln!(out, "\n## {} version {}: {}\n", rule.id, rule.version, rule.title.en);
    let _ = writeln!(out, "{}{confidence}.\n\n{}\n", source(&rule.citation), rule.message.en);
    match book.bundle.rule_text(&rule.id, rule.version) {
        Some((path, text)) => {
            let _ = writeln!(out, "`rulebook/{path}`:\n\n```yaml\n{text}```");
        }
        None => out.push_str("Its words stand under `rulebook/acts/`.\n"),
    }
}

fn source(citation: &CitationDoc) -> String {
    let article = citation.article.as_ref().map(|article| format!(", Article {article}")).unwrap_or_default();
    let amended =
        citation.amended_by.as_ref().map(|act| format!(", as amended by {act}")).unwrap_or_default();
    let parts =
        [&citation.oj, &citation.bwb, &citation.stcrt, &citation.cfsp, &citation.document, &citation.url];
    let rest: String = parts.into_iter().flatten().flat_map(|part| [", ", part.as_str()]).collect();
    format!("{}{article}{amended}{rest}", citation.act)
}
