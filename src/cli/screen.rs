//! `slagboom screen`: names on standard input against lists of parties.

use std::io::{BufRead, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::exit::{Done, Exit, Failure};
use crate::domain::period::parse_date;
use crate::screening::list::{self, PartyFile};
use crate::screening::{
    Agreement, Birth, Effort, Hit, Identifier, PartyKind, Query, SCORE_MIN, Scratch, Screener, country_of,
    evidence,
};

/// Screens names, one JSON object a line on standard input, against lists of parties.
///
/// A query is `{"id", "name", "type"?, "country"?, "dob"?, "identifiers"?, "date"?}`. Each answer is one JSON line:
/// `uid` is the best candidate at any score or null, `hit` says whether it reaches the threshold, and `us` is the
/// microseconds of the query.
#[derive(Args, Debug)]
pub struct Screen {
    /// A list of parties, plain or gzip; may be given several times
    #[arg(long = "list", value_name = "FILE", required = true, num_args = 1..)]
    lists: Vec<PathBuf>,
    /// Candidates shown for each query
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
    /// Compare every listed word instead of using the index: slow, and the measure of the index
    #[arg(long)]
    exhaustive: bool,
    /// Use a list although some of its rows cannot be read
    #[arg(long)]
    allow_bad_rows: bool,
}

/// Longest line of standard input, in bytes: a name of 10 kB fits, a file without line ends does not.
const LINE_MAX: usize = 1 << 20;

#[derive(Deserialize)]
struct QueryDoc {
    id: serde_json::Value,
    #[serde(default)]
    name: String,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    dob: Option<String>,
    #[serde(default)]
    identifiers: Vec<String>,
    #[serde(default)]
    date: Option<String>,
}

#[derive(Serialize)]
struct AnswerDoc<'a> {
    id: &'a serde_json::Value,
    uid: Option<&'a str>,
    score: f64,
    hit: bool,
    us: f64,
    hits: Vec<HitDoc<'a>>,
}

#[derive(Serialize)]
struct HitDoc<'a> {
    uid: &'a str,
    list: &'a str,
    score: f64,
    name: &'a str,
    kind: &'static str,
    quality: &'static str,
    why: String,
    words: Vec<WordDoc<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    query_rest: &'a [Box<str>],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    list_rest: &'a [Box<str>],
    country: &'static str,
    birth: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_until: Option<String>,
}

#[derive(Serialize)]
struct WordDoc<'a> {
    query: &'a str,
    listed: &'a str,
    relation: &'static str,
    alike: f64,
    bits: f64,
}

impl Screen {
    pub fn run(self) -> Done {
        screen(&self)
    }
}

/// Answers on standard output, talk on standard error.
fn screen(args: &Screen) -> Done {
    let mut files = Vec::with_capacity(args.lists.len());
    for path in &args.lists {
        files.push(read_list(path, args.allow_bad_rows)?);
    }
    let screener = Screener::new(list::combine(files));
    if screener.names() == 0 {
        return Err(anyhow!("the lists hold no name; an empty list would clear everyone").into());
    }
    anstream::eprintln!("{} parties, {} names", screener.parties(), screener.names());
    let effort = if args.exhaustive { Effort::Exhaustive } else { Effort::Indexed };
    let mut scratch = Scratch::default();
    let mut input = std::io::stdin().lock();
    let mut output = BufWriter::new(std::io::stdout().lock());
    let (mut line, mut number) = (Vec::new(), 0usize);
    loop {
        line.clear();
        let read = std::io::Read::take(&mut input, LINE_MAX as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        number += 1;
        if read > LINE_MAX {
            return Err(anyhow!("line {number} is longer than {LINE_MAX} bytes").into());
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let doc: QueryDoc =
            serde_json::from_slice(&line).with_context(|| format!("line {number} is not a query"))?;
        let day = doc
            .date
            .as_deref()
            .map(parse_date)
            .transpose()
            .with_context(|| format!("line {number}: date"))?;
        let identifiers: Vec<Identifier> =
            doc.identifiers.iter().filter_map(|text| Identifier::parse(text)).collect();
        let query = Query {
            name: &doc.name,
            kind: doc.kind.as_deref().map_or(PartyKind::Unknown, PartyKind::parse),
            country: doc.country.as_deref().and_then(country_of),
            birth: doc.dob.as_deref().and_then(Birth::parse),
            identifiers: &identifiers,
            day,
        };
        let started = std::time::Instant::now();
        let hits = screener.screen(&query, effort, usize::from(args.limit), &mut scratch);
        let took = started.elapsed();
        serde_json::to_writer(&mut output, &answer(&doc.id, &hits, took))?;
        output.write_all(b"\n")?;
    }
    output.flush()?;
    Ok(Exit::Fine)
}

fn read_list(path: &PathBuf, allow_bad_rows: bool) -> Result<PartyFile, Failure> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let stem = name.split('.').next().unwrap_or_default();
    let file = list::read(stem, &bytes).with_context(|| format!("`{}`", path.display()))?;
    for bad in &file.bad_rows {
        anstream::eprintln!("{}: {bad}", path.display());
    }
    if !file.bad_rows.is_empty() && !allow_bad_rows {
        return Err(anyhow!("`{}` has {} rows that cannot be read; a list with rows left out clears whoever stands in them (--allow-bad-rows uses it all the same)",
            path.display(),
            file.bad_rows.len()).into());
    }
    Ok(file)
}

fn answer<'a>(id: &'a serde_json::Value, hits: &'a [Hit<'a>], took: std::time::Duration) -> AnswerDoc<'a> {
    let first = hits.first();
    AnswerDoc {
        id,
        uid: first.map(|hit| hit.uid),
        score: first.map_or(0.0, |hit| rounded(hit.score)),
        hit: first.is_some_and(|hit| hit.score >= SCORE_MIN),
        us: tenths(took),
        hits: hits.iter().map(shown).collect(),
    }
}

fn shown<'a>(hit: &'a Hit<'a>) -> HitDoc<'a> {
    HitDoc {
        uid: hit.uid,
        list: hit.list,
        score: rounded(hit.score),
        name: hit.name,
        kind: hit.kind.as_str(),
        quality: hit.quality.as_str(),
        why: evidence(hit),
        words: hit
            .words
            .iter()
            .map(|word| WordDoc {
                query: &word.query,
                listed: &word.listed,
                relation: word.relation.as_str(),
                alike: rounded(word.alike),
                bits: rounded(word.weight),
            })
            .collect(),
        query_rest: &hit.query_rest,
        list_rest: &hit.list_rest,
        country: agreement(hit.country),
        birth: agreement(hit.birth),
        listed_from: hit.listed.from.map(|day| day.to_string()),
        listed_until: hit.listed.until.map(|day| day.to_string()),
    }
}

const fn agreement(agreement: Agreement) -> &'static str {
    match agreement {
        Agreement::Unknown => "unknown",
        Agreement::Agrees => "agrees",
        Agreement::Near => "near",
        Agreement::Differs => "differs",
    }
}

/// Microseconds with one place.
#[expect(clippy::float_arithmetic, reason = "a figure for people")]
fn tenths(took: std::time::Duration) -> f64 {
    (took.as_secs_f64() * 1e7).round() / 10.0
}

/// Four places; the threshold is compared before rounding.
#[expect(clippy::float_arithmetic, reason = "a figure for people")]
fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
