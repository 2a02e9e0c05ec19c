//! A log as files: verified, exported, damaged, forged, rolled back, and its key rotated.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ct_merkle::{RootHash, mem_backed_tree::MemoryBackedTree};
use serde_json::Value;
use sha2::Sha256;
use slagboom::archive::{Archive, Report, VerifyOptions, verify};
use slagboom::ledger::{
    Checkpoint, Digest, HashTile, Note, Signer, Tile, decode_bundle, encode_bundle, leaf_hash,
};
use slagboom::proto::v1;

use crate::support::{TestServer, block_on, check, copy, request};

fn slagboom(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom")).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Records so many decisions, and gives the receipt of the last one.
fn record(server: &TestServer, name: &str, count: usize) -> String {
    block_on(async {
        let mut control = server.control().await;
        for from in (0..count).step_by(100) {
            let requests = (from..count.min(from + 100)).map(|at| request(&format!("{name}-{at}"))).collect();
            control.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await.unwrap();
        }
        let mut last = request(&format!("{name}-{}", count - 1));
        last.receipt = v1::ReceiptKind::Full.into();
        check(server, last).await.unwrap().receipt.unwrap().proof
    })
}

/// A folder with a closed log of the activation and 600 decisions, and a receipt of the last.
fn log() -> (tempfile::TempDir, PathBuf, String) {
    let server = TestServer::start();
    let receipt = record(&server, "a", 600);
    let folder = server.stop();
    let data = folder.path().join("data");
    (folder, data, receipt)
}

fn verified(archive: &Archive) -> Report {
    verify(archive, &VerifyOptions { threads: 2, ..VerifyOptions::default() }, |_| {}).unwrap()
}

#[test]
fn a_data_folder_and_its_export_verify_and_say_so_as_the_contract_has_it() {
    let (folder, data, receipt) = log();
    let kept = folder.path().join("kept.tlog-proof");
    fs::write(&kept, receipt).unwrap();
    let keys = data.join("keys/log.vkeys");
    let out = folder.path().join("export");
    let exported = slagboom(&["export", "--data", path(&data), "--out", path(&out)]);
    assert_eq!(code(&exported), 0, "{exported:?}");
    for source in [["--data", path(&data)], ["--log", path(&out)]] {
        let output = slagboom(&[
            "verify",
            source[0],
            source[1],
            "--vkey",
            path(&keys),
            "--receipt",
            path(&kept),
            "--checkpoint",
            path(&out.join("checkpoint")),
            "--format",
            "json",
        ]);
        let report = json(&output);
        assert_eq!(code(&output), 0, "{report}");
        assert_eq!((report["ok"].as_bool(), report["size"].as_u64()), (Some(true), Some(601)));
        assert_eq!((report["first_bad"].as_u64(), report["problems"].as_array().unwrap().len()), (None, 0));
        assert_eq!((report["proved"].as_u64(), report["receipts"].as_u64()), (Some(601), Some(1)));
        assert_eq!(report["bodies"]["kept"].as_u64(), Some(601));
        assert_eq!(report["root"].as_str().unwrap().len(), 44);
    }
    // The receipt by itself, with the key and nothing else.
    let alone = slagboom(&["verify", "--receipt", path(&kept), "--vkey", path(&keys)]);
    assert_eq!(code(&alone), 0, "{alone:?}");
    assert_eq!(code(&slagboom(&["verify", "--receipt", path(&kept)])), 64);
    // Without names.
    let nameless = folder.path().join("nameless");
    let args = ["export", "--log", path(&out), "--out", path(&nameless), "--without-bodies"];
    assert_eq!(code(&slagboom(&args)), 0);
    let report = verified(&Archive::open(&nameless).unwrap());
    assert!(report.is_ok(), "{report:?}");
    assert_eq!((report.bodies_not_given, report.bodies_kept), (600, 1));
    // Nothing is written over, and where there is no log there is nothing to verify.
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 2);
    for nothing in [folder.path().join("no-such"), folder.path().to_owned()] {
        assert_eq!(code(&slagboom(&["verify", "--data", path(&nothing)])), 2);
        assert_eq!(code(&slagboom(&["verify", "--log", path(&nothing)])), 2);
    }
    assert_eq!(code(&slagboom(&["verify", "--data", path(&data), "--vkey", "no-key"])), 64);
    // No log was named to hold a checkpoint against, and none is looked for.
    let checkpoint = data.join("checkpoint");
    let args = ["verify", "--receipt", path(&kept), "--checkpoint", path(&checkpoint), "--vkey", path(&keys)];
    let output = slagboom(&args);
    assert_eq!(code(&output), 64, "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("--log DIR"));
}

#[test]
fn an_export_verifies_with_other_implementations() {
    let (folder, data, _) = log();
    let out = folder.path().join("export");
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    for tile in slagboom::ledger::bundles(601) {
        let bytes = fs::read(out.join(tile.entries_path())).unwrap();
        for entry in decode_bundle(&bytes, tile.width()).unwrap() {
            tree.push(entry.to_vec());
        }
    }
    let root: RootHash<Sha256> = tree.root();
    let keys = fs::read_to_string(out.join("log.vkeys")).unwrap();
    let key = signed_note::StandardVerifier::new(keys.trim()).unwrap();
    let checkpoint = fs::read(out.join("checkpoint")).unwrap();
    let note = signed_note::Note::from_bytes(&checkpoint).unwrap();
    let known = signed_note::VerifierList::new(vec![Box::new(key)]);
    let (verified, _) = note.verify(&known).unwrap();
    assert_eq!(verified.len(), 1);
    let text = String::from_utf8(note.text().to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "601");
    assert_eq!(lines[2], Digest::from_bytes((*root.as_bytes()).into()).to_base64());
}

#[test]
fn a_log_verifies_while_a_daemon_writes_it() {
    let server = TestServer::start();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..8 {
                record(&server, &format!("w{round}"), 100);
            }
        });
        while !writer.is_finished() {
            let report = verified(&Archive::open_data(&server.path().join("data")).unwrap());
            assert!(report.is_ok(), "{report:?}");
        }
    });
}

/// Files of a log that `verify` answers for, each with its bytes.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    // sled and the hashes are derived, and the secret is nobody's to read.
    let skipped = ["sled", "hashes", "lock", "FORMAT", "signing"];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if skipped.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// A generator whose sequence is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

fn damaged(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = dice.below(bytes.len());
    match dice.below(4) {
        0 | 1 => bytes[at] ^= 1 << dice.below(8),
        2 => {
            let page = at / 4_096 * 4_096;
            let end = bytes.len().min(page + 4_096);
            bytes[page..end].fill(0);
        }
        _ => bytes.truncate(at),
    }
    bytes
}

/// Rounds: a tenth of the 500 of a full run, unless `SLAGBOOM_DAMAGE_ROUNDS` says otherwise.
fn rounds() -> usize {
    std::env::var("SLAGBOOM_DAMAGE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(50)
}

#[test]
fn no_damage_to_any_file_of_a_log_is_silent() {
    let (folder, data, _) = log();
    let out = folder.path().join("export");
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    let mut dice = Dice(7);
    for dir in [&data, &out] {
        let files = files(dir);
        let largest = files.iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
        let mut found_out = 0;
        for round in 0..rounds() {
            // Nearly all of the bytes are in one file; the others are looked at as often.
            let file = if round % 2 == 0 { &files[dice.below(files.len())] } else { largest };
            let whole = fs::read(file).unwrap();
            let broken = damaged(&whole, &mut dice);
            if broken == whole {
                continue;
            }
            fs::write(file, &broken).unwrap();
            let found = Archive::open(dir).and_then(|archive| {
                verify(&archive, &VerifyOptions { threads: 1, ..VerifyOptions::default() }, |_| {})
            });
            fs::write(file, &whole).unwrap();
            found_out += 1;
            let Ok(report) = found else { continue };
            assert!(!report.is_ok(), "{} in round {round}: {report:?}", file.display());
            let is_record = file.extension().is_some_and(|extension| extension == "journal")
                || file.starts_with(dir.join("tile/entries"))
                || file.starts_with(dir.join("bodies"));
            assert!(!is_record || report.first_bad.is_some(), "{}: {report:?}", file.display());
        }
        assert!(found_out > rounds() / 2, "{found_out}");
    }
    assert!(verified(&Archive::open(&data).unwrap()).is_ok());
    assert!(verified(&Archive::open(&out).unwrap()).is_ok());
}

/// Writes entry `at` of an export anew, and its leaf too where the forger is careful.
fn forge(out: &Path, at: u64, careful: bool) {
    let tile = Tile::in_tree(0, at / 256, 601).unwrap();
    let file = out.join(tile.entries_path());
    let bytes = fs::read(&file).unwrap();
    let mut entries: Vec<Vec<u8>> =
        decode_bundle(&bytes, tile.width()).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    let entry = &mut entries[usize::try_from(at % 256).unwrap()];
    // The outcome: PERMITTED becomes another one, or the other way round.
    entry[2] ^= 3;
    let leaf = leaf_hash(entry);
    fs::write(&file, encode_bundle(entries.iter().map(Vec::as_slice)).unwrap()).unwrap();
    if careful {
        let file = out.join(tile.path());
        let tile = HashTile::decode(tile, &fs::read(&file).unwrap()).unwrap();
        let mut hashes = tile.hashes().to_vec();
        hashes[usize::try_from(at % 256).unwrap()] = leaf;
        fs::write(&file, HashTile::new(tile.tile(), &hashes).unwrap().encode()).unwrap();
    }
}

#[test]
fn a_forged_entry_is_named() {
    let server = TestServer::start();
    record(&server, "a", 300);
    let server = server.restart();
    record(&server, "b", 300);
    let folder = server.stop();
    let data = folder.path().join("data");
    for (at, careful, first_bad) in [(77, false, 77), (599, false, 599), (400, true, 301), (5, true, 1)] {
        let out = folder.path().join(format!("export-{at}"));
        assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
        forge(&out, at, careful);
        let output = slagboom(&["verify", "--log", path(&out), "--format", "json"]);
        let report = json(&output);
        assert_eq!(code(&output), 1, "{report}");
        // A careful forger hides the place; what is sure is where the last checkpoint before it stands.
        assert_eq!(report["first_bad"].as_u64(), Some(first_bad), "{report}");
    }
}

#[test]
fn an_old_copy_put_back_is_found_by_a_checkpoint_and_by_a_receipt_kept_elsewhere() {
    let server = TestServer::start();
    record(&server, "a", 300);
    let folder = server.stop();
    let data = folder.path().join("data");
    let old = folder.path().join("old");
    copy(&data, &old);
    let server = TestServer::start_again(folder);
    let receipt = record(&server, "b", 300);
    let folder = server.stop();
    let (checkpoint, proof) = (folder.path().join("kept"), folder.path().join("kept.tlog-proof"));
    fs::copy(data.join("checkpoint"), &checkpoint).unwrap();
    fs::write(&proof, receipt).unwrap();
    // The whole folder as it was: nothing in it contradicts itself.
    assert_eq!(code(&slagboom(&["verify", "--data", path(&old)])), 0);
    for kept in [["--checkpoint", path(&checkpoint)], ["--receipt", path(&proof)]] {
        let output = slagboom(&["verify", "--data", path(&old), kept[0], kept[1], "--format", "json"]);
        let report = json(&output);
        assert_eq!(code(&output), 1, "{report}");
        assert_eq!(report["first_bad"].as_u64(), Some(301), "{report}");
    }
    // Both copies old, and the head not: the daemon does not start.
    fs::copy(&checkpoint, old.join("checkpoint")).unwrap();
    fs::rename(&data, folder.path().join("new")).unwrap();
    fs::rename(&old, &data).unwrap();
    let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
    let opened = crate::support::open(folder.path(), crate::support::small_rulebook(), clock, 16);
    let message = opened.err().unwrap().to_string();
    assert!(message.contains("from sequence 301"), "{message}");
}

#[test]
fn trust_in_the_first_key_reaches_what_the_last_one_signs() {
    let (folder, data, _) = log();
    let first = fs::read_to_string(data.join("keys/log.vkeys")).unwrap();
    for keys in [2, 3] {
        let output = slagboom(&["key", "rotate", "--data", path(&data), "--format", "json"]);
        assert_eq!(code(&output), 0, "{output:?}");
        assert_eq!(json(&output)["keys"].as_array().unwrap().len(), keys);
    }
    let server = TestServer::start_again(folder);
    record(&server, "b", 50);
    let folder = server.stop();
    let keys = fs::read_to_string(data.join("keys/log.vkeys")).unwrap();
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!((keys.len(), keys[0]), (3, first.trim()));
    let out = folder.path().join("export");
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    for dir in [&data, &out] {
        for key in &keys {
            let dir = if dir == &data { ["--data", path(&data)] } else { ["--log", path(&out)] };
            let output = slagboom(&["verify", dir[0], dir[1], "--vkey", key, "--format", "json"]);
            assert_eq!(code(&output), 0, "{output:?}");
            assert_eq!(json(&output)["proved"].as_u64(), Some(653));
        }
    }
    // A key that nothing in the log leads to proves nothing, whatever the folder says of itself.
    let stranger = Signer::from_seed("stranger.example".parse().unwrap(), &[3; 32]).unwrap();
    let vkey = stranger.verifier().to_string();
    let output = slagboom(&["verify", "--data", path(&data), "--vkey", &vkey, "--format", "json"]);
    assert_eq!((code(&output), json(&output)["proved"].as_u64()), (1, Some(0)));
    // A key is made once.
    assert_eq!(code(&slagboom(&["key", "new", "--data", path(&data), "--name", "other.example/log"])), 2);
    let fresh = folder.path().join("fresh");
    let made = slagboom(&["key", "new", "--data", path(&fresh), "--name", "exporter.example/log"]);
    assert_eq!(code(&made), 0, "{made:?}");
    assert!(String::from_utf8(made.stdout).unwrap().starts_with("exporter.example/log+"));
}

#[test]
fn entries_that_a_forger_appends_are_not_proved_by_his_own_key() {
    let (folder, data, _) = log();
    let (kept, aside) = (folder.path().join("kept.vkeys"), folder.path().join("aside"));
    fs::copy(data.join("keys/log.vkeys"), &kept).unwrap();
    // The forger has the folder and not the secret: he signs with a key of his own, under the same name.
    fs::create_dir(&aside).unwrap();
    for name in ["checkpoint", "checkpoints", "keys"] {
        fs::rename(data.join(name), aside.join(name)).unwrap();
    }
    let text = fs::read_to_string(&kept).unwrap();
    let name = text.split('+').next().unwrap().parse().unwrap();
    let forger = Signer::from_seed(name, &[9; 32]).unwrap();
    fs::create_dir(data.join("keys")).unwrap();
    fs::write(data.join("keys/signing"), forger.to_secret_text()).unwrap();
    fs::write(data.join("keys/log.vkeys"), forger.verifier().to_string()).unwrap();
    let server = TestServer::start_again(folder);
    record(&server, "forged", 50);
    let folder = server.stop();
    for checkpoint in fs::read_dir(aside.join("checkpoints")).unwrap() {
        let checkpoint = checkpoint.unwrap();
        fs::copy(checkpoint.path(), data.join("checkpoints").join(checkpoint.file_name())).unwrap();
    }
    let out = folder.path().join("export");
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    for dir in [["--data", path(&data)], ["--log", path(&out)]] {
        let output = slagboom(&["verify", dir[0], dir[1], "--vkey", path(&kept), "--format", "json"]);
        let report = json(&output);
        assert_eq!((code(&output), report["proved"].as_u64()), (1, Some(601)), "{report}");
        assert!(report.to_string().contains("a key that was not given"), "{report}");
    }
    // Nor does it help to take the forged heads away: the head of an export covers all of it.
    for checkpoint in fs::read_dir(out.join("checkpoints")).unwrap() {
        let checkpoint = checkpoint.unwrap();
        if checkpoint.file_name() != "00000000000000000601" {
            fs::remove_file(checkpoint.path()).unwrap();
        }
    }
    fs::copy(data.join("checkpoints/00000000000000000601"), out.join("checkpoint")).unwrap();
    let output = slagboom(&["verify", "--log", path(&out), "--vkey", path(&kept), "--format", "json"]);
    let report = json(&output);
    assert_eq!(code(&output), 1, "{report}");
    assert!(report["proved"].as_u64().is_some_and(|proved| proved <= 601), "{report}");
}

#[test]
fn a_key_that_another_has_followed_signs_no_later_head() {
    let (folder, data, _) = log();
    let old: Signer = fs::read_to_string(data.join("keys/signing")).unwrap().trim().parse().unwrap();
    assert_eq!(code(&slagboom(&["key", "rotate", "--data", path(&data)])), 0);
    let kept = folder.path().join("kept");
    let newest = fs::read(data.join("checkpoint")).unwrap();
    let note = Note::parse(&newest).unwrap();
    let resigned = Checkpoint::parse(note.text()).unwrap().sign(&old).unwrap();
    fs::write(&kept, resigned.to_string()).unwrap();
    let output =
        slagboom(&["verify", "--data", path(&data), "--checkpoint", path(&kept), "--format", "json"]);
    let report = json(&output);
    assert_eq!(code(&output), 1, "{report}");
    assert!(report.to_string().contains("follows the one that signed it from record 601 on"), "{report}");
    assert_eq!(report["proved"].as_u64(), Some(602), "the new key proves what the old one cannot: {report}");
}

#[test]
fn an_operator_looks_after_both_copies() {
    let (folder, data, _) = log();
    let store = |verb: &str| slagboom(&["store", verb, "--data", path(&data), "--format", "json"]);
    let checked = store("check");
    assert_eq!((code(&checked), json(&checked)["size"].as_u64()), (0, Some(601)));
    let compacted = store("compact");
    assert_eq!((code(&compacted), json(&compacted)["damaged"].as_array().unwrap().len()), (0, 0));
    fs::remove_dir_all(data.join("sled")).unwrap();
    let checked = store("check");
    assert_eq!((code(&checked), json(&checked)["first_bad"].as_u64()), (1, Some(0)));
    let rebuilt = store("rebuild");
    assert_eq!((code(&rebuilt), json(&rebuilt)["size"].as_u64()), (0, Some(601)));
    let checked = store("check");
    assert_eq!((code(&checked), &json(&checked)["root"]), (0, &json(&rebuilt)["root"]));
    let nothing = folder.path().join("nothing");
    for verb in ["check", "compact", "rebuild"] {
        assert_eq!(code(&slagboom(&["store", verb, "--data", path(&nothing)])), 2);
    }
    assert!(!nothing.exists());
}

#[test]
fn a_file_that_is_none_or_claims_too_much_hides_nothing_and_waits_for_nobody() {
    let (folder, data, _) = log();
    let out = folder.path().join("export");
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    let keys = data.join("keys/log.vkeys");
    let verify = || slagboom(&["verify", "--log", path(&out), "--vkey", path(&keys), "--format", "json"]);
    let stranger = Signer::from_seed("stranger.example".parse().unwrap(), &[3; 32]).unwrap();
    let whole = fs::read(out.join("checkpoint")).unwrap();
    // However many entries an unbelieved head claims, those that are there are read and named.
    for claimed in [7, 600, 700, u64::MAX] {
        let claim = Checkpoint::new("stranger.example", claimed, Digest::ZERO).unwrap().sign(&stranger);
        fs::write(out.join("checkpoint"), claim.unwrap().to_string()).unwrap();
        let output = verify();
        let report = json(&output);
        assert_eq!((code(&output), report["size"].as_u64()), (1, Some(601)), "{report}");
    }
    for target in ["/dev/zero", path(&folder.path().join("pipe"))] {
        if target != "/dev/zero" {
            let (pipe, mode) = (Path::new(target), rustix::fs::Mode::RUSR);
            rustix::fs::mkfifoat(rustix::fs::CWD, pipe, mode).unwrap();
        }
        fs::remove_file(out.join("checkpoint")).unwrap();
        std::os::unix::fs::symlink(target, out.join("checkpoint")).unwrap();
        let output = verify();
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("no regular file"), "{target}");
    }
    fs::remove_file(out.join("checkpoint")).unwrap();
    fs::write(out.join("checkpoint"), whole).unwrap();
    assert_eq!(code(&verify()), 0);
}

#[test]
fn a_body_that_its_entry_does_not_commit_to_is_not_told() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, data, _) = log();
    let out = folder.path().join("export");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(code(&slagboom(&["export", "--data", path(&data), "--out", path(&out)])), 0);
    for file in files(&out) {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{}", file.display());
    }
    let bodies = out.join("bodies/001");
    let mut bytes = fs::read(&bodies).unwrap();
    let at = bytes.windows(2).position(|window| window == b"NL").unwrap();
    bytes[at..at + 2].copy_from_slice(b"BE");
    fs::write(&bodies, bytes).unwrap();
    for (format, name) in [("jsonl", "log.jsonl"), ("csv", "decisions.csv")] {
        let to = folder.path().join(format);
        let output = slagboom(&["export", "--log", path(&out), "--format", format, "--out", path(&to)]);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("not the one that the entry commits to"));
        assert!(!to.join(name).exists());
    }
}

#[test]
fn a_folder_that_is_restored_as_the_runbook_says_goes_on() {
    let (folder, data, receipt) = log();
    let runbook = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbook.md")).unwrap();
    let names = runbook.split_once("for name in ").unwrap().1.split_once("; do").unwrap().0;
    let restored = folder.path().join("restored/data");
    for name in names.split(' ').filter(|name| data.join(name).exists()) {
        let (from, to) = (data.join(name), restored.join(name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    // As a backup or a standby, without the secret, it proves itself and is not served.
    let (kept, keys) = (folder.path().join("kept.tlog-proof"), data.join("keys/log.vkeys"));
    fs::write(&kept, receipt).unwrap();
    let verify =
        || slagboom(&["verify", "--data", path(&restored), "--vkey", path(&keys), "--receipt", path(&kept)]);
    assert_eq!(code(&verify()), 0);
    assert!(refused(restored.parent().unwrap()).contains("put it back"));
    fs::copy(data.join("keys/signing"), restored.join("keys/signing")).unwrap();
    let folder_of_it = tempfile::tempdir().unwrap();
    copy(&restored, &folder_of_it.path().join("data"));
    let server = TestServer::start_again(folder_of_it);
    record(&server, "more", 10);
    let again = server.stop();
    let data = again.path().join("data");
    let output = slagboom(&[
        "verify",
        "--data",
        path(&data),
        "--vkey",
        path(&keys),
        "--receipt",
        path(&kept),
        "--format",
        "json",
    ]);
    assert_eq!((code(&output), json(&output)["proved"].as_u64()), (0, Some(611)), "{output:?}");
}

/// Starts a daemon on the folder, and gives why it does not.
fn refused(folder: &Path) -> String {
    let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
    let opened = crate::support::open(folder, crate::support::small_rulebook(), clock, 16);
    opened.err().unwrap().to_string()
}

#[test]
fn a_log_whose_key_is_lost_or_another_is_not_signed() {
    let (folder, data, _) = log();
    let (keys, aside) = (data.join("keys"), folder.path().join("aside"));
    let (size, newest) = (fs::metadata(data.join("checkpoint")).unwrap().len(), data.join("checkpoint"));
    fs::rename(&keys, &aside).unwrap();
    let message = refused(folder.path());
    assert!(message.contains("put them back"), "{message}");
    let made = slagboom(&["key", "new", "--data", path(&data), "--name", "exporter.example/log"]);
    assert_eq!(code(&made), 2, "a log that was signed gets no second first key: {made:?}");
    assert!(!keys.exists(), "nothing was made");
    // Another log's key, whole: what was signed before is not overwritten.
    let stranger = Signer::from_seed("exporter.example/log".parse().unwrap(), &[9; 32]).unwrap();
    fs::create_dir(&keys).unwrap();
    fs::write(keys.join("signing"), stranger.to_secret_text()).unwrap();
    fs::write(keys.join("log.vkeys"), stranger.verifier().to_string()).unwrap();
    let message = refused(folder.path());
    assert!(message.contains("signed by none of the keys of the log"), "{message}");
    assert_eq!(fs::metadata(&newest).unwrap().len(), size);
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(&aside, &keys).unwrap();
    TestServer::start_again(folder).stop();
}

#[test]
fn public_keys_that_are_lost_come_back_out_of_the_log() {
    let (folder, data, _) = log();
    for _ in 0..2 {
        assert_eq!(code(&slagboom(&["key", "rotate", "--data", path(&data)])), 0);
    }
    let public = data.join("keys/log.vkeys");
    let before = fs::read_to_string(&public).unwrap();
    assert_eq!(before.lines().count(), 3);
    let last = before.lines().next_back().unwrap().to_owned();
    let mut folder = folder;
    for left in [None, Some(last)] {
        match left {
            None => fs::remove_file(&public).unwrap(),
            Some(text) => fs::write(&public, text).unwrap(),
        }
        folder = TestServer::start_again(folder).stop();
        assert_eq!(fs::read_to_string(&public).unwrap(), before);
    }
}
