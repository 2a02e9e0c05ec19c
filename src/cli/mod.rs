//! The command line, one file a verb.
//!
//! Others script against it: exit codes are those of [`Exit`], data goes to standard output, talk to standard error.

#[cfg(feature = "daemon")]
mod answer;
#[cfg(feature = "daemon")]
mod bench;
#[cfg(feature = "daemon")]
mod check;
#[cfg(feature = "daemon")]
mod client;
#[cfg(feature = "daemon")]
mod daemon;
#[cfg(feature = "daemon")]
mod demo;
mod exit;
mod export;
#[cfg(feature = "daemon")]
mod filter;
#[cfg(feature = "daemon")]
mod input;
#[cfg(feature = "daemon")]
mod key;
#[cfg(feature = "daemon")]
mod licence;
mod lint;
#[cfg(feature = "daemon")]
mod log;
#[cfg(feature = "daemon")]
mod place;
mod print;
mod progress;
#[cfg(feature = "daemon")]
mod rates;
#[cfg(feature = "daemon")]
mod replay;
#[cfg(feature = "daemon")]
mod report;
#[cfg(feature = "daemon")]
mod retention;
mod rules;
#[cfg(feature = "daemon")]
mod screen;
#[cfg(feature = "daemon")]
mod serve;
#[cfg(feature = "daemon")]
mod store;
mod test;
#[cfg(feature = "daemon")]
mod token;
mod verify;
#[cfg(feature = "daemon")]
mod witness;

use clap::{Parser, Subcommand, ValueEnum};

pub use exit::Exit;

/// Export-control decisions: may this export go, and on what legal ground?
///
/// Exit codes: 0 fine, 1 the answer is no, 2 cannot run, 3 the rulebook does not compile, 4 rulebook tests fail,
/// 64 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "slagboom", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the product at work: a daemon, the shipped examples over real gRPC, the log checked
    #[cfg(feature = "daemon")]
    Demo(demo::Demo),
    /// Run the daemon
    #[cfg(feature = "daemon")]
    Serve(serve::Serve),
    /// Decide requests from files: in place and unrecorded, or by a daemon
    #[cfg(feature = "daemon")]
    Check(check::Check),
    /// Run worked cases through the engine
    Test(test::Test),
    /// Say everything that is wrong with a rulebook folder
    Lint(lint::Lint),
    /// Keep the register of licences: import, amend, list, show, suspend, lift, revoke, return, register, correct
    #[cfg(feature = "daemon")]
    Licence(licence::Licence),
    /// Screen names on standard input against lists of parties
    #[cfg(feature = "daemon")]
    Screen(screen::Screen),
    /// Find recorded decisions again
    #[cfg(feature = "daemon")]
    Log(log::Log),
    /// Check a log from its files: entries, bodies, checkpoints, signatures, receipts
    Verify(verify::Verify),
    /// Write the log for others to read
    Export(export::Export),
    /// Make, show or rotate the key that signs the log
    #[cfg(feature = "daemon")]
    Key(key::Key),
    /// Make, list or revoke the tokens that callers of the daemon are known by
    #[cfg(feature = "daemon")]
    Token(token::Token),
    /// Decide every recorded export again: as known then, or as the law is now known
    #[cfg(feature = "daemon")]
    Replay(replay::Replay),
    /// Keep exchange rates, by which caps in another currency are tested
    #[cfg(feature = "daemon")]
    Rates(rates::Rates),
    /// Count and sum the register of licences
    #[cfg(feature = "daemon")]
    Report(report::Report),
    /// Say which decisions need not be kept any longer; hold or erase them
    #[cfg(feature = "daemon")]
    Retention(retention::Retention),
    /// Cosign the checkpoints of logs, as long as each continues the last one seen
    ///
    /// Run it on another machine than the daemon, and in other hands: whoever sees its cosignature then knows that
    /// nobody was shown another history. It speaks plain HTTP (C2SP tlog-witness) until SIGTERM or SIGINT; checkpoints
    /// and cosignatures are public and signed, so that this loses nothing but privacy. `SLAGBOOM_LOG` says which log
    /// lines to write, such as `debug`, and `SLAGBOOM_LOG_FORMAT` how they look.
    #[cfg(feature = "daemon")]
    Witness(witness::Witness),
    /// Look over the two copies of a log, compress old segments, or make the database anew
    #[cfg(feature = "daemon")]
    Store(store::Store),
    /// Measure the recorded check beside a null handler, in one run
    #[cfg(feature = "daemon")]
    Bench(bench::Bench),
    /// A daemon to be measured
    #[cfg(feature = "daemon")]
    #[command(hide = true)]
    BenchServer(bench::BenchServer),
}

/// How a verb prints its data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// The language of texts for people.
#[cfg(feature = "daemon")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum Language {
    /// English.
    #[default]
    En,
    /// Dutch.
    Nl,
}

impl Cli {
    /// Runs the verb.
    #[must_use]
    pub fn run(self) -> Exit {
        let done = match self.command {
            #[cfg(feature = "daemon")]
            Command::Demo(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Serve(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Check(verb) => verb.run(),
            Command::Test(verb) => verb.run(),
            Command::Lint(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Licence(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Screen(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Log(verb) => verb.run(),
            Command::Verify(verb) => verb.run(),
            Command::Export(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Key(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Token(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Replay(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Rates(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Report(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Retention(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Witness(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Store(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::Bench(verb) => verb.run(),
            #[cfg(feature = "daemon")]
            Command::BenchServer(verb) => verb.run(),
        };
        done.unwrap_or_else(exit::Failure::told)
    }
}
