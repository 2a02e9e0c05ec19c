//! The worked cases with licences, rates or registrations, on a daemon that has all of it recorded: nothing is given to
//! the engine by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil::Date;
use prost::bytes::Bytes;
use rust_decimal::Decimal;
use slagboom::{
    domain::identity::{Identity, Role, Roles},
    proto::v1,
    register::{
        Correction, CorrectionKind, LicenceText, LineText, RateTable, RateText, Registration, Revocation,
        SuspensionOrder,
    },
    rulebook::{Bundle, case::CaseDoc, case::LicenceDoc, read_cases},
    server::grpc::convert,
    service::{Command, Order},
};

use super::replays;
use crate::cases;
use crate::support::{Setup, TestServer, block_on, check, rulebook_of};

/// After everything that the rulebook knows.
const LATE_MS: i64 = 1_798_758_000_000;

/// Asks for a licence that nobody offers to be passed over; a daemon finds it in its register.
const FOUND_BY_ITSELF: &str = "lic-not-offered";

/// Does the case speak of what can be recorded, and of nothing else?
fn concerns(case: &CaseDoc) -> bool {
    let given = &case.given;
    let has_papers = !given.licences.is_empty()
        || !given.exchange_rates.is_empty()
        || !given.registered_general_authorisations.is_empty();
    has_papers
        && given.clearances.is_empty()
        && given.listed_parties.is_empty()
        && given.rule_recorded_at.is_empty()
        && case.request.known_at.is_none()
        && case.expect.outcome != "INVALID_REQUEST"
}

/// Two people: who proposes a correction does not approve it.
fn people() -> [Arc<Identity>; 2] {
    ["alma", "bram"].map(|name| Arc::new(Identity::new(name, Roles::of(&[Role::LicenceAdmin]), None)))
}

/// Has an order recorded.
async fn ordered(server: &TestServer, caller: &Arc<Identity>, order: Order) -> u64 {
    let request_id = format!("order/{}", server.service.size());
    let bytes = Bytes::from(request_id.clone());
    let command = Command { caller: caller.clone(), request_id, order, bytes };
    server.service.command(command).await.unwrap().sequence
}

fn day(text: Option<&String>) -> Date {
    text.map_or_else(|| Date::constant(2000, 1, 1), |text| text.parse().unwrap())
}

fn text_of(doc: &LicenceDoc) -> LicenceText {
    LicenceText {
        number: doc.number.clone(),
        kind: doc.kind.clone(),
        holder: doc.holder.clone(),
        valid_from: doc.valid_from.clone(),
        valid_until: doc.valid_to.clone(),
        destinations: doc.destinations.clone(),
        end_users: doc.end_users.clone(),
        consignees: doc.consignees.clone(),
        lines: doc
            .lines
            .iter()
            .map(|line| LineText {
                line: line.line,
                code: line.code.clone(),
                quantity: line.cap_quantity.clone(),
                unit: Some(line.unit.clone()).filter(|unit| !unit.is_empty()),
                value: line.cap_value.clone(),
                currency: Some(line.currency.clone()),
                ..LineText::default()
            })
            .collect(),
        ..LicenceText::default()
    }
}

/// Records a licence; what has been drawn of it, as corrections of two people; and how it stands.
async fn hold(server: &TestServer, doc: &LicenceDoc) {
    let [alma, bram] = people();
    ordered(server, &alma, Order::Record(text_of(doc))).await;
    for line in &doc.lines {
        let sum = |amounts: [&Option<String>; 2]| -> Decimal {
            amounts.into_iter().flatten().map(|amount| amount.parse::<Decimal>().unwrap()).sum()
        };
        let (quantity, value) = (
            sum([&line.confirmed_quantity, &line.reserved_quantity]),
            sum([&line.confirmed_value, &line.reserved_value]),
        );
        if quantity.is_zero() && value.is_zero() {
            continue;
        }
        let correction = Correction {
            kind: CorrectionKind::Adjust,
            licence: doc.number.clone(),
            line: line.line,
            quantity,
            value,
            shipment: None,
            wrote_off: None,
            reference: "register of before".to_owned(),
            reason: "what had left before this register began".to_owned(),
            by: String::new(),
        };
        let proposal = ordered(server, &alma, Order::ProposeCorrection(correction)).await;
        let reason = "seen in the old register".to_owned();
        ordered(server, &bram, Order::ApproveCorrection { proposal, reason }).await;
    }
    let (number, from, reason) = (doc.number.clone(), day(doc.valid_from.as_ref()), "as given".to_owned());
    match &*doc.status {
        "active" => {}
        "suspended" => {
            let order = SuspensionOrder { numbers: vec![number], from, reason, ..Default::default() };
            ordered(server, &alma, Order::Suspend(order)).await;
        }
        "revoked" => drop(
            ordered(server, &alma, Order::Revoke(Revocation { number, from, reason, ordered_on: None }))
                .await,
        ),
        "returned" => drop(
            ordered(server, &alma, Order::Return(Revocation { number, from, reason, ordered_on: None }))
                .await,
        ),
        other => panic!("{other}"),
    }
}

async fn give(server: &TestServer, case: &CaseDoc) {
    let [alma, _] = people();
    for doc in &case.given.licences {
        hold(server, doc).await;
    }
    let exporter = case.request.exporter.as_ref().unwrap().name.clone();
    for authorisation in &case.given.registered_general_authorisations {
        let registration = Registration {
            authorisation: authorisation.clone(),
            holder: exporter.clone(),
            from: Date::constant(2010, 1, 1),
            until: None,
            reference: "CDIU".to_owned(),
        };
        ordered(server, &alma, Order::Register(registration)).await;
    }
    let rates: Vec<RateText> = case
        .given
        .exchange_rates
        .iter()
        .map(|rate| RateText {
            currency: rate.currency.clone(),
            date: rate.date.clone(),
            eur_per_unit: rate.eur_per_unit.clone(),
        })
        .collect();
    if !rates.is_empty() {
        let table = RateTable { source: "as given".to_owned(), rates, replaces: false };
        ordered(server, &alma, Order::SetRates(table)).await;
    }
}

/// What the answer says otherwise than the case asks for.
fn mismatches(case: &CaseDoc, decision: &v1::Decision) -> Vec<String> {
    let expect = &case.expect;
    let mut mismatches = Vec::new();
    let mut expected = |field: &str, expected: &str, got: &str| {
        if expected != got {
            mismatches.push(format!("{} {field}: expected {expected}, got {got}", case.id));
        }
    };
    let name = |name: &str, prefix: &str| name.strip_prefix(prefix).unwrap().to_owned();
    expected("outcome", &expect.outcome, &name(decision.outcome().as_str_name(), "OUTCOME_"));
    if let Some(basis) = &expect.basis {
        let got = name(decision.basis().as_str_name(), "BASIS_").replace("UNSPECIFIED", "none");
        expected("basis", basis, &got);
    }
    let found: BTreeSet<&str> = decision.findings.iter().map(|finding| &*finding.rule).collect();
    for rule in expect.rules.iter().chain(&expect.other_findings) {
        expected("rules", rule, found.get(&**rule).copied().unwrap_or("none"));
    }
    let duties: BTreeSet<&str> = decision.duties.iter().map(|duty| &*duty.id).collect();
    for duty in &expect.duties {
        expected("duties", duty, duties.get(&**duty).copied().unwrap_or("none"));
    }
    for (line, outcome) in &expect.lines {
        let got = decision.lines.iter().find(|decided| decided.line == *line).unwrap();
        expected("lines", outcome, &name(got.outcome().as_str_name(), "OUTCOME_"));
    }
    if let Some(remaining) = &expect.remaining_value {
        let left = decision.allocations.iter().rev().find(|part| !part.remaining_value.is_empty());
        let got = left.map(|part| part.remaining_value.parse::<Decimal>().unwrap());
        let got = if got == remaining.parse().ok() { remaining.clone() } else { format!("{got:?}") };
        expected("remaining_value", remaining, &got);
    }
    mismatches
}

#[test]
fn worked_cases_with_papers_pass_on_a_daemon_that_has_them_recorded() {
    let mut said = Vec::new();
    let mut count = 0;
    // A daemon for each case takes a while: the others, with the invented ones, run where they are asked for.
    let all = std::env::var_os("SLAGBOOM_ALL_CASES").is_some();
    for (file, text) in cases::files().into_iter().filter(|(file, _)| all || file == "worked.yaml") {
        let read = read_cases(&file, &text).unwrap();
        for case in read.cases.iter().filter(|case| concerns(case) && case.id != FOUND_BY_ITSELF) {
            let server = TestServer::start_with(Setup {
                rulebook: rulebook_of(Bundle::built_in()),
                ..Setup::default()
            });
            server.clock.set(LATE_MS);
            let mut request = convert::request_message(case.request.clone()).unwrap();
            request.request_id = case.id.clone();
            request.dry_run = false;
            block_on(async {
                give(&server, case).await;
                let decision = check(&server, request).await.unwrap();
                said.extend(mismatches(case, &decision));
                replays(&server, 1).await;
            });
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
    assert_eq!(said, Vec::<String>::new());
}
