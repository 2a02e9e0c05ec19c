//! FollowTheMoney entities, one JSON object a line: the exchange form of OpenSanctions.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;

use super::{BadRow, PartyFile};
use crate::domain::period::{Period, parse_date};
use crate::screening::entry::{Birth, Entry, EntryName, Identifier, NameQuality, PartyKind};
use crate::screening::place::country_of;

#[derive(Deserialize)]
struct EntityDoc<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    schema: Cow<'a, str>,
    #[serde(borrow, default)]
    caption: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    datasets: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    properties: PropertiesDoc<'a>,
}

type Values<'a> = Vec<Cow<'a, str>>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PropertiesDoc<'a> {
    #[serde(borrow)]
    name: Values<'a>,
    #[serde(borrow)]
    alias: Values<'a>,
    #[serde(borrow)]
    weak_alias: Values<'a>,
    #[serde(borrow)]
    previous_name: Values<'a>,
    #[serde(borrow)]
    birth_date: Values<'a>,
    #[serde(borrow)]
    country: Values<'a>,
    #[serde(borrow)]
    nationality: Values<'a>,
    #[serde(borrow)]
    citizenship: Values<'a>,
    #[serde(borrow)]
    jurisdiction: Values<'a>,
    #[serde(borrow)]
    flag: Values<'a>,
    #[serde(borrow)]
    id_number: Values<'a>,
    #[serde(borrow)]
    passport_number: Values<'a>,
    #[serde(borrow)]
    registration_number: Values<'a>,
    #[serde(borrow)]
    tax_number: Values<'a>,
    #[serde(borrow)]
    inn_code: Values<'a>,
    #[serde(borrow)]
    ogrn_code: Values<'a>,
    #[serde(borrow)]
    lei_code: Values<'a>,
    #[serde(borrow)]
    imo_number: Values<'a>,
    #[serde(borrow)]
    swift_bic: Values<'a>,
    #[serde(borrow)]
    start_date: Values<'a>,
    #[serde(borrow)]
    end_date: Values<'a>,
}

/// Schemas that are no party: owners, addresses, documents and the sanctions themselves.
const NO_PARTY: [&str; 12] = [
    "Address",
    "Directorship",
    "Documentation",
    "Family",
    "Identification",
    "Membership",
    "Ownership",
    "Passport",
    "Sanction",
    "Succession",
    "UnknownLink",
    "Security",
];

pub(super) fn read(list: &str, text: &str) -> PartyFile {
    let mut file = PartyFile::default();
    let mut ids: HashSet<Cow<'_, str>> = HashSet::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = at + 1;
        match serde_json::from_str::<EntityDoc<'_>>(line) {
            Err(error) => file.bad_rows.push(BadRow { row, why: format!("not an entity: {error}") }),
            Ok(doc) if NO_PARTY.contains(&&*doc.schema) => {}
            Ok(doc) if !ids.insert(doc.id.clone()) => {
                file.bad_rows.push(BadRow { row, why: format!("the id `{}` stands twice", doc.id) });
            }
            Ok(doc) => match entry(list, &doc) {
                Ok(entry) => file.entries.push(entry),
                Err(why) => file.bad_rows.push(BadRow { row, why }),
            },
        }
    }
    // A legal entity is a person or a body; where the file names persons, the rest are bodies.
    if file.entries.iter().any(|entry| entry.kind == PartyKind::Person) {
        for entry in file.entries.iter_mut().filter(|entry| entry.kind == PartyKind::Unknown) {
            entry.kind = PartyKind::Organisation;
        }
    }
    file
}

fn entry(list: &str, doc: &EntityDoc<'_>) -> Result<Entry, String> {
    let properties = &doc.properties;
    let mut names: Vec<EntryName> = Vec::with_capacity(properties.name.len() + properties.alias.len());
    let groups = [
        (&properties.name, NameQuality::Strong),
        (&properties.alias, NameQuality::Strong),
        (&properties.previous_name, NameQuality::Former),
        (&properties.weak_alias, NameQuality::Weak),
    ];
    let usable = |name: &&Cow<'_, str>| name.chars().any(char::is_alphanumeric);
    for (group, quality) in groups {
        names.extend(group.iter().filter(usable).map(|name| EntryName { name: (**name).into(), quality }));
    }
    if names.is_empty() {
        names.extend(
            doc.caption
                .iter()
                .filter(usable)
                .map(|name| EntryName { name: (**name).into(), quality: NameQuality::Strong }),
        );
    }
    if names.is_empty() {
        return Err(format!("`{}` has no name", doc.id));
    }
    let day = |values: &Values<'_>| values.first().and_then(|text| parse_date(text).ok());
    let mut entry = Entry {
        uid: (*doc.id).into(),
        list: doc.datasets.first().map_or(list, |dataset| dataset).into(),
        kind: kind(&doc.schema),
        names,
        listed: Period { from: day(&properties.start_date), until: day(&properties.end_date) },
        ..Entry::default()
    };
    let countries = [
        &properties.country,
        &properties.nationality,
        &properties.citizenship,
        &properties.jurisdiction,
        &properties.flag,
    ];
    for country in countries.into_iter().flatten().filter_map(|text| country_of(text)) {
        if !entry.countries.contains(&country) {
            entry.countries.push(country);
        }
    }
    entry.births.extend(properties.birth_date.iter().filter_map(|text| Birth::parse(text)));
    let identifiers = [
        &properties.id_number,
        &properties.passport_number,
        &properties.registration_number,
        &properties.tax_number,
        &properties.inn_code,
        &properties.ogrn_code,
        &properties.lei_code,
        &properties.imo_number,
        &properties.swift_bic,
    ];
    entry.identifiers.extend(identifiers.into_iter().flatten().filter_map(|text| Identifier::parse(text)));
    entry.identifiers.sort();
    entry.identifiers.dedup();
    Ok(entry)
}

fn kind(schema: &str) -> PartyKind {
    match schema {
        "Person" => PartyKind::Person,
        "Vessel" => PartyKind::Vessel,
        "Airplane" => PartyKind::Aircraft,
        "Company" | "Organization" | "PublicBody" => PartyKind::Organisation,
        _ => PartyKind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entity_is_an_entry() {
        let text = r#"{"id":"1","schema":"Vessel","caption":"HAO FAN 2","properties":{"name":["HAO FAN 2"],"imoNumber":["IMO8747604"],"country":["Korea, North"],"weakAlias":["HF"]},"datasets":["un_sc"]}"#;
        let file = read("x", text);
        assert_eq!(file.bad_rows, []);
        let entry = &file.entries[0];
        assert_eq!((&*entry.uid, &*entry.list, entry.kind), ("1", "un_sc", PartyKind::Vessel));
        assert_eq!(entry.names[1].quality, NameQuality::Weak);
        assert_eq!(entry.identifiers[0].as_str(), "IMO8747604");
        assert_eq!(entry.countries[0].code(), "KP");
    }

    #[test]
    fn every_bad_row_is_named() {
        let good = r#"{"id":"1","schema":"Person","properties":{"name":["A B"]}}"#;
        let nameless = r#"{"id":"2","schema":"Person","properties":{"name":["--"]}}"#;
        let cut = r#"{"id":"3","schema":"Pers"#;
        let file = read("x", &[good, nameless, cut, good, ""].join("\n"));
        assert_eq!(file.entries.len(), 1);
        let rows: Vec<usize> = file.bad_rows.iter().map(|bad| bad.row).collect();
        assert_eq!(rows, [2, 3, 4]);
    }
}
