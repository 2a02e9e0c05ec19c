//! Records before they are bytes, and the salts of their commitments.

use tracing::error;

use super::{fold::State, refusal::Refusal};
use crate::{
    ledger::{Body, Digest, Entry, EntryKind, SALT_LENGTH, commitment, request_digest},
    store::{Record, RequestKey, Term},
    telemetry::field,
};

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
