//! Who may ask what, over a real socket.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use prost_reflect::DescriptorPool;
use slagboom::access::{Issue, Issued, edit};
use slagboom::clock::Clock;
use slagboom::domain::identity::{Identity, Role};
use slagboom::proto::{DESCRIPTOR_SET, v1};
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use v1::decision_log_service_client::DecisionLogServiceClient;
use v1::export_control_service_client::ExportControlServiceClient;
use v1::licence_service_client::LicenceServiceClient;

use crate::support::{NOON_MS, Setup, TestServer, block_on, request};

/// A daemon that asks for tokens, and its file of them.
struct Guarded {
    server: TestServer,
    folder: TempDir,
}

fn issue(file: &Path, name: &str, roles: &[Role], exporters: Option<&[&str]>) -> Issued {
    let exporters = exporters.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let wanted = Issue { name: name.to_owned(), roles: roles.to_vec(), exporters, expires: None };
    edit(file, |book| book.issue(wanted, Timestamp::UNIX_EPOCH)).unwrap()
}

impl Guarded {
    /// Tokens are made before the daemon starts.
    fn start<T>(tokens: impl FnOnce(&Path) -> T) -> (Self, T) {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        let tokens = tokens(&file);
        let server = TestServer::start_with(Setup { tokens: Some(file), ..Setup::default() });
        (Self { server, folder }, tokens)
    }

    fn file(&self) -> PathBuf {
        file(&self.folder)
    }

    /// Calls a method with an empty message, whatever its messages are.
    async fn call(&self, path: &str, token: Option<&str>) -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(self.server.channel().await);
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let asked = bearing(token, ());
        client.unary(asked, path.parse().unwrap(), codec).await.map(|_| ())
    }

    async fn check(&self, token: &Issued, asked: v1::CheckExportRequest) -> Result<v1::Decision, Status> {
        let mut control = ExportControlServiceClient::new(self.server.channel().await);
        let response = control.check_export(bearing(Some(token.token.reveal()), asked)).await?;
        Ok(response.into_inner().decision.unwrap())
    }

    async fn log(&self) -> DecisionLogServiceClient<Channel> {
        DecisionLogServiceClient::new(self.server.channel().await)
    }

    /// Waits until the daemon has looked at its file again.
    async fn until_turned_away(&self, token: &str) {
        for _ in 0..200 {
            if let Err(status) = self.call("/slagboom.v1.DecisionLogService/GetCheckpoint", Some(token)).await
            {
                assert_eq!(status.code(), Code::Unauthenticated);
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the token is still good after ten seconds");
    }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("tokens.yaml")
}

fn bearing<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value: MetadataValue<Ascii> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Path and name of every method of our own services.
fn methods() -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    let services = pool.services().filter(|service| service.full_name().starts_with("slagboom."));
    let methods = services.flat_map(|service| {
        let of = service.full_name().to_owned();
        service
            .methods()
            .map(move |method| (format!("/{of}/{}", method.name()), method.name().to_owned()))
            .collect::<Vec<_>>()
    });
    let found: Vec<_> = methods.collect();
    assert!(found.len() >= 12, "{found:?}");
    found
}

/// Roles that may call it, as the documentation of each method has it.
fn allowed(method: &str) -> &'static [Role] {
    use Role::{Admin, Auditor, Erp, LicenceAdmin, Officer, RuleAuthor};
    match method {
        "CheckExport" | "BatchCheckExports" | "CheckExports" | "ConfirmShipment" | "ReleaseReservation" => {
            &[Erp, Officer, Admin]
        }
        "RecordLicence"
        | "AmendLicence"
        | "RecordDutyDone"
        | "RevokeLicence"
        | "ReturnLicence"
        | "RegisterGeneralAuthorisation"
        | "SetExchangeRates" => &[LicenceAdmin, Admin],
        "SuspendLicences" | "LiftSuspension" | "ProposeCorrection" | "ApproveCorrection" => {
            &[Officer, LicenceAdmin, Admin]
        }
        "GetDecision" | "ListDecisions" | "GetEvidence" | "GetLicence" | "ListLicences"
        | "ListRegistrations" | "ListExchangeRates" | "ListMovements" | "ListIncidents" | "ListDuties"
        | "ReportDrawdown" => &[Erp, Officer, LicenceAdmin, Auditor, Admin],
        "GetCheckpoint" | "GetConsistencyProof" => &Role::ALL,
        "GetInclusionProof" | "ReadEntries" | "ListReads" => &[Officer, Auditor, Admin],
        "ReplayDecisions" => &[Officer, RuleAuthor, Auditor, Admin],
        other => panic!("say here who may call {other}"),
    }
}

#[test]
fn nobody_is_let_in_to_any_method_without_a_good_token() {
    let (guarded, revoked) = Guarded::start(|file| {
        let revoked = issue(file, "erp", &[Role::Admin], None);
        edit(file, |book| book.revoke(&revoked.row.id, Timestamp::UNIX_EPOCH)).unwrap();
        let expired = Issue {
            name: "erp".to_owned(),
            roles: vec![Role::Admin],
            exporters: None,
            expires: Some(Timestamp::from_millisecond(NOON_MS).unwrap()),
        };
        let expired = edit(file, |book| book.issue(expired, Timestamp::UNIX_EPOCH)).unwrap();
        [revoked, expired]
    });
    let bad = [None, Some("slagboom_AAAA"), Some("")];
    let bad = bad.into_iter().chain(revoked.iter().map(|issued| Some(issued.token.reveal())));
    let said: std::collections::BTreeSet<String> = block_on(async {
        let mut said = std::collections::BTreeSet::new();
        for token in bad {
            for (path, _) in methods() {
                let status = guarded.call(&path, token).await.unwrap_err();
                assert_eq!(status.code(), Code::Unauthenticated, "{path} {token:?}");
                said.insert(format!("{} {:?}", status.message(), status.get_error_details()));
            }
        }
        said
    });
    // Whatever was wrong, the same is said.
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(guarded.server.service.size(), 1, "nothing but the rulebook is in the log");
    // Health is for everybody: a supervisor has no token.
    block_on(async { guarded.call("/grpc.health.v1.Health/Check", None).await }).unwrap();
}

#[test]
fn each_role_may_call_its_methods_and_no_others() {
    let (guarded, tokens) =
        Guarded::start(|file| Role::ALL.map(|role| (role, issue(file, role.as_str(), &[role], None))));
    block_on(async {
        for (role, issued) in &tokens {
            for (path, method) in methods() {
                let answer = guarded.call(&path, Some(issued.token.reveal())).await;
                let code = answer.err().map(|status| status.code());
                let refused = matches!(code, Some(Code::PermissionDenied | Code::Unauthenticated));
                assert_eq!(!refused, allowed(&method).contains(role), "{} {path}: {code:?}", role.as_str());
            }
        }
    });
}

#[test]
fn a_caller_is_in_the_record_by_its_name_and_has_request_ids_of_its_own() {
    let (guarded, [one, again, other]) =
        Guarded::start(|file| ["erp-a", "erp-a", "erp-b"].map(|name| issue(file, name, &[Role::Erp], None)));
    block_on(async {
        let first = guarded.check(&one, request("a")).await.unwrap();
        assert_eq!(first.caller, "erp-a");
        let retried = guarded.check(&again, request("a")).await.unwrap();
        assert!(retried.answered_from_record);
        assert_eq!(retried.decision_id, first.decision_id);
        let others = guarded.check(&other, request("a")).await.unwrap();
        assert!(!others.answered_from_record);
        assert_eq!(others.caller, "erp-b");
    });
    let entry = guarded.server.service.decision(&Identity::local(), &guarded_id(&guarded)).unwrap();
    assert!(matches!(entry, slagboom::service::Found::Kept(recorded) if recorded.entry.caller == "erp-b"));
}

/// The id of the newest decision.
fn guarded_id(guarded: &Guarded) -> String {
    let service = &guarded.server.service;
    slagboom::service::DecisionId::of(service.size() - 1, guarded.server.clock.now_ms()).to_string()
}

#[test]
fn a_bound_caller_asks_for_its_exporters_and_sees_no_others() {
    let (guarded, (bound, free)) = Guarded::start(|file| {
        let bound = issue(file, "bound", &[Role::Erp, Role::Auditor], Some(&["Voorbeeld Netwerken B.V."]));
        (bound, issue(file, "free", &[Role::Erp], None))
    });
    let of = |name: &str, id: &str| {
        let mut asked = request(id);
        name.clone_into(&mut asked.exporter.as_mut().unwrap().name);
        asked
    };
    block_on(async {
        let own = guarded.check(&bound, of("VOORBEELD Netwerken BV", "a")).await.unwrap();
        let size = guarded.server.service.size();
        for asked in [of("Ander BV", "b"), v1::CheckExportRequest { dry_run: true, ..of("Ander BV", "b") }] {
            let refused = guarded.check(&bound, asked).await.unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied);
            assert_eq!(refused.get_details_error_info().unwrap().reason, "EXPORTER_NOT_THEIRS");
        }
        assert_eq!(guarded.server.service.size(), size, "nothing was recorded");
        let others = guarded.check(&free, of("Ander BV", "b")).await.unwrap();

        let mut log = guarded.log().await;
        let token = Some(bound.token.reveal());
        let by_id = |decision_id: &str| v1::GetDecisionRequest { decision_id: decision_id.to_owned() };
        assert!(log.get_decision(bearing(token, by_id(&own.decision_id))).await.is_ok());
        // What is another's is as what is not there.
        let theirs = log.get_decision(bearing(token, by_id(&others.decision_id))).await.unwrap_err();
        let no_such = log.get_decision(bearing(token, by_id("D000000000401M86P7FK0"))).await.unwrap_err();
        assert_eq!((theirs.code(), no_such.code()), (Code::NotFound, Code::NotFound));
        assert_eq!(
            theirs.message().replace(&others.decision_id, "ID"),
            no_such.message().replace("D000000000401M86P7FK0", "ID")
        );
        let evidence = v1::GetEvidenceRequest { decision_id: others.decision_id.clone() };
        assert_eq!(log.get_evidence(bearing(token, evidence)).await.unwrap_err().code(), Code::NotFound);
        let listed = log.list_decisions(bearing(token, v1::ListDecisionsRequest::default())).await.unwrap();
        let listed: Vec<String> = listed
            .into_inner()
            .decisions
            .into_iter()
            .map(|recorded| recorded.decision.unwrap().decision_id)
            .collect();
        assert_eq!(listed, [own.decision_id]);
        // The log as a whole tells of others, whatever its roles are.
        let entries = v1::ReadEntriesRequest::default();
        let refused = log.read_entries(bearing(token, entries)).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "WHOLE_LOG");
    });
}

#[test]
fn licences_and_reservations_of_other_exporters_are_not_there_for_a_bound_caller() {
    let (guarded, (bound, free)) = Guarded::start(|file| {
        let roles = [Role::Erp, Role::LicenceAdmin];
        (issue(file, "bound", &roles, Some(&["Ander BV"])), issue(file, "free", &roles, None))
    });
    block_on(async {
        let mut licences = LicenceServiceClient::new(guarded.server.channel().await);
        let mut control = ExportControlServiceClient::new(guarded.server.channel().await);
        let (bound, token) = (Some(bound.token.reveal()), Some(free.token.reveal()));
        let record = || v1::RecordLicenceRequest {
            request_id: "r".to_owned(),
            licence: Some(crate::register::licence("NL-1")),
        };
        let refused = licences.record_licence(bearing(bound, record())).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "EXPORTER_NOT_THEIRS");
        licences.record_licence(bearing(token, record())).await.unwrap();
        let asked = crate::register::order("a", "1", "1.00");
        let decision = guarded.check(&free, asked).await.unwrap();
        let size = guarded.server.service.size();

        let by_number =
            |number: &str| v1::GetLicenceRequest { number: number.to_owned(), ..Default::default() };
        assert!(licences.get_licence(bearing(token, by_number("NL-1"))).await.is_ok());
        let theirs = licences.get_licence(bearing(bound, by_number("NL-1"))).await.unwrap_err();
        let no_such = licences.get_licence(bearing(bound, by_number("NL-2"))).await.unwrap_err();
        assert_eq!(theirs.code(), no_such.code());
        assert_eq!(theirs.message().replace("NL-1", "N"), no_such.message().replace("NL-2", "N"));
        let listed =
            licences.list_licences(bearing(bound, v1::ListLicencesRequest::default())).await.unwrap();
        assert!(listed.into_inner().licences.is_empty());
        let revoke = |number: &str| v1::RevokeLicenceRequest {
            request_id: format!("revoke/{number}"),
            number: number.to_owned(),
            from: "2022-03-01".to_owned(),
            reason: "not mine".to_owned(),
        };
        let theirs = licences.revoke_licence(bearing(bound, revoke("NL-1"))).await.unwrap_err();
        let no_such = licences.revoke_licence(bearing(bound, revoke("NL-2"))).await.unwrap_err();
        assert_eq!(theirs.message().replace("NL-1", "N"), no_such.message().replace("NL-2", "N"));
        let confirm = crate::register::shipment("s", &decision, "1", "1.00");
        assert_eq!(
            control.confirm_shipment(bearing(bound, confirm)).await.unwrap_err().code(),
            Code::NotFound
        );
        let release = v1::ReleaseReservationRequest {
            request_id: "x".to_owned(),
            decision_id: decision.decision_id.clone(),
            reason: "not mine".to_owned(),
        };
        let refused = control.release_reservation(bearing(bound, release)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        assert_eq!(guarded.server.service.size(), size, "nothing was recorded");
    });
}

#[test]
fn a_token_that_is_revoked_ends_its_stream_and_opens_nothing_more() {
    let (guarded, erp) = Guarded::start(|file| issue(file, "erp", &[Role::Erp], None));
    block_on(async {
        let (to, requests) = tokio::sync::mpsc::channel(4);
        let asked = |id: &str| v1::CheckExportsRequest { request: Some(request(id)) };
        let mut control = ExportControlServiceClient::new(guarded.server.channel().await);
        let stream = tokio_stream::wrappers::ReceiverStream::new(requests);
        to.send(asked("a")).await.unwrap();
        let answers = control.check_exports(bearing(Some(erp.token.reveal()), stream)).await.unwrap();
        let mut answers = answers.into_inner();
        assert!(answers.message().await.unwrap().is_some());
        edit(&guarded.file(), |book| book.revoke(&erp.row.id, Timestamp::UNIX_EPOCH)).unwrap();
        guarded.until_turned_away(erp.token.reveal()).await;
        let size = guarded.server.service.size();
        to.send(asked("b")).await.unwrap();
        assert_eq!(answers.message().await.unwrap_err().code(), Code::Unauthenticated);
        assert_eq!(guarded.server.service.size(), size, "nothing was recorded");
    });
}
