//! The witness itself: one request about a log at a time, remembered first and signed after.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tracing::{info, warn};

use crate::clock::Clock;
use crate::ledger::{
    AddCheckpoint, Note, NoteError, Refusal, Signature, SignedCheckpoint, Trust, Verifier, WitnessedHead,
};
use crate::telemetry::field;
use crate::witness::book::{Book, Pages};
use crate::witness::error::WitnessError;
use crate::witness::page::Page;

/// Longest origin in a message, characters.
const ORIGIN_SHOWN_MAX: usize = 80;

/// A witness of some logs, with its book.
pub struct Witness {
    book: Book,
    logs: BTreeMap<String, Log>,
    clock: Arc<dyn Clock>,
    /// Set when it is not known any more what is on the disk: nothing is signed after that.
    stopped: AtomicBool,
}

/// A log that is watched.
#[derive(Debug)]
struct Log {
    trust: Trust,
    keys: Vec<Verifier>,
    /// The head that the book has. Held from the comparison until the new page is on the disk: two requests that both
    /// continue the old head would otherwise both be signed.
    head: Mutex<WitnessedHead>,
}

impl Witness {
    /// A witness of the logs of these keys. Keys of one name are keys of one log, such as before and after a rotation.
    ///
    /// `pages` are those that the book was opened with; pages of logs without a key here stay as they are.
    #[must_use]
    pub fn new(
        book: Book,
        pages: &Pages,
        keys: impl IntoIterator<Item = Verifier>,
        clock: Arc<dyn Clock>,
    ) -> Witness {
        let mut logs: BTreeMap<String, Log> = BTreeMap::new();
        for key in keys {
            let origin = key.name().to_string();
            if let Some(log) = logs.get_mut(&origin) {
                if !log.keys.contains(&key) {
                    log.trust = log.trust.clone().with_key(key.clone());
                    log.keys.push(key);
                }
            } else {
                let head = pages.get(&origin).map_or_else(WitnessedHead::none, Page::head);
                let (trust, keys) = (Trust::log(key.clone()), vec![key]);
                logs.insert(origin, Log { trust, keys, head: Mutex::new(head) });
            }
        }
        Witness { book, logs, clock, stopped: AtomicBool::new(false) }
    }

    /// The key that it signs with.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        self.book.cosigner().verifier()
    }

    /// Answers the body of a request to add a checkpoint. Waits for other requests about the same log, and for the
    /// disk.
    ///
    /// # Errors
    /// [`WitnessError::Refused`] when the checkpoint is not to be cosigned; the others when it cannot be.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<Signature, WitnessError> {
        let request = AddCheckpoint::parse(body)?;
        let origin = request.checkpoint.text().split('\n').next().unwrap_or_default();
        let log = self
            .logs
            .get(origin)
            .ok_or_else(|| Refusal::UnknownLog { origin: origin.chars().take(ORIGIN_SHOWN_MAX).collect() })?;
        let mut head = log.head.lock().map_err(|_| WitnessError::Stopped)?;
        if self.stopped.load(Ordering::SeqCst) {
            return Err(WitnessError::Stopped);
        }
        let signed = match head.add_checkpoint(&request, &log.trust) {
            Ok(signed) => signed,
            Err(refusal) => {
                log.tell(&refusal, &request.checkpoint, &head);
                return Err(refusal.into());
            }
        };
        let (page, cosignature) = self.cosign(log, &signed)?;
        // Seeing the same checkpoint again is nothing to remember.
        if *head != page.head() {
            self.book.write(&page).inspect_err(|error| {
                self.stopped.fetch_or(error.is_fatal(), Ordering::SeqCst);
            })?;
            *head = page.head();
        }
        info!({ field::LOG } = ?origin, { field::SIZE } = head.size, "cosigned");
        Ok(cosignature)
    }

    fn cosign(&self, log: &Log, signed: &SignedCheckpoint) -> Result<(Page, Signature), WitnessError> {
        let time_s = u64::try_from(self.clock.now_ms() / 1_000).map_err(|_| WitnessError::Clock)?;
        let cosignature = self.book.cosigner().cosign(signed.note.text(), time_s)?;
        let mut note = log.known_part(&signed.note).map_err(WitnessError::note)?;
        note.add(cosignature.clone()).map_err(WitnessError::note)?;
        Ok((Page::new(note, self.verifier())?, cosignature))
    }
}

impl Log {
    /// The note with the signatures of the log alone. Anyone may add others on the way, up to the longest note.
    fn known_part(&self, note: &Note) -> Result<Note, NoteError> {
        let mut known = Note::new(note.text())?;
        for signature in note.signatures() {
            if self.keys.iter().any(|key| key.is_named_by(signature)) {
                known.add(signature.clone())?;
            }
        }
        Ok(known)
    }

    /// Keeps a checkpoint that the log has signed and that does not continue what was seen: with the page in the book
    /// it may be the proof that the log tells two stories. A wrong proof of consistency looks the same, and may be sent
    /// by anyone.
    fn tell(&self, refusal: &Refusal, note: &Note, head: &WitnessedHead) {
        let why = match refusal {
            Refusal::OtherRoot { .. } => "the log has signed two checkpoints of one size",
            Refusal::Inconsistent(_) => "not proved to continue the last checkpoint cosigned",
            _ => return,
        };
        let note = self.known_part(note).map(|note| note.to_string()).unwrap_or_default();
        let origin = self.trust.origin();
        warn!({ field::LOG } = ?origin, { field::SIZE } = head.size, { field::CHECKPOINT } = ?note, "{why}");
    }
}
