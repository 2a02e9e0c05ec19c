//! Lists that are tables: which one it is is known by its header, or, where OFAC writes none, by its first row.

use std::collections::HashSet;

use super::{BadRow, ListError, PartyFile, add_country, day_in_words, ofac};
use crate::domain::period::{Period, parse_date};
use crate::screening::entry::{Birth, Entry, EntryName, Identifier, NameQuality, PartyKind};

/// A row with the names of its columns.
pub(super) struct Row<'a> {
    header: &'a [String],
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    /// All fields, when there are exactly so many.
    pub(super) fn fields<const N: usize>(&self) -> Result<[&'a str; N], String> {
        let fields: Vec<&str> = self.record.iter().collect();
        <[&str; N]>::try_from(fields).map_err(|fields| format!("has {} fields instead of {N}", fields.len()))
    }

    /// A column by name, trimmed; empty when there is none.
    fn get(&self, column: &str) -> &'a str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).map_or("", str::trim)
    }

    /// The values of a column that holds several.
    fn values(&self, column: &str) -> impl Iterator<Item = &'a str> {
        self.get(column).split(';').map(str::trim).filter(|value| !value.is_empty())
    }
}

type Reader = fn(&str, &Row<'_>) -> Result<Entry, String>;

/// A table that is read: its header's columns that are needed, and how a row is.
struct Format {
    columns: &'static [&'static str],
    read: Reader,
    /// Rows of one party follow each other or stand in several files, so an id may come again.
    joined: bool,
}

const FORMATS: [Format; 5] = [
    Format { columns: &["id", "schema", "name", "aliases", "birth_date"], read: simple_row, joined: false },
    Format { columns: &["source", "entity_number", "name", "alt_names"], read: csl_row, joined: false },
    Format { columns: &["Name", "Effective_Date", "Expiration_Date"], read: denied_row, joined: true },
    Format { columns: &["unique_id", "name_type", "full_name"], read: uk_name_row, joined: true },
    Format { columns: &["Name 6", "Name 1", "Group Type"], read: uk_row, joined: true },
];

pub(super) fn read(list: &str, text: &str) -> Result<PartyFile, ListError> {
    let delimiter = if text.lines().next().is_some_and(|line| line.contains('\t')) { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut records = reader.records().enumerate().peekable();
    let first = match records.peek() {
        Some((_, Ok(first))) => first.clone(),
        _ => return Err(ListError::Format),
    };
    let Some((format, mut header)) = format_of(&first) else { return Err(ListError::Format) };
    let mut file = PartyFile::default();
    let mut ids: HashSet<Box<str>> = HashSet::new();
    for (at, record) in records {
        let row = at + 1;
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                file.bad_rows.push(BadRow { row, why: error.to_string() });
                continue;
            }
        };
        // The end of a DOS file, and the header itself, are no rows. Above the header of the United Kingdom's file
        // stands a line that says when it was made.
        let is_end = record.iter().all(|field| field.trim().is_empty() || field == "\u{1a}");
        if is_end || is_header(&record, format) {
            if !is_end {
                header = record.iter().map(|name| name.trim().to_owned()).collect();
            }
            continue;
        }
        if header.is_empty() && !format.columns.is_empty() {
            continue;
        }
        match (format.read)(list, &Row { header: &header, record: &record }) {
            Ok(entry) if !format.joined && !ids.insert(entry.uid.clone()) => {
                file.bad_rows.push(BadRow { row, why: format!("the id `{}` stands twice", entry.uid) });
            }
            Ok(entry) => file.entries.push(entry),
            Err(why) => file.bad_rows.push(BadRow { row, why }),
        }
    }
    if format.joined {
        file.entries =
            super::combine([PartyFile { entries: std::mem::take(&mut file.entries), bad_rows: Vec::new() }]);
    }
    Ok(file)
}

fn is_header(record: &csv::StringRecord, format: &Format) -> bool {
    let has = |column: &&str| record.iter().any(|field| field.trim() == *column);
    !format.columns.is_empty() && format.columns.iter().all(has)
}

/// The format of a first row, and its header, where the row is one.
fn format_of(first: &csv::StringRecord) -> Option<(&'static Format, Vec<String>)> {
    static SDN: Format = Format { columns: &[], read: |_, row| ofac::sdn_row(row), joined: false };
    static ALT: Format = Format { columns: &[], read: |_, row| ofac::alt_row(row), joined: true };
    static ADD: Format = Format { columns: &[], read: |_, row| ofac::add_row(row), joined: true };
    static TABLES: [Format; 5] = FORMATS;
    if let Some(format) = TABLES.iter().find(|format| is_header(first, format)) {
        return Some((format, first.iter().map(|name| name.trim().to_owned()).collect()));
    }
    if first.get(0).is_some_and(|field| field.trim() == "Last Updated") && first.len() <= 3 {
        return TABLES.last().map(|format| (format, Vec::new()));
    }
    let is_number = |at: usize| {
        first
            .get(at)
            .is_some_and(|field| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let format = match first.len() {
        12 if is_number(0) => &SDN,
        5 if is_number(0) && is_number(1) => &ALT,
        6 if is_number(0) && is_number(1) => &ADD,
        _ => return None,
    };
    Some((format, Vec::new()))
}

/// `targets.simple.csv` of OpenSanctions.
fn simple_row(list: &str, row: &Row<'_>) -> Result<Entry, String> {
    let mut entry = named(list, row.get("id"))?;
    if !row.get("dataset").is_empty() {
        entry.list = row.get("dataset").into();
    }
    entry.kind = PartyKind::parse(row.get("schema"));
    push(&mut entry, row.get("name"), NameQuality::Strong);
    row.values("aliases").for_each(|alias| push(&mut entry, alias, NameQuality::Strong));
    row.values("countries").for_each(|country| add_country(&mut entry, country));
    entry.births.extend(row.values("birth_date").filter_map(Birth::parse));
    entry.identifiers.extend(row.values("identifiers").filter_map(Identifier::parse));
    with_name(entry)
}

/// The Consolidated Screening List of the United States, which holds the Entity List and eleven others.
fn csl_row(list: &str, row: &Row<'_>) -> Result<Entry, String> {
    let name = row.get("name");
    // Lists of the Department of Commerce have no numbers: the name is all that tells their entries apart.
    let id = match (row.get("_id"), row.get("entity_number")) {
        ("", "") => format!("{name}|{}|{}", row.get("addresses"), row.get("start_date")),
        ("", number) => number.to_owned(),
        (id, _) => id.to_owned(),
    };
    let mut entry = named(list, &id)?;
    entry.list = row.get("source").into();
    entry.kind = PartyKind::parse(row.get("type"));
    push(&mut entry, name, NameQuality::Strong);
    row.values("alt_names").for_each(|alias| push(&mut entry, alias, NameQuality::Strong));
    for column in ["nationalities", "citizenships", "vessel_flag"] {
        row.values(column).for_each(|country| add_country(&mut entry, country));
    }
    for address in row.values("addresses") {
        add_country(&mut entry, address.rsplit(',').next().unwrap_or_default());
    }
    entry.births.extend(row.values("dates_of_birth").filter_map(Birth::parse));
    for id in row.values("ids") {
        entry.identifiers.extend(id.split(',').filter_map(Identifier::parse));
    }
    entry.listed =
        Period { from: parse_date(row.get("start_date")).ok(), until: parse_date(row.get("end_date")).ok() };
    with_name(entry)
}

/// The Denied Persons List: each order has its days.
fn denied_row(_: &str, row: &Row<'_>) -> Result<Entry, String> {
    let name = row.get("Name");
    let days = [row.get("Effective_Date"), row.get("Expiration_Date")];
    let mut entry = named("us_bis_denied", &format!("{name}|{}", days.join("|")))?;
    push(&mut entry, name, NameQuality::Strong);
    add_country(&mut entry, row.get("Country"));
    let [from, until] = days.map(american_day);
    entry.listed = Period { from, until };
    with_name(entry)
}

/// `06/19/2003`.
fn american_day(text: &str) -> Option<jiff::civil::Date> {
    let mut parts = text.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    parse_date(&format!("{year:0>4}-{month:0>2}-{day:0>2}")).ok()
}

/// The names of the UK Sanctions List, one a row.
fn uk_name_row(_: &str, row: &Row<'_>) -> Result<Entry, String> {
    let mut entry = named("gb_fcdo", row.get("unique_id"))?;
    let quality = if row.get("alias_strength").to_ascii_lowercase().contains("low") {
        NameQuality::Weak
    } else {
        NameQuality::Strong
    };
    push(&mut entry, row.get("full_name"), quality);
    with_name(entry)
}

/// The consolidated list of the United Kingdom: name 6 is the family name or the whole name, 1 to 5 the others.
fn uk_row(_: &str, row: &Row<'_>) -> Result<Entry, String> {
    let id = match row.get("Unique ID") {
        "" => row.get("Group ID"),
        id => id,
    };
    let mut entry = named("gb_hmt", id)?;
    entry.kind = PartyKind::parse(row.get("Group Type"));
    let given = ["Name 1", "Name 2", "Name 3", "Name 4", "Name 5"].map(|column| row.get(column));
    let given = given.iter().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let name = if given.is_empty() {
        row.get("Name 6").to_owned()
    } else {
        format!("{}, {given}", row.get("Name 6"))
    };
    let quality =
        if row.get("Alias Quality") == "Low quality" { NameQuality::Weak } else { NameQuality::Strong };
    push(&mut entry, name.trim_matches([',', ' ']), quality);
    push(&mut entry, row.get("Name Non-Latin Script"), NameQuality::Strong);
    for column in ["Country", "Nationality"] {
        add_country(&mut entry, row.get(column));
    }
    let born = row.get("DOB");
    entry
        .births
        .extend(day_in_words(born).or_else(|| Birth::parse(born.rsplit('/').next().unwrap_or_default())));
    for column in ["Passport Number", "National Identification Number", "Passport Details", "NI Number"] {
        entry.identifiers.extend(Identifier::parse(row.get(column)));
    }
    let listed = row.get("Listed On");
    let british: Vec<&str> = listed.split('/').collect();
    if let [day, month, year] = british.as_slice() {
        entry.listed.from = parse_date(&format!("{year:0>4}-{month:0>2}-{day:0>2}")).ok();
    }
    with_name(entry)
}

fn named(list: &str, uid: &str) -> Result<Entry, String> {
    if uid.is_empty() {
        return Err("has no id".to_owned());
    }
    Ok(Entry { uid: uid.into(), list: list.into(), ..Entry::default() })
}

fn with_name(entry: Entry) -> Result<Entry, String> {
    if entry.names.is_empty() { Err(format!("`{}` has no name", entry.uid)) } else { Ok(entry) }
}

fn push(entry: &mut Entry, name: &str, quality: NameQuality) {
    if name.chars().any(char::is_alphanumeric) {
        entry.names.push(EntryName { name: name.trim().into(), quality });
    }
}

#[cfg(test)]
mod tests {
    use crate::screening::entry::PartyKind;
    use crate::screening::list::{ListError, read};

    #[test]
    fn tables_are_known_by_their_header() {
        let simple = "\"id\",\"schema\",\"name\",\"aliases\",\"birth_date\",\"countries\",\"identifiers\",\"dataset\"\n\"a\",\"Person\",\"X Y\",\"X. Y.;Y X\",\"1970-01-02\",\"ru\",\"7704730655\",\"d\"\n";
        let file = read("x", simple.as_bytes()).unwrap();
        assert_eq!((file.entries[0].names.len(), file.entries[0].kind), (3, PartyKind::Person));
        let denied = "\"Name\"\t\"Country\"\t\"Effective_Date\"\t\"Expiration_Date\"\n\"I. ASH\"\t\"US\"\t\"06/19/2003\"\t\"06/29/2056\"\n";
        let entry = &read("x", denied.as_bytes()).unwrap().entries[0];
        assert_eq!(entry.listed.from.unwrap().to_string(), "2003-06-19");
        let uk = "Last Updated,03/05/2026\nName 6,Name 1,Name 2,Name 3,Name 4,Name 5,DOB,Country,Group Type,Alias Quality,Listed On,Group ID\nSMITH,John,,,,,01/02/1970,Russia,Individual,,24/02/2022,1\nSMYTH,Jon,,,,,,,Individual,Low quality,24/02/2022,1\n";
        let file = read("x", uk.as_bytes()).unwrap();
        assert_eq!(file.bad_rows, []);
        assert_eq!((file.entries.len(), file.entries[0].names.len()), (1, 2));
        assert_eq!(file.entries[0].births[0].year, 1970);
    }

    #[test]
    fn missing_columns_and_strange_files_are_refused() {
        for text in ["a,b,c\n1,2,3\n", "hello", "<html></html>", "[]"] {
            assert!(matches!(read("x", text.as_bytes()), Err(ListError::Format)), "{text}");
        }
        for text in ["", " \n", "\u{feff}", "id,schema,name,aliases,birth_date\n"] {
            assert!(matches!(read("x", text.as_bytes()), Err(ListError::Empty)), "{text}");
        }
        assert!(matches!(read("x", b"\xff\xfea\0"), Err(ListError::Encoding(0))));
    }
}
