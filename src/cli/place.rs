//! Where operators' verbs read from: a daemon, or a data folder on which none runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use super::client::{self, Connection};
use super::exit::Failure;
use crate::clock::System;
use crate::proto::v1::licence_service_client::LicenceServiceClient;
use crate::server;
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
    /// Read this data folder; no daemon may run on it
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
