//! The register as messages.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    domain::{licence::LicenceLine, money::Currency},
    proto::v1,
    register::{
        Amended, Correction, Event, Held, LicenceStanding, LicenceText, Register, Registered, Reservation,
        ShippedText, SourcedRate, Suspension,
    },
    server::grpc::convert,
    service::{Account, Moved, Noted, Noticed, Owed, Service, Sum},
};

/// Most reservations that the answer to a suspension names.
const RESERVATIONS_NAMED_MAX: usize = 1_000;

/// The answer to a confirmation.
pub(in crate::server::grpc) fn confirmed(noted: &Noted) -> v1::ConfirmShipmentResponse {
    let (drawn, incident) = match &noted.event {
        Event::ShipmentConfirmed(shipment) => (shipment.drawn.as_slice(), shipment.incident.clone()),
        _ => (&[][..], None),
    };
    let written_off = drawn.iter().map(|drawn| v1::WrittenOff {
        line: drawn.goods_line,
        licence: drawn.licence.clone(),
        licence_line: drawn.licence_line,
        quantity: drawn.quantity.to_string(),
        value: drawn.value.to_string(),
    });
    v1::ConfirmShipmentResponse {
        sequence: noted.sequence,
        recorded_at: Some(convert::timestamp(noted.time_ms)),
        answered_from_record: noted.from_record,
        written_off: written_off.collect(),
        incident: incident.unwrap_or_default(),
    }
}

/// The answer to a release.
pub(in crate::server::grpc) fn released(noted: &Noted) -> v1::ReleaseReservationResponse {
    v1::ReleaseReservationResponse {
        sequence: noted.sequence,
        recorded_at: Some(convert::timestamp(noted.time_ms)),
        answered_from_record: noted.from_record,
    }
}

pub(super) fn recorded(noted: &Noted) -> v1::Recorded {
    v1::Recorded {
        sequence: noted.sequence,
        recorded_at: Some(convert::timestamp(noted.time_ms)),
        answered_from_record: noted.from_record,
    }
}

/// A licence as text, as a message.
#[must_use]
pub fn licence_message(text: LicenceText) -> v1::Licence {
    v1::Licence {
        number: text.number,
        kind: text.kind,
        holder: text.holder,
        authority: text.authority.unwrap_or_default(),
        issued: text.issued.unwrap_or_default(),
        valid_from: text.valid_from.unwrap_or_default(),
        valid_until: text.valid_until.unwrap_or_default(),
        destinations: text.destinations,
        end_users: text.end_users.unwrap_or_default(),
        consignees: text.consignees.unwrap_or_default(),
        end_use: text.end_use.unwrap_or_default(),
        conditions: text.conditions,
        lines: text
            .lines
            .into_iter()
            .map(|line| v1::LicenceLine {
                line: line.line,
                code: line.code,
                list_version: line.list_version.unwrap_or_default(),
                description: line.description.unwrap_or_default(),
                quantity: line.quantity.unwrap_or_default(),
                unit: line.unit.unwrap_or_default(),
                value: line.value.unwrap_or_default(),
                currency: line.currency.unwrap_or_default(),
            })
            .collect(),
    }
}

pub(super) fn held(register: &Register, held: &Held, on: Date) -> v1::HeldLicence {
    let (status, status_from) = match held.standing {
        LicenceStanding::Active => ("active", None),
        LicenceStanding::Revoked(from) => ("revoked", Some(from)),
        LicenceStanding::Returned(from) => ("returned", Some(from)),
    };
    let hits = |suspension: &&Suspension| {
        suspension.holds.contains(on)
            && suspension.concerns(held.terms_on(on))
            && held.terms_on(on).lines.iter().any(|line| suspension.concerns_line(line))
    };
    v1::HeldLicence {
        licence: Some(licence_message(held.text_on(on))),
        sequence: held.sequence,
        status: status.to_owned(),
        status_from: status_from.map(|from| from.to_string()).unwrap_or_default(),
        balances: held.lines_on(on, |_| true).map(|(line, balance)| self::balance(&line, balance)).collect(),
        suspensions: register.suspensions().filter(hits).map(suspension).collect(),
        amendments: held.amendments().iter().map(amendment).collect(),
        corrections: register
            .proposals()
            .filter(|(_, correction)| *correction.licence == *held.terms().number)
            .map(|(proposal, waits)| correction(proposal, waits))
            .collect(),
    }
}

fn amendment(amended: &Amended) -> v1::Amendment {
    v1::Amendment {
        sequence: amended.sequence,
        from: amended.from.to_string(),
        reason: amended.reason.as_ref().to_owned(),
        licence: Some(licence_message(amended.text())),
    }
}

fn correction(proposal: u64, correction: &Correction) -> v1::Correction {
    v1::Correction {
        proposal,
        kind: correction.kind.to_string(),
        number: correction.licence.clone(),
        line: correction.line,
        quantity: correction.quantity.to_string(),
        value: correction.value.to_string(),
        shipment: correction.shipment.unwrap_or_default(),
        reference: correction.reference.clone(),
        reason: correction.reason.clone(),
        proposed_by: correction.by.clone(),
    }
}

/// A movement.
pub(super) fn movement(service: &Service, moved: &Moved) -> v1::Movement {
    let movement = &moved.movement;
    let (mut reference, mut export_date, mut reason, mut incident) =
        <(String, String, String, String)>::default();
    match moved.event.as_deref() {
        Some(Event::ShipmentConfirmed(shipment)) => {
            reference.clone_from(&shipment.reference);
            export_date = shipment.export_date.to_string();
            incident = shipment.incident.clone().unwrap_or_default();
        }
        Some(Event::ReservationReleased(release) | Event::ReservationExpired(release)) => {
            reason.clone_from(&release.reason);
        }
        Some(Event::LicenceAmended(amendment)) => reason.clone_from(&amendment.reason),
        Some(Event::CorrectionApproved(approval)) => reason.clone_from(&approval.reason),
        _ => {}
    }
    v1::Movement {
        sequence: moved.entry.sequence,
        recorded_at: Some(convert::timestamp(moved.entry.time_ms)),
        caller: moved.entry.caller.clone(),
        kind: movement.kind.to_string(),
        line: movement.line,
        quantity: movement.quantity.to_string(),
        unit: moved.line.unit.as_ref().to_owned(),
        value: movement.value.to_string(),
        currency: moved.line.currency.code().to_owned(),
        decision_id: movement
            .decision
            .and_then(|decision| service.id_of(decision))
            .map(|id| id.to_string())
            .unwrap_or_default(),
        reference,
        export_date,
        reason,
        incident,
        after: Some(balance(&moved.line, &moved.after)),
    }
}

/// An incident.
pub(super) fn incident(noticed: &Noticed) -> v1::Incident {
    let incident = &noticed.incident;
    let line = |line: &ShippedText| v1::IncidentLine {
        line: line.goods_line,
        quantity: line.quantity.to_string(),
        value: line.value.to_string(),
        currency: line.currency.clone(),
    };
    v1::Incident {
        sequence: noticed.sequence,
        recorded_at: Some(convert::timestamp(noticed.time_ms)),
        caller: noticed.caller.clone(),
        kind: incident.kind.as_str().to_owned(),
        why: incident.why.clone(),
        decision_id: noticed.decision.map(|id| id.to_string()).unwrap_or_default(),
        export_date: incident.export_date.to_string(),
        reference: incident.reference.clone(),
        written_off: noticed.is_written_off,
        lines: incident.lines.iter().map(line).collect(),
    }
}

/// A duty with its day.
pub(super) fn owed(owed: &Owed) -> v1::OwedDuty {
    let source = owed.citation.as_ref().map(|citation| {
        let article = citation.article.as_deref().map(|article| format!(", {article}")).unwrap_or_default();
        format!("{}{article}", citation.act)
    });
    v1::OwedDuty {
        duty: owed.duty.clone(),
        text: Some(v1::Text { en: owed.title.en.clone(), nl: owed.title.nl.clone() }),
        source: source.unwrap_or_default(),
        holder: owed.holder.clone(),
        paper: owed.paper.clone(),
        since: owed.since.to_string(),
        due: owed.due.to_string(),
        done: owed.done.map(|done| done.to_string()).unwrap_or_default(),
        evidence: owed.evidence.clone(),
    }
}

/// What a line of a licence came to.
pub(super) fn account(account: &Account) -> v1::DrawdownLine {
    let line = &account.line;
    let both = |sum: &Sum| {
        Some(v1::QuantityAndValue { quantity: sum.quantity.to_string(), value: sum.value.to_string() })
    };
    let told = balance(line, &account.balance);
    let cap = |cap: Option<Decimal>| cap.map(|cap| cap.to_string()).unwrap_or_default();
    v1::DrawdownLine {
        number: account.licence.as_ref().to_owned(),
        line: line.line,
        holder: account.holder.as_ref().to_owned(),
        code: line.goods.to_string(),
        unit: line.unit.as_ref().to_owned(),
        currency: line.currency.code().to_owned(),
        cap: Some(v1::QuantityAndValue { quantity: cap(line.cap_quantity), value: cap(line.cap_value) }),
        reserved: both(&account.reserved),
        confirmed: both(&account.confirmed),
        given_back: both(&account.given_back),
        expired: both(&account.expired),
        corrected: both(&account.corrected),
        open: Some(v1::QuantityAndValue { quantity: told.reserved_quantity, value: told.reserved_value }),
        available: Some(v1::QuantityAndValue {
            quantity: told.available_quantity,
            value: told.available_value,
        }),
        reconciles: account.reconciles(),
    }
}

/// A registration.
pub(super) fn registered(registered: &Registered) -> v1::Registration {
    let registration = registered.registration.clone();
    let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    v1::Registration {
        authorisation: registration.authorisation,
        holder: registration.holder,
        from: registration.from.to_string(),
        until: day(registration.until),
        reference: registration.reference,
        sequence: registered.sequence,
    }
}

/// An exchange rate.
pub(super) fn exchange_rate(rate: &SourcedRate) -> v1::ExchangeRate {
    v1::ExchangeRate {
        currency: rate.currency.code().to_owned(),
        date: rate.date.to_string(),
        eur_per_unit: rate.eur_per_unit.to_string(),
        source: rate.source.as_ref().to_owned(),
        sequence: rate.sequence,
    }
}

fn balance(line: &LicenceLine, balance: &crate::register::Balance) -> v1::LicenceBalance {
    let left =
        |cap: Option<Decimal>, used: Decimal| cap.map(|cap| (cap - used).to_string()).unwrap_or_default();
    v1::LicenceBalance {
        line: line.line,
        confirmed_quantity: balance.confirmed_quantity.to_string(),
        confirmed_value: balance.confirmed_value.to_string(),
        reserved_quantity: balance.reserved_quantity.to_string(),
        reserved_value: balance.reserved_value.to_string(),
        available_quantity: left(line.cap_quantity, balance.used_quantity()),
        available_value: left(line.cap_value, balance.used_value()),
    }
}

fn suspension(suspension: &Suspension) -> v1::Suspension {
    let order = &suspension.order;
    v1::Suspension {
        suspension: suspension.sequence,
        countries: order.countries.clone(),
        kinds: order.kinds.clone(),
        codes: order.codes.clone(),
        holders: order.holders.clone(),
        numbers: order.numbers.clone(),
        from: order.from.to_string(),
        until: suspension.holds.until.map(|until| until.to_string()).unwrap_or_default(),
        reason: order.reason.clone(),
    }
}

fn amounts(of: &BTreeMap<Currency, Decimal>) -> Vec<v1::Amount> {
    let amount = |(currency, value): (&Currency, &Decimal)| v1::Amount {
        value: value.to_string(),
        currency: currency.code().to_owned(),
    };
    of.iter().map(amount).collect()
}

fn affected_reservation(service: &Service, reservation: &Reservation) -> v1::AffectedReservation {
    let mut licences: Vec<String> = reservation.parts.iter().map(|part| part.licence.to_string()).collect();
    licences.sort_unstable();
    licences.dedup();
    let mut values: BTreeMap<Currency, Decimal> = BTreeMap::new();
    for part in &reservation.parts {
        *values.entry(part.currency).or_default() += part.value;
    }
    v1::AffectedReservation {
        decision_id: service.id_of(reservation.sequence).map(|id| id.to_string()).unwrap_or_default(),
        licences,
        values: amounts(&values),
        reserved_until: reservation.until.to_string(),
    }
}

/// What came of a suspension: the entry, and what it stops.
pub(super) fn suspended(service: &Service, noted: &Noted) -> v1::SuspendLicencesResponse {
    let register = service.register();
    let affected = register.affected(noted.sequence).unwrap_or_default();
    let named = affected.reservations.iter().take(RESERVATIONS_NAMED_MAX);
    v1::SuspendLicencesResponse {
        recorded: Some(recorded(noted)),
        licences: affected.licences,
        reservations: named.map(|reservation| affected_reservation(service, reservation)).collect(),
        reservation_count: affected.reservations.len() as u64,
        unusable: amounts(&affected.unusable),
        reserved: amounts(&affected.reserved),
    }
}
