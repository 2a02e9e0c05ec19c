//! What the daemon is told: defaults < YAML file < environment < flags, checked before anything starts.
//!
//! [`Layer`] is the one list of options: the flags, the keys of the file and the environment variables
//! (`SLAGBOOM_` and the name in capitals) all come from it, so that they cannot drift apart. Only the data folder is
//! `SLAGBOOM_DATA_DIR`, because `SLAGBOOM_DATA` names the public lists that tests read.

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;
use thiserror::Error;

use crate::{ledger::KeyName, witness::Client};

/// Longest grace at shutdown, seconds: an hour is a forgotten zero.
pub const SHUTDOWN_GRACE_S_MAX: u64 = 3_600;
/// Most serving threads.
pub const THREADS_MAX: usize = 256;
/// Most requests that wait for the writer.
pub const QUEUE_MAX: usize = 1_048_576;

/// Largest configuration file, bytes.
const FILE_SIZE_MAX: u64 = 1 << 20;

/// Where the daemon listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// A loopback address; the port 0 takes a free one.
    Tcp(SocketAddr),
    /// A Unix socket at this path.
    Unix(PathBuf),
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// The whole configuration, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Folder of the journal and the database.
    pub data: PathBuf,
    /// Folder of the rulebook; the built-in one when `None`.
    pub rules: Option<PathBuf>,
    /// File of the tokens that callers are known by; where `None`, everybody is `local`.
    pub tokens: Option<PathBuf>,
    /// File of the secret key that signs the log; in the data folder when `None`.
    pub key: Option<PathBuf>,
    /// Name of the log, for the key that is made at the first start; drawn at random when `None`.
    pub log_name: Option<KeyName>,
    /// Witnesses that are asked to cosign the head of the log, each `URL=VKEY`.
    pub witnesses: Vec<String>,
    /// How many of them must cosign.
    pub witness_quorum: usize,
    /// Does no answer leave before they have?
    pub witness_wait: bool,
    /// Where to listen.
    pub listen: Listen,
    /// Serving threads, each with its own runtime.
    pub threads: usize,
    /// How many checks may wait for the writer before callers are told `RESOURCE_EXHAUSTED`.
    pub queue: usize,
    /// How long a shutdown waits for calls in flight, seconds.
    pub shutdown_grace_s: u64,
    /// Is gRPC reflection on?
    pub reflection: bool,
    /// Is each read of the log a log line?
    pub log_reads: bool,
    /// Which log lines to write, as `tracing` filters are written, such as `info` or `slagboom=debug`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Environment variables with our prefix that mean nothing, most likely typos; to be warned about.
    pub unknown_variables: Vec<String>,
}

/// One layer of configuration: what a file, the environment or the flags say; what they leave out is `None`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Folder of the journal and the database
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of the rulebook [default: the built-in one]
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// File of the tokens that callers are known by, see `slagboom token` [default: ./slagboom-tokens.yaml, if it is
    /// there]
    #[arg(long, value_name = "FILE")]
    pub tokens: Option<PathBuf>,
    /// File of the secret key that signs the log [default: in the data folder]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Name of the log, such as `exporter.example/log`, for the key that is made at the first start
    #[arg(long, value_name = "NAME")]
    pub log_name: Option<String>,
    /// Witness that is asked to cosign the head of the log; may be given more than once
    #[arg(long = "witness", value_name = "URL=VKEY")]
    pub witnesses: Option<Vec<String>>,
    /// How many witnesses must cosign [default: all of them]
    #[arg(long, value_name = "N")]
    pub witness_quorum: Option<usize>,
    /// Hold every answer back until they have
    #[arg(long, value_name = "BOOL")]
    pub witness_wait: Option<bool>,
    /// Where to listen: a loopback address and port, or `unix:PATH`
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Serving threads [default: one per core]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// How many checks may wait for the disk before callers are told to come back
    #[arg(long, value_name = "N")]
    pub queue: Option<usize>,
    /// How long a shutdown waits for calls in flight, seconds
    #[arg(long, value_name = "S")]
    pub shutdown_grace_s: Option<u64>,
    /// Answer gRPC reflection
    #[arg(long, value_name = "BOOL")]
    pub reflection: Option<bool>,
    /// Write a log line for each read of the log: who, and by which method
    #[arg(long, value_name = "BOOL")]
    pub log_reads: Option<bool>,
    /// Which log lines to write, such as `info` or `slagboom=debug`
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// Why a configuration is refused. The process ends with exit code 64 before it binds or opens anything.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file `{path}`: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no configuration.
    #[error("the configuration file `{path}` does not hold: {why}")]
    File {
        /// The file.
        path: String,
        /// Why, with line and column where the reader knows them.
        why: String,
    },
    /// A value that does not hold.
    #[error("`{name}`: {why}")]
    Value {
        /// Name of the option.
        name: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./slagboom-data"),
            rules: None,
            tokens: None,
            key: None,
            log_name: None,
            witnesses: Vec::new(),
            witness_quorum: 0,
            witness_wait: false,
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7443))),
            threads: std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX),
            queue: 8_192,
            shutdown_grace_s: 30,
            reflection: true,
            log_reads: false,
            log: "info".to_owned(),
            log_format: LogFormat::Human,
            unknown_variables: Vec::new(),
        }
    }
}

impl Config {
    /// Puts the layers on each other and checks the whole.
    ///
    /// `file` is the path given by `--config` or `SLAGBOOM_CONFIG`, `variables` the environment of the process
    /// (others' variables are passed over), `flags` what the command line says.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read or has unknown keys, and for the first value that
    /// does not hold.
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        flags: Layer,
    ) -> Result<Self, ConfigError> {
        let environment = Environment::read(variables)?;
        let file = match file.map(Path::to_path_buf).or(environment.file) {
            Some(path) => Layer::from_file(&path)?,
            None => Layer::default(),
        };
        let unknown_variables = environment.unknown.into_iter().collect();
        let config = Self::default().with(file)?.with(environment.layer)?.with(flags)?;
        Ok(Self { unknown_variables, ..config })
    }

    fn with(mut self, layer: Layer) -> Result<Self, ConfigError> {
        if let Some(data) = layer.data {
            require(!data.as_os_str().is_empty(), "data", "names no folder")?;
            self.data = data;
        }
        if let Some(rules) = layer.rules {
            require(!rules.as_os_str().is_empty(), "rules", "names no folder")?;
            self.rules = Some(rules);
        }
        if let Some(tokens) = layer.tokens {
            require(!tokens.as_os_str().is_empty(), "tokens", "names no file")?;
            self.tokens = Some(tokens);
        }
        if let Some(key) = layer.key {
            require(!key.as_os_str().is_empty(), "key", "names no file")?;
            self.key = Some(key);
        }
        if let Some(name) = layer.log_name {
            let name = name.parse::<KeyName>();
            self.log_name =
                Some(name.map_err(|fault| ConfigError::Value { name: "log_name", why: fault.to_string() })?);
        }
        if let Some(witnesses) = layer.witnesses {
            for witness in &witnesses {
                let refuse = |why: String| ConfigError::Value {
                    name: "witnesses",
                    why: format!("`{witness}`: {why}"),
                };
                witness.parse::<Client>().map_err(|fault| refuse(fault.to_string()))?;
            }
            self.witness_quorum = witnesses.len();
            self.witnesses = witnesses;
        }
        if let Some(quorum) = layer.witness_quorum {
            let rule = "must be 1 to the number of witnesses";
            require((1..=self.witnesses.len()).contains(&quorum), "witness_quorum", rule)?;
            self.witness_quorum = quorum;
        }
        if let Some(wait) = layer.witness_wait {
            require(!wait || !self.witnesses.is_empty(), "witness_wait", "needs a witness to wait for")?;
            self.witness_wait = wait;
        }
        if let Some(listen) = layer.listen {
            self.listen = listen.parse()?;
        }
        if let Some(threads) = layer.threads {
            require((1..=THREADS_MAX).contains(&threads), "threads", "must be 1 to 256")?;
            self.threads = threads;
        }
        if let Some(queue) = layer.queue {
            require((1..=QUEUE_MAX).contains(&queue), "queue", "must be 1 to 1048576")?;
            self.queue = queue;
        }
        if let Some(grace) = layer.shutdown_grace_s {
            require(grace <= SHUTDOWN_GRACE_S_MAX, "shutdown_grace_s", "must be at most 3600 seconds")?;
            self.shutdown_grace_s = grace;
        }
        if let Some(log) = layer.log {
            if let Err(error) = log.parse::<tracing_subscriber::EnvFilter>() {
                return Err(ConfigError::Value { name: "log", why: error.to_string() });
            }
            self.log = log;
        }
        self.reflection = layer.reflection.unwrap_or(self.reflection);
        self.log_reads = layer.log_reads.unwrap_or(self.log_reads);
        self.log_format = layer.log_format.unwrap_or(self.log_format);
        Ok(self)
    }
}

impl Layer {
    fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.display().to_string(), source };
        let why = |why: String| ConfigError::File { path: path.display().to_string(), why };
        if std::fs::metadata(path).map_err(read)?.len() > FILE_SIZE_MAX {
            return Err(why("it is larger than 1 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_saphyr::from_str(&text).map_err(|error| why(error.to_string()))
    }
}

/// What the environment says.
#[derive(Default)]
struct Environment {
    layer: Layer,
    file: Option<PathBuf>,
    unknown: BTreeSet<String>,
}

impl Environment {
    fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut read = Self::default();
        let layer = &mut read.layer;
        for (name, value) in variables {
            match name.strip_prefix("SLAGBOOM_") {
                // `SLAGBOOM_DATA` names a folder of public lists for tests and tools, `SLAGBOOM_RETENTION_YEARS` is for the
                // verb `retention`, and a token is for whoever asks: none says anything to the daemon.
                None | Some("DATA" | "RETENTION_YEARS" | "TOKEN" | "TOKEN_FILE") => {}
                Some("CONFIG") => read.file = Some(PathBuf::from(value)),
                Some("DATA_DIR") => layer.data = Some(PathBuf::from(value)),
                Some("TOKENS") => layer.tokens = Some(PathBuf::from(value)),
                Some("KEY") => layer.key = Some(PathBuf::from(value)),
                Some("LOG_NAME") => layer.log_name = Some(value),
                Some("WITNESSES") => {
                    layer.witnesses = Some(value.split_whitespace().map(str::to_owned).collect());
                }
                Some("WITNESS_QUORUM") => {
                    layer.witness_quorum = Some(number("SLAGBOOM_WITNESS_QUORUM", &value)?);
                }
                Some("WITNESS_WAIT") => {
                    layer.witness_wait = Some(boolean("SLAGBOOM_WITNESS_WAIT", &value)?);
                }
                Some("RULES") => layer.rules = Some(PathBuf::from(value)),
                Some("LISTEN") => layer.listen = Some(value),
                Some("THREADS") => layer.threads = Some(number("SLAGBOOM_THREADS", &value)?),
                Some("QUEUE") => layer.queue = Some(number("SLAGBOOM_QUEUE", &value)?),
                Some("SHUTDOWN_GRACE_S") => {
                    layer.shutdown_grace_s = Some(number("SLAGBOOM_SHUTDOWN_GRACE_S", &value)?);
                }
                Some("LOG_READS") => layer.log_reads = Some(boolean("SLAGBOOM_LOG_READS", &value)?),
                Some("REFLECTION") => layer.reflection = Some(boolean("SLAGBOOM_REFLECTION", &value)?),
                Some("LOG") => layer.log = Some(value),
                Some("LOG_FORMAT") => {
                    let format = <LogFormat as clap::ValueEnum>::from_str(&value, false)
                        .map_err(|why| ConfigError::Value { name: "SLAGBOOM_LOG_FORMAT", why })?;
                    layer.log_format = Some(format);
                }
                Some(_) => {
                    read.unknown.insert(name);
                }
            }
        }
        Ok(read)
    }
}

impl FromStr for Listen {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refuse = |why: String| Err(ConfigError::Value { name: "listen", why });
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                refuse("`unix:` names no path".to_owned())
            } else {
                Ok(Self::Unix(PathBuf::from(path)))
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Ok(address) => refuse(format!(
                "`{address}` is reachable from other machines, and this version has no TLS: use a loopback address \
                 such as `127.0.0.1:7443`, or `unix:PATH`"
            )),
            Err(_) => refuse(format!(
                "`{text}` is neither an address and port such as `127.0.0.1:7443` nor `unix:PATH`"
            )),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn require(holds: bool, name: &'static str, why: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Value { name, why: why.to_owned() }) }
}

fn number<T: FromStr>(name: &'static str, value: &str) -> Result<T, ConfigError> {
    value.parse().map_err(|_| ConfigError::Value { name, why: format!("`{value}` is not a whole number") })
}

fn boolean(name: &'static str, value: &str) -> Result<bool, ConfigError> {
    value
        .parse()
        .map_err(|_| ConfigError::Value { name, why: format!("`{value}` is neither `true` nor `false`") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)], flags: Layer) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slagboom.yaml");
        std::fs::write(&path, file).unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(Some(&path), variables, flags)
    }

    fn listen(port: u16) -> String {
        format!("127.0.0.1:{port}")
    }

    #[test]
    fn flags_beat_the_environment_and_the_environment_beats_the_file() {
        let file = "listen: '127.0.0.1:1'\nqueue: 1\nthreads: 1\n";
        let variables = [("SLAGBOOM_LISTEN", "127.0.0.1:2"), ("SLAGBOOM_QUEUE", "2"), ("PATH", "/bin")];
        let flags = Layer { listen: Some(listen(3)), ..Layer::default() };
        let config = load(file, &variables, flags).unwrap();
        assert_eq!(config.listen.to_string(), listen(3));
        assert_eq!((config.queue, config.threads), (2, 1));
        assert_eq!(config.shutdown_grace_s, Config::default().shutdown_grace_s);
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(load("", &[], Layer::default()).unwrap(), Config::default());
    }

    #[test]
    fn a_typo_is_an_error_in_the_file_and_a_warning_in_the_environment() {
        let error = load("listn: '127.0.0.1:1'", &[], Layer::default()).unwrap_err();
        assert!(error.to_string().contains("listn"), "{error}");
        let config = load("", &[("SLAGBOOM_LISTN", "127.0.0.1:1")], Layer::default()).unwrap();
        assert_eq!(config.unknown_variables, ["SLAGBOOM_LISTN"]);
    }

    #[test]
    fn an_address_that_others_can_reach_is_refused_until_there_is_tls() {
        for open in ["0.0.0.0:7443", "192.0.2.1:7443", "[::]:7443"] {
            let error = open.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains("no TLS"), "{error}");
        }
        for fine in ["127.0.0.1:7443", "[::1]:0", "unix:/run/slagboom.sock"] {
            assert_eq!(fine.parse::<Listen>().unwrap().to_string(), fine);
        }
        for odd in ["", "7443", "localhost:7443", "unix:"] {
            assert!(odd.parse::<Listen>().is_err(), "{odd}");
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for file in
            ["threads: 0", "queue: 0", "shutdown_grace_s: 100000", "log: 'a=b=c'", "threads: many", "- a"]
        {
            assert!(load(file, &[], Layer::default()).is_err(), "{file}");
        }
    }
}
