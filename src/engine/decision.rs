//! What the engine says: assessments, findings, decisions.

use jiff::civil::Date;
use rust_decimal::Decimal;
use smallvec::SmallVec;

use super::tri::Missing;
use crate::domain::country::Country;
use crate::domain::money::Currency;
use crate::domain::outcome::{Basis, Effect, FindingState, Outcome};
use crate::domain::vocabulary::Word;
use crate::rulebook::{RuleIx, Rulebook};

/// A finding of the engine itself; none cites an act.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EngineFinding {
    /// Where the goods go cannot be told finely enough for a rule on an area.
    AreaUnknown,
    /// The control code or the customs code does not fit what was said of the goods.
    CodeCheck,
    /// The goods are not classified.
    Unclassified,
    /// A party's name resembles a listed one.
    PartyFuzzy,
    /// A cap must be tested and there is no rate of the day.
    RateMissing,
    /// Knowledge of WMD or of military use in an embargoed country, or a stated WMD end use, for listed goods.
    RedFlag,
    /// The export lies before the first day whose law the rulebook holds.
    BeforeRulebook,
}

/// Who makes a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Finder {
    /// A rule of the rulebook.
    Rule(RuleIx),
    /// The engine.
    Engine(EngineFinding),
}

impl Finder {
    /// The id of the rule, or of the engine's own finding.
    #[must_use]
    pub fn id(self, book: &Rulebook) -> &str {
        match self {
            Self::Rule(ix) => book.rule(ix).map_or("", |rule| &rule.id),
            Self::Engine(own) => own.id(),
        }
    }
}

/// What lifts or satisfies a finding, or changes its effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ground {
    /// An exemption of the act, by its name there.
    Exemption(Box<str>),
    /// An old contract.
    WindDown(Box<str>),
    /// A derogation of the act, by its name there: an authorisation is possible.
    Derogation(Box<str>),
    /// A licence, by number.
    Licence(Box<str>),
    /// A general authorisation, by name.
    GeneralAuthorisation(Box<str>),
    /// A release, by id.
    Clearance(Box<str>),
}

/// A fact that matched.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fact {
    /// The field of the request, such as `destination.country`.
    pub field: &'static str,
    /// Its value, or what it met.
    pub value: Box<str>,
}

/// A finding about one line of goods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Who makes it.
    pub finder: Finder,
    /// What became of it.
    pub state: FindingState,
    /// What it does while it stands.
    pub effect: Effect,
    /// Only REVIEW where the line would otherwise be PERMITTED.
    pub soft: bool,
    /// A sanctions authorisation can answer it although it is a ban.
    pub answerable: bool,
    /// What it contributes to the outcome; `None` when it does not count.
    pub outcome: Option<Outcome>,
    /// Facts that are missing.
    pub missing: Missing,
    /// Facts that matched.
    pub facts: SmallVec<[Fact; 4]>,
    /// What lifts or satisfies it, or changes its effect.
    pub ground: Option<Ground>,
    /// Duties that ride along.
    pub duties: SmallVec<[Word; 2]>,
}

/// What law says of one line, before licences and releases.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineAssessment {
    /// Line number.
    pub line: u32,
    /// Findings, by rule.
    pub findings: Vec<Finding>,
    /// General authorisations that may satisfy a duty, with what stands against them.
    pub permits: SmallVec<[PermitOffer; 2]>,
    /// Suspensions that hit licences for this line.
    pub suspensions: SmallVec<[RuleIx; 1]>,
    /// Rules that name the offence of exceeding a licence.
    pub exceeded: SmallVec<[RuleIx; 1]>,
    /// A listed item that stays inside the Union.
    pub intra_union: bool,
    /// Remarks that change nothing, such as a sub-item that the list does not know.
    pub warnings: SmallVec<[Box<str>; 1]>,
}

/// A general authorisation that meets the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PermitOffer {
    /// The rule.
    pub rule: RuleIx,
    /// Why it cannot be used, apart from registration.
    pub against: Option<&'static str>,
}

/// What law says of an export on a day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DayAssessment {
    /// The day.
    pub date: Date,
    /// Line by line.
    pub lines: Vec<LineAssessment>,
}

/// What law says of an export: on its day, and on the later days on which that changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assessment {
    /// On its day.
    pub today: DayAssessment,
    /// On later days, up to the first on which the law itself gives another outcome.
    pub later: Vec<DayAssessment>,
}

/// A part of a licence that a line draws.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allocation {
    /// Licence number.
    pub licence: Box<str>,
    /// Line of the licence.
    pub licence_line: u32,
    /// Quantity drawn.
    pub quantity: Decimal,
    /// Its unit.
    pub unit: Box<str>,
    /// Value drawn, in the licence's currency; where the licence has no value cap, in the currency of the goods.
    pub value: Decimal,
    /// Currency of the values.
    pub currency: Currency,
    /// The rate used, when the goods are valued in another currency: licence currency for one unit.
    pub rate: Option<Decimal>,
    /// Quantity left; `None` where there is no cap.
    pub remaining_quantity: Option<Decimal>,
    /// Value left; `None` where there is no cap.
    pub remaining_value: Option<Decimal>,
}

/// A licence or general authorisation that was looked at and not used, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Considered {
    /// Licence number or name of the general authorisation.
    pub what: Box<str>,
    /// Why it was not used.
    pub why_not: Box<str>,
}

/// The decision on one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineDecision {
    /// Line number.
    pub line: u32,
    /// Outcome.
    pub outcome: Outcome,
    /// Basis, when PERMITTED.
    pub basis: Option<Basis>,
    /// Findings, all of them.
    pub findings: Vec<Finding>,
    /// What it draws, when PERMITTED by licence.
    pub allocations: SmallVec<[Allocation; 1]>,
    /// What was looked at and not used.
    pub considered: Vec<Considered>,
    /// Remarks that change nothing.
    pub warnings: SmallVec<[Box<str>; 1]>,
}

/// Another outcome on a later day, as the law is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upcoming {
    /// First day.
    pub date: Date,
    /// The outcome then.
    pub outcome: Outcome,
    /// The rules that give it.
    pub rules: Vec<Finder>,
}

/// A decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// The worst line.
    pub outcome: Outcome,
    /// The strongest basis, when PERMITTED.
    pub basis: Option<Basis>,
    /// Line by line.
    pub lines: Vec<LineDecision>,
    /// Duties, each once.
    pub duties: Vec<Word>,
    /// Last day on which the answer holds for the same export; `None` is open.
    pub valid_until: Option<Date>,
    /// The next other outcome.
    pub upcoming: Option<Upcoming>,
    /// What it does to the register of licences.
    pub effects: Effects,
}

/// What a decision does to the register of licences.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Effects {
    /// The decision whose reservation is given back, because this one supersedes it.
    pub releases: Option<u64>,
    /// The decision whose reservation `holds` take over, as far as they go.
    pub takes: Option<u64>,
    /// Last day (UTC) on which `holds` are kept; `None` where nothing is reserved.
    pub reserved_until: Option<Date>,
    /// Country of final destination.
    pub country: Option<Country>,
    /// What is reserved, on licences.
    pub holds: Vec<Hold>,
}

/// A part of a licence that is reserved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hold {
    /// Line of the goods.
    pub goods_line: u32,
    /// Licence number.
    pub licence: Box<str>,
    /// Line of the licence.
    pub licence_line: u32,
    /// Quantity.
    pub quantity: Decimal,
    /// Value, in `currency`.
    pub value: Decimal,
    /// Currency of the value.
    pub currency: Currency,
}

impl Effects {
    /// Does it change nothing?
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.releases.is_none() && self.reserved_until.is_none()
    }
}

impl EngineFinding {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AreaUnknown,
        Self::CodeCheck,
        Self::Unclassified,
        Self::PartyFuzzy,
        Self::RateMissing,
        Self::RedFlag,
        Self::BeforeRulebook,
    ];

    /// Its id, in the place of a rule id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::AreaUnknown => "AREA-UNKNOWN",
            Self::CodeCheck => "CODE-CHECK",
            Self::Unclassified => "UNCLASSIFIED",
            Self::PartyFuzzy => "PARTY-FUZZY",
            Self::RateMissing => "RATE-MISSING",
            Self::RedFlag => "RED-FLAG",
            Self::BeforeRulebook => "BEFORE-RULEBOOK",
        }
    }

    /// What it is called, in English and Dutch.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::AreaUnknown => ("Area not decidable", "Gebied niet vast te stellen"),
            Self::CodeCheck => ("Classification to be checked", "Classificatie controleren"),
            Self::Unclassified => ("Goods not classified", "Goederen niet geclassificeerd"),
            Self::PartyFuzzy => ("Name resembles a listed party", "Naam lijkt op een gelijste partij"),
            Self::RateMissing => ("No exchange rate of the day", "Geen wisselkoers van de dag"),
            Self::RedFlag => ("Red flag on the end use", "Waarschuwingssignaal over het eindgebruik"),
            Self::BeforeRulebook => {
                ("Before the law that the rulebook holds", "Vóór het recht dat het regelboek kent")
            }
        }
    }

    /// What the exporter reads, in English and Dutch.
    #[must_use]
    pub const fn message(self) -> (&'static str, &'static str) {
        match self {
            Self::AreaUnknown => (
                "A rule bans these goods for part of this country. State the region, and who controls the area.",
                "Een regel verbiedt deze goederen voor een deel van dit land. Geef de regio op, en wie het gebied beheerst.",
            ),
            Self::CodeCheck => (
                "The classification does not decide the case: see the facts, and classify the goods under the EU lists as finely as the list asks.",
                "De classificatie beslist de zaak niet: zie de feiten, en classificeer de goederen volgens de EU-lijsten zo fijn als de lijst vraagt.",
            ),
            Self::Unclassified => (
                "No classification was given. State a control code, or NOT_LISTED when the goods were classified and are on no list.",
                "Er is geen classificatie opgegeven. Geef een controlecode op, of NOT_LISTED als de goederen zijn geclassificeerd en op geen lijst staan.",
            ),
            Self::PartyFuzzy => (
                "A party's name resembles a listed one. A person decides whether it is the same.",
                "De naam van een partij lijkt op een gelijste naam. Een mens beslist of het dezelfde is.",
            ),
            Self::RateMissing => (
                "A cap or limit is in another currency, and no exchange rate of the export date is recorded: record the rate, or state the value in the currency of the cap.",
                "Een plafond of grensbedrag is in een andere valuta, en er is geen wisselkoers van de uitvoerdatum vastgelegd: leg de koers vast, of geef de waarde in de valuta van het plafond.",
            ),
            Self::RedFlag => (
                "What is known of the end use asks for a person before listed goods may go.",
                "Wat over het eindgebruik bekend is, vraagt om een mens voordat gelijste goederen mogen gaan.",
            ),
            Self::BeforeRulebook => (
                "The rulebook does not hold the whole law of this day, so it cannot say that nothing forbids the export.",
                "Het regelboek kent niet al het recht van deze dag, en kan dus niet zeggen dat niets de uitvoer verbiedt.",
            ),
        }
    }

    /// A stable number for stored bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::AreaUnknown => 1,
            Self::CodeCheck => 2,
            Self::Unclassified => 3,
            Self::PartyFuzzy => 4,
            Self::RateMissing => 5,
            Self::RedFlag => 6,
            Self::BeforeRulebook => 7,
        }
    }
}

impl Finding {
    /// A finding of the engine.
    #[must_use]
    pub fn of_engine(finding: EngineFinding, soft: bool) -> Self {
        Self {
            finder: Finder::Engine(finding),
            state: FindingState::Stands,
            effect: Effect::Review,
            soft,
            answerable: false,
            outcome: None,
            missing: Missing::NONE,
            facts: SmallVec::new(),
            ground: None,
            duties: SmallVec::new(),
        }
    }

    /// The same with a fact.
    #[must_use]
    pub fn with(mut self, field: &'static str, value: impl Into<Box<str>>) -> Self {
        self.facts.push(Fact { field, value: value.into() });
        self
    }

    /// Does it count?
    #[must_use]
    pub const fn counts(&self) -> bool {
        matches!(self.state, FindingState::Stands | FindingState::Unknown)
    }
}
