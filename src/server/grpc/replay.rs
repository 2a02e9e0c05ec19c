//! `ReplayDecisions`: a replay on a thread of its own, told as it goes.

use std::{ops::ControlFlow, sync::Arc, thread, time::Duration};

use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::spawn_blocking,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{WIRE, convert, log, status::status};
use crate::{
    proto::v1::{self, replay_decisions_response::Said as Message},
    server::{
        Draining,
        limits::{REPLAY_STALL_MAX, REPLAY_WINDOW_MAX},
    },
    service::{
        Refusal, Service,
        replay::{Event, Options, Records, Summary, Under, replay},
    },
};

/// Entries between two messages of progress: a few a second.
const PROGRESS_EVERY: u64 = 1 << 15;
/// Pause before a full window is looked at again.
const PAUSE: Duration = Duration::from_millis(1);

/// What a replay says, on the wire.
pub type Said = ReceiverStream<Result<v1::ReplayDecisionsResponse, Status>>;

/// Begins a replay; it ends when it is done, when its client has gone, or when the daemon drains.
///
/// # Errors
/// [`Refusal::InvalidRequest`], [`Refusal::ReplayBusy`].
pub fn stream(
    service: &Arc<Service>,
    draining: &Draining,
    request: v1::ReplayDecisionsRequest,
) -> Result<Said, Refusal> {
    let options = options(service, request)?;
    let room = service.room_to_replay()?;
    let records = service.records()?;
    let (to, said) = mpsc::channel(REPLAY_WINDOW_MAX);
    let (service, draining) = (service.clone(), draining.clone());
    let client = Client { to, draining };
    // Not waited for: it ends by itself, as `Client` says.
    drop(spawn_blocking(move || {
        let _room = room;
        run(&service, records, &options, &client);
    }));
    Ok(ReceiverStream::new(said))
}

fn options(service: &Service, request: v1::ReplayDecisionsRequest) -> Result<Options, Refusal> {
    let known_at = log::instant("known_at", request.known_at.as_ref())?;
    let under = match (v1::ReplayLaw::try_from(request.law), known_at) {
        (Ok(v1::ReplayLaw::Unspecified | v1::ReplayLaw::Own), None) => Under::AsKnownThen,
        (Ok(v1::ReplayLaw::Unspecified | v1::ReplayLaw::Own), Some(at)) => Under::AsKnownAt(at),
        (Ok(v1::ReplayLaw::InForce), known_at) => Under::Rulebook {
            snapshot: service.snapshot(),
            known_at: known_at.unwrap_or_else(|| service.now()),
        },
        (Err(_), _) => {
            return Err(Refusal::field("law", "UNKNOWN", format!("`{}` is no choice of law", request.law)));
        }
    };
    let filter = log::filter(request.filter.unwrap_or_default())?.parse()?;
    let (was, now) = (log::outcome("was", request.was)?, log::outcome("now", request.now)?);
    // One thread: checks need the other cores.
    Ok(Options { under, filter, was, now, threads: 1 })
}

fn run(service: &Service, records: Records, options: &Options, client: &Client) {
    let size = service.size();
    let (mut told, mut ended) = (0, false);
    let summary = replay(records, WIRE, options, |event| {
        let flow = match event {
            Event::Progress { entries } if entries < told + PROGRESS_EVERY => client.still_there(),
            event => {
                if let Event::Progress { entries } = event {
                    told = entries;
                }
                client.tell(said(event, size))
            }
        };
        ended = flow.is_break();
        flow
    });
    if !ended {
        // The stream is over in any case.
        let _ = client.tell(Message::Summary(self::summary(&summary)));
    }
}

/// The way to the client.
struct Client {
    to: mpsc::Sender<Result<v1::ReplayDecisionsResponse, Status>>,
    draining: Draining,
}

impl Client {
    fn still_there(&self) -> ControlFlow<()> {
        if self.to.is_closed() {
            return ControlFlow::Break(());
        }
        if *self.draining.borrow() {
            return self.end(&Refusal::Draining);
        }
        ControlFlow::Continue(())
    }

    /// Tells it, when there is room: backpressure. It is looked for and not waited for, so that a drain is seen.
    fn tell(&self, said: Message) -> ControlFlow<()> {
        let mut message = Ok(v1::ReplayDecisionsResponse { said: Some(said) });
        let mut waited = Duration::ZERO;
        loop {
            message = match self.to.try_send(message) {
                Ok(()) => return ControlFlow::Continue(()),
                Err(TrySendError::Closed(_)) => return ControlFlow::Break(()),
                Err(TrySendError::Full(message)) => message,
            };
            self.still_there()?;
            if waited >= REPLAY_STALL_MAX {
                return self.end(&Refusal::ReplayStalled);
            }
            thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    /// Ends the stream with this, if it gets there.
    fn end(&self, why: &Refusal) -> ControlFlow<()> {
        // A full window has no room for it; then the stream ends without its summary, which says the same.
        let _ = self.to.try_send(Err(status(why)));
        ControlFlow::Break(())
    }
}

/// An event on the wire, of a log with so many entries.
#[must_use]
pub fn said(event: Event, size: u64) -> Message {
    match event {
        Event::Progress { entries } => Message::Progress(v1::ReplayProgress { entries, size }),
        Event::Difference(difference) => Message::Difference(v1::ReplayDifference {
            sequence: difference.sequence,
            decision_id: difference.decision_id.to_string(),
            was: convert::outcome(difference.was).into(),
            now: convert::outcome(difference.now).into(),
            rules_added: difference.rules_added,
            rules_removed: difference.rules_removed,
            cause: difference.cause.to_string(),
        }),
        Event::Unreplayable(failed) => Message::Unreplayable(v1::ReplayFailure {
            sequence: failed.sequence,
            why: failed.why.to_string(),
        }),
    }
}

/// A summary on the wire.
#[must_use]
pub fn summary(summary: &Summary) -> v1::ReplaySummary {
    let changes = summary.changes.iter().map(|((was, now), change)| v1::ReplayChange {
        was: convert::outcome(*was).into(),
        now: convert::outcome(*now).into(),
        count: change.count,
        rules: change
            .rules
            .iter()
            .map(|(rule, count)| v1::ReplayRuleCount { rule: rule.to_string(), count: *count })
            .collect(),
    });
    v1::ReplaySummary {
        entries: summary.entries,
        decisions: summary.decisions,
        same: summary.same,
        changed: summary.changed,
        not_asked: summary.not_asked,
        unreplayable: summary.unreplayable,
        changes: changes.collect(),
    }
}
