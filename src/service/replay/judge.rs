//! One decision made again, and compared with the record.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    super::{
        DecisionId, Filter, ReadRequest, Refusal, Snapshot,
        check::{assessed, panic_text, papers},
    },
    Body,
    gather::{Chunk, Task},
    law::{Law, Laws},
    memo::{Decided, Memo},
    told::{Cause, Difference, Event, Unreplayable, Why},
};
use crate::{
    domain::{outcome::Outcome, request::RawRequest},
    engine::{canonical, rule_ids, settle},
    ledger::{self, Entry},
    register::Register,
};

/// The engine that replays.
const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Adds to the buffer what of the bytes of a request can decide anything: two requests that give the same bytes differ
/// in ids and references alone. False where it cannot tell.
pub type Essence = fn(&[u8], &mut Vec<u8>) -> bool;

/// How the bytes of requests are read; given by the room that knows the wire.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// Reads a request.
    pub read: ReadRequest,
    /// Tells whether a request was asked before; without it, each is decided in full.
    pub essence: Option<Essence>,
}

/// The law under which a replay decides.
#[derive(Clone, Debug, Default)]
pub enum Under {
    /// For each decision its own: the rulebook that its entry names, with what was known at its time.
    #[default]
    AsKnownThen,
    /// For each decision its own rulebook, with what was known at this instant.
    AsKnownAt(Timestamp),
    /// For all decisions this one.
    Rulebook {
        /// The rulebook.
        snapshot: Arc<Snapshot>,
        /// The instant whose knowledge counts.
        known_at: Timestamp,
    },
}

/// What is asked of a replay.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The law.
    pub under: Under,
    /// Which decisions, by what was recorded.
    pub filter: Filter,
    /// Tell differences from this outcome only.
    pub was: Option<Outcome>,
    /// Tell differences to this outcome only.
    pub now: Option<Outcome>,
    /// Threads that decide; 0 counts as 1. With one, all is done on the calling thread.
    pub threads: usize,
}

/// What came of a chunk.
#[derive(Default)]
pub(super) struct Done {
    pub entries: u64,
    pub decisions: u64,
    pub same: u64,
    pub not_asked: u64,
    pub events: Vec<Event>,
}

/// What came of a decision.
enum Verdict {
    /// The filter does not take it.
    PassedOver,
    Same,
    /// It differs, but not between the outcomes that were asked for.
    NotAsked,
    Differs(Box<Difference>),
}

/// A record that is being judged.
struct Record<'a> {
    entry: &'a Entry,
    /// When it was decided.
    then: Timestamp,
    outcome: Outcome,
    /// The request's own bytes.
    request: &'a [u8],
    /// The same read, once something asks for it.
    read: Option<RawRequest>,
    /// Canonical bytes of the recorded decision.
    decision: &'a [u8],
    /// The register of licences before it.
    register: &'a Register,
}

/// Decides on one thread.
pub(super) struct Judge<'a> {
    options: &'a Options,
    wire: Wire,
    /// The law of all decisions and its instant, where there is one.
    given: Option<(&'a Law, Timestamp)>,
    memo: Memo,
    /// The question at hand, as the memo keeps it; here so that its room is used again.
    question: Vec<u8>,
}

impl<'a> Judge<'a> {
    pub fn new(options: &'a Options, wire: Wire, given: Option<(&'a Law, Timestamp)>) -> Self {
        Self { options, wire, given, memo: Memo::default(), question: Vec::new() }
    }

    pub fn work(&mut self, chunk: Chunk) -> Done {
        let mut done = Done { entries: chunk.entries, ..Done::default() };
        for task in chunk.tasks {
            match task {
                Task::Tell { said, is_decision } => {
                    done.decisions += u64::from(is_decision);
                    done.events.push(Event::Unreplayable(said));
                }
                Task::Decide { entry, body, register } => {
                    // A fault in one decision must not keep the others from being judged.
                    let judged =
                        catch_unwind(AssertUnwindSafe(|| self.judge(&chunk.laws, &entry, &body, &register)));
                    let judged =
                        judged.unwrap_or_else(|panic| Err(Why::Engine(panic_text(&*panic).to_owned())));
                    done.add(entry.sequence, judged);
                }
            }
        }
        done
    }

    fn judge(
        &mut self,
        laws: &Laws,
        entry: &Entry,
        body: &Body,
        register: &Register,
    ) -> Result<Verdict, Why> {
        let filter = &self.options.filter;
        let outcome = Outcome::from_code(entry.outcome).ok_or(Why::NoOutcome)?;
        if !filter.takes_entry(outcome, entry.time_ms) {
            return Ok(Verdict::PassedOver);
        }
        let (salt, (request, decision)) = match body {
            Body::Kept { salt, bytes } => (salt, ledger::Body::split(bytes)?),
            Body::Erased => return Err(Why::BodyErased),
            Body::Lost => return Err(Why::BodyLost),
        };
        if filter.looks_at_rules() && !filter.takes_rules(&rules(decision)?) {
            return Ok(Verdict::PassedOver);
        }
        let then = Timestamp::from_millisecond(entry.time_ms).map_err(|_| Why::NoInstant)?;
        let mut record = Record { entry, then, outcome, request, read: None, decision, register };
        if filter.looks_at_request() && !filter.takes_request(record.read(self.wire)?) {
            return Ok(Verdict::PassedOver);
        }
        if !entry.is_of_request(salt, request) {
            return Err(Why::RequestAltered);
        }
        let now = match (self.given, &self.options.under) {
            (Some((law, known_at)), _) => self.decide(law, known_at, &mut record)?,
            (None, Under::AsKnownAt(at)) => self.decide(laws.find(&entry.rulebook)?, *at, &mut record)?,
            (None, _) => self.decide(laws.find(&entry.rulebook)?, then, &mut record)?,
        };
        if record.is(&now) {
            return Ok(Verdict::Same);
        }
        self.difference(laws, &mut record, &now)
    }

    fn difference(&mut self, laws: &Laws, record: &mut Record<'_>, now: &Decided) -> Result<Verdict, Why> {
        let (was_rules, now_rules) = (rules(record.decision)?, rules(&now.bytes)?);
        let Options { was, now: then, .. } = self.options;
        if was.is_some_and(|was| was != record.outcome) || then.is_some_and(|then| then != now.outcome) {
            return Ok(Verdict::NotAsked);
        }
        let only = |these: &BTreeSet<&str>, those: &BTreeSet<&str>| {
            these.difference(those).map(|rule| (*rule).to_owned()).collect()
        };
        Ok(Verdict::Differs(Box::new(Difference {
            sequence: record.entry.sequence,
            decision_id: DecisionId::of(record.entry.sequence, record.entry.time_ms),
            was: record.outcome,
            now: now.outcome,
            rules_added: only(&now_rules, &was_rules),
            rules_removed: only(&was_rules, &now_rules),
            cause: self.cause(laws, record, now),
        })))
    }

    /// A record that its own law does not give is no matter of another law; of the others, it is asked what the instant
    /// alone would change.
    fn cause(&mut self, laws: &Laws, record: &mut Record<'_>, now: &Decided) -> Cause {
        let unrepeated = |record: &Record<'_>| match &*record.entry.engine_version {
            ENGINE_VERSION => Cause::NotReproducible,
            other => Cause::Engine(other.into()),
        };
        if matches!(self.options.under, Under::AsKnownThen) {
            return unrepeated(record);
        }
        let own = laws.find(&record.entry.rulebook);
        let own_then = own.clone().and_then(|law| self.decide(law, record.then, record));
        if own_then.is_ok_and(|decided| !record.is(&decided)) {
            return unrepeated(record);
        }
        let Some((_, known_at)) = self.given else { return Cause::KnownAt };
        match own.and_then(|law| self.decide(law, known_at, record)) {
            Ok(decided) if decided.bytes == now.bytes => Cause::KnownAt,
            _ => Cause::Rulebook,
        }
    }

    /// Decides the request of a record, or recalls what came of the same one.
    ///
    /// The register is what the entries before this one left of it. Where it holds licences, what they give is part of
    /// the question, and no question comes twice.
    fn decide(&mut self, law: &Law, known_at: Timestamp, record: &mut Record<'_>) -> Result<Decided, Why> {
        let snapshot = law.snapshot()?;
        let is_known =
            record.register.is_empty() && self.ask(law.number, snapshot.era(known_at), record.request);
        if is_known && let Some(decided) = self.memo.recall(&self.question) {
            return Ok(decided);
        }
        let book = &snapshot.rulebook;
        let export = record.read(self.wire)?.parse(&book.vocabulary);
        let export = export
            .map_err(|violations| Why::RequestMalformed(Refusal::InvalidRequest(violations).to_string()))?;
        let papers = papers(record.register, &export, record.then);
        let decision =
            settle(book, &export, &papers, &assessed(book, &export, record.register.rates(), known_at));
        let bytes = canonical::encode(book, &decision).into();
        let decided = Decided { outcome: decision.outcome, bytes };
        if is_known {
            self.memo.keep(&self.question, decided.clone());
        }
        Ok(decided)
    }

    /// Puts the question into words of the memo; false where it is not to be asked. Two instants at which the same law
    /// is known put the same question.
    fn ask(&mut self, law: u32, era: usize, request: &[u8]) -> bool {
        let Some(essence) = self.wire.essence else { return false };
        if !self.memo.looks() {
            return false;
        }
        self.question.clear();
        self.question.extend_from_slice(&law.to_le_bytes());
        self.question.extend_from_slice(&era.to_le_bytes());
        essence(request, &mut self.question)
    }
}

impl Record<'_> {
    fn read(&mut self, wire: Wire) -> Result<&RawRequest, Why> {
        if self.read.is_none() {
            self.read = (wire.read)(self.request);
        }
        self.read.as_ref().ok_or(Why::RequestUndecodable)
    }

    /// Is this decision the recorded one?
    fn is(&self, decided: &Decided) -> bool {
        *decided.bytes == *self.decision && decided.outcome == self.outcome
    }
}

impl Done {
    fn add(&mut self, sequence: u64, judged: Result<Verdict, Why>) {
        self.decisions += u64::from(!matches!(judged, Ok(Verdict::PassedOver)));
        match judged {
            Ok(Verdict::PassedOver) => {}
            Ok(Verdict::Same) => self.same += 1,
            Ok(Verdict::NotAsked) => self.not_asked += 1,
            Ok(Verdict::Differs(difference)) => self.events.push(Event::Difference(difference)),
            Err(why) => self.events.push(Event::Unreplayable(Unreplayable { sequence, why })),
        }
    }
}

/// The rules of a decision in canonical bytes.
fn rules(decision: &[u8]) -> Result<BTreeSet<&str>, Why> {
    rule_ids(decision).ok_or(Why::DecisionUndecodable)
}
