//! `slagboom replay`, as its users run it.

use std::path::Path;
use std::process::{Command, Output};

use rustix::process::Signal;
use serde_json::Value;

use super::small_with_ban_from;
use crate::cli::with_the_daemon::Daemon;
use crate::cli::{code, json, slagboom, text};

/// A request to Russia on a day, for a daemon.
fn ask(folder: &Path, server: &str, id: &str, day: &str) {
    let request = format!(
        "{{request_id: {id}, export_date: '{day}', exporter: {{name: Voorbeeld BV, country: NL}}, \
         goods: [{{code: 5A002, quantity: '1', unit: pcs, value: '10.00', currency: EUR}}], \
         consignee: {{name: Buyer, country: RU}}, end_user: {{name: Buyer, country: RU, type: civil}}, \
         end_use: civil, destination: {{country: RU}}}}"
    );
    let path = folder.join("request.yaml");
    std::fs::write(&path, request).unwrap();
    let output = slagboom(&["check", path.to_str().unwrap(), "--server", server]);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
}

fn write(folder: &Path, bundle: &slagboom::rulebook::Bundle) {
    for (path, text) in bundle.files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn a_log_is_replayed_as_known_then_and_as_the_law_is_now_known() {
    let folder = tempfile::tempdir().unwrap();
    // Where a daemon without configuration keeps it.
    let data = folder.path().join("slagboom-data");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    write(&old, &small_with_ban_from("2022-02-26"));
    write(&new, &small_with_ban_from("2022-03-02"));
    let mut daemon = Daemon::start(&data, &["--rules", old.to_str().unwrap()]);
    for (id, day) in [("a", "2022-02-25"), ("b", "2022-02-26"), ("c", "2022-03-01"), ("d", "2022-03-02")] {
        ask(folder.path(), &daemon.server, id, day);
    }
    // While it runs, its folder is read beside it, or it is asked itself.
    let (data_arg, new_arg) = (data.to_str().unwrap(), new.to_str().unwrap());
    for source in [["--data", data_arg], ["--server", &daemon.server]] {
        let output = slagboom(&["replay", source[0], source[1]]);
        assert_eq!((code(&output), &*text(&output.stdout)), (0, "4 decisions, all the same\n"));
    }
    assert_eq!(daemon.signal(Signal::TERM), 0);
    let mut daemon = Daemon::start(&data, &["--rules", new_arg]);
    ask(folder.path(), &daemon.server, "e", "2022-03-01");
    let by_daemon =
        slagboom(&["replay", "--server", &daemon.server, "--rules", "in-force", "--format", "json"]);
    assert_eq!(daemon.signal(Signal::TERM), 0);

    // As known then, each under its own law; in the folder that is the default.
    let output = Command::new(env!("CARGO_BIN_EXE_slagboom"))
        .args(["replay", "--format", "json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let empty = serde_json::json!({"decisions": 5, "same": 5, "changed": [], "unreplayable": []});
    assert_eq!(json(&output), empty);

    // As the law is now known.
    let replay = |more: &[&str]| slagboom(&[&["replay", "--data", data_arg], more].concat());
    let output = replay(&["--rules", new_arg, "--format", "json"]);
    assert_eq!(code(&output), 1, "{}", text(&output.stderr));
    let told = json(&output);
    assert_eq!((told["decisions"].as_u64(), told["same"].as_u64()), (Some(5), Some(2)));
    let changed = told["changed"].as_array().unwrap();
    let mut keys: Vec<&str> = changed[0].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["cause", "decision_id", "now", "rules_added", "rules_removed", "sequence", "was"]);
    let row = |row: &Value| {
        let texts = [&row["was"], &row["now"], &row["cause"]].map(|text| text.as_str().unwrap().to_owned());
        (row["sequence"].as_u64().unwrap(), texts, row["rules_removed"].clone())
    };
    let expected = [
        (1, ["LICENCE_REQUIRED", "LICENCE_REQUIRED", "rulebook"], serde_json::json!([])),
        (2, ["PROHIBITED", "LICENCE_REQUIRED", "rulebook"], serde_json::json!(["T-BAN"])),
        (3, ["PROHIBITED", "LICENCE_REQUIRED", "rulebook"], serde_json::json!(["T-BAN"])),
    ];
    let expected = expected.map(|(sequence, texts, rules)| (sequence, texts.map(str::to_owned), rules));
    assert_eq!(changed.iter().map(row).collect::<Vec<_>>(), expected);
    // The same wherever and on however many threads it is decided.
    let export = folder.path().join("export");
    let export = export.to_str().unwrap();
    assert_eq!(code(&slagboom(&["export", "--data", data_arg, "--out", export])), 0);
    for same in [
        by_daemon,
        slagboom(&["replay", "--log", export, "--rules", new_arg, "--format", "json"]),
        replay(&["--rules", "in-force", "--format", "json", "--threads", "1"]),
        replay(&["--rules", new_arg, "--format", "json", "--threads", "2"]),
    ] {
        assert_eq!((code(&same), text(&same.stdout)), (1, text(&output.stdout)));
    }

    let output = replay(&["--rules", new_arg, "--was", "prohibited", "--format", "csv"]);
    let table = text(&output.stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "result,sequence,decision_id,was,now,rules_added,rules_removed,cause");
    assert_eq!(lines.len(), 3);
    assert!(lines[1].starts_with("changed,2,D"), "{table}");
    assert!(lines[1].ends_with(",PROHIBITED,LICENCE_REQUIRED,,T-BAN,rulebook"), "{table}");

    let output = replay(&["--rules", new_arg]);
    let shown = text(&output.stdout);
    let headline = "3 of 5 decisions change: 2 PROHIBITED → LICENCE_REQUIRED, by rule T-BAN; 1 LICENCE_REQUIRED on \
                    other findings";
    assert_eq!(shown.lines().last(), Some(headline));
    assert_eq!(shown.lines().count(), 4);

    // What was known before the ban was recorded; filters; and differences that nobody asked for.
    let output =
        replay(&["--known-at", "2022-02-25T10:00:00Z", "--outcome", "PROHIBITED", "--format", "json"]);
    let told = json(&output);
    assert_eq!((code(&output), told["decisions"].as_u64()), (1, Some(3)));
    assert!(told["changed"].as_array().unwrap().iter().all(|row| row["cause"] == "known_at"));
    let output = replay(&["--rules", new_arg, "--now", "PERMITTED"]);
    assert_eq!(code(&output), 0);
    assert!(text(&output.stdout).contains("3 differ between other outcomes"), "{}", text(&output.stdout));

    // The shipped rulebook is another vocabulary; what it cannot read is told, and the end is a no.
    let output = replay(&["--rules", "built-in", "--format", "json"]);
    let told = json(&output);
    let count = |name: &str| told[name].as_array().unwrap().len() as u64;
    assert_eq!(count("changed") + count("unreplayable") + told["same"].as_u64().unwrap(), 5);
    assert_eq!(code(&output), 1);
}

#[test]
fn wrong_calls_end_with_64_and_impossible_ones_with_2_or_3() {
    let ends = |args: &[&str]| code(&slagboom(&[&["replay"], args].concat()));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    write(&broken, &small_with_ban_from("2022-02-26").with("acts/small.yaml", "act: ["));
    for (args, expected) in [
        (&["--was", "MAYBE"][..], 64),
        (&["--known-at", "yesterday"], 64),
        (&["--eccn", "5AO"], 64),
        (&["--threads", "0"], 64),
        (&["--format", "xml"], 64),
        (&["--server", "127.0.0.1:1", "--data", "x"], 64),
        (&["--server", "127.0.0.1:1", "--rules", "rules"], 64),
        (&["--server", "127.0.0.1:1"], 2),
        (&["--data", "no/such/folder"], 2),
        (&["--data", "no/such/folder", "--rules", "no/such/folder"], 2),
        (&["--rules", broken.to_str().unwrap()], 3),
    ] {
        assert_eq!(ends(args), expected, "{args:?}");
    }
}

/// The exit code says what the log is, whoever reads on.
#[test]
fn a_reader_that_leaves_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut daemon = Daemon::start(&data, &[]);
    ask(folder.path(), &daemon.server, "a", "2022-03-01");
    assert_eq!(daemon.signal(Signal::TERM), 0);
    for (more, expected) in [(&[][..], 0), (&["--known-at", "2021-01-01T00:00:00Z"], 1)] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
            .args(["replay", "--data", data.to_str().unwrap()])
            .args(more)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output: Output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), text(&output.stderr)), (expected, String::new()));
    }
}
