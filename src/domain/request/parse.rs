//! Parsing a request, field by field.

use std::fmt::{self, Display};

use jiff::Timestamp;
use smallvec::SmallVec;

use super::{
    FieldViolation, ITEMS_MAX, LINE_NUMBER_MAX, LINES_MAX, NAME_BYTES_MAX, PARTIES_MAX, REQUEST_ID_MAX,
    RawGoods, RawKnowledge, RawParty, RawPlace, RawRequest, SHORT_BYTES_MAX, TEXT_BYTES_MAX, Violations,
    is_request_id,
};
use crate::domain::code::Classification;
use crate::domain::country::{Country, CountryError, RegionCode, RegionError};
use crate::domain::export::{AreaControl, CnCode, GoodsLine, Knowledge, Party, Place, ProposedExport, Role};
use crate::domain::money::{Currency, Money, Quantity, parse_decimal, parse_positive};
use crate::domain::name;
use crate::domain::period::parse_date;
use crate::domain::vocabulary::{ListId, RegionMismatch, Vocabulary, Word, Words};

/// Collects violations while it reads; a `None` has said why.
pub(super) struct Parser<'a> {
    vocabulary: &'a Vocabulary,
    violations: Violations,
}

/// The path of a field of a goods line.
#[derive(Clone, Copy)]
struct GoodsField {
    at: usize,
    name: &'static str,
}

impl Display for GoodsField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goods[{}].{}", self.at, self.name)
    }
}

impl<'a> Parser<'a> {
    /// Reads a request, or says everything that is wrong with it.
    pub(super) fn read(
        vocabulary: &'a Vocabulary,
        raw: &RawRequest,
    ) -> Result<ProposedExport, Vec<FieldViolation>> {
        let mut parser = Self { vocabulary, violations: Violations::default() };
        let export = parser.export(raw);
        parser.violations.or_given_up(export)
    }

    fn export(&mut self, raw: &RawRequest) -> Option<ProposedExport> {
        let request_id = self.request_id(raw);
        let export_date = self.date("export_date", &raw.export_date);
        let known_at = self.instant("known_at", raw.known_at.as_deref());
        let activity = self.activity(raw.activity.as_deref());
        let (destination, end_use_place) = self.places(raw);
        let goods = self.goods(&raw.goods);
        let written = raw.destination.as_ref().map(|place| place.country.as_str());
        let end_use_written = raw.end_use_country.as_deref().filter(|text| !text.is_empty()).or(written);
        let parties = self.parties(raw, [(destination, written), (end_use_place, end_use_written)]);
        let vocabulary = self.vocabulary;
        let end_use = self.word("end_use", raw.end_use.as_deref(), &vocabulary.end_uses);
        let kind = raw.end_user.as_ref().and_then(|party| party.kind.as_deref());
        let end_user_type = self.word("end_user.type", kind, &vocabulary.end_user_types);
        let contract_date = raw
            .contract_date
            .as_deref()
            .filter(|t| !t.is_empty())
            .and_then(|t| self.date("contract_date", t));
        let claims = self.claims(&raw.exemption_claims);
        let knowledge = self.knowledge(raw.knowledge.as_ref());
        let licences_offered = self.numbers("licences_offered", &raw.licences_offered);
        let transit = self.transit(&raw.transit_countries);
        let document_reference = self.short("document_reference", raw.document_reference.as_deref());
        let supersedes = self.short("supersedes", raw.supersedes.as_deref());
        let follows = self.short("follows", raw.follows.as_deref());
        if supersedes.is_some() && follows.is_some() {
            self.fail("follows", "BOTH", "a document replaces another one or follows it, not both");
        }
        let reservation_days = self.reservation_days(raw.reservation_days);
        Some(ProposedExport {
            request_id,
            dry_run: raw.dry_run,
            export_date: export_date?,
            known_at,
            activity: activity?,
            goods,
            destination: destination?,
            end_use_place: end_use_place?,
            parties,
            end_use,
            end_user_type,
            contract_date,
            claims,
            knowledge,
            licences_offered,
            transit,
            document_reference,
            supersedes,
            follows,
            reservation_days,
        })
    }

    pub(super) fn fail(&mut self, field: impl Display, reason: &'static str, description: impl Into<String>) {
        self.violations.add(field, reason, description);
    }

    fn request_id(&mut self, raw: &RawRequest) -> Option<Box<str>> {
        let text = raw.request_id.as_deref().filter(|text| !text.is_empty())?;
        if !is_request_id(text) {
            let rule =
                format!("a request id has at most {REQUEST_ID_MAX} printable ASCII characters and no spaces");
            self.fail("request_id", "REQUEST_ID", rule);
            return None;
        }
        Some(text.into())
    }

    fn date(&mut self, field: impl Display, text: &str) -> Option<jiff::civil::Date> {
        if text.is_empty() {
            self.fail(field, "REQUIRED", "a civil day such as `2022-02-26` is required");
            return None;
        }
        parse_date(text).map_err(|error| self.fail(field, "DATE", error.to_string())).ok()
    }

    fn instant(&mut self, field: &str, text: Option<&str>) -> Option<Timestamp> {
        let text = text.filter(|text| !text.is_empty())?;
        let parsed = if text.len() <= 64 { text.parse::<Timestamp>().ok() } else { None };
        if parsed.is_none() {
            let clipped: String = text.chars().take(40).collect();
            self.fail(
                field,
                "INSTANT",
                format!("`{clipped}` is not an RFC 3339 instant such as `2022-02-25T12:00:00+01:00`"),
            );
        }
        parsed
    }

    fn activity(&mut self, text: Option<&str>) -> Option<Word> {
        let words = &self.vocabulary.activities;
        match text.filter(|text| !text.is_empty()) {
            None => Some(Word(0)),
            Some(text) => {
                if let Some(word) = words.find(text) {
                    Some(word)
                } else {
                    self.unknown_word("activity", text, words);
                    None
                }
            }
        }
    }

    /// A word of a vocabulary; a word that says "unknown" is the same as none.
    fn word(&mut self, field: &str, text: Option<&str>, words: &Words) -> Option<Word> {
        let text = text.filter(|text| !text.is_empty())?;
        if let Some(word) = words.find(text) {
            Some(word).filter(|word| words.entry(*word).is_some_and(|entry| !entry.unknown))
        } else {
            self.unknown_word(field, text, words);
            None
        }
    }

    fn unknown_word(&mut self, field: impl Display, text: &str, words: &Words) {
        let clipped: String = text.chars().take(40).collect();
        let known: Vec<String> = words.ids().map(|id| format!("`{id}`")).collect();
        self.fail(field, "UNKNOWN_WORD", format!("`{clipped}` is not one of {}", known.join(", ")));
    }

    fn country(&mut self, field: impl Display, text: &str) -> Option<Country> {
        if text.is_empty() {
            self.fail(field, "REQUIRED", "an ISO 3166-1 alpha-2 country code is required");
            return None;
        }
        text.parse().map_err(|error: CountryError| self.fail(field, "COUNTRY", error.to_string())).ok()
    }

    /// A place; `at` is the path of the object that holds `country` and `region`.
    fn place(
        &mut self,
        country_field: impl Display,
        region_field: impl Display,
        country: &str,
        region: Option<&str>,
        address: Option<&str>,
    ) -> Option<Place> {
        let country = self.country(country_field, country)?;
        let region: Option<RegionCode> = match region.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => match text.parse() {
                Ok(code) => Some(code),
                Err(error) => {
                    let error: RegionError = error;
                    self.fail(region_field, "REGION", error.to_string());
                    return None;
                }
            },
        };
        match self.vocabulary.place(country, region.as_ref(), address) {
            Ok(place) => Some(place),
            Err(mismatch) => {
                let code = region.map_or_else(String::new, |code| code.to_string());
                let description = match mismatch {
                    RegionMismatch::OtherCountry => format!("region `{code}` is not in country `{country}`"),
                    RegionMismatch::Undeclared => format!("`{code}` is no region of `{country}`"),
                };
                self.fail(region_field, "REGION", description);
                None
            }
        }
    }

    fn places(&mut self, raw: &RawRequest) -> (Option<Place>, Option<Place>) {
        let destination = match &raw.destination {
            None => {
                self.fail("destination", "REQUIRED", "where the goods go is required");
                None
            }
            Some(place) => self.destination(place),
        };
        let end_use_country = raw.end_use_country.as_deref().filter(|text| !text.is_empty());
        let end_use_region = raw.end_use_region.as_deref().filter(|text| !text.is_empty());
        let written = raw.destination.as_ref().map(|place| place.country.as_str());
        let same_country = end_use_country.is_none() || end_use_country == written;
        let end_use = match (end_use_country.or(written), end_use_region) {
            (_, None) if same_country => destination,
            (None, Some(_)) => {
                self.fail("end_use_country", "REQUIRED", "a region of use needs its country");
                None
            }
            (Some(country), region) => self.place("end_use_country", "end_use_region", country, region, None),
            (None, None) => destination,
        };
        (destination, end_use)
    }

    fn destination(&mut self, raw: &RawPlace) -> Option<Place> {
        let address = raw.address.as_deref().filter(|text| !text.is_empty());
        if let Some(text) = address {
            self.check_text("destination.address", text, TEXT_BYTES_MAX, true);
        }
        let address = address.filter(|text| text.len() <= TEXT_BYTES_MAX);
        let place = self.place(
            "destination.country",
            "destination.region",
            &raw.country,
            raw.region.as_deref(),
            address,
        );
        let control = match raw.area_control.as_deref().unwrap_or_default() {
            "" | "unknown" => AreaControl::Unknown,
            "government" => AreaControl::Government,
            "non_government" => AreaControl::NonGovernment,
            other => {
                let clipped: String = other.chars().take(40).collect();
                let rule = format!("`{clipped}` is not one of `government`, `non_government`, `unknown`");
                self.fail("destination.area_control", "UNKNOWN_WORD", rule);
                AreaControl::Unknown
            }
        };
        place.map(|place| Place { control, ..place })
    }

    fn goods(&mut self, raw: &[RawGoods]) -> Vec<GoodsLine> {
        if raw.is_empty() {
            self.fail("goods", "REQUIRED", "at least one goods line is required");
        }
        if raw.len() > LINES_MAX {
            self.fail(
                "goods",
                "TOO_MANY",
                format!("{} goods lines are more than {LINES_MAX}; split the export", raw.len()),
            );
            return Vec::new();
        }
        let mut goods: Vec<GoodsLine> = Vec::with_capacity(raw.len());
        let mut seen = std::collections::BTreeSet::new();
        for (at, raw) in raw.iter().enumerate() {
            let line = if raw.line == 0 { u32::try_from(at + 1).unwrap_or(u32::MAX) } else { raw.line };
            if line > LINE_NUMBER_MAX {
                self.fail(
                    format_args!("goods[{at}].line"),
                    "LINE_NUMBER",
                    format!("a line number is a whole number from 1 to {LINE_NUMBER_MAX}, or left out"),
                );
            } else if !seen.insert(line) {
                self.fail(
                    format_args!("goods[{at}].line"),
                    "DUPLICATE",
                    format!("line number `{line}` stands twice"),
                );
            }
            if let Some(parsed) = self.goods_line(at, line, raw) {
                goods.push(parsed);
            }
        }
        goods
    }

    fn goods_line(&mut self, at: usize, line: u32, raw: &RawGoods) -> Option<GoodsLine> {
        let field = |name| GoodsField { at, name };
        let classification = Classification::parse(raw.code.as_deref())
            .map_err(|error| self.fail(field("code"), "CODE", error.to_string()))
            .ok();
        let cn = raw.cn.as_deref().filter(|text| !text.trim().is_empty()).map(|text| {
            CnCode::parse(text.trim()).map_err(|text| {
                let rule =
                    format!("`{text}` is not a customs code of 2 to 10 digits in pairs from chapter 01 on, such as `8430 49`");
                self.fail(field("cn"), "CN_CODE", rule);
            })
        });
        let stated = self.stated(at, raw.annex_items.as_deref());
        let amount = if raw.quantity.is_empty() {
            self.fail(field("quantity"), "REQUIRED", "a quantity above zero is required");
            None
        } else {
            parse_positive(&raw.quantity)
                .map_err(|error| self.fail(field("quantity"), "QUANTITY", error.to_string()))
                .ok()
        };
        let unit = raw.unit.trim();
        if unit.is_empty() {
            self.fail(field("unit"), "REQUIRED", "a unit such as `pcs` or `kg` is required");
        } else {
            self.check_text(field("unit"), unit, SHORT_BYTES_MAX, false);
        }
        let value = if raw.value.is_empty() {
            self.fail(field("value"), "REQUIRED", "the value of the line is required");
            None
        } else {
            parse_decimal(&raw.value)
                .map_err(|error| self.fail(field("value"), "VALUE", error.to_string()))
                .ok()
        };
        let currency = if raw.currency.is_empty() {
            self.fail(field("currency"), "REQUIRED", "an ISO 4217 currency code is required");
            None
        } else {
            raw.currency
                .parse::<Currency>()
                .map_err(|error| self.fail(field("currency"), "CURRENCY", error.to_string()))
                .ok()
        };
        let description = raw.description.as_deref().unwrap_or_default();
        self.check_text(field("description"), description, TEXT_BYTES_MAX, true);
        self.check_text(
            field("classified_by"),
            raw.classified_by.as_deref().unwrap_or_default(),
            SHORT_BYTES_MAX,
            false,
        );
        if let Some(text) = raw.classified_on.as_deref().filter(|text| !text.is_empty()) {
            self.date(field("classified_on"), text);
        }
        let allocations = self.allocations(at, &raw.allocations);
        Some(GoodsLine {
            line,
            classification: classification?,
            cn: cn.transpose().ok()?,
            stated: stated?,
            quantity: Quantity { amount: amount?, unit: unit.into() },
            value: Money { amount: value?, currency: currency? },
            description: description.into(),
            allocations,
        })
    }

    #[expect(clippy::option_option, reason = "outer: could it be read; inner: was it stated")]
    fn stated(&mut self, at: usize, raw: Option<&[String]>) -> Option<Option<SmallVec<[ListId; 4]>>> {
        let Some(raw) = raw else { return Some(None) };
        if raw.len() > ITEMS_MAX {
            self.fail(
                format_args!("goods[{at}].annex_items"),
                "TOO_MANY",
                format!("at most {ITEMS_MAX} annex items"),
            );
            return None;
        }
        let mut lists = SmallVec::new();
        let before = self.violations.count();
        for (item_at, item) in raw.iter().enumerate() {
            match self.vocabulary.annex_items.get(item.trim()) {
                Some(list) if lists.contains(list) => {}
                Some(list) => lists.push(*list),
                None => {
                    let clipped: String = item.chars().take(40).collect();
                    let known: Vec<&str> = self
                        .vocabulary
                        .annex_items
                        .keys()
                        .map(|key| &**key)
                        .filter(|key| key.contains(':'))
                        .collect();
                    let rule =
                        format!("`{clipped}` is no annex of the rulebook; it knows {}", known.join(", "));
                    self.fail(format_args!("goods[{at}].annex_items[{item_at}]"), "UNKNOWN_ANNEX", rule);
                }
            }
        }
        (self.violations.count() == before).then_some(Some(lists))
    }

    /// The parties; `known` are the destination and the place of use, each with its country as it is written.
    fn parties(&mut self, raw: &RawRequest, known: [(Option<Place>, Option<&str>); 2]) -> Vec<Party> {
        if raw.parties.len() > PARTIES_MAX {
            self.fail(
                "parties",
                "TOO_MANY",
                format!("at most {PARTIES_MAX} parties beside exporter, consignee and end user"),
            );
            return Vec::new();
        }
        let named = [
            ("exporter", Role::Exporter, raw.exporter.as_ref()),
            ("consignee", Role::Consignee, raw.consignee.as_ref()),
            ("end_user", Role::EndUser, raw.end_user.as_ref()),
        ];
        let mut parties = Vec::with_capacity(3 + raw.parties.len());
        for (field, role, party) in named {
            match party {
                None => self.fail(field, "REQUIRED", format!("{} is required", field.replace('_', " "))),
                Some(party) => parties.extend(self.party(field, role, party, known)),
            }
        }
        for (at, party) in raw.parties.iter().enumerate() {
            let field = format_args!("parties[{at}]");
            let text = party.role.as_deref().unwrap_or_default();
            match Role::parse(text) {
                Some(role) if !named.iter().any(|(_, taken, _)| *taken == role) => {
                    parties.extend(self.party(field, role, party, known));
                }
                _ => {
                    let clipped: String = text.chars().take(40).collect();
                    let rule = format!(
                        "`{clipped}` is not one of `buyer`, `intermediate_consignee`, `forwarder`, `broker`, `bank`"
                    );
                    self.fail(format_args!("{field}.role"), "UNKNOWN_WORD", rule);
                }
            }
        }
        parties
    }

    fn party(
        &mut self,
        field: impl Display,
        role: Role,
        raw: &RawParty,
        known: [(Option<Place>, Option<&str>); 2],
    ) -> Option<Party> {
        let name_field = format_args!("{field}.name");
        let mut normal_name = Box::default();
        if self.check_text(name_field, &raw.name, NAME_BYTES_MAX, false) {
            normal_name = name::normalise(&raw.name);
            if normal_name.is_empty() {
                self.fail(name_field, "REQUIRED", "a name with at least one letter or digit is required");
            }
        }
        let (country_field, region_field) = (format_args!("{field}.country"), format_args!("{field}.region"));
        let place = self.place(country_field, region_field, &raw.country, raw.region.as_deref(), None)?;
        // A party in the region of the destination or of the use, or written with the country of one of them and no
        // region of its own, is taken to be there: what is said of the area is said of it too. A party written RU
        // beside a destination in Crimea written UA is in Russia.
        let unstated = raw.region.as_deref().is_none_or(str::is_empty);
        let is_there = |there: &Place, written: Option<&str>| {
            if unstated {
                written == Some(raw.country.as_str()) || there.country == place.country
            } else {
                there.region.known && !there.region.set.is_empty() && there.region == place.region
            }
        };
        let there =
            known.into_iter().find_map(|(there, written)| there.filter(|there| is_there(there, written)));
        let place = there.unwrap_or(place);
        Some(Party { role, name: raw.name.as_str().into(), normal_name, place })
    }

    fn claims(&mut self, raw: &[String]) -> SmallVec<[Word; 2]> {
        let vocabulary = self.vocabulary;
        if raw.len() > ITEMS_MAX {
            self.fail("exemption_claims", "TOO_MANY", format!("at most {ITEMS_MAX} claims"));
            return SmallVec::new();
        }
        let mut claims = SmallVec::new();
        for (at, text) in raw.iter().enumerate() {
            match vocabulary.claims.find(text) {
                Some(word) => claims.push(word),
                None => self.unknown_word(format_args!("exemption_claims[{at}]"), text, &vocabulary.claims),
            }
        }
        claims
    }

    fn knowledge(&mut self, raw: Option<&RawKnowledge>) -> Option<Knowledge> {
        let raw = raw?;
        let vocabulary = self.vocabulary;
        for (field, text) in [("knowledge.level", &raw.level), ("knowledge.about", &raw.about)] {
            if text.is_empty() {
                self.fail(field, "REQUIRED", "knowledge has a level and a subject");
            }
        }
        let level = self.word("knowledge.level", Some(&raw.level), &vocabulary.knowledge_levels);
        let about = self.word("knowledge.about", Some(&raw.about), &vocabulary.knowledge_subjects);
        Some(Knowledge { level: level?, about: about? })
    }

    fn numbers(&mut self, field: &str, raw: &[String]) -> Vec<Box<str>> {
        if raw.len() > ITEMS_MAX {
            self.fail(field, "TOO_MANY", format!("at most {ITEMS_MAX} licences"));
            return Vec::new();
        }
        let mut numbers = Vec::with_capacity(raw.len());
        for (at, text) in raw.iter().enumerate() {
            let path = format_args!("{field}[{at}]");
            let text = text.trim();
            if text.is_empty() {
                self.fail(path, "REQUIRED", "a licence number is required");
            } else if self.check_text(path, text, SHORT_BYTES_MAX, false) {
                numbers.push(text.into());
            }
        }
        numbers
    }

    fn transit(&mut self, raw: &[String]) -> SmallVec<[Country; 2]> {
        if raw.len() > ITEMS_MAX {
            self.fail("transit_countries", "TOO_MANY", format!("at most {ITEMS_MAX} countries"));
            return SmallVec::new();
        }
        raw.iter()
            .enumerate()
            .filter_map(|(at, text)| self.country(format_args!("transit_countries[{at}]"), text))
            .collect()
    }

    fn short(&mut self, field: &str, text: Option<&str>) -> Option<Box<str>> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.check_text(field, text, SHORT_BYTES_MAX, false).then(|| text.into())
    }

    /// Length and control characters; line breaks and tabs are free text only.
    pub(super) fn check_text(
        &mut self,
        field: impl Display,
        text: &str,
        bytes_max: usize,
        lines: bool,
    ) -> bool {
        if text.len() > bytes_max {
            self.fail(&field, "TOO_LONG", format!("{} bytes are more than {bytes_max}", text.len()));
            return false;
        }
        let allowed = |c: char| lines && matches!(c, '\n' | '\r' | '\t');
        if let Some(c) = text.chars().find(|c| c.is_control() && !allowed(*c)) {
            self.fail(
                field,
                "CONTROL_CHARACTER",
                format!("the text holds the control character U+{:04X}", u32::from(c)),
            );
            return false;
        }
        true
    }
}
