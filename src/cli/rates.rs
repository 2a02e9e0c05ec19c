//! `slagboom rates`: exchange rates, by which caps in another currency are tested.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::json;

use super::client::Connection;
use super::exit::{Done, Exit, Failure};
use super::licence::request_id;
use super::place::{Place, Reader};
use super::progress::Progress;
use super::{Format, client, input, print};
use crate::domain::money::{Currency, RATE_FRACTION_DIGITS_MAX, parse_rate};
use crate::domain::period::parse_date;
use crate::proto::{self, v1};
use crate::register::RATES_MAX;
use crate::server::grpc;
use v1::licence_service_client::LicenceServiceClient;

/// Keeps exchange rates. Each table is an entry of the log, and decisions of before keep the rates that they used.
#[derive(Args, Debug)]
pub struct Rates {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Record the rates of a CSV file
    Import(Import),
    /// List recorded rates with their sources
    List(List),
}

/// Every row is read before anything is recorded; where one is bad, all bad ones are listed and nothing is. A table of
/// more than 5,000 rates is recorded in several entries; an import that was cut short goes on where it stopped when it
/// is run again, since a rate that is recorded already is passed over.
#[derive(Args, Debug)]
struct Import {
    /// CSV with the columns `date` (or `from` and `until`, for a rate of several days), `currency` and `eur_per_unit`; or
    /// as the European Central Bank publishes them (`eurofxref-hist.csv`): `Date` and a column for each currency, in
    /// units for one euro. `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who published them
    #[arg(long, value_name = "TEXT")]
    source: String,
    /// Only rates of this day and later
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Only these currencies
    #[arg(long = "currency", value_name = "CODE", value_delimiter = ',')]
    currencies: Vec<Currency>,
    /// Let them take the place of other rates that are recorded for the same day
    #[arg(long)]
    replace: bool,
    /// Read the file and record nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Place,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct List {
    /// Of this currency
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// For this day of export
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    #[command(flatten)]
    place: Place,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Rates {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::Import(import) => import.run(),
            Verb::List(list) => list.run(),
        }
    }
}

/// A rate that a file has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Rate {
    currency: Currency,
    date: Date,
    eur_per_unit: Decimal,
}

impl Import {
    fn run(self) -> Done {
        let text = input::text(&self.file)?;
        let mut rates = read(&self.file, &text)?;
        rates.retain(|rate| {
            self.since.is_none_or(|since| rate.date >= since)
                && (self.currencies.is_empty() || self.currencies.contains(&rate.currency))
        });
        if rates.is_empty() {
            return Err(anyhow!("`{}` has no rate that is asked for", self.file.display()).into());
        }
        let recorded = if self.dry_run {
            0
        } else {
            self.place.write(async |licences| self.record(licences, &rates).await)?
        };
        match self.format {
            Format::Json => print::json(&json!({ "read": rates.len(), "recorded": recorded }))?,
            Format::Human => {
                let read = print::grouped(rates.len() as u64);
                print::out(&format!("{read} rates read, {} recorded\n", print::grouped(recorded)))?;
            }
        }
        Ok(Exit::Fine)
    }

    async fn record(
        &self,
        licences: &mut LicenceServiceClient<Connection>,
        rates: &[Rate],
    ) -> Result<u64, Failure> {
        let mut progress = Progress::new("recording rates", Some(rates.len() as u64));
        let mut recorded = 0;
        for table in rates.chunks(RATES_MAX) {
            let rate = |rate: &Rate| v1::ExchangeRate {
                currency: rate.currency.code().to_owned(),
                date: rate.date.to_string(),
                eur_per_unit: rate.eur_per_unit.to_string(),
                ..v1::ExchangeRate::default()
            };
            let mut request = v1::SetExchangeRatesRequest {
                request_id: String::new(),
                source: self.source.clone(),
                rates: table.iter().map(rate).collect(),
                replace: self.replace,
            };
            request.request_id = request_id("rates", &request);
            let answer = licences.set_exchange_rates(request).await;
            answer.map_err(|status| client::failure("rates import", &status))?;
            recorded += table.len() as u64;
            progress.done(recorded);
        }
        Ok(recorded)
    }
}

/// Reads a table of rates in one of its two shapes.
fn read(path: &Path, text: &str) -> Result<Vec<Rate>, Failure> {
    let name = path.display();
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|fault| anyhow!("`{name}`: {fault}"))?.clone();
    let (mut rates, mut bad): (Vec<Rate>, Vec<String>) = (Vec::new(), Vec::new());
    let is_wide = headers.get(0) == Some("Date");
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(fault) => {
                bad.push(fault.to_string());
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let read = if is_wide { of_day(&headers, &record) } else { of_row(&headers, &record) };
        match read {
            Ok(read) => rates.extend(read),
            Err(faults) => bad.extend(faults.into_iter().map(|fault| format!("{name}:{line}: {fault}"))),
        }
    }
    rates.sort_by_key(|rate| (rate.date, rate.currency));
    for pair in rates.windows(2) {
        if let [one, other] = pair
            && (one.date, one.currency) == (other.date, other.currency)
        {
            bad.push(format!("{name}: a rate of {} for {} stands there twice", one.date, one.currency));
        }
    }
    if bad.is_empty() {
        Ok(rates)
    } else {
        Err(anyhow!("nothing was imported, {} faults:\n  {}", bad.len(), bad.join("\n  ")).into())
    }
}

/// A row of the European Central Bank: a day, and what one euro was in each currency. `N/A` is no rate.
fn of_day(headers: &csv::StringRecord, row: &csv::StringRecord) -> Result<Vec<Rate>, Vec<String>> {
    let mut bad = Vec::new();
    let date = parse_date(row.get(0).unwrap_or_default()).map_err(|fault| bad.push(fault.to_string()));
    let mut rates = Vec::new();
    let quotes = headers
        .iter()
        .zip(row)
        .skip(1)
        .filter(|(code, quote)| !code.is_empty() && !quote.is_empty() && *quote != "N/A");
    for (code, quote) in quotes {
        // Of currencies that are no more, such as those before the euro, nothing is exported.
        let Ok(currency) = code.parse::<Currency>() else { continue };
        let per_euro = parse_rate(quote).map_err(|fault| bad.push(format!("{code}: {fault}")));
        let (Ok(date), Ok(per_euro)) = (date, per_euro) else { continue };
        let eur_per_unit = (Decimal::ONE / per_euro)
            .round_dp_with_strategy(RATE_DIGITS, RoundingStrategy::MidpointNearestEven)
            .normalize();
        rates.push(Rate { currency, date, eur_per_unit });
    }
    if bad.is_empty() { Ok(rates) } else { Err(bad) }
}

/// Digits after the point that a quote for one euro is turned into.
#[expect(clippy::cast_possible_truncation, reason = "a dozen")]
const RATE_DIGITS: u32 = RATE_FRACTION_DIGITS_MAX as u32;
/// Most days that a row may be for.
const DAYS_MAX: i32 = 366;

/// A row with one rate, for a day or for several.
fn of_row(headers: &csv::StringRecord, row: &csv::StringRecord) -> Result<Vec<Rate>, Vec<String>> {
    let get = |column: &str| headers.iter().position(|header| header == column).and_then(|at| row.get(at));
    let mut bad = Vec::new();
    let mut day = |column: &str| {
        let text = get(column)?;
        parse_date(text).map_err(|fault| bad.push(format!("{column}: {fault}"))).ok()
    };
    let (date, from, until) = (day("date"), day("from"), day("until"));
    let currency = get("currency").unwrap_or_default().parse::<Currency>();
    let currency = currency.map_err(|fault| bad.push(format!("currency: {fault}")));
    let value = parse_rate(get("eur_per_unit").unwrap_or_default());
    let value = value.map_err(|fault| bad.push(format!("eur_per_unit: {fault}")));
    let days = match (date, from, until) {
        (Some(date), None, None) => Some((date, date)),
        (None, Some(from), Some(until)) if from <= until && (until - from).get_days() < DAYS_MAX => {
            Some((from, until))
        }
        (None, Some(_), Some(_)) => {
            bad.push(format!("until: lies before from, or more than {DAYS_MAX} days behind it"));
            None
        }
        _ => None,
    };
    if days.is_none() && bad.is_empty() {
        bad.push("date: say `date`, or `from` and `until`".to_owned());
    }
    let (Some((from, until)), Ok(currency), Ok(eur_per_unit)) = (days, currency, value) else {
        return Err(bad);
    };
    let days = from.series(jiff::ToSpan::days(1)).take_while(|day| *day <= until);
    Ok(days.map(|date| Rate { currency, date, eur_per_unit }).collect())
}

impl List {
    fn run(self) -> Done {
        let rates = client::runtime()?.block_on(self.rates())?;
        match self.format {
            Format::Json => {
                let response = v1::ListExchangeRatesResponse { rates, next_page_token: String::new() };
                print::json(&proto::json(&response, "slagboom.v1.ListExchangeRatesResponse")?)?;
            }
            Format::Human => {
                let mut text = String::new();
                for rate in &rates {
                    let _ = writeln!(
                        text,
                        "{}  {}  {} EUR  {} (entry {})",
                        rate.date, rate.currency, rate.eur_per_unit, rate.source, rate.sequence
                    );
                }
                let _ = writeln!(text, "{} rates", print::grouped(rates.len() as u64));
                print::out(&text)?;
            }
        }
        Ok(Exit::Fine)
    }

    async fn rates(&self) -> Result<Vec<v1::ExchangeRate>, Failure> {
        let mut register = self.place.register().await?;
        let mut request = v1::ListExchangeRatesRequest {
            page_size: 100,
            currency: self.currency.map(|currency| currency.code().to_owned()).unwrap_or_default(),
            date: self.date.map(|date| date.to_string()).unwrap_or_default(),
            ..Default::default()
        };
        let mut found = Vec::new();
        loop {
            let page = match &mut register {
                Reader::Folder(service) => grpc::list_exchange_rates(service, &request)?,
                Reader::Daemon(daemon) => {
                    let page = daemon.list_exchange_rates(request.clone()).await;
                    page.map_err(|status| client::failure("rates list", &status))?.into_inner()
                }
            };
            found.extend(page.rates);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return Ok(found);
            }
        }
    }
}
