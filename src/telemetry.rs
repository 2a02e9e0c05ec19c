//! Log lines: how they are set up, and the one list of the names in them.
//!
//! A line about a decision carries `decision_id` and `request_id`. Names of parties and the content of requests
//! never appear at `info` or above: logs travel further than records do.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::LogFormat;

/// Names of the fields of log lines.
pub mod field {
    /// Id of the decision.
    pub const DECISION_ID: &str = "decision_id";
    /// The caller's id of the request.
    pub const REQUEST_ID: &str = "request_id";
    /// Who asked.
    pub const CALLER: &str = "caller";
    /// Which method was called.
    pub const METHOD: &str = "method";
    /// Place in the log.
    pub const SEQUENCE: &str = "sequence";
    /// What went wrong, in words.
    pub const ERROR: &str = "error";
    /// Digest of the rulebook.
    pub const RULEBOOK: &str = "rulebook";
    /// Where the daemon listens.
    pub const ADDRESS: &str = "address";
    /// How many.
    pub const COUNT: &str = "count";
    /// Origin of the log that a witness was asked about.
    pub const LOG: &str = "log";
    /// Entries in the last checkpoint that a witness cosigned.
    pub const SIZE: &str = "size";
    /// A checkpoint with its signatures: public, and evidence.
    pub const CHECKPOINT: &str = "checkpoint";
}

/// Sends log lines to standard error, as `filter` and `format` say.
///
/// A second call changes nothing: the first one of a process holds. A filter that does not parse (the configuration
/// refuses it before) falls back to `info`.
pub fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Human => tracing_subscriber::registry().with(filter).with(lines).try_init(),
        LogFormat::Json => {
            tracing_subscriber::registry().with(filter).with(lines.json().flatten_event(true)).try_init()
        }
    };
    // An error means that a test or an embedding program has set up its own lines; they are as good.
    drop(started);
}
