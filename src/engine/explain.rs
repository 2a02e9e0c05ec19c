//! The facts that made a rule fire, as people would name them.

use smallvec::SmallVec;

use super::decision::Fact;
use super::evaluate::{Facts, Line, Member, Unstated};
use crate::domain::code::{Classification, ControlCode};
use crate::domain::export::Place;
use crate::rulebook::model::{Destination, Exemption, Goods, Rule};

/// The facts that a rule's alternative matched or turns on.
#[must_use]
pub fn facts(facts: &Facts<'_>, line: &Line<'_>, rule: &Rule, alternative: usize) -> SmallVec<[Fact; 4]> {
    let mut found = SmallVec::new();
    let Some(scope) = rule.scope.get(alternative) else { return found };
    let vocabulary = &facts.book.vocabulary;
    let mut push = |field: &'static str, value: Box<str>| found.push(Fact { field, value });
    if let Some(destination) = &scope.destination {
        places(facts, destination, &mut push);
    }
    if let Some(goods) = &scope.goods {
        goods_facts(facts, line, goods, &mut push);
    }
    if let Some(test) = &scope.parties {
        for hit in facts.party_hits(test) {
            let part = facts.export.parties.get(hit.party).map_or("", |party| party.role.as_str());
            let list = facts.book.party_lists.get(usize::from(hit.list.0)).map_or("", |list| &*list.id);
            push("party", format!("{part}: `{}` on `{list}`", hit.listed_name).into());
        }
    }
    let military = scope.military.is_some();
    if let Some(word) = facts.export.end_use.filter(|_| military || !scope.end_uses.is_empty()) {
        push("end_use", vocabulary.end_uses.id(word).into());
    }
    if let Some(word) = facts.export.end_user_type.filter(|_| military || !scope.end_user_types.is_empty()) {
        push("end_user.type", vocabulary.end_user_types.id(word).into());
    }
    if let Some(known) = facts.export.knowledge.filter(|_| scope.knowledge.is_some()) {
        let level = vocabulary.knowledge_levels.id(known.level);
        let about = vocabulary.knowledge_subjects.id(known.about);
        push("knowledge", format!("{level} of {about}").into());
    }
    if let Some((limit, currency)) = scope.value_per_item {
        let goods = line.goods;
        push(
            "value_per_item",
            format!("{} for {}, limit {limit} {currency} an item", goods.value, goods.quantity).into(),
        );
    }
    if let Some(word) = scope.undetermined {
        push("undetermined", vocabulary.undetermined_facts.id(word).into());
    }
    if !rule.wind_downs.is_empty()
        && let Some(date) = facts.export.contract_date
    {
        push("contract_date", date.to_string().into());
    }
    found
}

/// Why an exemption that is claimed does not lift the finding.
#[must_use]
pub fn not_exempt(facts: &Facts<'_>, line: &Line<'_>, exemption: &Exemption) -> Fact {
    let named = exemption
        .article
        .as_deref()
        .map_or_else(|| exemption.id.to_string(), |article| format!("{} (Art {article})", exemption.id));
    let missing: Vec<&str> = facts.condition(&exemption.when, line).1.fields().collect();
    let why = if missing.is_empty() {
        "its conditions are not met".to_owned()
    } else {
        format!("not known: {}", missing.join(", "))
    };
    Fact { field: "exemption_claims", value: format!("{named} does not apply, {why}").into() }
}

fn places(facts: &Facts<'_>, test: &Destination, push: &mut impl FnMut(&'static str, Box<str>)) {
    if test.look_at.transit {
        for country in &facts.export.transit {
            push("transit_countries", country.code().into());
        }
    }
    let mut say = |field: &'static str, place: &Place| {
        let region = facts.book.vocabulary.region_code(place.region.set).filter(|_| place.region.known);
        let named = match region {
            Some(region) => format!("{} ({region})", place.country),
            None => place.country.code().to_owned(),
        };
        push(field, named.into());
    };
    let export = facts.export;
    if test.look_at.destination {
        say("destination", &export.destination);
    }
    if test.look_at.end_use && export.end_use_place != export.destination {
        say("end_use_country", &export.end_use_place);
    }
    if test.look_at.party {
        for party in export.parties.iter().filter(|party| party.role.receives()) {
            if party.place.country != export.destination.country {
                say(party.role.as_str(), &party.place);
            }
        }
    }
}

fn goods_facts(
    facts: &Facts<'_>,
    line: &Line<'_>,
    test: &Goods,
    push: &mut impl FnMut(&'static str, Box<str>),
) {
    for list_id in &test.lists {
        let Some(list) = facts.book.goods.list(*list_id) else { continue };
        let name = if list.id.is_empty() { "the codes of the rule" } else { &*list.id };
        let member = facts.member(*list_id, line, Unstated::ForUnlistedGoods);
        if !matches!(member, Member::Yes | Member::Limited | Member::Unknown(_)) {
            continue;
        }
        let is_stated = line.goods.stated.as_ref().is_some_and(|stated| stated.contains(list_id));
        if is_stated {
            push("annex_items", name.into());
        } else if let Some(row) = facts.cn_rows(*list_id, line).next() {
            let ex = if row.ex { "ex " } else { "" };
            push("cn", format!("{ex}{} of {name}", row.cn).into());
        } else if let (Classification::Code(code), true) = (&line.goods.classification, member != Member::No)
        {
            let limit = code.lineage().find_map(|code| list.limits.get(code));
            match limit.filter(|_| member == Member::Limited) {
                Some(limit) => push("code", format!("{code} of {name}, which adds: {limit}").into()),
                None => push("code", format!("{code} of {name}").into()),
            }
        } else {
            push("annex_items", format!("not stated: {name}").into());
        }
    }
    if test.not_listed && line.goods.classification == Classification::NotListed {
        push("code", "NOT_LISTED".into());
    }
}

/// Why a well-formed code is in no list of the rulebook, with what its third digit tells.
#[must_use]
pub fn unknown_code(code: &ControlCode) -> String {
    let hint = match code.as_str().as_bytes().get(2) {
        Some(b'9') => {
            "; the 900 series holds US unilateral and other national controls: classify the goods under Annex I"
        }
        Some(b'6') => {
            "; the 600 series is the US munitions list: classify the goods under the Common Military List"
        }
        Some(b'5') => {
            "; the 500 series is a US one, or of the EU list of 2025: classify the goods under the list in force"
        }
        _ => "; check the code against Annex I in force on the export date",
    };
    format!("`{code}` is in no EU list of the rulebook{hint}")
}
