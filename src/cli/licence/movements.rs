//! `slagboom licence movements`: what moved on the lines of a licence.

use std::fmt::Write as _;

use clap::Args;

use super::told::amount;
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::place::{Place, Reader};
use crate::cli::{Format, client, print};
use crate::domain::identity::Identity;
use crate::proto::{self, v1};
use crate::server::grpc::{self, convert};

#[derive(Args, Debug)]
pub struct Movements {
    /// Number of the licence
    #[arg(value_name = "NUMBER")]
    number: String,
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Movements {
    pub fn run(self) -> Done {
        let movements = client::runtime()?.block_on(self.movements())?;
        match self.format {
            Format::Json => {
                let response = v1::ListMovementsResponse { movements, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListMovementsResponse")?)?;
            }
            Format::Human => print::out(&told(&movements))?,
        }
        Ok(Exit::Fine)
    }

    async fn movements(&self) -> Result<Vec<v1::Movement>, Failure> {
        let mut register = self.place.register().await?;
        let number = self.number.clone();
        let mut request = v1::ListMovementsRequest { page_size: 100, number, ..Default::default() };
        let mut found = Vec::new();
        loop {
            let page = match &mut register {
                Reader::Folder(service) => grpc::list_movements(service, &Identity::local(), &request)?,
                Reader::Daemon(daemon) => {
                    let page = daemon.list_movements(request.clone()).await;
                    page.map_err(|status| client::failure("licence movements", &status))?.into_inner()
                }
            };
            found.extend(page.movements);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}

fn told(movements: &[v1::Movement]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:>8}  {:20}  {:9}  {:>4}  {:>14}  {:>22}  {:>14}  {:>22}  by, and what for",
        "entry", "recorded", "", "line", "quantity", "value", "left", "left"
    );
    for moved in movements {
        let at = moved.recorded_at.as_ref().and_then(convert::instant);
        let at = at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
        let after = moved.after.clone().unwrap_or_default();
        let left = |left: &str| if left.is_empty() { "no cap".to_owned() } else { amount(left) };
        let said = [&moved.decision_id, &moved.reference, &moved.export_date, &moved.reason, &moved.incident];
        let said: Vec<&str> = said.into_iter().map(String::as_str).filter(|said| !said.is_empty()).collect();
        let _ = writeln!(
            text,
            "{:>8}  {at:20}  {:9}  {:>4}  {:>14}  {:>22}  {:>14}  {:>22}  {}{}{}",
            moved.sequence,
            moved.kind,
            moved.line,
            format!("{} {}", amount(&moved.quantity), moved.unit),
            format!("{} {}", amount(&moved.value), moved.currency),
            left(&after.available_quantity),
            left(&after.available_value),
            moved.caller,
            if said.is_empty() { "" } else { ": " },
            said.join(", ")
        );
    }
    text
}
