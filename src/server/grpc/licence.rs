//! `LicenceService`, and the messages about reservations: the register of licences on the wire.

use std::{collections::BTreeMap, sync::Arc};

use jiff::civil::Date;
use prost::{Message, bytes::Bytes};
use rust_decimal::Decimal;
use tonic::{Request, Response, Status};

use super::{convert, read, status::status};
use crate::{
    domain::{
        country::Country,
        identity::Identity,
        licence::{LicenceKind, LicenceLine},
        money::{Currency, parse_decimal},
        name,
        period::parse_date,
        request::{FieldViolation, REQUEST_ID_MAX, SHORT_BYTES_MAX, Violations, is_request_id},
    },
    proto::v1::{self, licence_service_server},
    register::{
        Event, Held, LicenceStanding, LicenceText, Lift, LineText, Register, Reservation, Revocation,
        ShippedLine, Suspension, SuspensionOrder,
    },
    server::gate::{Gate, method},
    service::{Command, DecisionId, LicenceFilter, Noted, Order, Refusal, Service},
};

/// Most reservations that the answer to a suspension names.
const RESERVATIONS_NAMED_MAX: usize = 1_000;

/// The service.
#[derive(Clone)]
pub struct LicenceRegister {
    service: Arc<Service>,
    gate: Gate,
}

impl LicenceRegister {
    /// The service.
    #[must_use]
    pub const fn new(service: Arc<Service>, gate: Gate) -> Self {
        Self { service, gate }
    }

    async fn note(
        &self,
        caller: &Arc<Identity>,
        request_id: &str,
        message: &impl Message,
        order: Result<Order, Vec<FieldViolation>>,
    ) -> Result<Noted, Status> {
        note(&self.service, command(caller, request_id, message.encode_to_vec().into(), order)).await
    }
}

/// A command with a good id, or everything that is wrong with it.
pub(super) fn command(
    caller: &Arc<Identity>,
    request_id: &str,
    bytes: Bytes,
    order: Result<Order, Vec<FieldViolation>>,
) -> Result<Command, Refusal> {
    let mut violations = Violations::default();
    if request_id.is_empty() || !is_request_id(request_id) {
        let why = format!("is not 1 to {REQUEST_ID_MAX} printable ASCII characters without spaces");
        violations.add("request_id", "REQUEST_ID", why);
    }
    let order = match order {
        Ok(order) => Some(order),
        Err(others) => {
            violations.extend(others);
            None
        }
    };
    let order = violations.or_given_up(order).map_err(Refusal::InvalidRequest)?;
    Ok(Command { caller: caller.clone(), request_id: request_id.to_owned(), order, bytes })
}

/// Has a command recorded.
pub(super) async fn note(service: &Service, command: Result<Command, Refusal>) -> Result<Noted, Status> {
    let noted = match command {
        Ok(command) => service.command(command).await,
        Err(refusal) => Err(refusal),
    };
    noted.map_err(|refusal| status(&refusal))
}

/// Reads fields, and keeps everything that is wrong with them.
#[derive(Default)]
struct Fields(Violations);

impl Fields {
    fn fail(&mut self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        self.0.add(field.into(), reason, description);
    }

    fn date(&mut self, field: &str, text: &str) -> Date {
        match parse_date(text) {
            Ok(date) => date,
            Err(fault) => {
                self.fail(field, if text.is_empty() { "REQUIRED" } else { "DATE" }, fault.to_string());
                Date::ZERO
            }
        }
    }

    fn amount(&mut self, field: String, text: &str) -> Decimal {
        match parse_decimal(text) {
            Ok(amount) => amount,
            Err(fault) => {
                self.fail(field, if text.is_empty() { "REQUIRED" } else { "AMOUNT" }, fault.to_string());
                Decimal::ZERO
            }
        }
    }

    fn short(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() || text.len() > SHORT_BYTES_MAX || text.chars().any(char::is_control) {
            let why = format!("is not 1 to {SHORT_BYTES_MAX} bytes without control characters");
            self.fail(field, "REQUIRED", why);
        }
    }

    fn decision(&mut self, text: &str) -> DecisionId {
        text.parse().unwrap_or_else(|fault: crate::service::DecisionIdError| {
            self.fail("decision_id", "DECISION_ID", fault.to_string());
            DecisionId::of(0, 0)
        })
    }

    fn or<T>(self, value: T) -> Result<T, Vec<FieldViolation>> {
        self.0.or(value)
    }
}

/// What a confirmation asks for.
pub(super) fn confirmation(request: &v1::ConfirmShipmentRequest) -> Result<Order, Vec<FieldViolation>> {
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
pub(super) fn release(request: &v1::ReleaseReservationRequest) -> Result<Order, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    let decision = fields.decision(&request.decision_id);
    fields.or(Order::Release { decision, reason: request.reason.clone() })
}

/// The answer to a confirmation.
pub(super) fn confirmed(noted: &Noted) -> v1::ConfirmShipmentResponse {
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
pub(super) fn released(noted: &Noted) -> v1::ReleaseReservationResponse {
    v1::ReleaseReservationResponse {
        sequence: noted.sequence,
        recorded_at: Some(convert::timestamp(noted.time_ms)),
        answered_from_record: noted.from_record,
    }
}

fn recorded(noted: &Noted) -> v1::Recorded {
    v1::Recorded {
        sequence: noted.sequence,
        recorded_at: Some(convert::timestamp(noted.time_ms)),
        answered_from_record: noted.from_record,
    }
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

fn held(register: &Register, held: &Held, on: Date) -> v1::HeldLicence {
    let (status, status_from) = match held.standing {
        LicenceStanding::Active => ("active", None),
        LicenceStanding::Revoked(from) => ("revoked", Some(from)),
        LicenceStanding::Returned(from) => ("returned", Some(from)),
    };
    let hits = |suspension: &&Suspension| {
        suspension.holds.contains(on)
            && suspension.concerns(&held.terms)
            && held.terms.lines.iter().any(|line| suspension.concerns_line(line))
    };
    v1::HeldLicence {
        licence: Some(licence_message(held.text())),
        sequence: held.sequence,
        status: status.to_owned(),
        status_from: status_from.map(|from| from.to_string()).unwrap_or_default(),
        balances: held.lines().map(|(line, balance)| self::balance(line, balance)).collect(),
        suspensions: register.suspensions().filter(hits).map(suspension).collect(),
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
fn suspended(service: &Service, noted: &Noted) -> v1::SuspendLicencesResponse {
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

fn revocation(number: &str, from: &str, reason: &str) -> Result<Revocation, Vec<FieldViolation>> {
    let mut fields = Fields::default();
    fields.short("number", number);
    let from = fields.date("from", from);
    fields.or(Revocation { number: number.trim().to_owned(), from, reason: reason.to_owned() })
}

/// Reads which licences are asked for.
fn filter(request: &v1::ListLicencesRequest) -> Result<LicenceFilter, Refusal> {
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

/// A page of licences, as `ListLicences` tells it.
///
/// # Errors
/// [`Refusal::InvalidRequest`].
pub fn list_licences(
    service: &Service,
    reader: &Identity,
    request: &v1::ListLicencesRequest,
) -> Result<v1::ListLicencesResponse, Refusal> {
    let filter = filter(request)?;
    let page = service.licences(reader, &filter, request.page_size, &request.page_token)?;
    let (register, on) = (service.register(), filter.usable_on.unwrap_or_else(|| service.today()));
    Ok(v1::ListLicencesResponse {
        licences: page.items.iter().map(|found| held(&register, found, on)).collect(),
        next_page_token: page.next_page_token,
    })
}

/// One licence, as `GetLicence` tells it.
///
/// # Errors
/// [`Refusal::InvalidRequest`], [`Refusal::Denied`] where there is none.
pub fn get_licence(
    service: &Service,
    reader: &Identity,
    request: &v1::GetLicenceRequest,
) -> Result<v1::GetLicenceResponse, Refusal> {
    let mut fields = Fields::default();
    let on = if request.on.is_empty() { service.today() } else { fields.date("on", &request.on) };
    let on = fields.or(on).map_err(Refusal::InvalidRequest)?;
    let found = service.licence(reader, request.number.trim())?;
    Ok(v1::GetLicenceResponse { licence: Some(held(&service.register(), &found, on)) })
}

#[tonic::async_trait]
impl licence_service_server::LicenceService for LicenceRegister {
    async fn record_licence(
        &self,
        request: Request<v1::RecordLicenceRequest>,
    ) -> Result<Response<v1::RecordLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::RECORD_LICENCE)?;
        let request = request.into_inner();
        let text = licence_text(request.licence.clone().unwrap_or_default());
        let order = text.parse().map(|_| Order::Record(text)).map_err(|violations| {
            let of_licence = |violation: FieldViolation| FieldViolation {
                field: format!("licence.{}", violation.field),
                ..violation
            };
            violations.into_iter().map(of_licence).collect()
        });
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::RecordLicenceResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn get_licence(
        &self,
        request: Request<v1::GetLicenceRequest>,
    ) -> Result<Response<v1::GetLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::GET_LICENCE)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| get_licence(service, &reader, &request)).await;
        found.map(Response::new)
    }

    async fn list_licences(
        &self,
        request: Request<v1::ListLicencesRequest>,
    ) -> Result<Response<v1::ListLicencesResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIST_LICENCES)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| list_licences(service, &reader, &request)).await;
        found.map(Response::new)
    }

    async fn suspend_licences(
        &self,
        request: Request<v1::SuspendLicencesRequest>,
    ) -> Result<Response<v1::SuspendLicencesResponse>, Status> {
        let pass = self.gate.admit(&request, method::SUSPEND_LICENCES)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let from = fields.date("from", &request.from);
        let order = SuspensionOrder {
            countries: request.countries.clone(),
            kinds: request.kinds.clone(),
            codes: request.codes.clone(),
            holders: request.holders.clone(),
            numbers: request.numbers.clone(),
            from,
            ordered_on: self.service.today(),
            reason: request.reason.clone(),
        };
        if let Err(violations) = Suspension::parse(0, order.clone()) {
            fields.0.extend(violations);
        }
        let order = fields.or(Order::Suspend(order));
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        read(&self.service, move |service| Ok(suspended(service, &noted))).await.map(Response::new)
    }

    async fn lift_suspension(
        &self,
        request: Request<v1::LiftSuspensionRequest>,
    ) -> Result<Response<v1::LiftSuspensionResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIFT_SUSPENSION)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let from = fields.date("from", &request.from);
        let lift = Lift { suspension: request.suspension, from, reason: request.reason.clone() };
        let order = fields.or(Order::Lift(lift));
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::LiftSuspensionResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn revoke_licence(
        &self,
        request: Request<v1::RevokeLicenceRequest>,
    ) -> Result<Response<v1::RevokeLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::REVOKE_LICENCE)?;
        let request = request.into_inner();
        let order = revocation(&request.number, &request.from, &request.reason).map(Order::Revoke);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::RevokeLicenceResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn return_licence(
        &self,
        request: Request<v1::ReturnLicenceRequest>,
    ) -> Result<Response<v1::ReturnLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::RETURN_LICENCE)?;
        let request = request.into_inner();
        let order = revocation(&request.number, &request.from, &request.reason).map(Order::Return);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::ReturnLicenceResponse { recorded: Some(recorded(&noted)) }))
    }
}
