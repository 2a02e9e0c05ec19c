//! Proofs over the log: receipts, inclusion, consistency, and the entries themselves.
//!
//! Hashes of the tree are derived and lie in files that nobody syncs. So a proof is held against the signed root before
//! it leaves; where it does not hold, the hashes are made anew from the entries, once.

use std::sync::Arc;

use tracing::error;

use super::{
    Core, Readiness, Service,
    notary::{Head, Receipt, ReceiptKind},
    recorded::{Found, Recorded},
    refusal::Refusal,
};
use crate::{
    domain::identity::Identity,
    ledger::{Digest, leaf_hash, verify_consistency, verify_inclusion},
    store::{KeptBody, StoreError, StoredRecord},
    telemetry::field,
};

/// Entries in one answer when the caller does not say.
pub const ENTRIES_DEFAULT: usize = 256;
/// Most entries in one answer.
pub const ENTRIES_MAX: usize = 1_024;

/// The proof that an entry is in the log.
#[derive(Clone, Debug)]
pub struct Inclusion {
    /// The entry.
    pub sequence: u64,
    /// Size of the tree.
    pub size: u64,
    /// Its root.
    pub root: Digest,
    /// The hashes beside the path.
    pub hashes: Vec<Digest>,
    /// The hash of the entry, and the whole receipt where the tree is that of the newest checkpoint.
    pub receipt: Receipt,
}

/// The proof that one log continues another.
#[derive(Clone, Debug)]
pub struct Consistency {
    /// Sizes of the earlier and the later log.
    pub sizes: (u64, u64),
    /// Their roots.
    pub roots: (Digest, Digest),
    /// The hashes of the proof.
    pub hashes: Vec<Digest>,
}

/// Everything that proves one decision.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The decision.
    pub recorded: Box<Recorded>,
    /// The entry as it is hashed.
    pub entry_bytes: Vec<u8>,
    /// Salt and body as the entry commits to them.
    pub kept: KeptBody,
    /// The whole receipt.
    pub receipt: Receipt,
}

impl Service {
    /// The newest signed head of the log.
    #[must_use]
    pub fn head(&self) -> Arc<Head> {
        self.core.notary.head()
    }

    /// The head that readers see: the newest, or the newest that witnesses have cosigned where answers wait for them.
    ///
    /// # Errors
    /// [`Refusal::Unwitnessed`] where they have cosigned none yet.
    pub fn readable_head(&self) -> Result<Arc<Head>, Refusal> {
        self.core.readable()
    }

    /// The newest head that enough witnesses have cosigned.
    #[must_use]
    pub fn witnessed_head(&self) -> Option<Arc<Head>> {
        self.core.notary.witnessed()
    }

    /// Waits until there is a head that witnesses have not seen.
    pub async fn head_due(&self) {
        self.core.notary.due().await;
    }

    /// From now on no answer leaves before witnesses have cosigned its head.
    pub fn wait_for_witnesses(&self) {
        self.core.notary.wait_for_witnesses();
    }

    /// Takes in what enough witnesses have said of a head.
    pub fn take_cosigned(&self, head: Head) {
        self.core.notary.cosigned(head);
    }

    /// Ends deciding for good: the log has turned out not to be the one that others saw.
    pub fn distrust(&self, why: &str) {
        error!(
            { field::ERROR } = why,
            "the log is not the one that a witness has seen; nothing more is answered"
        );
        self.core.became(Readiness::Failed);
    }

    /// The public keys of the log, the oldest first; the last one signs.
    #[must_use]
    pub fn verifier_keys(&self) -> Vec<String> {
        self.core.notary.verifiers().iter().map(ToString::to_string).collect()
    }

    /// The proof that the entry is in the tree of `size` entries; 0 means that of the newest checkpoint.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a size or sequence that the log does not have.
    pub fn inclusion(&self, sequence: u64, size: u64) -> Result<Inclusion, Refusal> {
        let head = self.readable_head()?;
        let size = size_asked("tree_size", size, &head)?;
        if sequence >= size {
            let rule = format!("{sequence} is not in a tree of {size} entries");
            return Err(Refusal::field("sequence", "OUT_OF_RANGE", rule));
        }
        let entry = self.core.entry_bytes(sequence)?;
        let (root, hashes) = self.core.inclusion(&head, sequence, &entry, size)?;
        let proof = (size == head.size).then(|| head.receipt(sequence, &entry, hashes.clone()));
        let receipt = Receipt { leaf: leaf_hash(&entry), proof };
        Ok(Inclusion { sequence, size, root, hashes, receipt })
    }

    /// The proof that the log of `to` entries continues that of `from`; 0 for `to` means the newest checkpoint.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for sizes that the log does not have.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Consistency, Refusal> {
        self.consistency_in(&*self.readable_head()?, from, to)
    }

    /// The same under this head.
    ///
    /// # Errors
    /// As [`Service::consistency`].
    pub fn consistency_in(&self, head: &Head, from: u64, to: u64) -> Result<Consistency, Refusal> {
        let to = size_asked("to_size", to, head)?;
        if from == 0 || from > to {
            let rule = format!("{from} is not between 1 and {to}");
            return Err(Refusal::field("from_size", "OUT_OF_RANGE", rule));
        }
        self.core.consistency(head, from, to)
    }

    /// Records in a row from sequence `start` on, at most `count` (0 means 256) and about `bytes_max` bytes of them.
    ///
    /// # Errors
    /// [`Refusal::RecordDamaged`].
    pub fn entries(&self, start: u64, count: u32, bytes_max: usize) -> Result<Vec<StoredRecord>, Refusal> {
        let count = match usize::try_from(count).unwrap_or(ENTRIES_MAX) {
            0 => ENTRIES_DEFAULT,
            count => count.min(ENTRIES_MAX),
        };
        let until = start.saturating_add(count as u64).min(self.readable_head()?.size);
        let (mut records, mut bytes) = (Vec::new(), 0);
        for record in
            self.core.store.scan(start).take(usize::try_from(until.saturating_sub(start)).unwrap_or(0))
        {
            let record = record.map_err(|fault| damaged(&fault, start + records.len() as u64))?;
            bytes += record.entry_bytes.len() + record.kept.as_ref().map_or(0, |kept| kept.bytes.len());
            if bytes > bytes_max && !records.is_empty() {
                break;
            }
            records.push(record);
        }
        Ok(records)
    }

    /// Everything that proves one decision.
    ///
    /// # Errors
    /// As [`Service::decision`]; [`Refusal::Erased`] where the body is gone, and with it what there was to prove.
    pub fn evidence(&self, reader: &Identity, id: &str) -> Result<Evidence, Refusal> {
        let recorded = match self.decision(reader, id)? {
            Found::Kept(recorded) => recorded,
            Found::Erased(entry) => return Err(Refusal::Erased { entry }),
        };
        let sequence = recorded.entry.sequence;
        let stored = match self.core.store.record(sequence) {
            Ok(Some(stored)) => stored,
            Ok(None) => return Err(Refusal::NotFound(id.to_owned())),
            Err(fault) => return Err(damaged(&fault, sequence)),
        };
        let Some(kept) = stored.kept else { return Err(Refusal::Erased { entry: Box::new(stored.entry) }) };
        let receipt = self.inclusion(sequence, 0)?.receipt;
        Ok(Evidence { recorded, entry_bytes: stored.entry_bytes, kept, receipt })
    }
}

fn size_asked(field: &str, asked: u64, head: &Head) -> Result<u64, Refusal> {
    match asked {
        0 => Ok(head.size),
        asked if asked <= head.size => Ok(asked),
        asked => {
            let rule = format!("the log has {} entries, not {asked}", head.size);
            Err(Refusal::field(field, "OUT_OF_RANGE", rule))
        }
    }
}

impl Core {
    /// The head that readers see.
    pub(super) fn readable(&self) -> Result<Arc<Head>, Refusal> {
        self.notary.readable().ok_or(Refusal::Unwitnessed)
    }

    /// The receipt of a record that the newest head covers.
    ///
    /// # Errors
    /// [`Refusal::StoreUnavailable`] where the record is so new that its head is not signed yet.
    pub(super) fn receipt(&self, sequence: u64, kind: ReceiptKind) -> Result<Option<Box<Receipt>>, Refusal> {
        if kind == ReceiptKind::None {
            return Ok(None);
        }
        let entry = self.entry_bytes(sequence)?;
        let leaf = leaf_hash(&entry);
        if kind == ReceiptKind::LeafHash {
            return Ok(Some(Box::new(Receipt { leaf, proof: None })));
        }
        let head = self.readable()?;
        if sequence >= head.size {
            return Err(Refusal::StoreUnavailable);
        }
        let (_, hashes) = self.inclusion(&head, sequence, &entry, head.size)?;
        Ok(Some(Box::new(Receipt { leaf, proof: Some(head.receipt(sequence, &entry, hashes)) })))
    }

    fn entry_bytes(&self, sequence: u64) -> Result<Vec<u8>, Refusal> {
        match self.store.record(sequence) {
            Ok(Some(record)) => Ok(record.entry_bytes),
            Ok(None) => Err(Refusal::NotFound(sequence.to_string())),
            Err(fault) => Err(damaged(&fault, sequence)),
        }
    }

    /// Root and proof for a tree that the signed head continues.
    fn inclusion(
        &self,
        head: &Head,
        sequence: u64,
        entry: &[u8],
        size: u64,
    ) -> Result<(Digest, Vec<Digest>), Refusal> {
        let leaf = leaf_hash(entry);
        self.proved(|| {
            let (root, hashes) = self
                .store
                .with_tree(size, |tree| Some((tree.root().ok()?, tree.inclusion_proof(sequence).ok()?)))?;
            verify_inclusion(&leaf, sequence, size, &hashes, &root).ok()?;
            self.is_before(head, size, &root).then_some((root, hashes))
        })
    }

    fn consistency(&self, head: &Head, from: u64, to: u64) -> Result<Consistency, Refusal> {
        self.proved(|| {
            let (roots, hashes) = self.store.with_tree(to, |tree| {
                let roots = (tree.root_of(from).ok()?, tree.root().ok()?);
                Some((roots, tree.consistency_proof(from).ok()?))
            })?;
            verify_consistency(from, &roots.0, to, &roots.1, &hashes).ok()?;
            self.is_before(head, to, &roots.1).then_some(Consistency { sizes: (from, to), roots, hashes })
        })
    }

    /// Does the signed head continue the tree of this size and root?
    fn is_before(&self, head: &Head, size: u64, root: &Digest) -> bool {
        if size == head.size {
            return *root == head.root;
        }
        let proof = self.store.with_tree(head.size, |tree| tree.consistency_proof(size).ok());
        proof.is_some_and(|proof| verify_consistency(size, root, head.size, &head.root, &proof).is_ok())
    }

    /// What `prove` gives, if need be after the hashes were made anew.
    fn proved<T>(&self, prove: impl Fn() -> Option<T>) -> Result<T, Refusal> {
        if let Some(proved) = prove() {
            return Ok(proved);
        }
        error!("the hashes of the tree do not lead to its signed root; they are made anew from the entries");
        if let Err(fault) = self.store.rebuild_hashes() {
            error!({ field::ERROR } = %fault, "the hashes of the tree cannot be made anew");
        }
        prove().ok_or(Refusal::Internal)
    }
}

fn damaged(fault: &StoreError, sequence: u64) -> Refusal {
    error!({ field::SEQUENCE } = sequence, { field::ERROR } = %fault, "a record cannot be read");
    Refusal::RecordDamaged { sequence }
}
