//! What an auditor does with a log beyond verifying it: evidence of one decision, and samples.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use slagboom::ledger::{Body, Digest, Entry};
use slagboom::proto::v1;

use crate::support::{TestServer, block_on, check, request, to, with_code};

fn slagboom(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom")).args(args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The README of the evidence, followed step by step.
fn follow(evidence: &Path, outcome: &str) {
    let readme = fs::read_to_string(evidence.join("README.md")).unwrap();
    let entry_bytes = fs::read(evidence.join("record/entry.bin")).unwrap();
    let entry = Entry::decode(&entry_bytes).unwrap();
    // 1: the entry is in the log.
    let keys = evidence.join("log.vkeys");
    let receipt = evidence.join("receipt.tlog-proof");
    let verified = slagboom(&["verify", "--receipt", text(&receipt), "--vkey", text(&keys)]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert!(readme.contains(fs::read_to_string(&keys).unwrap().trim()));
    // 2: the body belongs to the entry.
    let mut committed = fs::read(evidence.join("record/salt.bin")).unwrap();
    let body = fs::read(evidence.join("record/body.bin")).unwrap();
    committed.extend_from_slice(&body);
    assert_eq!(Digest::of(&committed).to_string(), entry.commitment.to_string());
    assert_eq!(entry_bytes[115..147], *entry.commitment.as_bytes());
    assert!(readme.contains(&entry.commitment.to_string()));
    // 3: the question is in the body.
    let asked = Body::decode(&body).unwrap().request;
    let salt = fs::read(evidence.join("record/salt.bin")).unwrap();
    assert!(entry.is_of_request(salt.as_slice().try_into().unwrap(), &asked));
    assert_ne!(Digest::of(&asked), entry.request, "whoever guesses the request must not be able to tell");
    assert_eq!(entry_bytes[83..115], *entry.request.as_bytes());
    assert!(readme.contains(&entry.request.to_string()));
    // The commands of the README say the same.
    for (command, digest) in
        [("`cat record/salt.bin", &entry.commitment), ("`(cat record/salt.bin", &entry.request)]
    {
        let line = readme.lines().find(|line| line.trim_start().starts_with(command)).unwrap();
        let command = line.split('`').nth(1).unwrap();
        let said = Command::new("sh").args(["-c", command]).current_dir(evidence).output().unwrap();
        assert!(stdout(&said).starts_with(&digest.to_string()), "{command}: {said:?}");
    }
    // 4: the rulebook is the one that decided.
    let rulebook = evidence.join("rulebook");
    let linted = slagboom(&["lint", text(&rulebook)]);
    assert!(stdout(&linted).contains(&entry.rulebook.to_string()), "{linted:?}");
    assert_eq!(entry_bytes[19..51], *entry.rulebook.as_bytes());
    // 5: it leads to the answer.
    let again = slagboom(&[
        "check",
        text(&evidence.join("request.yaml")),
        "--rules",
        text(&rulebook),
        "--format",
        "json",
    ]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap_or_else(|_| panic!("{again:?}"));
    assert_eq!(again["decision"]["outcome"], format!("OUTCOME_{outcome}"));
    let decision: Value = serde_json::from_slice(&fs::read(evidence.join("decision.json")).unwrap()).unwrap();
    assert_eq!(decision["findings"], again["decision"]["findings"]);
    // The rules that fired, in their words.
    let rules = fs::read_to_string(evidence.join("rules.md")).unwrap();
    for finding in decision["findings"].as_array().unwrap() {
        let rule = finding["rule"].as_str().unwrap();
        assert!(rules.contains(rule), "{rule}");
        if finding.get("citation").is_some() {
            assert!(rules.contains(&format!("- id: \"{rule}\"")), "{rule} in its words: {rules}");
        }
    }
}

#[test]
fn evidence_stands_by_itself_from_a_daemon_and_from_a_folder() {
    let server = TestServer::start();
    let decision = block_on(check(&server, to("RU", with_code("5A002.a.2", request("a"))))).unwrap();
    for at in 0..20 {
        block_on(check(&server, request(&format!("b-{at}")))).unwrap();
    }
    let outcome = decision.outcome().as_str_name().trim_start_matches("OUTCOME_").to_owned();
    assert_ne!(outcome, "PERMITTED");
    let out = tempfile::tempdir().unwrap();
    let url = server.address.to_string();
    let (online, offline) = (out.path().join("online"), out.path().join("offline"));
    let id = decision.decision_id.as_str();
    let asked = slagboom(&["log", "evidence", id, "--out", text(&online), "--server", &url]);
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    follow(&online, &outcome);
    let unknown = out.path().join("unknown");
    let none = ["log", "evidence", "D00000000990000000000", "--out", text(&unknown), "--server", &url];
    assert_eq!(slagboom(&none).status.code(), Some(2));
    assert!(!unknown.exists());
    let folder = server.stop();
    let data = folder.path().join("data");
    let asked = ["log", "evidence", id, "--out", text(&offline), "--data", text(&data)];
    assert_eq!(slagboom(&asked).status.code(), Some(0));
    follow(&offline, &outcome);
    // Nothing is written over.
    assert_eq!(slagboom(&asked).status.code(), Some(2));
}

fn sample(args: &[&str]) -> Value {
    let mut all = vec!["log", "sample", "--format", "json"];
    all.extend_from_slice(args);
    let output = slagboom(&all);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ids(sample: &Value) -> BTreeSet<String> {
    let groups = sample["groups"].as_array().unwrap();
    let decisions = groups.iter().flat_map(|group| group["decisions"].as_array().unwrap());
    decisions.map(|decision| decision["decision"]["decisionId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_sample_is_the_same_for_everyone_who_draws_it() {
    let server = TestServer::start();
    block_on(async {
        let mut control = server.control().await;
        for from in (0..300).step_by(100) {
            let requests = (from..from + 100).map(|at| match at % 3 {
                0 => to("RU", with_code("5A002", request(&format!("r-{at}")))),
                1 => with_code("5A002", request(&format!("r-{at}"))),
                _ => request(&format!("r-{at}")),
            });
            let requests = requests.collect();
            control.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await.unwrap();
        }
    });
    let url = server.address.to_string();
    let online = sample(&["--seed", "7", "--count", "20", "--server", &url]);
    let other = sample(&["--seed", "8", "--count", "20", "--server", &url]);
    let filtered = sample(&["--seed", "7", "--count", "500", "--destination", "RU", "--server", &url]);
    assert_eq!((online["population"].as_u64(), ids(&online).len()), (Some(300), 20));
    assert_ne!(ids(&online), ids(&other));
    assert_eq!((filtered["population"].as_u64(), ids(&filtered).len()), (Some(100), 100));
    let groups = sample(&["--seed", "7", "--count", "5", "--by", "outcome,destination", "--server", &url]);
    let names: Vec<&str> =
        groups["groups"].as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("RU ")), "{names:?}");
    assert_eq!(ids(&groups).len(), 15);
    let folder = server.stop();
    let data = folder.path().join("data");
    let offline = sample(&["--seed", "7", "--count", "20", "--data", text(&data)]);
    assert_eq!(ids(&online), ids(&offline));
    // A larger draw holds the smaller one.
    let larger = sample(&["--seed", "7", "--count", "40", "--data", text(&data)]);
    assert!(ids(&larger).is_superset(&ids(&online)));
}

#[test]
fn the_log_is_told_as_lines_and_as_a_table() {
    let server = TestServer::start();
    let first = block_on(check(&server, to("RU", with_code("5A002", request("a"))))).unwrap();
    let mut odd = request("=1+1");
    odd.document_reference = "a \"quoted\", reference".to_owned();
    block_on(check(&server, odd)).unwrap();
    let folder = server.stop();
    let data = folder.path().join("data");
    let tiles = folder.path().join("tiles");
    assert_eq!(slagboom(&["export", "--data", text(&data), "--out", text(&tiles)]).status.code(), Some(0));
    for (source, dir) in [("--data", &data), ("--log", &tiles)] {
        let out = folder.path().join(format!("out{source}"));
        let args = ["export", source, text(dir), "--format", "jsonl", "--out", text(&out)];
        assert_eq!(slagboom(&args).status.code(), Some(0));
        let lines = fs::read_to_string(out.join("log.jsonl")).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3);
        let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["RULEBOOK_ACTIVATED", "DECISION_MADE", "DECISION_MADE"]);
        assert_eq!(lines[0]["outcome"], Value::Null);
        assert_eq!(lines[1]["decision_id"], first.decision_id.as_str());
        assert_eq!(lines[1]["decision"]["outcome"], first.outcome().as_str_name());
        assert_eq!(lines[1]["request"]["requestId"], "a");
        assert_eq!(lines[1]["leaf_hash"].as_str().unwrap().len(), 64);
        assert_eq!(lines[2]["erased"], false);

        let out = folder.path().join(format!("table{source}"));
        let args = ["export", source, text(dir), "--format", "csv", "--out", text(&out)];
        assert_eq!(slagboom(&args).status.code(), Some(0));
        let table = fs::read_to_string(out.join("decisions.csv")).unwrap();
        let mut rows = table.lines();
        assert!(rows.next().unwrap().starts_with("sequence,decision_id,recorded_at,outcome,"));
        let rows: Vec<&str> = rows.collect();
        assert_eq!(rows.len(), 2);
        assert!(rows[0].contains(",Voorbeeld Netwerken BV,"), "{}", rows[0]);
        assert!(rows[1].contains(",'=1+1,\"a \"\"quoted\"\", reference\","), "{}", rows[1]);
    }
    let out = folder.path().join("nameless");
    let args = ["export", "--data", text(&data), "--format", "csv", "--without-bodies", "--out", text(&out)];
    assert_eq!(slagboom(&args).status.code(), Some(64));
}

#[test]
fn reads_are_counted_by_who_and_what() {
    let server = TestServer::start();
    let decision = block_on(check(&server, request("a"))).unwrap();
    let url = server.address.to_string();
    for _ in 0..3 {
        let show = ["log", "show", &decision.decision_id, "--server", &url];
        assert_eq!(slagboom(&show).status.code(), Some(0));
    }
    assert_eq!(slagboom(&["log", "list", "--server", &url]).status.code(), Some(0));
    let output = slagboom(&["log", "reads", "--server", &url, "--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let rows: BTreeSet<(String, String)> = told["reads"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["method"].as_str().unwrap().to_owned(), row["count"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [("GetDecision", "3"), ("ListDecisions", "1")];
    assert_eq!(rows, expected.map(|(method, count)| (method.to_owned(), count.to_owned())).into());
}
