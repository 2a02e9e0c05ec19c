//! The daemons that are measured, each a process of its own, so that its CPU time is its own too.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::super::exit::{Done, Exit, Failure};
use super::super::{print, rules};
use super::load::Workload;
use crate::clock::System;
use crate::config::Listen;
use crate::server::grpc::null::Null;
use crate::server::{self, Gate, Listener, Opening, ServeOptions};
use crate::service::Service;
use crate::store::Options;

/// Which handler.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Kind {
    /// Decodes and answers with a constant.
    Null,
    /// The product.
    Recorded,
}

/// What the daemon counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Decisions recorded.
    pub decisions: u64,
    /// Batches written, each with one fdatasync.
    pub batches: u64,
}

/// What the daemon spent since its start.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// CPU time of all its threads, microseconds.
    pub cpu_us: u64,
    /// What it counted.
    pub counts: Counts,
}

/// The daemon's side; for `slagboom bench` only.
#[derive(Args, Debug)]
pub struct BenchServer {
    #[arg(long, value_enum)]
    kind: Kind,
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    threads: Option<u32>,
}

impl BenchServer {
    /// Serves until standard input ends; a line on it asks for the counts.
    pub fn run(self) -> Done {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.and_then(|threads| usize::try_from(threads).ok()).unwrap_or(cores);
        let options =
            ServeOptions { threads, reflection: false, grace: Duration::from_secs(5), gate: Gate::default() };
        let service = match self.kind {
            Kind::Null => None,
            Kind::Recorded => {
                let rulebook = rules::load(None)?;
                Some(Arc::new(server::open(Opening {
                    queue: 65_536,
                    ..Opening::new(Options::new(&self.data), rulebook, Arc::new(System))
                })?))
            }
        };
        let (tell, ended) = oneshot::channel::<()>();
        let asked = service.clone();
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() || print::out(&format!("{}\n", counts(asked.as_deref()))).is_err() {
                    break;
                }
            }
            // An error means that the daemon has ended.
            let _ = tell.send(());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let listener = Listener::bind(&Listen::Tcp(([127, 0, 0, 1], 0).into())).await?;
            print::out(&format!("{}\n", listener.address()))?;
            let ended = async move { drop(ended.await) };
            if let Some(service) = &service {
                server::run(listener, service.clone(), options, ended).await?;
            } else {
                let null = Null::answering(Workload::new()?.sample().clone());
                server::serve(listener, &options, |_, _| Ok(null.clone().routes()), ended).await?;
            }
            Ok::<(), Failure>(())
        })?;
        if let Some(service) = &service {
            service.close();
        }
        print::out(&format!("{}\n", counts(service.as_deref())))?;
        Ok(Exit::Fine)
    }
}

fn counts(service: Option<&Service>) -> String {
    let counts = service.map_or_else(Counts::default, |service| Counts {
        decisions: service.counts().decisions.load(Ordering::Relaxed),
        batches: service.counts().batches.load(Ordering::Relaxed),
    });
    serde_json::to_string(&counts).unwrap_or_default()
}

/// The measuring side of a daemon.
pub struct Child {
    kind: Kind,
    process: std::process::Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    address: String,
}

impl Child {
    /// Starts this program again as a daemon, and waits until it listens.
    pub fn start(kind: Kind, data: &Path, threads: Option<u32>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("bench-server").arg("--kind").arg(kind.name());
        command.arg("--data").arg(data);
        if let Some(threads) = threads {
            command.arg("--threads").arg(threads.to_string());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| anyhow!("the daemon has no output"))?;
        let mut lines = BufReader::new(stdout).lines();
        let address = lines.next().ok_or_else(|| anyhow!("the daemon did not start"))??;
        Ok(Self { kind, process, lines, address })
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Asks what it counted, and looks up what it spent.
    pub fn spent(&mut self) -> Result<Spent, Failure> {
        let stdin = self.process.stdin.as_mut().ok_or_else(|| anyhow!("the daemon has ended"))?;
        stdin.write_all(b"\n")?;
        let counts = self.lines.next().ok_or_else(|| anyhow!("the daemon has ended"))??;
        Ok(Spent { cpu_us: cpu_us(self.process.id())?, counts: serde_json::from_str(&counts)? })
    }

    /// Ends it and gives what it counted.
    pub fn stop(mut self) -> Result<Counts, Failure> {
        drop(self.process.stdin.take());
        let counts = self.lines.next().ok_or_else(|| anyhow!("the daemon did not end well"))??;
        let ended = self.process.wait()?;
        if ended.success() {
            Ok(serde_json::from_str(&counts)?)
        } else {
            Err(anyhow!("the daemon ended with {ended}").into())
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Recorded => "recorded",
        }
    }
}

/// CPU time of a process in microseconds (proc(5), fields 14 and 15 of `stat`, in ticks of 10 ms).
fn cpu_us(pid: u32) -> Result<u64, Failure> {
    const TICK_US: u64 = 10_000;
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
    // The name of the program stands in brackets and may hold spaces.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or(0));
    Ok(ticks.sum::<u64>() * TICK_US)
}

/// Median microseconds of appending 800 bytes to a file and waiting for fdatasync: what the disk asks for a record.
#[expect(clippy::float_arithmetic, reason = "a figure is for reading")]
pub fn fdatasync_us(folder: &Path) -> Result<f64, Failure> {
    const TIMES: usize = 200;
    let file = File::create(folder.join("fdatasync"))?;
    let record = [0x5a; 800];
    let mut taken = Vec::with_capacity(TIMES);
    for at in 0..TIMES {
        let start = Instant::now();
        file.write_all_at(&record, u64::try_from(at * record.len()).unwrap_or(0))?;
        file.sync_data()?;
        taken.push(start.elapsed());
    }
    taken.sort_unstable();
    Ok(taken.get(TIMES / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1e6))
}
