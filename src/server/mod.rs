//! The daemon's network side: listening, connections, runtimes, gRPC, draining.
//!
//! Every serving thread has a runtime of its own, and connections are dealt to them in turn: on two cores with small
//! messages this measured better than work stealing. What a call does is in [`grpc`]; what a decision is, this room
//! does not know.

pub mod gate;
pub mod grpc;
pub mod limits;
pub mod listener;
pub mod shutdown;
pub mod witnesses;
mod worker;

use std::{io, path::Path, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;
use tonic_health::{ServingStatus, server::HealthReporter};
use tracing::{info, warn};

pub use gate::Gate;
pub use listener::{Listener, Peer};
use worker::Worker;

use crate::{
    clock::Clock,
    ledger::{KeyName, Marks, Verifier},
    rulebook::Rulebook,
    service::{self, LogKey, OpenError, Outbox, ReadRequest, Readiness, Reply, Service, ServiceOptions},
    store::{Derive, Notice, Options},
    telemetry::field,
};

/// What a daemon's service is opened with.
pub struct Opening {
    /// The data folder and its limits.
    pub store: Options,
    /// The key of the log.
    pub key: LogKey,
    /// The rulebook to decide by.
    pub rulebook: Rulebook,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many checks may wait for the writer.
    pub queue: usize,
    /// Is each read of the log a log line?
    pub log_reads: bool,
}

impl Opening {
    /// The usual way to open this folder.
    #[must_use]
    pub fn new(store: Options, rulebook: Rulebook, clock: Arc<dyn Clock>) -> Self {
        Self { store, key: LogKey::default(), rulebook, clock, queue: QUEUE_DEFAULT, log_reads: false }
    }
}

/// Checks that may wait for the writer when nothing else is said.
const QUEUE_DEFAULT: usize = 8_192;

/// Opens the service over a data folder, with the wire's own way to read what is recorded.
///
/// # Errors
/// [`OpenError`].
pub fn open(opening: Opening) -> Result<Service, OpenError> {
    let Opening { store, key, rulebook, clock, queue, log_reads } = opening;
    let (read, derive): (ReadRequest, Derive) = (grpc::read_request, grpc::derive);
    Service::open(ServiceOptions { store, rulebook, key, clock, queue, log_reads, read, derive })
}

/// Makes the key of a new log in a data folder on which no daemon runs.
///
/// # Errors
/// [`OpenError`]; a log that has a key keeps it.
pub fn make_key(store: &Options, file: Option<&Path>, name: &KeyName) -> Result<Verifier, OpenError> {
    service::make_key(store, file, name, grpc::derive)
}

/// Lets a new key follow the one that signs the log, in a data folder on which no daemon runs. Gives every public key of
/// the log, the oldest first.
///
/// # Errors
/// [`OpenError`].
pub fn rotate_key(store: &Options, key: &LogKey, clock: &dyn Clock) -> Result<Vec<Verifier>, OpenError> {
    service::rotate_key(store, key, clock, grpc::derive)
}

/// Records that these records are held, or are held no more, in a data folder on which no daemon runs.
///
/// # Errors
/// [`OpenError`].
pub fn hold(
    store: &Options,
    key: &LogKey,
    clock: &dyn Clock,
    marks: &Marks,
    is_held: bool,
) -> Result<(), OpenError> {
    service::hold(store, key, clock, grpc::derive, marks, is_held)
}

/// Erases the bodies of these records in a data folder on which no daemon runs, chosen when the log had `size` entries.
///
/// # Errors
/// [`OpenError`].
pub fn erase(
    store: &Options,
    key: &LogKey,
    clock: &dyn Clock,
    marks: &Marks,
    size: u64,
) -> Result<Vec<Notice>, OpenError> {
    service::erase(store, key, clock, grpc::derive, marks, size)
}

/// Opens a data folder on which no daemon runs, to read from it: nothing is recorded, and every check is refused.
///
/// # Errors
/// [`OpenError`].
pub fn open_to_read(store: &Options, clock: Arc<dyn Clock>) -> Result<Service, OpenError> {
    Service::open_to_read(store, clock, grpc::read_request, grpc::derive)
}

/// How the daemon serves.
#[derive(Clone)]
pub struct ServeOptions {
    /// Serving threads, at least one.
    pub threads: usize,
    /// Is gRPC reflection on?
    pub reflection: bool,
    /// How long a shutdown waits for calls in flight.
    pub grace: Duration,
    /// Who is let in.
    pub gate: Gate,
}

/// Why serving ended otherwise than by a shutdown.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A serving thread or its runtime could not be started, or the listener is broken.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
    /// The store took no more records (`no_record_no_release`); what it said is in the log lines.
    #[error("the store failed, so no more decisions can be answered")]
    StoreFailed,
    /// Calls were still in flight when the grace of the shutdown was over; they got no answer.
    #[error("calls were still in flight after {0:?}; they were cut off")]
    GraceOver(Duration),
}

/// What serving threads watch: has the shutdown begun?
pub type Draining = watch::Receiver<bool>;

/// Serves the whole product on `listener` until `shutdown` is over or the store fails, then drains.
///
/// Draining: health says `NOT_SERVING`, no new connection or call is taken, calls in flight are answered, and only then
/// does this return; the caller closes the service afterwards.
///
/// # Errors
/// [`ServeError`]; the decisions that were answered are recorded in any case.
pub async fn run(
    listener: Listener,
    service: Arc<Service>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let mut readiness = service.readiness();
    let routes = |outbox: Arc<Outbox<Reply>>, draining: Draining| {
        let routes =
            grpc::routes(&service, outbox, &options.gate, draining).add_service(health_service.clone());
        if options.reflection { grpc::with_reflection(routes).map_err(io::Error::other) } else { Ok(routes) }
    };
    let failed = async {
        loop {
            let now = *readiness.borrow_and_update();
            report(&health, now).await;
            if now == Readiness::Failed || readiness.changed().await.is_err() {
                break;
            }
        }
    };
    let mut store_failed = false;
    let ended = async {
        tokio::select! {
            () = shutdown => {}
            () = failed => store_failed = true,
            () = watch_tokens(&options.gate) => {}
        }
        report(&health, Readiness::Draining).await;
        // Watches of health never end by themselves; without a status they do, after they have told the last one.
        for name in health_names() {
            health.clone().clear_service_status(name).await;
        }
    };
    let served = serve(listener, &options, routes, ended).await;
    if store_failed { Err(ServeError::StoreFailed) } else { served }
}

/// Looks again at the file of tokens every so often; never ends.
async fn watch_tokens(gate: &Gate) {
    loop {
        tokio::time::sleep(TOKENS_LOOKED_AT_EVERY).await;
        gate.refresh();
    }
}

async fn report(health: &HealthReporter, readiness: Readiness) {
    let status =
        if readiness == Readiness::Ready { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in health_names() {
        health.set_service_status(name, status).await;
    }
}

/// The names that health knows; the empty one speaks for the whole.
fn health_names() -> impl Iterator<Item = &'static str> {
    [""].into_iter().chain(grpc::SERVICE_NAMES)
}

/// Serves `routes`, made once for each serving thread, on `listener` until `ended` is over, then drains.
///
/// [`run`] is the product; this is the transport alone, so that a benchmark can put a null handler on the very same.
///
/// # Errors
/// [`ServeError::Io`] when a thread cannot be started or the listener breaks, [`ServeError::GraceOver`].
pub async fn serve(
    listener: Listener,
    options: &ServeOptions,
    routes: impl Fn(Arc<Outbox<Reply>>, Draining) -> io::Result<Routes>,
    ended: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (drain, draining) = watch::channel(false);
    let threads = options.threads.max(1);
    let mut workers = Vec::with_capacity(threads);
    for at in 0..threads {
        let outbox = Arc::new(Outbox::default());
        let routes = routes(outbox.clone(), draining.clone())?;
        workers.push(Worker::start(at, routes, outbox, draining.clone())?);
    }
    tokio::pin!(ended);
    let accepted = tokio::select! {
        () = &mut ended => Ok(()),
        error = accept(&listener, &workers) => {
            warn!({ field::ERROR } = %error, "the listener broke");
            Err(error)
        }
    };
    drop(listener);
    drain.send_replace(true);
    info!("draining: no new calls, those in flight are answered");
    let in_time = tokio::time::timeout(options.grace, all_ended(&mut workers)).await.is_ok();
    if !in_time {
        workers.iter_mut().for_each(Worker::cut);
        all_ended(&mut workers).await;
    }
    accepted?;
    if in_time { Ok(()) } else { Err(ServeError::GraceOver(options.grace)) }
}

async fn all_ended(workers: &mut [Worker]) {
    for worker in workers {
        worker.ended().await;
    }
}

/// Deals connections to the workers in turn. Returns when the listener is broken for good.
async fn accept(listener: &Listener, workers: &[Worker]) -> io::Error {
    let open = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut failures = 0_u32;
    for worker in workers.iter().cycle() {
        let accepted = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                Err(error) if failures >= ACCEPT_FAILURES_MAX => return error,
                Err(error) => {
                    // Out of file descriptors, or a peer that went away: pause, so that this is no busy loop.
                    failures += 1;
                    warn!({ field::ERROR } = %error, "a connection was not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        failures = 0;
        if let Ok(permit) = open.clone().try_acquire_owned() {
            worker.adopt(accepted, permit);
        } else {
            warn!({ field::COUNT } = limits::CONNECTIONS_MAX, "too many connections: one was closed");
        }
    }
    io::Error::other("there is no serving thread")
}

/// How long a token that was revoked may still be used.
const TOKENS_LOOKED_AT_EVERY: Duration = Duration::from_secs(1);
/// Failures to accept, one after the other, after which the listener counts as broken.
const ACCEPT_FAILURES_MAX: u32 = 1_000;
/// Pause after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
