//! What is asked, and what C2SP tlog-witness says must be answered.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::Signal;
use slagboom::ledger::{AddCheckpoint, Checkpoint, Digest, NOTE_SIGNATURES_MAX, Signature, Signer};
use slagboom::witness::http::{BODY_BYTES_MAX, CONNECTIONS_MAX};

use super::{Reply, Running, checkpoint, continuing, request};
use crate::ledger::{entries, log_key};

fn status(witness: &Running, request: &AddCheckpoint) -> u16 {
    witness.post(request.encode().as_bytes()).status
}

/// A checkpoint of the log with another history.
fn rewritten(size: u64) -> Checkpoint {
    Checkpoint::new("exporter.example/log", size, Digest::of(b"another history")).unwrap()
}

#[test]
fn a_log_is_followed_from_its_first_checkpoint_on() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let mut last = 0;
    for (old, new) in [(0, 1), (1, 1), (1, 7), (7, 7), (7, 100), (100, 101)] {
        let cosignature = witness.cosigns(&request(old, new));
        assert!(cosignature.time_s >= last, "the time is that of now");
        last = cosignature.time_s;
    }
    assert!(last > 1_760_000_000);
}

#[test]
fn every_refusal_has_its_status_and_leaves_the_witness_as_it_was() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    witness.cosigns(&request(0, 7));
    let impostor = Signer::from_seed("exporter.example/log".parse().unwrap(), &[9; 32]).unwrap();
    let elsewhere = Signer::from_seed("other.example/log".parse().unwrap(), &[1; 32]).unwrap();
    let other = Checkpoint::new("other.example/log", 9, Digest::ZERO).unwrap().sign(&elsewhere).unwrap();
    let signed = |checkpoint: Checkpoint| checkpoint.sign(&log_key()).unwrap();
    for (why, expected, asked) in [
        ("a rewritten history", 422, AddCheckpoint { checkpoint: signed(rewritten(9)), ..request(7, 9) }),
        ("no proof", 422, AddCheckpoint { proof: vec![], ..request(7, 9) }),
        ("a proof of nothing", 422, AddCheckpoint { proof: vec![Digest::ZERO], ..request(7, 7) }),
        ("a fork of the same size", 409, AddCheckpoint { checkpoint: signed(rewritten(7)), ..request(7, 7) }),
        (
            "a key that is not the log's",
            403,
            AddCheckpoint { checkpoint: checkpoint(9).sign(&impostor).unwrap(), ..request(7, 9) },
        ),
        ("a log that is not watched", 404, AddCheckpoint { checkpoint: other, ..request(7, 9) }),
        ("an old size above the new one", 400, AddCheckpoint { old_size: 10, ..request(7, 9) }),
        ("an old size that is not known yet", 409, request(8, 9)),
        ("an old size that is known no more", 409, request(5, 9)),
        ("a first checkpoint again", 409, request(0, 9)),
    ] {
        assert_eq!(status(&witness, &asked), expected, "{why}");
    }
    for stale in [request(5, 9), request(0, 9)] {
        let reply = witness.post(stale.encode().as_bytes());
        assert_eq!((&*reply.content_type, &*reply.body), ("text/x.tlog.size", "7\n"));
    }
    // A fork is no size to start from.
    let fork = AddCheckpoint { checkpoint: signed(rewritten(7)), ..request(7, 7) };
    let reply = witness.post(fork.encode().as_bytes());
    assert_eq!((reply.status, &*reply.content_type), (409, "text/plain; charset=utf-8"));
    witness.cosigns(&request(7, 9));
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let good = request(0, 7).encode();
    for malformed in
        [String::new(), good.replace("old 0", "old 00"), good.replace("\n\n", "\n"), "\u{1b}[2J\n".into()]
    {
        let reply = witness.post(malformed.as_bytes());
        assert_eq!(reply.status, 400, "{malformed:?}");
        assert!(reply.body.ends_with('\n') && reply.body.len() > 10, "{reply:?}");
    }
    assert_eq!(witness.post(&[0xff; 40]).status, 400);
    let long = vec![b'a'; BODY_BYTES_MAX + 1];
    assert_eq!(witness.post(&long).status, 413);
    assert_eq!(witness.ask("GET", "/add-checkpoint", b"").status, 405);
    for path in ["/", "/add-checkpoint/", "/add-checkpoints", "/a/add-checkpoint"] {
        assert_eq!(witness.ask("POST", path, good.as_bytes()).status, 404, "{path}");
    }
    let mut stream = witness.connect();
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\nx: {}\r\n\r\n",
        "y".repeat(17 << 10)
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut stream).status, 431);
    // None of it was taken for a first checkpoint.
    witness.cosigns(&request(0, 7));
}

/// Anyone may add signatures to a checkpoint on its way: they count for nothing, and do not keep the log from being
/// cosigned.
#[test]
fn signatures_of_strangers_are_ignored() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let mut crowded = request(0, 7);
    for number in 1..NOTE_SIGNATURES_MAX {
        let stranger = format!("stranger{number}.example").parse().unwrap();
        let signature = Signature::new(stranger, log_key().verifier().id(), vec![1; 64]);
        crowded.checkpoint.add(signature).unwrap();
    }
    // One of them has the name and the id of the witness itself.
    let own = Signature::new(witness.vkey.name().clone(), witness.vkey.id(), vec![1; 72]);
    let mut posing = request(7, 7);
    posing.checkpoint.add(own).unwrap();
    witness.cosigns(&crowded);
    witness.cosigns(&posing);
    let page = std::fs::read_dir(state.path().join("logs")).unwrap().next().unwrap().unwrap();
    let kept = std::fs::read_to_string(page.path()).unwrap();
    assert!(!kept.contains("stranger"), "{kept}");
}

#[test]
fn a_log_may_change_its_key() {
    let state = tempfile::tempdir().unwrap();
    let next = Signer::from_seed("exporter.example/log".parse().unwrap(), &[2; 32]).unwrap();
    let signed =
        |old, new| AddCheckpoint { checkpoint: checkpoint(new).sign(&next).unwrap(), ..request(old, new) };
    let witness = Running::start(state.path());
    witness.cosigns(&request(0, 7));
    assert_eq!(status(&witness, &signed(7, 9)), 403);
    witness.kill();
    let (old_key, new_key) = (log_key().verifier().to_string(), next.verifier().to_string());
    let witness =
        Running::start_with(state.path(), &["--log", &old_key, "--log", &new_key, "--log", &old_key]);
    assert_eq!(witness.banner.matches("log      exporter.example/log (7 entries seen)").count(), 1);
    witness.cosigns(&request(7, 8));
    witness.cosigns(&signed(8, 9));
    witness.kill();
    let witness = Running::start_with(state.path(), &["--log", &new_key]);
    assert_eq!(status(&witness, &request(9, 11)), 403);
    witness.cosigns(&signed(9, 11));
}

/// The log has two faces, each rightly signed and rightly proved from what was seen: only one of them is cosigned, and
/// the other never again.
#[test]
fn of_two_clients_that_race_one_is_first() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let mut leaves = entries(1);
    witness.cosigns(&continuing(0, &leaves));
    for round in 0..20_u64 {
        let size = leaves.len() as u64;
        let face = |name: &str, count: u64| {
            let added = (0..count).map(|at| format!("{name} {round} {at}").into_bytes());
            leaves.iter().cloned().chain(added).collect::<Vec<_>>()
        };
        // Of the same size in one round, of two sizes in the next.
        let faces = [face("one", 1), face("other", 1 + round % 2)];
        let asked = [0, 1, 0, 1].map(|at| continuing(size, &faces[at]));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads = asked.each_ref().map(|request| scope.spawn(|| status(&witness, request)));
            threads.map(|thread| thread.join().unwrap()).into()
        });
        let signed: Vec<usize> = (0..4).filter(|at| statuses[*at] == 200).collect();
        assert_eq!(signed.len(), 1, "round {round}: {statuses:?}");
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "round {round}: {statuses:?}");
        let (seen, unseen) = (&faces[signed[0] % 2], &faces[(signed[0] + 1) % 2]);
        witness.cosigns(&continuing(seen.len() as u64, seen));
        let forked = [unseen.as_slice(), &entries(2)].concat();
        let forked =
            AddCheckpoint { old_size: seen.len() as u64, ..continuing(unseen.len() as u64, &forked) };
        assert_eq!(status(&witness, &forked), 422, "round {round}");
        leaves = seen.clone();
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let mut stream = witness.connect();
    let mut sent = Vec::new();
    for (old, new) in [(0, 1), (1, 2), (2, 3)] {
        let body = request(old, new).encode();
        let length = body.len();
        let close = if new == 3 { "connection: close\r\n" } else { "" };
        let head =
            format!("POST /add-checkpoint HTTP/1.1\r\nhost: w\r\n{close}content-length: {length}\r\n\r\n");
        sent.extend_from_slice(head.as_bytes());
        sent.extend_from_slice(body.as_bytes());
    }
    stream.write_all(&sent).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
}

#[test]
fn one_connection_too_many_is_closed_and_others_go_on() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let mut taken: Vec<_> = (0..CONNECTIONS_MAX).map(|_| witness.connect()).collect();
    assert_eq!(witness.connect().read(&mut [0]).unwrap(), 0, "nobody answers there");
    // One of those that are open has its turn, and leaves its place to the next.
    let body = request(0, 7).encode();
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut last = taken.pop().unwrap();
    last.write_all(&[head, body].concat().into_bytes()).unwrap();
    assert_eq!(Reply::read(&mut last).status, 200);
    drop((taken, last));
    // The witness sees by and by that they have left.
    let mut tries = 0;
    while status_if_answered(&witness, &request(7, 8)) != Some(200) {
        tries += 1;
        assert!(tries < 1_000, "the places are not given back");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The status, or nothing where the connection was closed at once.
fn status_if_answered(witness: &Running, request: &AddCheckpoint) -> Option<u16> {
    let body = request.encode();
    let length = body.len();
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut stream = witness.connect();
    let mut answer = String::new();
    stream.write_all(head.as_bytes()).and_then(|()| stream.read_to_string(&mut answer)).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_signal_ends_it_after_the_request_in_flight() {
    for signal in [Signal::TERM, Signal::INT] {
        let state = tempfile::tempdir().unwrap();
        let mut witness = Running::start(state.path());
        let body = request(0, 7).encode();
        let (first, rest) = body.split_at(10);
        let mut idle = witness.connect();
        let mut busy = witness.connect();
        let head = format!(
            "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        busy.write_all(head.as_bytes()).unwrap();
        // It asks for the body, so the request is in flight.
        let mut go_on = [0; 25];
        busy.read_exact(&mut go_on).unwrap();
        assert!(go_on.starts_with(b"HTTP/1.1 100"));
        busy.write_all(first.as_bytes()).unwrap();
        witness.signal(signal);
        // The idle connection is closed when the witness has begun to stop.
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        busy.write_all(rest.as_bytes()).unwrap();
        assert_eq!(Reply::read(&mut busy).status, 200);
        assert_eq!(witness.ended(), Some(0));
        let witness = Running::start(state.path());
        witness.cosigns(&request(7, 8));
    }
}
