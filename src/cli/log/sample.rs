//! `slagboom log sample`: decisions drawn by a number, so that another auditor draws the same.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Source, table};
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::filter::FilterArgs;
use crate::cli::{Format, answer, client, print};
use crate::ledger::Digest;
use crate::proto::{self, v1};

/// Decisions asked for at a time.
const PAGE: usize = 100;

/// Every decision has a place in the order of SHA-256(seed ‖ id), which nobody chose; the first of them are drawn. The
/// same seed over the same decisions draws the same sample, whoever draws it and however.
#[derive(Args, Debug)]
pub struct Sample {
    /// The number to draw by
    #[arg(long, value_name = "N")]
    seed: u64,
    /// How many to draw, of each group
    #[arg(long, value_name = "N", default_value_t = 25)]
    count: usize,
    /// Draw from each group of decisions that agree in these
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    by: Vec<By>,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    source: Source,
}

/// What decisions of a group have in common.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, ValueEnum)]
enum By {
    /// The month of the export.
    Month,
    /// The country or region of destination.
    Destination,
    /// The outcome.
    Outcome,
}

/// A group: how many decisions it has, and the first of them in the order of the draw.
#[derive(Default)]
struct Group {
    size: u64,
    drawn: BTreeMap<Digest, v1::RecordedDecision>,
}

impl Sample {
    pub fn run(self) -> Done {
        let groups = client::runtime()?.block_on(self.drawn())?;
        let population: u64 = groups.values().map(|group| group.size).sum();
        let groups: Vec<(String, u64, Vec<v1::RecordedDecision>)> = groups
            .into_iter()
            .map(|(name, group)| {
                let mut drawn: Vec<_> = group.drawn.into_values().collect();
                drawn.sort_by_key(|recorded| {
                    recorded.decision.as_ref().and_then(|decision| decision.sequence)
                });
                (name, group.size, drawn)
            })
            .collect();
        match self.source.format {
            Format::Json => {
                let mut told = Vec::with_capacity(groups.len());
                for (name, size, drawn) in groups {
                    let response =
                        v1::ListDecisionsResponse { decisions: drawn, next_page_token: String::new() };
                    let decisions = proto::json(&response, "slagboom.v1.ListDecisionsResponse")?;
                    told.push(
                        json!({ "group": name, "size": size, "decisions": decisions.get("decisions") }),
                    );
                }
                print::json(&json!({ "seed": self.seed, "population": population, "groups": told }))?;
            }
            Format::Human => {
                for (name, size, drawn) in &groups {
                    let head = format!("{name} {} of {size}", drawn.len());
                    print::out(&format!("{}\n{}", print::bold(head.trim_start()), table(drawn)))?;
                }
                anstream::eprintln!("drawn from {population} decisions with seed {}", self.seed);
            }
        }
        Ok(Exit::Fine)
    }

    /// Looks at every decision that the filters take, and keeps what is drawn.
    async fn drawn(&self) -> Result<BTreeMap<String, Group>, Failure> {
        let by: BTreeSet<By> = self.by.iter().copied().collect();
        let mut records = self.source.records().await?;
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        let mut token = String::new();
        loop {
            let page = records.list(self.filter.request(PAGE, token)).await?;
            for recorded in page.decisions {
                let Some(decision) = &recorded.decision else { continue };
                let place = Digest::of_parts(&[&self.seed.to_be_bytes(), decision.decision_id.as_bytes()]);
                let group = groups.entry(name(&recorded, &by)).or_default();
                group.size += 1;
                group.drawn.insert(place, recorded);
                if group.drawn.len() > self.count {
                    group.drawn.pop_last();
                }
            }
            token = page.next_page_token;
            if token.is_empty() {
                return Ok(groups);
            }
        }
    }
}

/// The name of the group that a decision is in.
fn name(recorded: &v1::RecordedDecision, by: &BTreeSet<By>) -> String {
    let decision = recorded.decision.clone().unwrap_or_default();
    let unknown = || "erased".to_owned();
    let parts = by.iter().map(|by| match by {
        By::Month => decision.export_date.get(..7).map_or_else(unknown, str::to_owned),
        By::Destination => {
            let place = recorded.request.as_ref().and_then(|request| request.destination.as_ref());
            place.map_or_else(unknown, |place| {
                if place.region.is_empty() { place.country.clone() } else { place.region.clone() }
            })
        }
        By::Outcome => answer::outcome(decision.outcome()).to_owned(),
    });
    parts.collect::<Vec<_>>().join(" ")
}
