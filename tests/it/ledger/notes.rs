//! Signed notes, keys and checkpoints as others wrote them, and as none may be.
//!
//! The examples are those of C2SP signed-note and of Go's `sumdb/note`; the checkpoint with cosignatures is of a
//! public log of Certificate Transparency, as it was served in May 2026.

use proptest::prelude::*;
use slagboom::ledger::{
    Checkpoint, CheckpointError, Digest, KeyError, NOTE_SIGNATURES_MAX, Note, NoteError, Signature, Signer,
    Trust, Verifier,
};

use super::{log_key, witness_key};

const PETER_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH_VKEY: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn verifier(vkey: &str) -> Verifier {
    vkey.parse().unwrap()
}

fn verified(note: &str, known: &[&Verifier]) -> Result<Vec<String>, NoteError> {
    let note = Note::parse(note.as_bytes())?;
    Ok(note.verify(known.iter().copied())?.iter().map(|(key, _)| key.name().to_string()).collect())
}

#[test]
fn the_example_of_the_specification_verifies() {
    let key = verifier("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    assert_eq!(verified(note, &[&key]), Ok(vec![String::from("example.com/foo")]));
    assert_eq!(Note::parse(note.as_bytes()).unwrap().to_string(), note);
}

#[test]
fn a_note_is_signed_byte_for_byte_as_go_signs_it() {
    let signer: Signer = PETER_SKEY.parse().unwrap();
    assert_eq!(signer.verifier().to_string(), PETER_VKEY);
    assert_eq!(signer.to_secret_text(), PETER_SKEY);
    let mut note = Note::new(TEXT).unwrap();
    note.add(signer.sign(TEXT)).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER}"));
    note.add(signer.sign(TEXT)).unwrap();
    assert_eq!(note.signatures().len(), 1, "the same key replaces its signature");
    assert!(!format!("{signer:?}").contains("AYEK"));
}

#[test]
fn keys_that_are_known_count_and_others_do_not() {
    let (peter, enoch) = (verifier(PETER_VKEY), verifier(ENOCH_VKEY));
    let both = format!("{TEXT}\n{PETER}{ENOCH}");
    let names = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(verified(&both, &[&peter]), names(&["PeterNeumann"]));
    assert_eq!(verified(&both, &[&peter, &enoch]), names(&["PeterNeumann", "EnochRoot"]));
    assert_eq!(verified(&both, &[]), Err(NoteError::Unknown));
    let repeated = format!("{TEXT}\n{PETER}{PETER}{ENOCH}{ENOCH}");
    assert_eq!(verified(&repeated, &[&peter]), names(&["PeterNeumann"]));
    let other_name = both.replace("PeterNeumann", "CarmenSandiego");
    assert_eq!(verified(&other_name, &[&peter]), Err(NoteError::Unknown));
    let other_id = both.replace("x08g", "xxxx");
    assert_eq!(verified(&other_id, &[&peter]), Err(NoteError::Unknown));

    let forged =
        |note: &str, known: &[&Verifier]| matches!(verified(note, known), Err(NoteError::Forged { .. }));
    let lengthened = format!("{}ABCD{}", &PETER[..60], &PETER[60..]);
    assert!(forged(&format!("{TEXT}\n{lengthened}"), &[&peter]));
    assert!(forged(&both.replace("think", "thinK"), &[&peter]));
    // One signature of a known key that fails spoils the others, known and good as they are, wherever it stands.
    assert!(forged(&format!("{TEXT}\n{PETER}{lengthened}"), &[&peter]));
    let misplaced = ENOCH.replace("rwz+eBzm", "rwz+eBzn");
    assert!(forged(&format!("{TEXT}\n{PETER}{misplaced}"), &[&peter, &enoch]));
    assert_eq!(verified(&format!("{TEXT}\n{PETER}{misplaced}"), &[&peter]), names(&["PeterNeumann"]));
}

#[test]
fn the_last_empty_line_splits() {
    let signer = log_key();
    for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n", "\n\na\n", "— a b\n\n— c d\n"] {
        let mut note = Note::new(text).unwrap();
        note.add(signer.sign(text)).unwrap();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.text(), text);
        assert!(read.verify([signer.verifier()]).is_ok());
    }
}

#[test]
fn what_is_not_well_formed_is_no_note() {
    let many = |count| format!("{TEXT}\n{}", PETER.repeat(count));
    assert!(Note::parse(many(NOTE_SIGNATURES_MAX).as_bytes()).is_ok());
    assert_eq!(Note::parse(many(101).as_bytes()), Err(NoteError::Signatures { count: 101 }));
    for wrong in [
        String::new(),
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}{PETER}"),
        format!("{TEXT}\n{}", &PETER[..PETER.len() - 1]),
        format!("{TEXT}\n{PETER}\n"),
        format!("\x01{TEXT}\n{PETER}"),
        format!("{TEXT}\t\n{PETER}"),
        format!("{TEXT}\r\n{PETER}"),
        format!("{TEXT}\n{PETER}Unexpected line.\n"),
        format!("{TEXT}\n{}", PETER.replace("PeterNeumann", "Bad Name")),
        format!("{TEXT}\n{}", PETER.replace("PeterNeumann", "Bad+Name")),
        format!("{TEXT}\n{}", PETER.replace("PeterNeumann", "Bad\u{a0}Name")),
        format!("{TEXT}\n{}", PETER.replace("PeterNeumann", "")),
        format!("{TEXT}\n{}", PETER.replace("— ", "- ")),
        format!("{TEXT}\n{}", PETER.replace("AM=", "AN=")),
        format!("{TEXT}\n{}", PETER.replace("AM=", "AM")),
        format!("{TEXT}\n— PeterNeumann x08gow==\n"),
        format!("{TEXT}\n— PeterNeumann \n"),
        format!("{TEXT}\n— PeterNeumann\n"),
    ] {
        assert!(Note::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    assert!(Note::parse(&[TEXT.as_bytes(), b"\xff\n\n", PETER.as_bytes()].concat()).is_err());
    assert!(matches!(Note::parse(&vec![b'a'; 1_000_001]), Err(NoteError::Long { .. })));
    assert!(Note::new("abc").is_err());
    assert!(Note::new("a\tb\n").is_err());
}

/// Every part of a key and every key with one byte raised by one, as Go tests them.
fn manglings(key: &str) -> impl Iterator<Item = String> {
    let length = key.len();
    let parts = (0..=length).flat_map(move |from| (from + 1..=length).map(move |to| (from, to)));
    let parts = parts.filter(move |part| *part != (0, length)).map(|(from, to)| key[from..to].to_owned());
    let raised = (0..length).map(|at| {
        let mut bytes = key.as_bytes().to_vec();
        bytes[at] += 1;
        String::from_utf8(bytes).unwrap()
    });
    parts.chain(raised)
}

#[test]
fn a_mangled_key_is_no_key() {
    for key in manglings(PETER_VKEY) {
        assert!(key.parse::<Verifier>().is_err(), "{key}");
    }
    for key in manglings(PETER_SKEY) {
        let error = key.parse::<Signer>().unwrap_err();
        assert!(!error.to_string().contains("EKFALVFGyN"), "a message must not show a secret: {error}");
    }
    let parse = |key: &str| key.parse::<Verifier>().unwrap_err();
    // Another length and another algorithm, each with the id that would fit.
    parse("PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==");
    let other = parse("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    assert_eq!(other, KeyError::Algorithm { number: 0x65 });
    assert!(matches!(parse(&PETER_VKEY.replace("c74f20a3", "c74f20a4")), KeyError::Id { .. }));
}

#[test]
fn a_key_under_which_anyone_can_sign_is_refused() {
    // The points of small order: under them a signature verifies for many texts where verification is lax.
    let zero = [0; 32];
    let mut one = [0; 32];
    one[0] = 1;
    let mut minus_one = [255; 32];
    minus_one[0] = 236;
    minus_one[31] = 127;
    for public in [zero, one, minus_one] {
        let name = "a.example".parse().unwrap();
        assert_eq!(Verifier::new(name, slagboom::ledger::Algorithm::Ed25519, &public), Err(KeyError::Point));
    }
}

const ARCHE: &str = "arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";
const ARCHE_VKEY: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
const WITNESSES: [&str; 4] = [
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
];

#[test]
fn a_checkpoint_of_a_public_log_and_the_cosignatures_on_it_verify() {
    let witnesses: Vec<Verifier> = WITNESSES.iter().map(|key| verifier(key)).collect();
    let trust = Trust::log(verifier(ARCHE_VKEY)).with_witnesses(witnesses, 4);
    let signed = Checkpoint::open(ARCHE.as_bytes(), &trust).unwrap();
    assert_eq!(signed.checkpoint.size(), 1_432_088_532);
    assert_eq!(signed.note.to_string(), ARCHE);
    assert_eq!(signed.cosignatures.len(), 4);
    assert!(signed.cosignatures.iter().all(|cosignature| cosignature.time_s == 0x6a12_2120));
    for (from, to) in [("1432088532", "1432088531"), ("U7WM", "U7WN"), ("AAAABqEiEgPlfF", "AAAABqEiEhPlfF")] {
        assert!(matches!(
            Checkpoint::open(ARCHE.replace(from, to).as_bytes(), &trust),
            Err(CheckpointError::Note(NoteError::Forged { .. }))
        ));
    }
}

#[test]
fn a_checkpoint_is_believed_only_on_the_terms_given() {
    let signer = log_key();
    let checkpoint = Checkpoint::new("exporter.example/log", 5, Digest::of(b"root")).unwrap();
    let mut note = checkpoint.sign(&signer).unwrap();
    let trust = Trust::log(signer.verifier().clone());
    assert_eq!(trust.open(note.clone()).unwrap().checkpoint, checkpoint);

    let (one, two) = (witness_key(1), witness_key(2));
    let keys = vec![one.verifier().clone(), two.verifier().clone()];
    let needs = |count| trust.clone().with_witnesses(keys.clone(), count);
    assert_eq!(needs(1).open(note.clone()), Err(CheckpointError::Quorum { found: 0, needed: 1 }));
    note.add(one.cosign(note.text(), 1_700_000_000).unwrap()).unwrap();
    assert_eq!(needs(1).open(note.clone()).unwrap().cosignatures[0].time_s, 1_700_000_000);
    assert_eq!(needs(2).open(note.clone()), Err(CheckpointError::Quorum { found: 1, needed: 2 }));
    note.add(two.cosign(note.text(), 1_700_000_001).unwrap()).unwrap();
    assert_eq!(needs(2).open(note.clone()).unwrap().cosignatures.len(), 2);

    let other = Trust::log(
        Signer::from_seed("exporter.example/log".parse().unwrap(), &[2; 32]).unwrap().verifier().clone(),
    );
    assert_eq!(other.open(note.clone()), Err(CheckpointError::Note(NoteError::Unknown)));
    let witnesses_alone = other.clone().with_witnesses(keys, 1);
    assert_eq!(witnesses_alone.open(note.clone()), Err(CheckpointError::Note(NoteError::Unknown)));
    assert!(
        other.with_key(signer.verifier().clone()).open(note.clone()).is_ok(),
        "a key from before a rotation"
    );
    let renamed = trust.with_origin("other.example/log");
    assert!(matches!(renamed.open(note), Err(CheckpointError::OtherLog { .. })));
    let foreign = Checkpoint::new("other.example/log", 5, Digest::of(b"root")).unwrap();
    assert!(matches!(foreign.sign(&signer), Err(CheckpointError::NotOwn { .. })));
}

#[test]
fn one_witness_counts_once_and_the_log_is_not_its_own_witness() {
    let signer = log_key();
    let text = Checkpoint::new("exporter.example/log", 5, Digest::of(b"root")).unwrap();
    let mut note = text.sign(&signer).unwrap();
    let cosigner =
        |name: &str, seed| slagboom::ledger::Cosigner::from_seed(name.parse().unwrap(), &[seed; 32]).unwrap();
    let (one, alias, own) = (cosigner("a.example", 7), cosigner("b.example", 7), cosigner("c.example", 1));
    let keys: Vec<Verifier> = [&one, &alias, &own].iter().map(|key| key.verifier().clone()).collect();
    for key in [&one, &alias, &own] {
        note.add(key.cosign(note.text(), 5).unwrap()).unwrap();
    }
    let trust = Trust::log(signer.verifier().clone());
    assert!(trust.clone().with_witnesses(keys.clone(), 1).open(note.clone()).is_ok());
    assert_eq!(
        trust.with_witnesses(keys, 2).open(note),
        Err(CheckpointError::Quorum { found: 1, needed: 2 })
    );
}

#[test]
fn a_cosignature_carries_a_time_and_signs_nothing_but_checkpoints() {
    let cosigner = witness_key(1);
    let text = "a.example/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    assert!(cosigner.cosign(text, i64::MAX as u64).is_ok());
    assert!(matches!(cosigner.cosign(text, i64::MAX as u64 + 1), Err(KeyError::Time { .. })));
    // The same secret as the key of a log has another id, and neither signature passes for the other.
    let name = cosigner.verifier().name().clone();
    let signer = Signer::from_seed(name, &[101; 32]).unwrap();
    assert_eq!(signer.verifier().public(), cosigner.verifier().public());
    assert_ne!(signer.verifier().id(), cosigner.verifier().id());
    let by_witness = cosigner.cosign(text, 9).unwrap();
    let as_log =
        Signature::new(signer.verifier().name().clone(), signer.verifier().id(), by_witness.bytes().to_vec());
    assert!(cosigner.verifier().verifies(text, &by_witness));
    assert!(!signer.verifier().verifies(text, &as_log));
    assert!(!cosigner.verifier().verifies(text, &signer.sign(text)));
    let secret = cosigner.to_secret_text();
    assert_eq!(secret.parse::<slagboom::ledger::Cosigner>().unwrap().verifier(), cosigner.verifier());
    assert!(secret.parse::<Signer>().is_err(), "the key of a witness is not that of a log");
    let plain = signer.to_secret_text().parse::<slagboom::ledger::Cosigner>().unwrap();
    assert_eq!(plain.verifier(), cosigner.verifier());
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let checkpoint = Checkpoint::parse(&format!("o\n7\n{root}\n")).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size(), *checkpoint.root()), ("o", 7, Digest::ZERO));
    assert!(
        Checkpoint::parse(&format!("go.sum database tree\n0\n{root}\n")).is_ok(),
        "an origin is any line"
    );
    for wrong in [
        String::new(),
        String::from("\n"),
        String::from("o\n7\n"),
        format!("o\n7\n{root}"),
        format!("\n7\n{root}\n"),
        format!("o\n07\n{root}\n"),
        format!("o\n+7\n{root}\n"),
        format!("o\n-7\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n7 \n{root}\n"),
        String::from("o\n7\nAAAA\n"),
        String::from("o\n7\n\n"),
        format!("o\n7\n{}\n", root.replace("A=", "B=")),
        format!("o\n7\n{root}\n\n"),
        format!("o\n7\n{root}\nextension\n"),
        format!("o\n7\n{root}\n\nextension\n"),
    ] {
        assert!(Checkpoint::parse(&wrong).is_err(), "{wrong}");
    }
    let extended = format!("o\n7\n{root}\none\ntwo\n");
    assert_eq!(Checkpoint::parse(&extended), Err(CheckpointError::Extended { count: 2 }));
    assert_eq!(Checkpoint::parse_extended(&extended).unwrap(), (checkpoint, vec!["one", "two"]));
}

proptest! {
    #[test]
    fn any_bytes_are_a_note_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn what_looks_like_a_note_is_one_or_an_error(text in "([a-z\n]{0,20}\n\n)?(— [a-z+ ]{0,4} [A-Za-z0-9+/=]{0,12}\n){0,3}") {
        if let Ok(note) = Note::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn any_text_is_a_key_or_an_error(text in ".{0,60}|[a-z.]{1,5}[+][0-9a-f]{8}[+][A-Za-z0-9+/]{44}") {
        if let Ok(key) = text.parse::<Verifier>() {
            prop_assert_eq!(key.to_string(), &*text);
        }
        let _ = text.parse::<Signer>();
    }

    #[test]
    fn any_text_is_a_checkpoint_or_an_error(text in ".{0,60}|[a-z]{0,3}\n[0-9]{0,21}\n[A-Za-z0-9+/]{43}=\n.{0,5}") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.text(), text);
        }
    }

    #[test]
    fn every_flipped_bit_of_a_signed_checkpoint_is_found(at in any::<prop::sample::Index>(), size: u64) {
        let signer = log_key();
        let trust = Trust::log(signer.verifier().clone());
        let checkpoint = Checkpoint::new("exporter.example/log", size, Digest::of(b"root")).unwrap();
        let mut bytes = checkpoint.sign(&signer).unwrap().to_string().into_bytes();
        prop_assert!(Checkpoint::open(&bytes, &trust).is_ok());
        let bit = at.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Checkpoint::open(&bytes, &trust).is_err());
    }
}
