//! A check: one question, one recorded answer.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use prost::bytes::Bytes;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, TryAcquireError, oneshot};
use tracing::{error, warn};

use super::{
    Core, DecisionId, DecisionIdError, Outbox, Queue, Service,
    filter::request_terms,
    notary::{Receipt, ReceiptKind},
    recorded::{Recorded, Sameness},
    refusal::Refusal,
    snapshot::Snapshot,
    writer::{Job, Message},
};
use crate::{
    domain::{
        export::{ProposedExport, Role},
        identity::Identity,
        licence::{ExchangeRates, Standing},
        request::RawRequest,
    },
    engine::{self, Assessment, Decision, Known},
    register::{RESERVATION_DAYS, Register},
    rulebook::Rulebook,
    screening,
    store::{RequestKey, Term},
    telemetry::field,
};

/// A question, as it came.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who asks.
    pub caller: Arc<Identity>,
    /// The request as text.
    pub request: RawRequest,
    /// The request's own bytes, for the record.
    pub bytes: Bytes,
    /// What proof of the record the answer shall carry.
    pub receipt: ReceiptKind,
}

/// A decision with everything that is needed to tell it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The export that was decided.
    pub export: ProposedExport,
    /// What decided it.
    pub snapshot: Arc<Snapshot>,
    /// Who asked.
    pub caller: Arc<str>,
    /// Place in the log; `None` for a dry run.
    pub sequence: Option<u64>,
    /// When it was recorded or, for a dry run, decided; Unix milliseconds.
    pub time_ms: i64,
    /// Version of the engine that decided.
    pub engine_version: Arc<str>,
    /// It had been decided before, and this is that decision.
    pub from_record: bool,
    /// The proof of its record, where one was asked for.
    pub receipt: Option<Box<Receipt>>,
}

/// What the writer or the check itself says.
pub type Reply = Result<Box<Answer>, Refusal>;

/// The way to a reply; a future of it.
pub enum Pending {
    /// It is there; taken once.
    Ready(Option<Reply>),
    /// It comes when the record is on the disk.
    Waiting(oneshot::Receiver<Reply>),
    /// The writer has no room yet.
    Queued(Queued),
}

/// A question that waits for room in the queue.
pub struct Queued {
    room: Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>,
    assessed: Option<Box<Assessed>>,
    outbox: Arc<Outbox<Reply>>,
    queue: Queue,
}

/// A question that is assessed and only needs the writer.
#[derive(Debug)]
pub(super) struct Assessed {
    pub caller: Arc<str>,
    pub request: RawRequest,
    pub bytes: Bytes,
    pub key: RequestKey,
    /// What the request alone is found by.
    pub terms: Vec<Term>,
    pub export: ProposedExport,
    pub assessment: Assessment,
    pub snapshot: Arc<Snapshot>,
    /// When it was assessed: what was known then counts.
    pub known_at: Timestamp,
    /// The entry that set the exchange rates it was assessed by.
    pub rates_of: Option<u64>,
    /// What proof of the record the answer shall carry.
    pub receipt: ReceiptKind,
}

impl Pending {
    fn ready(reply: Reply) -> Self {
        Self::Ready(Some(reply))
    }

    /// Is it past the queue? Pending as long as it waits for room there.
    pub fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Queued(queued) = self {
            let room = ready!(queued.room.as_mut().poll(cx));
            *self = match (room, queued.assessed.take()) {
                (Ok(room), Some(assessed)) => queued.queue.push(assessed, room, queued.outbox.clone()),
                _ => Self::ready(Err(Refusal::Draining)),
            };
        }
        Poll::Ready(())
    }
}

impl Future for Pending {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        ready!(self.poll_queued(cx));
        match &mut *self {
            Self::Ready(reply) => Poll::Ready(reply.take().unwrap_or(Err(Refusal::Internal))),
            // The writer lets go of a slot without an answer only when the daemon ends.
            Self::Waiting(slot) => {
                Pin::new(slot).poll(cx).map(|reply| reply.unwrap_or(Err(Refusal::Draining)))
            }
            Self::Queued(_) => Poll::Pending,
        }
    }
}

impl Service {
    /// Decides a question, or refuses at once when too many wait for the writer.
    ///
    /// The work that can be done in parallel is done here, on the calling thread; the reply comes through `outbox`,
    /// after the record (`no_record_no_release`).
    pub fn check(&self, question: Question, outbox: &Arc<Outbox<Reply>>) -> Pending {
        self.ask(question, outbox, |_| Pending::ready(Err(Refusal::QueueFull)))
    }

    /// Decides a question, and waits while too many wait for the writer: backpressure for streams.
    pub fn check_patiently(&self, question: Question, outbox: &Arc<Outbox<Reply>>) -> Pending {
        self.ask(question, outbox, |assessed| {
            Pending::Queued(Queued {
                room: Box::pin(self.queue.room.clone().acquire_owned()),
                assessed: Some(assessed),
                outbox: outbox.clone(),
                queue: self.queue.clone(),
            })
        })
    }

    fn ask(
        &self,
        question: Question,
        outbox: &Arc<Outbox<Reply>>,
        when_full: impl FnOnce(Box<Assessed>) -> Pending,
    ) -> Pending {
        let assessed = match self.core.assess(question) {
            Ok(assessed) => assessed,
            Err(reply) => return Pending::ready(reply),
        };
        match self.queue.room.clone().try_acquire_owned() {
            Ok(room) => self.queue.push(assessed, room, outbox.clone()),
            Err(TryAcquireError::NoPermits) => when_full(assessed),
            Err(TryAcquireError::Closed) => Pending::ready(Err(Refusal::Draining)),
        }
    }
}

impl Queue {
    fn push(
        &self,
        assessed: Box<Assessed>,
        room: OwnedSemaphorePermit,
        outbox: Arc<Outbox<Reply>>,
    ) -> Pending {
        let (slot, waiting) = oneshot::channel();
        match self.jobs.send(Message::Job(Job { assessed, room, outbox, slot })) {
            Ok(()) => Pending::Waiting(waiting),
            // The writer has ended.
            Err(_) => Pending::ready(Err(Refusal::StoreUnavailable)),
        }
    }
}

impl Core {
    /// All that needs no order: parsing, the retry that was answered long ago, and the law. The error is a reply that
    /// needs no writer.
    fn assess(&self, question: Question) -> Result<Box<Assessed>, Reply> {
        let Question { caller, request, bytes, receipt } = question;
        let snapshot = self.library.current();
        let now = self.now();
        let export = parse(&request, &snapshot).map_err(|refusal| {
            self.counts.invalid_requests.fetch_add(1, Ordering::Relaxed);
            Err(refusal)
        })?;
        let exporter = export.party(Role::Exporter).map_or("", |party| &party.normal_name);
        if !caller.speaks_for(exporter) {
            warn!({ field::CALLER } = &**caller.name(), "a caller asked for an exporter that is not its own");
            return Err(Err(Refusal::ExporterNotTheirs));
        }
        for (field, id) in [("supersedes", &export.supersedes), ("follows", &export.follows)] {
            if let Some(id) = id {
                self.decided_before(field, id, exporter).map_err(Err)?;
            }
        }
        let caller = caller.name().clone();
        if export.dry_run {
            return Err(self.dry_run(caller, export, snapshot, now));
        }
        let Some(request_id) = export.request_id.as_deref() else {
            return Err(Err(Refusal::field(
                "request_id",
                "REQUIRED",
                "a check that is recorded needs an id of the request",
            )));
        };
        if export.known_at.is_some() {
            let rule = "only a dry run may look at the law as it was known at another moment";
            return Err(Err(Refusal::field("known_at", "DRY_RUN_ONLY", rule)));
        }
        let key = RequestKey::of(&caller, request_id);
        match self.answered_before(&caller, request_id, key, &request, receipt) {
            // So new that no head is signed over it: the writer, which signs it first, has the answer.
            Some(Err(Refusal::StoreUnavailable)) | None => {}
            Some(reply) => return Err(reply),
        }
        let register = self.register.load();
        let assessment = assess(&snapshot, &export, &register, now).map_err(Err)?;
        let rates_of = register.rates_of();
        let terms = request_terms(&request);
        Ok(Box::new(Assessed {
            caller,
            request,
            bytes,
            key,
            terms,
            export,
            assessment,
            snapshot,
            known_at: now,
            rates_of,
            receipt,
        }))
    }

    /// Is there such a decision of this exporter?
    fn decided_before(&self, named: &str, id: &str, exporter: &str) -> Result<(), Refusal> {
        let field = |reason, description: String| Err(Refusal::field(named, reason, description));
        let read: DecisionId = match id.parse() {
            Ok(read) => read,
            Err(fault) => return field("DECISION_ID", DecisionIdError::to_string(&fault)),
        };
        match self.recorded(read.sequence()) {
            Ok(recorded) if recorded.id() == read && *recorded.exporter() == *exporter => Ok(()),
            Ok(_) | Err(Refusal::NotFound(_) | Refusal::Erased { .. }) => {
                field("DECISION_NOT_FOUND", format!("no decision `{read}` of this exporter is in this log"))
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// A dry run settles on the state as it is, records nothing and reserves nothing.
    fn dry_run(
        &self,
        caller: Arc<str>,
        export: ProposedExport,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
    ) -> Reply {
        let register = self.register.load();
        let assessment = assess(&snapshot, &export, &register, export.known_at.unwrap_or(now))?;
        let decision = settle(&snapshot, &export, &assessment, &register, now)?;
        Ok(Box::new(Answer {
            decision,
            export,
            snapshot,
            caller,
            sequence: None,
            time_ms: now.as_millisecond(),
            engine_version: self.engine_version.clone(),
            from_record: false,
            receipt: None,
        }))
    }

    /// `one_answer_per_request`: the reply to a request that the log holds already, if it does.
    pub(super) fn answered_before(
        &self,
        caller: &str,
        request_id: &str,
        key: RequestKey,
        request: &RawRequest,
        receipt: ReceiptKind,
    ) -> Option<Reply> {
        for sequence in self.store.find_request(key) {
            let recorded = match self.recorded(sequence) {
                Ok(recorded) => recorded,
                Err(Refusal::NotFound(_)) => match self.noted(sequence, caller, request_id) {
                    Ok(None) => continue,
                    Ok(Some(noted)) => return Some(Err(noted.reused(request_id))),
                    Err(refusal) => return Some(Err(refusal)),
                },
                Err(refusal) => return Some(Err(refusal)),
            };
            match recorded.sameness(caller, request_id, request) {
                Sameness::OtherKey => {}
                Sameness::OtherRequest => return Some(Err(reused(request_id, &recorded))),
                Sameness::Same if !self.notary.is_released(sequence) => {
                    return Some(Err(Refusal::Unwitnessed));
                }
                Sameness::Same => {
                    let proved = self.receipt(sequence, receipt);
                    return Some(proved.and_then(|receipt| recorded.into_answer(true, receipt)));
                }
            }
        }
        None
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

pub(super) fn reused(request_id: &str, recorded: &Recorded) -> Refusal {
    Refusal::RequestIdReused { request_id: request_id.to_owned(), decision_id: recorded.id() }
}

pub(super) fn parse(request: &RawRequest, snapshot: &Snapshot) -> Result<ProposedExport, Refusal> {
    guarded(|| request.parse(&snapshot.rulebook.vocabulary))?.map_err(Refusal::InvalidRequest)
}

pub(super) fn assess(
    snapshot: &Snapshot,
    export: &ProposedExport,
    register: &Register,
    known_at: Timestamp,
) -> Result<Assessment, Refusal> {
    guarded(|| assessed(&snapshot.rulebook, export, register.rates(), known_at))
}

pub(super) fn settle(
    snapshot: &Snapshot,
    export: &ProposedExport,
    assessment: &Assessment,
    register: &Register,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    guarded(|| engine::settle(&snapshot.rulebook, export, &papers(register, export, now), assessment))
}

/// What law makes of an export, for a check and for its replay alike.
pub(super) fn assessed(
    book: &Rulebook,
    export: &ProposedExport,
    rates: &ExchangeRates,
    known_at: Timestamp,
) -> Assessment {
    // The daemon has no party lists of its own yet, beside those of the rulebook.
    let hits = screening::exact(book, export, &[]);
    let known = Known::At(known_at);
    engine::assess(&engine::Question { book, export, known, hits: &hits, rates })
}

/// What the register, as it is before the decision, has for an export that is decided at this instant.
pub(super) fn papers(register: &Register, export: &ProposedExport, now: Timestamp) -> Standing {
    let named = |id: &Option<Box<str>>| Some(id.as_deref()?.parse::<DecisionId>().ok()?.sequence());
    let last = export.export_date.max(day_of(now));
    let days = export.reservation_days.map_or(RESERVATION_DAYS, i64::from);
    let until = last.checked_add(days.days()).unwrap_or(last);
    register.standing(export, named(&export.supersedes), named(&export.follows), until)
}

/// The day of an instant in UTC: a reservation asks for no zone, and a zone for files of the machine.
pub(super) fn day_of(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

/// A fault in one decision must not take the others down: no answer is given to it, and so no permission.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        error!({ field::ERROR } = panic_text(&*panic), "a decision failed");
        Refusal::Internal
    })
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
