//! `slagboom licence`: the register of licences.

mod import;
mod movements;
mod papers;
mod told;

use clap::{Args, Subcommand};
use jiff::civil::Date;
use prost::Message;
use tonic::Status;

use self::import::Import;
pub use self::import::rows_of;
use self::movements::Movements;
use self::papers::{Amend, Approve, Correct, DutyDone, Register, Registrations, tell};
pub use self::told::{amount as grouped_amount, suspended};
use super::exit::{Done, Exit, Failure};
use super::place::{Place, Reader};
use super::{Format, client, print};
use crate::clock::{Clock, System};
use crate::domain::identity::Identity;
use crate::ledger::Digest;
use crate::proto::{self, v1};
use crate::server::grpc;
use v1::licence_service_client::LicenceServiceClient;

/// Keeps the register of licences of a daemon. Every change is an entry of its log.
#[derive(Args, Debug)]
pub struct Licence {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Record the licences of CSV or YAML files
    #[command(visible_alias = "record")]
    Import(Import),
    /// List licences with what is left of them
    List(List),
    /// Show one licence with its lines, balances and suspensions
    Show(Show),
    /// Show what moved on the lines of a licence: granted, reserved, written off, given back
    Movements(Movements),
    /// Amend a licence: a new version, with its own first day
    Amend(Amend),
    /// Register an exporter for a general authorisation
    Register(Register),
    /// Note that what a holder owed the authority was done
    DutyDone(DutyDone),
    /// List registrations for general authorisations
    Registrations(Registrations),
    /// Propose a correction of what has left of a licence
    Correct(Correct),
    /// Approve a correction that somebody else proposed
    Approve(Approve),
    /// Suspend every licence that meets the criteria, also those recorded later; says what that stops
    Suspend(Suspend),
    /// Lift a suspension; balances and reservations are as they were
    Lift(Lift),
    /// Revoke a licence, for good
    Revoke(End),
    /// Return a licence to the authority
    Return(End),
}

#[derive(Args, Debug)]
struct Server {
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// From when on, and why.
#[derive(Args, Debug)]
struct Order {
    /// First day of export that it is for: from then on licences may not be used, or may be used again
    #[arg(long, value_name = "DATE")]
    from: Date,
    /// Why, for the log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Of this holder
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    /// For this country of final destination
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// Of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// That may be used on this day: valid, and not suspended, revoked or returned
    #[arg(long, value_name = "DATE")]
    usable_on: Option<Date>,
}

#[derive(Args, Debug)]
struct Show {
    /// Number of the licence
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The day on which suspensions are looked at [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct Suspend {
    /// Country of final destination; a licence for several stays usable for the others
    #[arg(long = "country", value_name = "CC", value_delimiter = ',')]
    countries: Vec<String>,
    /// Kind of licence
    #[arg(long = "kind", value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<String>,
    /// Control code, with what is below it
    #[arg(long = "eccn", value_name = "CODE", value_delimiter = ',')]
    codes: Vec<String>,
    /// Holder
    #[arg(long = "holder", value_name = "NAME")]
    holders: Vec<String>,
    /// Licence number
    #[arg(long = "number", value_name = "NUMBER")]
    numbers: Vec<String>,
    #[command(flatten)]
    order: Order,
}

#[derive(Args, Debug)]
struct Lift {
    /// The suspension, by the entry of the log that ordered it
    #[arg(value_name = "ENTRY")]
    suspension: u64,
    #[command(flatten)]
    order: Order,
}

#[derive(Args, Debug)]
struct End {
    /// Number of the licence
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    order: Order,
}

impl Licence {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Import(import) => import.run(),
            Verb::List(list) => list.run(),
            Verb::Show(show) => show.run(),
            Verb::Movements(movements) => movements.run(),
            Verb::Amend(amend) => amend.run(),
            Verb::Register(register) => register.run(),
            Verb::DutyDone(done) => done.run(),
            Verb::Registrations(registrations) => registrations.run(),
            Verb::Correct(correct) => correct.run(),
            Verb::Approve(approve) => approve.run(),
            Verb::Suspend(suspend) => suspend.run(),
            Verb::Lift(lift) => lift.run(),
            Verb::Revoke(end) => end.run(true),
            Verb::Return(end) => end.run(false),
        }
    }
}

/// An id under which the same order is the same request: a verb that is repeated after a time-out changes nothing twice.
pub fn request_id(verb: &str, message: &impl Message) -> String {
    let digest = Digest::of(&message.encode_to_vec()).to_string();
    format!("{verb}/{}", digest.get(..32).unwrap_or(&digest))
}

/// The same for an order that may be given again on another day, as it stands at this moment.
fn request_id_now(verb: &str) -> String {
    format!("{verb}/{}/{}", System.now_ms(), std::process::id())
}

impl List {
    fn run(self) -> Done {
        let licences = licences(
            &self.place,
            v1::ListLicencesRequest {
                holder: self.holder.unwrap_or_default(),
                country: self.country.unwrap_or_default(),
                kind: self.kind.unwrap_or_default(),
                usable_on: self.usable_on.map(|day| day.to_string()).unwrap_or_default(),
                ..Default::default()
            },
        )?;
        match self.format {
            Format::Json => {
                let response = v1::ListLicencesResponse { licences, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListLicencesResponse")?)?;
            }
            Format::Human => print::out(&told::table(&licences))?,
        }
        Ok(Exit::Fine)
    }
}

/// All licences that are asked for.
pub fn licences(place: &Place, request: v1::ListLicencesRequest) -> Result<Vec<v1::HeldLicence>, Failure> {
    client::runtime()?.block_on(async {
        match place.register().await? {
            Reader::Daemon(mut daemon) => of_daemon(&mut daemon, request).await,
            Reader::Folder(service) => {
                let page =
                    async |request: &_| Ok(grpc::list_licences(&service, &Identity::local(), request)?);
                pages(request, page).await
            }
        }
    })
}

/// The same of a daemon.
async fn of_daemon(
    daemon: &mut LicenceServiceClient<client::Connection>,
    request: v1::ListLicencesRequest,
) -> Result<Vec<v1::HeldLicence>, Failure> {
    pages(request, async |request| {
        let page = daemon.list_licences(request.clone()).await;
        Ok(page.map_err(|status| client::failure("licences", &status))?.into_inner())
    })
    .await
}

/// Page by page.
async fn pages(
    mut request: v1::ListLicencesRequest,
    mut page: impl AsyncFnMut(&v1::ListLicencesRequest) -> Result<v1::ListLicencesResponse, Failure>,
) -> Result<Vec<v1::HeldLicence>, Failure> {
    request.page_size = 100;
    let mut found = Vec::new();
    loop {
        let page = page(&request).await?;
        found.extend(page.licences);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(found);
        }
    }
}

impl Show {
    fn run(self) -> Done {
        let on = self.on.map(|on| on.to_string()).unwrap_or_default();
        let request = v1::GetLicenceRequest { number: self.number, on };
        let response = client::runtime()?.block_on(async {
            Ok::<_, Failure>(match self.place.register().await? {
                Reader::Folder(service) => grpc::get_licence(&service, &Identity::local(), &request)?,
                Reader::Daemon(mut daemon) => {
                    let found = daemon.get_licence(request).await;
                    found.map_err(|status| client::failure("licence show", &status))?.into_inner()
                }
            })
        })?;
        match self.format {
            Format::Json => print::json(&proto::json(&response, "slagboom.v1.GetLicenceResponse")?)?,
            Format::Human => print::out(&told::one(&response.licence.unwrap_or_default()))?,
        }
        Ok(Exit::Fine)
    }
}

impl Suspend {
    fn run(self) -> Done {
        let Order { from, reason, server: Server { place, format } } = self.order;
        let request = v1::SuspendLicencesRequest {
            request_id: request_id_now("suspend"),
            countries: self.countries,
            kinds: self.kinds,
            codes: self.codes,
            holders: self.holders,
            numbers: self.numbers,
            from: from.to_string(),
            reason,
        };
        let response = place.write(async |licences| {
            let answer = licences.suspend_licences(request).await;
            Ok::<_, Failure>(
                answer.map_err(|status| client::failure("licence suspend", &status))?.into_inner(),
            )
        })?;
        match format {
            Format::Json => print::json(&proto::json(&response, "slagboom.v1.SuspendLicencesResponse")?)?,
            Format::Human => print::out(&suspended(&response))?,
        }
        Ok(Exit::Fine)
    }
}

impl Lift {
    fn run(self) -> Done {
        let Order { from, reason, server: Server { place, format } } = self.order;
        let request = v1::LiftSuspensionRequest {
            request_id: request_id_now("lift"),
            suspension: self.suspension,
            from: from.to_string(),
            reason,
        };
        let response = place.write(async |licences| {
            let answer = licences.lift_suspension(request).await;
            Ok::<_, Failure>(answer.map_err(|status| client::failure("licence lift", &status))?.into_inner())
        })?;
        match format {
            Format::Json => print::json(&proto::json(&response, "slagboom.v1.LiftSuspensionResponse")?)?,
            Format::Human => print::out(&told::recorded("lifted", response.recorded.as_ref()))?,
        }
        Ok(Exit::Fine)
    }
}

impl End {
    fn run(self, is_revoked: bool) -> Done {
        let Self { number, order: Order { from, reason, server: Server { place, format } } } = self;
        let (from, request_id) = (from.to_string(), request_id_now("end"));
        let recorded = place.write(async |licences| {
            let failed = |status: Status| client::failure("licence", &status);
            Ok::<_, Failure>(if is_revoked {
                let request = v1::RevokeLicenceRequest { request_id, number, from, reason };
                licences.revoke_licence(request).await.map_err(failed)?.into_inner().recorded
            } else {
                let request = v1::ReturnLicenceRequest { request_id, number, from, reason };
                licences.return_licence(request).await.map_err(failed)?.into_inner().recorded
            })
        })?;
        tell(format, if is_revoked { "revoked" } else { "returned" }, recorded)
    }
}
