//! `slagboom report licences`: the register counted, to be compared with what the authority publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::super::exit::{Done, Exit, Failure};
use super::super::licence::{grouped_amount, licences};
use super::super::place::Place;
use super::super::print;
use super::{Format, sheet};
use crate::clock::today;
use crate::domain::code::{CodeScope, ControlCode, Relation};
use crate::domain::name;
use crate::proto::v1;

/// Characters of the longest bar.
const BAR_WIDTH: i64 = 24;

/// Licences are counted once, in the group of each of their lines; values are the caps on value of the lines that meet
/// the filter, in the currency of each line.
#[derive(Args, Debug)]
pub struct Licences {
    #[command(flatten)]
    place: Place,
    /// How the rows are grouped
    #[arg(long, value_enum, default_value_t)]
    by: By,
    /// The day on which running and usable licences are counted [default: today]
    #[arg(long, value_name = "DATE")]
    at: Option<Date>,
    /// Issued on this day or later
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Issued on this day or earlier
    #[arg(long, value_name = "DATE")]
    until: Option<Date>,
    /// For this country of final destination
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// Of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Of this holder
    #[arg(long, value_name = "NAME")]
    holder: Option<String>,
    /// Lines under one of these: an entry or sub-item (`5A002.a`), a group (`5A`), a category (`5`) or a range of entries
    /// (`1C350..1C354`)
    #[arg(long = "eccn", value_name = "CODE", value_delimiter = ',')]
    codes: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
enum By {
    /// One row.
    #[default]
    Total,
    /// Year of issue.
    Year,
    /// Country of final destination; a licence for several counts in each.
    Country,
    /// Category of the code.
    Category,
    /// Entry of the code, without sub-items.
    Entry,
    /// The code as it is written on the licence.
    Code,
    /// Regime that the number of the entry tells of; it decides nothing.
    Regime,
    /// Holder.
    Holder,
    /// Kind.
    Kind,
}

/// What a group comes to.
#[derive(Debug, Default)]
struct Sum<'a> {
    licences: BTreeSet<&'a str>,
    running: BTreeSet<&'a str>,
    usable: BTreeSet<&'a str>,
    /// Granted, of those granted to running ones, and left of usable ones; by currency.
    values: BTreeMap<&'a str, [Decimal; 3]>,
}

impl Licences {
    pub fn run(self) -> Done {
        let at = self.at.map_or_else(today, Ok)?;
        let scopes = self.codes.iter().map(|code| {
            let no_code = |fault| Failure::new(Exit::Usage, anyhow!("--eccn {code}: {fault}"));
            code.parse::<CodeScope>().map_err(no_code)
        });
        let scopes: Vec<CodeScope> = scopes.collect::<Result<_, _>>()?;
        let request = v1::ListLicencesRequest {
            holder: self.holder.clone().unwrap_or_default(),
            country: self.country.clone().unwrap_or_default(),
            kind: self.kind.clone().unwrap_or_default(),
            ..Default::default()
        };
        let all = licences(&self.place, request.clone())?;
        let usable = licences(&self.place, v1::ListLicencesRequest { usable_on: at.to_string(), ..request })?;
        let usable: BTreeSet<&str> =
            usable.iter().filter_map(|held| held.licence.as_ref()).map(|licence| &*licence.number).collect();
        let mut rows: BTreeMap<String, Sum<'_>> = BTreeMap::new();
        for held in &all {
            self.count(held, at, &scopes, &usable, &mut rows);
        }
        if self.by == By::Total {
            rows.entry("all".to_owned()).or_default();
        }
        match self.format {
            Format::Human => print::out(&human(&rows, at))?,
            Format::Json => print::json(&json!({
                "at": at.to_string(),
                "rows": rows.iter().map(|(group, sum)| told(group, sum)).collect::<Vec<_>>(),
            }))?,
            Format::Csv => print::out(&csv_of(&rows)?)?,
        }
        Ok(Exit::Fine)
    }

    fn count<'a>(
        &self,
        held: &'a v1::HeldLicence,
        at: Date,
        scopes: &[CodeScope],
        usable: &BTreeSet<&str>,
        rows: &mut BTreeMap<String, Sum<'a>>,
    ) {
        let Some(licence) = &held.licence else { return };
        let issued = if licence.issued.is_empty() { &licence.valid_from } else { &licence.issued };
        let issued: Option<Date> = issued.parse().ok();
        let is_asked = self.from.is_none_or(|from| issued.is_some_and(|day| day >= from))
            && self.until.is_none_or(|until| issued.is_some_and(|day| day <= until));
        if !is_asked {
            return;
        }
        let day = |text: &str| text.parse::<Date>().ok();
        let is_running = day(&licence.valid_from).is_none_or(|from| from <= at)
            && day(&licence.valid_until).is_none_or(|until| at <= until)
            && day(&held.status_from).is_none_or(|ended| ended > at);
        for (line, balance) in licence.lines.iter().zip(&held.balances) {
            let code: Option<ControlCode> = line.code.trim().parse().ok();
            let is_under = |scope: &CodeScope| {
                code.as_ref().is_some_and(|code| scope.relation(code) == Relation::Covers)
            };
            if !scopes.is_empty() && !scopes.iter().any(is_under) {
                continue;
            }
            let currency = if line.currency.is_empty() { "EUR" } else { &line.currency };
            let granted: Decimal = line.value.trim().parse().unwrap_or_default();
            let left: Decimal = balance.available_value.parse().unwrap_or_default();
            for group in self.groups(licence, issued, code.as_ref()) {
                let sum = rows.entry(group).or_default();
                sum.licences.insert(&licence.number);
                let values = sum.values.entry(currency).or_default();
                values[0] += granted;
                if is_running {
                    sum.running.insert(&licence.number);
                    values[1] += granted;
                }
                if usable.contains(&*licence.number) {
                    sum.usable.insert(&licence.number);
                    values[2] += left.max(Decimal::ZERO);
                }
            }
        }
    }

    /// The groups that a line counts in.
    fn groups(&self, licence: &v1::Licence, issued: Option<Date>, code: Option<&ControlCode>) -> Vec<String> {
        let of_code =
            |told: &dyn Fn(&ControlCode) -> String| vec![code.map_or_else(|| "NOT_LISTED".to_owned(), told)];
        match self.by {
            By::Total => vec!["all".to_owned()],
            By::Year => {
                vec![issued.map_or_else(|| "(no day of issue)".to_owned(), |day| day.year().to_string())]
            }
            By::Country => match &self.country {
                Some(country) => vec![country.clone()],
                None => licence.destinations.clone(),
            },
            By::Category => {
                of_code(&|code| code.entry().chars().next().map(String::from).unwrap_or_default())
            }
            By::Entry => of_code(&|code| code.entry().to_owned()),
            By::Code => of_code(&|code| code.as_str().to_owned()),
            By::Regime => of_code(&|code| regime(code).to_owned()),
            By::Holder => vec![name::normalise(&licence.holder).into()],
            By::Kind => vec![licence.kind.clone()],
        }
    }
}

/// The regime that the three digits of an entry tell of, as the article on the Dutch licences has it; category 0 is the
/// trigger list of the suppliers of nuclear material.
fn regime(code: &ControlCode) -> &'static str {
    if code.is_military() {
        return "Common Military List";
    }
    let entry = code.entry();
    let number: u16 = entry.get(2..5).and_then(|digits| digits.parse().ok()).unwrap_or_default();
    match number {
        1..=99 if entry.starts_with('0') => "NSG (trigger list)",
        1..=99 => "Wassenaar",
        100..=199 => "MTCR",
        200..=299 => "NSG",
        350 | 351 | 450 => "CWC",
        300..=399 => "Australia Group",
        _ => "other",
    }
}

fn told(group: &str, sum: &Sum<'_>) -> Value {
    let values: Vec<Value> = sum
        .values
        .iter()
        .map(|(currency, [granted, running, left])| {
            json!({
                "currency": currency,
                "granted": granted.to_string(),
                "granted_of_running": running.to_string(),
                "left_of_usable": left.to_string(),
            })
        })
        .collect();
    json!({
        "group": group,
        "licences": sum.licences.len(),
        "running": sum.running.len(),
        "usable": sum.usable.len(),
        "values": values,
    })
}

fn csv_of(rows: &BTreeMap<String, Sum<'_>>) -> Result<String, Failure> {
    let header = [
        "group",
        "licences",
        "running",
        "usable",
        "currency",
        "granted",
        "granted_of_running",
        "left_of_usable",
    ];
    let rows = rows.iter().flat_map(|(group, sum)| {
        let counts = [sum.licences.len(), sum.running.len(), sum.usable.len()].map(|count| count.to_string());
        sum.values.iter().map(move |(currency, values)| {
            let head = [group.clone()].into_iter().chain(counts.clone()).chain([(*currency).to_owned()]);
            head.chain(values.iter().map(Decimal::to_string)).collect()
        })
    });
    sheet(&header, rows)
}

fn human(rows: &BTreeMap<String, Sum<'_>>, at: Date) -> String {
    let most = rows.values().flat_map(|sum| sum.values.values()).map(|[granted, ..]| *granted).max();
    let most = most.filter(|most| !most.is_zero()).unwrap_or(Decimal::ONE);
    let width = rows.keys().map(|group| group.chars().count()).max().unwrap_or_default().clamp(8, 40);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<width$}  {:>8}  {:>22}  {:>8}  {:>22}  {:>8}  {:>22}",
        "", "licences", "granted", "running", "granted of these", "usable", "left of these"
    );
    for (group, sum) in rows {
        if sum.values.is_empty() {
            let _ = writeln!(text, "{group:<width$}  {:>8}", 0);
        }
        for (currency, [granted, running, left]) in &sum.values {
            let amount = |value: &Decimal| format!("{} {currency}", grouped_amount(&value.to_string()));
            let share = (*granted * Decimal::from(BAR_WIDTH) / most).round();
            let bar = usize::try_from(share.mantissa()).unwrap_or_default();
            let _ = writeln!(
                text,
                "{group:<width$}  {:>8}  {:>22}  {:>8}  {:>22}  {:>8}  {:>22}  {}",
                sum.licences.len(),
                amount(granted),
                sum.running.len(),
                amount(running),
                sum.usable.len(),
                amount(left),
                "█".repeat(bar)
            );
        }
    }
    let _ = writeln!(
        text,
        "running: valid on {at} and neither revoked nor returned; usable: not suspended either"
    );
    text
}
