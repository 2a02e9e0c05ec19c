//! `DecisionLogService`: recorded decisions, found again.

use std::sync::Arc;

use jiff::Timestamp;
use prost::Message;
use tonic::{Request, Response, Status};

use super::{
    convert,
    evidence::{EvidenceFile, evidence},
    read, render, replay,
    status::status,
};
use crate::{
    domain::{identity::Identity, outcome::Outcome},
    proto::v1::{self, decision_log_service_server},
    server::{
        Draining,
        gate::{Gate, Method, method},
        limits::PAGE_BYTES_MAX,
    },
    service::{Found, RawFilter, Refusal, Service},
};

/// The service; it reads on threads of its own, so that a search holds no check up.
#[derive(Clone)]
pub struct DecisionLog {
    service: Arc<Service>,
    gate: Gate,
    draining: Draining,
}

impl DecisionLog {
    /// The service, which ends its long answers when the daemon drains.
    #[must_use]
    pub const fn new(service: Arc<Service>, gate: Gate, draining: Draining) -> Self {
        Self { service, gate, draining }
    }
}

#[tonic::async_trait]
impl decision_log_service_server::DecisionLogService for DecisionLog {
    async fn get_decision(
        &self,
        request: Request<v1::GetDecisionRequest>,
    ) -> Result<Response<v1::GetDecisionResponse>, Status> {
        let reader = self.admit(&request, method::GET_DECISION)?;
        let id = request.into_inner().decision_id;
        let recorded = read(&self.service, move |service| show(service, &reader, &id)).await?;
        Ok(Response::new(v1::GetDecisionResponse { recorded: Some(recorded) }))
    }

    async fn list_decisions(
        &self,
        request: Request<v1::ListDecisionsRequest>,
    ) -> Result<Response<v1::ListDecisionsResponse>, Status> {
        let reader = self.admit(&request, method::LIST_DECISIONS)?;
        let request = request.into_inner();
        let response =
            read(&self.service, move |service| list(service, &reader, &request, PAGE_BYTES_MAX)).await?;
        Ok(Response::new(response))
    }

    async fn read_entries(
        &self,
        request: Request<v1::ReadEntriesRequest>,
    ) -> Result<Response<v1::ReadEntriesResponse>, Status> {
        self.admit(&request, method::READ_ENTRIES)?;
        let request = request.into_inner();
        Ok(Response::new(read(&self.service, move |service| entries(service, &request)).await?))
    }

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        self.admit(&request, method::GET_CHECKPOINT)?;
        checkpoint(&self.service).map(Response::new).map_err(|refusal| status(&refusal))
    }

    async fn get_inclusion_proof(
        &self,
        request: Request<v1::GetInclusionProofRequest>,
    ) -> Result<Response<v1::GetInclusionProofResponse>, Status> {
        self.admit(&request, method::GET_INCLUSION_PROOF)?;
        let v1::GetInclusionProofRequest { sequence, tree_size } = request.into_inner();
        let proof = read(&self.service, move |service| service.inclusion(sequence, tree_size)).await?;
        Ok(Response::new(v1::GetInclusionProofResponse {
            sequence: proof.sequence,
            tree_size: proof.size,
            root: proof.root.as_bytes().to_vec(),
            hashes: proof.hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect(),
            receipt: Some(render::receipt(&proof.receipt)),
        }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<v1::GetConsistencyProofRequest>,
    ) -> Result<Response<v1::GetConsistencyProofResponse>, Status> {
        self.admit(&request, method::GET_CONSISTENCY_PROOF)?;
        let v1::GetConsistencyProofRequest { from_size, to_size } = request.into_inner();
        let proof = read(&self.service, move |service| service.consistency(from_size, to_size)).await?;
        Ok(Response::new(v1::GetConsistencyProofResponse {
            from_size: proof.sizes.0,
            to_size: proof.sizes.1,
            from_root: proof.roots.0.as_bytes().to_vec(),
            to_root: proof.roots.1.as_bytes().to_vec(),
            hashes: proof.hashes.iter().map(|hash| hash.as_bytes().to_vec()).collect(),
        }))
    }

    async fn list_reads(
        &self,
        request: Request<v1::ListReadsRequest>,
    ) -> Result<Response<v1::ListReadsResponse>, Status> {
        self.gate.admit(&request, method::LIST_READS)?;
        let reads = self.service.reads().into_iter().map(|reads| v1::Reads {
            caller: reads.caller.to_string(),
            method: reads.method.to_owned(),
            count: reads.count,
            first_at: Some(convert::timestamp(reads.first_ms)),
            last_at: Some(convert::timestamp(reads.last_ms)),
        });
        Ok(Response::new(v1::ListReadsResponse { reads: reads.collect() }))
    }

    type GetEvidenceStream = tokio_stream::Iter<std::vec::IntoIter<Result<v1::GetEvidenceResponse, Status>>>;

    async fn get_evidence(
        &self,
        request: Request<v1::GetEvidenceRequest>,
    ) -> Result<Response<Self::GetEvidenceStream>, Status> {
        let reader = self.admit(&request, method::GET_EVIDENCE)?;
        let id = request.into_inner().decision_id;
        let files = read(&self.service, move |service| evidence(service, &reader, &id)).await?;
        let files = files.into_iter().map(|file| {
            let EvidenceFile { path, content } = file;
            Ok(v1::GetEvidenceResponse { path, content })
        });
        Ok(Response::new(tokio_stream::iter(files.collect::<Vec<_>>())))
    }

    type ReplayDecisionsStream = replay::Said;

    async fn replay_decisions(
        &self,
        request: Request<v1::ReplayDecisionsRequest>,
    ) -> Result<Response<replay::Said>, Status> {
        self.admit(&request, method::REPLAY_DECISIONS)?;
        let said = replay::stream(&self.service, &self.draining, request.into_inner());
        said.map(Response::new).map_err(|refusal| status(&refusal))
    }
}

impl DecisionLog {
    /// Who reads; it is counted.
    fn admit<T>(&self, request: &Request<T>, method: Method) -> Result<Arc<Identity>, Status> {
        let pass = self.gate.admit(request, method)?;
        self.service.count_read(pass.identity().name(), method.name);
        Ok(pass.identity().clone())
    }
}

/// The newest head of the log that readers see, as `GetCheckpoint` tells it.
///
/// # Errors
/// [`Refusal::Unwitnessed`].
pub fn checkpoint(service: &Service) -> Result<v1::GetCheckpointResponse, Refusal> {
    Ok(v1::GetCheckpointResponse {
        checkpoint: service.readable_head()?.note.to_string(),
        verifier_keys: service.verifier_keys(),
        cosigned_checkpoint: service.witnessed_head().map(|head| head.note.to_string()).unwrap_or_default(),
    })
}

fn entries(service: &Service, request: &v1::ReadEntriesRequest) -> Result<v1::ReadEntriesResponse, Refusal> {
    let records = service.entries(request.start, request.count, PAGE_BYTES_MAX)?;
    let entries = records.into_iter().map(|record| {
        let erased = record.kept.is_none();
        let (salt, body) = match record.kept.filter(|_| request.bodies) {
            Some(kept) => (kept.salt.to_vec(), kept.bytes),
            None => (Vec::new(), Vec::new()),
        };
        v1::LogEntry { entry: record.entry_bytes, salt, body, erased }
    });
    Ok(v1::ReadEntriesResponse {
        start: request.start,
        entries: entries.collect(),
        size: service.readable_head()?.size,
    })
}

/// The decision of this id with its request, as `GetDecision` tells it. Reads the disk.
///
/// # Errors
/// As [`Service::decision`].
pub fn show(service: &Service, reader: &Identity, id: &str) -> Result<v1::RecordedDecision, Refusal> {
    tell(service.decision(reader, id)?)
}

/// A page of at most `bytes_max` bytes, as `ListDecisions` tells it. Reads the disk.
///
/// # Errors
/// As [`Service::decisions`].
pub fn list(
    service: &Service,
    reader: &Identity,
    request: &v1::ListDecisionsRequest,
    bytes_max: usize,
) -> Result<v1::ListDecisionsResponse, Refusal> {
    let filter = filter(v1::DecisionFilter {
        exporter: request.exporter.clone(),
        party: request.party.clone(),
        destination: request.destination.clone(),
        eccn: request.eccn.clone(),
        outcome: request.outcome,
        rule: request.rule.clone(),
        recorded_from: request.recorded_from,
        recorded_until: request.recorded_until,
    })?;
    let told = |found| {
        let told = tell(found)?;
        let length = told.encoded_len();
        Ok((told, length))
    };
    let page = service.decisions(reader, &filter, request.page_size, &request.page_token, bytes_max, told)?;
    Ok(v1::ListDecisionsResponse { decisions: page.items, next_page_token: page.next_page_token })
}

fn tell(found: Found) -> Result<v1::RecordedDecision, Refusal> {
    let recorded = match found {
        Found::Kept(recorded) => recorded,
        Found::Erased(entry) => {
            let decision = Some(render::erased(&entry));
            return Ok(v1::RecordedDecision { decision, request: None, erased: true });
        }
    };
    let sequence = recorded.entry.sequence;
    let request = v1::CheckExportRequest::decode(&*recorded.request_bytes)
        .map_err(|_| Refusal::RecordDamaged { sequence })?;
    let answer = recorded.into_answer(false, None)?;
    Ok(v1::RecordedDecision {
        decision: Some(render::decision(&answer)),
        request: Some(request),
        erased: false,
    })
}

/// Reads which decisions are asked for.
pub(super) fn filter(filter: v1::DecisionFilter) -> Result<RawFilter, Refusal> {
    let from_ms = instant("recorded_from", filter.recorded_from.as_ref())?.map(Timestamp::as_millisecond);
    let until_ms = instant("recorded_until", filter.recorded_until.as_ref())?.map(Timestamp::as_millisecond);
    let outcome = outcome("outcome", filter.outcome)?;
    let v1::DecisionFilter { exporter, party, destination, eccn, rule, .. } = filter;
    Ok(RawFilter { exporter, party, destination, eccn, outcome, rule, from_ms, until_ms })
}

/// Reads an optional outcome.
pub(super) fn outcome(field: &str, number: i32) -> Result<Option<Outcome>, Refusal> {
    match v1::Outcome::try_from(number) {
        Ok(outcome) => Ok(convert::outcome_from(outcome)),
        Err(_) => Err(Refusal::field(field, "UNKNOWN", format!("`{number}` is no outcome"))),
    }
}

/// Reads an optional instant.
pub(super) fn instant(
    field: &str,
    at: Option<&prost_types::Timestamp>,
) -> Result<Option<Timestamp>, Refusal> {
    match at.map(convert::instant) {
        None => Ok(None),
        Some(Some(at)) => Ok(Some(at)),
        Some(None) => Err(Refusal::field(field, "INSTANT", "not an instant of the years that there are")),
    }
}
