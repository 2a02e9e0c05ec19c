//! A proposed export: what an exporter wants to send, parsed, with every fact that law can turn on.

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use smallvec::SmallVec;

use super::code::Classification;
use super::country::Country;
use super::money::{Money, Quantity};
use super::period::Period;
use super::vocabulary::{ListId, PartyListId, RegionSet, Word};

/// A proposed export. A value of this type is well-formed under the vocabulary of one rulebook.
#[derive(Clone, Debug)]
pub struct ProposedExport {
    /// The caller's key for a retry; scope is the caller.
    pub request_id: Option<Box<str>>,
    /// Nothing is recorded and nothing reserved.
    pub dry_run: bool,
    /// The civil day that decides: acceptance of the export declaration.
    pub export_date: Date,
    /// Only what was known at this moment may be used.
    pub known_at: Option<Timestamp>,
    /// What is being done.
    pub activity: Word,
    /// Goods, at least one line.
    pub goods: Vec<GoodsLine>,
    /// Where the goods go.
    pub destination: Place,
    /// Where the goods will be used; the destination where nothing else is said.
    pub end_use_place: Place,
    /// Everybody named: exporter, consignee, end user and others.
    pub parties: Vec<Party>,
    /// What the goods will be used for; `None` is unknown.
    pub end_use: Option<Word>,
    /// What kind of body uses them; `None` is unknown.
    pub end_user_type: Option<Word>,
    /// When the contract was concluded; `None` is unknown.
    pub contract_date: Option<Date>,
    /// What the exporter claims.
    pub claims: SmallVec<[Word; 2]>,
    /// What the exporter was told or knows; `None` is nothing.
    pub knowledge: Option<Knowledge>,
    /// Licence numbers that the exporter wants to use.
    pub licences_offered: Vec<Box<str>>,
    /// Countries that the goods pass through.
    pub transit: SmallVec<[Country; 2]>,
    /// The caller's document.
    pub document_reference: Option<Box<str>>,
    /// The decision that this request supersedes.
    pub supersedes: Option<Box<str>>,
    /// The decision whose reservation this delivery takes over, as far as it goes.
    pub follows: Option<Box<str>>,
    /// Days for which what is reserved is kept; `None` is the usual time.
    pub reservation_days: Option<u32>,
}

/// One line of goods.
#[derive(Clone, Debug)]
pub struct GoodsLine {
    /// Line number, unique in the export.
    pub line: u32,
    /// What the caller said about the classification.
    pub classification: Classification,
    /// Customs code: digits, trailing pairs of zeros dropped.
    pub cn: Option<CnCode>,
    /// Annexes that the goods were stated to be in: `None` is not stated, empty is "in none".
    pub stated: Option<SmallVec<[ListId; 4]>>,
    /// How much, more than zero.
    pub quantity: Quantity,
    /// Value of the whole line.
    pub value: Money,
    /// Free text; decides nothing.
    pub description: Box<str>,
    /// What is drawn on which licence, where the exporter says so; empty leaves the choice.
    pub allocations: Vec<AskedAllocation>,
}

/// A part of a goods line that is to be drawn on a licence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AskedAllocation {
    /// Number of the licence.
    pub licence: Box<str>,
    /// Its line; `None` is the one that fits.
    pub licence_line: Option<u32>,
    /// How much, in the unit of the goods.
    pub quantity: Decimal,
    /// Value, in the currency of the goods.
    pub value: Decimal,
}

/// A customs code as digits without trailing pairs of zeros, so that `2701 00` is the heading `2701`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CnCode(Box<str>);

/// A place of the export.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The country that counts: the one that the region belongs to, where a region is given.
    pub country: Country,
    /// The region.
    pub region: RegionFact,
    /// Who controls the area.
    pub control: AreaControl,
}

/// What is known of a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RegionFact {
    /// The declared regions that it is, or may be.
    pub set: RegionSet,
    /// True: it is the one in the set, or none when the set is empty. False: it may be any of the set, or none.
    pub known: bool,
}

/// Who controls an area.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AreaControl {
    /// The government of the country.
    Government,
    /// Not the government of the country.
    NonGovernment,
    /// Not known.
    #[default]
    Unknown,
}

/// Somebody in the export.
#[derive(Clone, Debug)]
pub struct Party {
    /// What part they play.
    pub role: Role,
    /// Name as given.
    pub name: Box<str>,
    /// Name for comparison; see [`super::name::normalise`].
    pub normal_name: Box<str>,
    /// Where they are.
    pub place: Place,
}

/// The part that somebody plays.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Who sends the goods.
    Exporter,
    /// Who receives them.
    Consignee,
    /// Who uses them.
    EndUser,
    /// Who pays for them.
    Buyer,
    /// Who receives them on the way.
    IntermediateConsignee,
    /// Who carries them.
    Forwarder,
    /// Who brings the parties together.
    Broker,
    /// Who finances.
    Bank,
}

/// A party of the export that stands on a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PartyHit {
    /// The list.
    pub list: PartyListId,
    /// Position of the party in [`ProposedExport::parties`].
    pub party: usize,
    /// The name as listed.
    pub listed_name: Box<str>,
    /// Days on which it is listed.
    pub listed: Period,
}

/// What the exporter was told or knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Knowledge {
    /// How: informed by an authority, aware, grounds for suspicion.
    pub level: Word,
    /// Of what.
    pub about: Word,
}

impl Role {
    /// All roles, as requests and rules write them.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Exporter, "exporter"),
        (Self::Consignee, "consignee"),
        (Self::EndUser, "end_user"),
        (Self::Buyer, "buyer"),
        (Self::IntermediateConsignee, "intermediate_consignee"),
        (Self::Forwarder, "forwarder"),
        (Self::Broker, "broker"),
        (Self::Bank, "bank"),
    ];

    /// As requests and rules write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, text)| text)
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(role, _)| *role)
    }

    /// Do the goods come into this party's hands or to its benefit ("to any person in …")?
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::Consignee | Self::EndUser | Self::Buyer | Self::IntermediateConsignee)
    }
}

impl Place {
    /// A country, no region.
    #[must_use]
    pub const fn of(country: Country) -> Self {
        Self { country, region: RegionFact { set: RegionSet(0), known: true }, control: AreaControl::Unknown }
    }
}

impl ProposedExport {
    /// The party in a role, if one is named.
    #[must_use]
    pub fn party(&self, role: Role) -> Option<&Party> {
        self.parties.iter().find(|party| party.role == role)
    }
}

impl CnCode {
    /// Reads a customs code: 2 to 10 digits in pairs, spaces and dots between them allowed.
    ///
    /// # Errors
    /// The text, when it is no such code.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '.')).collect();
        let valid = (2..=10).contains(&digits.len())
            && digits.len().is_multiple_of(2)
            && digits.bytes().all(|b| b.is_ascii_digit())
            // Chapters count from 01; a code of zeros would lie in no list, and so be free.
            && !digits.starts_with("00");
        if !valid {
            return Err(text.chars().take(40).collect());
        }
        let mut code = digits.as_str();
        // No heading ends in 00 either: `8400` says chapter 84 and no more.
        while code.len() > 2 && code.ends_with("00") {
            code = code.get(..code.len() - 2).unwrap_or(code);
        }
        Ok(Self(code.into()))
    }

    /// The digits.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}
