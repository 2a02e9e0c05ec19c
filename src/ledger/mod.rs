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

mod body;
mod entry;
mod hash;
mod proof;

pub use body::{Body, BodyError, SALT_LENGTH, commitment};
pub use entry::{
    CALLER_LENGTH_MAX, ENGINE_VERSION_LENGTH_MAX, ENTRY_LENGTH_MAX, Entry, EntryError, EntryKind, FieldName,
};
pub use hash::{Accumulator, AccumulatorError, Digest, DigestError, leaf_hash, node_hash};
pub use proof::{
    BuildError, Node, ProofError, consistency_proof, inclusion_proof, root, root_from_inclusion,
    verify_consistency, verify_inclusion,
};
