//! Receipts: written and read as C2SP tlog-proof has them, and good for one entry of one log only.

use proptest::prelude::*;
use slagboom::ledger::{
    Accumulator, Batch, Checkpoint, Digest, ProofError, Receipt, ReceiptError, Trust, leaf_hash,
};

use super::{entries, log_key, tree, witness_key};

/// The receipt of entry `index` of a log that held `before` entries and got the rest at once.
fn receipt(index: u64, before: u64, size: u64) -> Receipt {
    let leaves: Vec<Digest> = entries(size).iter().map(|entry| leaf_hash(entry)).collect();
    let mut tree = Accumulator::new();
    let before = usize::try_from(before).unwrap();
    leaves[..before].iter().for_each(|leaf| tree.push(*leaf));
    let batch = Batch::new(tree, leaves[before..].to_vec());
    let checkpoint = Checkpoint::new("exporter.example/log", batch.size(), batch.after().root()).unwrap();
    Receipt {
        index,
        proof: batch.inclusion_proof(index).unwrap(),
        extra: Vec::new(),
        checkpoint: checkpoint.sign(&log_key()).unwrap(),
    }
}

#[test]
fn a_receipt_proves_its_entry_and_no_other() {
    let trust = Trust::log(log_key().verifier().clone());
    let receipt = receipt(70, 64, 100);
    let read = Receipt::parse(receipt.to_string().as_bytes()).unwrap();
    assert_eq!(read, receipt);
    let signed = read.verify(b"entry 70", &trust).unwrap();
    assert_eq!((signed.checkpoint.size(), *signed.checkpoint.root()), (100, tree(&entries(100)).root()));
    assert_eq!(read.verify(b"entry 71", &trust), Err(ReceiptError::Proof(ProofError::Root)));
    assert!(Receipt { index: 71, ..receipt.clone() }.verify(b"entry 70", &trust).is_err());
    assert!(Receipt { proof: vec![], ..receipt.clone() }.verify(b"entry 70", &trust).is_err());
    let strangers = Trust::log(witness_key(1).verifier().clone());
    assert!(matches!(read.verify(b"entry 70", &strangers), Err(ReceiptError::Trust(_))));
    let witnessed = trust.with_witnesses(vec![witness_key(1).verifier().clone()], 1);
    assert!(read.verify(b"entry 70", &witnessed).is_err());
    let mut cosigned = receipt;
    let cosignature = witness_key(1).cosign(cosigned.checkpoint.text(), 1_800_000_000).unwrap();
    cosigned.checkpoint.add(cosignature).unwrap();
    assert_eq!(cosigned.verify(b"entry 70", &witnessed).unwrap().cosignatures[0].time_s, 1_800_000_000);
}

#[test]
fn a_receipt_is_written_as_the_specification_has_it() {
    let mut receipt = receipt(1, 0, 2);
    let checkpoint = receipt.checkpoint.to_string();
    let plain = receipt.to_string();
    let lines: Vec<&str> = plain.split('\n').collect();
    assert_eq!(lines[..2], ["c2sp.org/tlog-proof@v1", "index 1"]);
    assert_eq!((lines[2].len(), lines[3]), (44, ""));
    assert!(plain.ends_with(&format!("\n\n{checkpoint}")));
    receipt.extra = b"extra information".to_vec();
    assert!(
        receipt.to_string().starts_with("c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 1\n")
    );
    assert_eq!(Receipt::parse(receipt.to_string().as_bytes()), Ok(receipt));
    let alone = super::receipts::receipt(0, 0, 1).to_string();
    assert!(alone.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nexporter.example/log\n1\n"));
}

#[test]
fn what_is_not_well_formed_is_no_receipt() {
    let good = receipt(5, 3, 9).to_string();
    assert!(Receipt::parse(good.as_bytes()).is_ok());
    let hash = good.split('\n').nth(2).unwrap();
    let many = format!("{hash}\n").repeat(65 - 4) + hash;
    for (from, to) in [
        ("c2sp.org/tlog-proof@v1", "wrong-header"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nextra !!notbase64!!\n"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nextra \n"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nextra QQ==\nextra QQ==\n"),
        ("c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\r\n"),
        ("index 5\n", "\n"),
        ("index 5\n", ""),
        ("index 5", "index notanumber"),
        ("index 5", "index -5"),
        ("index 5", "index 05"),
        ("index 5", "index  5"),
        ("index 5", "index 18446744073709551616"),
        (hash, "!!notbase64!!"),
        (hash, "AAAA"),
        (hash, many.as_str()),
        ("\n\nexporter", "\nexporter"),
        ("\n\nexporter", "\n\n\nexporter"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good);
        let verified = Receipt::parse(wrong.as_bytes())
            .and_then(|receipt| receipt.verify(b"entry 5", &Trust::log(log_key().verifier().clone())));
        assert!(verified.is_err(), "{wrong}");
    }
    for length in 0..good.len() {
        assert!(Receipt::parse(&good.as_bytes()[..length]).is_err());
    }
    assert!(matches!(Receipt::parse(&vec![b'a'; 2_000_001]), Err(ReceiptError::Long { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_a_receipt_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Receipt::parse(&bytes);
        let _ = Receipt::parse(&[b"c2sp.org/tlog-proof@v1\nindex 1\n".as_slice(), &bytes].concat());
    }

    #[test]
    fn every_flipped_bit_of_a_receipt_is_found(at in any::<prop::sample::Index>(), size in 1..200_u64) {
        let trust = Trust::log(log_key().verifier().clone());
        let index = at.index(usize::try_from(size).unwrap()) as u64;
        let entry = format!("entry {index}");
        let mut bytes = receipt(index, index, size).to_string().into_bytes();
        prop_assert!(Receipt::parse(&bytes).unwrap().verify(entry.as_bytes(), &trust).is_ok());
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verified = Receipt::parse(&bytes).and_then(|receipt| receipt.verify(entry.as_bytes(), &trust));
        prop_assert!(verified.is_err());
    }
}
