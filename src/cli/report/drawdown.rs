//! `slagboom report drawdown`: what each line of licences came to, at any moment.

use std::fmt::Write as _;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::{Format, sheet};
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::licence::grouped_amount;
use crate::cli::place::{Place, Reader};
use crate::cli::{client, print};
use crate::domain::identity::Identity;
use crate::proto::{self, v1};
use crate::server::grpc;

/// Folded from the log for the report, and held against the balances that decide: reserved = confirmed + given back +
/// expired + open, and cap = confirmed + corrected + open + available. Ends with 1 where a line does not reconcile.
#[derive(Args, Debug)]
pub struct Drawdown {
    /// The moment: an instant (`2022-02-24T12:00:00Z`), or a day, which is its end in UTC [default: now]
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    at: Option<Timestamp>,
    /// One licence
    #[arg(long, value_name = "NUMBER")]
    number: Option<String>,
    /// Of this holder
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// An instant, or the last millisecond of a day in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let wrong = || format!("`{text}` is neither a day nor an instant");
    if let Ok(day) = text.parse::<Date>() {
        let next = day.tomorrow().map_err(|_| wrong())?.to_datetime(Time::midnight());
        let next = TimeZone::UTC.to_timestamp(next).map_err(|_| wrong())?;
        let last = next.as_millisecond() - 1;
        return Timestamp::from_millisecond(last).map_err(|_| wrong());
    }
    text.parse().map_err(|_| wrong())
}

impl Drawdown {
    pub fn run(self) -> Done {
        let lines = client::runtime()?.block_on(self.lines())?;
        let does_reconcile = lines.iter().all(|line| line.reconciles);
        match self.format {
            Format::Json => {
                let response = v1::ReportDrawdownResponse { lines };
                print::json(&proto::json(&response, "slagboom.v1.ReportDrawdownResponse")?)?;
            }
            Format::Csv => print::out(&table(&lines)?)?,
            Format::Human => print::out(&told(&lines))?,
        }
        Ok(if does_reconcile { Exit::Fine } else { Exit::No })
    }

    async fn lines(&self) -> Result<Vec<v1::DrawdownLine>, Failure> {
        let at = self
            .at
            .map(|at| prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() });
        let request = v1::ReportDrawdownRequest {
            at,
            number: self.number.clone().unwrap_or_default(),
            holder: self.holder.clone().unwrap_or_default(),
        };
        let mut lines = Vec::new();
        match self.place.register().await? {
            Reader::Folder(service) => {
                for message in grpc::report_drawdown(&service, &Identity::local(), &request)? {
                    lines.extend(message.lines);
                }
            }
            Reader::Daemon(mut daemon) => {
                let failed = |status: tonic::Status| client::failure("report drawdown", &status);
                let mut messages = daemon.report_drawdown(request).await.map_err(failed)?.into_inner();
                while let Some(message) = messages.message().await.map_err(failed)? {
                    lines.extend(message.lines);
                }
            }
        }
        Ok(lines)
    }
}

/// The columns of a line, with a quantity and a value each.
fn columns(line: &v1::DrawdownLine) -> [(&'static str, v1::QuantityAndValue); 8] {
    let of = |both: &Option<v1::QuantityAndValue>| both.clone().unwrap_or_default();
    [
        ("cap", of(&line.cap)),
        ("reserved", of(&line.reserved)),
        ("confirmed", of(&line.confirmed)),
        ("given_back", of(&line.given_back)),
        ("expired", of(&line.expired)),
        ("corrected", of(&line.corrected)),
        ("open", of(&line.open)),
        ("available", of(&line.available)),
    ]
}

fn table(lines: &[v1::DrawdownLine]) -> Result<String, Failure> {
    let mut header: Vec<String> =
        ["number", "line", "holder", "code", "unit", "currency"].map(str::to_owned).to_vec();
    for (name, _) in columns(&v1::DrawdownLine::default()) {
        header.extend([format!("{name}_quantity"), format!("{name}_value")]);
    }
    header.push("reconciles".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let row = |line: &v1::DrawdownLine| {
        let head =
            [&line.number, &line.line.to_string(), &line.holder, &line.code, &line.unit, &line.currency];
        let mut row = head.map(String::clone).to_vec();
        for (_, both) in columns(line) {
            row.extend([both.quantity, both.value]);
        }
        row.push(line.reconciles.to_string());
        row
    };
    sheet(&header, lines.iter().map(row))
}

fn told(lines: &[v1::DrawdownLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let fault = if line.reconciles { "" } else { "  DOES NOT RECONCILE" };
        let _ = writeln!(text, "{}  line {}  {}  {}{fault}", line.number, line.line, line.code, line.holder);
        for (name, both) in columns(line) {
            let is_nothing =
                |amount: &str| amount.chars().all(|digit| matches!(digit, '0' | '.')) && !amount.is_empty();
            let always = matches!(name, "cap" | "available");
            if !always && is_nothing(&both.quantity) && is_nothing(&both.value) {
                continue;
            }
            let amount = |amount: &str| {
                if amount.is_empty() { "no cap".to_owned() } else { grouped_amount(amount) }
            };
            let _ = writeln!(
                text,
                "    {:<11}{:>18} {:<6}{:>24} {}",
                name.replace('_', " "),
                amount(&both.quantity),
                line.unit,
                amount(&both.value),
                line.currency
            );
        }
    }
    let faults = lines.iter().filter(|line| !line.reconciles).count();
    let _ = writeln!(
        text,
        "{} lines, {}",
        print::grouped(lines.len() as u64),
        if faults == 0 {
            "all of which reconcile".to_owned()
        } else {
            format!("{faults} of which do not reconcile")
        }
    );
    text
}
