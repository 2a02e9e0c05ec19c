//! What recorded decisions can be found by: the terms of a record, and filters.
//!
//! Terms are hashes in the store's index and only narrow a search; a filter then looks at the record itself. Terms
//! derive from the request as it was sent and from the decision, not from any rulebook, so that the index can be built
//! anew from records alone.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use crate::{
    domain::{
        code::{Classification, CodeScope, Relation},
        name,
        outcome::Outcome,
        request::{FieldViolation, NAME_BYTES_MAX, RawGoods, RawRequest, SHORT_BYTES_MAX},
    },
    ledger::Entry,
    store::Term,
};

/// Most rules of one decision by which it can be found; a decision that fires more is found by the first of them.
pub const RULE_TERMS_MAX: usize = 2_000;

/// The dimensions of the index. The words are part of what is stored: another word is another index.
mod dimension {
    pub const EXPORTER: &str = "exporter";
    pub const PARTY: &str = "party";
    pub const DESTINATION: &str = "destination";
    pub const CODE: &str = "code";
    pub const OUTCOME: &str = "outcome";
    pub const RULE: &str = "rule";
    pub const LICENCE: &str = "licence";
    pub const INCIDENT: &str = "incident";
    pub const OF_DECISION: &str = "of-decision";
}

/// The code under which goods are found that were classified and are on no list.
const NOT_LISTED: &str = "NOT_LISTED";

/// What a search asks for, as text; everything that is set must hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RawFilter {
    /// Name of the exporter, compared as names on lists are.
    pub exporter: String,
    /// Name of any other party.
    pub party: String,
    /// Country or region of destination.
    pub destination: String,
    /// A control code and everything under it, a category (`5`), a group (`5A`), a range of entries
    /// (`1C350..1C354`), or `NOT_LISTED`.
    pub eccn: String,
    /// Outcome of the export.
    pub outcome: Option<Outcome>,
    /// A rule among the findings.
    pub rule: String,
    /// Recorded at or after, Unix milliseconds.
    pub from_ms: Option<i64>,
    /// Recorded before, Unix milliseconds.
    pub until_ms: Option<i64>,
}

/// A filter that holds together.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    exporter: Option<Box<str>>,
    party: Option<Box<str>>,
    destination: Option<Box<str>>,
    code: Option<CodeFilter>,
    outcome: Option<Outcome>,
    rule: Option<Box<str>>,
    /// Recorded at or after, Unix milliseconds.
    pub from_ms: Option<i64>,
    /// Recorded before, Unix milliseconds.
    pub until_ms: Option<i64>,
}

#[derive(Clone, Debug)]
enum CodeFilter {
    NotListed,
    Scope(CodeScope),
}

/// What a filter looks at in a record.
#[derive(Clone, Copy, Debug)]
pub struct Findable<'a> {
    /// The request.
    pub request: &'a RawRequest,
    /// The outcome of the export.
    pub outcome: Outcome,
    /// Ids of the rules that fired.
    pub rules: &'a BTreeSet<&'a str>,
}

impl Findable<'_> {
    /// The terms of the record.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = request_terms(self.request);
        terms.extend(decision_terms(self.outcome, self.rules));
        terms
    }
}

/// What entries about a licence are found by.
pub(super) fn licence_term(number: &str) -> Term {
    Term::of(dimension::LICENCE, number)
}

/// What incidents are found by, and shipments that an officer must look at.
pub(super) fn incident_term() -> Term {
    Term::of(dimension::INCIDENT, "")
}

/// What entries about the reservation of a decision are found by.
pub(super) fn decision_term(sequence: u64) -> Term {
    Term::of(dimension::OF_DECISION, &sequence.to_string())
}

/// The terms that a request gives, each once.
pub(super) fn request_terms(request: &RawRequest) -> Vec<Term> {
    let mut terms = Vec::with_capacity(16);
    terms.extend(exporter(request).map(|name| Term::of(dimension::EXPORTER, &name)));
    terms.extend(parties(request).map(|name| Term::of(dimension::PARTY, &name)));
    terms.extend(destinations(request).map(|place| Term::of(dimension::DESTINATION, place)));
    for goods in &request.goods {
        match Classification::parse(goods.code.as_deref()) {
            Ok(Classification::Code(code)) => {
                let entry = code.entry();
                let indexed = [entry].into_iter().chain(branches(entry));
                terms.extend(indexed.map(|code| Term::of(dimension::CODE, code)));
            }
            Ok(Classification::NotListed) => terms.push(Term::of(dimension::CODE, NOT_LISTED)),
            _ => {}
        }
    }
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms that a decision gives, each once.
pub(super) fn decision_terms<'a>(
    outcome: Outcome,
    rules: &'a BTreeSet<&str>,
) -> impl Iterator<Item = Term> + 'a {
    let outcome = Term::of(dimension::OUTCOME, outcome.as_str());
    [outcome].into_iter().chain(rules.iter().take(RULE_TERMS_MAX).map(|rule| Term::of(dimension::RULE, rule)))
}

impl RawFilter {
    /// Reads the filter.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] with every bad field.
    pub fn parse(&self) -> Result<Filter, Refusal> {
        let mut violations = Vec::new();
        let mut fail = |field: &str, reason, description: String| {
            violations.push(FieldViolation { field: field.to_owned(), reason, description });
        };
        let exporter = name_filter("exporter", &self.exporter, &mut fail);
        let party = name_filter("party", &self.party, &mut fail);
        let destination = present(&self.destination).and_then(|text| {
            let valid =
                (2..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            if !valid {
                fail(
                    "destination",
                    "DESTINATION",
                    "a country such as `RU`, or a region such as `UA-43`".to_owned(),
                );
            }
            valid.then(|| text.to_ascii_uppercase().into_boxed_str())
        });
        let code = present(&self.eccn).and_then(|text| match text {
            NOT_LISTED => Some(CodeFilter::NotListed),
            text => match text.parse::<CodeScope>() {
                Ok(scope) => Some(CodeFilter::Scope(scope)),
                Err(error) => {
                    fail("eccn", "CODE", error.to_string());
                    None
                }
            },
        });
        let rule = present(&self.rule).and_then(|text| {
            if text.len() > SHORT_BYTES_MAX {
                fail("rule", "TOO_LONG", format!("{} bytes are more than {SHORT_BYTES_MAX}", text.len()));
            }
            (text.len() <= SHORT_BYTES_MAX).then(|| text.into())
        });
        if let (Some(from), Some(until)) = (self.from_ms, self.until_ms)
            && until < from
        {
            fail("recorded_until", "ORDER", "it is before `recorded_from`".to_owned());
        }
        if !violations.is_empty() {
            return Err(Refusal::InvalidRequest(violations));
        }
        let (outcome, from_ms, until_ms) = (self.outcome, self.from_ms, self.until_ms);
        Ok(Filter { exporter, party, destination, code, outcome, rule, from_ms, until_ms })
    }

    /// A seal over all fields, so that a page token of one filter is refused under another.
    #[must_use]
    pub fn seal(&self) -> [u8; 8] {
        let Self { exporter, party, destination, eccn, outcome, rule, from_ms, until_ms } = self;
        let mut hash = Sha256::new_with_prefix(b"slagboom list filter v1");
        for text in [exporter, party, destination, eccn, rule] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update([outcome.map_or(0, Outcome::code)]);
        for instant in [from_ms, until_ms] {
            hash.update([u8::from(instant.is_some())]);
            hash.update(instant.unwrap_or_default().to_be_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    }
}

impl Filter {
    /// The terms that every record has which the filter takes.
    #[must_use]
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        terms.extend(self.exporter.as_deref().map(|name| Term::of(dimension::EXPORTER, name)));
        terms.extend(self.party.as_deref().map(|name| Term::of(dimension::PARTY, name)));
        terms.extend(self.destination.as_deref().map(|place| Term::of(dimension::DESTINATION, place)));
        terms.extend(self.code.as_ref().map(|code| Term::of(dimension::CODE, code.indexed())));
        terms.extend(self.outcome.map(|outcome| Term::of(dimension::OUTCOME, outcome.as_str())));
        terms.extend(self.rule.as_deref().map(|rule| Term::of(dimension::RULE, rule)));
        terms
    }

    /// Does the filter take a record of which the entry is left and nothing else? Not where it asks for what only
    /// the body knew.
    #[must_use]
    pub fn takes_erased(&self, entry: &Entry) -> bool {
        let outcome = Outcome::from_code(entry.outcome);
        !self.looks_at_request()
            && !self.looks_at_rules()
            && outcome.is_some_and(|outcome| self.takes_entry(outcome, entry.time_ms))
    }

    /// Does the filter take this record, made at `time_ms`?
    #[must_use]
    pub fn takes(&self, record: &Findable<'_>, time_ms: i64) -> bool {
        self.takes_entry(record.outcome, time_ms)
            && self.takes_rules(record.rules)
            && self.takes_request(record.request)
    }

    /// Does it take what the entry alone says?
    #[must_use]
    pub fn takes_entry(&self, outcome: Outcome, time_ms: i64) -> bool {
        self.from_ms.is_none_or(|from| time_ms >= from)
            && self.until_ms.is_none_or(|until| time_ms < until)
            && self.outcome.is_none_or(|asked| asked == outcome)
    }

    /// Does it look at the rules that fired?
    #[must_use]
    pub const fn looks_at_rules(&self) -> bool {
        self.rule.is_some()
    }

    /// Does it take a decision with these rules?
    #[must_use]
    pub fn takes_rules(&self, rules: &BTreeSet<&str>) -> bool {
        self.rule.as_deref().is_none_or(|rule| rules.contains(rule))
    }

    /// Does it look at the request?
    #[must_use]
    pub const fn looks_at_request(&self) -> bool {
        self.exporter.is_some() || self.party.is_some() || self.destination.is_some() || self.code.is_some()
    }

    /// Does it take this request?
    #[must_use]
    pub fn takes_request(&self, request: &RawRequest) -> bool {
        let code_of = |goods: &RawGoods| Classification::parse(goods.code.as_deref()).ok();
        self.exporter.as_ref().is_none_or(|name| exporter(request).as_ref() == Some(name))
            && self.party.as_ref().is_none_or(|name| parties(request).any(|party| party == *name))
            && self
                .destination
                .as_deref()
                .is_none_or(|place| destinations(request).any(|there| there == place))
            && self
                .code
                .as_ref()
                .is_none_or(|code| request.goods.iter().any(|goods| code.takes(code_of(goods).as_ref())))
    }
}

impl CodeFilter {
    /// What of it is in the index: entries and branches, no sub-items.
    fn indexed(&self) -> &str {
        match self {
            Self::NotListed => NOT_LISTED,
            Self::Scope(CodeScope::Branch(branch)) => branch,
            Self::Scope(CodeScope::Code(code)) => code.entry(),
            Self::Scope(CodeScope::Entries { group, .. }) => group,
        }
    }

    fn takes(&self, classification: Option<&Classification>) -> bool {
        match (self, classification) {
            (Self::NotListed, Some(Classification::NotListed)) => true,
            (Self::Scope(scope), Some(Classification::Code(code))) => {
                scope.relation(code) == Relation::Covers
            }
            _ => false,
        }
    }
}

/// `5A002` is under `5` and `5A`, `ML8` under `ML`.
fn branches(entry: &str) -> impl Iterator<Item = &str> {
    let military = entry.starts_with("ML");
    let lengths: &[usize] = if military { &[2] } else { &[1, 2] };
    lengths.iter().filter_map(move |length| entry.get(..*length))
}

pub(super) fn exporter(request: &RawRequest) -> Option<Box<str>> {
    request.exporter.as_ref().map(|party| name::normalise(&party.name))
}

fn parties(request: &RawRequest) -> impl Iterator<Item = Box<str>> {
    let named = request.consignee.iter().chain(&request.end_user);
    named.chain(&request.parties).map(|party| name::normalise(&party.name))
}

/// The country as written, the region, and the country that the region's code begins with.
fn destinations(request: &RawRequest) -> impl Iterator<Item = &str> {
    request.destination.iter().flat_map(|place| {
        let region = place.region.as_deref().filter(|region| !region.is_empty());
        let prefix = region.and_then(|region| region.split_once('-')).map(|(country, _)| country);
        [Some(place.country.as_str()), region, prefix].into_iter().flatten()
    })
}

fn name_filter(
    field: &str,
    text: &str,
    fail: &mut impl FnMut(&str, &'static str, String),
) -> Option<Box<str>> {
    let text = present(text)?;
    if text.len() > NAME_BYTES_MAX {
        fail(field, "TOO_LONG", format!("{} bytes are more than {NAME_BYTES_MAX}", text.len()));
        return None;
    }
    let normal = name::normalise(text);
    if normal.is_empty() {
        fail(field, "NAME", "a name with at least one letter or digit".to_owned());
    }
    Some(normal).filter(|name| !name.is_empty())
}

fn present(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}
