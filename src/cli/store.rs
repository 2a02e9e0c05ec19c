//! `slagboom store`: the two copies of a log, looked over, made smaller and made anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Done, Exit, Failure};
use super::{Format, print};
use crate::server::grpc;
use crate::store::{Notice, Opened, Options, Store as Log, check_folder, compact_folder, remove_derived};

/// Looks after a data folder on which no daemon runs.
#[derive(Args, Debug)]
pub struct Store {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Compare the journal and the database record by record, to the last bit; mends nothing
    Check(Folder),
    /// Compress the closed segments of the journal, as the daemon does in the background
    Compact(Folder),
    /// Make the database and the hashes of the tree anew from the journal
    Rebuild(Folder),
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

impl Store {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Check(folder) => folder.check(),
            Verb::Compact(folder) => folder.compact(),
            Verb::Rebuild(folder) => folder.rebuild(),
        }
    }
}

impl Folder {
    fn check(self) -> Done {
        let report = check_folder(&self.options()?).with_context(|| self.named())?;
        match self.format {
            Format::Json => print::json(&json!({
                "ok": report.is_sound(),
                "size": report.size,
                "root": report.root.map(|root| root.to_base64()),
                "first_bad": report.first_bad,
                "problems": report.problems,
                "problem_count": report.problem_count,
            }))?,
            Format::Human => print::out(&format!("{report}\n"))?,
        }
        Ok(if report.is_sound() { Exit::Fine } else { Exit::No })
    }

    fn compact(self) -> Done {
        let report = compact_folder(&self.options()?).with_context(|| self.named())?;
        match self.format {
            Format::Json => print::json(&json!({
                "compressed": report.compressed,
                "already": report.already,
                "bytes_before": report.bytes_before,
                "bytes_after": report.bytes_after,
                "damaged": report.damaged,
            }))?,
            Format::Human => {
                let mut out = format!(
                    "{} segments compressed, {} were already; the journal takes {} bytes, it took {}\n",
                    report.compressed,
                    report.already,
                    print::grouped(report.bytes_after),
                    print::grouped(report.bytes_before)
                );
                for first in &report.damaged {
                    let _ = writeln!(out, "the segment of sequence {first} is damaged; a start mends it");
                }
                print::out(&out)?;
            }
        }
        Ok(if report.damaged.is_empty() { Exit::Fine } else { Exit::No })
    }

    fn rebuild(self) -> Done {
        let options = self.options()?;
        remove_derived(&options.dir).with_context(|| self.named())?;
        let Opened { store, writer, notices } =
            Log::open(&options, grpc::derive).with_context(|| self.named())?;
        // What was mended in the journal before is news; that the database was made anew is what was asked for.
        let news = notices.iter().filter(|notice| !matches!(notice, Notice::DatabaseRebuilt { .. }));
        for notice in news {
            anstream::eprintln!("slagboom: {notice}");
        }
        let (size, root) = (store.size(), store.root());
        drop((store, writer));
        match self.format {
            Format::Json => print::json(&json!({ "size": size, "root": root.to_base64() }))?,
            Format::Human => {
                let size = print::grouped(size);
                print::out(&format!("made anew from {size} entries, root {}\n", root.to_base64()))?;
            }
        }
        Ok(Exit::Fine)
    }

    fn options(&self) -> Result<Options, Failure> {
        if self.data.join("journal").is_dir() {
            Ok(Options::new(&self.data))
        } else {
            Err(anyhow!("there is no log in `{}`", self.data.display()).into())
        }
    }

    fn named(&self) -> String {
        format!("the data folder `{}`", self.data.display())
    }
}
