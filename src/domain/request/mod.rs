//! A request as text, in the shape of the worked cases, and its parsing into a [`ProposedExport`].
//!
//! Case files, `slagboom check` and the wire all become this shape first, so there is one parser and one set of
//! messages. Every bad field is reported, not the first.

mod allocation;
mod parse;
mod read;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::export::ProposedExport;
use super::vocabulary::Vocabulary;
use parse::Parser;
use read::line_number;
pub use read::null_is_absent;

/// Most goods lines in one export.
pub const LINES_MAX: usize = 1_000;
/// Most parties beside exporter, consignee and end user.
pub const PARTIES_MAX: usize = 50;
/// Highest line number.
pub const LINE_NUMBER_MAX: u32 = u32::MAX - 1;
/// Longest name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 512;
/// Longest description or address, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Longest short text (unit, reference, number), in bytes of UTF-8.
pub const SHORT_BYTES_MAX: usize = 128;
/// Longest `request_id`, in printable ASCII characters.
pub const REQUEST_ID_MAX: usize = 128;
/// Most annex items on a line, claims, licences offered or transit countries in an export.
pub const ITEMS_MAX: usize = 64;

/// Most licences that a goods line is split over.
pub const ALLOCATIONS_MAX: usize = 16;
/// Longest time for which a reservation is kept, days.
pub const RESERVATION_DAYS_MAX: u32 = 366;

/// A request as text. Nothing is checked yet, and a field that is `null` is one that is left out.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// The caller's key for a retry; required when the check is recorded.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Ask only: record nothing, reserve nothing.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub dry_run: bool,
    /// Civil day, `2022-02-26`. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub export_date: String,
    /// RFC 3339 instant; only rules and lists recorded by then are used.
    #[serde(default)]
    pub known_at: Option<String>,
    /// What is being done; the rulebook's first activity when left out.
    #[serde(default)]
    pub activity: Option<String>,
    /// Who sends the goods. Required.
    #[serde(default)]
    pub exporter: Option<RawParty>,
    /// Goods lines. At least one.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub goods: Vec<RawGoods>,
    /// Who receives the goods. Required.
    #[serde(default)]
    pub consignee: Option<RawParty>,
    /// Who uses the goods. Required.
    #[serde(default)]
    pub end_user: Option<RawParty>,
    /// Everybody else.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub parties: Vec<RawParty>,
    /// What the goods will be used for; left out or `unknown`: not known.
    #[serde(default)]
    pub end_use: Option<String>,
    /// Where the goods will be used; left out: at the destination.
    #[serde(default)]
    pub end_use_country: Option<String>,
    /// Region of use.
    #[serde(default)]
    pub end_use_region: Option<String>,
    /// Where the goods go. Required.
    #[serde(default)]
    pub destination: Option<RawPlace>,
    /// When the contract was concluded, a civil day.
    #[serde(default)]
    pub contract_date: Option<String>,
    /// Claims of exemptions and of conditions of general authorisations.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub exemption_claims: Vec<String>,
    /// What the exporter was told or knows.
    #[serde(default)]
    pub knowledge: Option<RawKnowledge>,
    /// Licence numbers that the exporter wants to use.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub licences_offered: Vec<String>,
    /// Countries on the way.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub transit_countries: Vec<String>,
    /// The caller's document.
    #[serde(default)]
    pub document_reference: Option<String>,
    /// Decision that this request supersedes.
    #[serde(default)]
    pub supersedes: Option<String>,
    /// Decision whose reservation this delivery takes over, as far as it goes.
    #[serde(default)]
    pub follows: Option<String>,
    /// Days for which what is reserved is kept, after the export date or the answer; left out or 0: the usual time.
    #[serde(default)]
    pub reservation_days: Option<u32>,
}

/// A party as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawParty {
    /// For `parties`: `buyer`, `intermediate_consignee`, `forwarder`, `broker` or `bank`.
    #[serde(default)]
    pub role: Option<String>,
    /// Name. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub name: String,
    /// ISO 3166-1 alpha-2 code. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub country: String,
    /// ISO 3166-2 code.
    #[serde(default)]
    pub region: Option<String>,
    /// For the end user: what kind of body it is.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// A place as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawPlace {
    /// ISO 3166-1 alpha-2 code. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub country: String,
    /// ISO 3166-2 code.
    #[serde(default)]
    pub region: Option<String>,
    /// `government`, `non_government` or `unknown`.
    #[serde(default)]
    pub area_control: Option<String>,
    /// Free text; may show that the region is not what the country says.
    #[serde(default)]
    pub address: Option<String>,
}

/// Goods as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawGoods {
    /// Line number; the position, from 1, when 0 or left out.
    #[serde(default, deserialize_with = "line_number")]
    pub line: u32,
    /// Control code as typed; left out: not classified; `NOT_LISTED`: classified, on no list.
    #[serde(default)]
    pub code: Option<String>,
    /// Customs code.
    #[serde(default)]
    pub cn: Option<String>,
    /// Annexes that the goods are in. Left out: not stated. Empty: in none.
    #[serde(default)]
    pub annex_items: Option<Vec<String>>,
    /// How much. Required, more than zero.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub quantity: String,
    /// In which unit. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub unit: String,
    /// Value of the whole line. Required; zero is possible.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub value: String,
    /// ISO 4217 code. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub currency: String,
    /// Free text; decides nothing.
    #[serde(default)]
    pub description: Option<String>,
    /// Who classified the goods; decides nothing.
    #[serde(default)]
    pub classified_by: Option<String>,
    /// When, a civil day; decides nothing.
    #[serde(default)]
    pub classified_on: Option<String>,
    /// What is drawn on which licence. Left out: the daemon chooses.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub allocations: Vec<RawAllocation>,
}

/// A part of a goods line that is to be drawn on a licence, as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawAllocation {
    /// Number of the licence. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub licence: String,
    /// Its line; the one that fits when 0 or left out.
    #[serde(default, deserialize_with = "line_number")]
    pub licence_line: u32,
    /// How much. Required, more than zero.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub quantity: String,
    /// Value, in the currency of the goods. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub value: String,
}

/// Knowledge as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawKnowledge {
    /// How. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub level: String,
    /// Of what. Required.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub about: String,
}

/// A field that cannot be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldViolation {
    /// Path as the caller wrote it, such as `goods[1].code`; positions count from 0.
    pub field: String,
    /// A stable word for programs, such as `REQUIRED`.
    pub reason: &'static str,
    /// What is wrong and what would be right.
    pub description: String,
}

impl RawRequest {
    /// Parses the request under a vocabulary.
    ///
    /// # Errors
    /// Every field that cannot be.
    pub fn parse(&self, vocabulary: &Vocabulary) -> Result<ProposedExport, Vec<FieldViolation>> {
        Parser::read(vocabulary, self)
    }
}

/// Fields that cannot be, collected so that all of them are named at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Says what is wrong with a field. Its path is put together here, and so only for what is wrong.
    pub fn add(&mut self, field: impl Display, reason: &'static str, description: impl Into<String>) {
        self.0.push(FieldViolation { field: field.to_string(), reason, description: description.into() });
    }

    /// A short text that must be there.
    pub fn require(&mut self, field: &str, text: &str, bytes_max: usize) {
        if text.trim().is_empty() || text.len() > bytes_max || text.chars().any(char::is_control) {
            let why = format!("is not 1 to {bytes_max} bytes without control characters");
            self.add(field, "REQUIRED", why);
        }
    }

    /// How many there are so far.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// What was read, where nothing is wrong.
    ///
    /// # Errors
    /// Every field that cannot be.
    pub fn or<T>(self, read: T) -> Result<T, Vec<FieldViolation>> {
        if self.0.is_empty() { Ok(read) } else { Err(self.0) }
    }

    /// The same for a reader that gives up on a field; whoever gives up has said why.
    ///
    /// # Errors
    /// Every field that cannot be.
    pub fn or_given_up<T>(self, read: Option<T>) -> Result<T, Vec<FieldViolation>> {
        match read {
            Some(read) => self.or(read),
            None => Err(self.0),
        }
    }
}

impl Extend<FieldViolation> for Violations {
    fn extend<I: IntoIterator<Item = FieldViolation>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

/// Is this text, which is not empty, the id of a request?
#[must_use]
pub fn is_request_id(text: &str) -> bool {
    text.len() <= REQUEST_ID_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong, in a line: how many fields, and the first three of them.
#[must_use]
pub fn told(violations: &[FieldViolation]) -> String {
    const SHOWN: usize = 3;
    const DESCRIPTION_SHOWN: usize = 120;
    let mut text =
        format!("{} bad {}", violations.len(), if violations.len() == 1 { "field" } else { "fields" });
    for (at, violation) in violations.iter().take(SHOWN).enumerate() {
        text.push_str(if at == 0 { ": " } else { "; " });
        text.push_str(&violation.field);
        text.push_str(": ");
        text.extend(violation.description.chars().take(DESCRIPTION_SHOWN));
    }
    if violations.len() > SHOWN {
        text.push_str("; …");
    }
    text
}
