//! The consolidated lists of the European Union (FSF XML 1.1) and of the United Nations.

use super::xml::{Node, records};
use super::{BadRow, PartyFile, add_country};
use crate::domain::period::{Period, parse_date};
use crate::screening::entry::{Birth, Entry, EntryName, Identifier, NameQuality, PartyKind};

/// The consolidated list of the Union: `export/sanctionEntity`.
pub(super) fn read_eu(text: &str) -> PartyFile {
    read(text, &["sanctionEntity"], eu_entry)
}

/// The consolidated list of the Security Council: `CONSOLIDATED_LIST` with `INDIVIDUAL` and `ENTITY`.
pub(super) fn read_un(text: &str) -> PartyFile {
    read(text, &["INDIVIDUAL", "ENTITY"], un_entry)
}

fn read(text: &str, names: &[&str], entry: fn(&Node) -> Result<Entry, String>) -> PartyFile {
    let mut file = PartyFile::default();
    let broken = records(text, names, |row, node| match entry(node) {
        Ok(entry) => file.entries.push(entry),
        Err(why) => file.bad_rows.push(BadRow { row, why }),
    });
    file.bad_rows.extend(broken);
    file
}

fn eu_entry(node: &Node) -> Result<Entry, String> {
    let uid = match node.attribute("euReferenceNumber") {
        "" => node.attribute("logicalId"),
        reference => reference,
    };
    if uid.is_empty() {
        return Err("has neither an EU reference number nor a logical id".to_owned());
    }
    let mut entry = Entry { uid: uid.into(), list: "eu_fsf".into(), ..Entry::default() };
    for subject in node.children("subjectType") {
        entry.kind = match subject.attribute("code") {
            "person" => PartyKind::Person,
            "enterprise" => PartyKind::Organisation,
            _ => PartyKind::Unknown,
        };
    }
    for alias in node.children("nameAlias") {
        let quality =
            if alias.attribute("strong") == "false" { NameQuality::Weak } else { NameQuality::Strong };
        push(&mut entry, alias.attribute("wholeName"), quality);
    }
    if entry.names.is_empty() {
        return Err(format!("`{uid}` has no name"));
    }
    for place in node.children("citizenship").chain(node.children("address")) {
        add_country(&mut entry, place.attribute("countryIso2Code"));
    }
    for birth in node.children("birthdate") {
        let day = match birth.attribute("birthdate") {
            "" => birth.attribute("year"),
            day => day,
        };
        entry.births.extend(Birth::parse(day));
    }
    for document in node.children("identification") {
        entry.identifiers.extend(Identifier::parse(document.attribute("number")));
    }
    // The first act that lists the party, as far as the file keeps it.
    let days = node.children("regulation").filter_map(|act| {
        let day = match act.attribute("entryIntoForceDate") {
            "" => act.attribute("publicationDate"),
            day => day,
        };
        parse_date(day).ok()
    });
    entry.listed = Period { from: days.min(), until: None };
    Ok(entry)
}

fn un_entry(node: &Node) -> Result<Entry, String> {
    let uid = match node.text("REFERENCE_NUMBER") {
        "" => node.text("DATAID"),
        reference => reference,
    };
    if uid.is_empty() {
        return Err("has neither a reference number nor a data id".to_owned());
    }
    let is_person = node.children("INDIVIDUAL_DATE_OF_BIRTH").next().is_some()
        || node.children("INDIVIDUAL_ALIAS").next().is_some()
        || node.children("INDIVIDUAL_DOCUMENT").next().is_some();
    let mut entry = Entry {
        uid: uid.into(),
        list: "un_sc".into(),
        kind: if is_person { PartyKind::Person } else { PartyKind::Organisation },
        ..Entry::default()
    };
    let parts = ["FIRST_NAME", "SECOND_NAME", "THIRD_NAME", "FOURTH_NAME"].map(|part| node.text(part));
    let whole = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    push(&mut entry, &whole, NameQuality::Strong);
    push(&mut entry, node.text("NAME_ORIGINAL_SCRIPT"), NameQuality::Strong);
    for alias in node.children("INDIVIDUAL_ALIAS").chain(node.children("ENTITY_ALIAS")) {
        let quality = match alias.text("QUALITY") {
            "Low" => NameQuality::Weak,
            "f.k.a." => NameQuality::Former,
            _ => NameQuality::Strong,
        };
        push(&mut entry, alias.text("ALIAS_NAME"), quality);
    }
    if entry.names.is_empty() {
        return Err(format!("`{uid}` has no name"));
    }
    for nationality in node.list("NATIONALITY", "VALUE") {
        let country = nationality.own_text().to_owned();
        add_country(&mut entry, &country);
    }
    for address in node.children("INDIVIDUAL_ADDRESS").chain(node.children("ENTITY_ADDRESS")) {
        add_country(&mut entry, address.text("COUNTRY"));
    }
    for birth in node.children("INDIVIDUAL_DATE_OF_BIRTH") {
        let day = match birth.text("DATE") {
            "" => birth.text("YEAR"),
            day => day,
        };
        entry.births.extend(Birth::parse(day));
    }
    for document in node.children("INDIVIDUAL_DOCUMENT") {
        entry.identifiers.extend(Identifier::parse(document.text("NUMBER")));
    }
    let listed = node.text("LISTED_ON").get(..10).and_then(|day| parse_date(day).ok());
    entry.listed = Period { from: listed, until: None };
    Ok(entry)
}

fn push(entry: &mut Entry, name: &str, quality: NameQuality) {
    let known = entry.names.iter().any(|known| &*known.name == name);
    if name.chars().any(char::is_alphanumeric) && !known {
        entry.names.push(EntryName { name: name.into(), quality });
    }
}

#[cfg(test)]
mod tests {
    use crate::screening::entry::{NameQuality, PartyKind};
    use crate::screening::list::read;

    #[test]
    fn a_party_of_the_union_is_an_entry() {
        let text = r#"<export xmlns="http://eu.europa.ec/fpi/fsd/export"><sanctionEntity euReferenceNumber="EU.27.28" logicalId="13"><regulation publicationDate="2003-07-08" entryIntoForceDate="2003-07-07"/><subjectType code="person"/><nameAlias wholeName="Saddam Hussein Al-Tikriti" strong="true"/><nameAlias wholeName="Abu Ali" strong="false"/><birthdate birthdate="1937-04-28" year="1937"/><citizenship countryIso2Code="IQ"/></sanctionEntity></export>"#;
        let entry = &read("x", text.as_bytes()).unwrap().entries[0];
        assert_eq!((&*entry.uid, &*entry.list, entry.kind), ("EU.27.28", "eu_fsf", PartyKind::Person));
        assert_eq!(entry.names[1].quality, NameQuality::Weak);
        assert_eq!(entry.listed.from.unwrap().to_string(), "2003-07-07");
        assert_eq!((entry.births[0].year, entry.countries[0].code()), (1937, "IQ"));
    }

    #[test]
    fn a_party_of_the_united_nations_is_an_entry() {
        let text = "<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><DATAID>1</DATAID><FIRST_NAME>ERIC</FIRST_NAME><SECOND_NAME>BADEGE</SECOND_NAME><REFERENCE_NUMBER>CDi.001</REFERENCE_NUMBER><LISTED_ON>2012-12-31</LISTED_ON><NATIONALITY><VALUE>Democratic Republic of the Congo</VALUE></NATIONALITY><INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Rico</ALIAS_NAME></INDIVIDUAL_ALIAS><INDIVIDUAL_DATE_OF_BIRTH><YEAR>1971</YEAR></INDIVIDUAL_DATE_OF_BIRTH></INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>";
        let entry = &read("x", text.as_bytes()).unwrap().entries[0];
        assert_eq!((&*entry.uid, &*entry.names[0].name), ("CDi.001", "ERIC BADEGE"));
        assert_eq!(entry.names[1].quality, NameQuality::Weak);
        assert_eq!(entry.countries[0].code(), "CD");
        assert_eq!(entry.listed.from.unwrap().to_string(), "2012-12-31");
    }
}
