//! `slagboom verify`: a log checked from its files, by somebody who trusts nobody.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use anyhow::{Context, anyhow};
use clap::Args;
use serde_json::json;

use super::exit::{Done, Exit, Failure};
use super::progress::Progress;
use super::{Format, print};
use crate::archive::{Archive, Given, Report, VerifyOptions, verify, verify_receipts};
use crate::ledger::{RECEIPT_LENGTH_MAX, Verifier};
use crate::store::{KEYS_LENGTH_MAX, parse_verifiers, read_file, read_text};

/// Where a daemon keeps its data when nothing else is said.
const DATA_DEFAULT: &str = "./slagboom-data";

/// Rehashes a log and checks everything that was signed, without a daemon and without its database.
///
/// Reads a data folder, also beside a running daemon, or an exported log. With --receipt and neither of them, checks the
/// receipt by itself: file and key are all that is needed.
///
/// Exit codes: 0 nothing is wrong, 1 something is, 2 there is nothing to verify.
#[derive(Args, Debug)]
pub struct Verify {
    /// The folder of a daemon [default: ./slagboom-data]
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// An exported or copied log
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Public key of the log that you keep, or a file of such keys; later keys are followed from there
    #[arg(long, value_name = "KEY")]
    vkey: Vec<String>,
    /// Receipt that must hold (a `.tlog-proof` file)
    #[arg(long, value_name = "FILE")]
    receipt: Vec<PathBuf>,
    /// Checkpoint kept from earlier that the log must continue
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Public key of a witness, or a file of such keys
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// How many of the witnesses must have cosigned
    #[arg(long, value_name = "N", default_value_t = 0)]
    quorum: usize,
    /// Threads that hash [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Verify {
    pub fn run(self) -> Done {
        let given = Given { keys: keys(&self.vkey)?, witnesses: keys(&self.witness)?, quorum: self.quorum };
        let receipts = read_all(&self.receipt)?;
        if self.data.is_none() && self.log.is_none() && !receipts.is_empty() {
            if !self.checkpoint.is_empty() {
                let why = "a checkpoint is held against a log: --data DIR or --log DIR";
                return Err(Failure::new(Exit::Usage, anyhow!(why)));
            }
            if given.keys.is_empty() {
                let why = "a receipt by itself needs the public key of its log: --vkey KEY";
                return Err(Failure::new(Exit::Usage, anyhow!(why)));
            }
            return self.tell(&verify_receipts(&receipts, &given), true);
        }
        let archive = match (&self.data, &self.log) {
            (_, Some(log)) => Archive::open(log)?,
            (data, None) => Archive::open_data(data.as_deref().unwrap_or_else(|| Path::new(DATA_DEFAULT)))?,
        };
        let threads =
            self.threads.unwrap_or_else(|| available_parallelism().map_or(1, usize::from)).clamp(1, 256);
        let checkpoints = read_all(&self.checkpoint)?;
        let options = VerifyOptions { given, checkpoints, receipts, threads };
        let mut progress = Progress::new("verifying", Some(archive.size_claimed()?));
        let report = verify(&archive, &options, |done| progress.done(done))?;
        drop(progress);
        if report.size == 0 && report.checkpoints == 0 {
            let dir = archive.dir().display().to_string();
            return Err(anyhow!("there is nothing to verify: the log in `{dir}` has no entries").into());
        }
        self.tell(&report, false)
    }

    fn tell(&self, report: &Report, alone: bool) -> Done {
        match self.format {
            Format::Json => print::json(&as_json(report))?,
            Format::Human => print::out(&human(report, alone))?,
        }
        Ok(if report.is_ok() { Exit::Fine } else { Exit::No })
    }
}

/// Public keys, each given as itself or in a file.
pub fn keys(given: &[String]) -> Result<Vec<Verifier>, Failure> {
    let mut keys = Vec::new();
    for text in given {
        match text.parse::<Verifier>() {
            Ok(key) => keys.push(key),
            Err(fault) if Path::new(text).is_file() => {
                let path = Path::new(text);
                let lines =
                    read_text(path, KEYS_LENGTH_MAX).with_context(|| format!("cannot read `{text}`"))?;
                let found = parse_verifiers(path, &lines)?;
                if found.is_empty() {
                    return Err(anyhow!(fault).context(format!("`{text}` holds no key")).into());
                }
                keys.extend(found);
            }
            Err(fault) => {
                return Err(Failure::new(Exit::Usage, anyhow!("{fault}, and no file of such keys")));
            }
        }
    }
    Ok(keys)
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let mut read = Vec::with_capacity(paths.len());
    for path in paths {
        let bytes = read_file(path, RECEIPT_LENGTH_MAX)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        read.push((path.clone(), bytes));
    }
    Ok(read)
}

fn as_json(report: &Report) -> serde_json::Value {
    json!({
        "ok": report.is_ok(),
        "size": report.size,
        "root": report.root.to_base64(),
        "first_bad": report.first_bad,
        "problems": report.problems,
        "problem_count": report.problem_count,
        "notes": report.notes,
        "proved": report.proved,
        "checkpoints": report.checkpoints,
        "receipts": report.receipts,
        "bodies": {
            "kept": report.bodies_kept,
            "erased": report.bodies_erased,
            "not_given": report.bodies_not_given,
        },
        "witnesses": report.witnesses,
        "witnessed": report.witnessed,
    })
}

fn counted(count: usize, what: &str, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {what} {one}") } else { format!("{count} {what}s {many}") }
}

pub fn human(report: &Report, alone: bool) -> String {
    let mut out = String::new();
    let verdict = if report.is_ok() { print::good("sound") } else { print::bad("NOT SOUND") };
    if alone {
        let _ = writeln!(out, "{verdict}: {}", counted(report.receipts, "receipt", "holds", "hold"));
        let _ = writeln!(out, "  checkpoint {} entries, root {}", report.size, report.root.to_base64());
    } else {
        let _ = writeln!(out, "{verdict}: {} entries, root {}", report.size, report.root.to_base64());
        let _ = writeln!(
            out,
            "  {}, {}; a signature proves the first {} entries",
            counted(report.checkpoints, "checkpoint", "holds", "hold"),
            counted(report.receipts, "receipt", "holds", "hold"),
            report.proved
        );
        let _ = writeln!(
            out,
            "  bodies: {} as committed to, {} erased, {} not given",
            report.bodies_kept, report.bodies_erased, report.bodies_not_given
        );
    }
    if !report.witnesses.is_empty() {
        let names = report.witnesses.join(", ");
        let _ = writeln!(out, "  the first {} entries are cosigned by {names}", report.witnessed);
    }
    for note in &report.notes {
        let _ = writeln!(out, "  {} {note}", print::dim("note:"));
    }
    if let Some(first) = report.first_bad {
        let _ = writeln!(out, "  {} {first}", print::bad("first bad entry:"));
    }
    for problem in &report.problems {
        let _ = writeln!(out, "  {} {problem}", print::bad("✗"));
    }
    if report.problem_count > report.problems.len() as u64 {
        let _ = writeln!(out, "  and {} more", report.problem_count - report.problems.len() as u64);
    }
    out
}
