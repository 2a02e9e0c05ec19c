//! Licences for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use crate::cli::print;
use crate::proto::v1;
use crate::server::grpc::convert;

/// An amount with its thousands apart; the cents stay.
pub fn amount(text: &str) -> String {
    let (whole, cents) = text.split_once('.').map_or((text, None), |(whole, cents)| (whole, Some(cents)));
    let grouped = whole.parse().map_or_else(|_| whole.to_owned(), print::grouped);
    cents.map_or(grouped.clone(), |cents| format!("{grouped}.{cents}"))
}

/// A row for each licence, and the totals.
pub fn table(licences: &[v1::HeldLicence]) -> String {
    let mut text = String::new();
    let mut left: BTreeMap<String, Decimal> = BTreeMap::new();
    for held in licences {
        let Some(licence) = &held.licence else { continue };
        let mut of_licence: BTreeMap<&str, Decimal> = BTreeMap::new();
        for (line, balance) in licence.lines.iter().zip(&held.balances) {
            let currency = if line.currency.is_empty() { "EUR" } else { &line.currency };
            if let Ok(value) = balance.available_value.parse::<Decimal>() {
                *of_licence.entry(currency).or_default() += value;
            }
        }
        let codes: Vec<&str> = licence.lines.iter().map(|line| line.code.as_str()).collect();
        let values: Vec<String> = of_licence
            .iter()
            .map(|(currency, value)| format!("{} {currency}", amount(&value.to_string())))
            .collect();
        let _ = writeln!(
            text,
            "{:<20}  {:<10}  {}  {}–{}  {:<12}  {:>22}  {}{}",
            licence.number,
            licence.kind,
            licence.destinations.join(","),
            licence.valid_from,
            licence.valid_until,
            codes.join(","),
            values.join(" "),
            standing(held),
            licence.holder
        );
        for (currency, value) in of_licence {
            *left.entry(currency.to_owned()).or_default() += value;
        }
    }
    let _ = write!(text, "{} licences", print::grouped(licences.len() as u64));
    for (currency, value) in left {
        let _ = write!(text, ", {} {currency} left", amount(&value.to_string()));
    }
    text.push('\n');
    text
}

fn standing(held: &v1::HeldLicence) -> String {
    match (held.status.as_str(), held.suspensions.is_empty()) {
        ("active", true) => String::new(),
        ("active", false) => "SUSPENDED  ".to_owned(),
        (status, _) => format!("{status} {}  ", held.status_from),
    }
}

/// One licence, line by line.
pub fn one(held: &v1::HeldLicence) -> String {
    let mut text = String::new();
    let licence = held.licence.clone().unwrap_or_default();
    let _ = writeln!(text, "{}  {}  {}", licence.number, licence.kind, licence.holder);
    let _ = writeln!(text, "  for      {}", licence.destinations.join(", "));
    let _ = writeln!(text, "  valid    {} – {}", licence.valid_from, licence.valid_until);
    for (what, names) in [("end user", &licence.end_users), ("consignee", &licence.consignees)] {
        if !names.is_empty() {
            let _ = writeln!(text, "  {what:<9}{}", names.join("; "));
        }
    }
    let _ = writeln!(text, "  status   {} {}", held.status, held.status_from);
    let _ = writeln!(text, "  recorded as entry {} of the log", held.sequence);
    for amendment in &held.amendments {
        let _ = writeln!(
            text,
            "  amended from {} by entry {}: {}",
            amendment.from, amendment.sequence, amendment.reason
        );
    }
    for waits in &held.corrections {
        let _ = writeln!(
            text,
            "  entry {} proposes to {} line {} by {} worth {}, and waits for approval: {} ({}, by {})",
            waits.proposal,
            waits.kind,
            waits.line,
            waits.quantity,
            waits.value,
            waits.reason,
            waits.reference,
            waits.proposed_by
        );
    }
    for suspension in &held.suspensions {
        let _ = writeln!(
            text,
            "  SUSPENDED from {} by entry {}: {}",
            suspension.from, suspension.suspension, suspension.reason
        );
    }
    for (line, balance) in licence.lines.iter().zip(&held.balances) {
        let currency = if line.currency.is_empty() { "EUR" } else { &line.currency };
        let _ = writeln!(text, "  line {}  {}  {}", balance.line, line.code, line.description);
        if !line.quantity.is_empty() {
            let _ = writeln!(
                text,
                "    quantity  {} {}: {} left, {} reserved, {} gone",
                line.quantity,
                line.unit,
                balance.available_quantity,
                balance.reserved_quantity,
                balance.confirmed_quantity
            );
        }
        if !line.value.is_empty() {
            let _ = writeln!(
                text,
                "    value     {} {currency}: {} left, {} reserved, {} gone",
                amount(&line.value),
                amount(&balance.available_value),
                amount(&balance.reserved_value),
                amount(&balance.confirmed_value)
            );
        }
    }
    text
}

fn amounts(amounts: &[v1::Amount]) -> String {
    let told: Vec<String> =
        amounts.iter().map(|sum| format!("{} {}", amount(&sum.value), sum.currency)).collect();
    if told.is_empty() { "nothing".to_owned() } else { told.join(", ") }
}

/// What a suspension stops.
pub fn suspended(response: &v1::SuspendLicencesResponse) -> String {
    let mut text = recorded("suspended", response.recorded.as_ref());
    let _ = writeln!(
        text,
        "  {} licences that are valid on that day, of which {} was left and cannot be used",
        print::grouped(response.licences),
        amounts(&response.unusable)
    );
    let _ = writeln!(
        text,
        "  {} open reservations, worth {}",
        print::grouped(response.reservation_count),
        amounts(&response.reserved)
    );
    for reservation in &response.reservations {
        let _ = writeln!(
            text,
            "    {}  {}  {}  kept until {}",
            reservation.decision_id,
            reservation.licences.join(","),
            amounts(&reservation.values),
            reservation.reserved_until
        );
    }
    text
}

/// Where a change stands in the log.
pub fn recorded(what: &str, recorded: Option<&v1::Recorded>) -> String {
    let recorded = recorded.copied().unwrap_or_default();
    let at = recorded.recorded_at.as_ref().and_then(convert::instant);
    let at = at.map(|at| at.to_string()).unwrap_or_default();
    format!("{what}: entry {} of the log, {at}\n", recorded.sequence)
}
