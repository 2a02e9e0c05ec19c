//! A log made in memory, as a daemon would have recorded it.

use std::convert::Infallible;

use jiff::Timestamp;
use prost::Message;
use slagboom::{
    domain::licence::{ExchangeRates, Standing},
    engine::{Known, Question, assess, canonical, settle},
    ledger::{self, Digest, Entry, EntryKind},
    proto::v1,
    screening,
    server::grpc::read_request,
    service::{
        Snapshot, State,
        replay::{Body, Item},
    },
};

/// A log that grows.
#[derive(Clone, Debug, Default)]
pub struct Made {
    state: State,
    pub items: Vec<Item>,
}

impl Made {
    /// Puts a rulebook in force.
    pub fn activate(&mut self, snapshot: &Snapshot, time_ms: i64) {
        let body = ledger::Body { request: snapshot.rulebook.bundle.to_bytes(), decision: Vec::new() };
        self.activate_bytes(snapshot.digest, time_ms, &body);
    }

    /// Says that a rulebook of this digest is in force, whatever its text.
    pub fn activate_bytes(&mut self, digest: Digest, time_ms: i64, body: &ledger::Body) {
        self.push(EntryKind::RulebookActivated, digest, time_ms, 0, body);
    }

    /// Decides and records; false where the request is malformed under this rulebook.
    pub fn decide(&mut self, snapshot: &Snapshot, request: &v1::CheckExportRequest, time_ms: i64) -> bool {
        self.decide_as(snapshot.digest, snapshot, request, time_ms)
    }

    /// The same, with the digest of another rulebook in the entry.
    pub fn decide_as(
        &mut self,
        digest: Digest,
        snapshot: &Snapshot,
        request: &v1::CheckExportRequest,
        time_ms: i64,
    ) -> bool {
        let request = request.encode_to_vec();
        let book = &snapshot.rulebook;
        let Ok(export) = read_request(&request).unwrap().parse(&book.vocabulary) else { return false };
        let hits = screening::exact(book, &export, &[]);
        let rates = ExchangeRates::default();
        let known = Known::At(Timestamp::from_millisecond(time_ms).unwrap());
        let question = Question { book, export: &export, known, hits: &hits, rates: &rates };
        let decision = settle(book, &export, &Standing::default(), &assess(&question));
        let body = ledger::Body { request, decision: canonical::encode(book, &decision) };
        self.push(EntryKind::DecisionMade, digest, time_ms, decision.outcome.code(), &body);
        true
    }

    fn push(&mut self, kind: EntryKind, rulebook: Digest, time_ms: i64, outcome: u8, body: &ledger::Body) {
        let sequence = self.state.size();
        self.state.advance(kind, rulebook, None).unwrap();
        let bytes = body.encode().unwrap();
        let entry = Entry {
            sequence,
            time_ms,
            kind,
            caller: "127.0.0.1:50123".to_owned(),
            engine_version: env!("CARGO_PKG_VERSION").to_owned(),
            rulebook,
            lists: Digest::ZERO,
            request: ledger::request_digest(&[0; 32], &body.request),
            outcome,
            commitment: ledger::commitment(&[0; 32], &bytes),
            state: self.state.digest(),
        };
        self.items.push(Item { sequence, entry, body: Body::Kept { salt: [0; 32], bytes } });
    }

    /// The log as a replay takes it.
    pub fn items(&self) -> impl Iterator<Item = Result<Item, Infallible>> {
        self.items.iter().cloned().map(Ok)
    }
}
