//! The witness as an HTTP server: `POST /add-checkpoint` of C2SP tlog-witness, over plain HTTP/1.1.
//!
//! Source: <https://c2sp.org/tlog-witness>. Beside its statuses: 405 for another method, 408 for a body that does not
//! come, 413 for one that is too long, 500 when a checkpoint could not be remembered and is therefore not signed.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info, warn};

use crate::ledger::Refusal;
use crate::telemetry::field;
use crate::witness::cosign::Witness;
use crate::witness::error::{BookError, WitnessError};
use crate::witness::{ADD_CHECKPOINT_PATH, SIZE_TYPE};

/// Longest body of a request, bytes: a proof of 63 hashes and a checkpoint with dozens of signatures.
pub const BODY_BYTES_MAX: usize = 128 << 10;
/// Longest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most lines in the head of a request.
const HEADERS_MAX: usize = 64;
/// Most connections at a time; one more is closed at once.
pub const CONNECTIONS_MAX: usize = 128;
/// Longest wait for the head of a request, and so the longest that an idle connection is kept.
const HEAD_TIME_MAX: Duration = Duration::from_secs(30);
/// Longest wait for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest life of a connection. A peer that reads no answers would otherwise keep its place for ever.
const CONNECTION_TIME_MAX: Duration = Duration::from_mins(10);
/// How long a request in flight may take once its connection is to be closed.
const GRACE: Duration = Duration::from_secs(10);
/// Failures to accept, one after the other, after which the listener counts as broken.
const ACCEPT_FAILURES_MAX: u32 = 1_000;
/// Pause after a failure to accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why serving ended otherwise than by a shutdown.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The listener is broken.
    #[error("cannot serve: {0}")]
    Io(#[from] io::Error),
    /// It is not known what the disk holds, so that nothing more may be signed.
    #[error(transparent)]
    Book(#[from] BookError),
}

/// What the connections of one server share.
struct Shared {
    witness: Arc<Witness>,
    /// Takes the error after which nothing more may be signed.
    failed: mpsc::Sender<BookError>,
}

/// Serves on `listener` until `shutdown` is over or the disk fails; then no connection is taken any more, and requests
/// in flight are answered.
///
/// # Errors
/// [`ServeError`]. Whatever was cosigned is remembered in any case.
pub async fn run(
    listener: TcpListener,
    witness: Arc<Witness>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (stop, stopping) = watch::channel(false);
    let (failed, mut failure) = mpsc::channel(1);
    let shared = Arc::new(Shared { witness, failed });
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let mut failures = 0;
    let ended = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            Some(error) = failure.recv() => break Err(error.into()),
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    failures = 0;
                    if connections.len() < CONNECTIONS_MAX {
                        connections.spawn(connection(stream, shared.clone(), stopping.clone()));
                    } else {
                        warn!({ field::COUNT } = CONNECTIONS_MAX, "too many connections: one was closed");
                    }
                }
                Err(error) if failures == ACCEPT_FAILURES_MAX => break Err(error.into()),
                Err(error) => {
                    // Out of file descriptors, or a peer that went away: pause, so that this is no busy loop.
                    failures += 1;
                    warn!({ field::ERROR } = %error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    };
    drop(listener);
    stop.send_replace(true);
    info!("no more requests are taken; those in flight are answered");
    while connections.join_next().await.is_some() {}
    ended
}

/// Serves one connection until it ends, is told to, or has lived long enough.
async fn connection(stream: TcpStream, shared: Arc<Shared>, mut stopping: watch::Receiver<bool>) {
    // Answers are small and must not wait for more. A socket that cannot do that still works.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, shared.clone()));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_header_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(2 * HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    tokio::select! {
        ended = &mut served => return tell(ended),
        // An error means that the server itself is gone.
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = sleep(CONNECTION_TIME_MAX) => {}
    }
    served.as_mut().graceful_shutdown();
    if let Ok(ended) = timeout(GRACE, served).await {
        tell(ended);
    }
}

fn tell(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        debug!({ field::ERROR } = %error, "a connection broke");
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Answer, Infallible> {
    if request.uri().path() != ADD_CHECKPOINT_PATH {
        return Ok(text(StatusCode::NOT_FOUND, &format!("there is only `POST {ADD_CHECKPOINT_PATH}` here")));
    }
    if request.method() != Method::POST {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "a checkpoint is added with POST");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Ok(answer);
    }
    let body = match timeout(BODY_TIME_MAX, Limited::new(request.into_body(), BODY_BYTES_MAX).collect()).await
    {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let why = format!("the body is longer than {BODY_BYTES_MAX} bytes");
            return Ok(text(StatusCode::PAYLOAD_TOO_LARGE, &why));
        }
        Ok(Err(_)) => return Ok(text(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => return Ok(text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    };
    let witness = shared.witness.clone();
    // Once begun this goes on, also when the peer leaves: what it writes and what it knows stay the same.
    let added = tokio::task::spawn_blocking(move || witness.add_checkpoint(&body)).await;
    Ok(match added {
        Ok(Ok(cosignature)) => respond(StatusCode::OK, TEXT_TYPE, format!("{cosignature}\n")),
        Ok(Err(WitnessError::Refused(refusal))) => refused(&refusal),
        Ok(Err(error)) => failed(error, &shared),
        // A panic has been told on standard error.
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, NOT_COSIGNED),
    })
}

fn refused(refusal: &Refusal) -> Answer {
    // What a stranger sent is quoted, so that it cannot write lines of its own.
    debug!({ field::ERROR } = ?refusal.to_string(), "refused");
    // All statuses of the protocol are statuses of HTTP.
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        Refusal::OtherSize { known } => respond(status, SIZE_TYPE, format!("{known}\n")),
        _ => text(status, &refusal.to_string()),
    }
}

fn failed(failure: WitnessError, shared: &Shared) -> Answer {
    error!({ field::ERROR } = %failure, "not cosigned");
    if let WitnessError::Book(error) = failure
        && error.is_fatal()
    {
        // Full means that another request said so already.
        let _ = shared.failed.try_send(error);
    }
    // What is wrong with this machine is not for strangers.
    text(StatusCode::INTERNAL_SERVER_ERROR, NOT_COSIGNED)
}

const NOT_COSIGNED: &str = "the witness cannot cosign now";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

fn text(status: StatusCode, line: &str) -> Answer {
    respond(status, TEXT_TYPE, format!("{line}\n"))
}

fn respond(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
