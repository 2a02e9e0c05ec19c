//! The shapes of worked cases: a request, what the service knew before it, and what the law makes of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::domain::request::{RawRequest, null_is_absent};

/// A file of worked cases, `*_test.yaml` in a rulebook or any file given to `slagboom test`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// What the rule ids stand for, for readers.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub citations: BTreeMap<String, String>,
    /// The cases.
    pub cases: Vec<CaseDoc>,
}

/// A worked case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CaseDoc {
    /// Short and stable.
    pub id: String,
    /// A sentence.
    pub title: String,
    /// What is asked.
    pub request: RawRequest,
    /// The state of the service before the request.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub given: GivenDoc,
    /// What must come out.
    pub expect: ExpectDoc,
    /// Why.
    #[serde(default)]
    pub why: Option<String>,
    /// `high`, `medium` or `low`.
    #[serde(default)]
    pub confidence: Option<String>,
}

/// The state of the service before a request.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GivenDoc {
    /// Licences with caps and used amounts.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub licences: Vec<LicenceDoc>,
    /// Listed parties beside those of the rulebook.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub listed_parties: Vec<GivenPartyDoc>,
    /// General authorisations for which the exporter is registered.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub registered_general_authorisations: Vec<String>,
    /// Rates; empty is none known.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub exchange_rates: Vec<RateDoc>,
    /// When a rule became known, for all its versions; a rule not named is always known.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub rule_recorded_at: BTreeMap<String, String>,
    /// Releases by people.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub clearances: Vec<ClearanceDoc>,
}

/// A licence as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LicenceDoc {
    /// Number.
    pub number: String,
    /// `individual`, `global`, `military`, `sanctions` or `transfer`.
    pub kind: String,
    /// Must be the exporter.
    pub holder: String,
    /// `active`, `suspended`, `revoked` or `returned`.
    pub status: String,
    /// First day; null is open.
    #[serde(deserialize_with = "Option::deserialize")]
    pub valid_from: Option<String>,
    /// Last day; null is open.
    #[serde(deserialize_with = "Option::deserialize")]
    pub valid_to: Option<String>,
    /// Countries of final destination.
    pub destinations: Vec<String>,
    /// End users; null is any.
    #[serde(default)]
    pub end_users: Option<Vec<String>>,
    /// Consignees; null is any.
    #[serde(default)]
    pub consignees: Option<Vec<String>>,
    /// Goods lines.
    pub lines: Vec<LicenceLineDoc>,
}

/// A goods line of a licence as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LicenceLineDoc {
    /// Line number.
    pub line: u32,
    /// Code, covering what is below it; `NOT_LISTED` for goods on no control list.
    pub code: String,
    /// Cap on the quantity; null is none.
    #[serde(default)]
    pub cap_quantity: Option<String>,
    /// Unit.
    pub unit: String,
    /// Cap on the value; null is none.
    #[serde(default)]
    pub cap_value: Option<String>,
    /// Currency.
    pub currency: String,
    /// Exported.
    #[serde(default)]
    pub confirmed_value: Option<String>,
    /// Exported.
    #[serde(default)]
    pub confirmed_quantity: Option<String>,
    /// Promised to other orders.
    #[serde(default)]
    pub reserved_value: Option<String>,
    /// Promised to other orders.
    #[serde(default)]
    pub reserved_quantity: Option<String>,
}

/// A listed party as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct GivenPartyDoc {
    /// Name.
    pub name: String,
    /// Party list.
    pub list: String,
    /// First day.
    pub listed_from: String,
    /// Last day.
    #[serde(default)]
    pub listed_until: Option<String>,
}

/// A rate as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct RateDoc {
    /// Currency.
    pub currency: String,
    /// Day.
    pub date: String,
    /// Euro for one unit.
    pub eur_per_unit: String,
}

/// A release as text.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ClearanceDoc {
    /// Its id.
    pub id: String,
    /// The findings cleared, by rule id.
    pub findings: Vec<String>,
    /// First day.
    #[serde(default)]
    pub valid_from: Option<String>,
    /// Last day.
    #[serde(default)]
    pub valid_to: Option<String>,
}

/// What must come out of a case. Rules, findings and duties are a minimum.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ExpectDoc {
    /// An outcome, or `INVALID_REQUEST`.
    pub outcome: String,
    /// Basis of PERMITTED.
    #[serde(default)]
    pub basis: Option<String>,
    /// Rules that must be among the findings.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub rules: Vec<String>,
    /// Further findings that must be reported.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub other_findings: Vec<String>,
    /// Outcome by line number.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub lines: BTreeMap<u32, String>,
    /// Duties that must be among those returned.
    #[serde(default, deserialize_with = "null_is_absent")]
    pub duties: Vec<String>,
    /// Value left on the licence line that was used.
    #[serde(default)]
    pub remaining_value: Option<String>,
}
