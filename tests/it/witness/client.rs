//! The client of a daemon: what it believes, and what it makes of every other answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use slagboom::ledger::{AddCheckpoint, Cosignature, Cosigner, Digest, Signature};
use slagboom::witness::{Client, ClientError};

use super::{Running, checkpoint, request};
use crate::ledger::log_key;
use crate::support::block_on;

fn client(witness: &Running) -> Client {
    format!("http://{}={}", witness.address, witness.vkey).parse().unwrap()
}

#[test]
fn a_checkpoint_is_cosigned_again_and_again_on_one_client() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let client = client(&witness);
    block_on(async {
        for (old, new) in [(0, 1), (1, 7), (7, 7), (7, 100)] {
            let request = request(old, new);
            let signature = client.add_checkpoint(&request).await.unwrap();
            let text = request.checkpoint.text();
            assert!(Cosignature::verify(&witness.vkey, text, &signature).is_some());
        }
    });
}

#[test]
fn each_refusal_says_what_to_do_next() {
    let state = tempfile::tempdir().unwrap();
    let witness = Running::start(state.path());
    let client = client(&witness);
    let root = Digest::of(b"another history");
    let forked = |size| {
        let checkpoint = slagboom::ledger::Checkpoint::new("exporter.example/log", size, root).unwrap();
        checkpoint.sign(&log_key()).unwrap()
    };
    block_on(async {
        client.add_checkpoint(&request(0, 7)).await.unwrap();
        let behind = client.add_checkpoint(&request(0, 9)).await;
        assert_eq!(behind, Err(ClientError::Behind { known: 7 }));
        let ahead = client.add_checkpoint(&request(8, 9)).await;
        assert_eq!(ahead, Err(ClientError::Behind { known: 7 }));
        for (expected, asked) in [
            (409, AddCheckpoint { checkpoint: forked(7), ..request(7, 7) }),
            (422, AddCheckpoint { checkpoint: forked(9), ..request(7, 9) }),
            (400, AddCheckpoint { old_size: 10, ..request(7, 9) }),
        ] {
            match client.add_checkpoint(&asked).await {
                Err(ClientError::Refused { status, why }) => {
                    assert_eq!(status, expected);
                    assert!(!why.is_empty() && !why.contains('\n'), "{why:?}");
                }
                other => panic!("{expected}: {other:?}"),
            }
        }
        client.add_checkpoint(&request(7, 9)).await.unwrap();
    });
}

#[test]
fn a_witness_that_was_away_is_found_again() {
    let state = tempfile::tempdir().unwrap();
    let [flag, key] = ["--log".to_owned(), log_key().verifier().to_string()];
    let witness = Running::start(state.path());
    let client = client(&witness);
    let address = witness.address.to_string();
    block_on(client.add_checkpoint(&request(0, 7))).unwrap();
    witness.kill();
    let away = block_on(client.add_checkpoint(&request(7, 9)));
    assert!(matches!(away, Err(ClientError::Unreachable { .. })), "{away:?}");
    let _witness = Running::start_with(state.path(), &[&flag, &key, "--listen", &address]);
    block_on(client.add_checkpoint(&request(7, 9))).unwrap();
}

/// A server that gives one answer on each of some connections, whatever it is asked.
fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prefix", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            // The body ends with the signature of the log, and that with a newline.
            while !asked.ends_with(b"=\n") {
                let mut some = [0; 4096];
                let length = stream.read(&mut some).unwrap();
                assert!(length > 0, "the request broke off");
                asked.extend_from_slice(&some[..length]);
            }
            assert!(asked.starts_with(b"POST /prefix/add-checkpoint HTTP/1.1\r\n"));
            // An error means that the client has heard enough.
            let _ = stream.write_all(&answer);
        }
    });
    (url, thread)
}

fn answer(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close\r\n");
    format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes()
}

#[test]
fn only_the_cosignature_of_the_witness_over_the_checkpoint_is_believed() {
    let key = |seed: u8| Cosigner::from_seed("witness.example".parse().unwrap(), &[seed; 32]).unwrap();
    let (own, other) = (key(2), key(3));
    let asked = request(0, 7);
    let text = asked.checkpoint.text();
    let line = |signature: &Signature| format!("{signature}\n");
    let right = own.cosign(text, 1_000).unwrap();
    let others = other.cosign(text, 1_000).unwrap();
    let elsewhere = own.cosign(checkpoint(8).text().as_str(), 1_000).unwrap();
    let (name, id) = (own.verifier().name().clone(), own.verifier().id());
    let posing = Signature::new(name.clone(), id, others.bytes().to_vec());
    let mut later = right.bytes().to_vec();
    later[7] ^= 1;
    let retimed = Signature::new(name.clone(), id, later);
    let (forged, other_key) =
        (ClientError::Forged { key: name.clone() }, ClientError::OtherKey { key: name.clone() });
    let cases: Vec<(&str, String, Result<Signature, ClientError>)> = vec![
        ("the right one", line(&right), Ok(right.clone())),
        ("one among others", line(&others) + &line(&right), Ok(right.clone())),
        ("by another key of that name", line(&others), Err(other_key)),
        ("by another key under this id", line(&posing), Err(forged.clone())),
        ("over another checkpoint", line(&elsewhere), Err(forged.clone())),
        ("at another time", line(&retimed), Err(forged)),
        ("no line at all", String::new(), Err(ClientError::Malformed)),
        ("no newline", right.to_string(), Err(ClientError::Malformed)),
        ("something else", "<html>\n".to_owned(), Err(ClientError::Malformed)),
        ("far too much", line(&right).repeat(1_000), Err(ClientError::Malformed)),
    ];
    for (what, body, expected) in cases {
        let (url, thread) = server(vec![answer("200 OK", "text/plain", &body)]);
        let client = Client::new(&url, own.verifier().clone()).unwrap();
        assert_eq!(block_on(client.add_checkpoint(&asked)), expected, "{what}");
        thread.join().unwrap();
    }
}

#[test]
fn answers_that_are_no_cosignature_are_told_apart() {
    let own = Cosigner::from_seed("witness.example".parse().unwrap(), &[2; 32]).unwrap();
    let refused = |status, why: &str| ClientError::Refused { status, why: why.to_owned() };
    let size = "text/x.tlog.size";
    let cases = [
        (answer("409 Conflict", size, "9\n"), ClientError::Behind { known: 9 }),
        (answer("409 Conflict", "Text/X.Tlog.Size; charset=utf-8", "9\n"), ClientError::Behind { known: 9 }),
        (answer("409 Conflict", size, "9"), ClientError::Malformed),
        (answer("409 Conflict", size, "+9\n"), ClientError::Malformed),
        (answer("409 Conflict", size, "99999999999999999999\n"), ClientError::Malformed),
        // Where the request starts: a fork, said by a witness that sends the size with every 409.
        (
            answer("409 Conflict", size, "7\n"),
            refused(409, "it has cosigned another checkpoint of this size"),
        ),
        (answer("409 Conflict", "text/plain", "9\n"), refused(409, "9")),
        (answer("302 Found", "text/plain", ""), refused(302, "")),
        (answer("503 Busy", "text/plain", "a\u{1b}[2J\nb\n"), refused(503, "a [2J b")),
    ];
    for (answer, expected) in cases {
        let shown = String::from_utf8_lossy(&answer).into_owned();
        let (url, thread) = server(vec![answer]);
        let client = Client::new(&url, own.verifier().clone()).unwrap();
        assert_eq!(block_on(client.add_checkpoint(&request(7, 9))), Err(expected), "{shown}");
        thread.join().unwrap();
    }
    let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &vec![b'y'; 100_000]].concat();
    for broken in [Vec::new(), b"HTTP/1.1 200".to_vec(), b"hello\r\n\r\n".to_vec(), endless] {
        let (url, thread) = server(vec![broken]);
        let client = Client::new(&url, own.verifier().clone()).unwrap();
        let answer = block_on(client.add_checkpoint(&request(7, 9)));
        assert!(matches!(answer, Err(ClientError::Unreachable { .. })), "{answer:?}");
        thread.join().unwrap();
    }
}

#[test]
fn a_witness_that_says_nothing_is_not_waited_for() {
    let own = Cosigner::from_seed("witness.example".parse().unwrap(), &[2; 32]).unwrap();
    // The connection is taken by the operating system, and nobody reads it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new(&url, own.verifier().clone()).unwrap().waiting(Duration::from_millis(50));
    let answer = block_on(client.add_checkpoint(&request(0, 7)));
    let why = "no answer within 50 ms".to_owned();
    assert_eq!(answer, Err(ClientError::Unreachable { why }));
}
