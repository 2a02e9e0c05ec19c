//! `slagboom export`: the log for others to read.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::exit::{Done, Exit};
use super::print;
use super::progress::Progress;
use crate::archive::{Archive, export_tiles};

/// Writes the log as C2SP tlog-tiles, which `slagboom verify --log` and standard tools check.
///
/// Everything that the newest checkpoint covers is written; the checkpoint comes last, so that half an export is none.
/// Reads a data folder, also beside a running daemon, or an exported log.
#[derive(Args, Debug)]
pub struct Export {
    /// The folder of a daemon [default: ./slagboom-data]
    #[arg(long, value_name = "DIR", conflicts_with = "log")]
    data: Option<PathBuf>,
    /// An exported or copied log
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// A folder that is new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t)]
    format: Shape,
    /// Leave out requests and decisions, which name people; entries and proofs stay whole
    #[arg(long)]
    without_bodies: bool,
}

/// The shape of an export.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Shape {
    /// Tiles, entry bundles and checkpoint as C2SP tlog-tiles has them.
    #[default]
    Tiles,
}

impl Export {
    pub fn run(self) -> Done {
        let archive = match (&self.data, &self.log) {
            (_, Some(log)) => Archive::open(log)?,
            (data, None) => {
                Archive::open_data(data.as_deref().unwrap_or_else(|| Path::new("./slagboom-data")))?
            }
        };
        let mut progress = Progress::new("exporting", None);
        let exported = match self.format {
            Shape::Tiles => {
                export_tiles(&archive, &self.out, !self.without_bodies, |done, _| progress.done(done))?
            }
        };
        drop(progress);
        print::json(&json!({
            "out": self.out.display().to_string(),
            "size": exported.size,
            "root": exported.root.to_base64(),
            "not_yet_signed": exported.left,
            "files": exported.files,
        }))?;
        Ok(Exit::Fine)
    }
}
