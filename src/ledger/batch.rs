//! The proofs of a batch just recorded, from the right edge before it and its own leaves: no tile is read.

use crate::ledger::hash::{Accumulator, Digest, node_hash};
use crate::ledger::proof::{BuildError, Node, ProofError, inclusion_proof};

/// Leaves added to a tree at once.
///
/// Every hash beside the path of a new leaf is either a complete subtree of the tree before, which its
/// [`Accumulator`] holds, or has only new leaves below it or to its right.
/// So a receipt can leave with the answer at the cost of two node hashes a leaf and a few for the right edge.
#[derive(Clone, Debug)]
pub struct Batch {
    before: Accumulator,
    size: u64,
    // The nodes over at least one new leaf, complete in the tree after; row by row, each with its first index.
    rows: Vec<(u64, Vec<Digest>)>,
}

impl Batch {
    /// The tree `before`, and the hashes of the leaves that follow in it.
    #[must_use]
    pub fn new(before: Accumulator, leaves: Vec<Digest>) -> Batch {
        let size = before.size() + leaves.len() as u64;
        let mut rows = Vec::new();
        let mut level = 0;
        let mut first = before.size();
        let mut row = leaves;
        while !row.is_empty() {
            let mut pending =
                (first % 2 == 1).then(|| peak(&before, Node { level, index: first - 1 })).flatten();
            let mut above = Vec::with_capacity(row.len() / 2 + 1);
            for hash in &row {
                pending = match pending {
                    Some(left) => {
                        above.push(node_hash(&left, hash));
                        None
                    }
                    None => Some(*hash),
                };
            }
            rows.push((first, row));
            level += 1;
            first /= 2;
            row = above;
        }
        Batch { before, size, rows }
    }

    /// The hashes of its leaves, in order.
    #[must_use]
    pub fn leaves(&self) -> &[Digest] {
        self.rows.first().map_or(&[], |(_, leaves)| leaves)
    }

    /// The number of leaves of the tree with this batch.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The right edge of the tree with this batch, whose root is the one to sign.
    #[must_use]
    pub fn after(&self) -> Accumulator {
        let peaks = (0..64_u8).rev().filter(|level| self.size >> level & 1 == 1);
        let peaks = peaks.filter_map(|level| self.hash(Node { level, index: (self.size >> level) - 1 }));
        Accumulator::from_peaks(self.size, peaks.collect()).unwrap_or_default()
    }

    /// The proof that the leaf `index` of this batch is in the tree with it, see
    /// [`crate::ledger::inclusion_proof`].
    ///
    /// # Errors
    /// [`ProofError::NoSuchLeaf`] when the leaf lies before or after the batch.
    pub fn inclusion_proof(&self, index: u64) -> Result<Vec<Digest>, ProofError> {
        let none = ProofError::NoSuchLeaf { index, size: self.size };
        if index < self.before.size() {
            return Err(none);
        }
        inclusion_proof(index, self.size, |node| self.hash(node).ok_or(none)).map_err(|error| match error {
            BuildError::Proof(error) | BuildError::Hash(error) => error,
        })
    }

    fn hash(&self, node: Node) -> Option<Digest> {
        let row = self.rows.get(usize::from(node.level));
        let new =
            row.and_then(|(first, row)| row.get(usize::try_from(node.index.checked_sub(*first)?).ok()?));
        new.copied().or_else(|| peak(&self.before, node))
    }
}

/// The hash of a complete subtree that stands on the right edge.
fn peak(tree: &Accumulator, node: Node) -> Option<Digest> {
    let above = tree.size().checked_shr(u32::from(node.level))?;
    // The last subtree of its height, and not part of a larger one.
    let on_the_edge = above & 1 == 1 && node.index == above - 1;
    on_the_edge.then(|| tree.peaks().get((above >> 1).count_ones() as usize).copied()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{leaf_hash, verify_inclusion};

    fn leaf(index: u64) -> Digest {
        leaf_hash(&index.to_be_bytes())
    }

    fn tree(size: u64) -> Accumulator {
        let mut tree = Accumulator::new();
        (0..size).for_each(|index| tree.push(leaf(index)));
        tree
    }

    #[test]
    fn every_leaf_of_every_batch_has_its_proof() {
        for before in 0..70 {
            for count in 0..40 {
                let batch = Batch::new(tree(before), (before..before + count).map(leaf).collect());
                let after = tree(before + count);
                assert_eq!(batch.after(), after, "{before} and {count}");
                for index in before..batch.size() {
                    let proof = batch.inclusion_proof(index).unwrap();
                    let verified = verify_inclusion(&leaf(index), index, batch.size(), &proof, &after.root());
                    assert_eq!(verified, Ok(()), "{index} of {before} and {count}");
                }
                assert!(batch.inclusion_proof(batch.size()).is_err());
                assert!(before == 0 || batch.inclusion_proof(before - 1).is_err());
            }
        }
    }

    proptest! {
        #[test]
        fn batches_anywhere_have_their_proofs(before in 0..3_000_u64, count in 1..700_u64, at in 0..700_u64) {
            let batch = Batch::new(tree(before), (before..before + count).map(leaf).collect());
            let index = before + at % count;
            let proof = batch.inclusion_proof(index).unwrap();
            let root = batch.after().root();
            prop_assert_eq!(verify_inclusion(&leaf(index), index, batch.size(), &proof, &root), Ok(()));
        }
    }
}
