//! How fast the log is hashed, signed, proved and verified: `cargo bench --no-default-features --bench ledger`.
//!
//! `ceiling` is what SHA-256 alone takes for the same bytes in the same run: figures are ratios to it.

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use std::convert::Infallible;
use std::sync::{Arc, LazyLock};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use sha2::{Digest as _, Sha256};
use slagboom::ledger::{
    Accumulator, Batch, Checkpoint, Chunk, Digest, Entry, EntryKind, HashTile, LogVerifier, Note, Receipt,
    Record, Signer, Tile, TileBuilder, TileHashes, Trust, leaf_hash, node_hash, verify_inclusion,
};

fn main() {
    divan::main();
}

const MILLION: u64 = 1_000_000;
const TEN_MILLION: u64 = 10_000_000;

static ENTRIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| (0..MILLION).map(entry).collect());
static LEAVES: LazyLock<Vec<Digest>> =
    LazyLock::new(|| ENTRIES.iter().map(|entry| leaf_hash(entry)).collect());

/// An entry as decisions have it: 205 bytes.
fn entry(sequence: u64) -> Vec<u8> {
    let entry = Entry {
        sequence,
        time_ms: 1_780_000_000_000 + i64::try_from(sequence).unwrap(),
        kind: EntryKind::DecisionMade,
        caller: String::from("erp-rotterdam-01"),
        engine_version: String::from("1.0.0"),
        rulebook: Digest::of(b"rulebook"),
        lists: Digest::of(b"lists"),
        request: Digest::of(&sequence.to_be_bytes()),
        outcome: 1,
        commitment: Digest::of(&sequence.to_le_bytes()),
        state: Digest::ZERO,
    };
    entry.encode().unwrap()
}

mod hashing {
    use super::*;

    /// SHA-256 of as many bytes as a leaf and a node have, for every entry: nothing can verify a log in less.
    #[divan::bench(sample_count = 8, sample_size = 1)]
    fn ceiling(bencher: Bencher<'_, '_>) {
        let entries = &*ENTRIES;
        let node = [0_u8; 65];
        bencher.counter(ItemsCount::new(entries.len())).bench_local(|| {
            for entry in entries {
                black_box(Sha256::new().chain_update([0]).chain_update(entry).finalize());
                black_box(Sha256::digest(black_box(node)));
            }
        });
    }

    #[divan::bench]
    fn leaf_of_an_entry(bencher: Bencher<'_, '_>) {
        let entry = entry(7);
        bencher.bench_local(|| leaf_hash(black_box(&entry)));
    }

    #[divan::bench(args = [600])]
    fn leaf_of_bytes(bencher: Bencher<'_, '_>, length: usize) {
        let entry = vec![7; length];
        bencher.bench_local(|| leaf_hash(black_box(&entry)));
    }

    #[divan::bench]
    fn node(bencher: Bencher<'_, '_>) {
        let (left, right) = (Digest::of(b"left"), Digest::of(b"right"));
        bencher.bench_local(|| node_hash(black_box(&left), black_box(&right)));
    }

    #[divan::bench(sample_count = 8, sample_size = 1)]
    fn root_of_a_million_leaves(bencher: Bencher<'_, '_>) {
        let leaves = &*LEAVES;
        bencher.counter(ItemsCount::new(leaves.len())).bench_local(|| {
            let mut tree = Accumulator::new();
            for leaf in leaves {
                tree.push(*leaf);
            }
            tree.root()
        });
    }

    #[divan::bench(sample_count = 8, sample_size = 1)]
    fn tiles_of_a_million_leaves(bencher: Bencher<'_, '_>) {
        let leaves = &*LEAVES;
        bencher.counter(ItemsCount::new(leaves.len())).bench_local(|| {
            let mut builder = TileBuilder::new();
            let mut full = Vec::new();
            for leaf in leaves {
                builder.push(*leaf, &mut full);
                full.clear();
            }
            builder
        });
    }
}

mod verifying {
    use super::*;

    const CHUNK: usize = 4_096;

    /// Each thread hashes eight chunks, then they are joined in order.
    fn verify(threads: usize) {
        let mut verifier = LogVerifier::new();
        let chunks: Vec<(u64, &[Vec<u8>])> = (0..).step_by(CHUNK).zip(ENTRIES.chunks(CHUNK)).collect();
        for group in chunks.chunks(8 * threads) {
            for chunk in hash(group, threads) {
                verifier.join(chunk).unwrap();
            }
        }
        let verdict = verifier.finish();
        assert!(verdict.is_ok() && verdict.size == MILLION);
    }

    fn hash(group: &[(u64, &[Vec<u8>])], threads: usize) -> Vec<Chunk> {
        let hash_all = |part: &[(u64, &[Vec<u8>])]| -> Vec<Chunk> {
            part.iter().map(|(first, entries)| hash_chunk(*first, entries)).collect()
        };
        if threads == 1 {
            return hash_all(group);
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = group.chunks(8).map(|part| scope.spawn(move || hash_all(part))).collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn hash_chunk(first: u64, entries: &[Vec<u8>]) -> Chunk {
        Chunk::hash(first, entries.iter().map(|entry| Record::entry(entry)))
    }

    #[divan::bench(args = [1, 2], sample_count = 8, sample_size = 1)]
    fn a_million_entries_on_cores(bencher: Bencher<'_, '_>, threads: usize) {
        LazyLock::force(&ENTRIES);
        bencher.counter(ItemsCount::new(MILLION)).bench_local(|| verify(threads));
    }
}

mod proofs {
    use super::*;

    /// A tile of the right width with any hashes in it: a proof costs the same whatever they are.
    fn made_up(tile: Tile) -> Arc<HashTile> {
        let bytes: Vec<u8> =
            (0..usize::from(tile.width()) * 32).map(|at| (at % 251).to_le_bytes()[0]).collect();
        Arc::new(HashTile::decode(tile, &bytes).unwrap())
    }

    #[divan::bench]
    fn inclusion_in_ten_million_from_warm_tiles(bencher: Bencher<'_, '_>) {
        let mut warm: Vec<Arc<HashTile>> = Vec::new();
        let mut kept = |tile: Tile| -> Result<Arc<HashTile>, Infallible> {
            if let Some(found) = warm.iter().find(|found| found.tile() == tile) {
                return Ok(Arc::clone(found));
            }
            warm.push(made_up(tile));
            Ok(Arc::clone(warm.last().unwrap()))
        };
        bencher.bench_local(|| {
            TileHashes::new(TEN_MILLION, &mut kept).inclusion_proof(black_box(7_654_321)).unwrap()
        });
    }

    #[divan::bench]
    fn inclusion_in_ten_million_from_cold_tiles(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let fetch = |tile| Ok::<_, Infallible>(made_up(tile));
            TileHashes::new(TEN_MILLION, fetch).inclusion_proof(black_box(7_654_321)).unwrap()
        });
    }

    #[divan::bench]
    fn consistency_to_ten_million_from_cold_tiles(bencher: Bencher<'_, '_>) {
        bencher.bench_local(|| {
            let fetch = |tile| Ok::<_, Infallible>(made_up(tile));
            TileHashes::new(TEN_MILLION, fetch).consistency_proof(black_box(7_654_321)).unwrap()
        });
    }

    #[divan::bench]
    fn check_of_an_inclusion(bencher: Bencher<'_, '_>) {
        let (batch, leaves) = batch();
        let proof = batch.inclusion_proof(MILLION - 1).unwrap();
        let root = batch.after().root();
        let leaf = leaves.last().unwrap();
        bencher
            .bench_local(|| verify_inclusion(black_box(leaf), MILLION - 1, MILLION, &proof, &root).unwrap());
    }

    /// The last 64 of a million entries, all at once.
    fn batch() -> (Batch, Vec<Digest>) {
        let (before, leaves) = before();
        (Batch::new(before, leaves.clone()), leaves)
    }

    fn before() -> (Accumulator, Vec<Digest>) {
        let (old, new) = LEAVES.split_at(LEAVES.len() - 64);
        let mut tree = Accumulator::new();
        for leaf in old {
            tree.push(*leaf);
        }
        (tree, new.to_vec())
    }

    /// What a commit of 64 decisions costs without receipts: the tree goes on, and the head is signed.
    #[divan::bench]
    fn commit_of_64_without_receipts(bencher: Bencher<'_, '_>) {
        let (tree, leaves) = before();
        let signer = signer();
        bencher.counter(ItemsCount::new(64_usize)).bench_local(|| {
            let mut tree = tree.clone();
            for leaf in &leaves {
                tree.push(*leaf);
            }
            sign(&signer, &tree)
        });
    }

    /// The same with a receipt for each of them.
    #[divan::bench]
    fn commit_of_64_with_receipts(bencher: Bencher<'_, '_>) {
        let (tree, leaves) = before();
        let signer = signer();
        bencher.counter(ItemsCount::new(64_usize)).bench_local(|| {
            let batch = Batch::new(tree.clone(), leaves.clone());
            let checkpoint = sign(&signer, &batch.after());
            let receipt = |index| {
                let proof = batch.inclusion_proof(index).unwrap();
                Receipt { index, proof, extra: vec![], checkpoint: checkpoint.clone() }.to_string()
            };
            (MILLION - 64..MILLION).map(receipt).map(|receipt| receipt.len()).sum::<usize>()
        });
    }
}

mod signing {
    use super::*;

    #[divan::bench]
    fn sign_a_checkpoint(bencher: Bencher<'_, '_>) {
        let (signer, tree) = (signer(), Accumulator::new());
        bencher.bench_local(|| sign(&signer, black_box(&tree)));
    }

    #[divan::bench]
    fn open_a_checkpoint(bencher: Bencher<'_, '_>) {
        let bytes = sign(&signer(), &Accumulator::new()).to_string().into_bytes();
        let trust = Trust::log(signer().verifier().clone());
        bencher.bench_local(|| Checkpoint::open(black_box(&bytes), &trust).unwrap());
    }
}

fn signer() -> Signer {
    Signer::from_seed("exporter.example/log".parse().unwrap(), &[1; 32]).unwrap()
}

fn sign(signer: &Signer, tree: &Accumulator) -> Note {
    Checkpoint::new("exporter.example/log", tree.size(), tree.root()).unwrap().sign(signer).unwrap()
}
