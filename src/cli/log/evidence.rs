//! `slagboom log evidence`: one decision with all that proves it, as files.

use std::fs::{self, DirBuilder, File};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::Source;
use crate::cli::client;
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::print;

#[derive(Args, Debug)]
pub struct EvidenceOf {
    /// Id of the decision
    #[arg(value_name = "ID")]
    id: String,
    /// A folder that is new or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    source: Source,
}

impl EvidenceOf {
    pub fn run(self) -> Done {
        let files = client::runtime()?
            .block_on(async { self.source.records().await?.evidence(self.id.clone()).await })?;
        let write = |path: &Path| format!("cannot write `{}`", path.display());
        // The request names people: the folder is for its owner alone.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.out).with_context(|| write(&self.out))?;
        if fs::read_dir(&self.out).with_context(|| write(&self.out))?.next().is_some() {
            return Err(
                anyhow!("`{}` is not empty; give a folder that is new or empty", self.out.display()).into()
            );
        }
        // The README comes last: a folder with one is whole.
        for file in files.iter().rev() {
            let path = self.out.join(within(&file.path)?);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(|| write(folder))?;
            }
            let written = File::create_new(&path).and_then(|mut to| to.write_all(&file.content));
            written.with_context(|| write(&path))?;
        }
        print::out(&format!("{}\n", self.out.join("README.md").display()))?;
        Ok(Exit::Fine)
    }
}

/// A path that a daemon sent must stay below the folder.
fn within(path: &str) -> Result<&Path, Failure> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    if is_plain && !path.is_empty() {
        Ok(Path::new(path))
    } else {
        Err(anyhow!("the daemon sent a file outside of its package: `{path}`").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_stays_below_the_folder() {
        assert!(within("rulebook/acts/833-2014.yaml").is_ok());
        for outside in ["", "/etc/passwd", "../up", "a/../../b", "a/./b/.."] {
            assert!(within(outside).is_err(), "{outside}");
        }
    }
}
