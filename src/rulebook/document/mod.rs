//! The shapes of the YAML files in a rulebook folder, as people write them.
//!
//! These types only carry text; [`super::compile()`] turns them into a [`super::Rulebook`] and says, with file,
//! line and column, what does not hold. Plain structs throughout: an untagged or flattened shape would let a
//! YAML reader guess types, and then the code `5E002` is the number 500. Every struct denies unknown fields, so
//! that a typo can never silently widen a rule.

mod lists;
mod papers;
mod rules;

use serde::Deserialize;

pub use lists::{CnRowDoc, GoodsListDoc, LimitedCodeDoc, ListedPartyDoc, ListsDoc, PartyListDoc};
pub use papers::{DeclarationCodeDoc, LicenceDutyDoc, PapersDoc};
pub use rules::{
    ActDoc, ConditionDoc, DerogationDoc, DestinationDoc, EffectDoc, EndedDoc, ExceptDoc, ExemptionDoc,
    GoodsDoc, KnowledgeDoc, NoticeDoc, PartiesDoc, PeriodDoc, PermitDoc, ProvenanceDoc, RuleDoc, ScopeDoc,
    ValueDoc, WindDownDoc,
};

/// Text in the two languages of the rulebook.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TextDoc {
    /// English.
    pub en: String,
    /// Dutch.
    pub nl: String,
}

/// `rulebook.yaml`: what the folder is, and the words that requests and rules may use.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RulebookDoc {
    /// Name of the rulebook, such as `eu-nl`.
    pub name: String,
    /// The maintainers' own version label, such as `2026.11`; the digest is what identifies a rulebook.
    pub version: String,
    /// IANA zone whose civil days decide, such as `Europe/Amsterdam`.
    pub time_zone: String,
    /// First day whose law the rulebook holds; an export before it is refused as undecidable.
    pub covers_from: String,
    /// The group of `groups.yaml` inside which a movement is a transfer and no export.
    pub union_group: String,
    /// Languages of the texts; `en` and `nl`.
    pub languages: Vec<String>,
    /// The open vocabularies.
    pub vocabulary: VocabularyDoc,
}

/// The open vocabularies: new law needs new words, not a new release.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct VocabularyDoc {
    /// What the goods will be used for (`end_use`).
    pub end_uses: Vec<WordDoc>,
    /// What kind of body uses them (`end_user.type`).
    pub end_user_types: Vec<WordDoc>,
    /// Exemption and general-authorisation claims (`exemption_claims`).
    pub claims: Vec<WordDoc>,
    /// Duties that may ride along with an answer.
    pub duties: Vec<WordDoc>,
    /// How the exporter knows (`knowledge.level`).
    pub knowledge_levels: Vec<WordDoc>,
    /// What the exporter knows of (`knowledge.about`).
    pub knowledge_subjects: Vec<WordDoc>,
    /// What is being done (`activity`); the first is the default.
    pub activities: Vec<WordDoc>,
    /// Facts that law turns on and that no request carries (`undetermined` in a scope).
    #[serde(default)]
    pub undetermined_facts: Vec<WordDoc>,
}

/// One word of a vocabulary.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks of a word, as written")]
pub struct WordDoc {
    /// The word as requests and rules write it.
    pub id: String,
    /// What it means, for people.
    pub title: TextDoc,
    /// An end use or end-user type that counts as military (`military` in scopes and conditions).
    #[serde(default)]
    pub military: bool,
    /// An end use that counts as use in weapons of mass destruction (the engine's RED-FLAG).
    #[serde(default)]
    pub wmd: bool,
    /// An activity in which goods only pass through: a transit licence answers its licence duties.
    #[serde(default)]
    pub transit: bool,
    /// A word that says that the fact is not known (`unknown`).
    #[serde(default)]
    pub unknown: bool,
    /// Knowledge of this subject is a red flag for listed goods (the engine's RED-FLAG).
    #[serde(default)]
    pub red_flag: bool,
}

/// `groups.yaml`: groups of countries with their dates, such as `EU-CUSTOMS` or `EU001`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GroupsDoc {
    /// The groups.
    pub groups: Vec<GroupDoc>,
}

/// A group of countries and regions.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GroupDoc {
    /// Id, as scopes write it.
    pub id: String,
    /// What it is, for people.
    pub title: TextDoc,
    /// Where the membership is read.
    pub citation: CitationDoc,
    /// `confirmed` or `assumed`.
    pub confidence: String,
    /// Why it is assumed, or what was not read.
    #[serde(default)]
    pub note: Option<String>,
    /// Members with their dates.
    pub members: Vec<MemberDoc>,
}

/// Membership of a group.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct MemberDoc {
    /// ISO 3166-1 alpha-2 code; leave out for a region.
    #[serde(default)]
    pub country: Option<String>,
    /// ISO 3166-2 code, such as `GB-NIR`, of a region declared in `regions.yaml`.
    #[serde(default)]
    pub region: Option<String>,
    /// Regions of the country that do not belong, declared in `regions.yaml`.
    #[serde(default)]
    pub without: Vec<String>,
    /// First day, inclusive; open when left out.
    #[serde(default)]
    pub from: Option<String>,
    /// Last day, inclusive; open when left out.
    #[serde(default)]
    pub until: Option<String>,
    /// What the date rests on.
    #[serde(default)]
    pub note: Option<String>,
}

/// `regions.yaml`: regions that law speaks of, and a small gazetteer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RegionsDoc {
    /// The regions.
    pub regions: Vec<RegionDoc>,
}

/// A region with an ISO 3166-2 code.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RegionDoc {
    /// ISO 3166-2 code, such as `UA-43`.
    pub code: String,
    /// The country that it belongs to, whatever country the caller writes beside it.
    pub country: String,
    /// Countries that are written for it in practice, such as `RU` for Crimea.
    #[serde(default)]
    pub written_for: Vec<String>,
    /// Name.
    pub title: TextDoc,
    /// Place names (any script; compared case-blind, as whole words of an address) that lie in it.
    #[serde(default)]
    pub places: Vec<String>,
    /// Postal-code prefixes (digits, compared with whole numbers of an address) that lie in it: `295` and six
    /// digits in all is written `"295..."`.
    #[serde(default)]
    pub postal_codes: Vec<String>,
}

/// Where a rule stands in law. At least one of `celex`, `bwb`, `stcrt`, `cfsp` or `document` is given;
/// `document` (a public statement that is no act) only with `confidence: assumed`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CitationDoc {
    /// Name of the act, such as `Council Regulation (EU) No 833/2014`.
    pub act: String,
    /// Article, such as `2(1)`, or annex.
    #[serde(default)]
    pub article: Option<String>,
    /// The amending act that gave this wording.
    #[serde(default)]
    pub amended_by: Option<String>,
    /// CELEX number, such as `32014R0833`.
    #[serde(default)]
    pub celex: Option<String>,
    /// Dutch law: BWB number, such as `BWBR0024139`.
    #[serde(default)]
    pub bwb: Option<String>,
    /// Dutch gazette, such as `Stcrt. 2023, 18212`.
    #[serde(default)]
    pub stcrt: Option<String>,
    /// CFSP decision or common position, such as `2014/512/CFSP`.
    #[serde(default)]
    pub cfsp: Option<String>,
    /// A public document that is no act, with its year.
    #[serde(default)]
    pub document: Option<String>,
    /// Official Journal reference, such as `OJ L 229, 31.7.2014, p. 1`.
    #[serde(default)]
    pub oj: Option<String>,
    /// Address of the text.
    #[serde(default)]
    pub url: Option<String>,
}
