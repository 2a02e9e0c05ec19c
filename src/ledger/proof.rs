//! Proofs over the tree: that an entry is in it, and that a later tree only adds to an earlier one.
//!
//! Proofs are built from the hashes of complete subtrees, whoever keeps them: tiles on a disk
//! ([`crate::ledger::TileHashes`]), the batch in hand ([`crate::ledger::Batch`]) or a test.
//! They are checked from the proof alone, with the algorithms of RFC 9162 word for word, and the checks share no
//! code with the building, so that one mistake cannot hide behind the other.

use thiserror::Error;

use crate::ledger::hash::{Digest, node_hash};

/// A complete subtree: the leaves from `index` × 2^`level` up to but not including (`index` + 1) × 2^`level`.
///
/// Level 0 is a leaf.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node {
    /// The height: the subtree has 2^`level` leaves; < 64.
    pub level: u8,
    /// Which of the subtrees of that height, from 0 on the left.
    pub index: u64,
}

/// The root of the tree of `size` leaves (RFC 6962 section 2.1), from the hashes of complete subtrees.
///
/// `hash` is asked for at most 64 subtrees, all of them within the first `size` leaves, from right to left.
///
/// # Errors
/// The first one of `hash`.
pub fn tree_root<E>(size: u64, hash: impl FnMut(Node) -> Result<Digest, E>) -> Result<Digest, E> {
    range_hash(0, size, &mut { hash })
}

/// The proof that the leaf `index` is in the tree of `size` leaves: sibling hashes from the leaf up to the root
/// (RFC 9162 section 2.1.3.1), at most 64.
///
/// `hash` is asked only for complete subtrees within the first `size` leaves.
///
/// # Errors
/// [`BuildError::Proof`] when the tree has no such leaf; [`BuildError::Hash`] with the first error of `hash`.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut hash: impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Vec<Digest>, BuildError<E>> {
    if index >= size {
        return Err(BuildError::Proof(ProofError::NoSuchLeaf { index, size }));
    }
    let mut proof = Vec::with_capacity(64);
    let (mut begin, mut end) = (0, size);
    while end - begin > 1 {
        let split = begin + split_of(end - begin);
        let sibling = if index < split {
            let right = (split, end);
            end = split;
            right
        } else {
            let left = (begin, split);
            begin = split;
            left
        };
        proof.push(range_hash(sibling.0, sibling.1, &mut hash).map_err(BuildError::Hash)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162 section 2.1.4.1), at most
/// 65 hashes; empty when the sizes are equal.
///
/// `hash` is asked only for complete subtrees within the first `new` leaves.
///
/// # Errors
/// [`BuildError::Proof`] when `old` is 0 or more than `new`; [`BuildError::Hash`] with the first error of `hash`.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    mut hash: impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Vec<Digest>, BuildError<E>> {
    require_growth(old, new).map_err(BuildError::Proof)?;
    let mut proof = Vec::with_capacity(65);
    let (mut begin, mut end) = (0, new);
    // Whether the subtree in hand is the whole old tree, whose root the verifier has already.
    let mut known = true;
    while old < end {
        let split = begin + split_of(end - begin);
        let sibling = if old <= split {
            let right = (split, end);
            end = split;
            right
        } else {
            let left = (begin, split);
            begin = split;
            known = false;
            left
        };
        proof.push(range_hash(sibling.0, sibling.1, &mut hash).map_err(BuildError::Hash)?);
    }
    if !known {
        proof.push(range_hash(begin, end, &mut hash).map_err(BuildError::Hash)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that the leaf `index` of the tree of `size` leaves with this `root` has this hash
/// (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// When the tree has no such leaf, the proof has a hash too few or too many, or it leads to another root.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if root_from_inclusion(leaf, index, size, proof)? == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// The root that a leaf and its inclusion proof lead to (RFC 9162 section 2.1.3.2, steps 1 to 4).
///
/// # Errors
/// When the tree has no such leaf, or the proof has a hash too few or too many.
pub fn root_from_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
) -> Result<Digest, ProofError> {
    if index >= size {
        return Err(ProofError::NoSuchLeaf { index, size });
    }
    let mut node = index;
    let mut last = size - 1;
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // A node at the right edge without a sibling moves up as it is.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(hash) } else { Err(ProofError::TooShort) }
}

/// Checks that the tree of `new_size` leaves begins with the tree of `old_size` leaves
/// (RFC 9162 section 2.1.4.2), under invariant `ledger_is_append_only`.
///
/// Equal sizes need equal roots and an empty proof, also where both are 0.
/// From an empty tree to a larger one there is nothing to prove, and the RFC defines no proof, so it is refused:
/// whoever starts from nothing must know that it does, as a witness does
/// ([`crate::ledger::WitnessedHead::add_checkpoint`]).
///
/// # Errors
/// When the old tree is empty or larger, the proof has a hash too few or too many, or it leads to other roots.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old_size == new_size {
        return match proof {
            [] if old_root == new_root => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::TooLong),
        };
    }
    require_growth(old_size, new_size)?;
    // A complete old tree is a node of the new one; its root is left out of the proof.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(ProofError::TooShort)?
    };
    let shift = (old_size - 1).trailing_ones();
    let mut node = (old_size - 1) >> shift;
    let mut last = (new_size - 1) >> shift;
    let mut old_hash = *first;
    let mut new_hash = *first;
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        Err(ProofError::TooShort)
    } else if old_hash != *old_root || new_hash != *new_root {
        Err(ProofError::Root)
    } else {
        Ok(())
    }
}

fn require_growth(old: u64, new: u64) -> Result<(), ProofError> {
    if old == 0 {
        Err(ProofError::FromEmpty)
    } else if old > new {
        Err(ProofError::Shrunk { old, new })
    } else {
        Ok(())
    }
}

/// The largest power of two below `count`, which is ≥ 2: where RFC 6962 splits a tree.
fn split_of(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root over the leaves from `begin` up to `end`, where `begin` lies on a boundary of every subtree in between,
/// as it does wherever RFC 6962 splits.
fn range_hash<E>(
    begin: u64,
    end: u64,
    hash: &mut impl FnMut(Node) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let mut position = end;
    let mut right = None;
    // From right to left the complete subtrees grow: one for each bit set in the count.
    while position > begin {
        let level = (position - begin).trailing_zeros();
        position -= 1 << level;
        #[expect(clippy::cast_possible_truncation, reason = "a u64 has fewer than 64 trailing zeros here")]
        let left = hash(Node { level: level as u8, index: position >> level })?;
        right = Some(match right {
            None => left,
            Some(right) => node_hash(&left, &right),
        });
    }
    Ok(right.unwrap_or_else(|| Digest::of(&[])))
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ProofError {
    /// The index lies outside the tree.
    #[error("a tree of {size} entries has no entry {index}")]
    NoSuchLeaf {
        /// The index of the leaf.
        index: u64,
        /// The number of leaves.
        size: u64,
    },
    /// A log cannot become smaller.
    #[error("a tree of {new} entries cannot continue one of {old}")]
    Shrunk {
        /// The size of the earlier tree.
        old: u64,
        /// The size of the later tree.
        new: u64,
    },
    /// Every tree continues the empty one; there is no proof of it.
    #[error("there is no proof that a tree continues the empty one")]
    FromEmpty,
    /// More hashes than trees of these sizes call for.
    #[error("the proof has too many hashes")]
    TooLong,
    /// Fewer hashes than trees of these sizes call for.
    #[error("the proof has too few hashes")]
    TooShort,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root hash")]
    Root,
}

/// Why a proof could not be built.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BuildError<E> {
    /// There is no such proof.
    #[error(transparent)]
    Proof(ProofError),
    /// A hash could not be had.
    #[error(transparent)]
    Hash(E),
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::ledger::{Accumulator, leaf_hash};

    /// All complete subtrees over some leaves, level by level.
    struct Forest(Vec<Vec<Digest>>);

    impl Forest {
        fn of(size: u64) -> Forest {
            let mut rows = vec![(0..size).map(leaf).collect::<Vec<_>>()];
            while rows.last().unwrap().len() > 1 {
                let row = rows.last().unwrap();
                rows.push(row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect());
            }
            Forest(rows)
        }

        #[expect(clippy::unnecessary_wraps, reason = "the shape that proofs ask for")]
        fn hash(&self, node: Node) -> Result<Digest, Infallible> {
            Ok(self.0[usize::from(node.level)][usize::try_from(node.index).unwrap()])
        }
    }

    fn leaf(index: u64) -> Digest {
        leaf_hash(&index.to_be_bytes())
    }

    fn roots(size: u64) -> Vec<Digest> {
        let mut tree = Accumulator::new();
        let mut roots = vec![tree.root()];
        for index in 0..size {
            tree.push(leaf(index));
            roots.push(tree.root());
        }
        roots
    }

    #[test]
    fn every_inclusion_proof_of_every_size_to_300_verifies_and_no_other_does() {
        let forest = Forest::of(300);
        let roots = roots(300);
        for size in 1..=300_u64 {
            let expected = &roots[usize::try_from(size).unwrap()];
            assert_eq!(tree_root(size, |node| forest.hash(node)), Ok(*expected));
            for index in 0..size {
                let proof = inclusion_proof(index, size, |node| forest.hash(node)).unwrap();
                let verify = |leaf: &Digest, index, size, proof: &[Digest]| {
                    verify_inclusion(leaf, index, size, proof, expected)
                };
                assert_eq!(verify(&leaf(index), index, size, &proof), Ok(()), "{index} of {size}");
                assert!(verify(&leaf(index + 1), index, size, &proof).is_err());
                assert!(verify(&leaf(index), index + 1, size, &proof).is_err());
                assert!(verify(&leaf(index), index ^ 1, size, &proof).is_err());
                assert!(verify(&leaf(index), size, size, &proof).is_err());
                let mut longer = proof.clone();
                longer.push(*expected);
                assert!(verify(&leaf(index), index, size, &longer).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify(&leaf(index), index, size, shorter).is_err());
                }
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_an_inclusion_proof_fails() {
        let forest = Forest::of(300);
        let roots = roots(300);
        for (index, size) in [(0, 2), (0, 300), (4, 5), (130, 257), (255, 256), (256, 300), (299, 300)] {
            let root = roots[usize::try_from(size).unwrap()];
            let proof = inclusion_proof(index, size, |node| forest.hash(node)).unwrap();
            for place in 0..proof.len() {
                for bit in 0..256 {
                    let mut flipped = proof.clone();
                    flipped[place] = flip(&proof[place], bit);
                    assert_eq!(
                        verify_inclusion(&leaf(index), index, size, &flipped, &root),
                        Err(ProofError::Root)
                    );
                }
            }
            for bit in 0..256 {
                assert!(verify_inclusion(&flip(&leaf(index), bit), index, size, &proof, &root).is_err());
                assert!(verify_inclusion(&leaf(index), index, size, &proof, &flip(&root, bit)).is_err());
            }
        }
    }

    #[test]
    fn ledger_is_append_only_every_pair_of_sizes_to_300_is_consistent_and_no_other_pair_of_trees() {
        let forest = Forest::of(300);
        let roots = roots(300);
        for new in 1..=300_u64 {
            let new_root = &roots[usize::try_from(new).unwrap()];
            for old in 1..=new {
                let old_root = &roots[usize::try_from(old).unwrap()];
                let proof = consistency_proof(old, new, |node| forest.hash(node)).unwrap();
                assert_eq!(
                    verify_consistency(old, old_root, new, new_root, &proof),
                    Ok(()),
                    "{old} to {new}"
                );
                assert!(verify_consistency(old, &flip(old_root, 77), new, new_root, &proof).is_err());
                assert!(verify_consistency(old, old_root, new, &flip(new_root, 77), &proof).is_err());
                if old != new {
                    assert!(verify_consistency(old, new_root, new, old_root, &proof).is_err());
                    assert!(verify_consistency(old, old_root, new, new_root, &[]).is_err());
                }
                for place in 0..proof.len() {
                    let mut flipped = proof.clone();
                    flipped[place] = flip(&proof[place], usize::try_from(old + new).unwrap() % 256);
                    assert!(verify_consistency(old, old_root, new, new_root, &flipped).is_err());
                }
                let mut longer = proof.clone();
                longer.push(*old_root);
                assert!(verify_consistency(old, old_root, new, new_root, &longer).is_err());
                let mut preceded = proof.clone();
                preceded.insert(0, *old_root);
                assert!(verify_consistency(old, old_root, new, new_root, &preceded).is_err());
                if let Some((_, shorter)) = proof.split_last() {
                    assert!(verify_consistency(old, old_root, new, new_root, shorter).is_err());
                }
            }
        }
    }

    #[test]
    fn nothing_is_proved_from_an_empty_tree_nor_of_one() {
        let empty = Digest::of(&[]);
        let one = leaf(0);
        assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
        assert_eq!(verify_consistency(0, &empty, 0, &one, &[]), Err(ProofError::Root));
        assert_eq!(verify_consistency(0, &empty, 0, &empty, &[one]), Err(ProofError::TooLong));
        assert_eq!(verify_consistency(0, &empty, 1, &one, &[]), Err(ProofError::FromEmpty));
        assert_eq!(verify_consistency(1, &one, 0, &empty, &[]), Err(ProofError::Shrunk { old: 1, new: 0 }));
        let nothing = |_| -> Result<Digest, Infallible> { panic!("no hash is needed") };
        assert_eq!(consistency_proof(0, 5, nothing), Err(BuildError::Proof(ProofError::FromEmpty)));
        assert_eq!(consistency_proof(5, 5, nothing), Ok(vec![]));
        assert_eq!(tree_root(0, nothing), Ok(empty));
        assert!(inclusion_proof(0, 0, nothing).is_err());
        assert!(verify_inclusion(&one, 0, 0, &[], &empty).is_err());
        assert_eq!(verify_inclusion(&one, 0, 1, &[], &one), Ok(()));
    }

    #[test]
    fn the_largest_trees_do_not_overflow() {
        let mut asked = Vec::new();
        let proof = inclusion_proof(u64::MAX - 1, u64::MAX, |node| {
            asked.push(node);
            Ok::<_, Infallible>(Digest::ZERO)
        })
        .unwrap();
        assert_eq!(proof.len(), 63);
        assert!(asked.iter().all(|node| (node.index + 1).checked_mul(1 << node.level).is_some()));
        assert_eq!(
            verify_inclusion(&Digest::ZERO, u64::MAX - 1, u64::MAX, &proof, &Digest::ZERO),
            Err(ProofError::Root)
        );
        let proof = consistency_proof(u64::MAX - 1, u64::MAX, |_| Ok::<_, Infallible>(Digest::ZERO)).unwrap();
        let verified = verify_consistency(u64::MAX - 1, &Digest::ZERO, u64::MAX, &Digest::ZERO, &proof);
        assert_eq!(verified, Err(ProofError::Root));
    }

    fn flip(digest: &Digest, bit: usize) -> Digest {
        let mut bytes = *digest.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Digest::from_bytes(bytes)
    }
}
