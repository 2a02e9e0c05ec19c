//! `drawdown_never_over`, whatever comes in whatever order.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::date};
use proptest::prelude::*;
use rust_decimal::Decimal;
use slagboom::{
    domain::{export::ProposedExport, licence::ExchangeRates, money::Currency, request::RawRequest},
    engine::{self, Known, Question, assess, canonical, settle},
    register::{
        Amendment, Approval, Correction, CorrectionKind, Event, LicenceText, LineText, Register, Release,
        Shipped, ShippedLine,
    },
    rulebook::Rulebook,
    screening,
};

use crate::support::small_rulebook;

/// What somebody does.
#[derive(Clone, Debug)]
enum Step {
    Check {
        quantity: u32,
        value: u32,
        lines: usize,
        names: Option<(bool, prop::sample::Index)>,
    },
    /// A cap of the first licence becomes another one.
    Amend {
        quantity: u32,
        value: u32,
    },
    /// What has left of the first licence was other than it seemed, as two people say.
    Correct {
        quantity: i32,
        value: i32,
    },
    Confirm {
        of: prop::sample::Index,
        quantity: u32,
        value: u32,
        is_last: bool,
    },
    Release {
        of: prop::sample::Index,
    },
    Expire {
        of: prop::sample::Index,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (1_u32..60, 0_u32..6_000, 1_usize..4, prop::option::weighted(0.4, (any::<bool>(), index())))
            .prop_map(|(quantity, value, lines, names)| Step::Check { quantity, value, lines, names }),
        1 => (0_u32..120, 0_u32..12_000).prop_map(|(quantity, value)| Step::Amend { quantity, value }),
        1 => (-60_i32..60, -6_000_i32..6_000).prop_map(|(quantity, value)| Step::Correct { quantity, value }),
        3 => (index(), 0_u32..60, 0_u32..6_000, any::<bool>())
            .prop_map(|(of, quantity, value, is_last)| Step::Confirm { of, quantity, value, is_last }),
        1 => index().prop_map(|of| Step::Release { of }),
        1 => index().prop_map(|of| Step::Expire { of }),
    ]
}

fn licence(number: &str, quantity: Option<u32>, value: Option<u32>) -> LicenceText {
    LicenceText {
        number: number.to_owned(),
        kind: "individual".to_owned(),
        holder: "Voorbeeld BV".to_owned(),
        destinations: vec!["IN".to_owned()],
        lines: vec![LineText {
            code: "5A002".to_owned(),
            unit: quantity.map(|_| "pcs".to_owned()),
            quantity: quantity.map(|cap| cap.to_string()),
            value: value.map(|cap| format!("{cap}.00")),
            ..LineText::default()
        }],
        ..LicenceText::default()
    }
}

fn export(book: &Rulebook, quantity: u32, value: u32, lines: usize) -> ProposedExport {
    let goods: Vec<String> = (1..=lines)
        .map(|line| {
            format!("{{line: {line}, code: 5A002.a, quantity: '{quantity}', unit: pcs, value: '{value}.00', currency: EUR}}")
        })
        .collect();
    let text = format!(
        "{{export_date: '2022-03-01', exporter: {{name: Voorbeeld BV, country: NL}}, goods: [{}],
          consignee: {{name: Buyer, country: IN}}, end_user: {{name: Buyer, country: IN, type: civil}},
          end_use: civil, destination: {{country: IN}}}}",
        goods.join(", ")
    );
    let raw: RawRequest = serde_yaml::from_str(&text).unwrap();
    raw.parse(&book.vocabulary).unwrap()
}

/// Confirmed and reserved are within the caps, and what is reserved is what the open reservations hold.
fn holds(register: &Register) -> Result<(), TestCaseError> {
    let mut promised: BTreeMap<&str, (Decimal, Decimal)> = BTreeMap::new();
    for reservation in register.reservations() {
        for part in &reservation.parts {
            prop_assert!(part.quantity >= Decimal::ZERO && part.value >= Decimal::ZERO);
            let sum = promised.entry(&part.licence).or_default();
            *sum = (sum.0 + part.quantity, sum.1 + part.value);
        }
    }
    for held in register.licences() {
        for (line, balance) in held.lines() {
            let (quantity, value) = promised.get(&*held.terms().number).copied().unwrap_or_default();
            prop_assert_eq!((balance.reserved_quantity, balance.reserved_value), (quantity, value));
            prop_assert!(
                balance.confirmed_quantity >= Decimal::ZERO && balance.confirmed_value >= Decimal::ZERO
            );
            prop_assert!(line.cap_quantity.is_none_or(|cap| balance.used_quantity() <= cap));
            prop_assert!(line.cap_value.is_none_or(|cap| balance.used_value() <= cap));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_interleaving_draws_more_than_was_granted(steps in prop::collection::vec(step(), 1..60)) {
        let book = small_rulebook();
        let mut register = Register::default();
        let mut events: Vec<(u64, Event)> = Vec::new();
        for (at, text) in [
            licence("NL-BOTH", Some(100), Some(10_000)),
            licence("NL-QUANTITY", Some(50), None),
            licence("NL-VALUE", None, Some(7_500)),
        ].into_iter().enumerate() {
            let event = register.plan_record(text).unwrap();
            register.apply(at as u64, &event).unwrap();
            events.push((at as u64, event));
        }
        let rates = ExchangeRates::default();
        let always = BTreeMap::new();
        let mut decisions: Vec<u64> = Vec::new();
        let mut decided: Vec<(u64, Vec<u8>)> = Vec::new();
        for (sequence, step) in (10_u64..).step_by(2).zip(steps) {
            let at = sequence + u64::from(matches!(step, Step::Correct { .. }));
            let pick = |of: prop::sample::Index| (!decisions.is_empty()).then(|| *of.get(&decisions));
            let planned = match step {
                Step::Check { quantity, value, lines, names } => {
                    let named = names.and_then(|(is_order, of)| Some((is_order, pick(of)?)));
                    let supersedes = named.filter(|(is_order, _)| !is_order).map(|(_, of)| of);
                    let follows = named.filter(|(is_order, _)| *is_order).map(|(_, of)| of);
                    let export = export(&book, quantity, value, lines);
                    let hits = screening::exact(&book, &export, &[]);
                    let known = Known::Always { at: None, recorded_at: &always };
                    let question = Question { book: &book, export: &export, known, hits: &hits, rates: &rates };
                    let papers = register.standing(&export, supersedes, follows, date(2022, 3, 31));
                    let decision = settle(&book, &export, &papers, &assess(&question));
                    let bytes = canonical::encode(&book, &decision);
                    let effects = engine::effects(&bytes).unwrap();
                    prop_assert_eq!(&effects, &decision.effects);
                    prop_assert_eq!(&canonical::decode(&book, &bytes).unwrap(), &decision);
                    register.decided(sequence, &effects).unwrap();
                    decisions.push(sequence);
                    decided.push((sequence, bytes));
                    None
                }
                Step::Amend { quantity, value } => {
                    let licence = licence("NL-BOTH", Some(quantity), Some(value));
                    let from = date(2022, 1, 1).saturating_add(i64::try_from(sequence).unwrap().days());
                    register.plan_amend(Amendment { licence, from, reason: "amended".to_owned(), ordered_on: None }).ok()
                }
                Step::Correct { quantity, value } => {
                    let correction = Correction {
                        kind: CorrectionKind::Adjust,
                        licence: "NL-BOTH".to_owned(),
                        line: 1,
                        quantity: quantity.into(),
                        value: value.into(),
                        shipment: None,
                        wrote_off: None,
                        reference: "memo".to_owned(),
                        reason: "wrong".to_owned(),
                        by: "alma".to_owned(),
                    };
                    // Proposed and at once approved, as two entries.
                    register.plan_correction(correction).ok().map(|proposed| {
                        register.apply(sequence, &proposed).unwrap();
                        events.push((sequence, proposed));
                        let (proposal, reason, by) = (sequence, "seen".to_owned(), "bram".to_owned());
                        register.plan_approve(Approval { proposal, reason, by }).unwrap()
                    })
                }
                Step::Confirm { of, quantity, value, is_last } => pick(of).and_then(|decision| {
                    let line = ShippedLine {
                        goods_line: 1,
                        quantity: quantity.into(),
                        value: value.into(),
                        currency: Currency::euro(),
                    };
                    {
                        let (export_date, lines) = (date(2022, 3, 1), &[line]);
                        let shipped = Shipped { decision, export_date, reference: "MRN", lines, is_last, parties: None };
                        register.plan_confirm(&shipped).ok()
                    }
                }),
                Step::Release { of } => pick(of).and_then(|decision| {
                    register.plan_release(Release { decision, reason: "cancelled".to_owned() }).ok()
                }),
                Step::Expire { of } => pick(of).filter(|decision| register.reservation(*decision).is_some()).map(
                    |decision| Event::ReservationExpired(Release { decision, reason: "late".to_owned() }),
                ),
            };
            if let Some(event) = planned {
                register.apply(at, &event).unwrap();
                events.push((at, event));
            }
            holds(&register)?;
        }
        // What is written is what is folded: events and decisions read back give the same balances.
        let mut folded = Register::default();
        let mut decided = decided.into_iter().peekable();
        for (sequence, event) in events {
            while let Some((at, bytes)) = decided.next_if(|(at, _)| *at < sequence) {
                folded.decided(at, &engine::effects(&bytes).unwrap()).unwrap();
            }
            let text = serde_json::to_vec(&event).unwrap();
            folded.apply(sequence, &serde_json::from_slice(&text).unwrap()).unwrap();
        }
        for (at, bytes) in decided {
            folded.decided(at, &engine::effects(&bytes).unwrap()).unwrap();
        }
        let balances = |register: &Register| {
            register.licences().map(|held| (held.terms().number.clone(), held.lines().map(|(_, balance)| *balance).collect::<Vec<_>>())).collect::<Vec<_>>()
        };
        prop_assert_eq!(balances(&folded), balances(&register));
        prop_assert!(folded.reservations().eq(register.reservations()));
    }
}
