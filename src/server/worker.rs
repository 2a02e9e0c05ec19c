//! A serving thread: one runtime, the connections dealt to it, and the answers that the writer hands back.

use std::{io, sync::Arc, thread};

use tokio::{
    runtime::Builder,
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{service::Routes, transport::Server};
use tracing::{error, warn};

use super::{Draining, limits, listener::Accepted};
use crate::{
    service::{Outbox, Reply},
    telemetry::field,
};

/// A serving thread.
#[derive(Debug)]
pub struct Worker {
    connections: mpsc::UnboundedSender<(Accepted, OwnedSemaphorePermit)>,
    /// Dropping it cuts off what is still open.
    cut: Option<oneshot::Sender<()>>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Worker {
    /// Starts the thread with the number `at` and its runtime.
    ///
    /// # Errors
    /// The operating system's, when it gives no thread or no event queue.
    pub fn start(
        at: usize,
        routes: Routes,
        outbox: Arc<Outbox<Reply>>,
        draining: Draining,
    ) -> io::Result<Self> {
        // Not bounded: connections are, by `CONNECTIONS_MAX`.
        let (connections, incoming) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let (cut, is_cut) = oneshot::channel::<()>();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name(format!("serve-{at}")).spawn(move || {
            runtime.block_on(async move {
                let answers = tokio::spawn(async move { outbox.deliver().await });
                tokio::select! {
                    () = serve(routes, incoming, draining) => {}
                    _ = is_cut => {}
                }
                answers.abort();
            });
            // Blocking reads that nobody waits for any more must not hold the shutdown up.
            runtime.shutdown_background();
            if end.send(()).is_err() {
                warn!("a serving thread ended when nobody waited for it any more");
            }
        })?;
        Ok(Self { connections, cut: Some(cut), ended: Some(ended) })
    }

    /// Gives the worker a connection; it is closed when the worker has ended.
    pub fn adopt(&self, accepted: Accepted, permit: OwnedSemaphorePermit) {
        drop(self.connections.send((accepted, permit)));
    }

    /// Cuts off calls that are still open; they get no answer.
    pub fn cut(&mut self) {
        self.cut = None;
    }

    /// Waits until every connection is closed and the thread is done.
    pub async fn ended(&mut self) {
        if let Some(ended) = &mut self.ended {
            // An error means the same: the thread is gone.
            drop(ended.await);
            self.ended = None;
        }
    }
}

async fn serve(
    routes: Routes,
    incoming: mpsc::UnboundedReceiver<(Accepted, OwnedSemaphorePermit)>,
    mut draining: Draining,
) {
    let incoming =
        UnboundedReceiverStream::new(incoming).filter_map(|(accepted, permit): (Accepted, _)| match accepted
            .adopt(permit)
        {
            Ok(connection) => Some(Ok::<_, io::Error>(connection)),
            Err(error) => {
                warn!({ field::ERROR } = %error, "a connection was lost");
                None
            }
        });
    let drained = async move {
        // An error means that the server is gone, which is the end as well.
        drop(draining.wait_for(|draining| *draining).await);
    };
    let served = Server::builder()
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, drained)
        .await;
    if let Err(error) = served {
        error!({ field::ERROR } = %error, "a serving thread ended");
    }
}
