//! `slagboom key`: the key that signs the log.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Done, Exit, Failure};
use super::{Format, print};
use crate::clock::System;
use crate::ledger::{KeyName, Verifier};
use crate::server;
use crate::service::LogKey;
use crate::store::{KeyFiles, Options};

/// Makes, shows and rotates the key that signs the log.
#[derive(Args, Debug)]
pub struct Key {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the key of a new log, before the first start; without it, `serve` makes one
    New(New),
    /// Show the public keys of a log, the oldest first; the last one signs
    Show(Folder),
    /// Let a new key follow the one that signs now; no daemon may run on the folder
    Rotate(Place),
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

#[derive(Args, Debug)]
struct Place {
    #[command(flatten)]
    folder: Folder,
    /// File of the secret key [default: in the data folder]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct New {
    #[command(flatten)]
    place: Place,
    /// Name of the log: an address without its scheme, such as `exporter.example/log`; it stays for ever
    #[arg(long, value_name = "NAME")]
    name: String,
}

impl Key {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::New(new) => new.run(),
            Verb::Show(folder) => folder.show(),
            Verb::Rotate(place) => place.rotate(),
        }
    }
}

impl New {
    fn run(self) -> Done {
        let name: KeyName =
            self.name.parse().map_err(|fault| Failure::new(Exit::Usage, anyhow!("{fault}")))?;
        let Place { folder, key } = self.place;
        let verifier = server::make_key(&Options::new(&folder.data), key.as_deref(), &name)
            .with_context(|| format!("the data folder `{}`", folder.data.display()))?;
        folder.tell(&[verifier])
    }
}

impl Place {
    fn rotate(self) -> Done {
        let Place { folder, key } = self;
        if !folder.data.exists() {
            return Err(anyhow!("there is no data folder `{}`", folder.data.display()).into());
        }
        let key = LogKey { file: key, name: None };
        let verifiers = server::rotate_key(&Options::new(&folder.data), &key, &System)
            .with_context(|| format!("the data folder `{}`", folder.data.display()))?;
        folder.tell(&verifiers)
    }
}

impl Folder {
    fn show(self) -> Done {
        let verifiers = KeyFiles::of(&self.data, None).verifiers()?;
        if verifiers.is_empty() {
            return Err(anyhow!("the data folder `{}` has no key yet", self.data.display()).into());
        }
        self.tell(&verifiers)
    }

    fn tell(&self, verifiers: &[Verifier]) -> Done {
        match self.format {
            Format::Json => {
                let keys: Vec<String> = verifiers.iter().map(ToString::to_string).collect();
                print::json(&json!({ "keys": keys, "signs": keys.last() }))?;
            }
            Format::Human => {
                let mut out = String::new();
                for verifier in verifiers {
                    let _ = writeln!(out, "{verifier}");
                }
                print::out(&out)?;
                anstream::eprintln!(
                    "keep the public key where nobody who can write the data folder can: it proves the log"
                );
            }
        }
        Ok(Exit::Fine)
    }
}
