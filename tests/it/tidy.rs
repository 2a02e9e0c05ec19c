//! The source itself: which room may know what, and how long a file may be.

use std::path::{Path, PathBuf};

/// Source files below a folder, with their text.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

/// Lines of code that hold a word; comments may speak of anything.
fn trespasses(folder: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        if except.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = words.iter().find(|word| code.contains(**word)) {
                found.push(format!("{}:{}: {word}", path.display(), at + 1));
            }
        }
    }
    found
}

#[test]
fn the_core_knows_no_wire_no_disk_and_no_clock() {
    for room in ["src/domain", "src/engine", "src/register", "src/screening", "src/cases"] {
        let words = [
            "tonic::",
            "prost::",
            "tokio::",
            "sled::",
            "std::fs",
            "std::net",
            "std::env",
            "SystemTime",
            "Timestamp::now",
        ];
        assert_eq!(trespasses(room, &words, &[]), Vec::<String>::new());
    }
    let words = ["tonic::", "prost::", "tokio::", "sled::", "std::net", "SystemTime", "Timestamp::now"];
    assert_eq!(trespasses("src/rulebook", &words, &[]), Vec::<String>::new());
}

/// The ledger is bytes in, bytes out, so that anybody can test it from outside; an archive is files and nothing else.
#[test]
fn the_ledger_is_pure_and_an_archive_needs_no_daemon() {
    let words = [
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "tokio::",
        "tonic::",
        "prost::",
        "sled::",
        "SystemTime",
        "Timestamp::now",
        "Instant::now",
        "getrandom",
        "crate::store",
        "crate::archive",
        "crate::service",
    ];
    assert_eq!(trespasses("src/ledger", &words, &[]), Vec::<String>::new());
    let words =
        ["tokio::", "tonic::", "prost::", "sled::", "crate::service", "crate::server", "crate::engine"];
    assert_eq!(trespasses("src/archive", &words, &[]), Vec::<String>::new());
}

#[test]
fn dependencies_point_one_way() {
    assert_eq!(
        trespasses(
            "src/domain",
            &["crate::rulebook", "crate::engine", "crate::screening", "crate::cases"],
            &[]
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        trespasses("src/rulebook", &["crate::engine", "crate::screening", "crate::cases"], &[]),
        Vec::<String>::new()
    );
    let above = ["crate::rulebook", "crate::service", "crate::store", "crate::server", "crate::ledger"];
    assert_eq!(trespasses("src/register", &above, &[]), Vec::<String>::new());
}

#[test]
fn only_the_store_says_sled() {
    assert_eq!(trespasses("src", &["sled::"], &["src/store"]), Vec::<String>::new());
}

#[test]
fn the_service_knows_no_status_codes_and_no_messages() {
    assert_eq!(
        trespasses("src/service", &["tonic::", "crate::proto", "crate::server"], &[]),
        Vec::<String>::new()
    );
    assert_eq!(trespasses("src/store", &["tokio::", "tonic::"], &[]), Vec::<String>::new());
}

/// A witness is no daemon: it runs elsewhere, and neither trusts nor knows what the log is about.
#[test]
fn a_witness_knows_the_log_and_nothing_of_what_is_in_it() {
    let rooms =
        ["domain", "rulebook", "engine", "screening", "cases", "store", "service", "server", "proto", "cli"];
    let words: Vec<String> = rooms.iter().map(|room| format!("crate::{room}")).collect();
    let words: Vec<&str> =
        words.iter().map(String::as_str).chain(["tonic::", "SystemTime", "Timestamp::now"]).collect();
    assert_eq!(trespasses("src/witness", &words, &[]), Vec::<String>::new());
    for room in ["src/ledger", "src/store", "src/engine"] {
        assert_eq!(trespasses(room, &["crate::witness"], &[]), Vec::<String>::new());
    }
}

#[test]
fn http_stays_at_the_edges() {
    let words = ["hyper::", "hyper_util::", "http_body_util::"];
    assert_eq!(trespasses("src", &words, &["src/witness", "src/server"]), Vec::<String>::new());
}

#[test]
fn yaml_shapes_stay_in_the_rulebook() {
    // The daemon's own configuration is YAML too, and so is its file of tokens, each one struct of it.
    let rooms = ["src/rulebook", "src/config.rs", "src/access"];
    assert_eq!(trespasses("src", &["serde_saphyr::", "granit_parser::"], &rooms), Vec::<String>::new());
}

/// A file that passes 600 lines usually holds two ideas.
#[test]
fn files_stay_short() {
    let long: Vec<String> = sources("src")
        .into_iter()
        .filter(|(_, text)| text.lines().count() > 600)
        .map(|(path, text)| format!("{}: {} lines", path.display(), text.lines().count()))
        .collect();
    assert_eq!(long, Vec::<String>::new());
}
