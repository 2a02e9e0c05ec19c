//! Messages of the register as orders: every field that cannot be is told.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    domain::{
        country::Country,
        licence::LicenceKind,
        money::{Currency, parse_decimal},
        name,
        period::parse_date,
        request::{FieldViolation, SHORT_BYTES_MAX, Violations},
    },
    proto::v1,
    register::{LicenceText, LineText, Revocation, ShippedLine},
    service::{DecisionId, LicenceFilter, Order, Refusal},
};

/// Reads fields, and keeps everything that is wrong with them.
#[derive(Default)]
pub(super) struct Fields(Violations);

impl Fields {
    pub fn fail(&mut self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        self.0.add(field.into(), reason, description);
    }

    pub fn date(&mut self, field: &str, text: &str) -> Date {
        match parse_date(text) {
            Ok(date) => date,
            Err(fault) => {
                self.fail(field, if text.is_empty() { "REQUIRED" } else { "DATE" }, fault.to_string());
                Date::ZERO
            }
        }
    }

    pub fn amount(&mut self, field: String, text: &str) -> Decimal {
        match parse_decimal(text) {
            Ok(amount) => amount,
            Err(fault) => {
                self.fail(field, if text.is_empty() { "REQUIRED" } else { "AMOUNT" }, fault.to_string());
                Decimal::ZERO
            }
        }
    }

    pub fn short(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() || text.len() > SHORT_BYTES_MAX || text.chars().any(char::is_control) {
            let why = format!("is not 1 to {SHORT_BYTES_MAX} bytes without control characters");
            self.fail(field, "REQUIRED", why);
        }
    }

    pub fn decision(&mut self, text: &str) -> DecisionId {
        text.parse().unwrap_or_else(|fault: crate::service::DecisionIdError| {
            self.fail("decision_id", "DECISION_ID", fault.to_string());
            DecisionId::of(0, 0)
        })
    }

    pub fn extend(&mut self, others: Vec<FieldViolation>) {
        self.0.extend(others);
    }

    pub fn or<T>(self, value: T) -> Result<T, Vec<FieldViolation>> {
        self.0.or(value)
    }
}

/// What a confirmation asks for.
pub(in crate::server::grpc) fn confirmation(
    request: &v1::ConfirmShipmentRequest,
) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let decision = fields.decision(&request.decision_id);
    let export_date = fields.date("export_date", &request.export_date);
    fields.short("reference", &request.reference);
    if request.lines.is_empty() && !request.last {
        fields.fail(
            "lines",
            "REQUIRED",
            "nothing has left, and it is not the last: there is nothing to record",
        );
    }
    let mut lines: Vec<ShippedLine> = Vec::with_capacity(request.lines.len());
    for (at, line) in request.lines.iter().enumerate() {
        let quantity = fields.amount(format!("lines[{at}].quantity"), &line.quantity);
        if quantity.is_zero() && !line.quantity.is_empty() {
            fields.fail(format!("lines[{at}].quantity"), "ZERO", "nothing of it has left");
        }
        let value = fields.amount(format!("lines[{at}].value"), &line.value);
        let currency = line.currency.parse().unwrap_or_else(|fault: crate::domain::money::AmountError| {
            fields.fail(format!("lines[{at}].currency"), "CURRENCY", fault.to_string());
            Currency::euro()
        });
        if lines.iter().any(|other| other.goods_line == line.line) {
            fields.fail(
                format!("lines[{at}].line"),
                "DUPLICATE",
                format!("line {} stands there twice", line.line),
            );
        }
        lines.push(ShippedLine { goods_line: line.line, quantity, value, currency });
    }
    let reference = request.reference.trim().to_owned();
    fields.or(Order::Confirm { decision, export_date, reference, lines, is_last: request.last })
}

/// What a release asks for.
pub(in crate::server::grpc) fn release(
    request: &v1::ReleaseReservationRequest,
) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let decision = fields.decision(&request.decision_id);
    fields.or(Order::Release { decision, reason: request.reason.clone() })
}

pub(super) fn revocation(number: &str, from: &str, reason: &str) -> Result<Revocation, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    fields.short("number", number);
    let from = fields.date("from", from);
    fields.or(Revocation { number: number.trim().to_owned(), from, reason: reason.to_owned() })
}

/// Reads which licences are asked for.
pub(super) fn filter(request: &v1::ListLicencesRequest) -> Result<LicenceFilter, Refusal> {
    let mut fields = Fields::default();
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let country = some(&request.country).and_then(|text| match text.parse::<Country>() {
        Ok(country) => Some(country),
        Err(fault) => {
            fields.fail("country", "COUNTRY", fault.to_string());
            None
        }
    });
    let kind = some(&request.kind).and_then(|text| {
        let kind = LicenceKind::parse(&text);
        if kind.is_none() {
            fields.fail("kind", "UNKNOWN", format!("`{text}` is no kind of licence"));
        }
        kind
    });
    let usable_on = some(&request.usable_on).map(|text| fields.date("usable_on", &text));
    let holder = some(&request.holder).map(|holder| name::normalise(&holder));
    fields.or(LicenceFilter { holder, country, kind, usable_on }).map_err(Refusal::InvalidRequest)
}

/// A licence of the wire as text; what is empty is left out.
#[must_use]
pub fn licence_text(licence: v1::Licence) -> LicenceText {
    let some = |text: String| (!text.is_empty()).then_some(text);
    let any = |names: Vec<String>| (!names.is_empty()).then_some(names);
    LicenceText {
        number: licence.number,
        kind: licence.kind,
        holder: licence.holder,
        authority: some(licence.authority),
        issued: some(licence.issued),
        valid_from: some(licence.valid_from),
        valid_until: some(licence.valid_until),
        destinations: licence.destinations,
        end_users: any(licence.end_users),
        consignees: any(licence.consignees),
        end_use: some(licence.end_use),
        conditions: licence.conditions,
        lines: licence
            .lines
            .into_iter()
            .map(|line| LineText {
                line: line.line,
                code: line.code,
                list_version: some(line.list_version),
                description: some(line.description),
                quantity: some(line.quantity),
                unit: some(line.unit),
                value: some(line.value),
                currency: some(line.currency),
            })
            .collect(),
    }
}
