//! `slagboom lint`: everything that is wrong with a rulebook folder.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::exit::{Done, Exit};
use super::{Format, print, rules};
use crate::rulebook::{Diagnostic, Severity, compile};

/// Exit 0 when it compiles (warnings may be said), 3 when it does not, 2 when the folder cannot be read.
#[derive(Args, Debug)]
pub struct Lint {
    /// Folder of the rulebook
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// A diagnostic as JSON.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    help: Option<&'a str>,
}

impl Lint {
    pub fn run(self) -> Done {
        let bundle = rules::bundle(Some(&self.folder))?;
        let compiled = compile(bundle.clone());
        match self.format {
            Format::Json => print::json(&compiled.diagnostics.iter().map(Row::of).collect::<Vec<_>>())?,
            Format::Human => {
                for diagnostic in &compiled.diagnostics {
                    rules::tell(diagnostic, bundle.text(&diagnostic.file));
                }
                let summary = match &compiled.rulebook {
                    Some(book) => format!(
                        "{} {}: {} rules in {} versions, {} goods lists, {} party lists, digest {}\n",
                        book.name,
                        book.version,
                        book.rule_ids().len(),
                        book.rules.len(),
                        book.goods.declared().count(),
                        book.party_lists.len(),
                        book.digest
                    ),
                    None => {
                        format!("{} remarks; the rulebook does not compile\n", compiled.diagnostics.len())
                    }
                };
                print::out(&summary)?;
            }
        }
        Ok(if compiled.rulebook.is_some() { Exit::Fine } else { Exit::DoesNotCompile })
    }
}

impl<'a> Row<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        Self {
            file: &diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
            code: diagnostic.code,
            severity: match diagnostic.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            },
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
        }
    }
}
