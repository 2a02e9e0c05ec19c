//! Recorded decisions, found again.

use slagboom::proto::v1;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{NOON_MS, TestServer, block_on, check, request, to, with_code};

async fn list(server: &TestServer, filter: v1::ListDecisionsRequest) -> Vec<String> {
    let mut ids = Vec::new();
    let mut log = server.log().await;
    let mut page_token = String::new();
    loop {
        let asked = v1::ListDecisionsRequest { page_token, ..filter.clone() };
        let page = log.list_decisions(asked).await.unwrap().into_inner();
        ids.extend(page.decisions.into_iter().map(|recorded| recorded.decision.unwrap().request_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

#[test]
fn a_decision_is_found_by_its_id_after_a_restart_too() {
    let server = TestServer::start();
    let asked = to("RU", with_code("5A002.a", request("a")));
    let decision = block_on(check(&server, asked.clone())).unwrap();
    let server = server.restart();
    block_on(async {
        let mut log = server.log().await;
        let get = v1::GetDecisionRequest { decision_id: decision.decision_id.to_lowercase() };
        let found = log.get_decision(get).await.unwrap().into_inner().recorded.unwrap();
        assert_eq!(found.decision.unwrap(), decision);
        assert_eq!(found.request.unwrap(), asked);
    });
}

#[test]
fn an_id_that_names_nothing_here_is_not_found() {
    let server = TestServer::start();
    let decision = block_on(check(&server, request("a"))).unwrap();
    // The same place, another time; behind the end; the entry of the rulebook.
    let elsewhere = slagboom::service::DecisionId::of(1, NOON_MS + 1).to_string();
    let behind = slagboom::service::DecisionId::of(2, NOON_MS).to_string();
    let rulebook = slagboom::service::DecisionId::of(0, NOON_MS).to_string();
    assert_eq!(decision.decision_id, slagboom::service::DecisionId::of(1, NOON_MS).to_string());
    block_on(async {
        let mut log = server.log().await;
        for (id, code) in [
            (elsewhere, Code::NotFound),
            (behind, Code::NotFound),
            (rulebook, Code::NotFound),
            ("nonsense".to_owned(), Code::InvalidArgument),
            (String::new(), Code::InvalidArgument),
        ] {
            let refused =
                log.get_decision(v1::GetDecisionRequest { decision_id: id.clone() }).await.unwrap_err();
            assert_eq!(refused.code(), code, "{id}");
            assert_eq!(refused.get_details_error_info().unwrap().domain, "slagboom");
        }
    });
}

#[test]
fn decisions_are_listed_by_every_filter_newest_first() {
    let server = TestServer::start();
    block_on(async {
        check(&server, request("plain")).await.unwrap();
        check(&server, with_code("5A002.a.1", request("listed"))).await.unwrap();
        server.clock.set(NOON_MS + 10_000);
        check(&server, to("RU", with_code("5A002", request("banned")))).await.unwrap();
        let mut other = with_code("1C350.10", request("other"));
        other.exporter.as_mut().unwrap().name = "Andere Exporteur NV".to_owned();
        check(&server, other).await.unwrap();
        let mut crimea = to("RU", request("crimea"));
        crimea.destination.as_mut().unwrap().region = "UA-43".to_owned();
        check(&server, crimea).await.unwrap();

        let by = v1::ListDecisionsRequest::default;
        let text = str::to_owned;
        let at = |ms: i64| Some(prost_types::Timestamp { seconds: ms / 1_000, nanos: 0 });
        let cases = [
            (by(), vec!["crimea", "other", "banned", "listed", "plain"]),
            (v1::ListDecisionsRequest { exporter: text("andere exporteur n.v."), ..by() }, vec!["other"]),
            (v1::ListDecisionsRequest { exporter: text("Andere"), ..by() }, vec![]),
            (
                v1::ListDecisionsRequest { party: text("CIVIL  BUYER"), destination: text("RU"), ..by() },
                vec!["crimea", "banned"],
            ),
            (v1::ListDecisionsRequest { destination: text("ua"), ..by() }, vec!["crimea"]),
            (v1::ListDecisionsRequest { destination: text("UA-43"), ..by() }, vec!["crimea"]),
            (v1::ListDecisionsRequest { eccn: text("5A002"), ..by() }, vec!["banned", "listed"]),
            (v1::ListDecisionsRequest { eccn: text("5A002.a"), ..by() }, vec!["listed"]),
            (v1::ListDecisionsRequest { eccn: text("1C350.1"), ..by() }, vec![]),
            (v1::ListDecisionsRequest { eccn: text("1C350.10"), ..by() }, vec!["other"]),
            (v1::ListDecisionsRequest { eccn: text("1C300..1C360"), ..by() }, vec!["other"]),
            (v1::ListDecisionsRequest { eccn: text("5"), ..by() }, vec!["banned", "listed"]),
            (v1::ListDecisionsRequest { eccn: text("NOT_LISTED"), ..by() }, vec!["crimea", "plain"]),
            (v1::ListDecisionsRequest { outcome: v1::Outcome::Prohibited.into(), ..by() }, vec!["banned"]),
            (v1::ListDecisionsRequest { rule: text("T-LICENCE"), ..by() }, vec!["other", "banned", "listed"]),
            (
                v1::ListDecisionsRequest { recorded_from: at(NOON_MS + 10_000), ..by() },
                vec!["crimea", "other", "banned"],
            ),
            (
                v1::ListDecisionsRequest { recorded_until: at(NOON_MS + 10_000), ..by() },
                vec!["listed", "plain"],
            ),
            (
                v1::ListDecisionsRequest {
                    recorded_from: at(NOON_MS),
                    recorded_until: at(NOON_MS + 1_000),
                    eccn: text("5A002"),
                    ..by()
                },
                vec!["listed"],
            ),
        ];
        for (filter, expected) in cases {
            for page_size in [1, 2, 0] {
                let found = list(&server, v1::ListDecisionsRequest { page_size, ..filter.clone() }).await;
                assert_eq!(found, expected, "{filter:?} by {page_size}");
            }
        }
    });
}

#[test]
fn pages_end_and_their_tokens_are_sealed_to_the_filter() {
    let server = TestServer::start();
    block_on(async {
        let requests =
            (0..230).map(|at| v1::CheckExportsRequest { request: Some(request(&format!("r{at}"))) });
        let answers = server.control().await.check_exports(tokio_stream::iter(requests)).await.unwrap();
        assert_eq!(tokio_stream::StreamExt::collect::<Vec<_>>(answers.into_inner()).await.len(), 230);
        let all: Vec<String> = (0..230).rev().map(|at| format!("r{at}")).collect();
        assert_eq!(list(&server, v1::ListDecisionsRequest::default()).await, all);
        let mut log = server.log().await;
        let filter =
            v1::ListDecisionsRequest { page_size: 1_000, destination: "IN".to_owned(), ..Default::default() };
        let page = log.list_decisions(filter.clone()).await.unwrap().into_inner();
        assert_eq!(page.decisions.len(), 100, "a page is at most 100");
        let token = page.next_page_token;
        let other = v1::ListDecisionsRequest {
            destination: "RU".to_owned(),
            page_token: token.clone(),
            ..filter.clone()
        };
        let negative = v1::ListDecisionsRequest { page_size: -1, ..filter.clone() };
        let bad = v1::ListDecisionsRequest { eccn: "5AO02".to_owned(), ..filter.clone() };
        let unknown = v1::ListDecisionsRequest { outcome: 99, ..filter.clone() };
        for (refused, field) in
            [(other, "page_token"), (negative, "page_size"), (bad, "eccn"), (unknown, "outcome")]
        {
            let status = log.list_decisions(refused).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, field);
        }
        // What is recorded meanwhile does not move the pages that come.
        check(&server, request("later")).await.unwrap();
        let next = v1::ListDecisionsRequest { page_token: token, ..filter };
        let next = log.list_decisions(next).await.unwrap().into_inner();
        assert_eq!(next.decisions[0].decision.as_ref().unwrap().request_id, "r129");
    });
}

#[test]
fn a_damaged_record_is_an_error_and_never_an_answer() {
    let server = TestServer::start();
    let decision = block_on(check(&server, with_code("5A002", request("a")))).unwrap();
    // Both copies are read for an answer; a flipped bit in the journal's is seen under the running daemon.
    let journal = walk(&server.path().join("data"))
        .into_iter()
        .find(|path| {
            std::fs::read(path).unwrap().windows(9).any(|part| part == b"Voorbeeld")
                && !path.to_string_lossy().contains("sled")
        })
        .expect("the journal holds the request");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = bytes.windows(9).rposition(|part| part == b"Voorbeeld").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    block_on(async {
        let get = v1::GetDecisionRequest { decision_id: decision.decision_id };
        let refused = server.log().await.get_decision(get).await.unwrap_err();
        assert_eq!(refused.code(), Code::DataLoss);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "RECORD_DAMAGED");
        let refused = check(&server, with_code("5A002", request("a"))).await.unwrap_err();
        assert_eq!(refused.code(), Code::DataLoss);
    });
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
