//! A decision as it was recorded, read back.

use std::sync::Arc;

use tracing::error;

use super::{
    Core,
    check::{Answer, Reply},
    decision_id::DecisionId,
    filter::Findable,
    refusal::Refusal,
    snapshot::Snapshot,
};
use crate::{
    domain::{outcome::Outcome, request::RawRequest},
    engine::Decision,
    ledger::{Body, Digest, Entry, EntryKind},
    rulebook::{Bundle, Rulebook},
    store::{Derived, RequestKey},
    telemetry::field,
};

/// Reads the bytes of a request as they were recorded. It is given by the room that knows the wire.
pub type ReadRequest = fn(&[u8]) -> Option<RawRequest>;

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

impl Recorded {
    /// The id of the decision.
    #[must_use]
    pub const fn id(&self) -> DecisionId {
        DecisionId::of(self.entry.sequence, self.entry.time_ms)
    }

    /// What a filter looks at.
    #[must_use]
    pub fn rules(&self) -> Vec<&str> {
        self.decision.rules()
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
}

/// Everything under which a record is found, from entry and body alone.
#[must_use]
pub fn derive(entry: &Entry, body: &Body, read: ReadRequest) -> Derived {
    if entry.kind != EntryKind::DecisionMade {
        return Derived::default();
    }
    let (Some(request), Some(outcome)) = (read(&body.request), Outcome::from_code(entry.outcome)) else {
        return Derived::default();
    };
    let decision = Decision::from_canonical(&body.decision).ok();
    let rules = decision.as_ref().map(Decision::rules).unwrap_or_default();
    let request_key = request.request_id.as_deref().map(|id| RequestKey::of(&entry.caller, id));
    let terms = Findable { request: &request, outcome, rules: &rules }.terms();
    Derived { request_key, terms }
}

impl Core {
    /// Reads the decision at `sequence`.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where there is no decision, [`Refusal::RecordDamaged`], [`Refusal::StoreUnavailable`].
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
        let body = stored.body().map_err(|fault| damaged(&fault))?;
        let decision = Decision::from_canonical(&body.decision).map_err(|fault| damaged(&fault))?;
        let request = (self.read)(&body.request).ok_or_else(|| damaged(&"the request does not decode"))?;
        Ok(Recorded { entry: stored.entry, request, request_bytes: body.request, decision })
    }

    /// The answer that a record holds, told with the rulebook that decided it.
    ///
    /// # Errors
    /// [`Refusal::RecordDamaged`] when that rulebook is not in the log or compiles no more.
    pub fn answer_of(&self, recorded: Recorded, from_record: bool) -> Reply {
        let sequence = recorded.entry.sequence;
        let snapshot = self.snapshot_of(&recorded.entry.rulebook, sequence)?;
        let export = recorded.request.parse(&snapshot.rulebook.vocabulary).map_err(|violations| {
            let why = Refusal::InvalidRequest(violations);
            error!({ field::SEQUENCE } = sequence, { field::ERROR } = %why, "a recorded request does not hold");
            Refusal::RecordDamaged { sequence }
        })?;
        Ok(Box::new(Answer {
            decision: recorded.decision,
            export,
            snapshot,
            caller: recorded.entry.caller.into(),
            sequence: Some(sequence),
            time_ms: recorded.entry.time_ms,
            engine_version: recorded.entry.engine_version.into(),
            from_record,
        }))
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
        let activation = self.activations.iter().rev().find(|(active, _)| active == digest).map(|(_, sequence)| *sequence);
        let activation = activation.ok_or_else(|| damaged("the log does not hold it"))?;
        let stored = self.store.record(activation).map_err(|fault| damaged(&fault.to_string()))?;
        let body = stored.and_then(|stored| stored.body().ok()).ok_or_else(|| damaged("its record cannot be read"))?;
        let bundle = Bundle::from_bytes(&body.request).map_err(|fault| damaged(&fault.to_string()))?;
        let rulebook = Rulebook::compile(&bundle).map_err(|_| damaged("it compiles no more"))?;
        let snapshot = Arc::new(Snapshot::of(rulebook));
        if snapshot.digest != *digest {
            return Err(damaged("its digest is another"));
        }
        self.library.keep(snapshot.clone());
        Ok(snapshot)
    }
}
