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
mod entry;
mod hash;
mod hash_tile;
mod proof;
mod text;
mod tile;

pub use batch::Batch;
pub use body::{Body, BodyError, SALT_LENGTH, commitment};
pub use bundle::{BUNDLE_ENTRY_LENGTH_MAX, BundleError, decode_bundle, encode_bundle};
pub use entry::{
    CALLER_LENGTH_MAX, ENGINE_VERSION_LENGTH_MAX, ENTRY_LENGTH_MAX, Entry, EntryError, EntryKind, FieldName,
};
pub use hash::{Accumulator, AccumulatorError, Digest, DigestError, leaf_hash, node_hash};
pub use hash_tile::{FetchError, HashTile, TileBuilder, TileHashes};
pub use proof::{
    BuildError, Node, ProofError, consistency_proof, inclusion_proof, root_from_inclusion, tree_root,
    verify_consistency, verify_inclusion,
};
pub use tile::{
    CHECKPOINT_PATH, TILE_HEIGHT, TILE_LEVEL_MAX, TILE_WIDTH, Tile, TileError, TilePath, bundles,
    partial_tiles, tiles,
};
