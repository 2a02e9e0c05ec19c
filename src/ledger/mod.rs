//! The log as a value: entries, bodies and the tree of hashes over them. Bytes in, bytes out.
//!
//! A record has two parts.
//! The [`Entry`] is small and nameless, and it is a leaf of an RFC 6962 tree, under invariant
//! `ledger_is_append_only`.
//! The [`Body`] holds what was asked and what was decided, names included; the entry commits to it by a
//! salted hash, so that a body can be erased later and every proof over entries stays valid.
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
mod note;
mod proof;
mod receipt;
mod text;
mod tile;
mod verify;
mod witness;

pub use batch::Batch;
pub use body::{Body, BodyError, SALT_LENGTH, commitment};
pub use bundle::{BUNDLE_ENTRY_LENGTH_MAX, BundleError, decode_bundle, encode_bundle};
pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, Trust};
pub use cosignature::Cosignature;
pub use entry::{
    CALLER_LENGTH_MAX, ENGINE_VERSION_LENGTH_MAX, ENTRY_LENGTH_MAX, Entry, EntryError, EntryKind, FieldName,
};
pub use hash::{Accumulator, AccumulatorError, Digest, DigestError, leaf_hash, node_hash};
pub use hash_tile::{FetchError, HashTile, TileBuilder, TileHashes};
pub use key::{Algorithm, Cosigner, KeyError, KeyId, KeyName, SEED_LENGTH, Signer, Verifier};
pub use note::{NOTE_LENGTH_MAX, NOTE_SIGNATURES_MAX, Note, NoteError, Signature};
pub use proof::{
    BuildError, Node, ProofError, consistency_proof, inclusion_proof, root_from_inclusion, tree_root,
    verify_consistency, verify_inclusion,
};
pub use receipt::{RECEIPT_LENGTH_MAX, RECEIPT_PROOF_LENGTH_MAX, Receipt, ReceiptError};
pub use tile::{
    CHECKPOINT_PATH, TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, Tile, TileError, TilePath, bundles,
    partial_tiles, tiles,
};
pub use verify::{BodyState, Chunk, JoinError, LogVerifier, PROBLEMS_MAX, Problem, Record, Verdict};
pub use witness::{AddCheckpoint, Refusal, WITNESS_PROOF_LENGTH_MAX, WitnessedHead};
