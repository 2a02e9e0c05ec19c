//! A daemon and its witness: what is cosigned, what is held back, and what a witness finds out.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use slagboom::archive::Archive;
use slagboom::ledger::{Checkpoint, Entry, Receipt, Trust, Verifier};
use slagboom::proto::v1;
use slagboom::service::DecisionId;
use v1::decision_log_service_client::DecisionLogServiceClient;
use v1::export_control_service_client::ExportControlServiceClient;

use super::Running;
use crate::cli::with_the_daemon::Daemon;
use crate::support::{block_on, copy, request};

fn slagboom(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom")).args(args).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A new data folder with a key, and that key.
fn keyed(data: &Path) -> Verifier {
    let made = slagboom(&["key", "new", "--data", text(data), "--name", "exporter.example/log"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().parse().unwrap()
}

fn address(witness: &Running) -> String {
    format!("http://{}={}", witness.address, witness.vkey)
}

async fn ask(daemon: &Daemon, id: &str) -> Result<v1::Decision, tonic::Status> {
    let mut control = ExportControlServiceClient::connect(daemon.server.clone()).await.unwrap();
    let mut request = request(id);
    request.receipt = v1::ReceiptKind::Full.into();
    Ok(control.check_export(request).await?.into_inner().decision.unwrap())
}

/// Every way to read: the third entry, which was not witnessed, is in none of them.
async fn nothing_beyond_two_is_read(daemon: &Daemon, data: &Path) {
    let mut log = DecisionLogServiceClient::connect(daemon.server.clone()).await.unwrap();
    let head = log.get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner();
    assert_eq!(head.checkpoint, head.cosigned_checkpoint);
    assert_eq!(head.checkpoint.lines().nth(1), Some("2"));
    let every = v1::ReadEntriesRequest { start: 0, count: 0, bodies: true };
    let read = log.read_entries(every).await.unwrap().into_inner();
    assert_eq!((read.entries.len(), read.size), (2, 2));
    let listed = log.list_decisions(v1::ListDecisionsRequest::default()).await.unwrap().into_inner();
    assert_eq!(
        listed.decisions.iter().map(|it| it.decision.as_ref().unwrap().sequence).collect::<Vec<_>>(),
        [Some(1)]
    );
    let inclusion = v1::GetInclusionProofRequest { sequence: 2, tree_size: 0 };
    assert_eq!(log.get_inclusion_proof(inclusion).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let consistency = v1::GetConsistencyProofRequest { from_size: 1, to_size: 3 };
    let status = log.get_consistency_proof(consistency).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let mut said = log.replay_decisions(v1::ReplayDecisionsRequest::default()).await.unwrap().into_inner();
    let mut summary = None;
    while let Some(next) = said.message().await.unwrap() {
        if let Some(v1::replay_decisions_response::Said::Summary(last)) = next.said {
            summary = Some(last);
        }
    }
    assert_eq!(summary.unwrap().decisions, 1);
    // Whoever knows its id from the files is told to wait.
    let archive = Archive::open_data(data).unwrap();
    let block = archive.blocks(0).unwrap().next_block().unwrap().unwrap();
    let entry = Entry::decode(block.records().nth(2).unwrap().entry).unwrap();
    let decision_id = DecisionId::of(2, entry.time_ms).to_string();
    let status =
        log.get_decision(v1::GetDecisionRequest { decision_id: decision_id.clone() }).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
    let status = log.get_evidence(v1::GetEvidenceRequest { decision_id }).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
}

#[test]
fn an_answer_that_waits_for_its_witness_carries_the_cosignature() {
    let folder = tempfile::tempdir().unwrap();
    let (data, state) = (folder.path().join("data"), folder.path().join("witness"));
    let key = keyed(&data);
    let witness = Running::start_with(&state, &["--log", &key.to_string()]);
    let at = address(&witness);
    let mut daemon = Daemon::start(&data, &["--witness", &at, "--witness-wait", "true"]);
    let trust = Trust::log(key.clone()).with_witnesses(vec![witness.vkey.clone()], 1);
    let receipt = block_on(ask(&daemon, "a")).unwrap().receipt.unwrap().proof;
    let proof = Receipt::parse(receipt.as_bytes()).unwrap();
    let signed = proof.verify(&proof.extra, &trust).unwrap();
    assert_eq!(signed.cosignatures.len(), 1);

    // Without its witness nothing is answered; with it again, the record is.
    let (vkey, port) = (witness.vkey.clone(), witness.address.to_string());
    witness.kill();
    let status = block_on(ask(&daemon, "b")).unwrap_err();
    assert_eq!((status.code(), status.message().contains("witnesses")), (tonic::Code::Unavailable, true));
    let status = block_on(ask(&daemon, "b")).unwrap_err();
    assert_eq!(
        status.code(),
        tonic::Code::Unavailable,
        "a record that was not witnessed is not answered from"
    );
    block_on(nothing_beyond_two_is_read(&daemon, &data));
    let witness = Running::start_with(&state, &["--log", &key.to_string(), "--listen", &port]);
    assert_eq!(witness.vkey, vkey);
    let start = Instant::now();
    let decision = loop {
        match block_on(ask(&daemon, "b")) {
            Ok(decision) => break decision,
            Err(status) => assert!(start.elapsed() < Duration::from_secs(30), "{status}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(decision.answered_from_record);
    assert_eq!(decision.sequence, Some(2), "decided once");
    let proof = Receipt::parse(decision.receipt.unwrap().proof.as_bytes()).unwrap();
    assert_eq!(proof.verify(&proof.extra, &trust).unwrap().cosignatures.len(), 1);
    block_on(async {
        let mut log = DecisionLogServiceClient::connect(daemon.server.clone()).await.unwrap();
        let asked = v1::GetDecisionRequest { decision_id: decision.decision_id };
        log.get_decision(asked).await.unwrap();
    });
    assert_eq!(daemon.signal(Signal::TERM), 0);

    // From the files alone.
    let (key, vkey) = (key.to_string(), vkey.to_string());
    let args = ["verify", "--data", text(&data), "--vkey", &key, "--format", "json"];
    let with = [&args[..], &["--witness", &vkey, "--quorum", "1"]].concat();
    let output = slagboom(&with);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), report["witnessed"].as_u64()), (Some(0), Some(3)), "{report}");
    let stranger = crate::ledger::witness_key(1).verifier().to_string();
    let without = [&args[..], &["--witness", &stranger, "--quorum", "1"]].concat();
    assert_eq!(slagboom(&without).status.code(), Some(1));
}

#[test]
fn a_log_is_cosigned_behind_the_answers_where_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (data, state) = (folder.path().join("data"), folder.path().join("witness"));
    let key = keyed(&data);
    let witness = Running::start_with(&state, &["--log", &key.to_string()]);
    let mut daemon = Daemon::start(&data, &["--witness", &address(&witness)]);
    let trust = Trust::log(key).with_witnesses(vec![witness.vkey.clone()], 1);
    block_on(async {
        for at in 0..20 {
            ask(&daemon, &format!("a-{at}")).await.unwrap();
        }
        let mut log = DecisionLogServiceClient::connect(daemon.server.clone()).await.unwrap();
        let start = Instant::now();
        loop {
            let head = log.get_checkpoint(v1::GetCheckpointRequest {}).await.unwrap().into_inner();
            if let Ok(signed) = Checkpoint::open(head.cosigned_checkpoint.as_bytes(), &trust)
                && signed.checkpoint.size() == 21
            {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{head:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert_eq!(daemon.signal(Signal::TERM), 0);
    assert!(data.join("checkpoint.cosigned").exists());
}

/// Whoever holds the folder and the key can put an old copy back, and nothing in it contradicts itself. The witness does.
#[test]
fn a_log_that_was_set_back_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let (data, state, old) =
        (folder.path().join("data"), folder.path().join("witness"), folder.path().join("old"));
    let key = keyed(&data);
    let witness = Running::start_with(&state, &["--log", &key.to_string()]);
    let at = address(&witness);
    let asked = ["--witness", &at, "--witness-wait", "true"];
    let mut daemon = Daemon::start(&data, &asked);
    block_on(ask(&daemon, "a")).unwrap();
    assert_eq!(daemon.signal(Signal::TERM), 0);
    copy(&data, &old);
    let mut daemon = Daemon::start(&data, &asked);
    block_on(ask(&daemon, "b")).unwrap();
    assert_eq!(daemon.signal(Signal::TERM), 0);
    let refused = |data: &Path| {
        let args = ["serve", "--data", text(data), "--listen", "127.0.0.1:0"];
        let output = slagboom(&[&args[..], &asked].concat());
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&old);
    assert!(said.contains("an old copy of it was put back"), "{said}");
    // Gone on from the old copy without its witness, to the same length: another history.
    let mut daemon = Daemon::start(&old, &[]);
    block_on(ask(&daemon, "c")).unwrap();
    assert_eq!(daemon.signal(Signal::TERM), 0);
    let said = refused(&old);
    assert!(said.contains("does not continue what it has seen"), "{said}");
    // And the true one goes on.
    let mut daemon = Daemon::start(&data, &asked);
    block_on(ask(&daemon, "d")).unwrap();
    assert_eq!(daemon.signal(Signal::TERM), 0);
}
