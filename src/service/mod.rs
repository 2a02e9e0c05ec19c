//! Use cases, and the order of things in them.
//!
//! A check is parsed and assessed on the thread that asks, under one pinned [`Snapshot`]; the [`writer`] settles it in
//! order, records it, and only then lets the answer go (`no_record_no_release`). Reading goes past the writer, straight
//! to the store, and whatever is read proves itself first.
//!
//! This room knows no gRPC and no status codes; it says what is so, and the server says it on the wire.

mod accounts;
mod advice;
mod check;
mod decision_id;
mod draft;
mod filter;
mod fold;
mod keys;
mod notary;
mod offline;
mod outbox;
mod owed;
mod page;
mod papers;
mod proofs;
mod query;
mod reads;
mod recorded;
mod refusal;
mod register;
pub mod replay;
mod snapshot;
mod writer;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    thread::{self, JoinHandle},
};

use arc_swap::ArcSwap;
use crossbeam_channel::Sender;
use thiserror::Error;
use tokio::sync::{Semaphore, watch};
use tracing::{info, warn};

pub use accounts::{Account, Moved, Sum};
pub use advice::{Advice, advice};
pub use check::{Answer, Pending, Question, Reply};
pub use decision_id::{DecisionId, DecisionIdError};
use draft::{Draft, Salts};
pub use filter::{Filter, Findable, RULE_TERMS_MAX, RawFilter};
pub use fold::{FoldError, State};
use keys::LogKeys;
pub use notary::{Head, HeadError, Receipt, ReceiptKind};
use notary::{Notary, hold_against_kept};
pub use offline::{erase, hold, make_key, rotate_key};
pub use outbox::Outbox;
pub use owed::{Noticed, Owed};
pub use proofs::{Consistency, ENTRIES_DEFAULT, ENTRIES_MAX, Evidence, Inclusion};
pub use query::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, Page};
use reads::ReadCounts;
pub use reads::Reads;
pub use recorded::{Found, ReadRequest, Recorded, Sameness, derive};
pub use refusal::Refusal;
pub use register::{Command, LicenceFilter, Noted, Order};
pub use snapshot::{Library, NoSnapshot, Snapshot};
use writer::{Message, Scribe};

use crate::{
    clock::Clock,
    ledger::{Body, Digest, EntryKind, KeyName, MarksError, RotationError},
    register::Register,
    rulebook::Rulebook,
    store::{Derive, KeyFiles, KeysError, Notice, Opened, Options, Store, StoreError, Writer},
    telemetry::field,
};

/// Who is said to have asked for what the daemon does of itself.
const CALLER_DAEMON: &str = "slagboom";

/// What a service is made of.
pub struct ServiceOptions {
    /// The data folder and its limits.
    pub store: Options,
    /// The rulebook to decide by.
    pub rulebook: Rulebook,
    /// The key of the log.
    pub key: LogKey,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How many checks may wait for the writer.
    pub queue: usize,
    /// Is each read of the log a log line?
    pub log_reads: bool,
    /// Reads the bytes of recorded requests.
    pub read: ReadRequest,
    /// Derives the indexes of a record; it goes through [`derive`] with the same `read`.
    pub derive: Derive,
}

/// Where the signing key of a log is, and what the log is called.
#[derive(Clone, Debug, Default)]
pub struct LogKey {
    /// The file of the secret, if it does not lie in the data folder.
    pub file: Option<PathBuf>,
    /// The name of the log, for the key that is made at the first start; drawn at random where there is none.
    pub name: Option<KeyName>,
}

/// Can the service decide?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// It is about to end.
    Draining,
    /// No more: the store failed, and only a restart finds out what is on the disk.
    Failed,
}

/// Why a service does not open.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The store does not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log does not agree with itself.
    #[error(
        "the log does not agree with itself: {0}; keep the folder as it is, and serve from a copy that is whole"
    )]
    Fold(#[from] FoldError),
    /// The keys of the log cannot be had.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The log is not what was signed.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The log holds no rulebook that can be read, so nothing was ever decided here.
    #[error("the log holds no rulebook: no daemon has served this folder")]
    NoRulebook,
    /// The log has a key, and a key stays.
    #[error("the log has a key already, of the name `{0}`")]
    HasKey(KeyName),
    /// Somebody else has written to the log meanwhile.
    #[error("the log had {read} entries when it was read, and has {now}: read it again")]
    Changed {
        /// Entries that were read.
        read: u64,
        /// Entries by now.
        now: u64,
    },
    /// The records cannot be marked.
    #[error(transparent)]
    Marks(#[from] MarksError),
    /// The old key cannot hand over to the new one.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// What the daemon must record of itself could not be recorded.
    #[error("it could not be recorded: {0}")]
    Activation(Refusal),
    /// No thread.
    #[error("no thread for the writer: {0}")]
    Thread(#[from] std::io::Error),
}

/// The service. One for a data folder; shared by every serving thread.
pub struct Service {
    core: Arc<Core>,
    queue: Queue,
    writer: Mutex<Option<JoinHandle<()>>>,
    notices: Vec<Notice>,
    /// Bounds the replays that run at a time.
    replays: Arc<Semaphore>,
}

/// What asking, reading and writing share.
struct Core {
    store: Store,
    library: Library,
    /// The register of licences as of the last answer.
    register: ArcSwap<Register>,
    /// Every activation that the log holds, for reading old decisions.
    activations: Vec<(Digest, u64)>,
    clock: Arc<dyn Clock>,
    engine_version: Arc<str>,
    read: ReadRequest,
    readiness: watch::Sender<Readiness>,
    counts: Counts,
    notary: Arc<Notary>,
    reads: ReadCounts,
    /// Is each read of the log a log line?
    log_reads: bool,
}

/// The way to the writer.
#[derive(Clone)]
struct Queue {
    jobs: Sender<Message>,
    /// Bounds what waits: a permit goes with every job and comes back when it is answered.
    room: Arc<Semaphore>,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Malformed requests: not decisions, so they are counted and not recorded.
    pub invalid_requests: AtomicU64,
    /// Decisions recorded.
    pub decisions: AtomicU64,
    /// Batches written, each with one fdatasync.
    pub batches: AtomicU64,
}

impl Service {
    /// Opens the data folder, folds its log, records the rulebook as the one in force if another one was, and starts the
    /// writer. What the store mended on the way is in [`Service::notices`].
    ///
    /// # Errors
    /// [`OpenError`]; nothing is decided then.
    pub fn open(options: ServiceOptions) -> Result<Self, OpenError> {
        let ServiceOptions { store, key, rulebook, clock, queue, log_reads, read, derive } = options;
        let Opened { store, mut writer, notices } = Store::open(&store, derive)?;
        let mut state = fold(&store)?;
        let LogKeys { signer, verifiers, .. } = LogKeys::open(&store, &state, &key)?;
        // Before anything is added to a log that is not what was signed.
        hold_against_kept(&store, &verifiers)?;
        let snapshot = Arc::new(Snapshot::of(rulebook));
        let engine_version: Arc<str> = env!("CARGO_PKG_VERSION").into();
        let mut salts = Salts::default();
        if state.rulebook() != Some(snapshot.digest) {
            activate(&snapshot, &engine_version, clock.now_ms(), &mut state, &mut salts, &mut writer)?;
            info!({ field::RULEBOOK } = %snapshot.digest, { field::SEQUENCE } = state.size() - 1, "rulebook activated");
        }
        let notary = Notary::open(&store, &signer, verifiers)?;
        notary.start_keeper(store.dir().to_path_buf())?;
        let core = Arc::new(Core {
            store,
            library: Library::new(snapshot),
            register: ArcSwap::new(state.register().clone()),
            activations: state.activations().to_vec(),
            clock,
            engine_version,
            read,
            readiness: watch::Sender::new(Readiness::Ready),
            counts: Counts::default(),
            notary,
            reads: ReadCounts::default(),
            log_reads,
        });
        // Not bounded: `room` is the bound, and it covers what the writer has taken but not answered.
        let (jobs, taken) = crossbeam_channel::unbounded();
        let scribe = Scribe { core: core.clone(), writer, jobs: taken, state, salts, signer };
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(move || scribe.run())?;
        let queue = Queue { jobs, room: Arc::new(Semaphore::new(queue.max(1))) };
        Ok(Self { core, queue, writer: Mutex::new(Some(thread)), notices, replays: replay::room() })
    }

    /// Opens a data folder to read from it, under the rulebook that its log says is in force. Nothing is recorded, and
    /// every check is refused as while draining.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_to_read(
        store: &Options,
        clock: Arc<dyn Clock>,
        read: ReadRequest,
        derive: Derive,
    ) -> Result<Self, OpenError> {
        let Opened { store, writer, notices } = Store::open(store, derive)?;
        drop(writer);
        let state = fold(&store)?;
        let in_force =
            state.activations().last().map(|(_, sequence)| *sequence).ok_or(OpenError::NoRulebook)?;
        let snapshot = Snapshot::activated_at(&store, in_force).map_err(|fault| match fault {
            NoSnapshot::Store(fault) => OpenError::Store(fault),
            _ => OpenError::NoRulebook,
        })?;
        let verifiers = KeyFiles::of(store.dir(), None).verifiers()?;
        let notary = Notary::open_to_read(&store, verifiers)?;
        let core = Arc::new(Core {
            store,
            library: Library::new(Arc::new(snapshot)),
            register: ArcSwap::new(state.register().clone()),
            activations: state.activations().to_vec(),
            clock,
            engine_version: env!("CARGO_PKG_VERSION").into(),
            read,
            readiness: watch::Sender::new(Readiness::Draining),
            counts: Counts::default(),
            notary,
            reads: ReadCounts::default(),
            log_reads: false,
        });
        let room = Arc::new(Semaphore::new(0));
        room.close();
        let queue = Queue { jobs: crossbeam_channel::unbounded().0, room };
        Ok(Self { core, queue, writer: Mutex::new(None), notices, replays: replay::room() })
    }

    /// What the store mended while it opened, for the operator.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The rulebook in force.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.core.library.current()
    }

    /// The number of entries in the log.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.core.store.size()
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.core.counts
    }

    /// Can the service decide, now and from now on?
    #[must_use]
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.core.readiness.subscribe()
    }

    /// Records what waits, and ends the writer; the data folder is free when the service is dropped. Questions that come
    /// later are refused. Call it when the serving threads have ended.
    pub fn close(&self) {
        self.core.became(Readiness::Draining);
        self.queue.room.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // An error means that the writer has ended already.
            drop(self.queue.jobs.send(Message::Stop));
            if thread.join().is_err() {
                warn!("the writer ended by a fault");
            }
        }
        self.core.notary.stop_keeper();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.close();
    }
}

impl Core {
    /// A failed service stays failed.
    fn became(&self, readiness: Readiness) {
        self.readiness.send_if_modified(|now| {
            let changes = *now != readiness && *now != Readiness::Failed;
            if changes {
                *now = readiness;
            }
            changes
        });
    }
}

/// The state that the log folds to, from the newest snapshot that agrees with its entry.
fn fold(store: &Store) -> Result<State, OpenError> {
    let mut state = State::default();
    if let Some((size, bytes)) = store.snapshot()?
        && let Ok(kept) = State::from_bytes(&bytes)
        && kept.size() == size
        && let Some(last) = size.checked_sub(1)
        && store.entry(last)?.is_some_and(|entry| entry.state == kept.digest())
    {
        state = kept;
    }
    for record in store.scan(state.size()) {
        let record = record?;
        let kept = record.kept.as_ref().map(|kept| Body::split(&kept.bytes)).transpose();
        let kept = kept.map_err(|_| FoldError::Change {
            sequence: record.entry.sequence,
            why: "its body is of no version that this program reads".to_owned(),
        })?;
        state.replay(&record.entry, kept.map(|(_, decision)| decision))?;
    }
    Ok(state)
}

/// Records the rulebook as the one in force, whole, before anything is decided by it (`as_known_then`).
fn activate(
    snapshot: &Snapshot,
    engine_version: &str,
    time_ms: i64,
    state: &mut State,
    salts: &mut Salts,
    writer: &mut Writer,
) -> Result<(), OpenError> {
    let kind = EntryKind::RulebookActivated;
    let body = Body { request: snapshot.rulebook.bundle.to_bytes(), decision: Vec::new() };
    state.advance(kind, snapshot.digest, None)?;
    let rulebook = snapshot.digest;
    let draft = Draft { time_ms, kind, caller: CALLER_DAEMON, rulebook, outcome: 0, state };
    let salt = salts.draw().map_err(OpenError::Activation)?;
    let record =
        draft.record(engine_version, &body, salt, None, Vec::new()).map_err(OpenError::Activation)?;
    writer.append(&[record])?;
    Ok(())
}
