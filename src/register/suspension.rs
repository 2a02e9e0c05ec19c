//! Suspensions by criterion.

use jiff::civil::Date;

use super::event::SuspensionOrder;
use super::registration::Registered;
use crate::domain::code::ControlCode;
use crate::domain::country::{Country, CountrySet};
use crate::domain::licence::{Licence, LicenceKind, LicenceLine, LicensedGoods};
use crate::domain::name;
use crate::domain::period::Period;
use crate::domain::request::{FieldViolation, SHORT_BYTES_MAX, TEXT_BYTES_MAX, Violations};

/// A suspension that was ordered. It hits licences that were valid on its first day or earlier, whenever they are
/// entered; a licence granted after it is another one.
#[derive(Clone, Debug)]
pub struct Suspension {
    /// The entry that ordered it.
    pub sequence: u64,
    /// As ordered.
    pub order: SuspensionOrder,
    /// Days of export on which it holds.
    pub holds: Period,
    countries: Option<CountrySet>,
    kinds: Vec<LicenceKind>,
    codes: Vec<ControlCode>,
    holders: Vec<Box<str>>,
}

impl Suspension {
    /// Reads an order.
    ///
    /// # Errors
    /// Every field that cannot be, by its path.
    pub fn parse(sequence: u64, order: SuspensionOrder) -> Result<Self, Vec<FieldViolation>> {
        let mut violations = Violations::default();
        let mut countries = Vec::new();
        for (at, text) in order.countries.iter().enumerate() {
            match text.parse::<Country>() {
                Ok(country) => countries.push(country),
                Err(fault) => violations.add(format!("countries[{at}]"), "COUNTRY", fault.to_string()),
            }
        }
        let mut kinds = Vec::new();
        for (at, text) in order.kinds.iter().enumerate() {
            match LicenceKind::parse(text) {
                Some(kind) => kinds.push(kind),
                None => violations.add(
                    format!("kinds[{at}]"),
                    "UNKNOWN",
                    format!("`{text}` is no kind of licence"),
                ),
            }
        }
        let mut codes = Vec::new();
        for (at, text) in order.codes.iter().enumerate() {
            match text.parse::<ControlCode>() {
                Ok(code) => codes.push(code),
                Err(fault) => violations.add(format!("codes[{at}]"), "CODE", fault.to_string()),
            }
        }
        for (at, number) in order.numbers.iter().enumerate() {
            if number.trim().is_empty() || number.len() > SHORT_BYTES_MAX {
                violations.add(format!("numbers[{at}]"), "NUMBER", "is no licence number");
            }
        }
        let holders: Vec<Box<str>> = order.holders.iter().map(|holder| name::normalise(holder)).collect();
        if let Some(at) = holders.iter().position(|holder| holder.is_empty()) {
            violations.add(format!("holders[{at}]"), "NAME", "holds no letter and no digit");
        }
        check_reason(&order.reason, &mut violations);
        let criteria = [&order.countries, &order.kinds, &order.codes, &order.holders, &order.numbers];
        if criteria.iter().all(|criterion| criterion.is_empty()) {
            violations.add(
                "countries",
                "REQUIRED",
                "name a country, a kind, a code, a holder or a number: nothing named would be every licence",
            );
        }
        let countries = (!countries.is_empty()).then(|| countries.into_iter().collect());
        let holds = Period { from: Some(order.from), until: None };
        violations.or(Self { sequence, order, holds, countries, kinds, codes, holders })
    }

    /// Does it hit this line of a licence for an export to this country on this day?
    #[must_use]
    pub fn hits(&self, licence: &Licence, line: &LicenceLine, country: Country, day: Date) -> bool {
        self.holds.contains(day) && self.meets(licence, line, country)
    }

    /// Does it hit this line of a licence for an export to this country, on the days on which it holds?
    #[must_use]
    pub fn meets(&self, licence: &Licence, line: &LicenceLine, country: Country) -> bool {
        self.countries.as_ref().is_none_or(|countries| countries.contains(country))
            && self.concerns(licence)
            && self.concerns_line(line)
    }

    /// Is it one of the licences that are suspended, for some of its countries and lines?
    #[must_use]
    pub fn concerns(&self, licence: &Licence) -> bool {
        licence.valid.from.is_none_or(|granted| granted <= self.order.from)
            && (self.kinds.is_empty() || self.kinds.contains(&licence.kind))
            && (self.holders.is_empty() || self.holders.contains(&licence.holder))
            && (self.order.numbers.is_empty()
                || self.order.numbers.iter().any(|number| **number == *licence.number))
            && self.countries.as_ref().is_none_or(|countries| countries.meets(&licence.destinations))
    }

    /// Does it hit a registration for a general authorisation, for an export of these goods to this country on this day?
    /// Only one that names general authorisations: by kind, or by name in the place of a number.
    pub(super) fn hits_general<'a>(
        &self,
        registered: &Registered,
        country: Country,
        goods: impl Iterator<Item = &'a ControlCode>,
        day: Date,
    ) -> bool {
        let registration = &registered.registration;
        let is_named = if self.order.numbers.is_empty() {
            self.kinds.contains(&registration.kind())
        } else {
            self.order.numbers.contains(&registration.authorisation)
        };
        let mut goods = goods;
        is_named
            && self.holds.contains(day)
            && (self.kinds.is_empty() || self.kinds.contains(&registration.kind()))
            && registration.from <= self.order.from
            && (self.holders.is_empty() || self.holders.contains(&registered.holder))
            && self.countries.as_ref().is_none_or(|countries| countries.contains(country))
            && (self.codes.is_empty()
                || goods.any(|goods| self.codes.iter().any(|code| code.covers(goods) || goods.covers(code))))
    }

    /// A line that is wider than the code is hit as a whole: what of it is meant cannot be told.
    #[must_use]
    pub fn concerns_line(&self, line: &LicenceLine) -> bool {
        let of_line = |code: &ControlCode| match &line.goods {
            LicensedGoods::Code(licensed) => code.covers(licensed) || licensed.covers(code),
            LicensedGoods::NotListed | LicensedGoods::Nothing => false,
        };
        self.codes.is_empty() || self.codes.iter().any(of_line)
    }

    /// In words, for whoever wonders why a licence is not used.
    #[must_use]
    pub fn why(&self) -> String {
        format!("it is suspended since {} (entry {} of the log)", self.order.from, self.sequence)
    }
}

/// Every order says why, in a text that has an end.
pub(super) fn check_reason(reason: &str, violations: &mut Violations) {
    if reason.trim().is_empty() || reason.len() > TEXT_BYTES_MAX {
        violations.add("reason", "REQUIRED", format!("must say why, in 1 to {TEXT_BYTES_MAX} bytes"));
    }
}
