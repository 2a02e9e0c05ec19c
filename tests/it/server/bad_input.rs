//! What a caller gets wrong.

use proptest::prelude::*;
use prost::Message;
use slagboom::{
    proto::v1,
    server::grpc::codec::{Outgoing, RawCodec},
};
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status, client::Grpc, codegen::http::uri::PathAndQuery};
use tonic_types::StatusExt;

use super::answers::outcome_of;
use crate::support::{TestServer, block_on, check, fields, request};

const CHECK: &str = "/slagboom.v1.ExportControlService/CheckExport";
const STREAM: &str = "/slagboom.v1.ExportControlService/CheckExports";

fn refused(server: &TestServer, request: v1::CheckExportRequest) -> Status {
    block_on(check(server, request)).unwrap_err()
}

async fn send_raw(server: &TestServer, path: &'static str, bytes: Vec<u8>) -> Result<Vec<u8>, Status> {
    let mut grpc = Grpc::new(server.channel().await);
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static(path);
    let response = grpc.unary(Request::new(Outgoing(bytes)), path, RawCodec).await?;
    Ok(response.into_inner().0.to_vec())
}

#[test]
fn every_bad_field_is_named_at_once() {
    let server = TestServer::start();
    let mut bad = request("a");
    bad.request_id = "with a space".to_owned();
    bad.export_date = "2022-02-30".to_owned();
    bad.exporter.as_mut().unwrap().country = "UK".to_owned();
    bad.goods[0].code = "5AO02".to_owned();
    bad.goods[0].quantity = "-1".to_owned();
    bad.goods[0].value = "1e9".to_owned();
    bad.goods[0].currency = "EURO".to_owned();
    bad.goods.push(v1::Goods { line: 1, ..bad.goods[0].clone() });
    bad.end_user = None;
    bad.destination.as_mut().unwrap().region = "NL-ZH".to_owned();
    bad.end_use = "fun".to_owned();
    let refused = refused(&server, bad);
    let expected = [
        "destination.region",
        "end_use",
        "end_user",
        "export_date",
        "exporter.country",
        "goods[0].code",
        "goods[0].currency",
        "goods[0].quantity",
        "goods[0].value",
        "goods[1].code",
        "goods[1].currency",
        "goods[1].line",
        "goods[1].quantity",
        "goods[1].value",
        "request_id",
    ];
    assert_eq!(fields(&refused), expected);
    assert_eq!(refused.get_details_error_info().unwrap().metadata.get("violations").unwrap(), "15");
    assert_eq!(server.service.size(), 1, "a malformed request is not recorded");
    let counts = server.service.counts();
    assert_eq!(counts.invalid_requests.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn more_bad_fields_than_a_header_holds_are_counted_there_and_all_told_in_band() {
    let server = TestServer::start();
    let mut bad = request("a");
    bad.goods = (1..=500).map(|line| v1::Goods { line, ..v1::Goods::default() }).collect();
    let refused = refused(&server, bad.clone());
    assert_eq!(refused.get_details_error_info().unwrap().metadata.get("violations").unwrap(), "2000");
    assert!(!fields(&refused).is_empty());
    let answers = block_on(async {
        let batch = v1::BatchCheckExportsRequest { requests: vec![bad] };
        server.control().await.batch_check_exports(batch).await.unwrap().into_inner().answers
    });
    match answers[0].result.as_ref().unwrap() {
        v1::check_answer::Result::Error(error) => assert_eq!(error.field_violations.len(), 2_000),
        v1::check_answer::Result::Decision(_) => panic!("no decision on a bad request"),
    }
}

#[test]
fn a_recorded_check_needs_an_id_and_looks_at_the_law_of_now() {
    let server = TestServer::start();
    assert_eq!(fields(&refused(&server, request(""))), ["request_id"]);
    let mut looking_back = request("a");
    looking_back.known_at = Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 });
    assert_eq!(fields(&refused(&server, looking_back.clone())), ["known_at"]);
    looking_back.dry_run = true;
    looking_back.known_at = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 });
    assert_eq!(fields(&refused(&server, looking_back)), ["known_at"]);
}

#[test]
fn names_are_text_of_a_limited_length() {
    let server = TestServer::start();
    let named = |name: String| {
        let mut request = request("a");
        request.consignee.as_mut().unwrap().name = name;
        request
    };
    for bad in [
        "x".repeat(1_000_000),
        "x".repeat(513),
        String::new(),
        "   ".to_owned(),
        "a\u{0}b".to_owned(),
        "a\nb".to_owned(),
    ] {
        let refused = refused(&server, named(bad));
        assert_eq!(fields(&refused), ["consignee.name"]);
        assert!(refused.message().len() < 1_000);
    }
    for good in [
        "شركة النور للتجارة".to_owned(),
        "\u{202e}gnidart".to_owned(),
        "ООО Ромашка".to_owned(),
        "é".repeat(256),
    ] {
        let mut request = named(good);
        request.dry_run = true;
        block_on(check(&server, request)).unwrap();
    }
}

#[test]
fn there_are_limits_on_lines_parties_and_batches() {
    let server = TestServer::start();
    let mut many = request("a");
    many.goods = (1..=1_001).map(|line| crate::support::goods(line, "NOT_LISTED")).collect();
    assert_eq!(fields(&refused(&server, many.clone())), ["goods"]);
    many.goods.pop();
    assert_eq!(block_on(check(&server, many)).unwrap().lines.len(), 1_000);
    let mut crowded = request("b");
    let party = v1::InvolvedParty {
        role: "forwarder".to_owned(),
        name: "Carrier".to_owned(),
        country: "DE".to_owned(),
        region: String::new(),
    };
    crowded.parties = vec![party; 51];
    assert_eq!(fields(&refused(&server, crowded)), ["parties"]);
    let mut empty = request("c");
    empty.goods.clear();
    assert_eq!(fields(&refused(&server, empty)), ["goods"]);
    let batch = |count: usize| {
        let requests = (0..count).map(|at| request(&format!("r{at}"))).collect();
        block_on(async {
            server.control().await.batch_check_exports(v1::BatchCheckExportsRequest { requests }).await
        })
    };
    assert_eq!(fields(&batch(0).unwrap_err()), ["requests"]);
    assert_eq!(fields(&batch(101).unwrap_err()), ["requests"]);
    assert_eq!(batch(100).unwrap().into_inner().answers.len(), 100);
}

#[test]
fn a_message_over_the_limit_is_refused_and_the_daemon_lives() {
    let server = TestServer::start();
    let mut large = request("a");
    large.goods[0].description = "x".repeat(1 << 20);
    let over = refused(&server, large.clone());
    assert_eq!(over.code(), Code::InvalidArgument);
    assert_eq!(over.get_details_error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    large.goods[0].description = "x".repeat(8 << 20);
    assert_eq!(refused(&server, large).code(), Code::OutOfRange);
    block_on(check(&server, request("b"))).unwrap();
}

#[test]
fn truncated_protobuf_is_refused_at_every_length() {
    let server = TestServer::start();
    // So that the last field on the wire is one that is required.
    let whole = v1::CheckExportRequest { document_reference: String::new(), ..request("a") }.encode_to_vec();
    block_on(async {
        for length in 0..whole.len() {
            let refused = send_raw(&server, CHECK, whole[..length].to_vec()).await;
            // Cut between two fields it is a message, and lacks something that is required.
            assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "{length}");
        }
        send_raw(&server, CHECK, whole).await.unwrap();
    });
    assert_eq!(server.service.size(), 2);
}

#[test]
fn random_bytes_are_refused_and_never_recorded() {
    let server = TestServer::start();
    let config = ProptestConfig { cases: 200, ..ProptestConfig::default() };
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 0..200))| {
        let refused = block_on(send_raw(&server, CHECK, bytes)).unwrap_err();
        prop_assert_eq!(refused.code(), Code::InvalidArgument);
    });
    assert_eq!(server.service.size(), 1);
}

#[test]
fn a_stream_goes_on_after_bytes_that_are_no_message() {
    let server = TestServer::start();
    let wrapped = |request| v1::CheckExportsRequest { request: Some(request) }.encode_to_vec();
    let mut odd_inside = vec![0x0a, 3];
    odd_inside.extend([0xff; 3]);
    let mut large = request("c");
    large.goods[0].description = "x".repeat((1 << 20) + 1);
    let items =
        vec![vec![0xff; 7], wrapped(request("a")), vec![], odd_inside, wrapped(large), wrapped(request("b"))];
    let answers: Vec<v1::CheckAnswer> = block_on(async {
        let mut grpc = Grpc::new(server.channel().await);
        grpc.ready().await.unwrap();
        let path = PathAndQuery::from_static(STREAM);
        let items = tokio_stream::iter(items.into_iter().map(Outgoing));
        let answers = grpc.streaming(Request::new(items), path, RawCodec).await.unwrap().into_inner();
        let decoded = answers
            .map(|answer| v1::CheckExportsResponse::decode(answer.unwrap().0).unwrap().answer.unwrap());
        decoded.collect().await
    });
    let reasons: Vec<_> =
        answers.iter().map(|answer| outcome_of(answer).map_err(|(_, reason)| reason)).collect();
    let error = |reason: &str| Err(reason.to_owned());
    let permitted = Ok(v1::Outcome::Permitted);
    assert_eq!(
        reasons,
        [
            error("UNDECODABLE"),
            permitted.clone(),
            error("INVALID_REQUEST"),
            error("UNDECODABLE"),
            error("MESSAGE_TOO_LARGE"),
            permitted
        ]
    );
}

#[test]
fn a_stream_dropped_in_the_middle_leaves_whole_records() {
    let server = TestServer::start();
    block_on(async {
        let requests =
            (0..200).map(|at| v1::CheckExportsRequest { request: Some(request(&format!("r{at}"))) });
        let mut answers =
            server.control().await.check_exports(tokio_stream::iter(requests)).await.unwrap().into_inner();
        answers.next().await.unwrap().unwrap();
        drop(answers);
        // Whatever was recorded is found by a retry; whatever was not is decided now.
        for at in 0..200 {
            check(&server, request(&format!("r{at}"))).await.unwrap();
        }
    });
    assert_eq!(server.service.size(), 201);
}

#[test]
fn unknown_fields_make_no_other_request() {
    let server = TestServer::start();
    let plain = request("a").encode_to_vec();
    let mut newer = plain.clone();
    // Field 1000, a varint.
    newer.extend([0xc0, 0x3e, 1]);
    block_on(async {
        send_raw(&server, CHECK, newer).await.unwrap();
        let again =
            v1::CheckExportResponse::decode(&*send_raw(&server, CHECK, plain).await.unwrap()).unwrap();
        assert!(again.decision.unwrap().answered_from_record);
    });
}

#[test]
fn a_full_queue_is_said_and_not_waited_for() {
    let server = TestServer::start_with(crate::support::Setup { queue: 1, ..Default::default() });
    let requests = (0..100).map(|at| request(&format!("r{at}"))).collect();
    let answers = block_on(async {
        let batch = v1::BatchCheckExportsRequest { requests };
        server.control().await.batch_check_exports(batch).await.unwrap().into_inner().answers
    });
    let full = Err((Code::ResourceExhausted as i32, "QUEUE_FULL".to_owned()));
    let outcomes: Vec<_> = answers.iter().map(outcome_of).collect();
    assert!(outcomes.contains(&Ok(v1::Outcome::Permitted)));
    assert!(outcomes.contains(&full), "{outcomes:?}");
}
