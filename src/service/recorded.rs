//! A decision as it was recorded, read back.

use std::{collections::BTreeSet, sync::Arc};

use tracing::error;

use super::{
    Core,
    check::{Answer, Reply},
    decision_id::DecisionId,
    filter::{Findable, decision_term, exporter, licence_term},
    fold::is_of_register,
    notary::Receipt,
    refusal::Refusal,
    register::event_terms,
    snapshot::Snapshot,
};
use crate::{
    domain::{outcome::Outcome, request::RawRequest},
    engine::{self, Decision, Effects, canonical},
    ledger::{Body, Digest, Entry, EntryKind},
    register::Note,
    rulebook::Rulebook,
    store::{Derived, RequestKey, Term},
    telemetry::field,
};

/// Reads the bytes of a request as they were recorded. It is given by the room that knows the wire.
pub type ReadRequest = fn(&[u8]) -> Option<RawRequest>;

/// A record that was looked for and found.
#[derive(Clone, Debug)]
pub enum Found {
    /// The whole decision.
    Kept(Box<Recorded>),
    /// What is left of one whose body was erased.
    Erased(Box<Entry>),
}

/// A decision as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The entry.
    pub entry: Entry,
    /// The request.
    pub request: RawRequest,
    /// The request's own bytes.
    pub request_bytes: Vec<u8>,
    /// The decision.
    pub decision: Decision,
    /// The rulebook that decided.
    pub snapshot: Arc<Snapshot>,
}

/// How a recorded request is to a new one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sameness {
    /// Another caller or another id; only the hashes were equal.
    OtherKey,
    /// The same caller and id, and another request.
    OtherRequest,
    /// The same.
    Same,
}

impl Found {
    /// The id of the decision.
    #[must_use]
    pub const fn id(&self) -> DecisionId {
        match self {
            Self::Kept(recorded) => recorded.id(),
            Self::Erased(entry) => DecisionId::of(entry.sequence, entry.time_ms),
        }
    }
}

impl Recorded {
    /// Reads a decision from its record, under the rulebook that made it.
    ///
    /// # Errors
    /// [`Refusal::RecordDamaged`] when request or decision do not decode.
    pub fn read(
        entry: Entry,
        body: Body,
        snapshot: Arc<Snapshot>,
        read: ReadRequest,
    ) -> Result<Self, Refusal> {
        let sequence = entry.sequence;
        let damaged = |why: &dyn std::fmt::Display| {
            error!({ field::SEQUENCE } = sequence, { field::ERROR } = %why, "a record cannot be read");
            Refusal::RecordDamaged { sequence }
        };
        let request = read(&body.request).ok_or_else(|| damaged(&"the request does not decode"))?;
        let decision =
            canonical::decode(&snapshot.rulebook, &body.decision).map_err(|fault| damaged(&fault))?;
        Ok(Self { entry, request, request_bytes: body.request, decision, snapshot })
    }

    /// The id of the decision.
    #[must_use]
    pub const fn id(&self) -> DecisionId {
        DecisionId::of(self.entry.sequence, self.entry.time_ms)
    }

    /// Normalised name of the exporter.
    #[must_use]
    pub fn exporter(&self) -> Box<str> {
        exporter(&self.request).unwrap_or_default()
    }

    /// Ids of the rules and of the engine's own findings that fired, each once.
    #[must_use]
    pub fn rules(&self) -> BTreeSet<&str> {
        rules_of(&self.decision, &self.snapshot.rulebook)
    }

    /// How this request is to that one. Requests are compared as what they say: another order of fields on the wire, or
    /// a field that this version does not know, makes no other request.
    #[must_use]
    pub fn sameness(&self, caller: &str, request_id: &str, request: &RawRequest) -> Sameness {
        if self.entry.caller != caller || self.request.request_id.as_deref() != Some(request_id) {
            Sameness::OtherKey
        } else if self.request == *request {
            Sameness::Same
        } else {
            Sameness::OtherRequest
        }
    }

    /// The answer that the record holds, told with the rulebook that decided it.
    ///
    /// # Errors
    /// [`Refusal::RecordDamaged`] when the request does not hold under that rulebook, which it did.
    pub fn into_answer(self, from_record: bool, receipt: Option<Box<Receipt>>) -> Reply {
        let sequence = self.entry.sequence;
        let export = self.request.parse(&self.snapshot.rulebook.vocabulary).map_err(|violations| {
            let why = Refusal::InvalidRequest(violations);
            error!({ field::SEQUENCE } = sequence, { field::ERROR } = %why, "a recorded request does not hold");
            Refusal::RecordDamaged { sequence }
        })?;
        Ok(Box::new(Answer {
            decision: self.decision,
            export,
            snapshot: self.snapshot,
            caller: self.entry.caller.into(),
            sequence: Some(sequence),
            time_ms: self.entry.time_ms,
            engine_version: self.entry.engine_version.into(),
            from_record,
            receipt,
        }))
    }
}

/// Ids of the rules and of the engine's own findings of a decision, each once.
pub(super) fn rules_of<'a>(decision: &Decision, book: &'a Rulebook) -> BTreeSet<&'a str> {
    let findings = decision.lines.iter().flat_map(|line| &line.findings);
    findings.map(|finding| finding.finder.id(book)).collect()
}

/// What a decision is found by that changes the register.
pub(super) fn effect_terms(effects: &Effects) -> Vec<Term> {
    let mut terms: Vec<Term> = effects.holds.iter().map(|hold| licence_term(&hold.licence)).collect();
    terms.extend([effects.releases, effects.takes].into_iter().flatten().map(decision_term));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// Everything under which a record is found, from entry and body alone.
#[must_use]
pub fn derive(entry: &Entry, body: &Body, read: ReadRequest) -> Derived {
    if is_of_register(entry.kind) {
        let Ok(note) = serde_json::from_slice::<Note>(&body.decision) else { return Derived::default() };
        let request_key = note.request_id.as_deref().map(|id| RequestKey::of(&entry.caller, id));
        return Derived { request_key, terms: event_terms(&note.event) };
    }
    if entry.kind != EntryKind::DecisionMade {
        return Derived::default();
    }
    let (Some(request), Some(outcome)) = (read(&body.request), Outcome::from_code(entry.outcome)) else {
        return Derived::default();
    };
    let rules = engine::rule_ids(&body.decision).unwrap_or_default();
    let request_key = request.request_id.as_deref().map(|id| RequestKey::of(&entry.caller, id));
    let mut terms = Findable { request: &request, outcome, rules: &rules }.terms();
    terms.extend(effect_terms(&engine::effects(&body.decision).unwrap_or_default()));
    Derived { request_key, terms }
}

impl Core {
    /// Reads the decision at `sequence`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is no decision; [`Refusal::RecordDamaged`] where one cannot be read.
    pub(super) fn recorded(&self, sequence: u64) -> Result<Recorded, Refusal> {
        let damaged = |why: &dyn std::fmt::Display| {
            error!({ field::SEQUENCE } = sequence, { field::ERROR } = %why, "a record cannot be read");
            Refusal::RecordDamaged { sequence }
        };
        let stored = match self.store.record(sequence) {
            Ok(Some(stored)) if stored.entry.kind == EntryKind::DecisionMade => stored,
            Ok(_) => return Err(Refusal::NotFound(sequence.to_string())),
            Err(fault) => return Err(damaged(&fault)),
        };
        let Some(body) = stored.body().map_err(|fault| damaged(&fault))? else {
            return Err(Refusal::Erased { entry: Box::new(stored.entry) });
        };
        let snapshot = self.snapshot_of(&stored.entry.rulebook, sequence)?;
        Recorded::read(stored.entry, body, snapshot, self.read)
    }

    /// The rulebook of this digest: in force, at hand, or compiled from the log.
    fn snapshot_of(&self, digest: &Digest, sequence: u64) -> Result<Arc<Snapshot>, Refusal> {
        if let Some(snapshot) = self.library.find(digest) {
            return Ok(snapshot);
        }
        let damaged = |why: &str| {
            error!({ field::RULEBOOK } = %digest, { field::SEQUENCE } = sequence, { field::ERROR } = why, "no rulebook");
            Refusal::RecordDamaged { sequence }
        };
        let activation =
            self.activations.iter().rev().find(|(active, _)| active == digest).map(|(_, sequence)| *sequence);
        let activation = activation.ok_or_else(|| damaged("the log does not hold it"))?;
        let snapshot = Snapshot::activated_at(&self.store, activation);
        let snapshot = Arc::new(snapshot.map_err(|fault| damaged(&fault.to_string()))?);
        if snapshot.digest != *digest {
            return Err(damaged("its digest is another"));
        }
        self.library.keep(snapshot.clone());
        Ok(snapshot)
    }
}
