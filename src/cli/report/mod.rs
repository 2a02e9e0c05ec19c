//! `slagboom report`: what the register comes to.

mod drawdown;
mod licences;
mod owed;

use anyhow::anyhow;
use clap::{Args, Subcommand, ValueEnum};

use self::drawdown::Drawdown;
use self::licences::Licences;
use self::owed::{Duties, Incidents};
use super::exit::{Done, Failure};

/// Counts and sums over the register of licences.
#[derive(Args, Debug)]
pub struct Report {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Licences granted: how many, worth what, and what of it could still be used on a day
    Licences(Licences),
    /// What each line of licences came to at a moment: granted, reserved, written off, given back, left
    Drawdown(Drawdown),
    /// Shipments that an officer must look at
    Incidents(Incidents),
    /// What holders owe the authority: notices of first use, half-yearly reports, unused licences
    Duties(Duties),
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
    /// For sheets.
    Csv,
}

impl Report {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Licences(licences) => licences.run(),
            Verb::Drawdown(drawdown) => drawdown.run(),
            Verb::Incidents(incidents) => incidents.run(),
            Verb::Duties(duties) => duties.run(),
        }
    }
}

/// A table for sheets.
fn sheet(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<String, Failure> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(header)?;
    for row in rows {
        table.write_record(&row)?;
    }
    let bytes = table.into_inner().map_err(|fault| anyhow!("{fault}"))?;
    Ok(String::from_utf8(bytes)?)
}
