//! `slagboom demo`: the product at work, in one command.

mod february;

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use include_dir::{Dir, include_dir};

use super::daemon::{Daemon, LOOPBACK};
use super::exit::{Done, Exit, Failure};
use super::input::Asked;
use super::{Language, answer, check, client, input, print, rules, serve, verify};
use crate::archive::{self, Archive, Given, VerifyOptions};
use crate::clock::{Clock, System};
use crate::config::Listen;
use crate::domain::request::RawRequest;
use crate::proto::v1;
use crate::server::{self, Opening, grpc};
use crate::service::replay::{self, Summary, Under, archived};
use crate::service::{Filter, Snapshot};
use crate::store::{Options, check_folder};

static EXAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/examples");

/// Starts a daemon on a temporary folder, sends it the shipped examples over real gRPC, verifies the log, and stops.
#[derive(Args, Debug)]
pub struct Demo {
    #[command(subcommand)]
    rehearsal: Option<Rehearsal>,
    /// Language of texts for people
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
}

#[derive(Debug, Subcommand)]
enum Rehearsal {
    /// Rehearse February 2022: 389 licences for Russia, shipments, the suspension, the ban, and what an auditor sees
    ///
    /// The clock of this daemon stands in those days, so that it knows the law that was known then. Holders, end users and
    /// single values of the register are invented; its totals are real.
    #[command(name = "february-2022")]
    February2022,
}

impl Demo {
    pub fn run(self) -> Done {
        if let Some(Rehearsal::February2022) = self.rehearsal {
            return february::rehearse();
        }
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let rulebook = serve::in_force(rules::load(None)?)?;
        let service = Arc::new(server::open(Opening::new(Options::new(&data), rulebook, Arc::new(System)))?);
        let daemon = Daemon::start(service.clone(), LOOPBACK)?;
        print::out(&format!(
            "A daemon listens on {}, with its log in a temporary folder. It is asked:\n\n",
            daemon.address
        ))?;
        let asked = self.ask(&daemon.address);
        let keys = verify::keys(&service.verifier_keys())?;
        daemon.stop()?;
        drop(service);
        let (asked, receipt) = asked?;
        let copies = check_folder(&Options::new(&data))?;
        let mut text = String::new();
        let _ = writeln!(text, "{}", print::bold("Both copies of the log, compared to the last bit:"));
        let _ = writeln!(text, "  {copies}\n");
        let given = Given { keys, ..Given::default() };
        let receipts = vec![(PathBuf::from("the receipt"), receipt.into_bytes())];
        let options = VerifyOptions { given, receipts, threads: 1, ..VerifyOptions::default() };
        let report = archive::verify(&Archive::open_data(&data)?, &options, |_| {})?;
        let _ = writeln!(
            text,
            "{}\n{}",
            print::bold("The log verified from its files alone, with the receipt and the public key:"),
            verify::human(&report, false)
        );
        let replayed = replayed(&Archive::open_data(&data)?)?;
        let _ = writeln!(
            text,
            "{}\n  {} decisions, {} of them the same to the byte\n",
            print::bold("Every export decided again out of the log, as the law was known then:"),
            replayed.decisions,
            replayed.same
        );
        let _ = writeln!(
            text,
            "The same daemon for good: slagboom serve. It has answered {asked} questions here."
        );
        print::out(&text)?;
        if copies.is_sound() && report.is_ok() && report.receipts == 1 && replayed.same == replayed.decisions
        {
            Ok(Exit::Fine)
        } else {
            Err(Failure::new(Exit::No, anyhow!("the log is not sound")))
        }
    }

    /// Sends every example, one of them twice, and one that is malformed. Gives how many there are, and the receipt of
    /// the one that was sent twice.
    fn ask(&self, address: &Listen) -> Result<(usize, String), Failure> {
        let requests = examples()?;
        client::runtime()?.block_on(async {
            let mut control = client::control(client::connect(&address.to_string()).await?);
            for (title, request) in &requests {
                let message = client::message(title, request.clone())?;
                let response = control.check_export(message).await.map_err(|status| client::failure(title, &status))?;
                let decision = response.into_inner().decision.unwrap_or_default();
                print::out(&format!("{}\n", answer::human(title, &decision, self.lang)))?;
            }
            let mut receipt = String::new();
            if let Some((_, again)) = requests.first() {
                let mut message = client::message("the retry", again.clone())?;
                message.receipt = v1::ReceiptKind::Full.into();
                let response = control.check_export(message).await;
                let response = response.map_err(|status| client::failure("the retry", &status))?;
                let decision = response.into_inner().decision.unwrap_or_default();
                print::out(&format!(
                    "{}\n  the same request again is answered from the record: decision {} at sequence {}, nothing decided twice\n",
                    print::bold("A retry that asks for a receipt"),
                    decision.decision_id,
                    decision.sequence.unwrap_or_default()
                ))?;
                receipt = decision.receipt.unwrap_or_default().proof;
                print::out(&format!("{}\n\n", print::dim(&indented(&receipt))))?;
            }
            let bad = client::message("the malformed request", malformed())?;
            if let Err(status) = control.check_export(bad).await {
                print::out(&format!("{}\n", print::bold("A malformed request is an error that names every bad field, and is never a decision")))?;
                let details = tonic_types::StatusExt::get_error_details(&status);
                for violation in details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default() {
                    print::out(&format!("  {}: {}\n", violation.field, violation.description))?;
                }
                print::out("\n")?;
            }
            Ok((requests.len(), receipt))
        })
    }
}

/// Decides all of the log again.
fn replayed(archive: &Archive) -> Result<Summary, Failure> {
    replayed_under(archive, Under::AsKnownThen)
}

/// The same under other law or knowledge.
fn replayed_under(archive: &Archive, under: Under) -> Result<Summary, Failure> {
    let options = replay::Options { under, filter: Filter::default(), was: None, now: None, threads: 1 };
    Ok(replay::replay(archived(archive)?, grpc::WIRE, &options, |_| ControlFlow::Continue(())))
}

/// A text with two spaces before each line.
fn indented(text: &str) -> String {
    text.lines().flat_map(|line| ["  ", line, "\n"]).collect()
}

/// The shipped examples in the order of their names, with the sentence that each begins with.
fn examples() -> Result<Vec<(String, RawRequest)>, Failure> {
    let mut files: Vec<_> = EXAMPLES
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort_by_key(|file| file.path());
    let mut requests = Vec::with_capacity(files.len());
    for file in files {
        let name = file.path().display().to_string();
        let text = file.contents_utf8().with_context(|| format!("`{name}` is no text"))?;
        let title = text.lines().next().unwrap_or_default().trim_start_matches('#').trim().to_owned();
        let asked = input::parse(&name, text)?.asked;
        requests.extend(asked.into_iter().map(|asked| (title.clone(), asked.request)));
    }
    Ok(requests)
}

/// The shipped examples, each decided in place.
pub fn decided_examples() -> Result<Vec<(RawRequest, v1::Decision)>, Failure> {
    let snapshot = Arc::new(Snapshot::of(rules::load(None)?));
    let now_ms = System.now_ms();
    let decided = examples()?.into_iter().map(|(label, request)| {
        let asked = Asked { label, request: request.clone(), given: None };
        Ok((request, check::decide(&snapshot, now_ms, asked)?))
    });
    decided.collect()
}

/// A request as a tired clerk might send it.
fn malformed() -> RawRequest {
    use crate::domain::request::{RawGoods, RawParty, RawPlace};
    let party = |name: &str, country: &str| {
        Some(RawParty { name: name.to_owned(), country: country.to_owned(), ..RawParty::default() })
    };
    RawRequest {
        request_id: Some("demo-malformed".to_owned()),
        export_date: "2022-02-30".to_owned(),
        exporter: party("Voorbeeld Netwerken BV", "NL"),
        goods: vec![RawGoods {
            line: 1,
            code: Some("5AOO2".to_owned()),
            quantity: "-30".to_owned(),
            unit: "pcs".to_owned(),
            value: "45.000,00".to_owned(),
            currency: "EURO".to_owned(),
            ..RawGoods::default()
        }],
        consignee: party("Kundu Systems", "IN"),
        end_user: party("Kundu Systems", "UK"),
        destination: Some(RawPlace { country: "IN".to_owned(), ..RawPlace::default() }),
        ..RawRequest::default()
    }
}
