//! The writer: one thread that puts decisions in order, records them, and only then lets answers go.
//!
//! It takes whatever waits while the previous batch was being written: no timer, one fdatasync alone, big batches under
//! load. All that depends on order happens here: a `request_id` seen before, the balance of a licence, sequence numbers.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Arc, atomic::Ordering},
    thread,
};

use crossbeam_channel::Receiver;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{debug, error, warn};

use super::{
    Core, DecisionId, Outbox, Readiness, Refusal,
    check::{Answer, Assessed, Reply, assess, parse, settle},
    filter::decision_terms,
    fold::State,
    notary::{Head, Receipt, ReceiptKind},
    recorded::rules_of,
};
use crate::{
    domain::request::RawRequest,
    engine::canonical,
    ledger::{self, Body, Digest, Entry, EntryKind, SALT_LENGTH, Signer, commitment, request_digest},
    store::{Record, RequestKey, StoreError, Term, Writer},
    telemetry::field,
};

/// Most decisions in one batch: more would only make the first of them wait.
const BATCH_MAX: usize = 1_024;
/// Most bytes of requests in one batch.
const BATCH_BYTES_MAX: usize = 8 << 20;
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
    /// The end: what came before it is answered.
    Stop,
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
#[derive(Default)]
struct Batch {
    settled: Vec<Settled>,
    records: Vec<Record>,
    /// Caller and request id to the position in `settled`.
    asked: HashMap<(Arc<str>, Box<str>), usize>,
    /// Whom to wake when the answers are left.
    outboxes: Vec<Arc<Outbox<Reply>>>,
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
            if !jobs.is_empty() {
                self.write(jobs.drain(..));
            }
            if ended {
                break;
            }
        }
        self.keep_snapshot();
    }

    /// Waits for a job and takes what waits with it.
    ///
    /// A job that is alone is written at once. Where several wait, others are on their way: the serving threads get one
    /// turn to bring them, which on few cores makes batches larger and costs no time that anybody would have used better.
    fn gather(&self, jobs: &mut Vec<Job>) -> ControlFlow<()> {
        let mut bytes = 0;
        let mut has_yielded = false;
        let mut next = self.jobs.recv().map_err(drop);
        loop {
            match next {
                Ok(Message::Job(job)) => {
                    bytes += job.assessed.bytes.len();
                    jobs.push(job);
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
    fn write(&mut self, jobs: impl Iterator<Item = Job>) {
        let mut state = self.state.clone();
        let mut batch = Batch::default();
        let now = self.core.now();
        for job in jobs {
            self.settle(job, now, &mut state, &mut batch);
        }
        let Batch { settled, records, outboxes, asked: _ } = batch;
        if !records.is_empty() {
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
                    self.commit(state);
                    match self.core.notary.released(&signed.head) {
                        Some(head) => {
                            let signed = Signed { head, ..signed };
                            for settled in settled {
                                settled.answer(&signed);
                            }
                        }
                        // Recorded, and a retry is answered once the witnesses have cosigned.
                        None => refuse(settled, "witnesses have not cosigned in time", &Refusal::Unwitnessed),
                    }
                }
                Err(fault) => refuse(settled, &fault, &Refusal::StoreUnavailable),
            }
        }
        for outbox in outboxes {
            outbox.wake();
        }
    }

    /// Puts one job into the batch, or answers it.
    fn settle(&mut self, job: Job, now: Timestamp, state: &mut State, batch: &mut Batch) {
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
        match self.decide(*assessed, now, state) {
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
        state: &mut State,
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
            receipt: _,
        } = assessed;
        let current = self.core.library.current();
        let (export, assessment) =
            if Arc::ptr_eq(&current, &snapshot) && current.knows_the_same(known_at, now) {
                (export, assessment)
            } else {
                // The law, or what is known of it, changed since the check looked.
                let export = parse(&request, &current)?;
                let assessment = assess(&current, &export, now)?;
                (export, assessment)
            };
        let decision = settle(&current, &export, &assessment)?;
        let rules = rules_of(&decision, &current.rulebook);
        terms.extend(decision_terms(decision.outcome, &rules));
        let body = Body { request: bytes.into(), decision: canonical::encode(&current.rulebook, &decision) };
        let mut next = state.clone();
        next.advance(EntryKind::DecisionMade, current.digest);
        let draft = Draft {
            time_ms: now.as_millisecond(),
            kind: EntryKind::DecisionMade,
            caller: &caller,
            rulebook: current.digest,
            outcome: decision.outcome.code(),
            state: &next,
        };
        let record = draft.record(&self.core.engine_version, &body, self.salts.draw()?, Some(key), terms)?;
        let sequence = Some(state.size());
        *state = next;
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

    fn commit(&mut self, state: State) {
        let due = state.size() / SNAPSHOT_EVERY != self.state.size() / SNAPSHOT_EVERY;
        self.state = state;
        if due {
            self.keep_snapshot();
        }
    }

    /// Snapshots are derived: without one, the next start reads more.
    fn keep_snapshot(&self) {
        if let Err(fault) = self.core.store.put_snapshot(self.state.size(), &self.state.to_bytes()) {
            warn!({ field::ERROR } = %fault, "no snapshot was kept");
        }
    }
}

/// `no_record_no_release`: this batch was not recorded, signed and, where asked, witnessed, so nobody gets a decision.
fn refuse(settled: Vec<Settled>, fault: &str, refusal: &Refusal) {
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

/// What an entry says, before it is bytes.
pub(super) struct Draft<'a> {
    pub time_ms: i64,
    pub kind: EntryKind,
    pub caller: &'a str,
    pub rulebook: Digest,
    pub outcome: u8,
    /// The state after this entry.
    pub state: &'a State,
}

impl Draft<'_> {
    /// The record of this entry with its body.
    pub fn record(
        self,
        engine_version: &str,
        body: &Body,
        salt: [u8; SALT_LENGTH],
        request_key: Option<RequestKey>,
        terms: Vec<Term>,
    ) -> Result<Record, Refusal> {
        let unfit = |why: &dyn std::fmt::Display| {
            error!({ field::ERROR } = %why, "an entry cannot be written");
            Refusal::Internal
        };
        let request = request_digest(&salt, &body.request);
        let body = body.encode().map_err(|fault| unfit(&fault))?;
        let entry = Entry {
            sequence: self.state.size().saturating_sub(1),
            time_ms: self.time_ms,
            kind: self.kind,
            caller: self.caller.to_owned(),
            engine_version: engine_version.to_owned(),
            rulebook: self.rulebook,
            // No party lists come from outside the rulebook yet.
            lists: Digest::ZERO,
            request,
            outcome: self.outcome,
            commitment: commitment(&salt, &body),
            state: self.state.digest(),
        };
        let entry = entry.encode().map_err(|fault| unfit(&fault))?;
        Ok(Record { entry, salt, body, request_key, terms })
    }
}

/// Salts, drawn from the operating system many at a time.
#[derive(Debug, Default)]
pub(super) struct Salts {
    drawn: Vec<[u8; SALT_LENGTH]>,
}

impl Salts {
    const AT_A_TIME: usize = 256;

    /// The next salt.
    pub fn draw(&mut self) -> Result<[u8; SALT_LENGTH], Refusal> {
        if self.drawn.is_empty() {
            let mut bytes = vec![0; Self::AT_A_TIME * SALT_LENGTH];
            getrandom::fill(&mut bytes).map_err(|fault| {
                error!({ field::ERROR } = %fault, "no random bytes");
                Refusal::Internal
            })?;
            self.drawn.extend_from_slice(bytes.as_chunks::<SALT_LENGTH>().0);
        }
        self.drawn.pop().ok_or(Refusal::Internal)
    }
}
