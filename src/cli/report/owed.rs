//! `slagboom report incidents` and `slagboom report duties`: what somebody must look at, and what is owed to the authority.

use std::fmt::Write as _;

use clap::Args;
use jiff::civil::Date;

use super::{Format, sheet};
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::place::{Place, Reader};
use crate::cli::{client, print};
use crate::clock::today;
use crate::domain::identity::Identity;
use crate::proto::{self, v1};
use crate::server::grpc::{self, convert};

#[derive(Args, Debug)]
pub struct Incidents {
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Ends with 1 where something is overdue.
#[derive(Args, Debug)]
pub struct Duties {
    /// Of this holder
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    /// The day on which it is asked what is overdue [default: today]
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Incidents {
    pub fn run(self) -> Done {
        let incidents = client::runtime()?.block_on(self.incidents())?;
        match self.format {
            Format::Json => {
                let response = v1::ListIncidentsResponse { incidents, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListIncidentsResponse")?)?;
            }
            Format::Csv => {
                let header = [
                    "entry",
                    "recorded_at",
                    "caller",
                    "kind",
                    "decision_id",
                    "export_date",
                    "reference",
                    "written_off",
                    "why",
                ];
                let rows = incidents.iter().map(|incident| {
                    vec![
                        incident.sequence.to_string(),
                        at(incident),
                        incident.caller.clone(),
                        incident.kind.clone(),
                        incident.decision_id.clone(),
                        incident.export_date.clone(),
                        incident.reference.clone(),
                        incident.written_off.to_string(),
                        incident.why.clone(),
                    ]
                });
                print::out(&sheet(&header, rows)?)?;
            }
            Format::Human => {
                let mut text = String::new();
                for incident in &incidents {
                    let written = if incident.written_off { "written off" } else { "NOT written off" };
                    let _ = writeln!(
                        text,
                        "entry {}  {}  {}  {written}\n    {} of {}, export on {}, told by {}\n    {}",
                        incident.sequence,
                        at(incident),
                        incident.kind,
                        incident.reference,
                        incident.decision_id,
                        incident.export_date,
                        incident.caller,
                        incident.why
                    );
                }
                let _ = writeln!(text, "{} incidents", print::grouped(incidents.len() as u64));
                print::out(&text)?;
            }
        }
        Ok(Exit::Fine)
    }

    async fn incidents(&self) -> Result<Vec<v1::Incident>, Failure> {
        let mut register = self.place.register().await?;
        let mut request = v1::ListIncidentsRequest { page_size: 100, ..Default::default() };
        let mut found = Vec::new();
        loop {
            let page = match &mut register {
                Reader::Folder(service) => grpc::list_incidents(service, &Identity::local(), &request)?,
                Reader::Daemon(daemon) => {
                    let page = daemon.list_incidents(request.clone()).await;
                    page.map_err(|status| client::failure("report incidents", &status))?.into_inner()
                }
            };
            found.extend(page.incidents);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}

fn at(incident: &v1::Incident) -> String {
    let at = incident.recorded_at.as_ref().and_then(convert::instant);
    at.map(|at| at.to_string()).unwrap_or_default()
}

impl Duties {
    pub fn run(self) -> Done {
        let on = self.on.map_or_else(today, Ok)?;
        let duties = client::runtime()?.block_on(self.duties(on))?;
        let is_overdue =
            |duty: &v1::OwedDuty| duty.done.is_empty() && duty.due.parse::<Date>().is_ok_and(|due| due < on);
        let overdue = duties.iter().filter(|duty| is_overdue(duty)).count();
        match self.format {
            Format::Json => {
                let response = v1::ListDutiesResponse { duties };
                print::json(&proto::json(&response, "slagboom.v1.ListDutiesResponse")?)?;
            }
            Format::Csv => {
                let header =
                    ["due", "done", "duty", "holder", "paper", "since", "evidence", "source", "what"];
                let rows = duties.iter().map(|duty| {
                    vec![
                        duty.due.clone(),
                        duty.done.clone(),
                        duty.duty.clone(),
                        duty.holder.clone(),
                        duty.paper.clone(),
                        duty.since.clone(),
                        duty.evidence.clone(),
                        duty.source.clone(),
                        duty.text.clone().unwrap_or_default().en,
                    ]
                });
                print::out(&sheet(&header, rows)?)?;
            }
            Format::Human => {
                let mut text = String::new();
                for duty in &duties {
                    let state = match &*duty.done {
                        "" if is_overdue(duty) => "OVERDUE".to_owned(),
                        "" => "open".to_owned(),
                        done => format!("done {done}"),
                    };
                    let _ = writeln!(
                        text,
                        "{}  {state:15}  {}  {}\n    {} {}: {}, since {}{}\n    {}",
                        duty.due,
                        duty.paper,
                        duty.holder,
                        duty.duty,
                        duty.paper,
                        duty.text.clone().unwrap_or_default().en,
                        duty.since,
                        if duty.evidence.is_empty() {
                            String::new()
                        } else {
                            format!(" ({})", duty.evidence)
                        },
                        duty.source
                    );
                }
                let _ = writeln!(
                    text,
                    "{} duties, {} overdue on {on}",
                    print::grouped(duties.len() as u64),
                    print::grouped(overdue as u64)
                );
                print::out(&text)?;
            }
        }
        Ok(if overdue == 0 { Exit::Fine } else { Exit::No })
    }

    async fn duties(&self, on: Date) -> Result<Vec<v1::OwedDuty>, Failure> {
        let holder = self.holder.clone().unwrap_or_default();
        let request = v1::ListDutiesRequest { holder, on: on.to_string() };
        Ok(match self.place.register().await? {
            Reader::Folder(service) => grpc::list_duties(&service, &Identity::local(), &request)?.duties,
            Reader::Daemon(mut daemon) => {
                let found = daemon.list_duties(request).await;
                found.map_err(|status| client::failure("report duties", &status))?.into_inner().duties
            }
        })
    }
}
