//! What integration tests share: a server on a free port over a temporary store, with a clock that stands still.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use slagboom::{
    access::Guard,
    clock::Fixed,
    config::Listen,
    proto::v1,
    rulebook::{Bundle, Rulebook, compile},
    server::{self, Gate, Listener, Opening, ServeError, ServeOptions},
    service::{OpenError, Service},
    store::Options,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use v1::{
    decision_log_service_client::DecisionLogServiceClient,
    export_control_service_client::ExportControlServiceClient, licence_service_client::LicenceServiceClient,
};

/// 1 March 2022, noon in Amsterdam: after the ban of the small rulebook.
pub const NOON_MS: i64 = 1_646_132_400_000;

/// A daemon in this process.
pub struct TestServer {
    pub service: Arc<Service>,
    pub clock: Arc<Fixed>,
    pub address: Listen,
    folder: Option<TempDir>,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

/// How a test server differs from the usual one.
pub struct Setup {
    pub queue: usize,
    pub threads: usize,
    pub listen: Listen,
    pub rulebook: Rulebook,
    pub grace: Duration,
    /// Bytes that the store leaves free on the volume.
    pub reserve_bytes: u64,
    /// File of tokens; without one everybody is `local`.
    pub tokens: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            queue: 8_192,
            threads: 2,
            listen: Listen::Tcp(([127, 0, 0, 1], 0).into()),
            rulebook: small_rulebook(),
            grace: Duration::from_secs(20),
            reserve_bytes: 0,
            tokens: None,
        }
    }
}

impl TestServer {
    pub fn start() -> Self {
        Self::start_with(Setup::default())
    }

    pub fn start_with(setup: Setup) -> Self {
        Self::start_on(tempfile::tempdir().unwrap(), setup)
    }

    /// On a folder that another one has left.
    pub fn start_again(folder: TempDir) -> Self {
        Self::start_on(folder, Setup::default())
    }

    fn start_on(folder: TempDir, setup: Setup) -> Self {
        let clock = Arc::new(Fixed::new(NOON_MS));
        let options = Options { reserve_bytes: setup.reserve_bytes, ..options(folder.path()) };
        let service = server::open(Opening {
            queue: setup.queue,
            ..Opening::new(options, setup.rulebook, clock.clone())
        });
        let service = Arc::new(service.unwrap());
        let (shutdown, ended) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let gate = setup.tokens.map_or_else(Gate::default, |tokens| {
            Gate::new(Arc::new(Guard::of_file(&tokens, clock.clone()).unwrap()))
        });
        let options = ServeOptions { threads: setup.threads, reflection: true, grace: setup.grace, gate };
        let serving = service.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = Listener::bind(&setup.listen).await.unwrap();
                bound.send(listener.address().clone()).unwrap();
                server::run(listener, serving, options, async move { drop(ended.await) }).await
            })
        });
        let address = address.recv().unwrap();
        let (folder, shutdown, thread) = (Some(folder), Some(shutdown), Some(thread));
        Self { service, clock, address, folder, shutdown, thread }
    }

    pub fn path(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Drains and closes, as SIGTERM does, and gives the folder.
    pub fn stop(mut self) -> TempDir {
        self.shut_down().unwrap();
        self.folder.take().unwrap()
    }

    /// The same daemon again on the same folder.
    pub fn restart(self) -> Self {
        self.restart_with(Setup::default())
    }

    pub fn restart_with(self, setup: Setup) -> Self {
        Self::start_on(self.stop(), setup)
    }

    /// Begins to drain and does not wait.
    pub fn begin_shutdown(&mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            // An error means that it ended already.
            let _ = shutdown.send(());
        }
    }

    /// Drains, waits and closes.
    pub fn shut_down(&mut self) -> Result<(), ServeError> {
        self.begin_shutdown();
        let served = self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap());
        self.service.close();
        served
    }

    pub async fn channel(&self) -> Channel {
        match &self.address {
            Listen::Tcp(address) => {
                Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
            }
            Listen::Unix(path) => {
                let endpoint = format!("unix://{}", path.display());
                Endpoint::from_shared(endpoint).unwrap().connect().await.unwrap()
            }
        }
    }

    pub async fn control(&self) -> ExportControlServiceClient<Channel> {
        ExportControlServiceClient::new(self.channel().await)
    }

    pub async fn licences(&self) -> LicenceServiceClient<Channel> {
        LicenceServiceClient::new(self.channel().await)
    }

    pub async fn log(&self) -> DecisionLogServiceClient<Channel> {
        DecisionLogServiceClient::new(self.channel().await)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.begin_shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens the service on a folder.
pub fn open(
    folder: &Path,
    rulebook: Rulebook,
    clock: Arc<Fixed>,
    queue: usize,
) -> Result<Service, OpenError> {
    server::open(Opening { queue, ..Opening::new(options(folder), rulebook, clock) })
}

fn options(folder: &Path) -> Options {
    Options { reserve_bytes: 0, ..Options::new(folder.join("data")) }
}

pub fn small_bundle() -> Bundle {
    Bundle::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small-rulebook")).unwrap()
}

/// The invented rulebook of `tests/fixtures/small-rulebook`.
pub fn small_rulebook() -> Rulebook {
    rulebook_of(small_bundle())
}

pub fn rulebook_of(bundle: Bundle) -> Rulebook {
    let compiled = compile(bundle);
    compiled.rulebook.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
}

/// Runs a test that asks.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Unlisted goods to India: PERMITTED.
pub fn request(request_id: &str) -> v1::CheckExportRequest {
    v1::CheckExportRequest {
        request_id: request_id.to_owned(),
        export_date: "2022-03-01".to_owned(),
        exporter: Some(v1::Exporter {
            name: "Voorbeeld Netwerken BV".to_owned(),
            country: "NL".to_owned(),
            ..v1::Exporter::default()
        }),
        goods: vec![goods(1, "NOT_LISTED")],
        consignee: Some(v1::Consignee {
            name: "Civil Buyer".to_owned(),
            country: "IN".to_owned(),
            ..v1::Consignee::default()
        }),
        end_user: Some(v1::EndUser {
            name: "Civil Buyer".to_owned(),
            country: "IN".to_owned(),
            r#type: "civil".to_owned(),
            ..v1::EndUser::default()
        }),
        end_use: "civil".to_owned(),
        destination: Some(v1::Destination { country: "IN".to_owned(), ..v1::Destination::default() }),
        document_reference: "DN-1".to_owned(),
        ..v1::CheckExportRequest::default()
    }
}

/// The same goods, to another country.
pub fn to(country: &str, mut request: v1::CheckExportRequest) -> v1::CheckExportRequest {
    country.clone_into(&mut request.destination.as_mut().unwrap().country);
    country.clone_into(&mut request.consignee.as_mut().unwrap().country);
    country.clone_into(&mut request.end_user.as_mut().unwrap().country);
    request
}

/// The same with these goods.
pub fn with_code(code: &str, mut request: v1::CheckExportRequest) -> v1::CheckExportRequest {
    request.goods = vec![goods(1, code)];
    request
}

pub fn goods(line: u32, code: &str) -> v1::Goods {
    v1::Goods {
        line,
        code: code.to_owned(),
        quantity: "30".to_owned(),
        unit: "pcs".to_owned(),
        value: "45000.00".to_owned(),
        currency: "EUR".to_owned(),
        ..v1::Goods::default()
    }
}

/// Decides one export.
pub async fn check(
    server: &TestServer,
    request: v1::CheckExportRequest,
) -> Result<v1::Decision, tonic::Status> {
    let response = server.control().await.check_export(request).await?;
    Ok(response.into_inner().decision.expect("an answer has a decision"))
}

/// The fields that a refusal names, sorted.
pub fn fields(refused: &tonic::Status) -> Vec<String> {
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused:?}");
    assert_eq!(refused.get_details_error_info().unwrap().reason, "INVALID_REQUEST");
    let bad = refused.get_details_bad_request().unwrap();
    let mut fields: Vec<String> = bad.field_violations.into_iter().map(|violation| violation.field).collect();
    fields.sort();
    fields
}

/// Copies a folder with all in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).unwrap();
        }
    }
}
