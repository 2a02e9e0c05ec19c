//! `slagboom retention`: how long decisions are kept, what is held, and what is erased.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use jiff::civil::Date;
use serde_json::json;

use super::exit::{Done, Exit, Failure};
use super::progress::Progress;
use super::{Format, print};
use crate::archive::{Archive, BlockEnd};
use crate::clock::{System, today};
use crate::engine::effects;
use crate::ledger::{Body, BodyState, Entry, EntryKind, MARKS_MAX, Marks, REASON_LENGTH_MAX};
use crate::server::{self, grpc};
use crate::service::{DecisionId, LogKey};
use crate::store::Options;

/// Years that decisions are kept after the end of the year of export.
const YEARS_DEFAULT: i16 = 10;

/// Full calendar years after which no licence that a decision drew on runs any more: the longest run four.
const LICENCE_YEARS: i16 = 5;

/// Decisions are kept until the end of the tenth calendar year after that of the export; then their requests and findings
/// may be erased. The entry stays, and every proof with it. A legal hold keeps them longer.
///
/// Erasing and holding are entries of the log. No daemon may run on the folder meanwhile.
#[derive(Args, Debug)]
pub struct Retention {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List decisions that need not be kept any longer
    Due(Due),
    /// Keep decisions from being erased, whatever their age
    Hold(Holding),
    /// Let decisions that were held be erased again
    Release(Holding),
    /// Erase requests and findings; what names people is gone, and the entry stays
    Erase(Erasing),
}

#[derive(Args, Debug)]
struct Folder {
    /// The data folder
    #[arg(long, value_name = "DIR", default_value = "./slagboom-data")]
    data: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Period {
    /// Full calendar years that decisions are kept after that of the export
    #[arg(
        long,
        value_name = "N",
        env = "SLAGBOOM_RETENTION_YEARS",
        default_value_t = YEARS_DEFAULT,
        value_parser = clap::value_parser!(i16).range(0..=100)
    )]
    years: i16,
    /// The day to look from [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
}

#[derive(Args, Debug)]
struct Due {
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    period: Period,
}

#[derive(Args, Debug)]
struct Holding {
    /// Ids of decisions
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Why, for the log, in 1 to 512 bytes; it must name nobody
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// File of the secret key [default: in the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Args, Debug)]
struct Erasing {
    /// Ids of decisions
    #[arg(value_name = "ID", required_unless_present = "due", conflicts_with = "due")]
    ids: Vec<String>,
    /// All that need not be kept any longer
    #[arg(long)]
    due: bool,
    /// Why, for the log, in 1 to 512 bytes; it must name nobody
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Also where they must still be kept, as a court or the right of a person may ask
    #[arg(long, conflicts_with = "due")]
    before_due: bool,
    /// Say what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// File of the secret key [default: in the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    folder: Folder,
    #[command(flatten)]
    period: Period,
}

impl Retention {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Due(due) => due.run(),
            Verb::Hold(holding) => holding.run(true),
            Verb::Release(holding) => holding.run(false),
            Verb::Erase(erasing) => erasing.run(),
        }
    }
}

/// A decision, as far as retention goes.
#[derive(Clone, Debug)]
struct Kept {
    sequence: u64,
    id: DecisionId,
    /// The day of the export; `None` where the body is erased.
    export: Option<Date>,
    is_held: bool,
    /// Does it draw on a licence?
    draws: bool,
}

impl Kept {
    /// The last day on which it must be kept.
    fn until(&self, years: i16) -> Option<Date> {
        Date::new(self.export?.year().saturating_add(years), 12, 31).ok()
    }

    /// May the licence that it draws on still be used? The body is what the balance rests on.
    fn counts_on(&self, today: Date) -> bool {
        self.draws && self.until(LICENCE_YEARS).is_none_or(|until| until >= today)
    }

    fn is_due(&self, period: &Period, today: Date) -> bool {
        !self.is_held && !self.counts_on(today) && self.until(period.years).is_some_and(|until| until < today)
    }
}

/// What was read of a log.
struct Found {
    /// The decisions that are wanted, with whether they are held.
    kept: BTreeMap<u64, Kept>,
    /// How many entries the log had.
    size: u64,
}

/// The decisions of the log that are wanted. Holds nothing of the others.
fn read(folder: &Folder, wanted: impl Fn(&Kept) -> bool) -> Result<Found, Failure> {
    let archive = Archive::open_data(&folder.data)?;
    let mut progress = Progress::new("reading", Some(archive.size_claimed()?));
    let mut blocks = archive.blocks(0)?;
    let (mut kept, mut held, mut size) = (BTreeMap::new(), BTreeSet::new(), 0);
    while let Some(block) = blocks.next_block()? {
        for (sequence, record) in (block.first()..).zip(block.records()) {
            let entry = Entry::decode(record.entry).with_context(|| format!("record {sequence}"))?;
            match entry.kind {
                EntryKind::DecisionMade => {
                    let id = DecisionId::of(sequence, entry.time_ms);
                    let (export, draws) = export_date(record.body.proved(&entry)?);
                    let found = Kept { sequence, id, export, is_held: false, draws };
                    if wanted(&found) {
                        kept.insert(sequence, found);
                    }
                }
                EntryKind::LegalHoldSet => held.extend(marked(record.body.proved(&entry)?)?),
                EntryKind::LegalHoldReleased => {
                    for sequence in marked(record.body.proved(&entry)?)? {
                        held.remove(&sequence);
                    }
                }
                _ => {}
            }
        }
        size = block.end();
        progress.done(size);
    }
    if let Some(BlockEnd::Damaged { first_bad, why }) = blocks.end() {
        return Err(
            anyhow!("the log is damaged from sequence {first_bad} on: {why}; see `slagboom verify`").into()
        );
    }
    for sequence in held {
        if let Some(kept) = kept.get_mut(&sequence) {
            kept.is_held = true;
        }
    }
    Ok(Found { kept, size })
}

/// The day of the export, and whether it draws on a licence.
fn export_date(body: BodyState<'_>) -> (Option<Date>, bool) {
    let BodyState::Kept { body, .. } = body else { return (None, false) };
    let Ok((request, decision)) = Body::split(body) else { return (None, false) };
    let draws = effects(decision).is_some_and(|effects| !effects.holds.is_empty());
    (grpc::read_request(request).and_then(|request| request.export_date.parse().ok()), draws)
}

fn marked(body: BodyState<'_>) -> Result<Vec<u64>, Failure> {
    let BodyState::Kept { body, .. } = body else { return Ok(Vec::new()) };
    let (request, _) = Body::split(body)?;
    Ok(Marks::decode(request)?.sequences)
}

impl Due {
    fn run(self) -> Done {
        let today = self.period.on.map_or_else(today, Ok)?;
        let Found { kept, .. } = read(&self.folder, |kept| kept.is_due(&self.period, today))?;
        let due = kept.values().filter(|kept| kept.is_due(&self.period, today)).collect::<Vec<_>>();
        tell(&self.folder, "due", &due, &self.period)?;
        Ok(Exit::Fine)
    }
}

impl Holding {
    fn run(self, is_held: bool) -> Done {
        let ids = ids(&self.ids)?;
        let Found { kept, .. } = read(&self.folder, |kept| ids.contains(&kept.id))?;
        let chosen = choose(&kept, &ids)?;
        let marks =
            Marks { reason: self.reason, sequences: chosen.iter().map(|kept| kept.sequence).collect() };
        let key = LogKey { file: self.key, name: None };
        server::hold(&Options::new(&self.folder.data), &key, &System, &marks, is_held)
            .with_context(|| format!("the data folder `{}`", self.folder.data.display()))?;
        let period = Period { years: YEARS_DEFAULT, on: None };
        tell(&self.folder, if is_held { "held" } else { "released" }, &chosen, &period)?;
        Ok(Exit::Fine)
    }
}

impl Erasing {
    fn run(self) -> Done {
        let today = self.period.on.map_or_else(today, Ok)?;
        let ids = ids(&self.ids)?;
        let Found { kept, size } = read(&self.folder, |kept| {
            if self.due { kept.is_due(&self.period, today) } else { ids.contains(&kept.id) }
        })?;
        let chosen = if self.due {
            kept.values().filter(|kept| kept.is_due(&self.period, today)).collect()
        } else {
            choose(&kept, &ids)?
        };
        self.refuse_what_must_stay(&chosen, today)?;
        if !self.dry_run && !chosen.is_empty() {
            let key = LogKey { file: self.key.clone(), name: None };
            // Each chunk is an entry more.
            for (some, size) in chosen.chunks(MARKS_MAX).zip(size..) {
                let sequences = some.iter().map(|kept| kept.sequence).collect();
                let marks = Marks { reason: self.reason.clone(), sequences };
                let notices = server::erase(&Options::new(&self.folder.data), &key, &System, &marks, size)
                    .with_context(|| format!("the data folder `{}`", self.folder.data.display()))?;
                for notice in notices {
                    anstream::eprintln!("slagboom: {notice}");
                }
            }
        }
        tell(&self.folder, if self.dry_run { "would be erased" } else { "erased" }, &chosen, &self.period)?;
        Ok(Exit::Fine)
    }

    /// All of them or none: what is held, erased already or must still be kept is named.
    fn refuse_what_must_stay(&self, chosen: &[&Kept], today: Date) -> Result<(), Failure> {
        let mut refused = String::new();
        for kept in chosen {
            let why = match kept.until(self.period.years) {
                _ if kept.is_held => "is on legal hold".to_owned(),
                _ if kept.counts_on(today) => {
                    let years = LICENCE_YEARS;
                    format!("draws on a licence, whose balance would be lost: not before {years} full years")
                }
                None => "was erased before".to_owned(),
                Some(until) if until >= today && !self.before_due => format!("must be kept until {until}"),
                Some(_) => continue,
            };
            let _ = write!(refused, "\n  {} {why}", kept.id);
        }
        if refused.is_empty() { Ok(()) } else { Err(anyhow!("nothing was erased:{refused}").into()) }
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a reason is needed".to_owned()),
        text if text.len() > REASON_LENGTH_MAX => {
            Err(format!("a reason has {REASON_LENGTH_MAX} bytes at most, not {}", text.len()))
        }
        text => Ok(text.to_owned()),
    }
}

/// Reads ids; every text that is none is named.
fn ids(texts: &[String]) -> Result<BTreeSet<DecisionId>, Failure> {
    let (mut ids, mut wrong) = (BTreeSet::new(), Vec::new());
    for text in texts {
        match text.parse() {
            Ok(id) => drop(ids.insert(id)),
            Err(_) => wrong.push(format!("`{text}`")),
        }
    }
    if wrong.is_empty() {
        Ok(ids)
    } else {
        Err(Failure::new(Exit::Usage, anyhow!("no decision ids: {}", wrong.join(", "))))
    }
}

/// The decisions of these ids, in the order of the log; every one that is not there is named.
fn choose<'a>(kept: &'a BTreeMap<u64, Kept>, ids: &BTreeSet<DecisionId>) -> Result<Vec<&'a Kept>, Failure> {
    let unknown: Vec<String> = ids
        .iter()
        .filter(|id| kept.get(&id.sequence()).is_none_or(|kept| kept.id != **id))
        .map(ToString::to_string)
        .collect();
    if unknown.is_empty() {
        Ok(kept.values().collect())
    } else {
        Err(anyhow!("no such decision in this log: {}", unknown.join(", ")).into())
    }
}

fn tell(folder: &Folder, what: &str, kept: &[&Kept], period: &Period) -> Result<(), Failure> {
    let day = |day: Option<Date>| day.map(|day| day.to_string());
    match folder.format {
        Format::Json => {
            let rows: Vec<_> = kept
                .iter()
                .map(|kept| {
                    json!({
                        "sequence": kept.sequence,
                        "decision_id": kept.id.to_string(),
                        "export_date": day(kept.export),
                        "kept_until": day(kept.until(period.years)),
                        "held": kept.is_held,
                    })
                })
                .collect();
            print::json(&json!({ what.replace(' ', "_"): rows }))?;
        }
        Format::Human => {
            let mut out = String::new();
            for kept in kept {
                let _ = writeln!(
                    out,
                    "{}  export {}  kept until {}",
                    kept.id,
                    day(kept.export).unwrap_or_else(|| "(erased)".to_owned()),
                    day(kept.until(period.years)).unwrap_or_default()
                );
            }
            let _ = writeln!(out, "{} {what}", print::grouped(kept.len() as u64));
            print::out(&out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_kept_to_the_end_of_the_tenth_year() {
        let kept = |export: &str, is_held| Kept {
            sequence: 7,
            id: DecisionId::of(7, 0),
            export: Some(export.parse().unwrap()),
            is_held,
            draws: false,
        };
        let period = Period { years: 10, on: None };
        let day = |text: &str| text.parse::<Date>().unwrap();
        for export in ["2014-01-01", "2014-12-31"] {
            assert!(!kept(export, false).is_due(&period, day("2024-12-31")), "{export}");
            assert!(kept(export, false).is_due(&period, day("2025-01-01")), "{export}");
            assert!(!kept(export, true).is_due(&period, day("2099-01-01")), "{export}");
        }
        // However short the period is, what a licence still counts on is kept.
        let short = Period { years: 0, on: None };
        let drawing = Kept { draws: true, ..kept("2014-01-01", false) };
        assert!(!drawing.is_due(&short, day("2019-12-31")));
        assert!(drawing.is_due(&short, day("2020-01-01")));
        let erased = Kept { export: None, ..kept("2014-01-01", false) };
        assert!(!erased.is_due(&period, day("2099-01-01")));
    }
}
