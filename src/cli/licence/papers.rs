//! `slagboom licence amend|register|registrations|correct|approve`: what changes a licence beside its use.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::civil::Date;

use super::import::one_of;
use super::{Order, Server, request_id, request_id_now, told};
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::place::{Place, Reader};
use crate::cli::{Format, client, print};
use crate::domain::identity::Identity;
use crate::proto::{self, v1};
use crate::register::LicenceText;
use crate::server::grpc::{self, licence_message};

/// The file has the licence as it is from then on, whole, in the shape of `RecordLicence`.
#[derive(Args, Debug)]
pub struct Amend {
    /// YAML with the one licence; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    order: Order,
}

#[derive(Args, Debug)]
pub struct Register {
    /// The general authorisation, as law names it: EU001, NL002
    #[arg(value_name = "AUTHORISATION")]
    authorisation: String,
    /// The exporter
    #[arg(long, value_name = "NAME")]
    holder: String,
    /// First day of export on which it may be used
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// Last day, inclusive [default: open]
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// What the authority wrote on it
    #[arg(long, value_name = "TEXT")]
    reference: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub struct Registrations {
    /// Of this exporter
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// `slagboom report duties` has what is asked for here.
#[derive(Args, Debug)]
pub struct DutyDone {
    /// Id of the duty, such as `NOTIFY_FIRST_USE`
    #[arg(value_name = "DUTY")]
    duty: String,
    /// The general authorisation or licence that it was for
    #[arg(value_name = "PAPER")]
    paper: String,
    /// Who owed it
    #[arg(long, value_name = "NAME")]
    holder: String,
    /// What began it
    #[arg(long, value_name = "DATE")]
    since: Date,
    /// The day on which it was done
    #[arg(long, value_name = "DATE")]
    on: Date,
    /// What the authority was sent, or wrote
    #[arg(long, value_name = "TEXT")]
    reference: String,
    #[command(flatten)]
    server: Server,
}

/// What a correction is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// What was written off was wrong.
    Adjust,
    /// Goods came back, and the authority gives the balance back.
    Reverse,
}

/// Nothing changes before somebody else approves it with `slagboom licence approve`.
#[derive(Args, Debug)]
pub struct Correct {
    /// Number of the licence
    #[arg(value_name = "NUMBER")]
    number: String,
    /// Its line
    #[arg(long, value_name = "LINE", default_value_t = 1)]
    line: u32,
    /// What for
    #[arg(long, value_enum)]
    kind: Kind,
    /// Added to the quantity that has left; below zero gives back
    #[arg(long, value_name = "QUANTITY", allow_hyphen_values = true, default_value = "")]
    quantity: String,
    /// Added to the value that has left, in the currency of the line
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, default_value = "")]
    value: String,
    /// The entry of the log with the shipment that came back
    #[arg(long, value_name = "ENTRY", default_value_t = 0, hide_default_value = true)]
    shipment: u64,
    /// What it rests on; to reverse, the decision of the authority
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
pub struct Approve {
    /// The correction, by the entry of the log that proposed it
    #[arg(value_name = "ENTRY")]
    proposal: u64,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: Server,
}

impl Amend {
    pub fn run(self) -> Done {
        let Order { from, reason, server } = self.order;
        let licence: LicenceText = one_of(&self.file)?;
        let licence = licence_message(licence);
        let request = v1::AmendLicenceRequest {
            request_id: request_id("amend", &licence),
            licence: Some(licence),
            from: from.to_string(),
            reason,
        };
        let recorded = server.place.write(async |licences| {
            let answer = licences.amend_licence(request).await;
            let answer = answer.map_err(|status| client::failure("licence amend", &status))?;
            Ok::<_, Failure>(answer.into_inner().recorded)
        })?;
        tell(server.format, "amended", recorded)
    }
}

impl Register {
    pub fn run(self) -> Done {
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let registration = v1::Registration {
            authorisation: self.authorisation,
            holder: self.holder,
            from: self.from.to_string(),
            until: day(self.until),
            reference: self.reference,
            sequence: 0,
        };
        let request = v1::RegisterGeneralAuthorisationRequest {
            request_id: request_id("register", &registration),
            registration: Some(registration),
        };
        let Server { place, format } = self.server;
        let recorded = place.write(async |licences| {
            let answer = licences.register_general_authorisation(request).await;
            let answer = answer.map_err(|status| client::failure("licence register", &status))?;
            Ok::<_, Failure>(answer.into_inner().recorded)
        })?;
        tell(format, "registered", recorded)
    }
}

impl DutyDone {
    pub fn run(self) -> Done {
        let mut request = v1::RecordDutyDoneRequest {
            request_id: String::new(),
            duty: self.duty,
            holder: self.holder,
            paper: self.paper,
            since: self.since.to_string(),
            on: self.on.to_string(),
            reference: self.reference,
        };
        request.request_id = request_id("done", &request);
        let Server { place, format } = self.server;
        let recorded = place.write(async |licences| {
            let answer = licences.record_duty_done(request).await;
            let answer = answer.map_err(|status| client::failure("licence duty-done", &status))?;
            Ok::<_, Failure>(answer.into_inner().recorded)
        })?;
        tell(format, "noted", recorded)
    }
}

impl Registrations {
    pub fn run(self) -> Done {
        let registrations = registrations(&self.place, self.holder.unwrap_or_default())?;
        match self.format {
            Format::Json => {
                let response =
                    v1::ListRegistrationsResponse { registrations, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListRegistrationsResponse")?)?;
            }
            Format::Human => {
                let mut text = String::new();
                for registered in &registrations {
                    let until = if registered.until.is_empty() { "open" } else { &*registered.until };
                    let _ = writeln!(
                        text,
                        "{}  {}  {} to {until}, {}",
                        registered.authorisation, registered.holder, registered.from, registered.reference
                    );
                }
                let _ = writeln!(text, "{} registrations", registrations.len());
                print::out(&text)?;
            }
        }
        Ok(Exit::Fine)
    }
}

/// All registrations that are asked for.
fn registrations(place: &Place, holder: String) -> Result<Vec<v1::Registration>, Failure> {
    client::runtime()?.block_on(async {
        let mut register = place.register().await?;
        let mut request = v1::ListRegistrationsRequest { page_size: 100, holder, ..Default::default() };
        let mut found = Vec::new();
        loop {
            let page = match &mut register {
                Reader::Folder(service) => grpc::list_registrations(service, &Identity::local(), &request)?,
                Reader::Daemon(daemon) => {
                    let page = daemon.list_registrations(request.clone()).await;
                    page.map_err(|status| client::failure("licence registrations", &status))?.into_inner()
                }
            };
            found.extend(page.registrations);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    })
}

impl Correct {
    pub fn run(self) -> Done {
        let request = v1::ProposeCorrectionRequest {
            request_id: request_id_now("correct"),
            kind: match self.kind {
                Kind::Adjust => "adjust".to_owned(),
                Kind::Reverse => "reverse".to_owned(),
            },
            number: self.number,
            line: self.line,
            quantity: self.quantity,
            value: self.value,
            shipment: self.shipment,
            reference: self.reference,
            reason: self.reason,
        };
        let Server { place, format } = self.server;
        let recorded = place.write(async |licences| {
            let answer = licences.propose_correction(request).await;
            let answer = answer.map_err(|status| client::failure("licence correct", &status))?;
            Ok::<_, Failure>(answer.into_inner().recorded)
        })?;
        tell(format, "proposed, and waits for somebody else's `slagboom licence approve`", recorded)
    }
}

impl Approve {
    pub fn run(self) -> Done {
        let Server { place, format } = self.server;
        let request = v1::ApproveCorrectionRequest {
            request_id: request_id_now("approve"),
            proposal: self.proposal,
            reason: self.reason,
        };
        let recorded = place.write(async |licences| {
            let answer = licences.approve_correction(request).await;
            let answer = answer.map_err(|status| client::failure("licence approve", &status))?;
            Ok::<_, Failure>(answer.into_inner().recorded)
        })?;
        tell(format, "corrected", recorded)
    }
}

/// Says where a change stands in the log.
pub fn tell(format: Format, what: &str, recorded: Option<v1::Recorded>) -> Done {
    match format {
        Format::Json => print::json(&proto::json(&recorded.unwrap_or_default(), "slagboom.v1.Recorded")?)?,
        Format::Human => print::out(&told::recorded(what, recorded.as_ref()))?,
    }
    Ok(Exit::Fine)
}
