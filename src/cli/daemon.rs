//! A daemon inside a verb.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::oneshot;

use super::exit::Failure;
use crate::config::Listen;
use crate::server::{self, Gate, Listener, ServeError, ServeOptions};
use crate::service::Service;

/// A free port that this machine alone reaches.
pub const LOOPBACK: Listen = Listen::Tcp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0));

/// A daemon on a thread of its own.
pub struct Daemon {
    /// Where it listens.
    pub address: Listen,
    shutdown: oneshot::Sender<()>,
    thread: thread::JoinHandle<Result<(), ServeError>>,
}

impl Daemon {
    /// Serves on this address, to everybody who reaches it; returns once it listens.
    pub fn start(service: Arc<Service>, listen: Listen) -> Result<Self, Failure> {
        let (shutdown, ended) = oneshot::channel::<()>();
        let (tell, bound) = std::sync::mpsc::channel();
        let options = ServeOptions {
            threads: 1,
            reflection: true,
            grace: Duration::from_secs(10),
            gate: Gate::default(),
        };
        let thread = thread::Builder::new().name("daemon".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let listener = Listener::bind(&listen).await?;
                // An error means that nobody waits any more.
                drop(tell.send(listener.address().clone()));
                let served =
                    server::run(listener, service.clone(), options, async move { drop(ended.await) }).await;
                service.close();
                served
            })
        })?;
        match bound.recv() {
            Ok(address) => Ok(Self { address, shutdown, thread }),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error.into()),
                _ => Err(anyhow!("the daemon did not start").into()),
            },
        }
    }

    /// Drains, and waits for the end.
    pub fn stop(self) -> Result<(), Failure> {
        // An error means that it has ended already.
        let _ = self.shutdown.send(());
        match self.thread.join() {
            Ok(served) => Ok(served?),
            Err(_) => Err(anyhow!("the daemon ended by a fault").into()),
        }
    }
}
