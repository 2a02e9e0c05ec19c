//! The operators' verbs of the register, on a daemon and on a data folder that no daemon runs on.

use std::path::Path;

use serde_json::Value;

use crate::cli::{code, json, slagboom, text, with_the_daemon::Daemon};

/// Runs a verb and gives what it printed.
fn said(args: &[&str], place: &[&str]) -> String {
    let output = slagboom(&[args, place].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The same as JSON.
fn told(args: &[&str], place: &[&str]) -> Value {
    let output = slagboom(&[args, place, &["--format", "json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    json(&output)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const LICENCE: &str = "
number: NL-7
kind: individual
holder: Voorbeeld BV
valid_from: '2022-01-01'
valid_until: '2022-12-31'
destinations: [IN]
lines:
  - {code: 5A002, quantity: '100', unit: pcs, value: '100000.00'}
";

/// Every verb that writes, then what there is to read of it.
fn all_of_it(folder: &Path, place: &[&str]) {
    let licence = write(folder, "licence.yaml", LICENCE);
    said(&["licence", "record", &licence], place);
    let amended = write(folder, "amended.yaml", &LICENCE.replace("100000.00", "120000.00"));
    let args = ["licence", "amend", &amended, "--from", "2022-06-01", "--reason", "more was asked for"];
    said(&args, place);
    let ecb = write(folder, "ecb.csv", "Date,USD,JPY,CYP,\n2022-02-25,1.1216,129.53,N/A,\n");
    let args = ["rates", "import", &ecb, "--source", "European Central Bank"];
    assert_eq!(told(&args, place)["recorded"], 2);
    assert_eq!(told(&args, place)["recorded"], 2, "the same rates again change nothing");
    let args = ["licence", "register", "EU001", "--holder", "Voorbeeld BV", "--from", "2022-01-01"];
    said(&[&args[..], &["--reference", "CDIU 7"]].concat(), place);
    let args = ["licence", "correct", "NL-7", "--kind", "adjust", "--quantity", "5", "--value", "-0"];
    let proposed = told(&[&args[..], &["--reference", "memo", "--reason", "missed"]].concat(), place);
    let proposal = proposed["sequence"].as_str().unwrap().to_owned();
    // One person alone cannot do it.
    let alone = slagboom(&[&["licence", "approve", &proposal, "--reason", "sure"][..], place].concat());
    assert_eq!(code(&alone), 2);
    assert!(text(&alone.stderr).contains("SAME_PERSON"), "{}", text(&alone.stderr));
    let rates = told(&["rates", "list", "--currency", "USD"], place);
    assert_eq!(rates["rates"][0]["eurPerUnit"], "0.891583452211");
    let registrations = told(&["licence", "registrations"], place);
    assert_eq!(registrations["registrations"][0]["authorisation"], "EU001");
    let shown = said(&["licence", "show", "NL-7", "--on", "2022-06-01"], place);
    for word in ["amended from 2022-06-01", "waits for approval", "120,000.00"] {
        assert!(shown.contains(word), "{word} is not in {shown}");
    }
    let moved = told(&["licence", "movements", "NL-7"], place);
    let kinds: Vec<&str> =
        moved["movements"].as_array().unwrap().iter().map(|moved| moved["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["GRANT", "AMEND"]);
    assert!(said(&["licence", "movements", "NL-7"], place).contains("20,000.00 EUR"));
    let lines = told(&["report", "drawdown"], place);
    assert_eq!(
        (&lines["lines"][0]["reconciles"], &lines["lines"][0]["cap"]["value"]),
        (&true.into(), &"120000.00".into())
    );
    assert!(said(&["report", "drawdown", "--at", "2021-01-01"], place).contains("0 lines"));
    let sheet = said(&["report", "drawdown", "--format", "csv"], place);
    assert_eq!(sheet.lines().count(), 2, "{sheet}");
    assert!(said(&["report", "incidents"], place).contains("0 incidents"));
    // The unused licence is owed back, and overdue.
    let overdue = slagboom(&[&["report", "duties", "--on", "2023-02-01"][..], place].concat());
    assert_eq!(code(&overdue), 1, "{}", text(&overdue.stderr));
    assert!(text(&overdue.stdout).contains("RETURN_UNUSED"), "{}", text(&overdue.stdout));
    said(&["report", "duties", "--on", "2022-12-31", "--format", "csv"], place);
    let done = |since: &str| {
        let args = ["licence", "duty-done", "RETURN_UNUSED", "NL-7", "--holder", "Voorbeeld BV"];
        let more = ["--since", since, "--on", "2023-01-05", "--reference", "letter"];
        slagboom(&[&args[..], &more, place].concat())
    };
    assert_eq!(code(&done("2022-12-30")), 2, "no such duty is owed");
    assert_eq!(code(&done("2022-12-31")), 0);
    assert!(said(&["report", "duties", "--on", "2023-02-01"], place).contains("done 2023-01-05"));
}

#[test]
fn the_register_is_kept_on_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    all_of_it(folder.path(), &["--server", &daemon.server]);
}

#[test]
fn the_register_is_kept_on_a_folder_without_a_daemon_and_the_log_stays_sound() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut daemon = Daemon::start(&data, &[]);
    assert_eq!(daemon.signal(rustix::process::Signal::TERM), 0);
    let data = data.to_str().unwrap();
    all_of_it(folder.path(), &["--data", data]);
    let verified = json(&slagboom(&["verify", "--data", data, "--format", "json"]));
    assert_eq!(verified["ok"], true, "{verified}");
    let nowhere = folder.path().join("nowhere");
    let output = slagboom(&["rates", "list", "--data", nowhere.to_str().unwrap()]);
    assert_eq!(code(&output), 2);
}

#[test]
fn every_bad_rate_of_a_file_is_listed_and_none_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&folder.path().join("data"), &[]);
    let place = ["--server", &*daemon.server];
    let bad = "date,from,until,currency,eur_per_unit\n\
        2022-03-01,,,USD,0.9\n\
        2022-02-30,,,USD,0.9\n\
        ,2022-03-01,2022-02-01,GBP,1.2\n\
        2022-03-01,,,EURO,1\n\
        2022-03-01,,,CHF,0\n\
        2022-03-01,,,USD,0.8\n\
        ,,,JPY,1\n";
    let bad = write(folder.path(), "bad.csv", bad);
    let output = slagboom(&[&["rates", "import", &bad, "--source", "nobody"][..], &place].concat());
    assert_eq!(code(&output), 2);
    let said = text(&output.stderr);
    for fault in [
        "bad.csv:3: date",
        "bad.csv:4: until",
        "bad.csv:5: currency",
        "bad.csv:6: eur_per_unit",
        "bad.csv:8: date",
    ] {
        assert!(said.contains(fault), "{fault} is not in {said}");
    }
    assert!(said.contains("2022-03-01 for USD stands there twice"), "{said}");
    assert_eq!(told(&["rates", "list"], &place)["rates"].as_array().map_or(0, Vec::len), 0);
    // A rate of several days is one for each of them.
    let month = write(
        folder.path(),
        "month.csv",
        "from,until,currency,eur_per_unit\n2022-03-01,2022-03-31,USD,0.882\n",
    );
    assert_eq!(told(&["rates", "import", &month, "--source", "customs"], &place)["recorded"], 31);
    let other = write(folder.path(), "other.csv", "date,currency,eur_per_unit\n2022-03-31,USD,0.9\n");
    let output = slagboom(&[&["rates", "import", &other, "--source", "customs"][..], &place].concat());
    assert!(text(&output.stderr).contains("RATE_KNOWN"), "{}", text(&output.stderr));
    assert_eq!(told(&["rates", "import", &other, "--source", "customs", "--replace"], &place)["recorded"], 1);
}
