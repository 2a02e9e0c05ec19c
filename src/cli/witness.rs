//! `slagboom witness`: a witness of logs, and what it has seen.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;

use super::exit::{Done, Exit, Failure};
use super::{Format, client, print};
use crate::clock::System;
use crate::config::LogFormat;
use crate::ledger::{Algorithm, KeyName, Verifier};
use crate::server::shutdown::Signals;
use crate::telemetry;
use crate::witness::{self, Book, Page, Pages, http};

/// Cosigns checkpoints over plain HTTP until SIGTERM or SIGINT.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Witness {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    run: Option<Run>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the key of a witness and what it has seen; it may be running
    Show(Show),
}

#[derive(Args, Debug)]
struct Run {
    /// Folder of its key and of what it has seen; made the first time
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Key of a log to watch, `name+id+key`; several of one name are keys of one log
    #[arg(long = "log", value_name = "VKEY", required = true, value_parser = log_key)]
    logs: Vec<Verifier>,
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7444")]
    listen: SocketAddr,
    /// Name of the key that is made the first time [default: slagboom-witness/<8 hexadecimal digits>]
    #[arg(long, value_name = "NAME", value_parser = key_name)]
    name: Option<KeyName>,
    /// How log lines look [default: human]
    #[arg(long, value_name = "FORMAT", value_enum)]
    log_format: Option<LogFormat>,
}

#[derive(Args, Debug)]
struct Show {
    /// Folder of the witness
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn log_key(text: &str) -> Result<Verifier, String> {
    let key: Verifier = text.parse().map_err(|error: crate::ledger::KeyError| error.to_string())?;
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(key),
        _ => Err("it is the key of a witness; a log signs with another kind".to_owned()),
    }
}

fn key_name(text: &str) -> Result<KeyName, String> {
    text.parse().map_err(|error: crate::ledger::KeyError| error.to_string())
}

impl Witness {
    pub fn run(self) -> Done {
        match (self.verb, self.run) {
            (Some(Verb::Show(show)), _) => show.run(),
            (None, Some(run)) => run.run(),
            (None, None) => Err(Failure::new(Exit::Usage, anyhow!("--state and --log are needed"))),
        }
    }
}

impl Run {
    fn run(self) -> Done {
        let filter = std::env::var("SLAGBOOM_LOG").unwrap_or_else(|_| "info".to_owned());
        telemetry::start(&filter, self.log_format.map_or_else(log_format_of_environment, Ok)?);
        let (book, pages) = Book::open(&self.state, self.name.as_ref())?;
        let witness = witness::Witness::new(book, &pages, self.logs.iter().cloned(), Arc::new(System));
        let witness = Arc::new(witness);
        client::runtime()?.block_on(async {
            let signals = Signals::listen()?;
            let listener = TcpListener::bind(self.listen)
                .await
                .with_context(|| format!("cannot listen on `{}`", self.listen))?;
            print::out(&self.banner(listener.local_addr()?, witness.verifier(), &pages))?;
            Ok::<(), Failure>(http::run(listener, witness, signals.first()).await?)
        })?;
        Ok(Exit::Fine)
    }

    fn banner(&self, address: SocketAddr, key: &Verifier, pages: &Pages) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "slagboom {} witnesses on {address}", env!("CARGO_PKG_VERSION"));
        let _ = writeln!(text, "vkey     {key}");
        let mut told: Vec<&KeyName> = Vec::new();
        for log in &self.logs {
            if !told.contains(&log.name()) {
                told.push(log.name());
                let seen = pages.get(log.name().as_str()).map_or_else(
                    || "nothing seen yet".to_owned(),
                    |page| format!("{} entries seen", page.checkpoint().size()),
                );
                let _ = writeln!(text, "log      {} ({seen})", log.name());
            }
        }
        // What is bound to every address has none that could be told.
        let host = match address {
            any if any.ip().is_unspecified() => format!("HOST:{}", any.port()),
            one => one.to_string(),
        };
        let _ = writeln!(text, "daemon   slagboom serve --witness http://{host}={key}");
        text
    }
}

/// What `SLAGBOOM_LOG_FORMAT` says, which it says to the daemon too. Not asked for by clap: a variable that is set would
/// count as a given argument of this verb, and `show` would then lack the others.
fn log_format_of_environment() -> Result<LogFormat, Failure> {
    let Ok(text) = std::env::var("SLAGBOOM_LOG_FORMAT") else { return Ok(LogFormat::default()) };
    LogFormat::from_str(&text, false)
        .map_err(|why| Failure::new(Exit::Usage, anyhow!("`SLAGBOOM_LOG_FORMAT`: {why}")))
}

impl Show {
    fn run(self) -> Done {
        let (cosigner, pages) = Book::read(&self.state)?;
        let key = cosigner.verifier();
        match self.format {
            Format::Json => {
                let logs: Vec<_> = pages.values().map(document).collect();
                print::json(&json!({ "vkey": key.to_string(), "logs": logs }))?;
            }
            Format::Human => {
                let mut text = format!("vkey     {key}\n");
                for page in pages.values() {
                    let checkpoint = page.checkpoint();
                    let (origin, size) = (checkpoint.origin(), checkpoint.size());
                    let _ =
                        writeln!(text, "log      {origin}: {size} entries, cosigned {}", cosigned_at(page));
                }
                if pages.is_empty() {
                    text.push_str("nothing seen yet\n");
                }
                print::out(&text)?;
            }
        }
        Ok(Exit::Fine)
    }
}

fn document(page: &Page) -> serde_json::Value {
    let checkpoint = page.checkpoint();
    // The third line is the root, in base64 as everywhere in these texts.
    let root = page.note().text().lines().nth(2).unwrap_or_default();
    json!({
        "origin": checkpoint.origin(),
        "size": checkpoint.size(),
        "root": root,
        "cosigned_at": cosigned_at(page),
        "checkpoint": page.note().to_string(),
    })
}

/// When the checkpoint was cosigned, as an instant; as seconds where a calendar does not reach.
fn cosigned_at(page: &Page) -> String {
    let seconds = page.cosigned_at_s();
    let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| seconds.to_string(), |at| at.to_string())
}
