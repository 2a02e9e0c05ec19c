//! The head of the log, signed: once a batch, after the batch is on the disk, and published only then.
//!
//! A signature that left before the fdatasync could make the log sign two trees of one size after a power cut, which a
//! log must never do (C2SP tlog-checkpoint). The newest head and older ones are kept as files beside the journal; they
//! are what a start holds both copies against.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::Notify;
use tracing::{error, warn};

use crate::{
    ledger::{
        Batch, Checkpoint, CheckpointError, Digest, Note, NoteError, Receipt as TlogProof, Signer, Trust,
        Verifier,
    },
    store::{KeptCheckpoint, Store, StoreError, keep_checkpoint, keep_cosigned, kept_checkpoints},
    telemetry::field,
};

/// How often the newest head is written to its file at most: a start after a crash can lack this much of proof, never
/// of decisions.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long an answer waits for witnesses, where it waits at all.
const WITNESSES_WAITED_FOR: Duration = Duration::from_secs(5);
/// So many entries after the last head that stays, another one stays.
const STAYS_EVERY: u64 = 65_536;

/// A signed head of the log.
#[derive(Clone, Debug)]
pub struct Head {
    /// The number of entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
    /// The checkpoint with its signatures.
    pub note: Note,
}

/// What proof of its record an answer carries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReceiptKind {
    /// None.
    #[default]
    None,
    /// The hash of the entry.
    LeafHash,
    /// Entry, inclusion proof and signed checkpoint.
    Full,
}

/// The proof that a decision is in the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The hash of the entry.
    pub leaf: Digest,
    /// The receipt as C2SP tlog-proof has it, with the entry in its `extra` line; `None` where it was not asked for.
    pub proof: Option<String>,
}

/// Why the head of a log is not believed, or cannot be signed.
#[derive(Debug, Error)]
pub enum HeadError {
    /// A checkpoint that this log signed says otherwise.
    #[error(
        "the log is damaged from sequence {first_bad} on, or an old copy of it was put back: it has {size} entries, and \
         `{}` was signed for {signed}", path.display()
    )]
    Rolled {
        /// The first record that is missing or altered, as far as checkpoints tell.
        first_bad: u64,
        /// How many entries there are.
        size: u64,
        /// How many the checkpoint says.
        signed: u64,
        /// The checkpoint.
        path: PathBuf,
    },
    /// A checkpoint that no key of the log has signed.
    #[error(
        "`{}` is signed by none of the keys of the log: put the keys back that belong to it (`slagboom key show` names \
         those at hand); if the file alone is altered, move it out of the folder", path.display()
    )]
    Stranger {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The files cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The head cannot be signed.
    #[error("the head of the log cannot be signed: {0}")]
    Sign(#[from] CheckpointError),
}

/// Publishes signed heads, and keeps them.
pub(super) struct Notary {
    /// Every public key of the log, the oldest first.
    verifiers: Vec<Verifier>,
    head: ArcSwap<Head>,
    keeper: Mutex<Option<Keeper>>,
    /// What witnesses have said.
    witnessed: Witnessed,
}

/// The newest head that enough witnesses have cosigned.
#[derive(Default)]
struct Witnessed {
    head: Mutex<Option<Arc<Head>>>,
    /// Told when there is another.
    came: Condvar,
    /// Told when there is a head that they have not seen.
    due: Notify,
    /// Did the last answer wait in vain, with no cosignature since?
    are_away: AtomicBool,
    /// Does no answer leave before they have cosigned its head?
    are_waited_for: AtomicBool,
}

/// The thread that writes heads to files.
struct Keeper {
    /// Dropped to end it.
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Notary {
    /// Holds the log against every checkpoint that was kept of it, and signs its head.
    pub fn open(store: &Store, signer: &Signer, verifiers: Vec<Verifier>) -> Result<Arc<Notary>, HeadError> {
        hold_against_kept(store, &verifiers)?;
        let tree = store.tree();
        let head = Head::sign(signer, tree.size(), tree.root())?;
        keep_checkpoint(store.dir(), head.size, &head.note.to_string(), true)?;
        Ok(Notary::publishing(verifiers, head))
    }

    /// The same to read by: the head is the newest that was kept, and nothing is signed.
    pub fn open_to_read(store: &Store, verifiers: Vec<Verifier>) -> Result<Arc<Notary>, HeadError> {
        let newest = hold_against_kept(store, &verifiers)?;
        let head = if let Some(newest) = newest {
            newest
        } else {
            // Without a checkpoint nothing is proved, and every proof is refused.
            let text = format!("{} has no checkpoint\n", store.dir().display());
            let note = Note::new(text).map_err(CheckpointError::from)?;
            Head { size: 0, root: Digest::of(&[]), note }
        };
        Ok(Notary::publishing(verifiers, head))
    }

    fn publishing(verifiers: Vec<Verifier>, head: Head) -> Arc<Notary> {
        let (head, witnessed) = (ArcSwap::from_pointee(head), Witnessed::default());
        Arc::new(Notary { verifiers, head, keeper: Mutex::new(None), witnessed })
    }

    /// Starts the thread that keeps heads in files.
    pub fn start_keeper(self: &Arc<Self>, dir: PathBuf) -> std::io::Result<()> {
        let (stop, stopped) = mpsc::channel();
        let notary = Arc::clone(self);
        let thread =
            thread::Builder::new().name("keeper".to_owned()).spawn(move || notary.keep(&dir, &stopped))?;
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(Keeper { stop, thread });
        Ok(())
    }

    /// Writes the last head and ends the thread.
    pub fn stop_keeper(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Keeper { stop, thread }) = keeper {
            drop(stop);
            if thread.join().is_err() {
                warn!("the thread that keeps checkpoints ended by a fault");
            }
        }
    }

    fn keep(&self, dir: &Path, stopped: &mpsc::Receiver<()>) {
        let first = self.head();
        let (mut kept, mut stays, mut cosigned) = (first.size, first.size, 0);
        loop {
            let ended = stopped.recv_timeout(KEEP_EVERY) != Err(mpsc::RecvTimeoutError::Timeout);
            let head = self.head();
            if head.size != kept {
                let stay = ended || head.size - stays >= STAYS_EVERY;
                match keep_checkpoint(dir, head.size, &head.note.to_string(), stay) {
                    Ok(()) => {
                        kept = head.size;
                        stays = if stay { head.size } else { stays };
                    }
                    // Decisions are safe without it; the next try is a second away.
                    Err(fault) => warn!({ field::ERROR } = %fault, "a checkpoint was not kept"),
                }
            }
            if let Some(head) = self.witnessed().filter(|head| head.size > cosigned) {
                match keep_cosigned(dir, &head.note.to_string()) {
                    Ok(()) => cosigned = head.size,
                    Err(fault) => warn!({ field::ERROR } = %fault, "a cosigned checkpoint was not kept"),
                }
            }
            if ended {
                return;
            }
        }
    }

    /// The newest signed head.
    pub fn head(&self) -> Arc<Head> {
        self.head.load_full()
    }

    /// Every public key of the log, the oldest first; the last one signs.
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// Signs the head after a batch that is on the disk, and publishes it.
    pub fn sign(&self, signer: &Signer, batch: &Batch) -> Result<Arc<Head>, HeadError> {
        let head = Arc::new(Head::sign(signer, batch.size(), batch.after().root())?);
        self.head.store(Arc::clone(&head));
        self.witnessed.due.notify_one();
        Ok(head)
    }

    /// Waits until there is a head that witnesses have not seen.
    pub async fn due(&self) {
        self.witnessed.due.notified().await;
    }

    /// From now on no answer leaves before witnesses have cosigned its head.
    pub fn wait_for_witnesses(&self) {
        self.witnessed.are_waited_for.store(true, Ordering::Relaxed);
    }

    /// Takes in that enough witnesses have cosigned this head.
    pub fn cosigned(&self, head: Head) {
        let mut newest = self.witnessed.head.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|newest| newest.size < head.size) {
            *newest = Some(Arc::new(head));
        }
        self.witnessed.are_away.store(false, Ordering::Relaxed);
        self.witnessed.came.notify_all();
    }

    /// The newest head that enough witnesses have cosigned.
    pub fn witnessed(&self) -> Option<Arc<Head>> {
        self.witnessed.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Are witnesses waited for?
    pub fn waits(&self) -> bool {
        self.witnessed.are_waited_for.load(Ordering::Relaxed)
    }

    /// The head that readers see: the newest or, where witnesses are waited for, the newest that they have cosigned.
    /// Nothing where they have cosigned none yet.
    pub fn readable(&self) -> Option<Arc<Head>> {
        if self.waits() { self.witnessed() } else { Some(self.head()) }
    }

    /// The head under which an answer may leave: this one or, where witnesses are waited for, this one as they have
    /// cosigned it. Nothing where they have not in time; from then on nobody waits, until they cosign again.
    pub fn released(&self, head: &Arc<Head>) -> Option<Arc<Head>> {
        if !self.waits() {
            return Some(Arc::clone(head));
        }
        let newest = self.witnessed.head.lock().unwrap_or_else(PoisonError::into_inner);
        let is_missing =
            |newest: &mut Option<Arc<Head>>| newest.as_ref().is_none_or(|newest| newest.size < head.size);
        let are_away = self.witnessed.are_away.load(Ordering::Relaxed);
        let patience = if are_away { Duration::ZERO } else { WITNESSES_WAITED_FOR };
        let waited = self.witnessed.came.wait_timeout_while(newest, patience, is_missing);
        let (newest, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            self.witnessed.are_away.store(true, Ordering::Relaxed);
        }
        newest.clone().filter(|newest| newest.size == head.size)
    }

    /// May the record at this place be answered from, as far as witnesses are concerned?
    pub fn is_released(&self, sequence: u64) -> bool {
        !self.waits() || self.witnessed().is_some_and(|head| sequence < head.size)
    }
}

impl Head {
    fn sign(signer: &Signer, size: u64, root: Digest) -> Result<Head, HeadError> {
        let checkpoint = Checkpoint::new(signer.verifier().name().as_str(), size, root)?;
        Ok(Head { size, root, note: checkpoint.sign(signer)? })
    }

    /// The receipt of the entry at `index`, whose bytes and proof these are.
    #[must_use]
    pub fn receipt(&self, index: u64, entry: &[u8], proof: Vec<Digest>) -> String {
        let receipt = TlogProof { index, proof, extra: entry.to_vec(), checkpoint: self.note.clone() };
        receipt.to_string()
    }
}

/// Both copies agree by now; a checkpoint that was signed for more, or for something else, shows that they are both
/// old or both altered. Gives the newest one.
pub(super) fn hold_against_kept(store: &Store, verifiers: &[Verifier]) -> Result<Option<Head>, HeadError> {
    let Some(trust) = trust_in(verifiers) else { return Ok(None) };
    let (size, mut proved, mut newest) = (store.size(), 0, None);
    for KeptCheckpoint { path, bytes } in kept_checkpoints(store.dir())? {
        let (signed, note) = match Checkpoint::open(&bytes, &trust) {
            Ok(signed) => (signed.checkpoint, signed.note),
            Err(CheckpointError::Note(NoteError::Unknown)) => return Err(HeadError::Stranger { path }),
            Err(fault) => {
                // It is no witness, neither for nor against; the others are.
                error!({ field::ERROR } = %fault, "the checkpoint `{}` is altered and is passed over", path.display());
                continue;
            }
        };
        let (signed, root) = (signed.size(), *signed.root());
        let agrees = match size.cmp(&signed) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => store.root() == root,
            std::cmp::Ordering::Greater => root_at(store, signed)? == Some(root),
        };
        if !agrees {
            let first_bad = if signed > size { size } else { proved };
            return Err(HeadError::Rolled { first_bad, size, signed, path });
        }
        proved = signed;
        newest = Some(Head { size: signed, root, note });
    }
    Ok(newest)
}

/// The root that the tree had at `size`; nothing where its hashes are lost and cannot be made anew.
fn root_at(store: &Store, size: u64) -> Result<Option<Digest>, StoreError> {
    let read = || store.with_tree(store.size(), |tree| tree.root_of(size).ok().zip(tree.root().ok()));
    let proved = |roots: Option<(Digest, Digest)>| {
        roots.filter(|(_, whole)| *whole == store.root()).map(|(root, _)| root)
    };
    if let Some(root) = proved(read()) {
        return Ok(Some(root));
    }
    store.rebuild_hashes()?;
    Ok(proved(read()))
}

/// Whom to believe about this log.
pub(super) fn trust_in(verifiers: &[Verifier]) -> Option<Trust> {
    let (first, rest) = verifiers.split_first()?;
    Some(rest.iter().cloned().fold(Trust::log(first.clone()), Trust::with_key))
}
