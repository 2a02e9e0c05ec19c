//! What a witness remembers, and that it never starts as if it had seen nothing.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Running, ended, refused_start, request, show};
use crate::ledger::log_key;

fn log_option() -> [String; 2] {
    ["--log".to_owned(), log_key().verifier().to_string()]
}

/// A start that must fail, and what it said.
fn refused(state: &Path) -> String {
    let [flag, key] = log_option();
    let (code, said) = refused_start(state, &[&flag, &key]);
    assert_eq!(code, 2, "{said}");
    said
}

/// A witness that has seen 7 entries, and is dead.
fn seen_seven() -> (tempfile::TempDir, PathBuf) {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    witness.cosigns(&request(0, 7));
    witness.kill();
    let page = fs::read_dir(state.path().join("logs")).unwrap().next().unwrap().unwrap().path();
    (state, page)
}

#[test]
fn a_killed_witness_remembers_and_keeps_its_key() {
    let state = tempfile::tempdir().unwrap();
    let mut size = 0;
    let mut key = None;
    for _ in 0..5 {
        let witness = Running::start(state.path());
        assert_eq!(*key.get_or_insert(witness.vkey.clone()), witness.vkey);
        if size > 0 {
            assert!(witness.banner.contains(&format!("({size} entries seen)")), "{}", witness.banner);
            let reply = witness.post(request(0, size + 3).encode().as_bytes());
            assert_eq!((reply.status, reply.body), (409, format!("{size}\n")));
        }
        witness.cosigns(&request(size, size + 3));
        size += 3;
        witness.kill();
    }
}

#[test]
fn the_first_start_makes_a_key_for_its_owner_alone_and_says_what_to_do_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/state");
    let witness = Running::start(&state);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("key"))), (0o700, 0o600));
    let name = witness.vkey.name().as_str();
    let digits = name.strip_prefix("slagboom-witness/").unwrap();
    assert!(digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
    let hint = format!("slagboom serve --witness http://{}={}", witness.address, witness.vkey);
    assert!(witness.banner.contains(&hint), "{}", witness.banner);
    // Two witnesses are two keys.
    let other = Running::start(&folder.path().join("other"));
    assert_ne!(other.vkey.public(), witness.vkey.public());
    assert_ne!(other.vkey.name(), witness.vkey.name());
}

#[test]
fn a_witness_has_the_name_it_was_given_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let [flag, key] = log_option();
    let witness = Running::start_with(&state, &[&flag, &key, "--name", "compliance.example/w1"]);
    assert_eq!(witness.vkey.name().as_str(), "compliance.example/w1");
    witness.kill();
    let (code, said) = refused_start(&state, &[&flag, &key, "--name", "other.example"]);
    assert_eq!(code, 2);
    assert!(said.contains("`compliance.example/w1`") && said.contains("`other.example`"), "{said}");
    assert_eq!(Running::start(&state).vkey.name().as_str(), "compliance.example/w1");
}

#[test]
fn two_processes_cannot_share_a_folder() {
    let (state, _) = seen_seven();
    let _witness = Running::start(state.path());
    assert!(refused(state.path()).contains("is in use by another witness"));
    // To look is allowed.
    assert_eq!(show(state.path(), &[]).status.code(), Some(0));
}

#[test]
fn a_damaged_page_stops_the_start_and_is_named() {
    let (state, page) = seen_seven();
    let whole = fs::read(&page).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let middle = whole.len() / 2;
    for damaged in [
        Vec::new(),
        whole[..middle].to_vec(),
        vec![0; whole.len()],
        flipped(0),
        flipped(30),
        flipped(middle),
        flipped(whole.len() - 2),
        [whole.as_slice(), b"\n"].concat(),
    ] {
        fs::write(&page, &damaged).unwrap();
        let said = refused(state.path());
        assert!(said.contains(&format!("`{}` is damaged", page.display())), "{said}");
        let (code, shown) = ended(&show(state.path(), &["--format", "json"]));
        assert_eq!((code, shown), (2, said));
    }
    fs::write(&page, &whole).unwrap();
    // A page of another log, a page of another witness, and what is no page at all.
    let stray = page.with_file_name("0".repeat(64));
    fs::rename(&page, &stray).unwrap();
    assert!(refused(state.path()).contains(&format!("`{}` is damaged", stray.display())));
    fs::remove_file(&stray).unwrap();
    let (_other, foreign) = seen_seven();
    fs::copy(foreign, &page).unwrap();
    assert!(refused(state.path()).contains("is not cosigned by the key"));
    fs::remove_file(&page).unwrap();
    fs::create_dir(&page).unwrap();
    assert!(refused(state.path()).contains(&format!("`{}` is damaged", page.display())));
    fs::remove_dir(&page).unwrap();
    fs::write(&page, &whole).unwrap();
    Running::start(state.path()).cosigns(&request(7, 9));
}

/// A crash may leave a page that was not finished. The cosignature over it has not left either.
#[test]
fn an_unfinished_page_is_no_page() {
    let (state, page) = seen_seven();
    fs::write(page.with_added_extension("new"), b"slagboom-wit").unwrap();
    let witness = Running::start(state.path());
    witness.cosigns(&request(7, 9));
    witness.cosigns(&request(9, 11));
}

/// What could not be written is not signed, and not taken for seen.
#[test]
fn no_page_no_cosignature() {
    let (state, page) = seen_seven();
    let witness = Running::start(state.path());
    let in_the_way = page.with_added_extension("new");
    fs::create_dir(&in_the_way).unwrap();
    let before = fs::read(&page).unwrap();
    let reply = witness.post(request(7, 9).encode().as_bytes());
    assert_eq!((reply.status, &*reply.body), (500, "the witness cannot cosign now\n"));
    assert_eq!(fs::read(&page).unwrap(), before);
    fs::remove_dir(&in_the_way).unwrap();
    witness.cosigns(&request(7, 9));
}

#[test]
fn a_lost_key_or_lost_pages_are_not_a_first_start() {
    let (state, _) = seen_seven();
    let (key, logs) = (state.path().join("key"), state.path().join("logs"));
    let secret = fs::read_to_string(&key).unwrap();

    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    assert!(refused(state.path()).contains("chmod 600"));
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    let halves = secret.split_at(secret.len() / 2);
    for damaged in [String::new(), halves.0.to_owned(), halves.1.to_owned(), secret.replacen('/', "_", 1)] {
        fs::write(&key, &damaged).unwrap();
        let said = refused(state.path());
        assert!(said.contains(&format!("the key `{}` is damaged", key.display())), "{said}");
        // The base64 may hold a `+` too; its first letters are the type of the key.
        let material = secret.splitn(5, '+').nth(4).unwrap();
        assert!(!said.contains(&material[4..20]), "no secret in a message");
    }
    fs::remove_file(&key).unwrap();
    let said = refused(state.path());
    assert!(said.contains(&format!("`{}` is gone", key.display())), "{said}");
    assert!(!key.exists(), "no other key is made");
    fs::write(&key, &secret).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();

    let aside = state.path().join("aside");
    fs::rename(&logs, &aside).unwrap();
    assert!(refused(state.path()).contains(&format!("`{}` is gone", logs.display())));
    fs::rename(&aside, &logs).unwrap();
    Running::start(state.path()).cosigns(&request(7, 9));
}

#[test]
fn a_folder_of_something_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FORMAT"), "slagboom store 1\n").unwrap();
    assert!(refused(folder.path()).contains("it holds `FORMAT`"));
    assert!(!folder.path().join("key").exists() && !folder.path().join("logs").exists());
    let file = folder.path().join("FORMAT");
    assert!(refused(&file).contains(&*file.to_string_lossy()));
    let (code, said) = ended(&show(folder.path(), &[]));
    assert!(code == 2 && said.contains("it has no key"), "{said}");
}

#[test]
fn show_prints_what_was_seen() {
    let (state, _) = seen_seven();
    let output = show(state.path(), &["--format", "json"]);
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let log = &shown["logs"][0];
    assert_eq!((log["origin"].as_str(), log["size"].as_u64()), (Some("exporter.example/log"), Some(7)));
    let checkpoint = request(0, 7).checkpoint;
    assert_eq!(log["root"].as_str(), checkpoint.text().lines().nth(2));
    assert!(log["checkpoint"].as_str().unwrap().starts_with(&checkpoint.to_string()));
    assert!(log["cosigned_at"].as_str().unwrap().ends_with('Z'));
    let vkey = Running::start(state.path()).vkey.to_string();
    assert_eq!(shown["vkey"].as_str(), Some(&*vkey));
    let human = String::from_utf8(show(state.path(), &[]).stdout).unwrap();
    assert!(human.contains(&vkey) && human.contains("exporter.example/log: 7 entries"), "{human}");
}

/// Once a variable that the daemon reads too made `show` ask for the arguments of a running witness.
#[test]
fn variables_of_the_daemon_do_not_get_in_the_way() {
    let (state, _) = seen_seven();
    let run = |args: &[&str], format: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_slagboom"));
        command.arg("witness").args(args).arg("--state").arg(state.path());
        command.env("SLAGBOOM_LOG_FORMAT", format).output().unwrap()
    };
    assert_eq!(run(&["show"], "json").status.code(), Some(0));
    let [flag, key] = log_option();
    let (code, said) = ended(&run(&[&flag, &key], "xml"));
    assert!(code == 64 && said.contains("SLAGBOOM_LOG_FORMAT"), "{said}");
}

/// A log that is not named any more is not watched, and not forgotten.
#[test]
fn a_log_left_out_for_a_while_is_where_it_was() {
    let (state, page) = seen_seven();
    let before = fs::read(&page).unwrap();
    let other = slagboom::ledger::Signer::from_seed("other.example/log".parse().unwrap(), &[4; 32]).unwrap();
    let witness = Running::start_with(state.path(), &["--log", &other.verifier().to_string()]);
    assert_eq!(witness.post(request(7, 9).encode().as_bytes()).status, 404);
    witness.kill();
    assert_eq!(fs::read(&page).unwrap(), before);
    Running::start(state.path()).cosigns(&request(7, 9));
}

#[test]
fn wrong_usage_ends_with_64_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let [flag, key] = log_option();
    let witness = Running::start(&folder.path().join("other")).vkey.to_string();
    for wrong in [
        vec![],
        vec!["--log", "nonsense"],
        vec!["--log", &key[..key.len() - 3]],
        vec!["--log", &witness],
        vec![&*flag, &*key, "--name", "with space"],
        vec![&*flag, &*key, "--listen", "here"],
    ] {
        let (code, said) = refused_start(&state, &wrong);
        assert_eq!(code, 64, "{wrong:?}: {said}");
    }
    assert!(!state.exists());
    // A port that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused_start(&state, &[&flag, &key, "--listen", &address]);
    assert!(code == 2 && said.contains(&format!("cannot listen on `{address}`")), "{said}");
}
