//! The log as a value: entries, bodies and the tree of hashes over them. Bytes in, bytes out.
//!
//! A record has two parts.
//! The [`Entry`] is small and nameless, and it is a leaf of an RFC 6962 tree, under invariant
//! `ledger_is_append_only`.
//! The [`Body`] holds what was asked and what was decided, names included; the entry commits to it by a
//! salted hash, so that a body can be erased later and every proof over entries stays valid.
//!
//! Over the entries stand, from the bottom up:
//! the tree and its right edge ([`Accumulator`], [`Batch`]), written as tiles ([`Tile`], [`HashTile`],
//! [`TileBuilder`], [`encode_bundle`]) and read from them ([`TileHashes`]);
//! proofs of inclusion and consistency ([`verify_inclusion`], [`verify_consistency`]);
//! the signed [`Checkpoint`] ([`Note`], [`Signer`], [`Verifier`]) and whom to believe about it ([`Trust`]);
//! the [`Receipt`] of one entry; the witness that cosigns ([`WitnessedHead`], [`Cosigner`]);
//! and the [`LogVerifier`] of a whole log.
//! All texts and paths are those of C2SP, so that standard tools check what slagboom writes.
//!
//! ```
//! use slagboom::ledger::{Accumulator, Batch, Checkpoint, Receipt, Signer, Trust, leaf_hash};
//!
//! // The key of the log is made once, from 32 random bytes.
//! let signer = Signer::from_seed("exporter.example/log".parse()?, &[7; 32])?;
//!
//! // Entries are added, and the new head is signed once they are durable.
//! let batch = Batch::new(Accumulator::new(), vec![leaf_hash(b"first entry"), leaf_hash(b"second entry")]);
//! let head = Checkpoint::new("exporter.example/log", batch.size(), batch.after().root())?;
//! let checkpoint = head.sign(&signer)?;
//! let receipt = Receipt { index: 1, proof: batch.inclusion_proof(1)?, extra: vec![], checkpoint };
//!
//! // Years later: the receipt, the entry and the public key are enough.
//! let trust = Trust::log(signer.verifier().to_string().parse()?);
//! let proved = Receipt::parse(receipt.to_string().as_bytes())?.verify(b"second entry", &trust)?;
//! assert_eq!(proved.checkpoint.size(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is no disk, no clock, no sled and no tokio here: the same bytes can be checked by an auditor who
//! has only them.

mod batch;
mod body;
mod bundle;
mod checkpoint;
mod cosignature;
mod entry;
mod hash;
mod hash_tile;
mod key;
mod marks;
mod note;
mod proof;
mod receipt;
mod rotation;
mod text;
mod tile;
mod verify;
mod witness;

pub use batch::Batch;
pub use body::{Body, BodyError, SALT_LENGTH, commitment, request_digest};
pub use bundle::{BUNDLE_ENTRY_LENGTH_MAX, BundleError, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, Trust};
pub use cosignature::Cosignature;
pub use entry::{
    CALLER_LENGTH_MAX, ENGINE_VERSION_LENGTH_MAX, ENTRY_LENGTH_MAX, Entry, EntryError, EntryKind, FieldName,
};
pub use hash::{Accumulator, AccumulatorError, Digest, DigestError, leaf_hash, node_hash};
pub use hash_tile::{FetchError, HashTile, TileBuilder, TileHashes};
pub use key::{Algorithm, Cosigner, KeyError, KeyId, KeyName, SEED_LENGTH, Signer, Verifier};
pub use marks::{MARKS_MAX, Marks, MarksError, REASON_LENGTH_MAX};
pub use note::{NOTE_LENGTH_MAX, NOTE_SIGNATURES_MAX, Note, NoteError, Signature};
pub use proof::{
    BuildError, Node, ProofError, consistency_proof, inclusion_proof, root_from_inclusion, tree_root,
    verify_consistency, verify_inclusion,
};
pub use receipt::{RECEIPT_LENGTH_MAX, RECEIPT_PROOF_LENGTH_MAX, Receipt, ReceiptError};
pub use rotation::{Rotation, RotationError};
pub use tile::{
    CHECKPOINT_PATH, TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, Tile, TileError, TilePath, bundles,
    partial_tiles, tiles,
};
pub use verify::{BodyState, Chunk, JoinError, LogVerifier, PROBLEMS_MAX, Problem, Record, Verdict};
pub use witness::{AddCheckpoint, Refusal, WITNESS_PROOF_LENGTH_MAX, WitnessedHead};
