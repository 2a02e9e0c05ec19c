//! Every parser of the ledger under mutated input: whatever comes, it is read or refused, and what is read is written
//! back as it came.

use slagboom::ledger::{
    AddCheckpoint, Body, Checkpoint, Digest, Entry, EntryKind, HashTile, Note, Receipt, Rotation, Signer,
    Tile, TilePath, Verifier, decode_bundle, encode_bundle, leaf_hash,
};

use super::{entries, log_key, tree, witness_key};

/// Mutants of each sample, unless `SLAGBOOM_FUZZ_ROUNDS` says otherwise.
fn rounds() -> u64 {
    std::env::var("SLAGBOOM_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

/// A generator whose sequence is the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next()).unwrap() % limit.max(1)
    }
}

/// Bytes that texts of notes turn on, and those that numbers do.
const INTERESTING: [u8; 18] =
    [0, 1, 4, 0x7f, 0x80, 0xff, b'\n', b' ', b'+', b'=', b'/', b'0', b'9', b'-', 0xe2, 0x80, 0x94, b'A'];

/// One to four changes: a bit, a byte, a piece left out, doubled or moved, an end cut off.
fn mutant(sample: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(bytes.len());
        let length = dice.below(40).min(bytes.len() - at);
        match dice.below(8) {
            0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            2 | 3 if !bytes.is_empty() => bytes[at] = INTERESTING[dice.below(INTERESTING.len())],
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            6 => {
                let from = dice.below(other.len());
                let piece = other[from..other.len().min(from + 40)].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// A parser, and what it wrote again of what it read.
struct Target {
    name: &'static str,
    sample: Vec<u8>,
    read: fn(&[u8]) -> Option<Vec<u8>>,
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn targets() -> Vec<Target> {
    let signer = log_key();
    let all = entries(9);
    let grown = tree(&all);
    let checkpoint = Checkpoint::new("exporter.example/log", 9, grown.root()).unwrap();
    let mut note = checkpoint.sign(&signer).unwrap();
    note.add(witness_key(1).cosign(note.text(), 1_780_000_000).unwrap()).unwrap();
    let proof = vec![leaf_hash(b"a"), leaf_hash(b"b")];
    let receipt =
        Receipt { index: 3, proof: proof.clone(), extra: b"entry".to_vec(), checkpoint: note.clone() };
    let request = AddCheckpoint { old_size: 4, proof, checkpoint: note.clone() };
    let next = Signer::from_seed("exporter.example/log".parse().unwrap(), &[2; 32]).unwrap();
    let entry = Entry {
        sequence: 7,
        time_ms: 1_780_000_000_000,
        kind: EntryKind::DecisionMade,
        caller: "erp".to_owned(),
        engine_version: "0.1.0".to_owned(),
        rulebook: Digest::of(b"r"),
        lists: Digest::ZERO,
        request: Digest::of(b"q"),
        outcome: 2,
        commitment: Digest::of(b"c"),
        state: Digest::of(b"s"),
    };
    let bundle = encode_bundle(all.iter().map(Vec::as_slice)).unwrap();
    vec![
        Target {
            name: "note",
            sample: note.to_string().into_bytes(),
            read: |bytes| Some(Note::parse(bytes).ok()?.to_string().into_bytes()),
        },
        Target {
            name: "checkpoint",
            sample: checkpoint.text().into_bytes(),
            read: |bytes| Some(Checkpoint::parse(text(bytes)?).ok()?.text().into_bytes()),
        },
        Target {
            name: "receipt",
            sample: receipt.to_string().into_bytes(),
            read: |bytes| Some(Receipt::parse(bytes).ok()?.to_string().into_bytes()),
        },
        Target {
            name: "request to a witness",
            sample: request.encode().into_bytes(),
            read: |bytes| Some(AddCheckpoint::parse(bytes).ok()?.encode().into_bytes()),
        },
        Target {
            name: "public key",
            sample: signer.verifier().to_string().into_bytes(),
            // The id may be written in capitals.
            read: |bytes| {
                let key: Verifier = text(bytes)?.parse().ok()?;
                let same = key.to_string().eq_ignore_ascii_case(text(bytes)?);
                Some(if same { bytes.to_vec() } else { key.to_string().into_bytes() })
            },
        },
        Target {
            name: "secret key",
            sample: signer.to_secret_text().into_bytes(),
            read: |bytes| {
                let key: Signer = text(bytes)?.parse().ok()?;
                let same = key.to_secret_text().eq_ignore_ascii_case(text(bytes)?);
                Some(if same { bytes.to_vec() } else { key.to_secret_text().into_bytes() })
            },
        },
        Target {
            name: "key rotation",
            sample: Rotation::sign(&signer, next.verifier()).unwrap().to_string().into_bytes(),
            read: |bytes| Rotation::open(bytes).ok().map(|_| bytes.to_vec()),
        },
        Target {
            name: "path of a tile",
            sample: b"tile/entries/x001/x234/067.p/8".to_vec(),
            read: |bytes| {
                Some(match TilePath::parse(text(bytes)?).ok()? {
                    TilePath::Hashes(tile) => tile.path().into_bytes(),
                    TilePath::Entries(tile) => tile.entries_path().into_bytes(),
                })
            },
        },
        Target {
            name: "bundle",
            sample: bundle,
            read: |bytes| encode_bundle(decode_bundle(bytes, 9).ok()?).ok(),
        },
        Target {
            name: "tile",
            sample: (0..9).flat_map(|leaf| *leaf_hash(&[leaf]).as_bytes()).collect(),
            read: |bytes| Some(HashTile::decode(Tile::new(0, 0, 9).unwrap(), bytes).ok()?.encode()),
        },
        Target {
            name: "entry",
            sample: entry.encode().unwrap(),
            read: |bytes| Entry::decode(bytes).ok()?.encode().ok(),
        },
        Target {
            name: "body",
            sample: Body { request: b"request".to_vec(), decision: b"decision".to_vec() }.encode().unwrap(),
            read: |bytes| Body::decode(bytes).ok()?.encode().ok(),
        },
    ]
}

#[test]
fn whatever_comes_is_refused_or_written_back_as_it_came() {
    let targets = targets();
    for (at, target) in targets.iter().enumerate() {
        assert_eq!((target.read)(&target.sample).as_ref(), Some(&target.sample), "{}", target.name);
        let other = &targets[(at + 1) % targets.len()].sample;
        let mut dice = Dice(at as u64);
        for _ in 0..rounds() {
            let bytes = mutant(&target.sample, other, &mut dice);
            if let Some(written) = (target.read)(&bytes) {
                assert_eq!(written, bytes, "{}: {}", target.name, String::from_utf8_lossy(&bytes));
            }
        }
    }
}
