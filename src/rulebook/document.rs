//! The shapes of the YAML files in a rulebook folder, as people write them.
//!
//! These types only carry text; [`super::compile`] turns them into a [`super::Rulebook`] and says, with file,
//! line and column, what does not hold. Plain structs throughout: an untagged or flattened shape would let a
//! YAML reader guess types, and then the code `5E002` is the number 500. Every struct denies unknown fields, so
//! that a typo can never silently widen a rule.

use std::collections::BTreeMap;

use serde::Deserialize;

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

/// A file under `lists/`: one or more lists of goods or parties.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ListsDoc {
    /// Lists of goods.
    #[serde(default)]
    pub goods_lists: Vec<GoodsListDoc>,
    /// Lists of parties named by an act.
    #[serde(default)]
    pub party_lists: Vec<PartyListDoc>,
}

/// A list of goods: by control codes, by customs codes, by item numbers of an annex, or by statement only.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GoodsListDoc {
    /// Id, such as `EU-AnnexI` or `833/2014:II`; also the name under which `annex_items` states it.
    pub id: String,
    /// What it is.
    pub title: TextDoc,
    /// The act that holds it.
    pub citation: CitationDoc,
    /// `confirmed` or `assumed`.
    pub confidence: String,
    /// What was and was not read.
    #[serde(default)]
    pub note: Option<String>,
    /// True for the list that makes a code valid in the `code` field (Annex I, the military list): a code in none
    /// of these is CODE-CHECK.
    #[serde(default)]
    pub classification: bool,
    /// May `annex_items` state this list? False for lists that only codes decide.
    #[serde(default = "yes")]
    pub stateable: bool,
    /// Are the customs codes the whole list, so that a code outside them is not on it? False where `cn` is only a
    /// part of it.
    #[serde(default = "yes")]
    pub cn_complete: bool,
    /// Control codes, a code covering its sub-items: `"5A002"`, `"5A"`, `"0"`, `"1C350..1C354"`, `"ML1"`.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Control codes that the act lists only with a limit or condition (see `limit`).
    #[serde(default)]
    pub limited_codes: Vec<LimitedCodeDoc>,
    /// Codes taken out again, such as `0C001` out of "all of category 0".
    #[serde(default)]
    pub except_codes: Vec<String>,
    /// Known sub-items of the codes, only to warn of a sub-item that the list does not know.
    #[serde(default)]
    pub sub_items: Vec<String>,
    /// Titles of entries, for explanations: code to the act's opening words.
    #[serde(default)]
    pub entry_titles: BTreeMap<String, String>,
    /// Customs codes of the list.
    #[serde(default)]
    pub cn: Vec<CnRowDoc>,
    /// Item numbers of an annex, such as `X.A.I.001`; `annex_items` may state them instead of the annex.
    #[serde(default)]
    pub items: Vec<String>,
}

/// A control code that is listed only as far as a limit goes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LimitedCodeDoc {
    /// The code.
    pub code: String,
    /// The limit, in short; the act decides.
    pub limit: String,
}

/// A row of a customs-code list.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CnRowDoc {
    /// The code as the act prints it, with or without spaces, such as `7304 11 00`, or `88` for a chapter.
    pub cn: String,
    /// `ex`: only goods as described; a hit is then "maybe".
    #[serde(default)]
    pub ex: bool,
    /// What the row describes.
    #[serde(default)]
    pub what: Option<String>,
    /// Part of the annex.
    #[serde(default)]
    pub part: Option<String>,
    /// First day on which the row is on the list; the rule's own first day when left out.
    #[serde(default)]
    pub from: Option<String>,
    /// Wind-down of this row: contracts concluded before this day …
    #[serde(default)]
    pub contract_before: Option<String>,
    /// … may be executed until this day, inclusive (rules with `by_list_row: true`).
    #[serde(default)]
    pub wind_down_until: Option<String>,
}

/// A list of parties that an act names.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PartyListDoc {
    /// Id, such as `833/2014:IV`.
    pub id: String,
    /// What it is.
    pub title: TextDoc,
    /// The act.
    pub citation: CitationDoc,
    /// `confirmed` or `assumed`.
    pub confidence: String,
    /// What was and was not read.
    #[serde(default)]
    pub note: Option<String>,
    /// The parties; may be empty where the list comes from elsewhere.
    #[serde(default)]
    pub parties: Vec<ListedPartyDoc>,
}

/// A listed party.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ListedPartyDoc {
    /// Name as the act prints it.
    pub name: String,
    /// First day, inclusive.
    pub listed_from: String,
    /// Last day, inclusive.
    #[serde(default)]
    pub listed_until: Option<String>,
    /// Other names that the act gives.
    #[serde(default)]
    pub also: Vec<String>,
    /// Tax or registration number that the act gives.
    #[serde(default)]
    pub registration: Option<String>,
}

/// A file under `acts/`: the rules of one act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ActDoc {
    /// Name of the act, for people.
    pub act: String,
    /// Its rules.
    pub rules: Vec<RuleDoc>,
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

/// One version of one rule. Its fields stand in the order in which an officer reads them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RuleDoc {
    /// Id, such as `RU-833-ART2-2022`; the same for all versions.
    pub id: String,
    /// 1, 2, …
    pub version: u32,
    /// What it is called.
    pub title: TextDoc,
    /// Where it stands.
    pub citation: CitationDoc,
    /// The days on which it applies, as the law was known when this version was recorded.
    pub effective: PeriodDoc,
    /// When this version became knowable: the moment of publication (RFC 3339).
    pub recorded_at: String,
    /// The end of the rule, learnt later than its beginning: from `recorded_at` of the end on, the rule counts as
    /// running until `until`; before that moment it was open-ended. Short for a version that supersedes this one
    /// and changes nothing but the last day.
    #[serde(default)]
    pub ended: Option<EndedDoc>,
    /// The version of this id that this one replaces from its `recorded_at` on (its days may then overlap).
    #[serde(default)]
    pub supersedes: Option<u32>,
    /// `confirmed` or `assumed`.
    pub confidence: String,
    /// What is assumed and why, or what was not read.
    #[serde(default)]
    pub note: Option<String>,
    /// When it applies: any alternative; inside one, all dimensions.
    pub scope: Vec<ScopeDoc>,
    /// What it does: the first whose `when` holds. A `when` that is unknown stops there: the finding is UNKNOWN.
    pub effects: Vec<EffectDoc>,
    /// Lift the finding.
    #[serde(default)]
    pub exemptions: Vec<ExemptionDoc>,
    /// Still need a sanctions authorisation: turn the effect into `require_licence` when `when` holds. A derogation
    /// without `when` says only that an authorisation is possible: one that is offered and covers satisfies.
    #[serde(default)]
    pub derogations: Vec<DerogationDoc>,
    /// Contracts concluded before a day.
    #[serde(default)]
    pub wind_down: Vec<WindDownDoc>,
    /// For `permit` (a general authorisation): what it satisfies and what it asks.
    #[serde(default)]
    pub permit: Option<PermitDoc>,
    /// Order of citations among findings of the same outcome, higher first; decides nothing.
    #[serde(default)]
    pub precedence: u32,
    /// What the exporter reads.
    pub message: TextDoc,
    /// Who wrote and reviewed it.
    #[serde(default)]
    pub provenance: Option<ProvenanceDoc>,
}

/// Inclusive civil days.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PeriodDoc {
    /// First day.
    pub from: String,
    /// Last day; open when null.
    #[serde(default)]
    pub until: Option<String>,
}

/// The end of a rule as later knowledge.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EndedDoc {
    /// Last day, inclusive.
    pub until: String,
    /// When that became knowable (RFC 3339).
    pub recorded_at: String,
    /// The act that ended it.
    #[serde(default)]
    pub by: Option<String>,
}

/// One alternative of a scope. Dimensions left out hold always. Three-valued: no if any dimension is no, else
/// unknown if any is unknown, else yes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ScopeDoc {
    /// Activities; all when left out.
    #[serde(default)]
    pub activity: Vec<String>,
    /// Where the goods go.
    #[serde(default)]
    pub destination: Option<DestinationDoc>,
    /// Which goods.
    #[serde(default)]
    pub goods: Option<GoodsDoc>,
    /// Which parties.
    #[serde(default)]
    pub parties: Option<PartiesDoc>,
    /// End uses, any of them; absent fact: unknown.
    #[serde(default)]
    pub end_use: Vec<String>,
    /// End-user types, any of them; absent fact: unknown.
    #[serde(default)]
    pub end_user_type: Vec<String>,
    /// Military end use or military end user.
    #[serde(default)]
    pub military: Option<bool>,
    /// What the exporter was told or knows; absent fact: none.
    #[serde(default)]
    pub knowledge: Option<KnowledgeDoc>,
    /// Value of one item (line value divided by quantity).
    #[serde(default)]
    pub value_per_item: Option<ValueDoc>,
    /// A fact that no request carries (from the vocabulary): always unknown.
    #[serde(default)]
    pub undetermined: Option<String>,
    /// For `suspend_licences`: the kinds of licence that it hits.
    #[serde(default)]
    pub licence_kinds: Vec<String>,
}

/// The destination dimension: some place of the export is one of these. A region that is given beats the country
/// written beside it, so Crimea written as `RU` is `UA` here.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DestinationDoc {
    /// Places looked at, any of them may be it: `destination`, `end_use` (the end-use country, or the destination
    /// where none is given), `party` (consignee, end user, buyer, intermediate consignee), `transit` (a country
    /// on the way). Default `[destination]`.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// Places looked at, all of them must be it (for permissions). Not together with `any_of`.
    #[serde(default)]
    pub all_of: Vec<String>,
    /// Countries.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Groups of `groups.yaml`, tested on the export date.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Everywhere outside these groups.
    #[serde(default)]
    pub outside_groups: Vec<String>,
    /// Everywhere outside these countries (with `outside_groups`: outside both).
    #[serde(default)]
    pub outside_countries: Vec<String>,
    /// Regions. Unknown region: unknown (see the table of absent facts).
    #[serde(default)]
    pub regions: Vec<String>,
    /// Only the part of the regions under this control: `non_government` or `government`; unknown control: unknown.
    #[serde(default)]
    pub area_control: Option<String>,
}

/// The goods dimension: any of what is named, minus `except`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GoodsDoc {
    /// Goods lists by id.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Control codes, as in a list.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Customs codes.
    #[serde(default)]
    pub cn: Vec<String>,
    /// True: goods that were classified and are on no control list (`NOT_LISTED`).
    #[serde(default)]
    pub not_listed: bool,
    /// Taken out again. In a permission, a coarser code counts as taken out.
    #[serde(default)]
    pub except: Option<ExceptDoc>,
}

/// Goods taken out of a scope.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ExceptDoc {
    /// Goods lists by id.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Control codes.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Product groups: `A` … `E`.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The party dimension: some party is on one of these lists on the export date.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PartiesDoc {
    /// Party lists by id.
    pub lists: Vec<String>,
    /// Roles looked at: `exporter`, `consignee`, `end_user`, `buyer`, `intermediate_consignee`, `forwarder`,
    /// `broker`, `bank`; all but the exporter when left out.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// The knowledge dimension.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct KnowledgeDoc {
    /// Levels, any; all when left out.
    #[serde(default)]
    pub levels: Vec<String>,
    /// Subjects, any; all when left out.
    #[serde(default)]
    pub about: Vec<String>,
}

/// A value threshold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ValueDoc {
    /// More than this amount, a decimal.
    pub more_than: String,
    /// ISO 4217 code.
    pub currency: String,
}

/// What a rule does, and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct EffectDoc {
    /// Condition; always when left out.
    #[serde(default)]
    pub when: Option<ConditionDoc>,
    /// `prohibit`, `require_licence`, `require_transfer_licence`, `suspend_licences` (counts only where a licence
    /// would otherwise cover), `licence_exceeded` (counts only where a licence fails on nothing but a cap),
    /// `review`, `policy`, `permit` or `duty`.
    pub effect: String,
    /// For `require_licence`: the kind that satisfies it: `dual_use` (default), `military` or `sanctions`.
    #[serde(default)]
    pub authorisation_kind: Option<String>,
    /// Duties that ride along while the finding stands.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// A condition: all that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ConditionDoc {
    /// One of these claims is made.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Neither military end use nor military end user; both must be known.
    #[serde(default)]
    pub not_military: bool,
    /// Military end use or military end user.
    #[serde(default)]
    pub military: bool,
    /// The end use is one of these.
    #[serde(default)]
    pub end_use: Vec<String>,
    /// The end use is known and none of these.
    #[serde(default)]
    pub not_end_use: Vec<String>,
    /// The end-user type is one of these.
    #[serde(default)]
    pub end_user_type: Vec<String>,
    /// The end-user type is known and none of these.
    #[serde(default)]
    pub not_end_user_type: Vec<String>,
    /// The goods are on one of these lists.
    #[serde(default)]
    pub in_annex: Vec<String>,
    /// The goods are known to be on none of these lists.
    #[serde(default)]
    pub not_in_annex: Vec<String>,
    /// No party (all roles but the exporter) is on one of these party lists.
    #[serde(default)]
    pub no_party_on: Vec<String>,
    /// Knowledge.
    #[serde(default)]
    pub knowledge: Option<KnowledgeDoc>,
    /// The contract date is known and before this day.
    #[serde(default)]
    pub contract_before: Option<String>,
    /// The export date is this day or later.
    #[serde(default)]
    pub export_from: Option<String>,
    /// The export date is this day or earlier.
    #[serde(default)]
    pub export_until: Option<String>,
}

/// An exemption: no authorisation is needed. A permission: an unknown fact never makes it apply.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ExemptionDoc {
    /// Short name, such as `humanitarian`.
    pub id: String,
    /// Where in the act, such as `2(3)(a)`.
    #[serde(default)]
    pub article: Option<String>,
    /// When it applies.
    pub when: ConditionDoc,
    /// Duties that come with it.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// A derogation: an authority may authorise.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DerogationDoc {
    /// Short name.
    pub id: String,
    /// Where in the act.
    #[serde(default)]
    pub article: Option<String>,
    /// When it turns the ban into a licence duty; left out, an authorisation that is offered may satisfy, and
    /// without one the ban stands.
    #[serde(default)]
    pub when: Option<ConditionDoc>,
    /// Duties that come with it.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// A wind-down for old contracts.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct WindDownDoc {
    /// Where in the act.
    #[serde(default)]
    pub article: Option<String>,
    /// Contracts concluded before this day; with `by_list_row` the row says.
    #[serde(default)]
    pub contract_before: Option<String>,
    /// Last day, inclusive; open when null; with `by_list_row` the row says.
    #[serde(default)]
    pub until: Option<String>,
    /// The row of the customs list that is hit carries both dates.
    #[serde(default)]
    pub by_list_row: bool,
    /// `permit` (no authorisation needed; while the contract date is unknown the finding is UNKNOWN) or
    /// `require_licence` (a sanctions authorisation; while the contract date is unknown the ban stands).
    pub result: String,
    /// Further conditions.
    #[serde(default)]
    pub when: Option<ConditionDoc>,
    /// Duties that come with it.
    #[serde(default)]
    pub duties: Vec<String>,
}

/// What a general authorisation satisfies and asks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PermitDoc {
    /// Name under which it is registered, such as `EU001`.
    pub authorisation: String,
    /// Ids of the licence duties that it satisfies.
    pub satisfies: Vec<String>,
    /// It may be used only by a registered exporter.
    #[serde(default = "yes")]
    pub registration: bool,
    /// The exporter must claim its conditions with one of these words.
    #[serde(default)]
    pub claims: Vec<String>,
    /// It may not be used when the exporter has knowledge like this (any of them).
    #[serde(default)]
    pub not_with_knowledge: Vec<KnowledgeDoc>,
    /// It may not be used for these end uses.
    #[serde(default)]
    pub not_end_use: Vec<String>,
    /// It may not be used for these end-user types; an unknown type: not usable.
    #[serde(default)]
    pub not_end_user_type: Vec<String>,
}

/// Who wrote and reviewed a rule.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ProvenanceDoc {
    /// Author.
    #[serde(default)]
    pub author: Option<String>,
    /// Reviewer.
    #[serde(default)]
    pub reviewer: Option<String>,
    /// SHA-256 of the source text, hex.
    #[serde(default)]
    pub source_sha256: Option<String>,
}

const fn yes() -> bool {
    true
}
