//! Inclusion and consistency over the reference tree, valid and broken.
//!
//! Proofs and the ways to break them are those of the tests of transparency-dev/merkle (`proof/verify_test.go`).

use slagboom::ledger::{Digest, leaf_hash, verify_consistency, verify_inclusion};

use super::{flip, reference_leaves, tree};

fn hash(hex: &str) -> Digest {
    hex.parse().unwrap()
}

fn proof(hashes: &[&str]) -> Vec<Digest> {
    hashes.iter().copied().map(hash).collect()
}

fn root(size: u64) -> Digest {
    tree(&reference_leaves()[..usize::try_from(size).unwrap()]).root()
}

fn some_hash() -> Digest {
    hash("abacaba000000000000000000000000000000000000000000060061e00123456")
}

fn empty_root() -> Digest {
    hash("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
}

const N01: &str = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
const N03: &str = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const N23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const N47: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const L0: &str = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
const L1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const L4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const L6: &str = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";

#[test]
fn published_inclusion_proofs_verify_and_every_broken_one_is_refused() {
    for (index, size, hashes) in [
        (0, 1, vec![]),
        (0, 8, vec![L1, N23, N47]),
        (5, 8, vec![L4, N67, N03]),
        (2, 3, vec![N01]),
        (1, 5, vec![L0, N23, L4]),
    ] {
        let (proof, root) = (proof(&hashes), root(size));
        let leaf = leaf_hash(&reference_leaves()[usize::try_from(index).unwrap()]);
        let case = format!("{index} of {size}");
        assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()), "{case}");

        let refused = |what: &str, leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest| {
            assert!(verify_inclusion(leaf, index, size, proof, root).is_err(), "{case}: {what}");
        };
        refused("leaf index - 1", &leaf, index.wrapping_sub(1), size, &proof, &root);
        refused("leaf index + 1", &leaf, index + 1, size, &proof, &root);
        refused("leaf index ^ 2", &leaf, index ^ 2, size, &proof, &root);
        refused("tree size * 2", &leaf, index, size * 2, &proof, &root);
        refused("tree size / 2", &leaf, index, size / 2, &proof, &root);
        refused("wrong leaf", &leaf_hash(b"WrongLeaf"), index, size, &proof, &root);
        refused("empty root", &leaf, index, size, &proof, &empty_root());
        refused("random root", &leaf, index, size, &proof, &some_hash());
        refused("trailing garbage", &leaf, index, size, &with(&proof, proof.len(), some_hash()), &root);
        refused("trailing root", &leaf, index, size, &with(&proof, proof.len(), root), &root);
        refused("preceding garbage", &leaf, index, size, &with(&proof, 0, some_hash()), &root);
        refused("preceding root", &leaf, index, size, &with(&proof, 0, root), &root);
        for place in 0..proof.len() {
            let mut modified = proof.clone();
            modified[place] = flip(&proof[place], 3);
            refused("modified proof", &leaf, index, size, &modified, &root);
        }
        if let Some((_, shorter)) = proof.split_last() {
            refused("removed component", &leaf, index, size, shorter, &root);
            refused("inserted component", &leaf, index, size, &with(&proof, 1, some_hash()), &root);
        }
    }
}

#[test]
fn published_consistency_proofs_verify_and_every_broken_one_is_refused() {
    for (old, new, hashes) in [
        (1, 8, vec![L1, N23, N47]),
        (6, 8, vec![N45, N67, N03]),
        (2, 5, vec![N23, L4]),
        (6, 7, vec![N45, L6, N03]),
    ] {
        let proof = proof(&hashes);
        let (old_root, new_root) = (root(old), root(new));
        let case = format!("{old} to {new}");
        assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()), "{case}");

        let refused = |what: &str, old: u64, new: u64, roots: (&Digest, &Digest), proof: &[Digest]| {
            assert!(verify_consistency(old, roots.0, new, roots.1, proof).is_err(), "{case}: {what}");
        };
        let roots = (&old_root, &new_root);
        refused("size1 - 1", old - 1, new, roots, &proof);
        refused("size1 + 1", old + 1, new, roots, &proof);
        refused("size1 ^ 2", old ^ 2, new, roots, &proof);
        refused("size2 * 2", old, new * 2, roots, &proof);
        refused("size2 / 2", old, new / 2, roots, &proof);
        refused("wrong root1", old, new, (&some_hash(), &new_root), &proof);
        refused("wrong root2", old, new, (&old_root, &some_hash()), &proof);
        refused("swapped roots", old, new, (&new_root, &old_root), &proof);
        refused("empty proof", old, new, roots, &[]);
        for (what, added) in [("root1", old_root), ("root2", new_root), ("garbage", some_hash())] {
            refused(&format!("trailing {what}"), old, new, roots, &with(&proof, proof.len(), added));
            refused(&format!("preceding {what}"), old, new, roots, &with(&proof, 0, added));
        }
        refused("preceding proof[0]", old, new, roots, &with(&proof, 0, proof[0]));
        refused("truncated proof", old, new, roots, &proof[..proof.len() - 1]);
        for place in 0..proof.len() {
            let mut modified = proof.clone();
            modified[place] = flip(&proof[place], 4);
            refused("modified proof", old, new, roots, &modified);
        }
    }
}

#[test]
fn trees_of_equal_size_and_trees_that_shrink() {
    let (one, two, empty) = (some_hash(), root(2), empty_root());
    assert!(verify_consistency(0, &one, 0, &two, &[]).is_err());
    assert!(verify_consistency(1, &one, 1, &two, &[]).is_err());
    assert!(verify_consistency(0, &one, 0, &one, &[]).is_ok());
    assert!(verify_consistency(1, &two, 1, &two, &[]).is_ok());
    assert!(verify_consistency(1, &one, 0, &two, &[]).is_err());
    assert!(verify_consistency(2, &one, 1, &two, &[]).is_err());
    assert!(verify_consistency(1, &one, 2, &two, &[]).is_err());
    assert!(verify_consistency(0, &empty, 0, &empty, &[empty]).is_err());
    assert!(verify_consistency(0, &empty, 1, &empty, &[empty]).is_err());
    assert!(verify_consistency(1, &empty, 1, &empty, &[empty]).is_err());
    assert!(verify_consistency(0, &empty, 1, &two, &[]).is_err(), "from nothing there is nothing to prove");
    for (index, size) in [(0, 0), (0, 1), (1, 0), (2, 1)] {
        assert!(verify_inclusion(&one, index, size, &[], &empty).is_err());
    }
}

fn with(proof: &[Digest], place: usize, hash: Digest) -> Vec<Digest> {
    let mut proof = proof.to_vec();
    proof.insert(place, hash);
    proof
}
