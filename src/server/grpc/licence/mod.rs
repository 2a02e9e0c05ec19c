//! `LicenceService`, and the messages about reservations: the register of licences on the wire.

mod read;
mod told;

use std::sync::Arc;

use jiff::Timestamp;
use prost::{Message, bytes::Bytes};
use tonic::{Request, Response, Status};

pub use self::{read::licence_text, told::licence_message};
use self::{
    read::{Fields, amendment, correction, duty_done, filter, rate_filter, rates, registration, revocation},
    told::{account, exchange_rate, held, incident, movement, owed, recorded, registered, suspended},
};
pub(super) use self::{
    read::{confirmation, release},
    told::{confirmed, released},
};
use super::{log, read, status::status};
use crate::{
    domain::{
        identity::Identity,
        name,
        request::{FieldViolation, REQUEST_ID_MAX, Violations, is_request_id},
    },
    proto::v1::{self, licence_service_server},
    register::{Lift, Suspension, SuspensionOrder},
    server::gate::{Gate, method},
    service::{Account, Command, Noted, Order, Refusal, Service},
};

/// The service.
#[derive(Clone)]
pub struct LicenceRegister {
    service: Arc<Service>,
    gate: Gate,
}

/// Most lines in a message of a report.
const LINES_IN_MESSAGE_MAX: usize = 100;

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

/// A page of movements, as `ListMovements` tells it.
///
/// # Errors
/// [`Refusal`].
pub fn list_movements(
    service: &Service,
    reader: &Identity,
    request: &v1::ListMovementsRequest,
) -> Result<v1::ListMovementsResponse, Refusal> {
    let page = service.movements(reader, request.number.trim(), request.page_size, &request.page_token)?;
    Ok(v1::ListMovementsResponse {
        movements: page.items.iter().map(|moved| movement(service, moved)).collect(),
        next_page_token: page.next_page_token,
    })
}

/// A page of incidents, as `ListIncidents` tells it.
///
/// # Errors
/// [`Refusal`].
pub fn list_incidents(
    service: &Service,
    reader: &Identity,
    request: &v1::ListIncidentsRequest,
) -> Result<v1::ListIncidentsResponse, Refusal> {
    let page = service.incidents(reader, request.page_size, &request.page_token)?;
    Ok(v1::ListIncidentsResponse {
        incidents: page.items.iter().map(incident).collect(),
        next_page_token: page.next_page_token,
    })
}

/// What holders owe, as `ListDuties` tells it.
///
/// # Errors
/// [`Refusal`].
pub fn list_duties(
    service: &Service,
    reader: &Identity,
    request: &v1::ListDutiesRequest,
) -> Result<v1::ListDutiesResponse, Refusal> {
    let mut fields = Fields::default();
    let on = fields.optional_date("on", &request.on);
    let on = fields.or(on).map_err(Refusal::InvalidRequest)?.unwrap_or_else(|| service.today());
    let holder = (!request.holder.is_empty()).then(|| name::normalise(&request.holder));
    let duties = service.duties(reader, holder.as_deref(), on)?;
    Ok(v1::ListDutiesResponse { duties: duties.iter().map(owed).collect() })
}

/// What lines of licences came to, as `ReportDrawdown` tells it.
///
/// # Errors
/// [`Refusal`].
pub fn report_drawdown(
    service: &Service,
    reader: &Identity,
    request: &v1::ReportDrawdownRequest,
) -> Result<Vec<v1::ReportDrawdownResponse>, Refusal> {
    let at = log::instant("at", request.at.as_ref())?.map(Timestamp::as_millisecond);
    let number = Some(request.number.trim()).filter(|number| !number.is_empty());
    let holder = (!request.holder.is_empty()).then(|| name::normalise(&request.holder));
    let accounts = service.accounts(reader, number, holder.as_deref(), at)?;
    let some =
        |accounts: &[Account]| v1::ReportDrawdownResponse { lines: accounts.iter().map(account).collect() };
    Ok(accounts.chunks(LINES_IN_MESSAGE_MAX).map(some).collect())
}

/// A page of registrations, as `ListRegistrations` tells it.
///
/// # Errors
/// [`Refusal::InvalidRequest`].
pub fn list_registrations(
    service: &Service,
    reader: &Identity,
    request: &v1::ListRegistrationsRequest,
) -> Result<v1::ListRegistrationsResponse, Refusal> {
    let holder = (!request.holder.is_empty()).then(|| name::normalise(&request.holder));
    let page = service.registrations(reader, holder.as_deref(), request.page_size, &request.page_token)?;
    Ok(v1::ListRegistrationsResponse {
        registrations: page.items.iter().map(registered).collect(),
        next_page_token: page.next_page_token,
    })
}

/// A page of exchange rates, as `ListExchangeRates` tells it.
///
/// # Errors
/// [`Refusal::InvalidRequest`].
pub fn list_exchange_rates(
    service: &Service,
    request: &v1::ListExchangeRatesRequest,
) -> Result<v1::ListExchangeRatesResponse, Refusal> {
    let (currency, date) = rate_filter(request)?;
    let page = service.exchange_rates(currency, date, request.page_size, &request.page_token)?;
    Ok(v1::ListExchangeRatesResponse {
        rates: page.items.iter().map(exchange_rate).collect(),
        next_page_token: page.next_page_token,
    })
}

#[tonic::async_trait]
impl licence_service_server::LicenceService for LicenceRegister {
    async fn record_licence(
        &self,
        request: Request<v1::RecordLicenceRequest>,
    ) -> Result<Response<v1::RecordLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::RECORD_LICENCE)?;
        let request = request.into_inner();
        let mut fields = Fields::default();
        let text = fields.licence(request.licence.clone());
        let order = fields.or(Order::Record(text));
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::RecordLicenceResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn amend_licence(
        &self,
        request: Request<v1::AmendLicenceRequest>,
    ) -> Result<Response<v1::AmendLicenceResponse>, Status> {
        let pass = self.gate.admit(&request, method::AMEND_LICENCE)?;
        let request = request.into_inner();
        let order = amendment(&request);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::AmendLicenceResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn register_general_authorisation(
        &self,
        request: Request<v1::RegisterGeneralAuthorisationRequest>,
    ) -> Result<Response<v1::RegisterGeneralAuthorisationResponse>, Status> {
        let pass = self.gate.admit(&request, method::REGISTER_GENERAL_AUTHORISATION)?;
        let request = request.into_inner();
        let order = registration(&request);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::RegisterGeneralAuthorisationResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn record_duty_done(
        &self,
        request: Request<v1::RecordDutyDoneRequest>,
    ) -> Result<Response<v1::RecordDutyDoneResponse>, Status> {
        let pass = self.gate.admit(&request, method::RECORD_DUTY_DONE)?;
        let request = request.into_inner();
        let mut order = duty_done(&request);
        if let Ok(Order::DoDuty(done)) = &order {
            let (reader, done) = (pass.identity().clone(), done.clone());
            let owed = read(&self.service, move |service| Ok(service.owes(&reader, &done))).await?;
            match owed {
                Err(Refusal::InvalidRequest(violations)) => order = Err(violations),
                Err(refusal) => return Err(status(&refusal)),
                Ok(()) => {}
            }
        }
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::RecordDutyDoneResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn list_registrations(
        &self,
        request: Request<v1::ListRegistrationsRequest>,
    ) -> Result<Response<v1::ListRegistrationsResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIST_REGISTRATIONS)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| list_registrations(service, &reader, &request)).await;
        found.map(Response::new)
    }

    async fn set_exchange_rates(
        &self,
        request: Request<v1::SetExchangeRatesRequest>,
    ) -> Result<Response<v1::SetExchangeRatesResponse>, Status> {
        let pass = self.gate.admit(&request, method::SET_EXCHANGE_RATES)?;
        let request = request.into_inner();
        let order = rates(&request);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::SetExchangeRatesResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn list_exchange_rates(
        &self,
        request: Request<v1::ListExchangeRatesRequest>,
    ) -> Result<Response<v1::ListExchangeRatesResponse>, Status> {
        self.gate.admit(&request, method::LIST_EXCHANGE_RATES)?;
        let request = request.into_inner();
        read(&self.service, move |service| list_exchange_rates(service, &request)).await.map(Response::new)
    }

    async fn propose_correction(
        &self,
        request: Request<v1::ProposeCorrectionRequest>,
    ) -> Result<Response<v1::ProposeCorrectionResponse>, Status> {
        let pass = self.gate.admit(&request, method::PROPOSE_CORRECTION)?;
        let request = request.into_inner();
        let order = correction(&request);
        let noted = self.note(pass.identity(), &request.request_id, &request, order).await?;
        Ok(Response::new(v1::ProposeCorrectionResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn approve_correction(
        &self,
        request: Request<v1::ApproveCorrectionRequest>,
    ) -> Result<Response<v1::ApproveCorrectionResponse>, Status> {
        let pass = self.gate.admit(&request, method::APPROVE_CORRECTION)?;
        let request = request.into_inner();
        let order = Order::ApproveCorrection { proposal: request.proposal, reason: request.reason.clone() };
        let noted = self.note(pass.identity(), &request.request_id, &request, Ok(order)).await?;
        Ok(Response::new(v1::ApproveCorrectionResponse { recorded: Some(recorded(&noted)) }))
    }

    async fn list_movements(
        &self,
        request: Request<v1::ListMovementsRequest>,
    ) -> Result<Response<v1::ListMovementsResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIST_MOVEMENTS)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| list_movements(service, &reader, &request)).await;
        found.map(Response::new)
    }

    async fn list_incidents(
        &self,
        request: Request<v1::ListIncidentsRequest>,
    ) -> Result<Response<v1::ListIncidentsResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIST_INCIDENTS)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| list_incidents(service, &reader, &request)).await;
        found.map(Response::new)
    }

    async fn list_duties(
        &self,
        request: Request<v1::ListDutiesRequest>,
    ) -> Result<Response<v1::ListDutiesResponse>, Status> {
        let pass = self.gate.admit(&request, method::LIST_DUTIES)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| list_duties(service, &reader, &request)).await;
        found.map(Response::new)
    }

    type ReportDrawdownStream =
        tokio_stream::Iter<std::vec::IntoIter<Result<v1::ReportDrawdownResponse, Status>>>;

    async fn report_drawdown(
        &self,
        request: Request<v1::ReportDrawdownRequest>,
    ) -> Result<Response<Self::ReportDrawdownStream>, Status> {
        let pass = self.gate.admit(&request, method::REPORT_DRAWDOWN)?;
        let (reader, request) = (pass.identity().clone(), request.into_inner());
        let found = read(&self.service, move |service| report_drawdown(service, &reader, &request)).await?;
        let messages: Vec<_> = found.into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(messages)))
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
            fields.extend(violations);
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
