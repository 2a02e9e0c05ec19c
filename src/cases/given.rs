//! The state of the service before a case: licences, listed parties, rates, registrations, releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;

use crate::domain::code::Classification;
use crate::domain::country::Country;
use crate::domain::export::ProposedExport;
use crate::domain::licence::{
    Clearance, ExchangeRates, Licence, LicenceKind, LicenceLine, LicenceStatus, LicensedGoods, ListedParty,
    Standing,
};
use crate::domain::money::{Currency, parse_decimal, parse_rate};
use crate::domain::name;
use crate::domain::period::{Period, parse_date};
use crate::domain::request::{FieldViolation, Violations};
use crate::engine::{Decision, Known, Question, assess, settle};
use crate::rulebook::Rulebook;
use crate::rulebook::case::{GivenDoc, LicenceDoc, LicenceLineDoc};
use crate::screening;

/// What a case gives, parsed.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// Papers of the exporter.
    pub standing: Standing,
    /// Listed parties beside those of the rulebook.
    pub listed_parties: Vec<ListedParty>,
    /// When rules became known.
    pub recorded_at: BTreeMap<Box<str>, Timestamp>,
}

impl Given {
    /// The reading of worked cases: all law is known, but a rule that the case names only from its moment on.
    #[must_use]
    pub const fn known(&self, export: &ProposedExport) -> Known<'_> {
        Known::Always { at: export.known_at, recorded_at: &self.recorded_at }
    }

    /// Decides an export on what is given.
    #[must_use]
    pub fn decide(&self, book: &Rulebook, export: &ProposedExport, known: Known<'_>) -> Decision {
        let hits = screening::exact(book, export, &self.listed_parties);
        let question = Question { book, export, known, hits: &hits, rates: &self.standing.rates };
        settle(book, export, &self.standing, &assess(&question))
    }
}

/// Parses what a case gives.
///
/// # Errors
/// Every field that cannot be.
pub fn parse_given(doc: &GivenDoc) -> Result<Given, Vec<FieldViolation>> {
    let mut parser = Parser { violations: Violations::default() };
    let mut given = Given::default();
    for (at, licence) in doc.licences.iter().enumerate() {
        given.standing.licences.extend(parser.licence(&format!("given.licences[{at}]"), licence));
    }
    for (at, party) in doc.listed_parties.iter().enumerate() {
        let path = format!("given.listed_parties[{at}]");
        let listed = parser.period(
            &path,
            "listed_from",
            Some(&party.listed_from),
            "listed_until",
            party.listed_until.as_ref(),
        );
        given.listed_parties.push(ListedParty {
            name: party.name.as_str().into(),
            list: party.list.as_str().into(),
            listed,
        });
    }
    given.standing.registrations =
        doc.registered_general_authorisations.iter().map(|name| (name.as_str().into(), None)).collect();
    given.standing.rates = parser.rates(doc);
    for (at, clearance) in doc.clearances.iter().enumerate() {
        let path = format!("given.clearances[{at}]");
        let valid = parser.period(
            &path,
            "valid_from",
            clearance.valid_from.as_ref(),
            "valid_to",
            clearance.valid_to.as_ref(),
        );
        given.standing.clearances.push(Clearance {
            id: clearance.id.as_str().into(),
            findings: clearance.findings.iter().map(|id| id.as_str().into()).collect(),
            valid,
        });
    }
    for (rule, text) in &doc.rule_recorded_at {
        match text.parse() {
            Ok(at) => {
                given.recorded_at.insert(rule.as_str().into(), at);
            }
            Err(_) => parser.fail(
                format!("given.rule_recorded_at.{rule}"),
                format!("`{text}` is not an RFC 3339 instant"),
            ),
        }
    }
    parser.violations.or(given)
}

struct Parser {
    violations: Violations,
}

impl Parser {
    fn fail(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.violations.add(field.into(), "GIVEN", description);
    }

    fn date(&mut self, path: &str, name: &str, text: Option<&String>) -> Option<jiff::civil::Date> {
        let parsed = parse_date(text?);
        parsed.map_err(|error| self.fail(format!("{path}.{name}"), error.to_string())).ok()
    }

    fn period(
        &mut self,
        path: &str,
        from_name: &str,
        from: Option<&String>,
        until_name: &str,
        until: Option<&String>,
    ) -> Period {
        Period { from: self.date(path, from_name, from), until: self.date(path, until_name, until) }
    }

    fn word<T>(&mut self, path: &str, name: &str, text: &str, parsed: Option<T>) -> Option<T> {
        if parsed.is_none() {
            self.fail(format!("{path}.{name}"), format!("`{text}` is not known"));
        }
        parsed
    }

    fn licence(&mut self, path: &str, doc: &LicenceDoc) -> Option<Licence> {
        let kind = self.word(path, "kind", &doc.kind, LicenceKind::parse(&doc.kind));
        let status = self.word(path, "status", &doc.status, LicenceStatus::parse(&doc.status));
        let valid =
            self.period(path, "valid_from", doc.valid_from.as_ref(), "valid_to", doc.valid_to.as_ref());
        let destinations = doc.destinations.iter().enumerate();
        let destinations = destinations
            .filter_map(|(at, text)| {
                self.word(path, &format!("destinations[{at}]"), text, text.parse::<Country>().ok())
            })
            .collect();
        let names = |names: &Option<Vec<String>>| {
            names.as_ref().map(|names| names.iter().map(|name| name::normalise(name)).collect())
        };
        let lines = doc.lines.iter().enumerate();
        let lines =
            lines.filter_map(|(at, line)| self.licence_line(&format!("{path}.lines[{at}]"), line)).collect();
        Some(Licence {
            number: doc.number.as_str().into(),
            kind: kind?,
            holder: name::normalise(&doc.holder),
            status: status?,
            valid,
            destinations,
            end_users: names(&doc.end_users),
            consignees: names(&doc.consignees),
            lines,
        })
    }

    fn licence_line(&mut self, path: &str, doc: &LicenceLineDoc) -> Option<LicenceLine> {
        let goods = match Classification::parse(Some(&doc.code)) {
            Ok(Classification::Code(code)) => Some(LicensedGoods::Code(code)),
            Ok(Classification::NotListed) => Some(LicensedGoods::NotListed),
            _ => None,
        };
        let goods = self.word(path, "code", &doc.code, goods);
        let currency = self.word(path, "currency", &doc.currency, doc.currency.parse::<Currency>().ok());
        let cap_quantity = self.decimal(path, "cap_quantity", doc.cap_quantity.as_ref());
        let cap_value = self.decimal(path, "cap_value", doc.cap_value.as_ref());
        let mut used = |first: (&str, Option<&String>), second: (&str, Option<&String>)| {
            [first, second].into_iter().filter_map(|(name, text)| self.decimal(path, name, text)).sum()
        };
        let used_quantity: Decimal = used(
            ("confirmed_quantity", doc.confirmed_quantity.as_ref()),
            ("reserved_quantity", doc.reserved_quantity.as_ref()),
        );
        let used_value: Decimal = used(
            ("confirmed_value", doc.confirmed_value.as_ref()),
            ("reserved_value", doc.reserved_value.as_ref()),
        );
        Some(LicenceLine {
            line: doc.line,
            goods: goods?,
            unit: doc.unit.trim().into(),
            cap_quantity,
            cap_value,
            currency: currency?,
            used_quantity,
            used_value,
            suspended: None,
        })
    }

    fn decimal(&mut self, path: &str, name: &str, text: Option<&String>) -> Option<Decimal> {
        parse_decimal(text?).map_err(|error| self.fail(format!("{path}.{name}"), error.to_string())).ok()
    }

    fn rates(&mut self, doc: &GivenDoc) -> ExchangeRates {
        let mut rates = ExchangeRates::default();
        for (at, rate) in doc.exchange_rates.iter().enumerate() {
            let path = format!("given.exchange_rates[{at}]");
            let currency =
                self.word(&path, "currency", &rate.currency, rate.currency.parse::<Currency>().ok());
            let date = self.date(&path, "date", Some(&rate.date));
            let value = parse_rate(&rate.eur_per_unit);
            let value =
                value.map_err(|error| self.fail(format!("{path}.eur_per_unit"), error.to_string())).ok();
            if let (Some(currency), Some(date), Some(value)) = (currency, date, value) {
                rates.insert(currency, date, value);
            }
        }
        rates
    }
}
