//! Movements and the report of draw-down: every grant, promise and shipment is there, at any moment, and adds up.

use slagboom::proto::v1;
use tonic::Code;

use super::{DAY_MS, confirm, held, licence, order, reason, record, release, shipment};
use crate::support::{NOON_MS, TestServer, block_on, check};

async fn movements(server: &TestServer, number: &str, size: i32) -> Vec<v1::Movement> {
    let mut request =
        v1::ListMovementsRequest { page_size: size, number: number.to_owned(), ..Default::default() };
    let mut found = Vec::new();
    loop {
        let page = server.licences().await.list_movements(request.clone()).await.unwrap().into_inner();
        found.extend(page.movements);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return found;
        }
    }
}

async fn drawdown(server: &TestServer, number: &str, at_ms: Option<i64>) -> Vec<v1::DrawdownLine> {
    let at = at_ms.map(|at| prost_types::Timestamp { seconds: at / 1_000, nanos: 0 });
    let request = v1::ReportDrawdownRequest { at, number: number.to_owned(), ..Default::default() };
    let mut messages = server.licences().await.report_drawdown(request).await.unwrap().into_inner();
    let mut lines = Vec::new();
    while let Some(message) = messages.message().await.unwrap() {
        lines.extend(message.lines);
    }
    lines
}

/// Value granted, reserved, confirmed, given back, expired, open and available.
fn values(line: &v1::DrawdownLine) -> Vec<String> {
    let all = [
        &line.cap,
        &line.reserved,
        &line.confirmed,
        &line.given_back,
        &line.expired,
        &line.open,
        &line.available,
    ];
    all.map(|both| both.clone().unwrap().value).to_vec()
}

#[test]
fn every_movement_is_listed_and_the_accounts_add_up_at_any_moment() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        record(&server, licence("NL-2")).await.unwrap();
        let day = |days: i64| NOON_MS + days * DAY_MS;
        // Day 0: an order, taken over by a delivery, of which half leaves.
        let of_order = check(&server, order("a", "10", "10000.00")).await.unwrap();
        let mut delivery = order("b", "6", "6000.00");
        delivery.follows.clone_from(&of_order.decision_id);
        let delivery = check(&server, delivery).await.unwrap();
        assert!(delivery.allocations[0].licence == of_order.allocations[0].licence);
        server.clock.set(day(1));
        let mut half = shipment("c", &delivery, "3", "3000.00");
        half.last = true;
        confirm(&server, half).await.unwrap();
        // Day 2: another order is cancelled; day 3: a changed document; day 40: all of it runs out.
        server.clock.set(day(2));
        let cancelled = check(&server, order("d", "1", "500.00")).await.unwrap();
        release(&server, "r", &cancelled).await.unwrap();
        server.clock.set(day(3));
        let first = check(&server, order("e", "1", "700.00")).await.unwrap();
        let mut changed = order("f", "1", "800.00");
        changed.supersedes.clone_from(&first.decision_id);
        check(&server, changed).await.unwrap();
        server.clock.set(day(40));
        check(&server, order("g", "1", "1.00")).await.unwrap();

        let moved = movements(&server, "NL-1", 100).await;
        let told: Vec<String> = moved.iter().map(|moved| format!("{} {}", moved.kind, moved.value)).collect();
        assert_eq!(
            told,
            [
                "GRANT 100000.00",
                "RESERVE 10000.00",
                "TAKE_OVER 6000.00",
                "RESERVE 6000.00",
                "CONFIRM 3000.00",
                "RELEASE 3000.00",
                "RESERVE 500.00",
                "RELEASE 500.00",
                "RESERVE 700.00",
                "SUPERSEDE 700.00",
                "RESERVE 800.00",
                "EXPIRE 4000.00",
                "EXPIRE 800.00",
                "RESERVE 1.00",
            ]
        );
        assert_eq!((&*moved[4].reference, &*moved[4].export_date), ("22NL0001", "2022-03-01"));
        assert_eq!((&*moved[4].decision_id, &*moved[4].caller), (&*delivery.decision_id, "local"));
        assert_eq!(moved[7].reason, "order cancelled");
        assert_eq!(moved[11].caller, "slagboom");
        // Page by page the same, and what one entry moved stays together.
        assert_eq!(movements(&server, "NL-1", 1).await, moved);
        assert_eq!(movements(&server, "NL-2", 5).await.len(), 1);
        let unknown = v1::ListMovementsRequest { number: "NL-9".to_owned(), ..Default::default() };
        let refused = server.licences().await.list_movements(unknown).await.unwrap_err();
        assert_eq!((refused.code(), &*reason(&refused)), (Code::FailedPrecondition, "LICENCE_UNKNOWN"));

        // At every moment, of one licence by its own entries and of all by the whole log.
        for (at, expected) in [
            (Some(day(0)), ["100000.00", "16000.00", "0", "6000.00", "0", "10000.00", "90000.00"]),
            (Some(day(1)), ["100000.00", "16000.00", "3000.00", "9000.00", "0", "4000.00", "93000.00"]),
            (Some(day(2)), ["100000.00", "16500.00", "3000.00", "9500.00", "0", "4000.00", "93000.00"]),
            (Some(day(39)), ["100000.00", "18000.00", "3000.00", "10200.00", "0", "4800.00", "92200.00"]),
            (None, ["100000.00", "18001.00", "3000.00", "10200.00", "4800.00", "1.00", "96999.00"]),
        ] {
            let one = drawdown(&server, "NL-1", at).await;
            assert_eq!(values(&one[0]), expected, "{at:?}");
            let all = drawdown(&server, "", at).await;
            assert_eq!((all.len(), &all[0]), (2, &one[0]), "{at:?}");
            assert!(all.iter().all(|line| line.reconciles));
        }
        let before = drawdown(&server, "", Some(day(-1))).await;
        assert_eq!(before, []);
        let balance = held(&server, "NL-1").await.balances[0].clone();
        assert_eq!(balance.available_value, "96999.00");
    });
}
