//! Licences and the rest of what a decision may rest on beside law: the state of the exporter's papers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::code::ControlCode;
use super::country::CountrySet;
use super::money::Currency;
use super::period::Period;

/// What kind of licence it is: a licence satisfies only a duty of its kind.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LicenceKind {
    /// One exporter, one end user or consignee, named goods (2021/821 Art 12).
    Individual,
    /// One exporter, several countries or end users.
    Global,
    /// Military goods.
    Military,
    /// An authorisation under a sanctions act: the only kind that answers a ban.
    Sanctions,
    /// Transfer inside the Union.
    Transfer,
    /// Individual or global, for one project (2021/821 Art 12(3)): up to four years.
    Project,
    /// Goods that only pass through (2021/821 Art 7).
    Transit,
    /// A general authorisation of the Union (2021/821 Annex II): published, and registered for rather than granted.
    UnionGeneral,
    /// A general authorisation of a member state, likewise.
    NationalGeneral,
}

/// The standing of a licence, apart from suspensions by criterion.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LicenceStatus {
    /// May be used.
    Active,
    /// Exists, may not be used.
    Suspended,
    /// Withdrawn for good.
    Revoked,
    /// Given back unused.
    Returned,
}

/// A licence.
#[derive(Clone, Debug)]
pub struct Licence {
    /// Number.
    pub number: Box<str>,
    /// Kind.
    pub kind: LicenceKind,
    /// Normalised name of the holder.
    pub holder: Box<str>,
    /// Standing.
    pub status: LicenceStatus,
    /// Days on which it may be used, inclusive.
    pub valid: Period,
    /// Countries of final destination.
    pub destinations: CountrySet,
    /// Normalised names of the end users; `None` is any.
    pub end_users: Option<Vec<Box<str>>>,
    /// Normalised names of the consignees; `None` is any.
    pub consignees: Option<Vec<Box<str>>>,
    /// Goods lines.
    pub lines: Vec<LicenceLine>,
}

/// A goods line of a licence.
#[derive(Clone, Debug)]
pub struct LicenceLine {
    /// Line number.
    pub line: u32,
    /// The goods that it covers.
    pub goods: LicensedGoods,
    /// Unit of the quantity, compared to the letter; empty is any, where there is no cap on the quantity.
    pub unit: Box<str>,
    /// Cap on the quantity; `None` is no cap.
    pub cap_quantity: Option<Decimal>,
    /// Cap on the value; `None` is no cap.
    pub cap_value: Option<Decimal>,
    /// Currency of the value.
    pub currency: Currency,
    /// Quantity written off or promised.
    pub used_quantity: Decimal,
    /// Value written off or promised.
    pub used_value: Decimal,
    /// Why it may not be used, where people have suspended it.
    pub suspended: Option<Box<str>>,
}

/// Goods that a licence line covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LicensedGoods {
    /// A code and what is below it.
    Code(ControlCode),
    /// Nothing: the line is not to be used.
    Nothing,
    /// Goods on no control list (in a sanctions authorisation, or after a catch-all decision).
    NotListed,
}

/// A party on a list, as a value that comes from outside the rulebook.
#[derive(Clone, Debug)]
pub struct ListedParty {
    /// Name as listed.
    pub name: Box<str>,
    /// The list's id, such as `833/2014:IV`.
    pub list: Box<str>,
    /// Days on which it is listed, inclusive.
    pub listed: Period,
}

/// A release of findings by people.
#[derive(Clone, Debug)]
pub struct Clearance {
    /// Its id.
    pub id: Box<str>,
    /// The findings that it clears, by rule id.
    pub findings: BTreeSet<Box<str>>,
    /// Days on which it holds, inclusive.
    pub valid: Period,
}

/// Exchange rates by currency and day: euro for one unit. Copies share the table.
#[derive(Clone, Debug, Default)]
pub struct ExchangeRates(Arc<BTreeMap<(Currency, Date), Decimal>>);

/// What a decision may rest on beside law.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Licences of the exporter.
    pub licences: Vec<Licence>,
    /// General authorisations for which the exporter is registered on the day of the export; with why not to be used,
    /// where people have suspended them.
    pub registrations: BTreeMap<Box<str>, Option<Box<str>>>,
    /// Rates.
    pub rates: ExchangeRates,
    /// Releases.
    pub clearances: Vec<Clearance>,
    /// Were `licences` looked up in a register, so that they may be used without being offered?
    pub finds: bool,
    /// Until when what licences give is kept for the export; `None` keeps nothing.
    pub reserve_until: Option<Date>,
    /// The decision whose reservation the export supersedes, and which counts in no balance here.
    pub releases: Option<u64>,
    /// The reservation that a delivery takes over; it counts in no balance here.
    pub takes: Option<Taken>,
}

/// A reservation that a delivery takes over.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The decision that reserved.
    pub decision: u64,
    /// The licences that it reserved on: they are drawn before others.
    pub licences: Vec<Box<str>>,
}

impl LicenceKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Individual,
        Self::Global,
        Self::Project,
        Self::Military,
        Self::Transfer,
        Self::Transit,
        Self::Sanctions,
        Self::UnionGeneral,
        Self::NationalGeneral,
    ];

    /// Is it published for everybody, so that exporters register for it and nothing is drawn?
    #[must_use]
    pub const fn is_general(self) -> bool {
        matches!(self, Self::UnionGeneral | Self::NationalGeneral)
    }

    /// As files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Global => "global",
            Self::Military => "military",
            Self::Sanctions => "sanctions",
            Self::Transfer => "transfer",
            Self::Project => "project",
            Self::Transit => "transit",
            Self::UnionGeneral => "union_general",
            Self::NationalGeneral => "national_general",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for LicensedGoods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => f.write_str(code.as_str()),
            Self::Nothing => f.write_str("nothing"),
            Self::NotListed => f.write_str("NOT_LISTED"),
        }
    }
}

impl LicenceStatus {
    /// The standing of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "suspended" => Some(Self::Suspended),
            "revoked" => Some(Self::Revoked),
            "returned" => Some(Self::Returned),
            _ => None,
        }
    }
}

impl ExchangeRates {
    /// Records a rate.
    pub fn insert(&mut self, currency: Currency, date: Date, eur_per_unit: Decimal) {
        Arc::make_mut(&mut self.0).insert((currency, date), eur_per_unit);
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All rates, by currency and day.
    pub fn iter(&self) -> impl Iterator<Item = (Currency, Date, Decimal)> {
        self.0.iter().map(|((currency, date), rate)| (*currency, *date, *rate))
    }

    /// The rate as it was recorded for that day.
    #[must_use]
    pub fn recorded(&self, currency: Currency, date: Date) -> Option<Decimal> {
        self.0.get(&(currency, date)).copied()
    }

    /// Euro for one unit on that day; never a neighbouring day's, never 1 for another currency.
    #[must_use]
    pub fn eur_per_unit(&self, currency: Currency, date: Date) -> Option<Decimal> {
        if currency == Currency::euro() { Some(Decimal::ONE) } else { self.recorded(currency, date) }
    }
}
