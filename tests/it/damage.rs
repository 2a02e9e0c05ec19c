//! Damage to any file of a data folder: a start mends it and says so, or refuses and names what is bad. Nothing is ever
//! answered that is not what was recorded.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slagboom::clock::Fixed;
use slagboom::domain::identity::Identity;
use slagboom::ledger::{Receipt, Trust, Verifier};
use slagboom::proto::v1;
use slagboom::server::grpc;

use crate::support::{self, NOON_MS, TestServer, block_on, copy, request};

const DECISIONS: usize = 300;

/// Rounds: a tenth of the 500 of a full run, unless `SLAGBOOM_DAMAGE_ROUNDS` says otherwise.
fn rounds() -> usize {
    std::env::var("SLAGBOOM_DAMAGE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

/// A generator whose sequence is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::metadata(&path).unwrap().len() > 0 {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn damaged(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = dice.below(bytes.len());
    match dice.below(4) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => {
            let page = at / 4_096 * 4_096;
            let end = bytes.len().min(page + 4_096);
            bytes[page..end].fill(0);
        }
        2 => bytes.truncate(at),
        _ => bytes.truncate(bytes.len() - 1 - dice.below(bytes.len().min(200))),
    }
    bytes
}

/// Records decisions, and gives each as it was answered.
fn recorded() -> (tempfile::TempDir, Vec<v1::Decision>, Verifier) {
    let server = TestServer::start();
    let decisions = block_on(async {
        let mut control = server.control().await;
        let mut decisions = Vec::new();
        for from in (0..DECISIONS).step_by(100) {
            let requests = (from..from + 100).map(|at| request(&format!("d-{at}"))).collect();
            let asked = control.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await.unwrap();
            decisions.extend(asked.into_inner().answers.into_iter().map(|answer| match answer.result {
                Some(v1::check_answer::Result::Decision(decision)) => *decision,
                other => panic!("{other:?}"),
            }));
        }
        decisions
    });
    let key = server.service.verifier_keys().pop().unwrap().parse().unwrap();
    (server.stop(), decisions, key)
}

#[test]
fn no_damage_is_served_and_no_start_panics() {
    let (folder, decisions, key) = recorded();
    let whole = folder.path().join("data");
    let trust = Trust::log(key);
    let (mut dice, mut refused, mut served) = (Dice(11), 0, 0);
    let (mut read, mut unread) = (0, 0);
    for round in 0..rounds() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("data");
        copy(&whole, &data);
        let files = files(&data);
        let file = files[dice.below(files.len())].clone();
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, damaged(&bytes, &mut dice)).unwrap();
        let what = format!("round {round}, {}", file.strip_prefix(&data).unwrap().display());
        let opened = catch_unwind(AssertUnwindSafe(|| {
            support::open(place.path(), support::small_rulebook(), Arc::new(Fixed::new(NOON_MS)), 16)
        }));
        match opened.unwrap_or_else(|_| panic!("{what}: a start panicked")) {
            Err(error) => {
                refused += 1;
                let message = error.to_string();
                let names = message.contains("sequence") || message.contains(data.to_str().unwrap());
                assert!(names, "{what}: `{message}` names neither a sequence nor a file");
            }
            Ok(service) => {
                served += 1;
                for decision in decisions.iter().step_by(7).chain(decisions.last()) {
                    // What is read is what was recorded, or an error that says that it cannot be.
                    let Ok(found) = grpc::show(&service, &Identity::local(), &decision.decision_id) else {
                        unread += 1;
                        continue;
                    };
                    read += 1;
                    assert_eq!(found.decision.as_ref(), Some(decision), "{what}");
                    let proof = service.inclusion(decision.sequence.unwrap(), 0);
                    let proof = proof.unwrap_or_else(|error| panic!("{what}: {error}"));
                    let receipt = Receipt::parse(proof.receipt.proof.unwrap().as_bytes()).unwrap();
                    receipt.verify(&receipt.extra, &trust).unwrap_or_else(|error| panic!("{what}: {error}"));
                }
            }
        }
    }
    assert!(served > 0 && refused < rounds(), "{served} served, {refused} refused");
    assert!(unread * 20 < read, "{unread} of {read} were not found again in folders that were served");
}
