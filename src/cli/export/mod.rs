//! `slagboom export`: the log for others to read.

#[cfg(feature = "daemon")]
mod told;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::exit::{Done, Exit, Failure};
use super::print;
use super::progress::Progress;
use crate::archive::{Archive, export_tiles};

/// Writes the log for others: as C2SP tlog-tiles, which `slagboom verify --log` and standard tools check, as JSON lines,
/// or as a table.
///
/// Tiles hold everything that the newest checkpoint covers; the checkpoint is written last, so that half an export is
/// none. JSON lines and the table hold every whole entry. Reads a data folder, also beside a running daemon, or an
/// exported log.
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
    /// With tiles: leave out requests and decisions, which name people; entries and proofs stay whole
    #[arg(long)]
    without_bodies: bool,
}

/// The shape of an export.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Shape {
    /// Tiles, entry bundles and checkpoint as C2SP tlog-tiles has them.
    #[default]
    Tiles,
    /// `log.jsonl`: a line of JSON for each entry.
    #[cfg(feature = "daemon")]
    Jsonl,
    /// `decisions.csv`: a row for each decision; a cell that a spreadsheet would take for a formula begins with `'`.
    #[cfg(feature = "daemon")]
    Csv,
}

impl Export {
    pub fn run(self) -> Done {
        let archive = match (&self.data, &self.log) {
            (_, Some(log)) => Archive::open(log)?,
            (data, None) => {
                Archive::open_data(data.as_deref().unwrap_or_else(|| Path::new("./slagboom-data")))?
            }
        };
        if self.without_bodies && self.format != Shape::Tiles {
            let why = "--without-bodies is for tiles: JSON lines and tables are made of bodies";
            return Err(Failure::new(Exit::Usage, anyhow::anyhow!(why)));
        }
        let mut progress = Progress::new("exporting", None);
        let out = self.out.display().to_string();
        let told = match self.format {
            Shape::Tiles => {
                let exported =
                    export_tiles(&archive, &self.out, !self.without_bodies, |done, _| progress.done(done))?;
                json!({
                    "out": out,
                    "size": exported.size,
                    "root": exported.root.to_base64(),
                    "not_yet_signed": exported.left,
                    "files": exported.files,
                })
            }
            #[cfg(feature = "daemon")]
            Shape::Jsonl => {
                let size =
                    self.write("log.jsonl", |to| told::jsonl(&archive, to, |done| progress.done(done)))?;
                json!({ "out": out, "size": size, "files": 1 })
            }
            #[cfg(feature = "daemon")]
            Shape::Csv => {
                let size =
                    self.write("decisions.csv", |to| told::csv(&archive, to, |done| progress.done(done)))?;
                json!({ "out": out, "size": size, "files": 1 })
            }
        };
        drop(progress);
        print::json(&told)?;
        Ok(Exit::Fine)
    }

    /// Writes one file to the folder: under another name until it is whole.
    #[cfg(feature = "daemon")]
    fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut std::io::BufWriter<std::fs::File>) -> Result<u64, anyhow::Error>,
    ) -> Result<u64, Failure> {
        use std::fs::{DirBuilder, OpenOptions, read_dir, remove_file, rename};
        use std::io::{BufWriter, Write};
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

        use anyhow::{Context, anyhow};

        // Requests name people: folder and file are for their owner alone.
        let failed = || format!("cannot write to `{}`", self.out.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.out).with_context(failed)?;
        if read_dir(&self.out).with_context(failed)?.next().is_some() {
            return Err(
                anyhow!("`{}` is not empty; give a folder that is new or empty", self.out.display()).into()
            );
        }
        let beside = self.out.join(format!("{name}.part"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let mut to = BufWriter::new(file.with_context(failed)?);
        let written = write(&mut to).and_then(|size| {
            to.flush()?;
            to.get_ref().sync_all()?;
            Ok(size)
        });
        match written {
            Ok(size) => {
                rename(&beside, self.out.join(name)).with_context(failed)?;
                Ok(size)
            }
            Err(fault) => {
                // What is half there would look like an export; an error means that it is gone already.
                let _ = remove_file(&beside);
                Err(fault.into())
            }
        }
    }
}
