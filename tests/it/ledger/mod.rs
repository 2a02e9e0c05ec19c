//! The ledger from outside: published vectors, and other implementations that must agree with it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first error, and look at what they made themselves"
)]

mod fuzz;
mod notes;
mod oracle;
mod receipts;
mod trees;
mod verify;
pub mod witnesses;

use slagboom::ledger::{Accumulator, Cosigner, Digest, Signer, leaf_hash};

/// The leaves of the reference tests of Certificate Transparency (RFC 6962).
fn reference_leaves() -> Vec<Vec<u8>> {
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
        .iter()
        .map(|hex| {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        })
        .collect()
}

pub fn tree(leaves: &[Vec<u8>]) -> Accumulator {
    let mut tree = Accumulator::new();
    for leaf in leaves {
        tree.push(leaf_hash(leaf));
    }
    tree
}

pub fn entries(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("entry {index}").into_bytes()).collect()
}

pub fn log_key() -> Signer {
    Signer::from_seed("exporter.example/log".parse().unwrap(), &[1; 32]).unwrap()
}

pub fn witness_key(number: u8) -> Cosigner {
    Cosigner::from_seed(format!("witness{number}.example").parse().unwrap(), &[100 + number; 32]).unwrap()
}

fn flip(digest: &Digest, bit: usize) -> Digest {
    let mut bytes = *digest.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Digest::from_bytes(bytes)
}
