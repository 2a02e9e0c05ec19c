//! Logs that earlier programs wrote: each must still open, verify and replay as it did then.
//!
//! `tests/fixtures/log-1` is a log of three decisions, one of them erased, and of a rotated key: its data folder without
//! the secret key and the database, its export, and the receipt of its first decision.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use slagboom::server::grpc;
use slagboom::store::{Opened, Options, Store};

const ROOT: &str = "ZzKax/k95X794nJ+uk6BVuLVxXKDIICNjpEA8ckSGo8=";
const FIRST_KEY: &str = "fixture.example/log+e224f48a+AZJDF8RIx8s9eUJMjdvA0ls8Gwf5UMKoAsHFHch6fHPQ";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/log-1")
}

fn slagboom(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom")).args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn the_first_format_of_a_log_verifies_and_replays() {
    let [data, export] = ["data", "export"].map(|name| fixture().join(name).to_str().unwrap().to_owned());
    for source in [["--data", data.as_str()], ["--log", export.as_str()]] {
        let output = slagboom(&["verify", source[0], source[1], "--vkey", FIRST_KEY, "--format", "json"]);
        let report = json(&output);
        assert_eq!((output.status.code(), report["size"].as_u64()), (Some(0), Some(6)), "{report}");
        assert_eq!((report["root"].as_str(), report["bodies"]["erased"].as_u64()), (Some(ROOT), Some(1)));
        let report = json(&slagboom(&["replay", source[0], source[1], "--format", "json"]));
        assert_eq!((report["decisions"].as_u64(), report["same"].as_u64()), (Some(3), Some(2)), "{report}");
        assert_eq!(report["changed"].as_array().unwrap().len(), 0, "{report}");
        assert_eq!(report["unreplayable"][0]["sequence"], 3, "{report}");
    }
    let receipt = fixture().join("first.tlog-proof");
    let output = slagboom(&["verify", "--receipt", receipt.to_str().unwrap(), "--vkey", FIRST_KEY]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn the_first_format_of_a_data_folder_opens_and_its_database_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("journal")).unwrap();
    for file in ["FORMAT", "journal/00000000000000000000.journal"] {
        fs::copy(fixture().join("data").join(file), data.join(file)).unwrap();
    }
    let Opened { store, .. } = Store::open(&Options::new(&data), grpc::derive).unwrap();
    assert_eq!((store.size(), store.root().to_base64()), (6, ROOT.to_owned()));
    assert!(store.record(1).unwrap().unwrap().body().unwrap().is_some());
    assert_eq!(store.record(3).unwrap().unwrap().body().unwrap(), None);
    assert!(store.check().unwrap().is_sound());
}
