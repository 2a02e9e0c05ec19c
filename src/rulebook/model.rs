//! A compiled rulebook: every name resolved, every date a day, ready to be evaluated.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use smallvec::SmallVec;

use super::document::{CitationDoc, TextDoc};
use super::goods::GoodsLists;
use super::index::Index;
use super::{Bundle, RulebookDigest};
use crate::domain::country::CountrySet;
use crate::domain::export::{AreaControl, Place, Role};
use crate::domain::licence::LicenceKind;
use crate::domain::money::Currency;
use crate::domain::outcome::{Authorisation, Effect};
use crate::domain::period::Period;
use crate::domain::vocabulary::{ListId, PartyListId, RegionSet, Vocabulary, Word};

/// Position of a rule version in [`Rulebook::rules`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleIx(pub u32);

/// Position of a group in [`Rulebook::groups`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GroupId(pub u16);

/// A compiled rulebook.
#[derive(Debug)]
pub struct Rulebook {
    /// Name.
    pub name: Box<str>,
    /// The maintainers' version label.
    pub version: Box<str>,
    /// IANA time zone whose civil days decide.
    pub time_zone: Box<str>,
    /// Identity.
    pub digest: RulebookDigest,
    /// The files that it was compiled from.
    pub bundle: Bundle,
    /// What requests may say.
    pub vocabulary: Vocabulary,
    /// Groups of countries.
    pub groups: Vec<Group>,
    /// The group inside which a movement is a transfer.
    pub union_group: GroupId,
    /// Goods lists and their lookups.
    pub goods: GoodsLists,
    /// Party lists.
    pub party_lists: Vec<PartyList>,
    /// Listed names, normalised, to where they are listed.
    pub listed_names: HashMap<Box<str>, SmallVec<[ListedName; 1]>>,
    /// Rule versions. A version whose end was learnt later stands twice: as it was known first, and as it is since.
    pub rules: Vec<Rule>,
    /// Which rules can meet which goods and places.
    pub index: Index,
    /// What papers bring with them.
    pub papers: Papers,
}

/// A group of countries and regions with their days.
#[derive(Debug)]
pub struct Group {
    /// Id.
    pub id: Box<str>,
    /// Countries by [`crate::domain::country::Country::index`], each with its days.
    pub countries: Vec<SmallVec<[Period; 1]>>,
    /// Regions with their days.
    pub regions: Vec<(RegionSet, Period)>,
    /// Regions that do not belong though their country does.
    pub without: RegionSet,
}

/// A list of parties.
#[derive(Debug)]
pub struct PartyList {
    /// Id.
    pub id: Box<str>,
    /// What it is.
    pub title: TextDoc,
    /// The act.
    pub citation: CitationDoc,
    /// How many names it holds.
    pub size: usize,
}

/// A name on a list.
#[derive(Clone, Debug)]
pub struct ListedName {
    /// The list.
    pub list: PartyListId,
    /// The name as printed.
    pub name: Box<str>,
    /// Days on which it is listed.
    pub listed: Period,
}

/// One version of one rule.
#[derive(Debug)]
pub struct Rule {
    /// Id.
    pub id: Box<str>,
    /// Version.
    pub version: u32,
    /// What it is called.
    pub title: TextDoc,
    /// Where it stands.
    pub citation: CitationDoc,
    /// Days on which it applies.
    pub effective: Period,
    /// When it became known.
    pub recorded_at: Timestamp,
    /// When it was replaced by what is known since.
    pub superseded_at: Option<Timestamp>,
    /// Is it confirmed, or assumed?
    pub confirmed: bool,
    /// What is assumed, or was not read.
    pub note: Option<Box<str>>,
    /// Alternatives.
    pub scope: Vec<Scope>,
    /// Does its scope look at groups or rows that change with the day?
    pub is_dated: bool,
    /// Effects in order.
    pub effects: Vec<EffectRule>,
    /// Exemptions.
    pub exemptions: Vec<Exemption>,
    /// Derogations.
    pub derogations: Vec<Derogation>,
    /// Wind-downs.
    pub wind_downs: Vec<WindDown>,
    /// For a general authorisation.
    pub permit: Option<Permit>,
    /// Order of citations.
    pub precedence: u32,
    /// What the exporter reads.
    pub message: TextDoc,
}

/// A set of words of one vocabulary (at most 64 words).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WordSet(pub u64);

/// One alternative of a scope.
#[derive(Debug, Default)]
pub struct Scope {
    /// Activities; empty is all.
    pub activities: WordSet,
    /// Where.
    pub destination: Option<Destination>,
    /// Which goods.
    pub goods: Option<Goods>,
    /// Which parties.
    pub parties: Option<PartyTest>,
    /// End uses; empty is all.
    pub end_uses: WordSet,
    /// End-user types; empty is all.
    pub end_user_types: WordSet,
    /// Military use or user.
    pub military: Option<bool>,
    /// Knowledge.
    pub knowledge: Option<KnowledgeTest>,
    /// Value of one item.
    pub value_per_item: Option<(Decimal, Currency)>,
    /// A fact that no request carries.
    pub undetermined: Option<Word>,
    /// Kinds of licence hit by a suspension.
    pub licence_kinds: SmallVec<[LicenceKind; 2]>,
    /// Does it name places or parties? Then an annex that is not stated is unknown for unlisted goods.
    pub is_aimed: bool,
}

/// Which places a destination looks at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent places and one quantifier")]
pub struct LookAt {
    /// The destination.
    pub destination: bool,
    /// The place of use.
    pub end_use: bool,
    /// Parties that receive the goods.
    pub party: bool,
    /// Countries on the way.
    pub transit: bool,
    /// All of them must fit, instead of any.
    pub all: bool,
}

/// The destination dimension.
#[derive(Debug, Default)]
pub struct Destination {
    /// Places looked at.
    pub look_at: LookAt,
    /// Countries.
    pub countries: CountrySet,
    /// Groups.
    pub groups: SmallVec<[GroupId; 1]>,
    /// True: everywhere outside `outside_groups` and `outside_countries`.
    pub outside: bool,
    /// Groups to be outside of.
    pub outside_groups: SmallVec<[GroupId; 1]>,
    /// Countries to be outside of.
    pub outside_countries: CountrySet,
    /// Regions.
    pub regions: RegionSet,
    /// Only the part under this control.
    pub control: Option<AreaControl>,
}

/// The goods dimension.
#[derive(Debug, Default)]
pub struct Goods {
    /// Any of these lists; codes and customs codes written in a rule are lists without a name.
    pub lists: SmallVec<[ListId; 2]>,
    /// Goods that were classified and are on no control list.
    pub not_listed: bool,
    /// Taken out: lists.
    pub except_lists: SmallVec<[ListId; 1]>,
    /// Taken out: product groups.
    pub except_groups: SmallVec<[char; 2]>,
}

/// The party dimension.
#[derive(Debug)]
pub struct PartyTest {
    /// Any of these lists.
    pub lists: SmallVec<[PartyListId; 1]>,
    /// Roles looked at; empty is all.
    pub roles: SmallVec<[Role; 2]>,
}

/// The knowledge dimension.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnowledgeTest {
    /// Levels; empty is all.
    pub levels: WordSet,
    /// Subjects; empty is all.
    pub about: WordSet,
}

/// An effect with its condition.
#[derive(Debug)]
pub struct EffectRule {
    /// Always when none.
    pub when: Option<Condition>,
    /// What it does.
    pub effect: Effect,
    /// Duties that ride along.
    pub duties: SmallVec<[Word; 1]>,
}

/// A condition: all that is given must hold.
#[derive(Debug, Default)]
pub struct Condition {
    /// One of these claims; empty is no test.
    pub claims: WordSet,
    /// Military use or user must be so.
    pub military: Option<bool>,
    /// The end use is one of these; empty is no test.
    pub end_uses: WordSet,
    /// The end use is none of these; empty is no test.
    pub not_end_uses: WordSet,
    /// The end-user type is one of these; empty is no test.
    pub end_user_types: WordSet,
    /// The end-user type is none of these; empty is no test.
    pub not_end_user_types: WordSet,
    /// On one of these lists; empty is no test.
    pub in_annex: SmallVec<[ListId; 1]>,
    /// On none of these lists; empty is no test.
    pub not_in_annex: SmallVec<[ListId; 1]>,
    /// No party but the exporter on one of these party lists; empty is no test.
    pub no_party_on: SmallVec<[PartyListId; 1]>,
    /// Knowledge.
    pub knowledge: Option<KnowledgeTest>,
    /// The contract was concluded before this day.
    pub contract_before: Option<Date>,
    /// Export days.
    pub export: Period,
}

/// An exemption.
#[derive(Debug)]
pub struct Exemption {
    /// Its name.
    pub id: Box<str>,
    /// Where in the act.
    pub article: Option<Box<str>>,
    /// When it applies.
    pub when: Condition,
    /// Duties that come with it.
    pub duties: SmallVec<[Word; 2]>,
}

/// A derogation.
#[derive(Debug)]
pub struct Derogation {
    /// Its name.
    pub id: Box<str>,
    /// Where in the act.
    pub article: Option<Box<str>>,
    /// When it turns the ban into a licence duty; none: an authorisation that is offered may satisfy.
    pub when: Option<Condition>,
    /// Duties that come with it.
    pub duties: SmallVec<[Word; 2]>,
}

/// A wind-down.
#[derive(Debug)]
pub struct WindDown {
    /// Where in the act.
    pub article: Option<Box<str>>,
    /// Contracts before this day until that day; `None`: each list row says.
    pub window: Option<(Date, Option<Date>)>,
    /// True: no authorisation is needed. False: a sanctions authorisation is.
    pub permits: bool,
    /// Further conditions.
    pub when: Option<Condition>,
    /// Duties that come with it.
    pub duties: SmallVec<[Word; 2]>,
}

/// A general authorisation.
#[derive(Debug)]
pub struct Permit {
    /// Name under which it is registered.
    pub authorisation: Box<str>,
    /// Ids of the duties that it satisfies.
    pub satisfies: Vec<Box<str>>,
    /// Only for the registered.
    pub registration: bool,
    /// One of these claims must be made; empty is none.
    pub claims: WordSet,
    /// Not with knowledge like this.
    pub not_with_knowledge: Vec<KnowledgeTest>,
    /// Not for these end uses.
    pub not_end_uses: WordSet,
    /// Not for these end-user types.
    pub not_end_user_types: WordSet,
    /// When the authority is to be told of the first use.
    pub first_use_notice: Option<Notice>,
}

/// When the authority is to be told of the first use of a general authorisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Within so many days after it.
    Within(u16),
    /// At least so many days before it.
    Before(u16),
}

/// What papers bring with them.
#[derive(Debug, Default)]
pub struct Papers {
    /// Codes under which a customs declaration names them.
    pub codes: Vec<DeclarationCode>,
    /// What holders of licences owe the authority.
    pub duties: Vec<LicenceDuty>,
}

/// A document code of the customs declaration.
#[derive(Debug)]
pub struct DeclarationCode {
    /// The code.
    pub code: Box<str>,
    /// What it is used for.
    pub used_for: PaperUse,
    /// What it says.
    pub title: TextDoc,
    /// Was it read in the source?
    pub confirmed: bool,
}

/// What a document code stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PaperUse {
    /// A licence that answers this duty.
    Licence(Authorisation),
    /// A general authorisation.
    GeneralAuthorisation,
    /// Goods on no control list.
    NotListed,
}

impl PaperUse {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Licence(Authorisation::DualUse),
        Self::Licence(Authorisation::Military),
        Self::Licence(Authorisation::Sanctions),
        Self::Licence(Authorisation::Transfer),
        Self::GeneralAuthorisation,
        Self::NotListed,
    ];

    /// As rulebooks write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Licence(Authorisation::DualUse) => "dual_use_licence",
            Self::Licence(Authorisation::Military) => "military_licence",
            Self::Licence(Authorisation::Sanctions) => "sanctions_authorisation",
            Self::Licence(Authorisation::Transfer) => "transfer_licence",
            Self::GeneralAuthorisation => "general_authorisation",
            Self::NotListed => "not_listed",
        }
    }

    /// The use of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|used_for| used_for.as_str() == text)
    }
}

/// A duty of holders of licences.
#[derive(Debug)]
pub struct LicenceDuty {
    /// Its id.
    pub id: Box<str>,
    /// When it falls due.
    pub due: DueWhen,
    /// The kinds of licence.
    pub kinds: Vec<LicenceKind>,
    /// What is to be done.
    pub title: TextDoc,
    /// Where it stands.
    pub citation: CitationDoc,
    /// Was it read in the source as it now stands?
    pub confirmed: bool,
}

/// When a duty of a holder falls due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DueWhen {
    /// On the last day of a licence on which nothing was ever written off.
    AtEndUnused,
    /// So many months after a half-year in which goods left.
    AfterHalfYear(u8),
}

impl WordSet {
    /// Is the word in it?
    #[must_use]
    pub const fn contains(self, word: Word) -> bool {
        word.0 < 64 && self.0 & (1 << word.0) != 0
    }

    /// Adds a word; false when the word is beyond the 64th.
    pub const fn insert(&mut self, word: Word) -> bool {
        if word.0 < 64 {
            self.0 |= 1 << word.0;
        }
        word.0 < 64
    }

    /// Is it empty?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Group {
    /// Does the place belong to it on that day?
    #[must_use]
    pub fn contains(&self, place: &Place, day: Date) -> bool {
        let country = self.countries.get(usize::from(place.country.index()));
        let apart = place.region.known && self.without.meets(place.region.set);
        (!apart && country.is_some_and(|periods| periods.iter().any(|period| period.contains(day))))
            || (place.region.known
                && self
                    .regions
                    .iter()
                    .any(|(region, period)| region.meets(place.region.set) && period.contains(day)))
    }
}

impl Rulebook {
    /// A rule version.
    #[must_use]
    pub fn rule(&self, ix: RuleIx) -> Option<&Rule> {
        self.rules.get(usize::try_from(ix.0).ok()?)
    }

    /// Does the place belong to the group on that day?
    #[must_use]
    pub fn in_group(&self, group: GroupId, place: &Place, day: Date) -> bool {
        self.groups.get(usize::from(group.0)).is_some_and(|group| group.contains(place, day))
    }

    /// Ids of the rules, each once, in order.
    #[must_use]
    pub fn rule_ids(&self) -> BTreeMap<&str, usize> {
        let mut ids = BTreeMap::new();
        for rule in &self.rules {
            *ids.entry(&*rule.id).or_default() += 1;
        }
        ids
    }

    /// A party list by id.
    #[must_use]
    pub fn party_list(&self, id: &str) -> Option<PartyListId> {
        let at = self.party_lists.iter().position(|list| &*list.id == id)?;
        u16::try_from(at).ok().map(PartyListId)
    }
}
