//! Files of listed parties, in the formats in which they are published.
//!
//! Bytes in, entries out. A row that cannot be read is never passed over in silence: it stands among the bad rows,
//! and whoever reads the list decides whether it may be used without them.

mod authorities;
mod ftm;
mod gzip;
mod ofac;
mod table;
mod xml;

use std::collections::HashMap;

use thiserror::Error;

use super::entry::{Birth, Entry};
use super::place::country_of;
use table::Row;

/// A file of listed parties, read.
#[derive(Clone, Debug, Default)]
pub struct PartyFile {
    /// The parties.
    pub entries: Vec<Entry>,
    /// Rows that could not be read, in order.
    pub bad_rows: Vec<BadRow>,
}

/// A row that could not be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("row {row}: {why}")]
pub struct BadRow {
    /// Line or record, from 1.
    pub row: usize,
    /// Why.
    pub why: String,
}

/// Why a file is no list of parties.
#[derive(Debug, Error)]
pub enum ListError {
    /// None of the formats that are read.
    #[error(
        "not a list of parties in a format that is read: FollowTheMoney JSON lines, targets.simple.csv, OFAC SDN.XML or SDN.CSV, ALT.CSV and ADD.CSV, EU FSF XML, UN consolidated XML, UK consolidated CSV, US consolidated screening list CSV, BIS denied persons"
    )]
    Format,
    /// Not UTF-8.
    #[error("not UTF-8 text, first at byte {0}")]
    Encoding(usize),
    /// Compressed bytes that do not unpack.
    #[error("cannot be unpacked: {0}")]
    Gzip(std::io::Error),
    /// More text than a list has.
    #[error("unpacks to more than {0} bytes, which no list of parties is")]
    TooLarge(u64),
    /// Of many rows none is one.
    #[error("none of its {rows} rows can be read; {first}")]
    AllBad {
        /// How many rows.
        rows: usize,
        /// The first of them.
        first: BadRow,
    },
    /// No party at all, which would clear everyone.
    #[error("holds no party; an empty list would clear everyone")]
    Empty,
}

/// Reads a file of listed parties, plain or gzip; the format is known by its content.
///
/// `list` names the list where the file does not.
///
/// # Errors
/// [`ListError`] where nothing can be read; single bad rows are listed in the result.
pub fn read(list: &str, bytes: &[u8]) -> Result<PartyFile, ListError> {
    let unpacked;
    let bytes = if gzip::is_gzip(bytes) {
        unpacked = gzip::unpack(bytes)?;
        &unpacked
    } else {
        bytes
    };
    let text = std::str::from_utf8(bytes).map_err(|error| ListError::Encoding(error.valid_up_to()))?;
    let text = text.trim_start_matches('\u{feff}');
    let file = match text.trim_start().as_bytes().first() {
        None => return Err(ListError::Empty),
        Some(b'{') => ftm::read(list, text),
        Some(b'<') => match xml::root(text).as_deref() {
            Some("sdnList") => ofac::read_xml(text),
            Some("export") => authorities::read_eu(text),
            Some("CONSOLIDATED_LIST") => authorities::read_un(text),
            _ => return Err(ListError::Format),
        },
        Some(_) => table::read(list, text)?,
    };
    match (file.entries.is_empty(), file.bad_rows.first()) {
        (true, None) => Err(ListError::Empty),
        (true, Some(first)) => Err(ListError::AllBad { rows: file.bad_rows.len(), first: first.clone() }),
        (false, _) => Ok(file),
    }
}

/// The parties of several files: what two say of one party of one list is put together.
#[must_use]
pub fn combine(files: impl IntoIterator<Item = PartyFile>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut places: HashMap<(Box<str>, Box<str>), usize> = HashMap::new();
    for entry in files.into_iter().flat_map(|file| file.entries) {
        let key = (entry.list.clone(), entry.uid.clone());
        let Some(known) = places.get(&key).and_then(|at| entries.get_mut(*at)) else {
            places.insert(key, entries.len());
            entries.push(entry);
            continue;
        };
        for name in entry.names {
            if !known.names.contains(&name) {
                known.names.push(name);
            }
        }
        if known.kind == super::entry::PartyKind::Unknown {
            known.kind = entry.kind;
        }
        for country in entry.countries {
            if !known.countries.contains(&country) {
                known.countries.push(country);
            }
        }
        known.births.extend(entry.births);
        known.identifiers.extend(entry.identifiers);
        // The longest that any of them says.
        known.listed.from = known
            .listed
            .from
            .zip(entry.listed.from)
            .map(|(a, b)| a.min(b))
            .or(known.listed.from)
            .or(entry.listed.from);
        known.listed.until = known.listed.until.zip(entry.listed.until).map(|(a, b)| a.max(b));
    }
    entries
}

/// Adds a country that a text names.
fn add_country(entry: &mut Entry, text: &str) {
    if let Some(country) = country_of(text)
        && !entry.countries.contains(&country)
    {
        entry.countries.push(country);
    }
}

/// `10 Dec 1948`, `Dec 1948`, `1948` or `circa 1948`.
fn day_in_words(text: &str) -> Option<Birth> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = text.trim().trim_start_matches("circa").trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    let month_of = |name: &str| {
        let at = MONTHS.iter().position(|month| name.starts_with(month))?;
        i8::try_from(at + 1).ok()
    };
    match words.as_slice() {
        [year] => Birth::parse(year).filter(|_| year.len() == 4),
        [_, year] => Birth::parse(year),
        [day, month, year] => {
            let birth = Birth::parse(year)?;
            Some(Birth { day: month_of(month).zip(day.parse().ok()), ..birth })
        }
        _ => None,
    }
}
