//! Health, reflection, draining, restarting.

use std::time::Duration;

use slagboom::{config::Listen, proto::v1, server::ServeError};
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt;

use crate::support::{Setup, TestServer, block_on, check, request};

fn health_of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

#[test]
fn health_speaks_for_the_whole_and_for_each_service() {
    let server = TestServer::start();
    block_on(async {
        let mut health = HealthClient::new(server.channel().await);
        for service in ["", "slagboom.v1.ExportControlService", "slagboom.v1.DecisionLogService"] {
            // The status is set right after the port is bound.
            let mut watch = health.watch(health_of(service)).await.unwrap().into_inner();
            while watch.next().await.unwrap().unwrap().status() != ServingStatus::Serving {}
        }
        assert_eq!(health.check(health_of("other")).await.unwrap_err().code(), Code::NotFound);
    });
}

#[test]
fn reflection_describes_the_services() {
    let server = TestServer::start();
    let names: Vec<String> = block_on(async {
        let mut reflection = ServerReflectionClient::new(server.channel().await);
        let ask = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers =
            reflection.server_reflection_info(tokio_stream::iter([ask])).await.unwrap().into_inner();
        match answers.next().await.unwrap().unwrap().message_response.unwrap() {
            MessageResponse::ListServicesResponse(list) => {
                list.service.into_iter().map(|service| service.name).collect()
            }
            other => panic!("{other:?}"),
        }
    });
    for name in slagboom::server::grpc::SERVICE_NAMES {
        assert!(names.iter().any(|known| known == name), "{names:?}");
    }
}

#[test]
fn draining_answers_what_it_has_taken_and_ends_streams() {
    let mut server = TestServer::start();
    let (requests, items) = tokio::sync::mpsc::channel(16);
    block_on(async {
        let stream = tokio_stream::wrappers::ReceiverStream::new(items);
        let mut answers = server.control().await.check_exports(stream).await.unwrap().into_inner();
        let mut health =
            HealthClient::new(server.channel().await).watch(health_of("")).await.unwrap().into_inner();
        let item = |id: &str| v1::CheckExportsRequest { request: Some(request(id)) };
        requests.send(item("a")).await.unwrap();
        answers.next().await.unwrap().unwrap();
        server.begin_shutdown();
        // The stream is open still: it ends with a status that says to ask again elsewhere or later.
        let last = answers.next().await.unwrap().unwrap_err();
        assert_eq!(last.code(), Code::Unavailable);
        // Health says so before the connection goes.
        let mut seen = Vec::new();
        while let Some(Ok(status)) = health.next().await {
            seen.push(status.status());
        }
        assert_eq!(seen.last(), Some(&ServingStatus::NotServing));
    });
    server.shut_down().unwrap();
    assert_eq!(server.service.size(), 2);
    let refused = std::net::TcpStream::connect(match &server.address {
        Listen::Tcp(address) => *address,
        Listen::Unix(_) => unreachable!("this server listens on TCP"),
    });
    assert!(refused.is_err(), "nobody listens any more");
}

#[test]
fn draining_under_load_loses_no_answer_that_was_given() {
    let mut server = TestServer::start();
    let (answered, refused) = block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for client in 0..8 {
            let mut control = server.control().await;
            tasks.spawn(async move {
                let (mut answered, mut at) = (Vec::new(), 0);
                loop {
                    let id = format!("c{client}-{at}");
                    match control.check_export(request(&id)).await {
                        Ok(_) => answered.push(id),
                        Err(status) => return (answered, status),
                    }
                    at += 1;
                }
            });
        }
        while server.service.size() < 100 {
            tokio::task::yield_now().await;
        }
        server.begin_shutdown();
        let results = tasks.join_all().await;
        let refused: Vec<_> = results.iter().map(|(_, status)| status.clone()).collect();
        (results.into_iter().flat_map(|(answered, _)| answered).collect::<Vec<_>>(), refused)
    });
    server.shut_down().unwrap();
    // A call that crosses the GOAWAY on its way was not taken; what the client's transport makes of that is its own.
    let said_by_us = refused.iter().filter(|status| status.get_details_error_info().is_some());
    let said_by_us: Vec<_> = said_by_us.map(Status::code).collect();
    assert!(said_by_us.iter().all(|code| *code == Code::Unavailable), "{refused:?}");
    let server = server.restart();
    block_on(async {
        let mut control = server.control().await;
        for id in &answered {
            let again = control.check_export(request(id)).await.unwrap().into_inner().decision.unwrap();
            assert!(again.answered_from_record, "{id} was answered and is not in the log");
        }
    });
    assert!(answered.len() >= 90);
}

#[test]
fn a_client_that_will_not_let_go_is_cut_off_when_the_grace_is_over() {
    let mut server = TestServer::start_with(Setup { grace: Duration::from_millis(50), ..Setup::default() });
    let client = block_on(async {
        let mut health = HealthClient::new(server.channel().await);
        // Health watches never end by themselves.
        health.watch(health_of("")).await.unwrap().into_inner()
    });
    // Depending on how the client ends its side, the drain is in time or cut; it is never longer than the grace.
    let ended = server.shut_down();
    assert!(matches!(ended, Ok(()) | Err(ServeError::GraceOver(_))), "{ended:?}");
    drop(client);
}

#[test]
fn a_unix_socket_serves_and_leaves_no_file_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // A stale file of a daemon that was killed is in the way and is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut server = TestServer::start_with(Setup { listen: Listen::Unix(path.clone()), ..Setup::default() });
    block_on(check(&server, request("a"))).unwrap();
    let second = block_on(slagboom::server::Listener::bind(&Listen::Unix(path.clone()))).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    server.shut_down().unwrap();
    assert!(!path.exists());
    std::fs::write(&path, "a file of somebody else").unwrap();
    assert!(block_on(slagboom::server::Listener::bind(&Listen::Unix(path.clone()))).is_err());
    assert!(path.exists());
}

#[test]
fn an_address_that_others_can_reach_is_not_bound() {
    let open = Listen::Tcp(([0, 0, 0, 0], 0).into());
    let error = block_on(slagboom::server::Listener::bind(&open)).unwrap_err();
    assert!(error.to_string().contains("no TLS"), "{error}");
}

#[test]
fn a_closed_service_refuses() {
    let server = TestServer::start();
    server.service.close();
    let refused = block_on(check(&server, request("a"))).unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
}

#[test]
fn a_full_disk_permits_nothing_and_loses_nothing() {
    let server = TestServer::start();
    let first = block_on(check(&server, request("a"))).unwrap();
    let server = server.restart_with(Setup { reserve_bytes: u64::MAX / 2, ..Setup::default() });
    block_on(async {
        let refused = check(&server, request("b")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "STORE_UNAVAILABLE");
        // What was recorded before is still answered, and nothing was recorded since.
        assert_eq!(check(&server, request("a")).await.unwrap().decision_id, first.decision_id);
        assert_eq!(server.service.size(), 2);
    });
    let server = server.restart();
    let second = block_on(check(&server, request("b"))).unwrap();
    assert!(!second.answered_from_record);
    assert_eq!(second.sequence, Some(2));
}

#[test]
fn a_second_daemon_on_the_same_folder_is_refused() {
    let server = TestServer::start();
    let clock = std::sync::Arc::new(slagboom::clock::Fixed::new(crate::support::NOON_MS));
    let refused =
        crate::support::open(server.path(), crate::support::small_rulebook(), clock, 16).err().unwrap();
    assert!(refused.to_string().contains("in use"), "{refused}");
}

#[test]
fn a_restart_folds_the_log_to_the_same_state_with_and_without_a_snapshot() {
    let server = TestServer::start();
    block_on(check(&server, request("a"))).unwrap();
    // Closing keeps a snapshot; the next run goes on from it.
    let server = server.restart();
    block_on(check(&server, request("b"))).unwrap();
    let folder = server.stop();
    let data = folder.path().join("data");
    let opened =
        slagboom::store::Store::open(&slagboom::store::Options::new(&data), slagboom::server::grpc::derive);
    let store = opened.unwrap().store;
    let (size, bytes) = store.snapshot().unwrap().unwrap();
    let kept = slagboom::service::State::from_bytes(&bytes).unwrap();
    let mut state = slagboom::service::State::default();
    for record in store.scan(0) {
        let record = record.unwrap();
        let body = record.body().unwrap().unwrap();
        state.replay(&record.entry, Some(&body.decision)).unwrap();
    }
    assert_eq!((size, kept.digest(), kept.to_bytes()), (3, state.digest(), state.to_bytes()));
}
