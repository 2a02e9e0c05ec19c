//! Loading a rulebook for a verb.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, anyhow};
use miette::{LabeledSpan, MietteDiagnostic, NamedSource, Report};

use super::exit::{Exit, Failure};
use crate::rulebook::{Bundle, Diagnostic, Rulebook, Severity, compile};

/// Reads the folder, or takes the built-in rulebook.
pub fn bundle(folder: Option<&Path>) -> Result<Bundle, Failure> {
    match folder {
        None => Ok(Bundle::built_in()),
        Some(folder) => {
            Ok(Bundle::read(folder).with_context(|| format!("the rulebook in `{}`", folder.display()))?)
        }
    }
}

/// Reads and compiles; a rulebook that does not compile is told on standard error and ends the verb with 3.
pub fn load(folder: Option<&Path>) -> Result<Rulebook, Failure> {
    let bundle = bundle(folder)?;
    let compiled = compile(bundle.clone());
    if let Some(rulebook) = compiled.rulebook {
        return Ok(rulebook);
    }
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let mut count = 0;
    for diagnostic in compiled.diagnostics.iter().filter(is_error) {
        tell(diagnostic, bundle.text(&diagnostic.file));
        count += 1;
    }
    Err(Failure::new(Exit::DoesNotCompile, anyhow!("the rulebook does not compile: {count} errors")))
}

/// Says what is wrong with a file of cases.
pub fn no_cases(name: &str, text: &str, diagnostics: &[Diagnostic]) -> Failure {
    for diagnostic in diagnostics {
        tell(diagnostic, Some(text));
    }
    Failure::new(Exit::CannotRun, anyhow!("`{name}` is not a file of cases"))
}

/// Says a diagnostic on standard error: drawn on a terminal, one line elsewhere.
pub fn tell(diagnostic: &Diagnostic, text: Option<&str>) {
    match text.filter(|_| std::io::stderr().is_terminal()) {
        Some(text) => anstream::eprintln!("{:?}", drawn(diagnostic, text)),
        None => anstream::eprintln!("{diagnostic}"),
    }
}

fn drawn(diagnostic: &Diagnostic, text: &str) -> Report {
    let severity = match diagnostic.severity {
        Severity::Warning => miette::Severity::Warning,
        Severity::Error => miette::Severity::Error,
    };
    let mut drawing =
        MietteDiagnostic::new(diagnostic.message.clone()).with_code(diagnostic.code).with_severity(severity);
    if let Some(help) = &diagnostic.help {
        drawing = drawing.with_help(help.clone());
    }
    let lines = text.split_inclusive('\n');
    let before: usize = lines.take(diagnostic.line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(before..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let column: usize = line.chars().take(diagnostic.column.saturating_sub(1)).map(char::len_utf8).sum();
    let rest = line.get(column..).unwrap_or_default();
    let word = rest.find([' ', ',', ']', '}']).unwrap_or(rest.len()).max(1);
    drawing = drawing.with_label(LabeledSpan::at(before + column..before + column + word, "here"));
    Report::new(drawing).with_source_code(NamedSource::new(&diagnostic.file, text.to_owned()))
}
