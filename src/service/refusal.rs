//! Why there is no answer. The service knows no status codes; the server gives each its own.

use thiserror::Error;

use super::decision_id::DecisionId;
use crate::{
    domain::{
        identity::Roles,
        request::{FieldViolation, told},
    },
    ledger::Entry,
    register::{Denied, IncidentKind},
};

/// Why a question has no answer. None of these is ever a permission.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Refusal {
    /// The request is malformed; it is counted and not recorded.
    #[error("{}", told(.0))]
    InvalidRequest(Vec<FieldViolation>),
    /// The message is no message of its kind.
    #[error("the message does not decode: {0}")]
    Undecodable(String),
    /// The message of one export is too long.
    #[error("the message has {length} bytes, and at most {length_max} are read")]
    TooLarge {
        /// Bytes of the message.
        length: usize,
        /// Most that are read.
        length_max: usize,
    },
    /// `one_answer_per_request`: this caller's `request_id` stands for another request.
    #[error("request id `{request_id}` was used for another request; its decision is `{decision_id}`")]
    RequestIdReused {
        /// The id.
        request_id: String,
        /// The decision that it stands for.
        decision_id: DecisionId,
    },
    /// Too many checks wait for the disk.
    #[error("too many checks wait; come back with the same request id")]
    QueueFull,
    /// Another replay runs.
    #[error("another replay runs; come back when it is done")]
    ReplayBusy,
    /// The client of a replay takes nothing of what it has to say.
    #[error("nothing was taken of what the replay has to say")]
    ReplayStalled,
    /// The daemon is about to end.
    #[error("the daemon is shutting down; ask again with the same request id")]
    Draining,
    /// `no_record_no_release`: what cannot be recorded is not answered.
    #[error("the decision could not be recorded; ask again with the same request id")]
    StoreUnavailable,
    /// It is recorded, and the witnesses that answers and readers wait for have not cosigned it yet.
    #[error("witnesses have not cosigned the record yet; ask again, a check with the same request id")]
    Unwitnessed,
    /// A stored record does not prove itself, or cannot be read by this version. Never answered from, never skipped.
    #[error("the record at sequence {sequence} is damaged, and nothing is answered from it")]
    RecordDamaged {
        /// Where it lies.
        sequence: u64,
    },
    /// The decision was recorded, and its request and findings were erased since, as the law on personal data asks.
    #[error("the body of the record at sequence {} was erased; its entry stays", .entry.sequence)]
    Erased {
        /// What is left: the entry, which names nobody.
        entry: Box<Entry>,
    },
    /// No such decision in this log.
    #[error("no decision `{0}` in this log")]
    NotFound(String),
    /// The caller is not known. Why is nobody's business but the operator's.
    #[error("a valid bearer token is needed")]
    Unauthenticated,
    /// The caller is known, and may not call this method.
    #[error("{method} is for these roles: {least}")]
    RoleMissing {
        /// The method.
        method: &'static str,
        /// Any of them may.
        least: Roles,
    },
    /// The caller speaks for some exporters only, and the method tells of all.
    #[error("{method} tells of all exporters, and this caller speaks for some")]
    WholeLog {
        /// The method.
        method: &'static str,
    },
    /// The caller does not speak for the exporter that it named.
    #[error("this caller does not speak for the exporter of the request")]
    ExporterNotTheirs,
    /// The register of licences does not allow it.
    #[error("{}", .0)]
    Denied(Denied),
    /// The register does not allow what was told of goods that have left. That it was told is recorded; nothing is
    /// written off.
    #[error("{why}; entry {sequence} of the log keeps it as an incident")]
    Incident {
        /// The entry.
        sequence: u64,
        /// What stands against it.
        kind: IncidentKind,
        /// In words.
        why: String,
    },
    /// A fault of the program; its detail is in the log lines, not here.
    #[error("an internal fault; nothing was recorded")]
    Internal,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Fields(violations) => Self::InvalidRequest(violations),
            other => Self::Denied(other),
        }
    }
}

impl Refusal {
    /// One bad field.
    pub fn field(field: impl Into<String>, reason: &'static str, description: impl Into<String>) -> Self {
        Self::InvalidRequest(vec![FieldViolation {
            field: field.into(),
            reason,
            description: description.into(),
        }])
    }
}
