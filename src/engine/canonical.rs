//! Decisions as bytes: the same decision is the same bytes on every machine.
//!
//! Layout: version 1, version 2 for a decision that changes the register of licences, and version 3 for one that takes
//! a reservation over. Integers are little-endian; `text` is a `u16` length and UTF-8; `list` is a `u16` count and its
//! items; `option` is a byte 0, or a byte 1 and the value; dates and decimals are texts. Rules stand by id, version and
//! copy (0: as known first; 1: with the end learnt later), words by their text, so that the bytes mean the same under
//! every order of a rulebook's files. No message text, decision id or time is in them.
//!
//! ```text
//! decision   = 1u8 rest | 2u8 effects rest | 3u8 takes:u64 effects rest
//! effects    = releases:option(u64) reserved_until:option(text) country:option(text) holds:list(hold)
//! hold       = goods_line:u32 licence:text licence_line:u32 quantity:text value:text currency:text
//! rest       = outcome:u8 basis:option(u8) lines:list(line) duties:list(text)
//!              valid_until:option(text) upcoming:option(date:text outcome:u8 rules:list(finder))
//! line       = line:u32 outcome:u8 basis:option(u8) findings:list(finding) allocations:list(allocation)
//!              considered:list(what:text why_not:text) warnings:list(text)
//! finding    = finder state:u8 effect:u8 flags:u8 outcome:option(u8) missing:u16 facts:list(field:text value:text)
//!              ground:option(kind:u8 text) duties:list(text)
//! finder     = 0u8 engine:u8 | 1u8 id:text version:u32 copy:u8
//! allocation = licence:text line:u32 quantity:text unit:text value:text currency:text rate:option(text)
//!              remaining_quantity:option(text) remaining_value:option(text)
//! ```

use thiserror::Error;

use super::decision::{
    Allocation, Considered, Decision, Effects, EngineFinding, Fact, Finder, Finding, Ground, LineDecision,
    Upcoming,
};
use super::effects::split_effects;
use super::tri::Missing;
use crate::domain::outcome::{Basis, Effect, FindingState, Outcome};
use crate::domain::period::parse_date;
use crate::domain::vocabulary::Word;
use crate::rulebook::{RuleIx, Rulebook};

/// Version of the layout of a decision that changes no register.
pub const VERSION: u8 = 1;
/// Version of the layout of one that does.
pub const VERSION_WITH_EFFECTS: u8 = 2;
/// Version of the layout of one that takes a reservation over.
pub const VERSION_TAKING_OVER: u8 = 3;

/// Why bytes are no decision under a rulebook.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CanonicalError {
    /// The bytes end early, go on, or hold what cannot be.
    #[error("these bytes are no decision of layout {VERSION}")]
    Bytes,
    /// They name a rule or word that the rulebook does not have.
    #[error("the decision names `{0}`, which its rulebook does not have")]
    Unknown(String),
}

/// The canonical bytes of a decision.
#[must_use]
pub fn encode(book: &Rulebook, decision: &Decision) -> Vec<u8> {
    let mut to = Writer { bytes: Vec::with_capacity(512), book };
    if decision.effects.is_none() {
        to.u8(VERSION);
    } else if let Some(takes) = decision.effects.takes {
        to.u8(VERSION_TAKING_OVER);
        to.bytes.extend_from_slice(&takes.to_le_bytes());
        to.effects(&decision.effects);
    } else {
        to.u8(VERSION_WITH_EFFECTS);
        to.effects(&decision.effects);
    }
    to.u8(decision.outcome.code());
    to.option(decision.basis, |to, basis| to.u8(basis.code()));
    to.list(&decision.lines, Writer::line);
    to.list(&decision.duties, |to, duty| to.text(book.vocabulary.duties.id(*duty)));
    to.option(decision.valid_until, |to, date| to.text(&date.to_string()));
    to.option(decision.upcoming.as_ref(), |to, upcoming| {
        to.text(&upcoming.date.to_string());
        to.u8(upcoming.outcome.code());
        to.list(&upcoming.rules, |to, finder| to.finder(*finder));
    });
    to.bytes
}

/// Reads canonical bytes under the rulebook that they were made with.
///
/// # Errors
/// [`CanonicalError`].
pub fn decode(book: &Rulebook, bytes: &[u8]) -> Result<Decision, CanonicalError> {
    let (effects, bytes) = split_effects(bytes).ok_or(CanonicalError::Bytes)?;
    let mut from = Reader { bytes, book };
    let decision = Decision {
        outcome: from.outcome()?,
        basis: from.option(Reader::basis)?,
        lines: from.list(Reader::line)?,
        duties: from.list(Reader::duty)?,
        valid_until: from.option(Reader::date)?,
        upcoming: from.option(|from| {
            Ok(Upcoming { date: from.date()?, outcome: from.outcome()?, rules: from.list(Reader::finder)? })
        })?,
        effects,
    };
    if from.bytes.is_empty() { Ok(decision) } else { Err(CanonicalError::Bytes) }
}

struct Writer<'a> {
    bytes: Vec<u8>,
    book: &'a Rulebook,
}

impl Writer<'_> {
    fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn u16(&mut self, number: usize) {
        // Texts and counts are bounded far below by the limits on requests; a longer text is cut, never wrapped.
        self.bytes.extend_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        let end = (0..=text.len().min(usize::from(u16::MAX)))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        self.u16(end);
        self.bytes.extend_from_slice(text.as_bytes().get(..end).unwrap_or_default());
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        let items = items.get(..items.len().min(usize::from(u16::MAX))).unwrap_or(items);
        self.u16(items.len());
        for item in items {
            write(self, item);
        }
    }

    fn finder(&mut self, finder: Finder) {
        match finder {
            Finder::Engine(finding) => {
                self.u8(0);
                self.u8(finding.code());
            }
            Finder::Rule(ix) => {
                self.u8(1);
                let book = self.book;
                let Some(rule) = book.rule(ix) else { return };
                self.text(&rule.id);
                self.u32(rule.version);
                // The copy with the later end stands right behind the first.
                let earlier = ix.0.checked_sub(1).and_then(|before| book.rule(RuleIx(before)));
                self.u8(u8::from(
                    earlier.is_some_and(|earlier| earlier.id == rule.id && earlier.version == rule.version),
                ));
            }
        }
    }

    fn effects(&mut self, effects: &Effects) {
        self.option(effects.releases, |to, sequence| to.bytes.extend_from_slice(&sequence.to_le_bytes()));
        self.option(effects.reserved_until, |to, date| to.text(&date.to_string()));
        self.option(effects.country, |to, country| to.text(country.code()));
        self.list(&effects.holds, |to, hold| {
            to.u32(hold.goods_line);
            to.text(&hold.licence);
            to.u32(hold.licence_line);
            to.text(&hold.quantity.to_string());
            to.text(&hold.value.to_string());
            to.text(hold.currency.code());
        });
    }

    fn line(&mut self, line: &LineDecision) {
        self.u32(line.line);
        self.u8(line.outcome.code());
        self.option(line.basis, |to, basis| to.u8(basis.code()));
        self.list(&line.findings, Self::finding);
        self.list(&line.allocations, Self::allocation);
        self.list(&line.considered, |to, considered| {
            to.text(&considered.what);
            to.text(&considered.why_not);
        });
        self.list(&line.warnings, |to, warning| to.text(warning));
    }

    fn finding(&mut self, finding: &Finding) {
        self.finder(finding.finder);
        self.u8(finding.state.code());
        self.u8(finding.effect.code());
        self.u8(u8::from(finding.soft) | u8::from(finding.answerable) << 1);
        self.option(finding.outcome, |to, outcome| to.u8(outcome.code()));
        self.u16(usize::from(finding.missing.0));
        self.list(&finding.facts, |to, fact| {
            to.text(fact.field);
            to.text(&fact.value);
        });
        self.option(finding.ground.as_ref(), |to, ground| {
            let (kind, text) = ground_parts(ground);
            to.u8(kind);
            to.text(text);
        });
        let words = &self.book.vocabulary.duties;
        self.list(&finding.duties, |to, duty| to.text(words.id(*duty)));
    }

    fn allocation(&mut self, allocation: &Allocation) {
        self.text(&allocation.licence);
        self.u32(allocation.licence_line);
        self.text(&allocation.quantity.to_string());
        self.text(&allocation.unit);
        self.text(&allocation.value.to_string());
        self.text(allocation.currency.code());
        for decimal in [allocation.rate, allocation.remaining_quantity, allocation.remaining_value] {
            self.option(decimal, |to, decimal| to.text(&decimal.to_string()));
        }
    }
}

fn ground_parts(ground: &Ground) -> (u8, &str) {
    match ground {
        Ground::Exemption(text) => (1, text),
        Ground::WindDown(text) => (2, text),
        Ground::Derogation(text) => (3, text),
        Ground::Licence(text) => (4, text),
        Ground::GeneralAuthorisation(text) => (5, text),
        Ground::Clearance(text) => (6, text),
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    book: &'a Rulebook,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CanonicalError> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(CanonicalError::Bytes)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, CanonicalError> {
        self.take(1)?.first().copied().ok_or(CanonicalError::Bytes)
    }

    fn u16(&mut self) -> Result<u16, CanonicalError> {
        self.take(2)?.try_into().map(u16::from_le_bytes).map_err(|_| CanonicalError::Bytes)
    }

    fn u32(&mut self) -> Result<u32, CanonicalError> {
        self.take(4)?.try_into().map(u32::from_le_bytes).map_err(|_| CanonicalError::Bytes)
    }

    fn text(&mut self) -> Result<&'a str, CanonicalError> {
        let length = usize::from(self.u16()?);
        std::str::from_utf8(self.take(length)?).map_err(|_| CanonicalError::Bytes)
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CanonicalError>,
    ) -> Result<Option<T>, CanonicalError> {
        match self.u8()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(CanonicalError::Bytes),
        }
    }

    fn list<T, C: FromIterator<T>>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, CanonicalError>,
    ) -> Result<C, CanonicalError> {
        let count = self.u16()?;
        (0..count).map(|_| read(self)).collect()
    }

    fn code<T>(&mut self, read: impl FnOnce(u8) -> Option<T>) -> Result<T, CanonicalError> {
        read(self.u8()?).ok_or(CanonicalError::Bytes)
    }

    fn outcome(&mut self) -> Result<Outcome, CanonicalError> {
        self.code(Outcome::from_code)
    }

    fn basis(&mut self) -> Result<Basis, CanonicalError> {
        self.code(Basis::from_code)
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Result<T, CanonicalError> {
        self.text()?.parse().map_err(|_| CanonicalError::Bytes)
    }

    fn date(&mut self) -> Result<jiff::civil::Date, CanonicalError> {
        parse_date(self.text()?).map_err(|_| CanonicalError::Bytes)
    }

    fn duty(&mut self) -> Result<Word, CanonicalError> {
        let text = self.text()?;
        self.book.vocabulary.duties.find(text).ok_or_else(|| CanonicalError::Unknown(text.to_owned()))
    }

    fn finder(&mut self) -> Result<Finder, CanonicalError> {
        if self.u8()? == 0 {
            let code = self.u8()?;
            let found = EngineFinding::ALL.into_iter().find(|finding| finding.code() == code);
            return found.map(Finder::Engine).ok_or(CanonicalError::Bytes);
        }
        let (id, version, copy) = (self.text()?, self.u32()?, self.u8()?);
        let mut copies =
            self.book.rules.iter().enumerate().filter(|(_, rule)| *rule.id == *id && rule.version == version);
        let found = copies.nth(usize::from(copy)).and_then(|(at, _)| u32::try_from(at).ok());
        found.map(|at| Finder::Rule(RuleIx(at))).ok_or_else(|| CanonicalError::Unknown(id.to_owned()))
    }

    fn line(&mut self) -> Result<LineDecision, CanonicalError> {
        Ok(LineDecision {
            line: self.u32()?,
            outcome: self.outcome()?,
            basis: self.option(Self::basis)?,
            findings: self.list(Self::finding)?,
            allocations: self.list(Self::allocation)?,
            considered: self
                .list(|from| Ok(Considered { what: from.text()?.into(), why_not: from.text()?.into() }))?,
            warnings: self.list(|from| Ok(from.text()?.into()))?,
        })
    }

    fn finding(&mut self) -> Result<Finding, CanonicalError> {
        let finder = self.finder()?;
        let state = self.code(FindingState::from_code)?;
        let effect = self.code(Effect::from_code)?;
        let flags = self.u8()?;
        Ok(Finding {
            finder,
            state,
            effect,
            soft: flags & 1 != 0,
            answerable: flags & 2 != 0,
            outcome: self.option(Self::outcome)?,
            missing: Missing(self.u16()?),
            facts: self.list(|from| Ok(Fact { field: field(from.text()?)?, value: from.text()?.into() }))?,
            ground: self.option(Self::ground)?,
            duties: self.list(Self::duty)?,
        })
    }

    fn ground(&mut self) -> Result<Ground, CanonicalError> {
        let kind = self.u8()?;
        let text: Box<str> = self.text()?.into();
        match kind {
            1 => Ok(Ground::Exemption(text)),
            2 => Ok(Ground::WindDown(text)),
            3 => Ok(Ground::Derogation(text)),
            4 => Ok(Ground::Licence(text)),
            5 => Ok(Ground::GeneralAuthorisation(text)),
            6 => Ok(Ground::Clearance(text)),
            _ => Err(CanonicalError::Bytes),
        }
    }

    fn allocation(&mut self) -> Result<Allocation, CanonicalError> {
        Ok(Allocation {
            licence: self.text()?.into(),
            licence_line: self.u32()?,
            quantity: self.parsed()?,
            unit: self.text()?.into(),
            value: self.parsed()?,
            currency: self.parsed()?,
            rate: self.option(Self::parsed)?,
            remaining_quantity: self.option(Self::parsed)?,
            remaining_value: self.option(Self::parsed)?,
        })
    }
}

/// The fields that facts name.
const FIELDS: [&str; 29] = [
    "annex_items",
    "broker",
    "buyer",
    "cn",
    "code",
    "consignee",
    "contract_date",
    "destination",
    "destination.area_control",
    "destination.region",
    "end_use",
    "end_use_country",
    "end_use_region",
    "end_user",
    "end_user.type",
    "exemption_claims",
    "export_date",
    "goods.cn",
    "goods.code",
    "goods.currency",
    "intermediate_consignee",
    "knowledge",
    "knowledge.about",
    "licence",
    "party",
    "party.region",
    "transit_countries",
    "undetermined",
    "value_per_item",
];

fn field(text: &str) -> Result<&'static str, CanonicalError> {
    FIELDS.into_iter().find(|field| *field == text).ok_or_else(|| CanonicalError::Unknown(text.to_owned()))
}
