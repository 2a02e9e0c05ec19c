//! The Specially Designated Nationals list as OFAC publishes it: SDN.XML, and the files SDN.CSV, ALT.CSV and ADD.CSV,
//! which are one list together and are joined by the entry number.

use super::xml::{Node, records};
use super::{BadRow, PartyFile, Row, add_country, day_in_words};
use crate::screening::entry::{Entry, EntryName, Identifier, NameQuality, PartyKind};

/// The id of the list in all of its files.
const LIST: &str = "us_ofac_sdn";

/// How OFAC writes that there is nothing.
const NOTHING: &str = "-0-";

pub(super) fn read_xml(text: &str) -> PartyFile {
    let mut file = PartyFile::default();
    let broken = records(text, &["sdnEntry"], |row, node| match xml_entry(node) {
        Ok(entry) => file.entries.push(entry),
        Err(why) => file.bad_rows.push(BadRow { row, why }),
    });
    file.bad_rows.extend(broken);
    file
}

fn xml_entry(node: &Node) -> Result<Entry, String> {
    let uid = node.text("uid");
    if uid.is_empty() {
        return Err("has no uid".to_owned());
    }
    let kind = PartyKind::parse(node.text("sdnType"));
    let mut names = Vec::new();
    names.extend(xml_name(node, NameQuality::Strong));
    for alias in node.list("akaList", "aka") {
        let quality = match (alias.text("type"), alias.text("category")) {
            (_, "weak") => NameQuality::Weak,
            ("f.k.a.", _) => NameQuality::Former,
            _ => NameQuality::Strong,
        };
        names.extend(xml_name(alias, quality));
    }
    if names.is_empty() {
        return Err(format!("`{uid}` has no name"));
    }
    let mut entry = Entry { uid: uid.into(), list: LIST.into(), kind, names, ..Entry::default() };
    for item in node.list("dateOfBirthList", "dateOfBirthItem") {
        entry.births.extend(day_in_words(item.text("dateOfBirth")));
    }
    for id in node.list("idList", "id") {
        let what = id.text("idType");
        let number = id.text("idNumber");
        // Some identifications are sentences about sanctions, and web sites are none either.
        if !what.ends_with(['-', ':']) && what != "Website" && what != "Gender" {
            entry.identifiers.extend(Identifier::parse(number));
        }
    }
    for (list, item) in
        [("nationalityList", "nationality"), ("citizenshipList", "citizenship"), ("addressList", "address")]
    {
        for place in node.list(list, item) {
            add_country(&mut entry, place.text("country"));
        }
    }
    for vessel in node.children("vesselInfo") {
        add_country(&mut entry, vessel.text("vesselFlag"));
    }
    Ok(entry)
}

/// A person's name is written family name first, as in the CSV files, so that the family name is known.
fn xml_name(node: &Node, quality: NameQuality) -> Option<EntryName> {
    let (first, last) = (node.text("firstName"), node.text("lastName"));
    let name = match (first.is_empty(), last.is_empty()) {
        (true, true) => return None,
        (true, false) => last.to_owned(),
        (false, true) => first.to_owned(),
        (false, false) => format!("{last}, {first}"),
    };
    name.chars().any(char::is_alphanumeric).then(|| EntryName { name: name.into(), quality })
}

/// SDN.CSV: number, name, type, program, title, call sign, vessel type, tonnage, gross tonnage, flag, owner, remarks.
pub(super) fn sdn_row(row: &Row<'_>) -> Result<Entry, String> {
    let [uid, name, kind, _, _, _, _, _, _, flag, _, remarks] = row.fields()?;
    let kind = match plain(kind) {
        "" => PartyKind::Organisation,
        kind => PartyKind::parse(kind),
    };
    let mut entry = numbered(uid)?;
    entry.kind = kind;
    entry.names.push(EntryName { name: usable(uid, plain(name))?.into(), quality: NameQuality::Strong });
    add_country(&mut entry, plain(flag));
    remark(&mut entry, plain(remarks));
    Ok(entry)
}

/// ALT.CSV: number, number of the alias, aka or fka or nka, name, remarks.
pub(super) fn alt_row(row: &Row<'_>) -> Result<Entry, String> {
    let [uid, _, what, name, _] = row.fields()?;
    let quality = if plain(what) == "fka" { NameQuality::Former } else { NameQuality::Strong };
    let mut entry = numbered(uid)?;
    entry.names.push(EntryName { name: usable(uid, plain(name))?.into(), quality });
    Ok(entry)
}

/// ADD.CSV: number, number of the address, address, city and province, country, remarks.
pub(super) fn add_row(row: &Row<'_>) -> Result<Entry, String> {
    let [uid, _, _, _, country, _] = row.fields()?;
    let mut entry = numbered(uid)?;
    add_country(&mut entry, plain(country));
    Ok(entry)
}

fn numbered(uid: &str) -> Result<Entry, String> {
    if uid.is_empty() || !uid.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{uid}` is no entry number"));
    }
    Ok(Entry { uid: uid.into(), list: LIST.into(), ..Entry::default() })
}

fn plain(field: &str) -> &str {
    let field = field.trim();
    if field == NOTHING { "" } else { field }
}

fn usable<'a>(uid: &str, name: &'a str) -> Result<&'a str, String> {
    if name.chars().any(char::is_alphanumeric) { Ok(name) } else { Err(format!("`{uid}` has no name")) }
}

/// What the remarks of SDN.CSV hold: births, numbers, nationalities, and the weak aliases, which stand nowhere else.
fn remark(entry: &mut Entry, remarks: &str) {
    for part in remarks.trim_end_matches('.').split(';').map(str::trim) {
        let part = part.strip_prefix("alt. ").unwrap_or(part);
        if let Some(alias) = part.strip_prefix("a.k.a. ") {
            let name = alias.trim_matches(['\'', '"', ' ', '.']);
            if name.chars().any(char::is_alphanumeric) {
                entry.names.push(EntryName { name: name.into(), quality: NameQuality::Weak });
            }
        } else if let Some(day) = part.strip_prefix("DOB ") {
            entry.births.extend(day_in_words(day));
        } else if let Some(country) =
            part.strip_prefix("nationality ").or_else(|| part.strip_prefix("citizen "))
        {
            add_country(entry, country);
        } else if let Some(number) = number_of(part) {
            entry.identifiers.extend(Identifier::parse(number));
        }
    }
}

/// `Passport T321642 (Colombia)`, `Tax ID No. 123456 (Russia)`: the number.
fn number_of(part: &str) -> Option<&str> {
    const KINDS: [&str; 12] = [
        "Passport ",
        "Cedula No. ",
        "National ID No. ",
        "Tax ID No. ",
        "NIT # ",
        "R.F.C. ",
        "C.U.R.P. ",
        "Registration ID ",
        "Registration Number ",
        "Vessel Registration Identification ",
        "SWIFT/BIC ",
        "Legal Entity Number ",
    ];
    let number = KINDS.iter().find_map(|kind| part.strip_prefix(kind))?;
    Some(number.split('(').next().unwrap_or(number).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screening::entry::Birth;
    use crate::screening::list::read;
    use crate::screening::place::country_of;

    #[test]
    fn the_three_files_are_one_list() {
        let sdn = "3754,\"ABU MARZOOK, Mousa Mohammed\",individual,SDGT,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB 09 Feb 1951; POB Gaza, Egypt; Passport 92/664 (Egypt); a.k.a. 'ABU-'UMAR'.\"\n36,AEROCARIBBEAN AIRLINES,-0- ,CUBA,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \n\u{1a}\n";
        let alt = "36,12,aka,AERO-CARIBBEAN,-0- \n";
        let add = "36,25,-0- ,\"Havana\",\"Cuba\",-0- \n";
        let files = [sdn, alt, add].map(|text| read("x", text.as_bytes()).unwrap());
        assert!(files.iter().all(|file| file.bad_rows.is_empty()));
        let entries = crate::screening::list::combine(files);
        assert_eq!(entries.len(), 2);
        let person = &entries[0];
        assert_eq!(person.kind, PartyKind::Person);
        assert_eq!(person.names[1].quality, NameQuality::Weak);
        assert_eq!(person.births[0], Birth { year: 1951, day: Some((2, 9)) });
        assert_eq!(person.identifiers[0].as_str(), "92664");
        let airline = &entries[1];
        assert_eq!(airline.names.len(), 2);
        assert_eq!(airline.countries.as_slice(), [country_of("CU").unwrap()]);
    }

    #[test]
    fn xml_gives_weak_aliases_and_births() {
        let text = "<?xml version=\"1.0\"?><sdnList xmlns=\"x\"><sdnEntry><uid>1</uid><firstName>Abu</firstName><lastName>ABBAS &amp; SON</lastName><sdnType>Individual</sdnType><akaList><aka><uid>2</uid><type>a.k.a.</type><category>weak</category><lastName>ZAYDAN</lastName></aka></akaList><dateOfBirthList><dateOfBirthItem><dateOfBirth>10 Dec 1948</dateOfBirth></dateOfBirthItem></dateOfBirthList></sdnEntry></sdnList>";
        let file = read("x", text.as_bytes()).unwrap();
        assert_eq!(file.bad_rows, []);
        assert_eq!(&*file.entries[0].names[0].name, "ABBAS & SON, Abu");
        assert_eq!(file.entries[0].names[1].quality, NameQuality::Weak);
        assert_eq!(file.entries[0].births[0].day, Some((12, 10)));
        // Cut within its only entry it holds none; cut within a second one, what is missing is named.
        let cut = &text[..text.len() - "</sdnEntry></sdnList>".len()];
        assert!(read("x", cut.as_bytes()).unwrap_err().to_string().contains("the file breaks off"));
        let second = text.replace("</sdnList>", "<sdnEntry><uid>2</uid><lastName>OTHER</lastName>");
        let file = read("x", second.as_bytes()).unwrap();
        assert_eq!((file.entries.len(), &*file.bad_rows[0].why), (1, "the file breaks off"));
    }
}
