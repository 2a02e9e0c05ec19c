//! The signals that end the daemon.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

/// Exit code after a second signal: 128 and the number of SIGINT, as shells write it.
const EXIT_SECOND_SIGNAL: i32 = 130;

/// SIGTERM and SIGINT, listened to from now on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// The operating system's.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the first signal, and then watches for a second one, which ends the process at once: whoever sends
    /// it does not want to wait for the drain. Nothing that was answered is lost by that (`no_record_no_release`).
    pub async fn first(mut self) {
        self.next().await;
        info!("a signal to end; a second one ends at once");
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(EXIT_SECOND_SIGNAL);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
