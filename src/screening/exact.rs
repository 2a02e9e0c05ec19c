//! The parties of an export against the names that a rulebook lists: equal after normalising, or no hit.

use crate::domain::export::{PartyHit, ProposedExport};
use crate::domain::licence::ListedParty;
use crate::domain::name;
use crate::rulebook::Rulebook;

/// Parties of the export whose normalised name equals a listed one, on any day; the engine tests the day.
///
/// `extra` are listed parties beside those of the rulebook; one on a list that the rulebook does not declare can fire
/// no rule and is passed over.
#[must_use]
pub fn exact(book: &Rulebook, export: &ProposedExport, extra: &[ListedParty]) -> Vec<PartyHit> {
    let mut hits = Vec::new();
    for (party, named) in export.parties.iter().enumerate() {
        for listed in book.listed_names.get(&named.normal_name).into_iter().flatten() {
            hits.push(PartyHit {
                list: listed.list,
                party,
                listed_name: listed.name.clone(),
                listed: listed.listed,
            });
        }
        for listed in extra.iter().filter(|listed| name::normalise(&listed.name) == named.normal_name) {
            if let Some(list) = book.party_list(&listed.list) {
                hits.push(PartyHit { list, party, listed_name: listed.name.clone(), listed: listed.listed });
            }
        }
    }
    hits
}
