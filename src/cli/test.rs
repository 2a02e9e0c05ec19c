//! `slagboom test`: worked cases through the same engine as every request.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::exit::{Done, Exit};
use super::{Format, print, rules};
use crate::cases::{CaseMismatch, CaseReport, run_bundle_cases, run_file};

/// Exit 0 when all pass, 4 when one fails, 2 when a file cannot be read, 3 when the rulebook does not compile.
#[derive(Args, Debug)]
pub struct Test {
    /// Case files; the cases that the rulebook carries itself when none is given
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the rulebook [default: the built-in one]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct Report<'a> {
    total: usize,
    passed: usize,
    failed: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    id: &'a str,
    field: &'a str,
    expected: &'a str,
    got: &'a str,
}

impl Test {
    pub fn run(self) -> Done {
        let book = rules::load(self.rules.as_deref())?;
        let mut report = CaseReport::default();
        if self.files.is_empty() {
            report = run_bundle_cases(&book);
        }
        for path in &self.files {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let name = path.display().to_string();
            let of_file = run_file(&book, &name, &text)
                .map_err(|diagnostics| rules::no_cases(&name, &text, &diagnostics))?;
            report.add(of_file);
        }
        match self.format {
            Format::Json => print::json(&Report {
                total: report.total,
                passed: report.passed,
                failed: report.failed.iter().map(Row::of).collect(),
            })?,
            Format::Human => print::out(&human(&report))?,
        }
        Ok(if report.failed.is_empty() { Exit::Fine } else { Exit::TestsFail })
    }
}

impl<'a> Row<'a> {
    fn of(mismatch: &'a CaseMismatch) -> Self {
        Self {
            file: &mismatch.file,
            id: &mismatch.id,
            field: &mismatch.field,
            expected: &mismatch.expected,
            got: &mismatch.got,
        }
    }
}

fn human(report: &CaseReport) -> String {
    let mut text = String::new();
    let mut last = None;
    for mismatch in &report.failed {
        if last != Some((&mismatch.file, &mismatch.id)) {
            let _ =
                writeln!(text, "{} {} {}", print::bad("FAILED"), print::bold(&mismatch.id), mismatch.title);
            let _ = writeln!(text, "       {}", print::dim(&mismatch.file));
            last = Some((&mismatch.file, &mismatch.id));
        }
        let _ =
            writeln!(text, "       {}: expected {}, got {}", mismatch.field, mismatch.expected, mismatch.got);
    }
    let _ = writeln!(text, "{} passed, {} failed", report.passed, report.total - report.passed);
    text
}
