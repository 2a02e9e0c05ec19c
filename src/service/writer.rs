//! The writer: one thread that puts decisions in order, records them, and only then lets answers go.
//!
//! It takes whatever waits while the previous batch was being written: no timer, one fdatasync alone, big batches under
//! load. All that depends on order happens here: a `request_id` seen before, the balance of a licence, sequence numbers.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{debug, error, warn};

use super::{
    CALLER_DAEMON, Core, DecisionId, Outbox, Readiness, Refusal,
    check::{Answer, Assessed, Reply, assess, day_of, parse, settle},
    draft::{Draft, Salts},
    filter::decision_terms,
    fold::{State, kind_of},
    notary::{Head, Receipt, ReceiptKind},
    recorded::{effect_terms, rules_of},
    register::{Command, CommandJob, Noted, NotedReply, event_terms},
};
use crate::{
    domain::request::RawRequest,
    engine::canonical,
    ledger::{self, Body, Digest, EntryKind, Signer},
    register::{Event, Note, Release},
    store::{Record, RequestKey, StoreError, Writer},
    telemetry::field,
};

/// Most decisions in one batch: more would only make the first of them wait.
const BATCH_MAX: usize = 1_024;
/// Most bytes of requests in one batch.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// How long the writer waits for work before it looks for reservations that have run out.
const DUE_LOOKED_FOR_EVERY: Duration = Duration::from_mins(1);
/// Most reservations that run out in one batch.
const EXPIRED_MAX: usize = 256;
/// A snapshot of the fold is kept every so many records, so that a start reads little.
const SNAPSHOT_EVERY: u64 = 100_000;

/// A question on its way to the writer.
#[derive(Debug)]
pub(super) struct Job {
    pub assessed: Box<Assessed>,
    /// Room in the queue; free again when the job is done.
    pub room: OwnedSemaphorePermit,
    pub outbox: Arc<Outbox<Reply>>,
    pub slot: oneshot::Sender<Reply>,
}

/// What comes through the queue.
#[derive(Debug)]
pub(super) enum Message {
    /// A question.
    Job(Job),
    /// An order to the register of licences.
    Command(Box<CommandJob>),
    /// The end: what came before it is answered.
    Stop,
}

/// What a batch is made of.
enum Work {
    Check(Job),
    Command(Box<CommandJob>),
}

/// Who waits for an answer.
struct Asker {
    outbox: Arc<Outbox<Reply>>,
    slot: oneshot::Sender<Reply>,
    receipt: ReceiptKind,
    _room: OwnedSemaphorePermit,
}

/// A decision that waits for its record, and everyone who asked for it.
struct Settled {
    answer: Box<Answer>,
    request: RawRequest,
    /// The first sent the request that is recorded, the others the same one in the same moment.
    askers: Vec<Asker>,
    /// The place of its record in the batch.
    at: usize,
}

/// Decisions on their way to the disk together.
struct Batch {
    /// The state after the last of them. Each is taken in where the state stands: a copy for each would make every one
    /// pay for what the register has in common with the one before.
    state: State,
    /// One was taken in and could not be written: the state is past the records, and none of them may be.
    is_broken: bool,
    settled: Vec<Settled>,
    records: Vec<Record>,
    /// Caller and request id to the position in `settled`.
    asked: HashMap<(Arc<str>, Box<str>), usize>,
    /// Whom to wake when the answers are left.
    outboxes: Vec<Arc<Outbox<Reply>>>,
    /// What came of commands, and who waits for it.
    noted: Vec<(oneshot::Sender<NotedReply>, Noted)>,
    /// The keys of these commands.
    ordered: HashSet<RequestKey>,
}

/// The writer's own side of the service.
pub(super) struct Scribe {
    pub core: Arc<Core>,
    pub writer: Writer,
    pub jobs: Receiver<Message>,
    pub state: State,
    pub salts: Salts,
    pub signer: Signer,
}

impl Scribe {
    /// Writes until it is told to stop; every job before that gets a reply.
    pub fn run(mut self) {
        let mut jobs = Vec::with_capacity(BATCH_MAX);
        loop {
            let ended = self.gather(&mut jobs).is_break();
            if !jobs.is_empty() || self.has_due() {
                self.write(jobs.drain(..));
            }
            if ended {
                break;
            }
        }
        self.keep_snapshot();
    }

    /// Waits for a job, not longer than reservations may wait to run out, and takes what waits with it.
    ///
    /// A job that is alone is written at once. Where several wait, others are on their way: the serving threads get one
    /// turn to bring them, which on few cores makes batches larger and costs no time that anybody would have used better.
    fn gather(&self, jobs: &mut Vec<Work>) -> ControlFlow<()> {
        let mut bytes = 0;
        let mut has_yielded = false;
        let mut next = match self.jobs.recv_timeout(DUE_LOOKED_FOR_EVERY) {
            Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
            next => next.map_err(drop),
        };
        loop {
            match next {
                Ok(Message::Job(job)) => {
                    bytes += job.assessed.bytes.len();
                    jobs.push(Work::Check(job));
                }
                Ok(Message::Command(job)) => {
                    bytes += job.command.bytes.len();
                    jobs.push(Work::Command(job));
                }
                Err(()) if jobs.len() > 1 && !has_yielded => {
                    has_yielded = true;
                    thread::yield_now();
                }
                // Nothing waits any more.
                Err(()) if !jobs.is_empty() => return ControlFlow::Continue(()),
                // The end; or, with no job at all, everyone who could ask is gone.
                Ok(Message::Stop) | Err(()) => return ControlFlow::Break(()),
            }
            if jobs.len() >= BATCH_MAX || bytes >= BATCH_BYTES_MAX {
                return ControlFlow::Continue(());
            }
            next = self.jobs.try_recv().map_err(drop);
        }
    }

    /// Settles, records and answers one batch.
    fn write(&mut self, jobs: impl Iterator<Item = Work>) {
        let mut batch = Batch::on(self.state.clone());
        let now = self.core.now();
        self.expire(now, &mut batch);
        for work in jobs {
            match work {
                Work::Check(job) => self.settle(job, now, &mut batch),
                Work::Command(job) => self.note(*job, now, &mut batch),
            }
        }
        let Batch { state, is_broken, settled, records, outboxes, noted, asked: _, ordered: _ } = batch;
        if is_broken {
            refuse(settled, noted, "one of them could not be written", &Refusal::Internal);
        } else if !records.is_empty() {
            let signed = match self.writer.append(&records) {
                // Only now, and once for all of them: what is signed is on the disk.
                Ok(proofs) => match self.core.notary.sign(&self.signer, &proofs) {
                    Ok(head) => Ok(Signed { head, proofs, records }),
                    // They are recorded, and this writer is not where they are: only a restart goes on from there.
                    Err(fault) => {
                        self.core.became(Readiness::Failed);
                        Err(fault.to_string())
                    }
                },
                Err(fault) => {
                    let goes_on = matches!(
                        fault,
                        StoreError::Full { .. } | StoreError::TooLarge { .. } | StoreError::Unfit { .. }
                    );
                    if !goes_on {
                        self.core.became(Readiness::Failed);
                    }
                    Err(fault.to_string())
                }
            };
            match signed {
                Ok(signed) => {
                    self.core.counts.batches.fetch_add(1, Ordering::Relaxed);
                    self.core.counts.decisions.fetch_add(settled.len() as u64, Ordering::Relaxed);
                    let register = state.register().clone();
                    self.commit(state);
                    match self.core.notary.released(&signed.head) {
                        Some(head) => {
                            self.core.register.store(register);
                            let signed = Signed { head, ..signed };
                            for (slot, noted) in noted {
                                // An error means that nobody waits for it any more.
                                let _ = slot.send(noted.or_incident());
                            }
                            for settled in settled {
                                settled.answer(&signed);
                            }
                        }
                        // Recorded, and a retry is answered once the witnesses have cosigned.
                        None => {
                            refuse(
                                settled,
                                noted,
                                "witnesses have not cosigned in time",
                                &Refusal::Unwitnessed,
                            );
                        }
                    }
                }
                Err(fault) => refuse(settled, noted, &fault, &Refusal::StoreUnavailable),
            }
        }
        for outbox in outboxes {
            outbox.wake();
        }
    }

    /// Puts one job into the batch, or answers it.
    fn settle(&mut self, job: Job, now: Timestamp, batch: &mut Batch) {
        let Job { assessed, room, outbox, slot } = job;
        batch.will_wake(&outbox);
        let receipt = assessed.receipt;
        let asker = Asker { outbox, slot, receipt, _room: room };
        let request_id: Box<str> = assessed.export.request_id.clone().unwrap_or_default();
        // `one_answer_per_request`: the answer may have been recorded since the check looked, or be in this batch.
        if let Some(reply) =
            self.core.answered_before(&assessed.caller, &request_id, assessed.key, &assessed.request, receipt)
        {
            return asker.answer(reply);
        }
        if batch.ordered.contains(&assessed.key) {
            // A command of this id is being recorded: a retry after this batch is refused for good.
            return asker.answer(Err(Refusal::QueueFull));
        }
        let key = (assessed.caller.clone(), request_id);
        if let Some(same) = batch.asked.get(&key).and_then(|at| batch.settled.get_mut(*at)) {
            if same.request == assessed.request {
                same.askers.push(asker);
            } else {
                let decision_id =
                    DecisionId::of(same.answer.sequence.unwrap_or_default(), same.answer.time_ms);
                asker.answer(Err(Refusal::RequestIdReused { request_id: key.1.into(), decision_id }));
            }
            return;
        }
        match self.decide(*assessed, now, batch) {
            Ok((answer, request, record)) => {
                batch.asked.insert(key, batch.settled.len());
                let at = batch.records.len();
                batch.settled.push(Settled { answer, request, askers: vec![asker], at });
                batch.records.push(record);
            }
            Err(refusal) => asker.answer(Err(refusal)),
        }
    }

    /// Settles and writes the record; the state moves on only when both went well.
    fn decide(
        &mut self,
        assessed: Assessed,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(Box<Answer>, RawRequest, Record), Refusal> {
        let Assessed {
            caller,
            request,
            bytes,
            key,
            mut terms,
            export,
            assessment,
            snapshot,
            known_at,
            rates_of,
            receipt: _,
        } = assessed;
        let current = self.core.library.current();
        let register = batch.state.register();
        let is_current = Arc::ptr_eq(&current, &snapshot)
            && current.knows_the_same(known_at, now)
            && register.rates_of() == rates_of;
        let (export, assessment) = if is_current {
            (export, assessment)
        } else {
            // The law, what is known of it, or the rates changed since the check looked.
            let export = parse(&request, &current)?;
            let assessment = assess(&current, &export, register, now)?;
            (export, assessment)
        };
        let decision = settle(&current, &export, &assessment, register, now)?;
        let rules = rules_of(&decision, &current.rulebook);
        terms.extend(decision_terms(decision.outcome, &rules));
        terms.extend(effect_terms(&decision.effects));
        let body = Body { request: bytes.into(), decision: canonical::encode(&current.rulebook, &decision) };
        let salt = self.salts.draw()?;
        let sequence = Some(batch.state.size());
        batch.advance(EntryKind::DecisionMade, current.digest, &body.decision)?;
        let draft = Draft {
            time_ms: now.as_millisecond(),
            kind: EntryKind::DecisionMade,
            caller: &caller,
            rulebook: current.digest,
            outcome: decision.outcome.code(),
            state: &batch.state,
        };
        let record = draft.record(&self.core.engine_version, &body, salt, Some(key), terms);
        let record = batch.written(record)?;
        let answer = Box::new(Answer {
            decision,
            export,
            snapshot: current,
            caller,
            sequence,
            time_ms: now.as_millisecond(),
            engine_version: self.core.engine_version.clone(),
            from_record: false,
            receipt: None,
        });
        Ok((answer, request, record))
    }

    /// Does a reservation wait to run out?
    fn has_due(&self) -> bool {
        self.state.register().first_due(day_of(self.core.now())).is_some()
    }

    /// Gives back what has run out, before anything else is settled.
    fn expire(&mut self, now: Timestamp, batch: &mut Batch) {
        for _ in 0..EXPIRED_MAX {
            let Some(decision) = batch.state.register().first_due(day_of(now)) else { return };
            let release = Release { decision, reason: "nobody confirmed it in time".to_owned() };
            let note = Note { request_id: None, event: Event::ReservationExpired(release) };
            match self.event(CALLER_DAEMON, &note, Vec::new(), None, now, batch) {
                Ok(record) => batch.records.push(record),
                Err(refusal) => {
                    error!({ field::ERROR } = %refusal, "a reservation could not run out");
                    return;
                }
            }
        }
    }

    /// Puts one command into the batch, or answers it.
    fn note(&mut self, job: CommandJob, now: Timestamp, batch: &mut Batch) {
        let CommandJob { command, key, slot, _room: _ } = job;
        let asked = (command.caller.name().clone(), command.request_id.as_str().into());
        let said = match self.core.noted_before(&command, key) {
            Some(reply) => Err(reply),
            // It is being recorded: a retry after this batch finds it.
            None if batch.ordered.contains(&key) || batch.asked.contains_key(&asked) => {
                Err(Err(Refusal::QueueFull))
            }
            None => self.order(command, key, now, batch).map_err(Err),
        };
        match said {
            Ok((noted, record)) => {
                batch.ordered.insert(key);
                batch.records.push(record);
                batch.noted.push((slot, noted));
            }
            // An error means that nobody waits for it any more.
            Err(reply) => drop(slot.send(reply)),
        }
    }

    fn order(
        &mut self,
        command: Command,
        key: RequestKey,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<(Noted, Record), Refusal> {
        Core::may_order_of(&command, batch.state.register())?;
        let Command { caller, request_id, order, bytes } = command;
        let event = order.plan(&self.core, batch.state.register(), caller.name(), now)?;
        let (sequence, time_ms) = (batch.state.size(), now.as_millisecond());
        let note = Note { request_id: Some(request_id), event };
        let record = self.event(caller.name(), &note, bytes.into(), Some(key), now, batch)?;
        Ok((Noted { sequence, time_ms, event: note.event, from_record: false }, record))
    }

    /// The record of an event; the state moves on only when there is one.
    fn event(
        &mut self,
        caller: &str,
        note: &Note,
        request: Vec<u8>,
        key: Option<RequestKey>,
        now: Timestamp,
        batch: &mut Batch,
    ) -> Result<Record, Refusal> {
        let internal = |fault: &dyn std::fmt::Display| {
            error!({ field::ERROR } = %fault, "an event cannot be written");
            Refusal::Internal
        };
        let decision = serde_json::to_vec(note).map_err(|fault| internal(&fault))?;
        let body = Body { request, decision };
        let (kind, terms) = (kind_of(&note.event), event_terms(&note.event));
        let rulebook = self.core.library.current().digest;
        let salt = self.salts.draw()?;
        // Unlike a decision, which reserves on what the register gave it, an event is tried on a copy: one that does not
        // fit takes nobody with it.
        let mut next = batch.state.clone();
        next.advance(kind, rulebook, Some(&body.decision)).map_err(|fault| internal(&fault))?;
        let draft = Draft { time_ms: now.as_millisecond(), kind, caller, rulebook, outcome: 0, state: &next };
        let record = draft.record(&self.core.engine_version, &body, salt, key, terms)?;
        batch.state = next;
        Ok(record)
    }

    fn commit(&mut self, state: State) {
        let due = state.size() / SNAPSHOT_EVERY != self.state.size() / SNAPSHOT_EVERY;
        self.state = state;
        if due {
            self.keep_snapshot();
        }
    }

    /// Snapshots are derived: without one, the next start reads more. A state with a register is not kept as one.
    fn keep_snapshot(&self) {
        if self.state.has_register() {
            return;
        }
        if let Err(fault) = self.core.store.put_snapshot(self.state.size(), &self.state.to_bytes()) {
            warn!({ field::ERROR } = %fault, "no snapshot was kept");
        }
    }
}

/// `no_record_no_release`: this batch was not recorded, signed and, where asked, witnessed, so nobody gets a decision.
fn refuse(
    settled: Vec<Settled>,
    noted: Vec<(oneshot::Sender<NotedReply>, Noted)>,
    fault: &str,
    refusal: &Refusal,
) {
    for (slot, _) in noted {
        // An error means that nobody waits for it any more.
        let _ = slot.send(Err(refusal.clone()));
    }
    error!({ field::COUNT } = settled.len(), { field::ERROR } = fault, "decisions could not be released");
    for asker in settled.into_iter().flat_map(|settled| settled.askers) {
        asker.answer(Err(refusal.clone()));
    }
}

/// A batch on the disk, with its head and all that its receipts are made of.
struct Signed {
    head: Arc<Head>,
    proofs: ledger::Batch,
    records: Vec<Record>,
}

impl Signed {
    /// The receipt of the record at this place of the batch; it needs no disk.
    fn receipt(&self, at: usize, sequence: u64, kind: ReceiptKind) -> Option<Box<Receipt>> {
        let (leaf, entry) = (*self.proofs.leaves().get(at)?, &self.records.get(at)?.entry);
        let proof = match kind {
            ReceiptKind::None => return None,
            ReceiptKind::LeafHash => None,
            ReceiptKind::Full => {
                Some(self.head.receipt(sequence, entry, self.proofs.inclusion_proof(sequence).ok()?))
            }
        };
        Some(Box::new(Receipt { leaf, proof }))
    }
}

impl Batch {
    fn on(state: State) -> Self {
        Self {
            state,
            is_broken: false,
            settled: Vec::new(),
            records: Vec::new(),
            asked: HashMap::new(),
            outboxes: Vec::new(),
            noted: Vec::new(),
            ordered: HashSet::new(),
        }
    }

    /// Takes the next entry into the state.
    fn advance(&mut self, kind: EntryKind, rulebook: Digest, body: &[u8]) -> Result<(), Refusal> {
        if self.is_broken {
            return Err(Refusal::Internal);
        }
        let advanced = self.state.advance(kind, rulebook, Some(body));
        self.written(advanced.map_err(|fault| {
            error!({ field::ERROR } = %fault, "an entry does not fit the state");
            Refusal::Internal
        }))
    }

    /// What was taken in must be written, or nothing of this batch is.
    fn written<T>(&mut self, written: Result<T, Refusal>) -> Result<T, Refusal> {
        self.is_broken |= written.is_err();
        written
    }

    fn will_wake(&mut self, outbox: &Arc<Outbox<Reply>>) {
        if !self.outboxes.iter().any(|known| Arc::ptr_eq(known, outbox)) {
            self.outboxes.push(outbox.clone());
        }
    }
}

impl Asker {
    fn answer(self, reply: Reply) {
        self.outbox.leave(self.slot, reply);
    }
}

impl Settled {
    fn answer(self, signed: &Signed) {
        let Answer { sequence, time_ms, .. } = *self.answer;
        let receipt = |asker: &Asker| signed.receipt(self.at, sequence.unwrap_or_default(), asker.receipt);
        debug!(
            { field::DECISION_ID } = %DecisionId::of(sequence.unwrap_or_default(), time_ms),
            { field::REQUEST_ID } = self.request.request_id,
            "decided"
        );
        let mut askers = self.askers.into_iter();
        let first = askers.next();
        for repeat in askers {
            let receipt = receipt(&repeat);
            repeat.answer(Ok(Box::new(Answer { from_record: true, receipt, ..(*self.answer).clone() })));
        }
        if let Some(first) = first {
            let receipt = receipt(&first);
            first.answer(Ok(Box::new(Answer { receipt, ..*self.answer })));
        }
    }
}
