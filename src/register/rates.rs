//! Exchange rates: what a source said that one unit of a currency is worth in euro on a day.

use imbl::OrdMap;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::apply::{ApplyError, Register};
use super::event::Event;
use super::plan::Denied;
use crate::domain::licence::ExchangeRates;
use crate::domain::money::{Currency, parse_rate};
use crate::domain::period::parse_date;
use crate::domain::request::{FieldViolation, NAME_BYTES_MAX, Violations};

/// Most rates of one table.
pub const RATES_MAX: usize = 5_000;

/// Rates as a source published them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RateTable {
    /// Who published them, such as the European Central Bank. Required.
    pub source: String,
    /// The rates. At least one.
    pub rates: Vec<RateText>,
    /// May they take the place of other rates for the same currency and day?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
}

/// A rate as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RateText {
    /// ISO 4217 code; not the euro, which is one euro.
    pub currency: String,
    /// The day of export that it is for.
    pub date: String,
    /// Euro for one unit of the currency.
    pub eur_per_unit: String,
}

/// The rates of a register, and where each comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    table: ExchangeRates,
    /// The entry that set a rate.
    set_by: OrdMap<(Currency, Date), u64>,
    /// Sources by the entry.
    sources: OrdMap<u64, Arc<str>>,
}

/// A rate with where it comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourcedRate {
    /// The currency.
    pub currency: Currency,
    /// The day of export.
    pub date: Date,
    /// Euro for one unit.
    pub eur_per_unit: Decimal,
    /// Who published it.
    pub source: Arc<str>,
    /// The entry that recorded it.
    pub sequence: u64,
}

impl RateTable {
    /// Reads the table.
    ///
    /// # Errors
    /// Every field that cannot be, by its path.
    pub fn parse(&self) -> Result<Vec<(Currency, Date, Decimal)>, Vec<FieldViolation>> {
        let mut violations = Violations::default();
        let source = self.source.trim();
        if source.is_empty() || source.len() > NAME_BYTES_MAX || source.chars().any(char::is_control) {
            let why = format!("must say who published them, in 1 to {NAME_BYTES_MAX} bytes");
            violations.add("source", "REQUIRED", why);
        }
        if self.rates.is_empty() || self.rates.len() > RATES_MAX {
            let why = format!("has {} rates, and must have 1 to {RATES_MAX}", self.rates.len());
            violations.add("rates", "COUNT", why);
        }
        let mut read = Vec::with_capacity(self.rates.len().min(RATES_MAX));
        let mut seen = std::collections::BTreeSet::new();
        for (at, rate) in self.rates.iter().take(RATES_MAX).enumerate() {
            let field = |name: &str| format!("rates[{at}].{name}");
            let currency = rate.currency.trim().parse::<Currency>();
            let currency = currency
                .map_err(|fault| violations.add(field("currency"), "CURRENCY", fault.to_string()))
                .ok();
            if currency == Some(Currency::euro()) {
                violations.add(field("currency"), "CURRENCY", "the euro is one euro, and has no rate");
            }
            let date = parse_date(rate.date.trim());
            let date = date.map_err(|fault| violations.add(field("date"), "DATE", fault.to_string())).ok();
            let value = parse_rate(rate.eur_per_unit.trim());
            let value =
                value.map_err(|fault| violations.add(field("eur_per_unit"), "RATE", fault.to_string())).ok();
            let (Some(currency), Some(date), Some(value)) = (currency, date, value) else { continue };
            if !seen.insert((currency, date)) {
                let why = format!("a rate of {date} for {currency} stands there twice");
                violations.add(field("date"), "DUPLICATE", why);
            }
            read.push((currency, date, value));
        }
        violations.or(read)
    }
}

impl Register {
    /// Rates are to be set. What is recorded already stays as it is; another rate for the same currency and day must say
    /// that it replaces.
    ///
    /// # Errors
    /// [`Denied::Fields`], [`Denied::RateKnown`].
    pub fn plan_rates(&self, table: RateTable) -> Result<Event, Denied> {
        let read = table.parse().map_err(Denied::Fields)?;
        for (currency, date, value) in read {
            match self.rates.table.recorded(currency, date) {
                Some(known) if known != value && !table.replaces => {
                    return Err(Denied::RateKnown { currency, date, known });
                }
                _ => {}
            }
        }
        Ok(Event::RatesSet(table))
    }

    pub(super) fn set_rates(&mut self, sequence: u64, table: &RateTable) -> Result<(), ApplyError> {
        let read = table.parse()?;
        for (currency, date, value) in read {
            self.rates.table.insert(currency, date, value);
            self.rates.set_by.insert((currency, date), sequence);
        }
        self.rates.sources.insert(sequence, table.source.trim().into());
        Ok(())
    }

    /// The rates.
    #[must_use]
    pub const fn rates(&self) -> &ExchangeRates {
        &self.rates.table
    }

    /// The entry that set rates last: while it is the same one, so are the rates.
    #[must_use]
    pub fn rates_of(&self) -> Option<u64> {
        self.rates.sources.get_max().map(|(sequence, _)| *sequence)
    }

    /// All rates with their sources, by currency and day.
    pub fn sourced_rates(&self) -> impl Iterator<Item = SourcedRate> {
        let of = |(currency, date, eur_per_unit)| {
            let sequence = *self.rates.set_by.get(&(currency, date))?;
            let source = self.rates.sources.get(&sequence)?.clone();
            Some(SourcedRate { currency, date, eur_per_unit, source, sequence })
        };
        self.rates.table.iter().filter_map(of)
    }
}
