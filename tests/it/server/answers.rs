//! What a caller is told.

use slagboom::proto::v1::{self, Basis, FindingState, Outcome, check_answer};
use tokio_stream::StreamExt;
use tonic::Code;

use crate::support::{TestServer, block_on, check, goods, request, to, with_code};

#[test]
fn every_kind_of_answer_that_a_daemon_without_licences_can_give() {
    let server = TestServer::start();
    let listed = |id: &str| with_code("5A002.a", request(id));
    let offering = |mut request: v1::CheckExportRequest| {
        request.licences_offered = vec!["NL-2021-0001".to_owned()];
        request
    };
    let claiming = |mut request: v1::CheckExportRequest| {
        request.exemption_claims = vec!["medical".to_owned()];
        request
    };
    let cases = [
        ("on no list", request("a"), Outcome::Permitted, Basis::NotControlled, vec![]),
        ("inside the union", to("DE", listed("b")), Outcome::Permitted, Basis::IntraEu, vec![]),
        ("no licence", listed("c"), Outcome::LicenceRequired, Basis::Unspecified, vec!["T-LICENCE"]),
        (
            "unknown licence",
            offering(listed("d")),
            Outcome::LicenceInsufficient,
            Basis::Unspecified,
            vec!["T-LICENCE"],
        ),
        (
            "not classified",
            with_code("", request("e")),
            Outcome::Review,
            Basis::Unspecified,
            vec!["UNCLASSIFIED"],
        ),
        (
            "banned",
            to("RU", listed("f")),
            Outcome::Prohibited,
            Basis::Unspecified,
            vec!["T-BAN", "T-LICENCE"],
        ),
        (
            "exempted",
            claiming(to("RU", listed("g"))),
            Outcome::LicenceRequired,
            Basis::Unspecified,
            vec!["T-LICENCE", "T-BAN"],
        ),
    ];
    block_on(async {
        for (what, request, outcome, basis, rules) in cases {
            let decision = check(&server, request.clone()).await.unwrap();
            assert_eq!((decision.outcome(), decision.basis()), (outcome, basis), "{what}: {decision:#?}");
            let found: Vec<&str> = decision.findings.iter().map(|finding| finding.rule.as_str()).collect();
            assert_eq!(found, rules, "{what}");
            assert_eq!(decision.request_id, request.request_id);
            assert!(!decision.dry_run && !decision.answered_from_record);
            assert!(!decision.next.unwrap().nl.is_empty());
        }
        // The rulebook itself is the first entry; every decision has its place behind it.
        assert_eq!(server.service.size(), 8);
    });
}

#[test]
fn a_finding_cites_the_law_and_what_became_of_it() {
    let server = TestServer::start();
    let mut request = to("RU", with_code("5A002.a.2", request("a")));
    request.exemption_claims = vec!["medical".to_owned()];
    let decision = block_on(check(&server, request)).unwrap();
    let ban = decision.findings.iter().find(|finding| finding.rule == "T-BAN").unwrap();
    assert_eq!(ban.state(), FindingState::Lifted);
    assert_eq!(ban.outcome(), Outcome::Unspecified);
    let ground = ban.ground.as_ref().unwrap();
    assert_eq!((ground.kind(), ground.id.as_str()), (v1::GroundKind::Exemption, "medical (Art 4(2))"));
    assert_eq!((ban.effective_from.as_str(), ban.effective_until.as_str()), ("2022-02-26", ""));
    let citation = ban.citation.as_ref().unwrap();
    assert_eq!((citation.act.as_str(), citation.article.as_str()), ("Act on goods", "4"));
    assert!(ban.facts.iter().any(|fact| fact.value.contains("RU")), "{:?}", ban.facts);
    assert_eq!(ban.lines, [1]);
    assert_eq!(decision.duties.first().unwrap().text.as_ref().unwrap().nl, "meld de uitzondering");
    let rulebook = decision.rulebook.unwrap();
    assert_eq!(rulebook.digest, server.service.snapshot().digest.to_string());
    assert_eq!(decision.lines.first().unwrap().code, "5A002.a.2");
}

#[test]
fn lines_that_share_a_finding_are_told_together() {
    let server = TestServer::start();
    let mut request = request("a");
    request.goods = vec![goods(10, "5A002"), goods(20, "NOT_LISTED"), goods(30, "5A002")];
    let decision = block_on(check(&server, request)).unwrap();
    let lines: Vec<(u32, Outcome)> = decision.lines.iter().map(|line| (line.line, line.outcome())).collect();
    let expected = [(10, Outcome::LicenceRequired), (20, Outcome::Permitted), (30, Outcome::LicenceRequired)];
    assert_eq!(lines, expected);
    assert_eq!(decision.findings.len(), 1);
    assert_eq!(decision.findings.first().unwrap().lines, [10, 30]);
}

#[test]
fn a_dry_run_records_nothing_and_may_look_back() {
    let server = TestServer::start();
    let mut request = to("RU", with_code("5A002", request("")));
    request.dry_run = true;
    block_on(async {
        let decision = check(&server, request.clone()).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Prohibited);
        assert!(decision.dry_run);
        assert_eq!((decision.decision_id.as_str(), decision.sequence), ("", None));
        // One second before the ban was recorded.
        let before = 1_645_786_800 - 1;
        request.known_at = Some(prost_types::Timestamp { seconds: before, nanos: 0 });
        let decision = check(&server, request.clone()).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceRequired);
        assert_eq!(server.service.size(), 1);
    });
}

#[test]
fn a_batch_has_one_answer_each_in_the_order_asked() {
    let server = TestServer::start();
    let mut bad = request("b");
    bad.export_date = "2022-02-30".to_owned();
    let requests = vec![request("a"), bad, with_code("5A002", request("c"))];
    let answers = block_on(async {
        let batch = v1::BatchCheckExportsRequest { requests };
        server.control().await.batch_check_exports(batch).await.unwrap().into_inner().answers
    });
    let ids: Vec<&str> = answers.iter().map(|answer| answer.request_id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(outcome_of(&answers[0]), Ok(Outcome::Permitted));
    assert_eq!(outcome_of(&answers[1]), Err((Code::InvalidArgument as i32, "INVALID_REQUEST".to_owned())));
    assert_eq!(outcome_of(&answers[2]), Ok(Outcome::LicenceRequired));
    assert_eq!(server.service.size(), 3);
}

#[test]
fn a_stream_answers_in_order_and_goes_on_after_a_bad_item() {
    let server = TestServer::start();
    let requests: Vec<_> = (0..600)
        .map(|at| {
            let request = if at % 3 == 0 {
                with_code("5A00Z", request(&format!("r{at}")))
            } else {
                request(&format!("r{at}"))
            };
            v1::CheckExportsRequest { request: Some(request) }
        })
        .collect();
    let answers: Vec<v1::CheckAnswer> = block_on(async {
        let answers = server.control().await.check_exports(tokio_stream::iter(requests)).await.unwrap();
        answers.into_inner().map(|answer| answer.unwrap().answer.unwrap()).collect().await
    });
    assert_eq!(answers.len(), 600);
    for (at, answer) in answers.iter().enumerate() {
        assert_eq!(answer.request_id, format!("r{at}"));
        assert_eq!(outcome_of(answer).is_ok(), at % 3 != 0, "{answer:?}");
    }
    assert_eq!(server.service.size(), 401);
}

#[test]
fn a_small_queue_slows_a_stream_down_and_loses_nothing() {
    let server = TestServer::start_with(crate::support::Setup { queue: 2, ..Default::default() });
    let requests: Vec<_> =
        (0..300).map(|at| v1::CheckExportsRequest { request: Some(request(&format!("r{at}"))) }).collect();
    let answers: Vec<_> = block_on(async {
        let answers = server.control().await.check_exports(tokio_stream::iter(requests)).await.unwrap();
        answers.into_inner().map(|answer| outcome_of(&answer.unwrap().answer.unwrap())).collect().await
    });
    assert_eq!(answers.len(), 300);
    assert!(answers.iter().all(|answer| *answer == Ok(Outcome::Permitted)));
    assert_eq!(server.service.size(), 301);
}

pub fn outcome_of(answer: &v1::CheckAnswer) -> Result<Outcome, (i32, String)> {
    match answer.result.as_ref().expect("an answer is a decision or an error") {
        check_answer::Result::Decision(decision) => Ok(decision.outcome()),
        check_answer::Result::Error(error) => Err((error.code, error.reason.clone())),
    }
}
