//! What licences cost: `cargo bench --bench register`.
//!
//! A register of 100,000 licences with 10 lines each: how long it takes to make, what it takes in memory, and how long a
//! check looks for its licence. Then the recorded check with a reservation beside one of the same goods for an exporter
//! that has no licence, alternating in one run, in the process itself: the transport, which both would share, is not in it.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first error, and prints"
)]
#![expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures are for reading")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use jiff::civil::date;
use prost::Message;
use prost::bytes::Bytes;
use slagboom::clock::System;
use slagboom::domain::export::ProposedExport;
use slagboom::domain::identity::Identity;
use slagboom::domain::licence::ExchangeRates;
use slagboom::engine::{Known, Question, assess, settle};
use slagboom::proto::v1;
use slagboom::register::{LicenceText, LineText, Register};
use slagboom::rulebook::{Bundle, Rulebook, compile};
use slagboom::screening;
use slagboom::server::{self, Opening, grpc};
use slagboom::service::{self, Command, Order, Outbox, ReceiptKind, Service};
use slagboom::store::Options;

const LICENCES: usize = 100_000;
const LINES: usize = 10;
const HOLDERS: usize = 1_000;
const CHECKS: usize = 20_000;
const IN_FLIGHT: usize = 64;
const ROUNDS: usize = 5;

const CODES: [&str; LINES] =
    ["5A002.a", "5D002", "5E002", "3A001", "6A003", "2B350", "1C350", "7A103", "9A012", "4A003"];

fn main() {
    // `cargo test --benches` runs it too, and wants no figures.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let book = compile(Bundle::built_in()).rulebook.unwrap();
    determination(&book);
    reservations(book);
}

fn licence(at: usize) -> LicenceText {
    LicenceText {
        number: format!("NL-{at:06}"),
        kind: "individual".to_owned(),
        holder: format!("Exporter {}", at % HOLDERS),
        valid_from: Some("2022-01-01".to_owned()),
        valid_until: Some("2023-12-31".to_owned()),
        destinations: vec!["IN".to_owned()],
        end_users: Some(vec![format!("Buyer {}", at / HOLDERS)]),
        lines: CODES
            .iter()
            .map(|code| LineText {
                code: (*code).to_owned(),
                quantity: Some("100000000".to_owned()),
                unit: Some("pcs".to_owned()),
                value: Some("1000000000.00".to_owned()),
                ..LineText::default()
            })
            .collect(),
        ..LicenceText::default()
    }
}

/// One line of goods for a buyer in India.
fn message(id: &str, holder: usize, buyer: usize, code: &str) -> v1::CheckExportRequest {
    let name = format!("Buyer {buyer}");
    v1::CheckExportRequest {
        request_id: id.to_owned(),
        export_date: "2022-03-01".to_owned(),
        exporter: Some(v1::Exporter {
            name: format!("Exporter {holder}"),
            country: "NL".to_owned(),
            ..Default::default()
        }),
        goods: vec![v1::Goods {
            line: 1,
            code: code.to_owned(),
            annex_items_stated: true,
            quantity: "1".to_owned(),
            unit: "pcs".to_owned(),
            value: "10.00".to_owned(),
            currency: "EUR".to_owned(),
            ..Default::default()
        }],
        consignee: Some(v1::Consignee { name: name.clone(), country: "IN".to_owned(), ..Default::default() }),
        end_user: Some(v1::EndUser {
            name,
            country: "IN".to_owned(),
            r#type: "civil".to_owned(),
            ..Default::default()
        }),
        end_use: "civil".to_owned(),
        destination: Some(v1::Destination { country: "IN".to_owned(), ..Default::default() }),
        ..Default::default()
    }
}

fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

fn determination(book: &Rulebook) {
    let (before, start) = (resident_mib(), Instant::now());
    let mut register = Register::default();
    for at in 0..LICENCES {
        let event = register.plan_record(licence(at)).unwrap();
        register.apply(at as u64, &event).unwrap();
    }
    println!(
        "{LICENCES} licences with {LINES} lines: made in {:.2?}, resident {} MiB more",
        start.elapsed(),
        resident_mib() - before
    );
    let exports: Vec<ProposedExport> = (0..1_000)
        .map(|at| {
            let bytes =
                message("x", at * 7 % HOLDERS, at * 13 % (LICENCES / HOLDERS), "5A002.a").encode_to_vec();
            grpc::read_request(&bytes).unwrap().parse(&book.vocabulary).unwrap()
        })
        .collect();
    let (rates, always) = (ExchangeRates::default(), BTreeMap::new());
    let assessed: Vec<_> = exports
        .iter()
        .map(|export| {
            let hits = screening::exact(book, export, &[]);
            let known = Known::Always { at: None, recorded_at: &always };
            assess(&Question { book, export, known, hits: &hits, rates: &rates })
        })
        .collect();
    let mut taken = Vec::new();
    for (export, assessment) in exports.iter().zip(&assessed) {
        let start = Instant::now();
        let papers = register.standing(export, None, None, date(2022, 3, 31));
        let decision = settle(book, export, &papers, assessment);
        taken.push(start.elapsed());
        assert_eq!(decision.effects.holds.len(), 1);
    }
    taken.sort_unstable();
    let percentile = |percent: usize| *taken.get(taken.len() * percent / 100).unwrap();
    println!(
        "a check looks among the {} licences of its exporter for that code, and settles: p50 {:.1?}, p99 {:.1?}",
        LICENCES / HOLDERS,
        percentile(50),
        percentile(99)
    );
}

fn reservations(book: Rulebook) {
    let folder = tempfile::tempdir().unwrap();
    let opening = Opening::new(Options::new(folder.path().join("data")), book, Arc::new(System));
    let service = server::open(opening).unwrap();
    let caller = Arc::new(Identity::local());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let outbox = Arc::new(Outbox::default());
        let delivering = outbox.clone();
        tokio::spawn(async move { delivering.deliver().await });
        let command = |order| Command {
            caller: caller.clone(),
            request_id: "record".to_owned(),
            order,
            bytes: Bytes::from_static(b"licence"),
        };
        service.command(command(Order::Record(licence(0)))).await.unwrap();
        let mut ratios = Vec::new();
        for round in 0..ROUNDS {
            let plain = per_second(&service, &caller, &outbox, round, 7, 0).await;
            let reserved = per_second(&service, &caller, &outbox, round, 0, 1).await;
            println!("round {round}: {plain:.0}/s without, {reserved:.0}/s with a reservation");
            ratios.push(plain / reserved);
        }
        ratios.sort_by(f64::total_cmp);
        println!("without ÷ with, median of {ROUNDS}: {:.2}", ratios.get(ROUNDS / 2).unwrap());
    });
}

async fn per_second(
    service: &Service,
    caller: &Arc<Identity>,
    outbox: &Arc<Outbox<service::Reply>>,
    round: usize,
    holder: usize,
    allocations: usize,
) -> f64 {
    let start = Instant::now();
    let mut waiting = VecDeque::new();
    for at in 0..CHECKS {
        if waiting.len() >= IN_FLIGHT {
            let first: service::Pending = waiting.pop_front().unwrap();
            let answer = first.await.unwrap();
            assert_eq!(answer.decision.effects.holds.len(), allocations);
        }
        let bytes: Bytes =
            message(&format!("{round}-{holder}-{at}"), holder, 0, "5A002.a").encode_to_vec().into();
        let request = grpc::read_request(&bytes).unwrap();
        let question =
            service::Question { caller: caller.clone(), request, bytes, receipt: ReceiptKind::None };
        waiting.push_back(service.check_patiently(question, outbox));
    }
    for pending in waiting {
        pending.await.unwrap();
    }
    CHECKS as f64 / start.elapsed().as_secs_f64()
}
