//! A whole log verified: what is sound passes however it is cut, and what is not is found and named.

use proptest::prelude::*;
use slagboom::ledger::{
    BodyState, Checkpoint, Chunk, Digest, Entry, EntryKind, JoinError, LogVerifier, PROBLEMS_MAX, Problem,
    Record, TileBuilder, Verdict, commitment, leaf_hash,
};

use super::tree;

/// A log in memory: entries, bodies with their salts (`None` where erased), and the leaf hashes that a tile has.
#[derive(Clone)]
struct Log {
    entries: Vec<Vec<u8>>,
    bodies: Vec<Option<([u8; 32], Vec<u8>)>>,
    leaves: Option<Vec<Digest>>,
}

impl Log {
    fn of(size: u64) -> Log {
        let body = |sequence: u64| ([sequence.to_le_bytes()[0]; 32], format!("body {sequence}").into_bytes());
        let bodies: Vec<_> = (0..size).map(body).collect();
        let entries = (0..size).zip(&bodies).map(|(sequence, (salt, body))| entry(sequence, 0, salt, body));
        let entries: Vec<Vec<u8>> = entries.collect();
        let leaves = entries.iter().map(|entry| leaf_hash(entry)).collect();
        Log { entries, bodies: bodies.into_iter().map(Some).collect(), leaves: Some(leaves) }
    }

    fn records(&self) -> Vec<Record<'_>> {
        let body = |at: usize| match &self.bodies[at] {
            Some((salt, body)) => BodyState::Kept { salt, body },
            None => BodyState::Erased,
        };
        let leaf = |at: usize| self.leaves.as_ref().map(|leaves| &leaves[at]);
        let record = |(at, entry)| Record { entry, leaf: leaf(at), body: body(at) };
        self.entries.iter().map(Vec::as_slice).enumerate().map(record).collect()
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = tree(&self.entries[..usize::try_from(size).unwrap()]).root();
        Checkpoint::new("exporter.example/log", size, root).unwrap()
    }

    fn verify(&self, checkpoints: &[Checkpoint]) -> Verdict {
        self.verify_in_chunks(checkpoints, 300)
    }

    fn verify_in_chunks(&self, checkpoints: &[Checkpoint], length: usize) -> Verdict {
        let mut verifier = LogVerifier::new();
        for checkpoint in checkpoints {
            verifier.expect(checkpoint).unwrap();
        }
        for records in self.records().chunks(length) {
            verifier.join(Chunk::hash(verifier.size(), records.iter().copied())).unwrap();
        }
        verifier.finish()
    }
}

fn entry(sequence: u64, time_ms: i64, salt: &[u8; 32], body: &[u8]) -> Vec<u8> {
    let entry = Entry {
        sequence,
        time_ms,
        kind: EntryKind::DecisionMade,
        caller: String::from("erp"),
        engine_version: String::from("0.1.0"),
        rulebook: Digest::ZERO,
        lists: Digest::ZERO,
        request: Digest::ZERO,
        outcome: 1,
        commitment: commitment(salt, body),
        state: Digest::ZERO,
    };
    entry.encode().unwrap()
}

#[test]
fn a_sound_log_passes_however_it_is_cut() {
    let log = Log::of(1_000);
    let checkpoints = [0, 1, 255, 256, 257, 700, 1_000].map(|size| log.checkpoint(size));
    let verdict = log.verify_in_chunks(&checkpoints, 1_000);
    assert!(verdict.is_ok(), "{verdict:?}");
    assert_eq!((verdict.size, verdict.proved, verdict.bodies_kept), (1_000, 1_000, 1_000));
    assert_eq!((verdict.root, verdict.first_bad), (*log.checkpoint(1_000).root(), None));
    for length in [1, 2, 3, 7, 64, 255, 256, 257, 999] {
        assert_eq!(log.verify_in_chunks(&checkpoints, length), verdict, "in chunks of {length}");
    }
    let unsigned = log.verify(&[]);
    assert_eq!((unsigned.is_ok(), unsigned.proved), (true, 0));
    let nothing = Log::of(0).verify(&[Log::of(0).checkpoint(0)]);
    assert_eq!((nothing.is_ok(), nothing.size, nothing.root), (true, 0, Digest::of(&[])));
}

#[test]
fn chunks_hashed_on_other_threads_join_in_order() {
    let log = Log::of(5_000);
    let records = log.records();
    let chunks: Vec<Chunk> = std::thread::scope(|scope| {
        let parts = (0..).step_by(512).zip(records.chunks(512));
        let threads: Vec<_> = parts
            .map(|(first, part)| scope.spawn(move || Chunk::hash(first, part.iter().copied())))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut verifier = LogVerifier::new();
    verifier.expect(&log.checkpoint(4_321)).unwrap();
    assert_eq!(verifier.join(chunks[1].clone()), Err(JoinError::Order { expected: 0, found: 512 }));
    let mut upper = Vec::new();
    let mut builder = TileBuilder::new();
    for chunk in chunks {
        for root in chunk.tile_roots() {
            builder.push_tile_root(*root, &mut upper).unwrap();
        }
        verifier.join(chunk).unwrap();
    }
    assert_eq!(builder.size(), 5_000 / 256 * 256);
    assert_eq!(verifier.expect(&log.checkpoint(9)), Err(JoinError::Passed { size: 9, joined: 5_000 }));
    assert!(verifier.expect(&log.checkpoint(5_000)).is_ok());
    let verdict = verifier.finish();
    assert_eq!((verdict.is_ok(), verdict.proved), (true, 5_000));
}

#[test]
fn an_altered_entry_is_named_where_a_tile_has_its_hash() {
    let good = Log::of(600);
    let checkpoints = [100, 300, 600].map(|size| good.checkpoint(size));
    for at in [0, 99, 100, 255, 256, 599] {
        let mut log = good.clone();
        let (salt, body) = log.bodies[at].clone().unwrap();
        log.entries[at] = entry(at as u64, 77, &salt, &body);
        let verdict = log.verify(&checkpoints);
        assert_eq!(verdict.first_bad, Some(at as u64));
        assert!(verdict.problems.contains(&Problem::Leaf { at: at as u64 }));
        let unreached = checkpoints.iter().filter(|checkpoint| checkpoint.size() > at as u64).count();
        assert_eq!(verdict.problem_count, 1 + unreached as u64);

        // Without tiles the checkpoints say between which of them it lies.
        log.leaves = None;
        let verdict = log.verify(&checkpoints);
        let proved = [0, 100, 300].into_iter().filter(|size| *size <= at as u64).max().unwrap();
        assert_eq!((verdict.first_bad, verdict.proved), (Some(proved), proved));
    }
}

#[test]
fn an_entry_dropped_repeated_or_moved_is_named() {
    let good = Log::of(400);
    let end = [good.checkpoint(400)];
    let named = |log: &Log| {
        let mut alone = log.clone();
        alone.leaves = None;
        (log.verify(&end).first_bad, alone.verify(&end).first_bad)
    };
    let mut dropped = good.clone();
    dropped.entries.remove(123);
    dropped.bodies.remove(123);
    assert_eq!(named(&dropped), (Some(123), Some(123)));
    let problems = dropped.verify(&end).problems;
    assert_eq!(problems.last(), Some(&Problem::Short { size: 399, expected: 400 }));
    let mut repeated = good.clone();
    repeated.entries[124] = good.entries[123].clone();
    repeated.bodies[124] = good.bodies[123].clone();
    assert_eq!(named(&repeated), (Some(124), Some(124)));
    let mut moved = good.clone();
    moved.entries.swap(7, 8);
    moved.bodies.swap(7, 8);
    assert_eq!(named(&moved), (Some(7), Some(7)));
    let mut cut = good.clone();
    cut.entries[399].pop();
    assert_eq!(named(&cut), (Some(399), Some(399)));
}

#[test]
fn a_body_is_held_against_its_commitment() {
    let good = Log::of(50);
    let mut log = good.clone();
    log.bodies[20].as_mut().unwrap().1.push(b'!');
    log.bodies[30].as_mut().unwrap().0[0] ^= 1;
    log.bodies[40] = None;
    let verdict = log.verify(&[good.checkpoint(50)]);
    assert_eq!(verdict.problems, [Problem::Commitment { at: 20 }, Problem::Commitment { at: 30 }]);
    assert_eq!((verdict.first_bad, verdict.proved), (Some(20), 50), "every proof over entries stays valid");
    assert_eq!((verdict.bodies_kept, verdict.erased), (47, vec![40]));
    let lost = Record { body: BodyState::Lost, ..good.records()[0] };
    let mut verifier = LogVerifier::new();
    verifier.join(Chunk::hash(0, [lost, Record::entry(&good.entries[1])])).unwrap();
    let verdict = verifier.finish();
    assert_eq!((verdict.problems, verdict.bodies_not_given), (vec![Problem::BodyLost { at: 0 }], 1));
}

#[test]
fn an_old_copy_put_back_is_found_by_a_kept_checkpoint() {
    let verdict = Log::of(90).verify(&[Log::of(80).checkpoint(80), Log::of(100).checkpoint(100)]);
    assert_eq!(verdict.problems, [Problem::Short { size: 90, expected: 100 }]);
    assert_eq!((verdict.first_bad, verdict.proved), (Some(90), 80));
}

#[test]
fn a_checkpoint_that_a_larger_one_contradicts_blames_no_entry() {
    let log = Log::of(100);
    let other = Checkpoint::new("exporter.example/log", 50, Digest::of(b"another history")).unwrap();
    let verdict = log.verify(&[other.clone(), log.checkpoint(100)]);
    assert_eq!(verdict.problems, [Problem::Root { size: 50 }]);
    assert_eq!((verdict.first_bad, verdict.proved), (None, 100));
    let verdict = log.verify(&[log.checkpoint(50), other]);
    assert_eq!(
        (verdict.is_ok(), verdict.proved),
        (false, 50),
        "two checkpoints of one size cannot both be true"
    );
}

#[test]
fn time_going_backwards_is_noted_and_no_problem() {
    let times = [5, 6, 6, 4, 9, 8];
    let entries: Vec<Vec<u8>> =
        (0..).zip(times).map(|(sequence, time)| entry(sequence, time, &[0; 32], b"")).collect();
    for length in 1..=6 {
        let mut verifier = LogVerifier::new();
        for part in entries.chunks(length) {
            verifier
                .join(Chunk::hash(verifier.size(), part.iter().map(|entry| Record::entry(entry))))
                .unwrap();
        }
        let verdict = verifier.finish();
        assert!(verdict.is_ok());
        assert_eq!((verdict.times_back, verdict.first_time_back), (2, Some(3)));
    }
}

#[test]
fn a_verification_goes_on_from_a_tree_that_is_trusted() {
    let log = Log::of(500);
    let mut verifier = LogVerifier::resume(tree(&log.entries[..321]));
    verifier.expect(&log.checkpoint(500)).unwrap();
    assert!(verifier.join(Chunk::hash(321, log.records()[321..].iter().copied())).is_ok());
    let verdict = verifier.finish();
    assert_eq!((verdict.is_ok(), verdict.proved, verdict.bodies_kept), (true, 500, 179));
}

#[test]
fn of_many_problems_the_first_are_kept_and_all_are_counted() {
    let mut log = Log::of(1_500);
    log.entries.iter_mut().for_each(|entry| entry[0] = 9);
    let verdict = log.verify(&[]);
    assert_eq!((verdict.problems.len(), verdict.problem_count), (PROBLEMS_MAX, 3_000));
    assert_eq!(verdict.first_bad, Some(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn ledger_is_append_only_every_flipped_bit_of_an_entry_is_found_and_named(
        size in 1..700_u64,
        at in any::<prop::sample::Index>(),
        length in 1..400_usize,
        checkpoint in any::<prop::sample::Index>(),
    ) {
        let good = Log::of(size);
        let checkpoints = [good.checkpoint(checkpoint.index(usize::try_from(size).unwrap()) as u64), good.checkpoint(size)];
        let mut log = good.clone();
        let bad = at.index(log.entries.len());
        let bit = at.index(log.entries[bad].len() * 8);
        log.entries[bad][bit / 8] ^= 1 << (bit % 8);
        let verdict = log.verify_in_chunks(&checkpoints, length);
        prop_assert_eq!(verdict.first_bad, Some(bad as u64));
        prop_assert!(verdict.proved <= bad as u64);
        log.leaves = None;
        log.bodies = good.bodies.iter().map(|_| None).collect();
        let verdict = log.verify_in_chunks(&checkpoints, length);
        prop_assert!(!verdict.is_ok());
        prop_assert!(verdict.first_bad.is_some_and(|first| verdict.proved <= first && first <= bad as u64));
    }
}
