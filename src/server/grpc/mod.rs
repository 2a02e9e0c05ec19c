//! gRPC: one file a service; [`convert`] is the only border between the wire and the domain.

mod check;
pub mod codec;
pub mod convert;
mod essence;
mod evidence;
mod frame;
mod licence;
mod log;
pub mod null;
pub mod render;
mod replay;
pub mod status;

use std::sync::Arc;

use prost::Message;
use tokio::task::spawn_blocking;
use tonic::{Status, service::Routes};
use tonic_reflection::server::{Builder, Error as ReflectionError};
use tracing::error;

pub use check::{Answers, ExportControl};
pub use essence::essence;
pub use evidence::{EvidenceFile, evidence};
use licence::LicenceRegister;
pub use licence::{
    get_licence, licence_message, licence_text, list_duties, list_exchange_rates, list_incidents,
    list_licences, list_movements, list_registrations, report_drawdown,
};
pub use log::{DecisionLog, list, show};
pub use replay::{said, summary};
use server::export_control_service_server::ExportControlServiceServer;
use status::status;

use super::{Draining, gate::Gate, limits::MESSAGE_BYTES_MAX};
use crate::{
    domain::request::RawRequest,
    ledger::{Body, Entry},
    proto::{
        DESCRIPTOR_SET, v1,
        v1::{
            decision_log_service_server::DecisionLogServiceServer,
            licence_service_server::LicenceServiceServer,
        },
    },
    service::{self, Outbox, Refusal, Reply, Service, replay::Wire},
    store::Derived,
    telemetry::field,
};

/// The serving side of `ExportControlService` over undecoded messages (see `build.rs`).
#[expect(
    clippy::default_constructed_unit_structs,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated code; the proto files hold its documentation"
)]
pub mod server {
    tonic::include_proto!("slagboom.v1.ExportControlService");

    pub use export_control_service_server::ExportControlService;
}

/// Full names of our services, for health.
pub const SERVICE_NAMES: [&str; 3] =
    ["slagboom.v1.ExportControlService", "slagboom.v1.DecisionLogService", "slagboom.v1.LicenceService"];

/// Our services on the thread whose outbox this is.
#[must_use]
pub fn routes(service: &Arc<Service>, outbox: Arc<Outbox<Reply>>, gate: &Gate, draining: Draining) -> Routes {
    let log = DecisionLog::new(service.clone(), gate.clone(), draining.clone());
    let licences = LicenceRegister::new(service.clone(), gate.clone());
    let control = ExportControl::new(service.clone(), outbox, gate.clone(), draining);
    Routes::new(ExportControlServiceServer::new(control).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(DecisionLogServiceServer::new(log).max_decoding_message_size(MESSAGE_BYTES_MAX))
        .add_service(LicenceServiceServer::new(licences).max_decoding_message_size(MESSAGE_BYTES_MAX))
}

/// The same with reflection, v1 and v1alpha, over our services and health.
///
/// # Errors
/// When the descriptors of our own build do not decode.
pub fn with_reflection(routes: Routes) -> Result<Routes, ReflectionError> {
    let described = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(routes.add_service(described().build_v1()?).add_service(described().build_v1alpha()?))
}

/// Reads on a thread of its own, so that a search holds no check up.
async fn read<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Status> {
    let service = service.clone();
    let read = spawn_blocking(move || work(&service)).await;
    let read = read.unwrap_or_else(|fault| {
        error!({ field::ERROR } = %fault, "reading failed");
        Err(Refusal::Internal)
    });
    read.map_err(|refusal| status(&refusal))
}

/// Reads the bytes of a request as they are recorded: the message as the caller encoded it.
#[must_use]
pub fn read_request(bytes: &[u8]) -> Option<RawRequest> {
    v1::CheckExportRequest::decode(bytes).ok().map(convert::raw_request)
}

/// How a replay reads the requests of the record.
pub const WIRE: Wire = Wire { read: read_request, essence: Some(essence) };

/// Derives what a record is found by, for the store to build its indexes anew.
#[must_use]
pub fn derive(entry: &Entry, body: &Body) -> Derived {
    service::derive(entry, body, read_request)
}
