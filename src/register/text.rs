//! A licence as text, and its parsing.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::code::Classification;
use crate::domain::country::Country;
use crate::domain::licence::{Licence, LicenceKind, LicenceLine, LicenceStatus, LicensedGoods};
use crate::domain::money::{Currency, parse_decimal};
use crate::domain::name;
use crate::domain::period::{Period, parse_date};
use crate::domain::request::{
    FieldViolation, ITEMS_MAX, NAME_BYTES_MAX, SHORT_BYTES_MAX, TEXT_BYTES_MAX, Violations,
};

/// Most goods lines of a licence.
pub const LINES_MAX: usize = 1_000;

/// A licence as the authority wrote it. Nothing is checked yet.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceText {
    /// Number. Required, at most 128 bytes.
    #[serde(default)]
    pub number: String,
    /// `individual`, `global`, `project`, `military`, `transfer` or `sanctions`. Required.
    #[serde(default)]
    pub kind: String,
    /// Name of the holder, compared as names on lists are. Required.
    #[serde(default)]
    pub holder: String,
    /// The authority that granted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The day on which it was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<String>,
    /// First day; left out: open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Last day; left out: open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Countries of final destination. At least one.
    #[serde(default)]
    pub destinations: Vec<String>,
    /// End users; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_users: Option<Vec<String>>,
    /// Consignees; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consignees: Option<Vec<String>>,
    /// The use for which it was granted, in words; it decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_use: Option<String>,
    /// Conditions, in words; they decide nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Goods lines. At least one.
    #[serde(default)]
    pub lines: Vec<LineText>,
}

/// A goods line of a licence as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LineText {
    /// Line number; the position, from 1, when 0 or left out.
    #[serde(default)]
    pub line: u32,
    /// Control code, covering what is below it; `NOT_LISTED` for goods on no control list. Required.
    #[serde(default)]
    pub code: String,
    /// The version of the list that the code is of, as the authority wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_version: Option<String>,
    /// The goods, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Most that may leave; left out: no cap on the quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<String>,
    /// Unit of the quantity, compared to the letter. Required with a quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Most value that may leave; left out: no cap on the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Currency of the value; `EUR` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

impl LicenceText {
    /// Reads the licence, with nothing drawn.
    ///
    /// # Errors
    /// Every field that cannot be, by its path.
    pub fn parse(&self) -> Result<Licence, Vec<FieldViolation>> {
        let mut parser = Parser { violations: Violations::default() };
        let licence = parser.licence(self);
        parser.violations.or_given_up(licence)
    }
}

struct Parser {
    violations: Violations,
}

impl Parser {
    fn fail(&mut self, field: impl Into<String>, reason: &'static str, description: impl Into<String>) {
        self.violations.add(field.into(), reason, description);
    }

    fn text<'a>(&mut self, field: &str, text: &'a str, max: usize) -> &'a str {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            self.fail(field, "REQUIRED", "must be there");
        } else if text.len() > max {
            self.fail(field, "TOO_LONG", format!("has {} bytes, and at most {max} are read", text.len()));
        } else if text.chars().any(char::is_control) {
            self.fail(field, "CONTROL_CHARACTER", "holds a control character");
        }
        trimmed
    }

    fn date(&mut self, field: &str, text: Option<&str>) -> Option<Date> {
        parse_date(text?.trim()).map_err(|fault| self.fail(field, "DATE", fault.to_string())).ok()
    }

    fn names(&mut self, field: &str, names: Option<&Vec<String>>) -> Option<Vec<Box<str>>> {
        let names = names?;
        if names.is_empty() || names.len() > LINES_MAX {
            self.fail(
                field,
                "COUNT",
                format!("has {} names: leave it out for any, or name 1 to {LINES_MAX}", names.len()),
            );
        }
        let read = names.iter().enumerate().map(|(at, name)| {
            self.text(&format!("{field}[{at}]"), name, NAME_BYTES_MAX);
            name::normalise(name)
        });
        Some(read.collect())
    }

    fn licence(&mut self, text: &LicenceText) -> Option<Licence> {
        let number = self.text("number", &text.number, SHORT_BYTES_MAX).into();
        let kind = LicenceKind::parse(text.kind.trim());
        if kind.is_none() {
            let known: Vec<&str> =
                LicenceKind::ALL.iter().filter(|kind| !kind.is_general()).map(|kind| kind.as_str()).collect();
            let why = format!("`{}` is none of {}", clipped(&text.kind), known.join(", "));
            self.fail("kind", "UNKNOWN", why);
        } else if kind.is_some_and(LicenceKind::is_general) {
            self.fail(
                "kind",
                "GENERAL",
                "a general authorisation is registered for, and not recorded as a licence",
            );
        }
        let holder = name::normalise(self.text("holder", &text.holder, NAME_BYTES_MAX));
        if holder.is_empty() && !text.holder.trim().is_empty() {
            self.fail("holder", "NAME", "holds no letter and no digit");
        }
        for (field, free) in [("authority", &text.authority), ("end_use", &text.end_use)] {
            if let Some(free) = free {
                self.text(field, free, TEXT_BYTES_MAX);
            }
        }
        for (at, condition) in text.conditions.iter().enumerate() {
            self.text(&format!("conditions[{at}]"), condition, TEXT_BYTES_MAX);
        }
        let issued = self.date("issued", text.issued.as_deref());
        let valid = Period {
            from: self.date("valid_from", text.valid_from.as_deref()),
            until: self.date("valid_until", text.valid_until.as_deref()),
        };
        if let Period { from: Some(from), until: Some(until) } = valid
            && until < from
        {
            self.fail("valid_until", "ORDER", format!("{until} lies before {from}"));
        }
        if let (Some(issued), Some(until)) = (issued, valid.until)
            && until < issued
        {
            self.fail("issued", "ORDER", format!("{issued} lies after {until}"));
        }
        let mut destinations = Vec::new();
        for (at, country) in text.destinations.iter().enumerate() {
            match country.trim().parse::<Country>() {
                Ok(country) => destinations.push(country),
                Err(fault) => self.fail(format!("destinations[{at}]"), "COUNTRY", fault.to_string()),
            }
        }
        if text.destinations.is_empty() {
            self.fail("destinations", "REQUIRED", "names no country of final destination");
        }
        let end_users = self.names("end_users", text.end_users.as_ref());
        let consignees = self.names("consignees", text.consignees.as_ref());
        if text.lines.is_empty() || text.lines.len() > LINES_MAX {
            self.fail(
                "lines",
                "COUNT",
                format!("has {} lines, and must have 1 to {LINES_MAX}", text.lines.len()),
            );
        }
        if text.conditions.len() > ITEMS_MAX {
            self.fail("conditions", "COUNT", format!("has more than {ITEMS_MAX} conditions"));
        }
        let mut lines: Vec<LicenceLine> = Vec::with_capacity(text.lines.len().min(LINES_MAX));
        for (at, line) in text.lines.iter().take(LINES_MAX).enumerate() {
            let path = format!("lines[{at}]");
            let Some(line) = self.line(&path, at, line) else { continue };
            if lines.iter().any(|other| other.line == line.line) {
                self.fail(
                    format!("{path}.line"),
                    "DUPLICATE",
                    format!("line {} stands there twice", line.line),
                );
            }
            lines.push(line);
        }
        Some(Licence {
            number,
            kind: kind?,
            holder,
            status: LicenceStatus::Active,
            valid,
            destinations: destinations.into_iter().collect(),
            end_users,
            consignees,
            lines,
        })
    }

    fn line(&mut self, path: &str, at: usize, text: &LineText) -> Option<LicenceLine> {
        let field = |name: &str| format!("{path}.{name}");
        let goods = match Classification::parse(Some(text.code.trim())) {
            Ok(Classification::Code(code)) => Some(LicensedGoods::Code(code)),
            Ok(Classification::NotListed) => Some(LicensedGoods::NotListed),
            _ => {
                let why = format!("`{}` is neither a control code nor NOT_LISTED", clipped(&text.code));
                self.fail(field("code"), "CODE", why);
                None
            }
        };
        for (name, free) in [("list_version", &text.list_version), ("description", &text.description)] {
            if let Some(free) = free {
                self.text(&field(name), free, TEXT_BYTES_MAX);
            }
        }
        let cap_quantity = self.cap(&field("quantity"), text.quantity.as_deref());
        let unit = text.unit.as_deref().map(|unit| self.text(&field("unit"), unit, SHORT_BYTES_MAX));
        if cap_quantity.is_some() && unit.is_none() {
            self.fail(field("unit"), "REQUIRED", "a quantity needs its unit");
        }
        let cap_value = self.cap(&field("value"), text.value.as_deref());
        let currency = match text.currency.as_deref().map(str::trim) {
            None => Some(Currency::euro()),
            Some(currency) => {
                let read = currency.parse::<Currency>();
                read.map_err(|fault| self.fail(field("currency"), "CURRENCY", fault.to_string())).ok()
            }
        };
        if text.quantity.is_none() && text.value.is_none() {
            self.fail(field("value"), "REQUIRED", "the line caps neither quantity nor value");
        }
        let line = if text.line == 0 { u32::try_from(at + 1).unwrap_or(u32::MAX) } else { text.line };
        Some(LicenceLine {
            line,
            goods: goods?,
            unit: unit.unwrap_or_default().into(),
            cap_quantity,
            cap_value,
            currency: currency?,
            used_quantity: Decimal::ZERO,
            used_value: Decimal::ZERO,
            suspended: None,
        })
    }

    fn cap(&mut self, field: &str, text: Option<&str>) -> Option<Decimal> {
        parse_decimal(text?.trim()).map_err(|fault| self.fail(field, "AMOUNT", fault.to_string())).ok()
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}
