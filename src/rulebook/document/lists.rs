//! Lists of goods and parties, as people write them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{CitationDoc, TextDoc};

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

const fn yes() -> bool {
    true
}
