//! `papers.yaml`: what papers bring with them.

use serde::Deserialize;

use super::{CitationDoc, TextDoc};

/// `papers.yaml`, which a rulebook may leave out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PapersDoc {
    /// Codes under which a customs declaration names a paper.
    #[serde(default)]
    pub declaration_codes: Vec<DeclarationCodeDoc>,
    /// What holders of licences owe the authority beside the duties of a decision.
    #[serde(default)]
    pub licence_duties: Vec<LicenceDutyDoc>,
}

/// A document code of the customs declaration.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DeclarationCodeDoc {
    /// The code, such as `X002`.
    pub code: String,
    /// What it is used for: `dual_use_licence`, `military_licence`, `sanctions_authorisation`, `transfer_licence`,
    /// `general_authorisation`, or `not_listed` for goods that are on no control list.
    pub used_for: Vec<String>,
    /// What it says, for people.
    pub title: TextDoc,
    /// Where it comes from.
    pub citation: CitationDoc,
    /// `confirmed` or `assumed`.
    pub confidence: String,
}

/// A duty of holders of licences.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct LicenceDutyDoc {
    /// Its id, as answers write it.
    pub id: String,
    /// When it falls due: `at_end_unused` (the last day of a licence on which nothing was ever written off) or
    /// `after_half_year` (`months` after a half-year of the calendar in which goods left).
    pub due: String,
    /// Months after the half-year.
    #[serde(default)]
    pub months: u8,
    /// The kinds of licence.
    pub licence_kinds: Vec<String>,
    /// What is to be done, for people.
    pub title: TextDoc,
    /// Where it stands.
    pub citation: CitationDoc,
    /// `confirmed` or `assumed`.
    pub confidence: String,
}
