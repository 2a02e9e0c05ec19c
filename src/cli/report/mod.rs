//! `slagboom report`: what the register comes to.

mod licences;

use clap::{Args, Subcommand};

use self::licences::Licences;
use super::exit::Done;

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
}

impl Report {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Licences(licences) => licences.run(),
        }
    }
}
