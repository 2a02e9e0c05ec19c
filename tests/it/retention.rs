//! Retention: what is due, what is held, and what is erased, in every output and after a crash.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use slagboom::ledger::Marks;
use slagboom::server;
use slagboom::service::LogKey;
use slagboom::store::{Notice, Options, begin_erasing, check_folder};
use tonic::Code;

use crate::support::{TestServer, block_on, check, copy, request};

const NAME: &str = "Zonderling Handelsonderneming";

fn slagboom(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom")).args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn named(id: &str) -> slagboom::proto::v1::CheckExportRequest {
    let mut request = request(id);
    NAME.clone_into(&mut request.end_user.as_mut().unwrap().name);
    request
}

/// A closed log of six decisions, the third and the fourth of which name somebody; and their ids.
fn log() -> (tempfile::TempDir, Vec<String>) {
    let server = TestServer::start();
    let ids = (0..6).map(|at| {
        let id = format!("r-{at}");
        let asked = if at == 2 || at == 3 { named(&id) } else { request(&id) };
        block_on(check(&server, asked)).unwrap().decision_id
    });
    let ids = ids.collect();
    (server.stop(), ids)
}

/// Files below a folder that hold these bytes.
fn holding(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn erase(data: &Path, ids: &[&str], more: &[&str]) -> Output {
    let mut args = vec!["retention", "erase"];
    args.extend_from_slice(ids);
    args.extend_from_slice(&["--reason", "a person asked for it", "--data", text(data)]);
    args.extend_from_slice(more);
    slagboom(&args)
}

#[test]
fn what_is_erased_is_gone_from_both_copies_and_said_so_everywhere() {
    let (folder, ids) = log();
    let data = folder.path().join("data");
    assert!(!holding(&data, NAME.as_bytes()).is_empty());
    let erased = erase(&data, &[&ids[2], &ids[3]], &["--before-due", "--format", "json"]);
    assert_eq!(erased.status.code(), Some(0), "{erased:?}");
    assert_eq!(json(&erased)["erased"].as_array().unwrap().len(), 2);
    assert_eq!(holding(&data, NAME.as_bytes()), Vec::<String>::new());
    assert!(check_folder(&Options::new(&data)).unwrap().is_sound());

    // The log still proves itself, here and as an export.
    let keys = data.join("keys/log.vkeys");
    let out = folder.path().join("export");
    assert_eq!(slagboom(&["export", "--data", text(&data), "--out", text(&out)]).status.code(), Some(0));
    for source in [["--data", text(&data)], ["--log", text(&out)]] {
        let args = ["verify", source[0], source[1], "--vkey", text(&keys), "--format", "json"];
        let report = json(&slagboom(&args));
        assert_eq!(
            (report["ok"].as_bool(), report["bodies"]["erased"].as_u64()),
            (Some(true), Some(2)),
            "{report}"
        );
    }
    // What cannot be replayed is listed, never passed over.
    let replayed = slagboom(&["replay", "--data", text(&data), "--format", "json"]);
    assert_eq!(replayed.status.code(), Some(1));
    let rows = json(&replayed)["unreplayable"].as_array().unwrap().clone();
    assert_eq!(rows.iter().map(|row| row["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4]);
    assert!(rows[0]["why"].as_str().unwrap().contains("erased"), "{rows:?}");
    let lines = folder.path().join("lines");
    let args = ["export", "--data", text(&data), "--format", "jsonl", "--out", text(&lines)];
    assert_eq!(slagboom(&args).status.code(), Some(0));
    let lines = fs::read_to_string(lines.join("log.jsonl")).unwrap();
    let line: Value = serde_json::from_str(lines.lines().nth(3).unwrap()).unwrap();
    assert_eq!((line["erased"].as_bool(), &line["request"]), (Some(true), &Value::Null));

    let server = TestServer::start_again(folder);
    let url = server.address.to_string();
    let shown = json(&slagboom(&["log", "show", &ids[2], "--server", &url, "--format", "json"]));
    assert_eq!(shown["recorded"]["erased"], true);
    assert_eq!(shown["recorded"]["decision"]["outcome"], "OUTCOME_PERMITTED");
    assert_eq!(shown["recorded"].get("request"), None);
    let listed = String::from_utf8(slagboom(&["log", "list", "--server", &url]).stdout).unwrap();
    assert_eq!(listed.matches("(erased)").count(), 2, "{listed}");
    // Its proof stands; a retry is not decided anew.
    let proof = server.service.inclusion(3, 0).unwrap();
    assert!(proof.receipt.proof.is_some());
    let status = block_on(check(&server, named("r-2"))).unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    let status = block_on(check(&server, request("r-3"))).unwrap_err();
    assert_eq!(
        status.code(),
        Code::FailedPrecondition,
        "another request under an erased id is not decided either"
    );
    assert!(block_on(check(&server, request("r-1"))).unwrap().answered_from_record);
    block_on(check(&server, request("new"))).unwrap();
    let folder = server.stop();
    // Nothing twice.
    let again = erase(&folder.path().join("data"), &[&ids[2]], &["--before-due"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8(again.stderr).unwrap().contains("erased before"));
}

#[test]
fn what_must_stay_stays() {
    let (folder, ids) = log();
    let data = folder.path().join("data");
    let stderr = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    // Exports of 2022 are kept until the end of 2032.
    let due = |on: &str| {
        let output = slagboom(&["retention", "due", "--on", on, "--data", text(&data), "--format", "json"]);
        json(&output)["due"].as_array().unwrap().len()
    };
    assert_eq!((due("2032-12-31"), due("2033-01-01")), (0, 6));
    let early = erase(&data, &[&ids[0]], &["--on", "2032-12-31"]);
    assert_eq!(early.status.code(), Some(2));
    assert!(stderr(&early).contains("must be kept until 2032-12-31"), "{}", stderr(&early));
    let held = ["retention", "hold", &ids[0], "--reason", "a case before court", "--data", text(&data)];
    assert_eq!(slagboom(&held).status.code(), Some(0));
    assert_eq!(due("2033-01-01"), 5);
    for more in [&["--before-due"][..], &["--on", "2033-01-01"]] {
        let refused = erase(&data, &[&ids[0], &ids[1]], more);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("legal hold"), "{}", stderr(&refused));
    }
    // All or none, and a dry run is none.
    assert_eq!(erase(&data, &[&ids[1]], &["--on", "2033-01-01", "--dry-run"]).status.code(), Some(0));
    assert_eq!(due("2033-01-01"), 5);
    let released = ["retention", "release", &ids[0], "--reason", "the case is over", "--data", text(&data)];
    assert_eq!(slagboom(&released).status.code(), Some(0));
    let args =
        ["retention", "erase", "--due", "--on", "2033-01-01", "--reason", "retention is over", "--data"];
    let all = slagboom(&[&args[..], &[text(&data)]].concat());
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    assert_eq!(due("2033-01-01"), 0);
    let report = json(&slagboom(&["verify", "--data", text(&data), "--format", "json"]));
    assert_eq!(
        (report["ok"].as_bool(), report["bodies"]["erased"].as_u64()),
        (Some(true), Some(6)),
        "{report}"
    );
    // What was chosen from a log that has grown since is chosen again.
    let key = LogKey::default();
    let marks = Marks { reason: "chosen before".to_owned(), sequences: vec![1] };
    let stale = server::erase(&Options::new(&data), &key, &slagboom::clock::System, &marks, 7);
    assert!(stale.unwrap_err().to_string().contains("read it again"));
    // Wrong calls.
    for reason in ["", "  "] {
        let output = slagboom(&["retention", "hold", &ids[0], "--reason", reason, "--data", text(&data)]);
        assert_eq!(output.status.code(), Some(64));
        assert!(stderr(&output).contains("--reason"), "{}", stderr(&output));
    }
    assert_eq!(erase(&data, &["no-id"], &[]).status.code(), Some(64));
    assert_eq!(erase(&data, &["D00000000990000000000"], &[]).status.code(), Some(2));
}

/// A body that is gone without an entry that says so is a fault of the log.
#[test]
fn an_erasure_that_no_entry_tells_of_is_found() {
    let (folder, ids) = log();
    let data = folder.path().join("data");
    let journal = data.join("journal/00000000000000000000.journal");
    let before = fs::read(&journal).unwrap();
    assert_eq!(erase(&data, &[&ids[2]], &["--before-due"]).status.code(), Some(0));
    let after = fs::read(&journal).unwrap();
    // The journal as it was, with the body overwritten, and without the entry that was appended for it.
    fs::write(&journal, &after[..before.len()]).unwrap();
    for kept in ["checkpoint", "checkpoints"] {
        let path = data.join(kept);
        if path.is_dir() {
            for file in fs::read_dir(&path).unwrap() {
                let file = file.unwrap().path();
                if file.file_name().unwrap() > "00000000000000000007" {
                    fs::remove_file(file).unwrap();
                }
            }
        } else {
            fs::copy(data.join("checkpoints/00000000000000000007"), &path).unwrap();
        }
    }
    let report = json(&slagboom(&["verify", "--data", text(&data), "--format", "json"]));
    assert_eq!((report["ok"].as_bool(), report["first_bad"].as_u64()), (Some(false), Some(3)), "{report}");
}

#[test]
fn a_crash_while_erasing_is_made_good_at_the_next_start() {
    let (folder, ids) = log();
    let data = folder.path().join("data");
    let journal = data.join("journal/00000000000000000000.journal");
    // Noted, and the entry never written: nothing is erased, now or later.
    begin_erasing(&data, 7, &[3]).unwrap();
    let server = TestServer::start_again(folder);
    assert!(!data.join("erasing").exists());
    assert!(!holding(&data, NAME.as_bytes()).is_empty());
    let folder = server.stop();
    // Noted and told, and the bodies not overwritten yet: the old bytes under the entry.
    let before = fs::read(&journal).unwrap();
    assert_eq!(erase(&data, &[&ids[2], &ids[3]], &["--before-due"]).status.code(), Some(0));
    let mut bytes = fs::read(&journal).unwrap();
    bytes[..before.len()].copy_from_slice(&before);
    fs::write(&journal, &bytes).unwrap();
    assert!(!holding(&data, NAME.as_bytes()).is_empty());
    // Twice: the second time all of it is done already, as after a crash just before the note goes.
    for _ in 0..2 {
        begin_erasing(&data, 7, &[3, 4]).unwrap();
        let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
        let service =
            crate::support::open(folder.path(), crate::support::small_rulebook(), clock, 16).unwrap();
        assert!(service.notices().contains(&Notice::BodiesErased { count: 2 }), "{:?}", service.notices());
        drop(service);
        assert_eq!(holding(&data, NAME.as_bytes()), Vec::<String>::new());
        assert!(check_folder(&Options::new(&data)).unwrap().is_sound());
        assert!(!data.join("erasing").exists());
    }
}

#[test]
fn what_a_crash_or_damage_left_is_mended_before_anything_is_erased() {
    let (folder, ids) = log();
    let data = folder.path().join("data");
    let journal = data.join("journal/00000000000000000000.journal");
    let before = fs::read(&journal).unwrap();
    assert_eq!(erase(&data, &[&ids[2], &ids[3]], &["--before-due"]).status.code(), Some(0));
    // Told, and the bodies still in both copies.
    let mut told = fs::read(&journal).unwrap();
    told[..before.len()].copy_from_slice(&before);
    fs::write(&journal, &told).unwrap();
    assert_eq!(slagboom(&["store", "rebuild", "--data", text(&data)]).status.code(), Some(0));
    let at = told.windows(NAME.len()).position(|window| window == NAME.as_bytes()).unwrap();
    let mut altered = told.clone();
    altered[at] ^= 1;
    let half = data.join("journal/00000000000000000000.journal.new");
    let states: [(&str, &[u8], &[u8]); 3] = [
        ("a file half written beside the segment", &told, &before[..before.len() / 2]),
        ("a body that is altered in the journal", &altered, &[]),
        ("the entry in the database alone", &before, &[]),
    ];
    let whole = folder.path().join("whole");
    copy(&data, &whole);
    // Until it is, and in a copy that missed it, whoever verifies is told.
    let report = json(&slagboom(&["verify", "--data", text(&data), "--format", "json"]));
    assert_eq!(
        (report["ok"].as_bool(), report["problem_count"].as_u64()),
        (Some(false), Some(2)),
        "{report}"
    );
    assert!(report.to_string().contains("record 3: an entry says that its body was erased"), "{report}");
    for (state, bytes, beside) in states {
        fs::remove_dir_all(&data).unwrap();
        copy(&whole, &data);
        fs::write(&journal, bytes).unwrap();
        if !beside.is_empty() {
            fs::write(&half, beside).unwrap();
        }
        begin_erasing(&data, 7, &[3, 4]).unwrap();
        let shown = slagboom(&["key", "show", "--data", text(&data), "--format", "json"]);
        let key = json(&shown)["signs"].as_str().unwrap().to_owned();
        let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
        drop(crate::support::open(folder.path(), crate::support::small_rulebook(), clock, 16).unwrap());
        assert_eq!(holding(&data, NAME.as_bytes()), Vec::<String>::new(), "{state}");
        assert!(!data.join("erasing").exists(), "{state}");
        assert!(check_folder(&Options::new(&data)).unwrap().is_sound(), "{state}");
        let report = json(&slagboom(&["verify", "--data", text(&data), "--vkey", &key, "--format", "json"]));
        assert_eq!(
            (report["ok"].as_bool(), report["bodies"]["erased"].as_u64()),
            (Some(true), Some(2)),
            "{state}: {report}"
        );
    }
}
