//! Where operators' verbs read from: a daemon, or a data folder on which none runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use super::client::{self, Connection};
use super::daemon::Daemon;
use super::exit::Failure;
use crate::clock::System;
use crate::config::Listen;
use crate::proto::v1::licence_service_client::LicenceServiceClient;
use crate::rulebook::compile;
use crate::server::{self, Opening};
use crate::service::Service;
use crate::store::Options;

/// Where a daemon listens when nothing else is said.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:7443";

/// A daemon or a data folder.
#[derive(Args, Debug)]
pub struct Place {
    /// Ask the daemon at this address [default: the one of `serve`]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    server: Option<String>,
    /// Use this data folder; no daemon may run on it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// The register of licences, to be read from: in a folder, or from a daemon.
pub enum Reader {
    /// A data folder, opened.
    Folder(Box<Service>),
    /// A daemon.
    Daemon(LicenceServiceClient<Connection>),
}

impl Place {
    /// The register of this place.
    pub async fn register(&self) -> Result<Reader, Failure> {
        match self.folder()? {
            Some(service) => Ok(Reader::Folder(Box::new(service))),
            None => Ok(Reader::Daemon(client::licences(self.daemon().await?))),
        }
    }

    /// The data folder opened, where one is named.
    pub fn folder(&self) -> Result<Option<Service>, Failure> {
        self.data.as_deref().map(open).transpose()
    }

    /// A connection to the daemon.
    pub async fn daemon(&self) -> Result<Connection, Failure> {
        client::connect(self.server.as_deref().unwrap_or(SERVER_DEFAULT)).await
    }
}

impl Place {
    /// Writes to the register of this place: by its daemon, or by one that runs on the folder for this verb alone.
    pub fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut LicenceServiceClient<Connection>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let runtime = client::runtime()?;
        let Some(folder) = &self.data else {
            return runtime.block_on(async { work(&mut client::licences(self.daemon().await?)).await });
        };
        // The law in force there is asked for first, so that no other is activated.
        let compiled = compile(open(folder)?.snapshot().rulebook.bundle.clone());
        let rulebook =
            compiled.rulebook.ok_or_else(|| anyhow!("the rulebook in force there does not compile here"))?;
        let service = server::open(Opening::new(Options::new(folder), rulebook, Arc::new(System)));
        let service = service.with_context(|| format!("the data folder `{}`", folder.display()))?;
        // A socket that nobody else reaches.
        let socket = tempfile::tempdir()?;
        let daemon = Daemon::start(Arc::new(service), Listen::Unix(socket.path().join("slagboom")))?;
        let worked = runtime.block_on(async {
            let connection = client::connect(&daemon.address.to_string()).await?;
            work(&mut client::licences(connection)).await
        });
        // The connection ends with the runtime.
        drop(runtime);
        daemon.stop()?;
        worked
    }
}

/// Opens a data folder to read from it.
fn open(folder: &Path) -> Result<Service, Failure> {
    if !folder.exists() {
        return Err(anyhow!("there is no data folder `{}`", folder.display()).into());
    }
    let service = server::open_to_read(&Options::new(folder), Arc::new(System));
    let service = service.with_context(|| format!("the data folder `{}`", folder.display()))?;
    for notice in service.notices() {
        anstream::eprintln!("slagboom: {notice}");
    }
    Ok(service)
}
