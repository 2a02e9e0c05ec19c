//! Messages of the register as orders: every field that cannot be is told.

use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::{
    domain::{
        country::Country,
        licence::LicenceKind,
        money::{Currency, parse_decimal, parse_signed},
        name,
        period::parse_date,
        request::{FieldViolation, SHORT_BYTES_MAX, Violations},
    },
    proto::v1,
    register::{
        Amendment, Correction, CorrectionKind, DutyDone, LicenceText, LineText, RateTable, RateText,
        Registration, Revocation, ShippedLine,
    },
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

    pub fn optional_date(&mut self, field: &str, text: &str) -> Option<Date> {
        (!text.is_empty()).then(|| self.date(field, text))
    }

    /// A licence, well-formed.
    pub fn licence(&mut self, licence: Option<v1::Licence>) -> LicenceText {
        let text = licence_text(licence.unwrap_or_default());
        if let Err(violations) = text.parse() {
            self.extend_of("licence", violations);
        }
        text
    }

    /// A change of an amount; none where nothing is said.
    pub fn change(&mut self, field: &str, text: &str) -> Decimal {
        if text.is_empty() {
            return Decimal::ZERO;
        }
        parse_signed(text).unwrap_or_else(|fault| {
            self.fail(field, "AMOUNT", fault.to_string());
            Decimal::ZERO
        })
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
        self.0.require(field, text, SHORT_BYTES_MAX);
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

    /// Those of a message inside this one.
    pub fn extend_of(&mut self, field: &str, others: Vec<FieldViolation>) {
        let inside = |violation: FieldViolation| FieldViolation {
            field: format!("{field}.{}", violation.field),
            ..violation
        };
        self.0.extend(others.into_iter().map(inside));
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
    fields.or(Revocation {
        number: number.trim().to_owned(),
        from,
        reason: reason.to_owned(),
        ordered_on: None,
    })
}

/// What an amendment asks for.
pub(super) fn amendment(request: &v1::AmendLicenceRequest) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let from = fields.date("from", &request.from);
    let licence = fields.licence(request.licence.clone());
    fields.or(Order::Amend(Amendment { licence, from, reason: request.reason.clone(), ordered_on: None }))
}

/// What a registration asks for.
pub(super) fn registration(
    request: &v1::RegisterGeneralAuthorisationRequest,
) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let given = request.registration.clone().unwrap_or_default();
    let registration = Registration {
        authorisation: given.authorisation.trim().to_owned(),
        holder: given.holder,
        from: fields.date("registration.from", &given.from),
        until: fields.optional_date("registration.until", &given.until),
        reference: given.reference.trim().to_owned(),
    };
    if let Err(violations) = registration.check() {
        fields.extend_of("registration", violations);
    }
    fields.or(Order::Register(registration))
}

/// What a duty that was done asks for.
pub(super) fn duty_done(request: &v1::RecordDutyDoneRequest) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let done = DutyDone {
        duty: request.duty.trim().to_owned(),
        holder: request.holder.clone(),
        paper: request.paper.trim().to_owned(),
        since: fields.date("since", &request.since),
        on: fields.date("on", &request.on),
        reference: request.reference.trim().to_owned(),
    };
    if let Err(violations) = done.check() {
        fields.extend(violations);
    }
    fields.or(Order::DoDuty(done))
}

/// What a table of rates asks for.
pub(super) fn rates(request: &v1::SetExchangeRatesRequest) -> Result<Order, Vec<FieldViolation>> {
    let rate = |rate: &v1::ExchangeRate| RateText {
        currency: rate.currency.clone(),
        date: rate.date.clone(),
        eur_per_unit: rate.eur_per_unit.clone(),
    };
    let table = RateTable {
        source: request.source.clone(),
        rates: request.rates.iter().map(rate).collect(),
        replaces: request.replace,
    };
    table.parse().map(|_| Order::SetRates(table))
}

/// What a correction asks for.
pub(super) fn correction(request: &v1::ProposeCorrectionRequest) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let kind = CorrectionKind::parse(&request.kind).unwrap_or_else(|| {
        fields.fail("kind", "UNKNOWN", "is neither `adjust` nor `reverse`");
        CorrectionKind::Adjust
    });
    let correction = Correction {
        kind,
        licence: request.number.trim().to_owned(),
        line: request.line,
        quantity: fields.change("quantity", &request.quantity),
        value: fields.change("value", &request.value),
        shipment: (request.shipment != 0).then_some(request.shipment),
        wrote_off: None,
        reference: request.reference.trim().to_owned(),
        reason: request.reason.clone(),
        by: String::new(),
    };
    if let Err(violations) = correction.check() {
        fields.extend(violations);
    }
    fields.or(Order::ProposeCorrection(correction))
}

/// Which exchange rates are asked for.
pub(super) fn rate_filter(
    request: &v1::ListExchangeRatesRequest,
) -> Result<(Option<Currency>, Option<Date>), Refusal> {
    let mut fields = Fields::default();
    let date = fields.optional_date("date", &request.date);
    let currency = (!request.currency.is_empty()).then(|| request.currency.parse::<Currency>());
    let currency = currency.transpose().unwrap_or_else(|fault| {
        fields.fail("currency", "CURRENCY", fault.to_string());
        None
    });
    fields.or((currency, date)).map_err(Refusal::InvalidRequest)
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
