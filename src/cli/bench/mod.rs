//! `slagboom bench`: the recorded check beside a null handler, alternating in one run.
//!
//! Both are daemons in processes of their own on the very same transport: the null handler decodes a request and answers
//! with a constant of the same size. What counts is the ratio, because both are measured on the same machine in the same
//! minutes; requests per second by themselves say more of the machine than of the program.

mod load;
mod report;
mod server;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use super::exit::{Done, Exit, Failure};
use super::{Format, print};
use crate::store::{Options, check_folder};
use load::{Shape, Workload};
use report::{Report, Round, Scenario};
pub use server::BenchServer;
use server::{Child, Kind};

/// Exit 0 when every answer was right and every record is in both copies afterwards, else 1. Figures decide nothing.
#[derive(Args, Debug)]
pub struct Bench {
    /// Seconds of each measurement
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Rounds, each one null and one recorded
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Serving threads of each daemon [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Make the data folder in this one, so that its disk is measured [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn seconds(text: &str) -> Result<f64, String> {
    let parsed: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.1..=600.0).contains(&parsed) { Ok(parsed) } else { Err("0.1 to 600 seconds".to_owned()) }
}

impl Bench {
    pub fn run(self) -> Done {
        let folder = match &self.dir {
            Some(dir) => {
                tempfile::tempdir_in(dir).with_context(|| format!("the folder `{}`", dir.display()))?
            }
            None => tempfile::tempdir()?,
        };
        let data = folder.path().join("data");
        let workload = Workload::new()?;
        let fdatasync = server::fdatasync_us(folder.path())?;
        let mut null = Child::start(Kind::Null, &data, self.threads)?;
        let mut recorded = Child::start(Kind::Recorded, &data, self.threads)?;
        let mut scenarios = Vec::new();
        for (name, shape) in Shape::ALL {
            anstream::eprintln!("measuring {name} …");
            let mut rounds = Vec::new();
            for _ in 0..self.rounds {
                let of_null = self.measure(&mut null, shape, &workload)?;
                let of_recorded = self.measure(&mut recorded, shape, &workload)?;
                rounds.push((of_null, of_recorded));
            }
            scenarios.push(Scenario { name, rounds });
        }
        null.stop()?;
        let counts = recorded.stop()?;
        let check = check_folder(&Options::new(&data))?;
        let report = Report { fdatasync, scenarios, counts, check };
        match self.format {
            Format::Json => print::json(&report.json())?,
            Format::Human => print::out(&report.human())?,
        }
        match report.fault() {
            None => Ok(Exit::Fine),
            Some(fault) => Err(Failure::new(Exit::No, anyhow!(fault))),
        }
    }

    fn measure(&self, child: &mut Child, shape: Shape, workload: &Arc<Workload>) -> Result<Round, Failure> {
        let before = child.spent()?;
        let measured =
            load::run(child.address(), shape, self.seconds, workload, child.kind() == Kind::Recorded)?;
        let after = child.spent()?;
        Ok(Round {
            measured,
            cpu_us: after.cpu_us.saturating_sub(before.cpu_us),
            batches: after.counts.batches.saturating_sub(before.counts.batches),
        })
    }
}
