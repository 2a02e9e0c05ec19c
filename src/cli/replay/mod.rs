//! `slagboom replay`: the decision of every recorded export again.

mod sheet;

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, thread};

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::exit::{Done, Exit, Failure};
use super::filter::{FilterArgs, instant, outcome};
use super::progress::Progress;
use super::{client, rules};
use crate::archive::Archive;
use crate::clock::{Clock, System};
use crate::proto::v1::{self, replay_decisions_response::Said};
use crate::server::grpc::{self, convert};
use crate::service::Snapshot;
use crate::service::replay::{Item, Options, Under, archived, in_force, replay};
use sheet::Sheet;

/// The data folder of a daemon with no configuration.
const DATA_DEFAULT: &str = "slagboom-data";
/// The rulebook of this program, in the place of a folder.
const BUILT_IN: &str = "built-in";
/// The rulebook in force, in the place of a folder.
const IN_FORCE: &str = "in-force";

/// As known then (the default), every decision must come out as recorded, to the byte; as the law is now known
/// (`--rules`, `--known-at`), what comes out otherwise is listed with its cause. Exit 0 when nothing differs and all
/// could be replayed, else 1.
#[derive(Args, Debug)]
pub struct Replay {
    /// Read this data folder, beside its daemon or without one [default: ./slagboom-data]
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// Read an exported or copied log
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Ask the daemon at this address, which decides on one core
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "log", "threads"])]
    server: Option<String>,
    /// Decide all under one rulebook: the one in this folder, `built-in`, or `in-force` (the last one of the log)
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Use what was known at this instant (RFC 3339) [default: the moment of each decision; with --rules, now]
    #[arg(long, value_name = "INSTANT")]
    known_at: Option<Timestamp>,
    #[command(flatten)]
    filter: FilterArgs,
    /// List only differences from this outcome; others do not count
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    was: Option<v1::Outcome>,
    /// List only differences to this outcome; others do not count
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    now: Option<v1::Outcome>,
    /// Threads that decide [default: one for each core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: SheetFormat,
}

/// How differences are printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum SheetFormat {
    /// For people.
    #[default]
    Human,
    /// One document for programs.
    Json,
    /// A table with a line of names.
    Csv,
}

impl Replay {
    pub fn run(self) -> Done {
        // A filter that cannot hold is a wrong call, whoever would decide.
        let filter = self.filter.raw().parse().map_err(|refusal| Failure::new(Exit::Usage, refusal))?;
        let summary = if let Some(server) = &self.server {
            self.by_daemon(server)?
        } else {
            let given = self.given()?;
            let archive = match &self.log {
                Some(log) => Archive::open(log)?,
                None => Archive::open_data(self.data.as_deref().unwrap_or(Path::new(DATA_DEFAULT)))?,
            };
            let given = match given {
                None if self.rules.is_some() => {
                    let last = in_force(&archive)?;
                    Some(Arc::new(last.ok_or_else(|| anyhow!("the log holds no rulebook"))?))
                }
                given => given,
            };
            let options = Options {
                under: self.under(given),
                filter,
                was: self.was.and_then(convert::outcome_from),
                now: self.now.and_then(convert::outcome_from),
                threads: self.threads.map_or_else(cores, NonZeroUsize::get),
            };
            self.decide(archived(&archive)?, archive.size_claimed()?, &options)?
        };
        Ok(if summary.changed == 0 && summary.unreplayable == 0 { Exit::Fine } else { Exit::No })
    }

    /// The rulebook to decide by, where it comes from outside the log.
    fn given(&self) -> Result<Option<Arc<Snapshot>>, Failure> {
        let folder = match self.rules.as_deref() {
            None => return Ok(None),
            Some(word) if word == Path::new(IN_FORCE) => return Ok(None),
            Some(word) if word == Path::new(BUILT_IN) => None,
            folder => folder,
        };
        Ok(Some(Arc::new(Snapshot::of(rules::load(folder)?))))
    }

    fn under(&self, rulebook: Option<Arc<Snapshot>>) -> Under {
        match (rulebook, self.known_at) {
            (None, None) => Under::AsKnownThen,
            (None, Some(at)) => Under::AsKnownAt(at),
            (Some(snapshot), known_at) => {
                let now = || Timestamp::from_millisecond(System.now_ms()).unwrap_or(Timestamp::MAX);
                Under::Rulebook { snapshot, known_at: known_at.unwrap_or_else(now) }
            }
        }
    }

    /// Decides in this process, whatever the items come from. `size` is how many there will be.
    fn decide<E: fmt::Display>(
        &self,
        items: impl Iterator<Item = Result<Item, E>>,
        size: u64,
        options: &Options,
    ) -> Result<v1::ReplaySummary, Failure> {
        let mut page = Page::new(self.format)?;
        let mut failed = None;
        let summary = replay(items, grpc::WIRE, options, |event| match page.take(grpc::said(event, size)) {
            Ok(_) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        });
        match failed {
            Some(failure) => Err(failure),
            None => page.end(grpc::summary(&summary)),
        }
    }

    fn by_daemon(&self, server: &str) -> Result<v1::ReplaySummary, Failure> {
        let law = match self.rules.as_deref() {
            None => v1::ReplayLaw::Own,
            Some(word) if word == Path::new(IN_FORCE) => v1::ReplayLaw::InForce,
            Some(_) => {
                let why = "a daemon replays under the rulebooks of its log: say `--rules in-force`, or replay its data \
                           folder when it does not run";
                return Err(Failure::new(Exit::Usage, anyhow!(why)));
            }
        };
        let request = v1::ReplayDecisionsRequest {
            law: law.into(),
            known_at: self.known_at.map(instant),
            filter: Some(self.filter.message()),
            was: self.was.unwrap_or_default().into(),
            now: self.now.unwrap_or_default().into(),
        };
        client::runtime()?.block_on(async {
            let mut log = client::log(client::connect(server).await?);
            let failed = |status| client::failure("replay", &status);
            let mut said = log.replay_decisions(request).await.map_err(failed)?.into_inner();
            let mut page = Page::new(self.format)?;
            while let Some(message) = said.message().await.map_err(failed)? {
                let Some(message) = message.said else { continue };
                if let Some(summary) = page.take(message)? {
                    return page.end(summary);
                }
            }
            Err(anyhow!("the daemon ended the replay before its summary").into())
        })
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Where a replay is shown: rows as they come, progress beside them.
struct Page {
    sheet: Sheet,
    progress: Progress,
}

impl Page {
    fn new(format: SheetFormat) -> Result<Self, Failure> {
        Ok(Self { sheet: Sheet::begin(format)?, progress: Progress::new("replaying", None) })
    }

    /// Shows what is said; the summary is handed back, for the end.
    fn take(&mut self, said: Said) -> Result<Option<v1::ReplaySummary>, Failure> {
        match said {
            Said::Progress(at) => {
                if self.progress.show(at.entries, Some(at.size)) {
                    self.sheet.flush()?;
                }
            }
            Said::Difference(difference) => {
                self.progress.hide();
                self.sheet.changed(&difference)?;
            }
            Said::Unreplayable(failed) => {
                self.progress.hide();
                self.sheet.unreplayable(&failed)?;
            }
            Said::Summary(summary) => return Ok(Some(summary)),
        }
        Ok(None)
    }

    fn end(mut self, summary: v1::ReplaySummary) -> Result<v1::ReplaySummary, Failure> {
        self.progress.hide();
        self.sheet.end(&summary)?;
        Ok(summary)
    }
}
