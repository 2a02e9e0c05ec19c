//! Two independent implementations agree: `ct-merkle` on trees and proofs, `signed_note` on notes and keys.

use ct_merkle::{ConsistencyProof, InclusionProof, RootHash, mem_backed_tree::MemoryBackedTree};
use sha2::Sha256;
use slagboom::ledger::{
    Checkpoint, Digest, HashTile, Note, Signer, TileBuilder, TileHashes, Verifier, leaf_hash,
    verify_consistency, verify_inclusion,
};
use std::collections::HashMap;
use std::sync::Arc;

use super::{entries, log_key, tree};

fn bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn hashes(bytes: &[u8]) -> Vec<Digest> {
    bytes.as_chunks::<32>().0.iter().map(|hash| Digest::from_bytes(*hash)).collect()
}

fn root_hash(root: Digest, size: u64) -> RootHash<Sha256> {
    RootHash::new((*root.as_bytes()).into(), size)
}

#[test]
fn an_exported_log_verifies_with_another_implementation_and_the_other_way_round() {
    let all = entries(700);
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut builder = TileBuilder::new();
    let mut kept = HashMap::new();
    for (place, entry) in all.iter().enumerate() {
        theirs.push(entry.clone());
        let mut tiles = Vec::new();
        builder.push(leaf_hash(entry), &mut tiles);
        tiles.extend(builder.partial_tiles());
        kept.extend(tiles.into_iter().map(|tile| (tile.tile().path(), Arc::new(tile))));
        let size = place as u64 + 1;
        if !(size < 20 || size.is_multiple_of(53) || (250..260).contains(&size)) {
            continue;
        }
        let their_root = Digest::from_bytes((*theirs.root().as_bytes()).into());
        let mut ours = TileHashes::new(size, |tile| kept.get(&tile.path()).cloned().ok_or(tile.path()));
        assert_eq!(ours.root(), Ok(their_root));
        for index in (0..size).step_by(1 + place / 20) {
            let at = usize::try_from(index).unwrap();
            let our_proof = ours.inclusion_proof(index).unwrap();
            assert_eq!(hashes(theirs.prove_inclusion(at).as_bytes()), our_proof);
            let read = InclusionProof::<Sha256>::try_from_bytes(bytes(&our_proof)).unwrap();
            root_hash(their_root, size).verify_inclusion(&all[at], index, &read).unwrap();
            verify_inclusion(&leaf_hash(&all[at]), index, size, &our_proof, &their_root).unwrap();
        }
        for old in (1..size).step_by(1 + place / 20) {
            let at = usize::try_from(old).unwrap();
            let our_proof = ours.consistency_proof(old).unwrap();
            let old_root = tree(&all[..at]).root();
            assert_eq!(hashes(theirs.prove_consistency(place + 1 - at).as_bytes()), our_proof);
            let read = ConsistencyProof::<Sha256>::try_from_bytes(bytes(&our_proof)).unwrap();
            root_hash(their_root, size).verify_consistency(&root_hash(old_root, old), &read).unwrap();
            verify_consistency(old, &old_root, size, &their_root, &our_proof).unwrap();
        }
    }
}

#[test]
fn a_checkpoint_verifies_with_another_implementation_and_the_other_way_round() {
    let signer = log_key();
    let checkpoint = Checkpoint::new("exporter.example/log", 42, Digest::of(b"root")).unwrap();
    let ours = checkpoint.sign(&signer).unwrap();

    let key = signed_note::StandardVerifier::new(&signer.verifier().to_string()).unwrap();
    let theirs = signed_note::Note::from_bytes(ours.to_string().as_bytes()).unwrap();
    let (verified, unverified) = theirs.verify(&signed_note::VerifierList::new(vec![Box::new(key)])).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    assert_eq!(theirs.text(), checkpoint.text().as_bytes());

    let their_signer = signed_note::StandardSigner::new(&signer.to_secret_text()).unwrap();
    let mut theirs = signed_note::Note::new(checkpoint.text().as_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&their_signer]).unwrap();
    assert_eq!(theirs.to_bytes(), ours.to_string().into_bytes());
    assert!(Note::parse(&theirs.to_bytes()).unwrap().verify([signer.verifier()]).is_ok());
}

#[test]
fn keys_are_read_alike() {
    for seed in 0..=255 {
        let signer = Signer::from_seed("plus.example/key".parse().unwrap(), &[seed; 32]).unwrap();
        let (public, secret) = (signer.verifier().to_string(), signer.to_secret_text());
        assert!(signed_note::StandardVerifier::new(&public).is_ok());
        assert!(signed_note::StandardSigner::new(&secret).is_ok());
        assert_eq!(public.parse::<Verifier>().unwrap(), *signer.verifier());
        assert_eq!(secret.parse::<Signer>().unwrap().verifier(), signer.verifier());
    }
}

#[test]
fn a_tile_written_is_a_tile_read() {
    let mut builder = TileBuilder::new();
    let mut full = Vec::new();
    for entry in entries(300) {
        builder.push(leaf_hash(&entry), &mut full);
    }
    let tile = &full[0];
    assert_eq!(tile.encode().len(), 8_192);
    assert_eq!(HashTile::decode(tile.tile(), &tile.encode()).as_ref(), Ok(tile));
}
