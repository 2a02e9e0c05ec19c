//! Asking a daemon.

use std::env::{self, VarError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_types::StatusExt;

use super::exit::Failure;
use crate::domain::request::RawRequest;
use crate::proto::v1;
use crate::server::grpc::convert;
use crate::store::read_text;
use v1::decision_log_service_client::DecisionLogServiceClient;
use v1::export_control_service_client::ExportControlServiceClient;
use v1::licence_service_client::LicenceServiceClient;

/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for one answer: a daemon that is up answers in milliseconds, and goods without an answer stay.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// The variable that holds the token for a daemon that asks for one.
const TOKEN_VARIABLE: &str = "SLAGBOOM_TOKEN";
/// The variable that names a file with it.
const TOKEN_FILE_VARIABLE: &str = "SLAGBOOM_TOKEN_FILE";
/// Longest file of one token, bytes.
const TOKEN_FILE_LENGTH_MAX: usize = 4_096;

/// A connection that shows its token with every call.
pub type Connection = InterceptedService<Channel, Bearer>;

/// Puts the token, if there is one, where daemons look for it (RFC 6750 section 2.1).
#[derive(Clone, Debug)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// The token of the environment. It is never an argument: those show in the list of processes.
    fn of_environment() -> Result<Self, Failure> {
        let token = match (env::var(TOKEN_VARIABLE), env::var_os(TOKEN_FILE_VARIABLE)) {
            (Ok(token), _) => token,
            (Err(VarError::NotUnicode(_)), _) => {
                return Err(anyhow!("the variable {TOKEN_VARIABLE} holds no token").into());
            }
            (Err(VarError::NotPresent), Some(path)) => read_text(Path::new(&path), TOKEN_FILE_LENGTH_MAX)
                .with_context(|| format!("the token in `{}`", Path::new(&path).display()))?,
            (Err(VarError::NotPresent), None) => return Ok(Self(None)),
        };
        let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.trim())
            .parse()
            .map_err(|_| anyhow!("{TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE} gives no token"))?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A runtime for one thread that asks.
pub fn runtime() -> Result<Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Connects to `http://127.0.0.1:7443`, `127.0.0.1:7443` or `unix:PATH`, with the token of the environment.
pub async fn connect(server: &str) -> Result<Connection, Failure> {
    let bearer = Bearer::of_environment()?;
    let url = match server.strip_prefix("unix:") {
        Some(path) => format!("unix://{}", path.trim_start_matches("//")),
        None if server.contains("://") => server.to_owned(),
        None => format!("http://{server}"),
    };
    let endpoint =
        Endpoint::from_shared(url).with_context(|| format!("`{server}` is no address of a daemon"))?;
    let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT);
    let channel = endpoint.connect().await.with_context(|| format!("no daemon answers at `{server}`"))?;
    Ok(InterceptedService::new(channel, bearer))
}

/// The service that decides.
pub fn control(connection: Connection) -> ExportControlServiceClient<Connection> {
    ExportControlServiceClient::new(connection).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// The service that finds decisions again.
pub fn log(connection: Connection) -> DecisionLogServiceClient<Connection> {
    DecisionLogServiceClient::new(connection).max_decoding_message_size(ANSWER_BYTES_MAX)
}

/// The register of licences.
pub fn licences(connection: Connection) -> LicenceServiceClient<Connection> {
    LicenceServiceClient::new(connection).max_decoding_message_size(ANSWER_BYTES_MAX)
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
