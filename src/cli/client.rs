//! Asking a daemon.

use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use super::exit::Failure;
use crate::domain::request::RawRequest;
use crate::proto::v1;
use crate::server::grpc::convert;
use v1::decision_log_service_client::DecisionLogServiceClient;
use v1::export_control_service_client::ExportControlServiceClient;

/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for one answer: a daemon that is up answers in milliseconds, and goods without an answer stay.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A runtime for one thread that asks.
pub fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Connects to `http://127.0.0.1:7443`, `127.0.0.1:7443` or `unix:PATH`.
pub async fn connect(server: &str) -> Result<Channel, Failure> {
    let url = match server.strip_prefix("unix:") {
        Some(path) => format!("unix://{}", path.trim_start_matches("//")),
        None if server.contains("://") => server.to_owned(),
        None => format!("http://{server}"),
    };
    let endpoint =
        Endpoint::from_shared(url).with_context(|| format!("`{server}` is no address of a daemon"))?;
    let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
    Ok(endpoint.connect().await.with_context(|| format!("no daemon answers at `{server}`"))?)
}

/// The service that decides.
pub fn control(channel: Channel) -> ExportControlServiceClient<Channel> {
    ExportControlServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// The service that finds decisions again.
pub fn log(channel: Channel) -> DecisionLogServiceClient<Channel> {
    DecisionLogServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// A request as a message. Text that is no instant cannot go on the wire.
pub fn message(label: &str, request: RawRequest) -> Result<v1::CheckExportRequest, Failure> {
    convert::request_message(request)
        .map_err(|text| anyhow!("{label}: known_at: `{text}` is not an RFC 3339 instant").into())
}

/// A status with every bad field that it names, a line each.
pub fn failure(label: &str, status: &Status) -> Failure {
    let details = status.get_error_details();
    let reason = details.error_info().map_or_else(|| status.code().to_string(), |info| info.reason.clone());
    let mut text = format!("{label}: {reason}");
    let fields = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    if fields.is_empty() {
        text = format!("{text}: {}", status.message());
    }
    for violation in fields {
        text = format!("{text}\n  {}: {}", violation.field, violation.description);
    }
    Failure::from(anyhow!(text))
}
