//! Refusals on the wire: a canonical code, a stable reason, and every bad field.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation as WireViolation, StatusExt};

use crate::{proto::v1, register::Denied, service::Refusal};

/// Domain of our `google.rpc.ErrorInfo`.
pub const ERROR_DOMAIN: &str = "slagboom";

/// Most text of bad fields in a status, bytes: details travel in a header, and common clients take 8 KiB of headers in
/// all. What does not fit is counted in the metadata (`violations`); a batch of one has all of them in band.
const VIOLATION_BYTES_IN_STATUS_MAX: usize = 4_096;
/// Longest description of one bad field in a status, characters.
const DESCRIPTION_IN_STATUS_MAX: usize = 240;

/// The status of a unary call that has no answer.
#[must_use]
pub fn status(refusal: &Refusal) -> Status {
    let shape = Shape::of(refusal);
    let mut details = ErrorDetails::with_error_info(shape.reason, ERROR_DOMAIN, shape.metadata);
    if let Refusal::InvalidRequest(violations) = refusal {
        let mut left = VIOLATION_BYTES_IN_STATUS_MAX;
        let mut wire = Vec::with_capacity(violations.len().min(64));
        for violation in violations {
            let description: String = violation.description.chars().take(DESCRIPTION_IN_STATUS_MAX).collect();
            let Some(rest) = left.checked_sub(violation.field.len() + description.len()) else { break };
            left = rest;
            wire.push(WireViolation::new(violation.field.as_str(), description));
        }
        details.set_bad_request(wire);
    }
    Status::with_error_details(shape.code, refusal.to_string(), details)
}

/// The same facts in band, for a batch or a stream.
#[must_use]
pub fn check_error(refusal: &Refusal) -> v1::CheckError {
    let shape = Shape::of(refusal);
    let field_violations = match refusal {
        Refusal::InvalidRequest(violations) => violations
            .iter()
            .map(|violation| v1::FieldViolation {
                field: violation.field.clone(),
                description: violation.description.clone(),
                reason: violation.reason.to_owned(),
            })
            .collect(),
        _ => Vec::new(),
    };
    v1::CheckError {
        code: shape.code as i32,
        reason: shape.reason.to_owned(),
        message: refusal.to_string(),
        metadata: shape.metadata,
        field_violations,
    }
}

/// The stable reason of what the register does not allow.
const fn reason_of(denied: &Denied) -> &'static str {
    match denied {
        Denied::Fields(_) => "INVALID_REQUEST",
        Denied::LicenceKnown(_) => "LICENCE_KNOWN",
        Denied::LicenceUnknown(_) => "LICENCE_UNKNOWN",
        Denied::LicenceEnded { .. } => "LICENCE_ENDED",
        Denied::LicenceReserved { .. } => "LICENCE_RESERVED",
        Denied::NoSuspension(_) => "NO_SUSPENSION",
        Denied::NoReservation => "NO_RESERVATION",
        Denied::MoreThanReserved { .. } => "MORE_THAN_RESERVED",
        Denied::NotUsable { .. } => "LICENCE_NOT_USABLE",
        Denied::RateKnown { .. } => "RATE_KNOWN",
        Denied::LineUnknown { .. } => "LINE_UNKNOWN",
        Denied::NotCorrectable { .. } => "NOT_CORRECTABLE",
        Denied::MoreThanShipped { .. } => "MORE_THAN_SHIPPED",
        Denied::NoProposal(_) => "NO_PROPOSAL",
        Denied::SamePerson { .. } => "SAME_PERSON",
    }
}

struct Shape {
    code: Code,
    reason: &'static str,
    metadata: HashMap<String, String>,
}

impl Shape {
    fn of(refusal: &Refusal) -> Self {
        let pairs = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let (code, reason, metadata) = match refusal {
            Refusal::InvalidRequest(violations) => {
                let count = pairs(&[("violations", violations.len().to_string())]);
                (Code::InvalidArgument, "INVALID_REQUEST", count)
            }
            Refusal::Undecodable(_) => (Code::InvalidArgument, "UNDECODABLE", HashMap::new()),
            Refusal::TooLarge { length, length_max } => {
                let lengths = [("length", length.to_string()), ("length_max", length_max.to_string())];
                (Code::InvalidArgument, "MESSAGE_TOO_LARGE", pairs(&lengths))
            }
            Refusal::RequestIdReused { request_id, decision_id } => {
                let ids = [("request_id", request_id.clone()), ("decision_id", decision_id.to_string())];
                (Code::AlreadyExists, "REQUEST_ID_REUSED", pairs(&ids))
            }
            Refusal::QueueFull => (Code::ResourceExhausted, "QUEUE_FULL", HashMap::new()),
            Refusal::ReplayBusy => (Code::ResourceExhausted, "REPLAY_BUSY", HashMap::new()),
            Refusal::ReplayStalled => (Code::Aborted, "REPLAY_STALLED", HashMap::new()),
            Refusal::Draining => (Code::Unavailable, "DRAINING", HashMap::new()),
            Refusal::StoreUnavailable => (Code::Unavailable, "STORE_UNAVAILABLE", HashMap::new()),
            Refusal::Unwitnessed => (Code::Unavailable, "NOT_WITNESSED", HashMap::new()),
            Refusal::RecordDamaged { sequence } => {
                (Code::DataLoss, "RECORD_DAMAGED", pairs(&[("sequence", sequence.to_string())]))
            }
            Refusal::Erased { entry } => {
                (Code::FailedPrecondition, "BODY_ERASED", pairs(&[("sequence", entry.sequence.to_string())]))
            }
            Refusal::NotFound(id) => (
                Code::NotFound,
                "DECISION_NOT_FOUND",
                pairs(&[("decision_id", id.chars().take(64).collect())]),
            ),
            Refusal::Denied(denied) => (Code::FailedPrecondition, reason_of(denied), HashMap::new()),
            Refusal::Incident { sequence, kind, .. } => {
                let incident = pairs(&[("incident", sequence.to_string())]);
                (Code::FailedPrecondition, kind.as_str(), incident)
            }
            Refusal::Unauthenticated => (Code::Unauthenticated, "UNAUTHENTICATED", HashMap::new()),
            Refusal::RoleMissing { method, least } => {
                let facts = [("method", (*method).to_owned()), ("roles", least.to_string())];
                (Code::PermissionDenied, "ROLE_MISSING", pairs(&facts))
            }
            Refusal::WholeLog { method } => {
                (Code::PermissionDenied, "WHOLE_LOG", pairs(&[("method", (*method).to_owned())]))
            }
            Refusal::ExporterNotTheirs => (Code::PermissionDenied, "EXPORTER_NOT_THEIRS", HashMap::new()),
            Refusal::Internal => (Code::Internal, "INTERNAL", HashMap::new()),
        };
        Self { code, reason, metadata }
    }
}
