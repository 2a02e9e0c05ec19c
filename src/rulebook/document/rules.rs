//! Rules, as people write them.

use serde::Deserialize;

use super::{CitationDoc, TextDoc};

/// A file under `acts/`: the rules of one act.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ActDoc {
    /// Name of the act, for people.
    pub act: String,
    /// Its rules.
    pub rules: Vec<RuleDoc>,
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
    /// When the authority is to be told of the first use; left out: never.
    #[serde(default)]
    pub first_use_notice: Option<NoticeDoc>,
}

/// When the authority is to be told of the first use of a general authorisation: one of the two.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct NoticeDoc {
    /// Within so many days after it.
    #[serde(default)]
    pub within_days: Option<u16>,
    /// At least so many days before it.
    #[serde(default)]
    pub days_before: Option<u16>,
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
