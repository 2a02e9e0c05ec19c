//! Suspension by criterion, revocation and return.

use slagboom::proto::v1::{self, Outcome};

use super::{DAY_MS, balance, confirm, held, licence, order, reason, record, replays, shipment};
use crate::support::{NOON_MS, TestServer, block_on, check, fields, to};

async fn suspend(
    server: &TestServer,
    change: impl FnOnce(&mut v1::SuspendLicencesRequest),
) -> Result<v1::SuspendLicencesResponse, tonic::Status> {
    let mut request = v1::SuspendLicencesRequest {
        request_id: format!("suspend/{}", server.service.size()),
        from: "2022-02-24".to_owned(),
        reason: "by order of the minister".to_owned(),
        ..Default::default()
    };
    change(&mut request);
    Ok(server.licences().await.suspend_licences(request).await?.into_inner())
}

async fn lift(server: &TestServer, suspension: u64, from: &str) -> Result<v1::Recorded, tonic::Status> {
    let request = v1::LiftSuspensionRequest {
        request_id: format!("lift/{}", server.service.size()),
        suspension,
        from: from.to_owned(),
        reason: "lifted".to_owned(),
    };
    Ok(server.licences().await.lift_suspension(request).await?.into_inner().recorded.unwrap())
}

async fn end(
    server: &TestServer,
    number: &str,
    from: &str,
    is_revoked: bool,
) -> Result<v1::Recorded, tonic::Status> {
    let request_id = format!("end/{}", server.service.size());
    let (number, from, reason) = (number.to_owned(), from.to_owned(), "wrong data".to_owned());
    let mut licences = server.licences().await;
    Ok(if is_revoked {
        let request = v1::RevokeLicenceRequest { request_id, number, from, reason };
        licences.revoke_licence(request).await?.into_inner().recorded.unwrap()
    } else {
        let request = v1::ReturnLicenceRequest { request_id, number, from, reason };
        licences.return_licence(request).await?.into_inner().recorded.unwrap()
    })
}

/// For Egypt and India: neither is banned in the small rulebook.
fn global(number: &str) -> v1::Licence {
    v1::Licence {
        kind: "global".to_owned(),
        destinations: vec!["EG".to_owned(), "IN".to_owned()],
        ..licence(number)
    }
}

#[test]
fn a_suspension_reaches_every_licence_it_means_and_no_other() {
    let server = TestServer::start();
    block_on(async {
        record(&server, global("NL-G")).await.unwrap();
        let reserved = check(&server, to("EG", order("a", "10", "10000.00"))).await.unwrap();
        assert_eq!(reserved.outcome(), Outcome::Permitted);
        let stopped = suspend(&server, |request| {
            request.countries = vec!["EG".to_owned()];
            request.kinds = vec!["individual".to_owned(), "global".to_owned()];
        });
        let stopped = stopped.await.unwrap();
        assert_eq!((stopped.licences, stopped.reservation_count), (1, 1));
        assert_eq!(stopped.reservations[0].decision_id, reserved.decision_id);
        assert_eq!((&*stopped.unusable[0].value, &*stopped.reserved[0].value), ("90000.00", "10000.00"));
        let suspension = stopped.recorded.unwrap().sequence;
        assert_eq!(held(&server, "NL-G").await.suspensions[0].suspension, suspension);

        // The day of the export is what counts, and the country.
        let on = |day: &str, mut asked: v1::CheckExportRequest| {
            day.clone_into(&mut asked.export_date);
            asked
        };
        let outcomes = [
            (to("EG", order("b", "1", "1.00")), Outcome::LicenceSuspended),
            (on("2022-02-24", to("EG", order("c", "1", "1.00"))), Outcome::LicenceSuspended),
            (on("2022-02-23", to("EG", order("d", "1", "1.00"))), Outcome::Permitted),
            (order("e", "1", "1.00"), Outcome::Permitted),
        ];
        for (asked, outcome) in outcomes {
            let id = asked.request_id.clone();
            let decision = check(&server, asked).await.unwrap();
            assert_eq!(decision.outcome(), outcome, "{id}");
        }
        // A licence that is recorded later is reached, unless it was granted later.
        let alone = |number: &str| v1::Licence { destinations: vec!["EG".to_owned()], ..licence(number) };
        let mut late = alone("NL-GRANTED-LATER");
        late.valid_from = "2022-02-25".to_owned();
        record(&server, alone("NL-RECORDED-LATER")).await.unwrap();
        let decision = check(&server, to("EG", order("f", "1", "1.00"))).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceSuspended);
        record(&server, late).await.unwrap();
        let decision = check(&server, to("EG", order("g", "1", "1.00"))).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Permitted);
        assert_eq!(decision.allocations[0].licence, "NL-GRANTED-LATER");

        // Lifting gives all of it back.
        lift(&server, suspension, "2022-03-01").await.unwrap();
        let decision = check(&server, to("EG", order("h", "90", "1.00"))).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::Permitted);
        let again = lift(&server, suspension, "2022-03-01").await.unwrap_err();
        assert_eq!(reason(&again), "NO_SUSPENSION");
        replays(&server, 8).await;
    });
    let server = server.restart();
    block_on(replays(&server, 8));
}

#[test]
fn goods_that_went_before_the_order_are_written_off_and_flagged() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let decision = check(&server, order("a", "40", "30000.00")).await.unwrap();
        // The order comes two days later, and for a day before it.
        server.clock.set(NOON_MS + 2 * DAY_MS);
        suspend(&server, |request| request.countries = vec!["IN".to_owned()]).await.unwrap();
        let of_day = |id: &str, day: &str| v1::ConfirmShipmentRequest {
            export_date: day.to_owned(),
            ..shipment(id, &decision, "10", "7000.00")
        };
        let before = confirm(&server, of_day("s1", "2022-02-23")).await.unwrap();
        assert_eq!(before.incident, "");
        let flagged = confirm(&server, of_day("s2", "2022-03-02")).await.unwrap();
        assert!(flagged.incident.contains("suspended since 2022-02-24"), "{}", flagged.incident);
        let refused = confirm(&server, of_day("s3", "2022-03-03")).await.unwrap_err();
        assert_eq!(reason(&refused), "LICENCE_NOT_USABLE");
        assert_eq!(balance(&server, "NL-1").await, ["20", "14000.00", "20", "16000.00"]);
    });
}

#[test]
fn a_licence_that_is_revoked_or_returned_is_used_no_more() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut other = licence("NL-2");
        other.end_users = vec!["Other Buyer".to_owned()];
        record(&server, other).await.unwrap();
        check(&server, order("a", "10", "1.00")).await.unwrap();
        // Orders still count on it, so it cannot go back to the authority; a revocation cannot wait for them.
        assert_eq!(reason(&end(&server, "NL-1", "2022-03-01", false).await.unwrap_err()), "LICENCE_RESERVED");
        end(&server, "NL-1", "2022-03-01", true).await.unwrap();
        end(&server, "NL-2", "2022-03-01", false).await.unwrap();
        for number in ["NL-1", "NL-2"] {
            assert_eq!(reason(&end(&server, number, "2022-03-01", true).await.unwrap_err()), "LICENCE_ENDED");
        }
        assert_eq!(reason(&end(&server, "NL-3", "2022-03-01", true).await.unwrap_err()), "LICENCE_UNKNOWN");
        assert_eq!(
            (&*held(&server, "NL-1").await.status, &*held(&server, "NL-2").await.status),
            ("revoked", "returned")
        );
        let decision = check(&server, order("b", "1", "1.00")).await.unwrap();
        assert_eq!(decision.outcome(), Outcome::LicenceRequired);
        let offered =
            v1::CheckExportRequest { licences_offered: vec!["NL-1".to_owned()], ..order("c", "1", "1.00") };
        assert_eq!(check(&server, offered).await.unwrap().outcome(), Outcome::LicenceInsufficient);
    });
}

#[test]
fn a_suspension_of_everything_or_of_nonsense_is_refused() {
    let server = TestServer::start();
    block_on(async {
        assert!(suspend(&server, |_| {}).await.is_err(), "no criterion would be every licence");
        let nonsense = suspend(&server, |request| {
            request.countries = vec!["Russia".to_owned()];
            request.kinds = vec!["all".to_owned()];
            request.codes = vec!["5A".to_owned()];
            request.from = "yesterday".to_owned();
            request.reason = String::new();
        });
        let named = fields(&nonsense.await.unwrap_err());
        for field in ["countries[0]", "kinds[0]", "codes[0]", "from", "reason"] {
            assert!(named.iter().any(|named| named == field), "{field}: {named:?}");
        }
        assert_eq!(server.service.size(), 1);
    });
}
