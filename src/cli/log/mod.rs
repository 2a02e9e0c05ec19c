//! `slagboom log`: recorded decisions, found again.

mod evidence;
mod reads;
mod sample;

use std::fmt::Write as _;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use tonic::Status;

use self::evidence::EvidenceOf;
use self::reads::Reads;
use self::sample::Sample;
use super::exit::{Done, Exit, Failure};
use super::filter::FilterArgs;
use super::place::Place;
use super::{Format, Language, answer, client, print};
use crate::domain::identity::Identity;
use crate::proto::v1::decision_log_service_client::DecisionLogServiceClient;
use crate::proto::{self, v1};
use crate::server::grpc::{self, EvidenceFile};
use crate::server::limits::PAGE_BYTES_MAX;
use crate::service::Service;

/// Reads from a daemon, or from a data folder on which no daemon runs.
#[derive(Args, Debug)]
pub struct Log {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List decisions, newest first
    List(List),
    /// Show one decision
    Show(Show),
    /// Write everything that proves one decision to a folder, with a README that a customs officer can follow
    Evidence(EvidenceOf),
    /// Draw a sample of decisions that anybody can draw again
    Sample(Sample),
    /// Show who read the log since the daemon started
    Reads(Reads),
}

#[derive(Args, Debug)]
struct Source {
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    filter: FilterArgs,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

#[derive(Args, Debug)]
struct Show {
    /// Id of the decision
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    source: Source,
    /// Language of texts for people
    #[arg(long, value_enum, default_value_t)]
    lang: Language,
}

impl Log {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::List(list) => list.run(),
            Verb::Show(show) => show.run(),
            Verb::Evidence(evidence) => evidence.run(),
            Verb::Sample(sample) => sample.run(),
            Verb::Reads(reads) => reads.run(),
        }
    }
}

/// Where decisions are read from.
enum Records {
    Daemon(DecisionLogServiceClient<client::Connection>),
    Folder(Box<Service>),
}

impl Source {
    async fn records(&self) -> Result<Records, Failure> {
        Ok(match self.place.folder()? {
            Some(service) => Records::Folder(Box::new(service)),
            None => Records::Daemon(client::log(self.place.daemon().await?)),
        })
    }
}

impl Records {
    async fn list(
        &mut self,
        request: v1::ListDecisionsRequest,
    ) -> Result<v1::ListDecisionsResponse, Failure> {
        match self {
            Self::Daemon(log) => {
                let page = log.list_decisions(request).await;
                Ok(page.map_err(|status| client::failure("log list", &status))?.into_inner())
            }
            Self::Folder(service) => Ok(grpc::list(service, &Identity::local(), &request, PAGE_BYTES_MAX)?),
        }
    }

    async fn show(&mut self, decision_id: String) -> Result<v1::RecordedDecision, Failure> {
        match self {
            Self::Daemon(log) => {
                let response = log.get_decision(v1::GetDecisionRequest { decision_id }).await;
                let response = response.map_err(|status| client::failure("log show", &status))?.into_inner();
                response.recorded.ok_or_else(|| anyhow!("an empty answer").into())
            }
            Self::Folder(service) => Ok(grpc::show(service, &Identity::local(), &decision_id)?),
        }
    }

    async fn evidence(&mut self, decision_id: String) -> Result<Vec<EvidenceFile>, Failure> {
        let told = |status: Status| client::failure("log evidence", &status);
        match self {
            Self::Daemon(log) => {
                let asked = log.get_evidence(v1::GetEvidenceRequest { decision_id }).await;
                let mut stream = asked.map_err(told)?.into_inner();
                let mut files = Vec::new();
                while let Some(v1::GetEvidenceResponse { path, content }) =
                    stream.message().await.map_err(told)?
                {
                    files.push(EvidenceFile { path, content });
                }
                Ok(files)
            }
            Self::Folder(service) => Ok(grpc::evidence(service, &Identity::local(), &decision_id)?),
        }
    }
}

impl FilterArgs {
    /// The filter as a question for a page.
    fn request(&self, page_size: usize, page_token: String) -> v1::ListDecisionsRequest {
        let filter = self.message();
        v1::ListDecisionsRequest {
            page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
            page_token,
            exporter: filter.exporter,
            party: filter.party,
            destination: filter.destination,
            eccn: filter.eccn,
            outcome: filter.outcome,
            rule: filter.rule,
            recorded_from: filter.recorded_from,
            recorded_until: filter.recorded_until,
        }
    }
}

impl List {
    fn run(self) -> Done {
        let decisions = client::runtime()?.block_on(self.found())?;
        match self.source.format {
            Format::Json => {
                let response = v1::ListDecisionsResponse { decisions, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListDecisionsResponse")?)?;
            }
            Format::Human => print::out(&table(&decisions))?,
        }
        Ok(Exit::Fine)
    }

    /// Pages until there are enough, or no more.
    async fn found(&self) -> Result<Vec<v1::RecordedDecision>, Failure> {
        let mut records = self.source.records().await?;
        let mut found = Vec::new();
        let mut token = String::new();
        loop {
            let page = records.list(self.filter.request(self.limit, token)).await?;
            found.extend(page.decisions);
            token = page.next_page_token;
            if token.is_empty() || found.len() >= self.limit {
                found.truncate(self.limit);
                return Ok(found);
            }
        }
    }
}

fn table(decisions: &[v1::RecordedDecision]) -> String {
    let mut text = String::new();
    for recorded in decisions {
        let Some(decision) = &recorded.decision else { continue };
        let at = decision
            .recorded_at
            .as_ref()
            .and_then(grpc::convert::instant)
            .map_or_else(String::new, |at| at.to_string());
        let rules: Vec<&str> = decision
            .findings
            .iter()
            .filter(|finding| finding.outcome() != v1::Outcome::Unspecified)
            .map(|finding| finding.rule.as_str())
            .collect();
        let _ = writeln!(
            text,
            "{:>8}  {}  {:<20}  {:<20}  {}  {}  {}",
            decision.sequence.unwrap_or_default(),
            decision.decision_id,
            at,
            answer::outcome(decision.outcome()),
            if recorded.erased { "(erased)" } else { &decision.export_date },
            decision.request_id,
            print::dim(&rules.join(" "))
        );
    }
    if decisions.is_empty() {
        text.push_str("no decisions\n");
    }
    text
}

impl Show {
    fn run(self) -> Done {
        let recorded = client::runtime()?
            .block_on(async { self.source.records().await?.show(self.id.clone()).await })?;
        match self.source.format {
            Format::Json => {
                let response = v1::GetDecisionResponse { recorded: Some(recorded) };
                print::json(&proto::json(&response, "slagboom.v1.GetDecisionResponse")?)?;
            }
            Format::Human if recorded.erased => print::out(&table(&[recorded]))?,
            Format::Human => {
                let decision = recorded.decision.unwrap_or_default();
                print::out(&answer::human(&decision.request_id, &decision, self.lang))?;
            }
        }
        Ok(Exit::Fine)
    }
}
