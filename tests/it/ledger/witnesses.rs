//! A witness signs what continues the last it signed, and answers everything else as C2SP tlog-witness prescribes.

use proptest::prelude::*;
use slagboom::ledger::{
    AddCheckpoint, Checkpoint, Cosignature, Digest, HashTile, NoteError, Refusal, Signature, Signer, Tile,
    TileHashes, Trust, WitnessedHead, leaf_hash,
};

use super::{entries, log_key, tree, witness_key};

pub fn checkpoint(size: u64) -> Checkpoint {
    checkpoint_of(&entries(size))
}

fn checkpoint_of(leaves: &[Vec<u8>]) -> Checkpoint {
    Checkpoint::new("exporter.example/log", leaves.len() as u64, tree(leaves).root()).unwrap()
}

pub fn request(old: u64, new: u64) -> AddCheckpoint {
    continuing(old, &entries(new))
}

/// The request for a log of these leaves, from its first `old` ones.
pub fn continuing(old: u64, leaves: &[Vec<u8>]) -> AddCheckpoint {
    let checkpoint = checkpoint_of(leaves);
    let hashed: Vec<Digest> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let hash_tile = |tile: Tile| HashTile::new(tile, &hashed).map(Into::into);
    let proof = match old {
        0 => vec![],
        old => TileHashes::new(checkpoint.size(), hash_tile).consistency_proof(old).unwrap(),
    };
    AddCheckpoint { old_size: old, proof, checkpoint: checkpoint.sign(&log_key()).unwrap() }
}

fn trust() -> Trust {
    Trust::log(log_key().verifier().clone())
}

#[test]
fn a_witness_follows_a_log_and_cosigns() {
    let mut head = WitnessedHead::none();
    let witness = witness_key(1);
    for (old, new) in [(0, 1), (1, 1), (1, 7), (7, 100), (100, 101)] {
        let sent = request(old, new).encode();
        let request = AddCheckpoint::parse(sent.as_bytes()).unwrap();
        let signed = head.add_checkpoint(&request, &trust()).unwrap();
        head = WitnessedHead::of(&signed.checkpoint);
        let mut note = request.checkpoint;
        note.add(witness.cosign(note.text(), 1_000 + new).unwrap()).unwrap();
        let believed = trust().with_witnesses(vec![witness.verifier().clone()], 1).open(note).unwrap();
        assert_eq!((believed.checkpoint.size(), believed.cosignatures[0].time_s), (new, 1_000 + new));
    }
}

#[test]
fn a_cosignature_is_of_one_witness_over_one_text() {
    let (witness, other, log) = (witness_key(1), witness_key(2), log_key());
    let text = checkpoint(7).text();
    let signature = witness.cosign(&text, 1_000).unwrap();
    let verified = Cosignature::verify(witness.verifier(), &text, &signature).unwrap();
    assert_eq!((verified.time_s, verified.key_id), (1_000, witness.verifier().id()));
    assert_eq!(Cosignature::verify(other.verifier(), &text, &signature), None);
    assert_eq!(Cosignature::verify(witness.verifier(), &checkpoint(8).text(), &signature), None);
    // The same name and id on the bytes of another key.
    let bytes = other.cosign(&text, 1_000).unwrap().bytes().to_vec();
    let borrowed = Signature::new(witness.verifier().name().clone(), witness.verifier().id(), bytes);
    assert_eq!(Cosignature::verify(witness.verifier(), &text, &borrowed), None);
    // A log signs, and does not witness.
    assert_eq!(Cosignature::verify(log.verifier(), &text, &log.sign(&text)), None);
}

#[test]
fn every_refusal_has_the_status_of_the_protocol() {
    let seen = WitnessedHead::of(&checkpoint(7));
    let status = |head: &WitnessedHead, request: &AddCheckpoint| match head.add_checkpoint(request, &trust())
    {
        Ok(_) => 200,
        Err(refusal) => refusal.status(),
    };
    assert_eq!(status(&seen, &request(7, 9)), 200);
    assert_eq!(status(&seen, &request(7, 7)), 200);
    assert_eq!(status(&seen, &request(0, 9)), 409);
    assert_eq!(status(&seen, &request(5, 9)), 409);
    assert_eq!(
        seen.add_checkpoint(&request(5, 9), &trust()),
        Err(Refusal::OtherSize { known: 7 }),
        "a client learns the size that is known"
    );
    assert_eq!(status(&seen, &AddCheckpoint { old_size: 10, ..request(7, 9) }), 400);
    assert_eq!(status(&seen, &AddCheckpoint { proof: vec![], ..request(7, 9) }), 422);
    assert_eq!(status(&seen, &AddCheckpoint { proof: vec![Digest::ZERO], ..request(7, 7) }), 422);
    let preceded = [vec![Digest::ZERO], request(7, 9).proof].concat();
    assert_eq!(status(&seen, &AddCheckpoint { proof: preceded, ..request(7, 9) }), 422);
    // A log rewritten: signed well, and not the one that was seen.
    let rewritten = WitnessedHead { root: Digest::of(b"another history"), ..seen };
    assert_eq!(status(&rewritten, &request(7, 9)), 422);
    assert_eq!(status(&rewritten, &request(7, 7)), 409);
    let first = WitnessedHead::none();
    assert_eq!(status(&first, &AddCheckpoint { proof: vec![Digest::ZERO], ..request(0, 9) }), 422);
    let nothing = Checkpoint::new("exporter.example/log", 0, Digest::ZERO).unwrap().sign(&log_key()).unwrap();
    assert_eq!(status(&first, &AddCheckpoint { old_size: 0, proof: vec![], checkpoint: nothing }), 409);

    let impostor = Signer::from_seed("exporter.example/log".parse().unwrap(), &[9; 32]).unwrap();
    let unsigned = AddCheckpoint { checkpoint: checkpoint(9).sign(&impostor).unwrap(), ..request(7, 9) };
    assert_eq!(status(&seen, &unsigned), 403);
    let elsewhere = Signer::from_seed("other.example/log".parse().unwrap(), &[1; 32]).unwrap();
    let other = Checkpoint::new("other.example/log", 9, Digest::ZERO).unwrap().sign(&elsewhere).unwrap();
    assert_eq!(status(&seen, &AddCheckpoint { checkpoint: other, ..request(7, 9) }), 404);
}

#[test]
fn a_request_is_read_as_the_specification_writes_it() {
    // The example of tlog-witness; its signatures are of keys not known here.
    let body = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";
    let request = AddCheckpoint::parse(body.as_bytes()).unwrap();
    assert_eq!((request.old_size, request.proof.len()), (20_852_014, 4));
    assert_eq!(Checkpoint::parse(request.checkpoint.text()).unwrap().size(), 20_852_163);
    assert_eq!(request.encode(), body);
    let hash = "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n";
    let too_many = body.replacen(hash, &hash.repeat(61), 1);
    for wrong in [
        body.replace("old 2", "old 02"),
        body.replace("old ", "old"),
        body.replace("old ", "new "),
        body.replace("PlRN", "Pl!N"),
        body.replace("=\n\nexample", "=\nexample"),
        body.replace("PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=", "AAAA"),
        too_many,
        String::from("old 0\n"),
        String::from("old 0"),
        String::new(),
    ] {
        let refusal = AddCheckpoint::parse(wrong.as_bytes()).unwrap_err();
        assert_eq!(refusal.status(), 400, "{wrong}");
    }
    let long = [body.as_bytes(), &vec![b'a'; 2_000_000]].concat();
    assert!(matches!(AddCheckpoint::parse(&long), Err(Refusal::Note(NoteError::Long { .. }))));
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = AddCheckpoint::parse(&bytes);
        let _ = AddCheckpoint::parse(&[b"old 1\n\n".as_slice(), &bytes].concat());
    }
}
