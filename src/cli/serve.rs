//! `slagboom serve`: the daemon.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::task::JoinHandle;
use tracing::warn;

use super::exit::{Done, Exit, Failure};
use super::{print, rules};
use crate::access::{Guard, TOKENS_FILE_DEFAULT};
use crate::cases::run_bundle_cases;
use crate::clock::System;
use crate::config::{Config, Layer};
use crate::rulebook::Rulebook;
use crate::server::shutdown::Signals;
use crate::server::witnesses::Witnesses;
use crate::server::{self, Gate, Listener, Opening, ServeOptions};
use crate::service::{LogKey, Service};
use crate::store::Options;
use crate::telemetry::{self, field};
use crate::witness::Client;

/// Answers over gRPC until SIGTERM or SIGINT. Only loopback and Unix sockets: this version has no TLS.
#[derive(Args, Debug)]
pub struct Serve {
    /// YAML file with these options; flags and SLAGBOOM_* variables win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Layer,
}

impl Serve {
    pub fn run(self) -> Done {
        let config = Config::load(self.config.as_deref(), std::env::vars(), self.options)
            .map_err(|error| Failure::new(Exit::Usage, error))?;
        telemetry::start(&config.log, config.log_format);
        for name in &config.unknown_variables {
            warn!("the environment variable {name} means nothing here");
        }
        // Before the data folder is opened: whoever asked for tokens must not be served without them.
        let (gate, callers) = gate(&config)?;
        let rulebook = in_force(rules::load(config.rules.as_deref())?)?;
        let summary = of_rulebook(&rulebook);
        let key = LogKey { file: config.key.clone(), name: config.log_name.clone() };
        let service = server::open(Opening {
            key,
            queue: config.queue,
            log_reads: config.log_reads,
            ..Opening::new(Options::new(&config.data), rulebook, Arc::new(System))
        })
        .with_context(|| format!("the data folder `{}`", config.data.display()))?;
        for notice in service.notices() {
            warn!({ field::COUNT } = service.size(), "{notice}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let signals = Signals::listen()?;
            let listener = Listener::bind(&config.listen)
                .await
                .with_context(|| format!("cannot listen on `{}`", config.listen))?;
            print::out(&banner(&summary, listener.address(), &config, &service, &callers))?;
            let options = ServeOptions {
                threads: config.threads,
                reflection: config.reflection,
                grace: Duration::from_secs(config.shutdown_grace_s),
                gate,
            };
            let service = Arc::new(service);
            let following = witnessed(&config, &service).await?;
            let served = server::run(listener, service.clone(), options, signals.first()).await;
            service.close();
            if let Some(following) = following {
                following.abort();
            }
            served.map_err(Failure::from)
        })?;
        Ok(Exit::Fine)
    }
}

/// Who is let in, and how the start says so.
fn gate(config: &Config) -> Result<(Gate, String), Failure> {
    let default = Path::new(TOKENS_FILE_DEFAULT);
    let file = config.tokens.as_deref().or_else(|| default.exists().then_some(default));
    let Some(file) = file else {
        let callers =
            "everybody who reaches this address is `local` and may do everything: there is no file of tokens";
        return Ok((Gate::default(), callers.to_owned()));
    };
    let guard = Guard::of_file(file, Arc::new(System))?;
    Ok((Gate::new(Arc::new(guard)), format!("by the tokens of `{}`", file.display())))
}

/// Lets the witnesses look at the log before anything is answered, and from then on at every new head of it.
async fn witnessed(config: &Config, service: &Arc<Service>) -> Result<Option<JoinHandle<()>>, Failure> {
    if config.witnesses.is_empty() {
        return Ok(None);
    }
    let clients: Result<Vec<Client>, _> = config.witnesses.iter().map(|witness| witness.parse()).collect();
    let mut witnesses = Witnesses::new(clients?, config.witness_quorum);
    witnesses.first(service).await?;
    if config.witness_wait {
        service.wait_for_witnesses();
    }
    Ok(Some(tokio::spawn(witnesses.follow(Arc::clone(service)))))
}

/// INVARIANT (`last_good_rulebook`): a rulebook whose own cases fail is never put in force.
pub fn in_force(rulebook: Rulebook) -> Result<Rulebook, Failure> {
    let report = run_bundle_cases(&rulebook);
    if report.failed.is_empty() {
        return Ok(rulebook);
    }
    for mismatch in &report.failed {
        anstream::eprintln!(
            "{} {}: {}: expected {}, got {}",
            mismatch.file,
            mismatch.id,
            mismatch.field,
            mismatch.expected,
            mismatch.got
        );
    }
    let failed = report.total - report.passed;
    Err(Failure::new(
        Exit::TestsFail,
        anyhow!("{failed} of the rulebook's {} cases fail; it is not put in force", report.total),
    ))
}

fn of_rulebook(book: &Rulebook) -> String {
    let lists = book.goods.declared().count() + book.party_lists.len();
    format!(
        "{} {} ({}): {} rules, {lists} lists",
        book.name,
        book.version,
        book.digest,
        book.rule_ids().len()
    )
}

fn banner(
    rulebook: &str,
    address: &crate::config::Listen,
    config: &Config,
    service: &Service,
    callers: &str,
) -> String {
    let mut text = String::new();
    let server = match address {
        crate::config::Listen::Tcp(address) => format!("http://{address}"),
        unix @ crate::config::Listen::Unix(_) => unix.to_string(),
    };
    let _ = writeln!(text, "slagboom {} listens on {address}", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(text, "rulebook {rulebook}");
    let _ = writeln!(text, "data     {} ({} entries)", config.data.display(), service.size());
    let _ = writeln!(text, "key      {}", service.verifier_keys().last().map_or("", String::as_str));
    let _ = writeln!(text, "callers  {callers}");
    let _ = writeln!(text, "try      slagboom check examples/04-routers-to-russia.yaml --server {server}");
    let _ = writeln!(text, "         slagboom log list --server {server}");
    text
}
