//! Orders and the deliveries that follow them, lines split over licences, and how long a reservation is kept.

use slagboom::proto::v1::{self, Outcome};

use super::{balance, confirm, held, licence, order, part, record, replays, shipment};
use crate::support::{NOON_MS, TestServer, block_on, check, fields};

fn following(order: &v1::Decision, mut delivery: v1::CheckExportRequest) -> v1::CheckExportRequest {
    order.decision_id.clone_into(&mut delivery.follows);
    delivery
}

#[test]
fn deliveries_take_the_reservation_of_their_order_over_part_by_part() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let of_order = check(&server, order("order", "60", "60000.00")).await.unwrap();
        assert_eq!(of_order.outcome(), Outcome::Permitted);
        let first = check(&server, following(&of_order, order("d1", "25", "25000.00"))).await.unwrap();
        assert_eq!(first.outcome(), Outcome::Permitted);
        // Nothing is reserved twice.
        assert_eq!(balance(&server, "NL-1").await, ["0", "0", "60", "60000.00"]);
        assert_eq!(first.allocations[0].remaining_value, "75000.00", "what the order still holds is its own");
        confirm(&server, shipment("c1", &first, "25", "25000.00")).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["25", "25000.00", "35", "35000.00"]);
        // More than the order has left takes what is free beside it, and no more than that.
        let too_much = check(&server, following(&of_order, order("d2", "76", "75000.00"))).await.unwrap();
        assert_eq!(too_much.outcome(), Outcome::LicenceInsufficient);
        assert_eq!(
            balance(&server, "NL-1").await,
            ["25", "25000.00", "35", "35000.00"],
            "the order keeps it"
        );
        let rest = check(&server, following(&of_order, order("d3", "40", "40000.00"))).await.unwrap();
        assert_eq!(rest.outcome(), Outcome::Permitted);
        assert_eq!(balance(&server, "NL-1").await, ["25", "25000.00", "40", "40000.00"]);
        // The order is used up: it has nothing to give back, and a retry of a delivery takes nothing again.
        let release = v1::ReleaseReservationRequest {
            request_id: "release".to_owned(),
            decision_id: of_order.decision_id.clone(),
            reason: "cancelled".to_owned(),
        };
        assert!(server.control().await.release_reservation(release).await.is_err());
        check(&server, following(&of_order, order("d3", "40", "40000.00"))).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await, ["25", "25000.00", "40", "40000.00"]);
        replays(&server, 4).await;
    });
    let server = server.restart();
    block_on(async {
        assert_eq!(balance(&server, "NL-1").await, ["25", "25000.00", "40", "40000.00"]);
        replays(&server, 4).await;
    });
}

#[test]
fn a_delivery_is_drawn_on_the_licence_of_its_order_though_another_expires_earlier() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let of_order = check(&server, order("order", "60", "60000.00")).await.unwrap();
        let mut earlier = licence("NL-0");
        "2022-06-30".clone_into(&mut earlier.valid_until);
        record(&server, earlier).await.unwrap();
        let alone = check(&server, order("alone", "1", "1.00")).await.unwrap();
        assert_eq!(alone.allocations[0].licence, "NL-0");
        let delivery = check(&server, following(&of_order, order("d1", "60", "60000.00"))).await.unwrap();
        assert_eq!(delivery.allocations[0].licence, "NL-1");
        assert_eq!(balance(&server, "NL-1").await[2..], ["60", "60000.00"]);
        // A document replaces another one or follows it; and what it names must be there.
        let mut both = following(&of_order, order("both", "1", "1.00"));
        both.supersedes.clone_from(&of_order.decision_id);
        assert_eq!(fields(&check(&server, both).await.unwrap_err()), ["follows"]);
        let mut lost = order("lost", "1", "1.00");
        "0000000000000000000".clone_into(&mut lost.follows);
        assert_eq!(fields(&check(&server, lost).await.unwrap_err()), ["follows"]);
        replays(&server, 3).await;
    });
}

fn split(id: &str, parts: Vec<v1::AskedAllocation>) -> v1::CheckExportRequest {
    let mut asked = order(id, "150", "150000.00");
    asked.goods[0].allocations = parts;
    asked
}

#[test]
fn a_line_is_split_over_two_licences_as_asked_all_or_nothing() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        record(&server, licence("NL-2")).await.unwrap();
        // No licence alone has enough.
        let whole = check(&server, order("whole", "150", "150000.00")).await.unwrap();
        assert_eq!(whole.outcome(), Outcome::LicenceInsufficient);
        let parts = vec![part("NL-1", "100", "100000.00"), part("NL-2", "50", "49999.99")];
        let short = check(&server, split("short", parts)).await.unwrap();
        assert_eq!(short.outcome(), Outcome::LicenceInsufficient);
        let why = short.considered.iter().find(|other| other.what == "allocations").unwrap();
        assert!(why.why_not.contains("add up to 150 worth 149999.99"), "{}", why.why_not);
        let parts = vec![part("NL-1", "101", "100000.00"), part("NL-2", "49", "50000.00")];
        let over = check(&server, split("over", parts)).await.unwrap();
        assert_eq!(over.outcome(), Outcome::LicenceInsufficient);
        let parts = vec![part("NL-1", "75", "75000.00"), part("NL-1", "75", "75000.00")];
        let twice = check(&server, split("twice", parts)).await.unwrap();
        assert_eq!(twice.outcome(), Outcome::LicenceInsufficient, "both parts are of one balance");
        let parts = vec![part("NL-1", "100", "100000.00"), part("NL-9", "50", "50000.00")];
        let unknown = check(&server, split("unknown", parts)).await.unwrap();
        assert_eq!(unknown.outcome(), Outcome::LicenceInsufficient);
        assert_eq!(balance(&server, "NL-1").await[2..], ["0", "0"], "nothing was drawn");
        let parts = vec![part("NL-1", "100", "100000.00"), part("NL-2", "50", "50000.00")];
        let both = check(&server, split("both", parts)).await.unwrap();
        assert_eq!((both.outcome(), both.allocations.len()), (Outcome::Permitted, 2));
        let ground = both.findings.iter().find_map(|finding| finding.ground.clone()).unwrap();
        assert_eq!(ground.id, "NL-1, NL-2");
        assert_eq!(balance(&server, "NL-1").await[2..], ["100", "100000.00"]);
        assert_eq!(balance(&server, "NL-2").await[2..], ["50", "50000.00"]);
        let written = confirm(&server, shipment("c", &both, "150", "150000.00")).await.unwrap();
        assert_eq!(written.written_off.len(), 2);
        assert_eq!(balance(&server, "NL-2").await, ["50", "50000.00", "0", "0.00"]);
        let lines = held(&server, "NL-1").await.balances;
        assert_eq!(lines[0].available_value, "0.00");
        // A line of the licence that is for something else covers nothing.
        let parts = vec![v1::AskedAllocation { licence_line: 7, ..part("NL-2", "50", "50000.00") }];
        let mut wrong = order("line", "50", "50000.00");
        wrong.goods[0].allocations = parts;
        assert_eq!(check(&server, wrong).await.unwrap().outcome(), Outcome::LicenceInsufficient);
        replays(&server, 7).await;
    });
}

#[test]
fn bad_allocations_and_terms_are_all_named() {
    let server = TestServer::start();
    block_on(async {
        let mut bad = order("bad", "1", "1.00");
        bad.goods[0].allocations = vec![part("", "0", "-1"), part("NL-1", "x", "1.00")];
        bad.reservation_days = 367;
        assert_eq!(
            fields(&check(&server, bad).await.unwrap_err()),
            [
                "goods[0].allocations[0].licence",
                "goods[0].allocations[0].quantity",
                "goods[0].allocations[0].value",
                "goods[0].allocations[1].quantity",
                "reservation_days"
            ]
        );
        let mut many = order("many", "1", "1.00");
        many.goods[0].allocations = vec![part("NL-1", "1", "1.00"); 17];
        assert_eq!(fields(&check(&server, many).await.unwrap_err()), ["goods[0].allocations"]);
    });
}

#[test]
fn a_reservation_is_kept_for_as_long_as_the_caller_asks() {
    let server = TestServer::start();
    block_on(async {
        record(&server, licence("NL-1")).await.unwrap();
        let mut asked = order("a", "1", "1.00");
        asked.reservation_days = 1;
        assert_eq!(check(&server, asked).await.unwrap().reserved_until, "2022-03-02");
        let mut asked = order("b", "1", "1.00");
        asked.reservation_days = 366;
        assert_eq!(check(&server, asked).await.unwrap().reserved_until, "2023-03-02");
        server.clock.set(NOON_MS + 2 * super::DAY_MS);
        check(&server, order("c", "1", "1.00")).await.unwrap();
        assert_eq!(balance(&server, "NL-1").await[2..], ["2", "2.00"], "the first ran out");
        replays(&server, 3).await;
    });
}
