//! Proofs over a real socket: receipts in the answer, heads, inclusion, consistency, and the entries themselves.

use std::fs;
use std::path::Path;

use prost::Message;
use slagboom::ledger::{
    Accumulator, Digest, Entry, Receipt, Trust, Verifier, commitment, leaf_hash, verify_consistency,
    verify_inclusion,
};
use slagboom::proto::v1;
use tonic::Code;

use crate::support::{TestServer, block_on, check, request, with_code};

fn with_receipt(kind: v1::ReceiptKind, mut request: v1::CheckExportRequest) -> v1::CheckExportRequest {
    request.receipt = kind.into();
    request
}

fn full(request_id: &str) -> v1::CheckExportRequest {
    with_receipt(v1::ReceiptKind::Full, with_code("5A002", request(request_id)))
}

/// Asks for so many decisions, a hundred at a time.
async fn grow(server: &TestServer, name: &str, count: usize) {
    let mut control = server.control().await;
    for from in (0..count).step_by(100) {
        let requests = (from..count.min(from + 100)).map(|at| request(&format!("{name}-{at}"))).collect();
        let answers = control.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await.unwrap();
        let answers = answers.into_inner().answers;
        assert!(
            answers.iter().all(|answer| matches!(answer.result, Some(v1::check_answer::Result::Decision(_))))
        );
    }
}

/// Whom an ERP believes: the key it was given once.
fn trust(server: &TestServer) -> Trust {
    let key: Verifier = server.service.verifier_keys().pop().unwrap().parse().unwrap();
    Trust::log(key)
}

/// What years later is checked with the receipt and the key alone; gives the entry.
fn verified(decision: &v1::Decision, trust: &Trust) -> Entry {
    let receipt = decision.receipt.as_ref().unwrap();
    let proof = Receipt::parse(receipt.proof.as_bytes()).unwrap();
    let signed = proof.verify(&proof.extra, trust).unwrap();
    assert!(signed.checkpoint.size() > proof.index);
    assert_eq!(receipt.leaf_hash, leaf_hash(&proof.extra).as_bytes());
    let entry = Entry::decode(&proof.extra).unwrap();
    assert_eq!(Some(entry.sequence), decision.sequence);
    assert_eq!(entry.sequence, proof.index);
    entry
}

#[test]
fn an_answer_carries_a_receipt_that_proves_what_was_asked_and_decided() {
    let server = TestServer::start();
    let trust = trust(&server);
    block_on(async {
        let asked = full("a");
        let decision = check(&server, asked.clone()).await.unwrap();
        let entry = verified(&decision, &trust);
        // With the salt, which is the log's to give and to erase, the entry is of this request and no other.
        let one = v1::ReadEntriesRequest { start: entry.sequence, count: 1, bodies: true };
        let read = server.log().await.read_entries(one).await.unwrap().into_inner().entries.remove(0);
        let salt = read.salt.as_slice().try_into().unwrap();
        assert!(entry.is_of_request(salt, &asked.encode_to_vec()));
        assert!(!entry.is_of_request(&[0; 32], &asked.encode_to_vec()));
        assert!(!entry.is_of_request(salt, &full("b").encode_to_vec()));
        assert_eq!(entry.rulebook.to_string(), decision.rulebook.as_ref().unwrap().digest);
        let outcome = slagboom::domain::outcome::Outcome::from_code(entry.outcome).unwrap();
        assert_eq!(format!("OUTCOME_{}", outcome.as_str()), decision.outcome().as_str_name());
        // Another key, and another entry, are not proved by it.
        let text = decision.receipt.clone().unwrap().proof;
        let proof = Receipt::parse(text.as_bytes()).unwrap();
        let stranger =
            slagboom::ledger::Signer::from_seed(trust.origin().parse().unwrap(), &[9; 32]).unwrap();
        assert!(proof.verify(&proof.extra, &Trust::log(stranger.verifier().clone())).is_err());
        for bit in 0..proof.extra.len() * 8 {
            let mut other = proof.extra.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(proof.verify(&other, &trust).is_err(), "bit {bit}");
        }
    });
}

#[test]
fn only_what_is_asked_for_is_proved() {
    let server = TestServer::start();
    block_on(async {
        let none = check(&server, request("a")).await.unwrap();
        assert_eq!(none.receipt, None);
        let hash = check(&server, with_receipt(v1::ReceiptKind::LeafHash, request("b"))).await.unwrap();
        let receipt = hash.receipt.unwrap();
        assert_eq!((receipt.leaf_hash.len(), receipt.proof.as_str()), (32, ""));
        let dry = v1::CheckExportRequest { dry_run: true, ..full("") };
        assert_eq!(check(&server, dry).await.unwrap().receipt, None);
        let unknown = v1::CheckExportRequest { receipt: 77, ..request("c") };
        let status = check(&server, unknown).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("receipt"), "{}", status.message());
        assert_eq!(server.service.size(), 3);
    });
}

#[test]
fn a_retry_is_proved_under_the_head_of_its_own_moment() {
    let server = TestServer::start();
    let trust = trust(&server);
    block_on(async {
        let first = check(&server, with_code("5A002", request("a"))).await.unwrap();
        grow(&server, "b", 700).await;
        // The kind of receipt is no part of what is asked.
        let again = check(&server, full("a")).await.unwrap();
        assert!(again.answered_from_record);
        assert_eq!(again.sequence, first.sequence);
        verified(&again, &trust);
        // In one batch, the same request three times, each with its own wish.
        let requests = vec![request("c"), with_receipt(v1::ReceiptKind::LeafHash, request("c")), {
            with_receipt(v1::ReceiptKind::Full, request("c"))
        }];
        let answers = server
            .control()
            .await
            .batch_check_exports(v1::BatchCheckExportsRequest { requests })
            .await
            .unwrap()
            .into_inner()
            .answers;
        let decisions: Vec<v1::Decision> = answers
            .into_iter()
            .map(|answer| match answer.result {
                Some(v1::check_answer::Result::Decision(decision)) => *decision,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(decisions[0].receipt, None);
        assert_eq!(decisions[1].receipt.as_ref().unwrap().proof, "");
        verified(&decisions[2], &trust);
    });
}

#[test]
fn every_receipt_of_a_stream_holds_alone() {
    let server = TestServer::start();
    let trust = trust(&server);
    block_on(async {
        let requests = (0..300).map(|at| v1::CheckExportsRequest { request: Some(full(&format!("s-{at}"))) });
        let requests: Vec<_> = requests.collect();
        let stream = server.control().await.check_exports(tokio_stream::iter(requests)).await.unwrap();
        let mut stream = stream.into_inner();
        let mut proved = 0;
        while let Some(response) = stream.message().await.unwrap() {
            match response.answer.unwrap().result {
                Some(v1::check_answer::Result::Decision(decision)) => verified(&decision, &trust),
                other => panic!("{other:?}"),
            };
            proved += 1;
        }
        assert_eq!(proved, 300);
    });
}

fn digests(hashes: &[Vec<u8>]) -> Vec<Digest> {
    hashes.iter().map(|hash| digest(hash)).collect()
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(bytes.try_into().unwrap())
}

#[test]
fn a_mirror_rebuilds_the_tree_and_every_proof_leads_to_its_root() {
    let server = TestServer::start();
    let trust = trust(&server);
    block_on(async {
        grow(&server, "a", 600).await;
        let mut log = server.log().await;
        let head = log.get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner();
        let signed =
            slagboom::ledger::Checkpoint::open(head.checkpoint.as_bytes(), &trust).unwrap().checkpoint;
        assert_eq!(signed.size(), 601);
        assert_eq!(head.verifier_keys, server.service.verifier_keys());

        let (mut roots, mut tree, mut leaves) = (Vec::new(), Accumulator::new(), Vec::new());
        roots.push(tree.root());
        while tree.size() < signed.size() {
            let asked = v1::ReadEntriesRequest { start: tree.size(), count: 0, bodies: tree.size() == 0 };
            let read = log.read_entries(asked).await.unwrap().into_inner();
            assert_eq!((read.start, read.size), (tree.size(), 601));
            assert!(read.entries.len() <= 256 && !read.entries.is_empty());
            for entry in &read.entries {
                if let Ok(salt) = entry.salt.as_slice().try_into() {
                    let committed = Entry::decode(&entry.entry).unwrap().commitment;
                    assert_eq!(commitment(&salt, &entry.body), committed);
                } else {
                    assert!(asked.start > 0 && entry.body.is_empty());
                }
                let leaf = leaf_hash(&entry.entry);
                leaves.push(leaf);
                tree.push(leaf);
                roots.push(tree.root());
            }
        }
        assert_eq!(tree.root(), *signed.root());
        for (sequence, tree_size) in
            [(0, 1), (0, 0), (5, 6), (255, 256), (256, 257), (17, 600), (600, 601), (599, 0)]
        {
            let asked = v1::GetInclusionProofRequest { sequence, tree_size };
            let proof = log.get_inclusion_proof(asked).await.unwrap().into_inner();
            let size = if tree_size == 0 { 601 } else { tree_size };
            assert_eq!((proof.sequence, proof.tree_size), (sequence, size));
            let root = roots[usize::try_from(size).unwrap()];
            assert_eq!(digest(&proof.root), root);
            let leaf = leaves[usize::try_from(sequence).unwrap()];
            verify_inclusion(&leaf, sequence, size, &digests(&proof.hashes), &root).unwrap();
            // A receipt stands under the signed head alone.
            assert_eq!(proof.receipt.unwrap().proof.is_empty(), size != 601);
        }
        for (from_size, to_size) in [(1, 1), (1, 601), (255, 257), (256, 512), (600, 0), (601, 601)] {
            let asked = v1::GetConsistencyProofRequest { from_size, to_size };
            let proof = log.get_consistency_proof(asked).await.unwrap().into_inner();
            let to = if to_size == 0 { 601 } else { to_size };
            let (old, new) =
                (roots[usize::try_from(from_size).unwrap()], roots[usize::try_from(to).unwrap()]);
            assert_eq!((digest(&proof.from_root), digest(&proof.to_root)), (old, new));
            verify_consistency(from_size, &old, to, &new, &digests(&proof.hashes)).unwrap();
        }
    });
}

#[test]
fn sizes_that_the_log_does_not_have_are_bad_fields() {
    let server = TestServer::start();
    block_on(async {
        let mut log = server.log().await;
        for (sequence, tree_size) in [(1, 0), (0, 2), (u64::MAX, u64::MAX)] {
            let asked = v1::GetInclusionProofRequest { sequence, tree_size };
            assert_eq!(log.get_inclusion_proof(asked).await.unwrap_err().code(), Code::InvalidArgument);
        }
        for (from_size, to_size) in [(0, 0), (2, 0), (1, 2), (2, 1)] {
            let asked = v1::GetConsistencyProofRequest { from_size, to_size };
            assert_eq!(log.get_consistency_proof(asked).await.unwrap_err().code(), Code::InvalidArgument);
        }
        for start in [1, 7, u64::MAX] {
            let asked = v1::ReadEntriesRequest { start, count: u32::MAX, bodies: true };
            assert_eq!(log.read_entries(asked).await.unwrap().into_inner().entries, []);
        }
    });
}

fn flip_byte(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

/// Hashes on the disk are derived: damage to them never becomes a proof, and is mended.
#[test]
fn a_damaged_hash_is_made_anew_from_the_entries() {
    let server = TestServer::start();
    let trust = trust(&server);
    block_on(async { grow(&server, "a", 600).await });
    let hashes = server.path().join("data/hashes/0");
    assert_eq!(fs::metadata(&hashes).unwrap().len(), 2 * 8_192);
    flip_byte(&hashes, 40);
    block_on(async {
        let decision = check(&server, with_receipt(v1::ReceiptKind::Full, request("a-2"))).await.unwrap();
        verified(&decision, &trust);
    });
    // Also at a start, and where they are gone.
    let folder = server.stop();
    flip_byte(&folder.path().join("data/hashes/0"), 9_000);
    let server = TestServer::start_again(folder);
    block_on(async {
        let decision = check(&server, with_receipt(v1::ReceiptKind::Full, request("a-300"))).await.unwrap();
        verified(&decision, &trust);
    });
    let folder = server.stop();
    fs::remove_dir_all(folder.path().join("data/hashes")).unwrap();
    let server = TestServer::start_again(folder);
    block_on(async {
        let decision = check(&server, with_receipt(v1::ReceiptKind::Full, request("a-300"))).await.unwrap();
        verified(&decision, &trust);
    });
}
