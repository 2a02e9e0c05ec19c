//! Closed-loop clients: each sends its next request when its answer has come and was looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::super::exit::Failure;
use super::super::{client, demo};
use crate::proto::v1;

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// One call a request, on so many connections with so many calls in flight on each.
    Unary { connections: usize, streams: usize },
    /// One stream on one connection, with so many answers owed.
    Stream { window: usize },
    /// So many requests a call, and so many calls in flight on one connection.
    Batch { size: usize, calls: usize },
}

impl Shape {
    /// What is measured.
    pub const ALL: [(&'static str, Self); 4] = [
        ("unary 1x1", Self::Unary { connections: 1, streams: 1 }),
        ("unary 4x64", Self::Unary { connections: 4, streams: 64 }),
        ("stream window 64", Self::Stream { window: 64 }),
        ("batches of 50", Self::Batch { size: 50, calls: 4 }),
    ];
}

/// The shipped examples as requests, each with the outcome that is right.
pub struct Workload {
    requests: Vec<(v1::CheckExportRequest, v1::Outcome)>,
    sample: v1::Decision,
    next: AtomicU64,
}

/// What the clients saw.
#[derive(Debug, Default)]
pub struct Measured {
    /// Decisions answered.
    pub answers: u64,
    /// Answers that were wrong, or none.
    pub wrong: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Latency of each call, or of each item of a stream; sorted.
    pub latencies: Vec<Duration>,
}

impl Workload {
    /// The examples, decided in place to know what is right.
    pub fn new() -> Result<Arc<Self>, Failure> {
        let decided = demo::decided_examples()?;
        let sample = decided.iter().map(|(_, decision)| decision.clone()).find(|d| d.findings.len() == 2);
        let sample = sample.ok_or_else(|| anyhow!("no example has two findings"))?;
        let requests = decided.into_iter().map(|(request, decision)| {
            let outcome = decision.outcome();
            Ok((client::message("an example", request)?, outcome))
        });
        let requests: Result<Vec<_>, Failure> = requests.collect();
        Ok(Arc::new(Self { requests: requests?, sample, next: AtomicU64::new(0) }))
    }

    /// A decision of usual size, for the null handler.
    pub const fn sample(&self) -> &v1::Decision {
        &self.sample
    }

    /// The next request, under an id of its own, and the outcome that is right.
    fn next(&self) -> (v1::CheckExportRequest, v1::Outcome) {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let chosen = usize::try_from(at).unwrap_or(0) % self.requests.len().max(1);
        let (request, outcome) = self.requests.get(chosen).cloned().unwrap_or_default();
        (v1::CheckExportRequest { request_id: format!("bench-{at}"), dry_run: false, ..request }, outcome)
    }
}

/// Measures one shape for so many seconds; `looks` compares each answer with what is right.
pub fn run(
    address: &str,
    shape: Shape,
    seconds: f64,
    workload: &Arc<Workload>,
    looks: bool,
) -> Result<Measured, Failure> {
    client::runtime()?.block_on(async {
        let connections = if let Shape::Unary { connections, .. } = shape { connections } else { 1 };
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections {
            channels.push(client::connect(address).await?);
        }
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(seconds);
        let task = Task { workload: workload.clone(), end, looks };
        let mut tasks = tokio::task::JoinSet::new();
        for channel in channels {
            match shape {
                Shape::Unary { streams, .. } => {
                    for _ in 0..streams {
                        tasks.spawn(task.clone().unary(channel.clone()));
                    }
                }
                Shape::Stream { window } => {
                    tasks.spawn(task.clone().stream(channel, window));
                }
                Shape::Batch { size, calls } => {
                    for _ in 0..calls {
                        tasks.spawn(task.clone().batch(channel.clone(), size));
                    }
                }
            }
        }
        let mut all = Measured::default();
        while let Some(done) = tasks.join_next().await {
            let of_task = done??;
            all.answers += of_task.answers;
            all.wrong += of_task.wrong;
            all.latencies.extend(of_task.latencies);
        }
        all.elapsed = start.elapsed();
        all.latencies.sort_unstable();
        Ok(all)
    })
}

/// One client.
#[derive(Clone)]
struct Task {
    workload: Arc<Workload>,
    end: Instant,
    looks: bool,
}

impl Task {
    async fn unary(self, channel: client::Connection) -> Result<Measured, tonic::Status> {
        let mut control = client::control(channel);
        let mut measured = Measured::default();
        loop {
            let (request, right) = self.workload.next();
            let start = Instant::now();
            let response = control.check_export(request).await?;
            let end = Instant::now();
            measured.latencies.push(end - start);
            self.look(response.into_inner().decision.as_ref(), right, &mut measured);
            if end >= self.end {
                return Ok(measured);
            }
        }
    }

    async fn batch(self, channel: client::Connection, size: usize) -> Result<Measured, tonic::Status> {
        let mut control = client::control(channel);
        let mut measured = Measured::default();
        loop {
            let (requests, right): (Vec<_>, Vec<_>) = (0..size).map(|_| self.workload.next()).unzip();
            let start = Instant::now();
            let response = control.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await?;
            let end = Instant::now();
            measured.latencies.push(end - start);
            let answers = response.into_inner().answers;
            measured.wrong += u64::try_from(size.abs_diff(answers.len())).unwrap_or(u64::MAX);
            for (answer, right) in answers.iter().zip(right) {
                self.look(decision_of(answer), right, &mut measured);
            }
            if end >= self.end {
                return Ok(measured);
            }
        }
    }

    async fn stream(self, channel: client::Connection, window: usize) -> Result<Measured, tonic::Status> {
        let mut control = client::control(channel);
        let mut measured = Measured::default();
        let (send, requests) = mpsc::channel(window);
        let mut owed = std::collections::VecDeque::with_capacity(window);
        let ask = || {
            let (request, right) = self.workload.next();
            (v1::CheckExportsRequest { request: Some(request) }, right, Instant::now())
        };
        let gone = |_| tonic::Status::unavailable("the stream ended");
        for _ in 0..window {
            let (request, right, start) = ask();
            send.send(request).await.map_err(gone)?;
            owed.push_back((right, start));
        }
        let mut send = Some(send);
        let mut answers = control.check_exports(ReceiverStream::new(requests)).await?.into_inner();
        while let Some((right, start)) = owed.pop_front() {
            let answer = answers.message().await?.and_then(|response| response.answer);
            let end = Instant::now();
            measured.latencies.push(end - start);
            self.look(answer.as_ref().and_then(decision_of), right, &mut measured);
            if end >= self.end {
                send = None;
            } else if let Some(send) = &send {
                let (request, right, start) = ask();
                send.send(request).await.map_err(gone)?;
                owed.push_back((right, start));
            }
        }
        Ok(measured)
    }

    fn look(&self, decision: Option<&v1::Decision>, right: v1::Outcome, measured: &mut Measured) {
        measured.answers += 1;
        let is_right = decision.is_some_and(|decision| {
            !self.looks || (decision.outcome() == right && decision.sequence.is_some())
        });
        measured.wrong += u64::from(!is_right);
    }
}

fn decision_of(answer: &v1::CheckAnswer) -> Option<&v1::Decision> {
    match &answer.result {
        Some(v1::check_answer::Result::Decision(decision)) => Some(decision),
        _ => None,
    }
}
