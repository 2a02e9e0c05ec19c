//! `one_answer_per_request`.

use slagboom::domain::identity::{Identity, Roles};
use slagboom::proto::v1;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{TestServer, block_on, check, request, with_code};

#[test]
fn a_repeated_request_gets_the_recorded_decision() {
    let server = TestServer::start();
    block_on(async {
        let first = check(&server, with_code("5A002", request("a"))).await.unwrap();
        server.clock.set(crate::support::NOON_MS + 60_000);
        let again = check(&server, with_code("5A002", request("a"))).await.unwrap();
        assert!(again.answered_from_record);
        assert_eq!(v1::Decision { answered_from_record: false, ..again }, first);
        assert_eq!(server.service.size(), 2);
    });
}

#[test]
fn and_after_a_restart() {
    let server = TestServer::start();
    let first = block_on(check(&server, with_code("5A002", request("a")))).unwrap();
    let server = server.restart();
    let again = block_on(check(&server, with_code("5A002", request("a")))).unwrap();
    assert_eq!(v1::Decision { answered_from_record: false, ..again }, first);
    // The rulebook is the same, so no activation is recorded again.
    assert_eq!(server.service.size(), 2);
}

#[test]
fn and_under_another_rulebook_it_is_told_in_the_words_of_the_old_one() {
    let server = TestServer::start();
    let first = block_on(check(&server, with_code("5A002", request("a")))).unwrap();
    let folder = server.stop();
    let act = crate::support::small_bundle().text("acts/small.yaml").unwrap().to_owned();
    let bundle = crate::support::small_bundle()
        .with("acts/small.yaml", &act.replace("need a licence", "need a new licence"));
    let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
    let rulebook = crate::support::rulebook_of(bundle);
    let service = crate::support::open(folder.path(), rulebook, clock, 16).unwrap();
    assert_ne!(service.snapshot().digest.to_string(), first.rulebook.as_ref().unwrap().digest);
    assert_eq!(service.size(), 3, "the new rulebook is an entry of its own");
    let slagboom::service::Found::Kept(recorded) =
        service.decision(&Identity::local(), &first.decision_id).unwrap()
    else {
        panic!("nothing was erased")
    };
    let recorded = recorded.into_answer(false, None).unwrap();
    assert_eq!(slagboom::server::grpc::render::decision(&recorded), first);
}

#[test]
fn the_same_request_twice_in_one_batch_is_decided_once() {
    let server = TestServer::start();
    let requests = vec![request("a"), request("a"), with_code("5A002", request("a"))];
    let answers = block_on(async {
        let batch = v1::BatchCheckExportsRequest { requests };
        server.control().await.batch_check_exports(batch).await.unwrap().into_inner().answers
    });
    let decisions: Vec<_> = answers
        .iter()
        .map(|answer| match answer.result.clone().unwrap() {
            v1::check_answer::Result::Decision(decision) => {
                Ok((decision.decision_id, decision.answered_from_record))
            }
            v1::check_answer::Result::Error(error) => Err(error.reason),
        })
        .collect();
    let (id, _) = decisions[0].clone().unwrap();
    assert_eq!(decisions, [Ok((id.clone(), false)), Ok((id, true)), Err("REQUEST_ID_REUSED".to_owned())]);
    assert_eq!(server.service.size(), 2);
}

#[test]
fn an_id_used_for_another_request_is_refused() {
    let server = TestServer::start();
    block_on(async {
        let first = check(&server, request("a")).await.unwrap();
        let refused = check(&server, with_code("5A002", request("a"))).await.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists);
        let info = refused.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("REQUEST_ID_REUSED", "slagboom"));
        assert_eq!(info.metadata.get("decision_id"), Some(&first.decision_id));
        assert_eq!(server.service.size(), 2);
    });
}

#[test]
fn an_id_of_another_caller_is_another_id() {
    let server = TestServer::start();
    let local = block_on(check(&server, request("a"))).unwrap();
    assert_eq!(local.caller, "local");
    let ask = |caller: &str, code: &str| {
        let bytes: prost::bytes::Bytes = prost::Message::encode_to_vec(&with_code(code, request("a"))).into();
        let request = slagboom::server::grpc::read_request(&bytes).unwrap();
        let question = slagboom::service::Question {
            caller: Identity::new(caller, Roles::all(), None).into(),
            request,
            bytes,
            receipt: slagboom::service::ReceiptKind::None,
        };
        let outbox = std::sync::Arc::new(slagboom::service::Outbox::default());
        block_on(async {
            let pending = server.service.check(question, &outbox);
            let delivering = outbox.clone();
            tokio::spawn(async move { delivering.deliver().await });
            pending.await
        })
    };
    assert!(ask("someone else", "5A002").is_ok());
    assert_eq!(server.service.size(), 3);
}

#[test]
fn many_at_once_with_one_id_get_one_decision() {
    let server = TestServer::start();
    let ids: std::collections::BTreeSet<String> = block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let mut control = server.control().await;
            tasks.spawn(async move { control.check_export(request("a")).await.unwrap().into_inner() });
        }
        tasks.join_all().await.into_iter().map(|response| response.decision.unwrap().decision_id).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(server.service.size(), 2);
}
