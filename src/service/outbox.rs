//! Where the writer leaves answers for a serving thread.
//!
//! A wake-up across threads costs a system call. The writer therefore leaves all answers of a batch with a thread's
//! outbox and wakes the thread once; there they are handed to the calls that wait, without leaving the thread.

use std::{mem, sync::Mutex};

use tokio::sync::{Notify, oneshot};

/// The outbox of one serving thread.
#[derive(Debug)]
pub struct Outbox<T> {
    filled: Mutex<Vec<(oneshot::Sender<T>, T)>>,
    wake: Notify,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { filled: Mutex::new(Vec::new()), wake: Notify::new() }
    }
}

impl<T> Outbox<T> {
    /// Leaves an answer; nobody is woken yet.
    pub fn leave(&self, slot: oneshot::Sender<T>, answer: T) {
        self.filled.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((slot, answer));
    }

    /// Wakes the thread whose outbox it is.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Hands answers to the calls that wait for them, for ever. Runs on the thread whose outbox it is.
    pub async fn deliver(&self) {
        loop {
            self.wake.notified().await;
            let filled =
                mem::take(&mut *self.filled.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
            for (slot, answer) in filled {
                // An error means that the caller has gone; its answer is recorded and a retry finds it.
                drop(slot.send(answer));
            }
        }
    }
}
