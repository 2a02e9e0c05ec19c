//! `slagboom check`: requests from files, decided in place or by a daemon.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;
use jiff::Timestamp;

use super::exit::{Done, Exit, Failure};
use super::input::{Asked, read};
use super::{Format, Language, answer, client, print, rules};
use crate::cases::{Given, parse_given};
use crate::clock::{Clock, System};
use crate::domain::request::FieldViolation;
use crate::engine::Known;
use crate::proto::{self, v1};
use crate::server::grpc::render;
use crate::service::{Answer, Snapshot};

/// Exit 0 when all are permitted, 1 when not all, 2 when one is malformed or the daemon cannot be reached.
#[derive(Args, Debug)]
pub struct Check {
    /// Files with one request, a list of them, or worked cases; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Ask the daemon here (`http://127.0.0.1:7443` or `unix:PATH`); a request without `request_id` is asked as a dry run
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Folder of the rulebook, when deciding in place [default: the built-in one]
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    rules: Option<PathBuf>,
    /// Ask for the receipt of each decision, and write it to this folder as `DECISION_ID.tlog-proof`
    #[arg(long, value_name = "DIR", requires = "server")]
    receipts: Option<PathBuf>,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Language of texts for people
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
}

impl Check {
    pub fn run(self) -> Done {
        let mut asked = Vec::new();
        let mut is_single = self.files.len() == 1;
        for path in &self.files {
            let input = read(path)?;
            is_single &= input.is_single;
            asked.extend(input.asked);
        }
        let answers = match &self.server {
            Some(server) => ask(server, asked, self.receipts.as_deref())?,
            None => self.decide(asked)?,
        };
        let mut exit = Exit::Fine;
        let mut documents = Vec::new();
        for (label, told) in answers {
            match told {
                Ok(decision) => {
                    if decision.outcome() != v1::Outcome::Permitted {
                        exit = exit.max(Exit::No);
                    }
                    match self.format {
                        Format::Json => {
                            let response = v1::CheckExportResponse { decision: Some(decision) };
                            documents.push(proto::json(&response, "slagboom.v1.CheckExportResponse")?);
                        }
                        Format::Human => print::out(&answer::human(&label, &decision, self.lang))?,
                    }
                }
                Err(failure) => exit = exit.max(failure.told()),
            }
        }
        if self.format == Format::Json {
            match (is_single, documents.as_slice()) {
                (true, [only]) => print::json(only)?,
                (true, _) => {}
                (false, all) => print::json(&all)?,
            }
        }
        Ok(exit)
    }

    fn decide(&self, asked: Vec<Asked>) -> Result<Vec<(String, Told)>, Failure> {
        let snapshot = Arc::new(Snapshot::of(rules::load(self.rules.as_deref())?));
        let now_ms = System.now_ms();
        Ok(asked.into_iter().map(|asked| (asked.label.clone(), decide(&snapshot, now_ms, asked))).collect())
    }
}

/// Asks a daemon, one after the other.
fn ask(server: &str, asked: Vec<Asked>, receipts: Option<&Path>) -> Result<Vec<(String, Told)>, Failure> {
    if let Some(folder) = receipts {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    client::runtime()?.block_on(async {
        let mut control = client::control(client::connect(server).await?);
        let mut answers = Vec::with_capacity(asked.len());
        for Asked { label, mut request, given } in asked {
            if given.is_some_and(|given| given != crate::rulebook::case::GivenDoc::default()) {
                anstream::eprintln!(
                    "slagboom: {label}: a daemon does not take what the case gives; only the request is sent"
                );
            }
            if request.request_id.as_deref().is_none_or(str::is_empty) {
                request.dry_run = true;
            }
            let told = match client::message(&label, request) {
                Err(failure) => Err(failure),
                Ok(mut message) => {
                    if receipts.is_some() {
                        message.receipt = v1::ReceiptKind::Full.into();
                    }
                    match control.check_export(message).await {
                        Ok(response) => response
                            .into_inner()
                            .decision
                            .ok_or_else(|| Failure::from(anyhow!("{label}: an empty answer"))),
                        Err(status) => Err(client::failure(&label, &status)),
                    }
                }
            };
            if let (Some(folder), Ok(decision)) = (receipts, &told) {
                keep_receipt(folder, decision)?;
            }
            answers.push((label, told));
        }
        Ok(answers)
    })
}

/// Files the receipt of a decision; a dry run has none.
fn keep_receipt(folder: &Path, decision: &v1::Decision) -> Result<(), Failure> {
    let Some(receipt) = decision.receipt.as_ref().filter(|receipt| !receipt.proof.is_empty()) else {
        anstream::eprintln!("slagboom: a dry run is not recorded, so it has no receipt");
        return Ok(());
    };
    let path = folder.join(format!("{}.tlog-proof", decision.decision_id));
    std::fs::write(&path, &receipt.proof).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(())
}

/// What came of one request.
pub type Told = Result<v1::Decision, Failure>;

/// Decides one request in place: nothing is recorded.
pub fn decide(snapshot: &Arc<Snapshot>, now_ms: i64, asked: Asked) -> Told {
    let book = &snapshot.rulebook;
    let Asked { label, mut request, given } = asked;
    request.dry_run = true;
    let export = request.parse(&book.vocabulary).map_err(|violations| malformed(&label, &violations))?;
    let is_case = given.is_some();
    let given = match given {
        None => Given::default(),
        Some(given) => parse_given(&given).map_err(|violations| malformed(&label, &violations))?,
    };
    let now = Timestamp::from_millisecond(now_ms)?;
    let known = if is_case { given.known(&export) } else { Known::At(export.known_at.unwrap_or(now)) };
    let decision = given.decide(book, &export, known);
    Ok(render::decision(&Answer {
        decision,
        export,
        snapshot: snapshot.clone(),
        caller: "local".into(),
        sequence: None,
        time_ms: now_ms,
        engine_version: env!("CARGO_PKG_VERSION").into(),
        from_record: false,
        receipt: None,
    }))
}

fn malformed(label: &str, violations: &[FieldViolation]) -> Failure {
    let mut text = format!("{label}: INVALID_REQUEST");
    for violation in violations {
        text = format!("{text}\n  {}: {}", violation.field, violation.description);
    }
    Failure::from(anyhow!(text))
}
