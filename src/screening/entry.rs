//! What is screened and what it is screened against.

use jiff::civil::Date;
use smallvec::SmallVec;

use crate::domain::country::Country;
use crate::domain::period::Period;

/// What a party is.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum PartyKind {
    /// Not said.
    #[default]
    Unknown,
    /// A human being.
    Person,
    /// A company, authority or other body.
    Organisation,
    /// A ship.
    Vessel,
    /// An aircraft.
    Aircraft,
}

/// How good a listed name is, as the list itself says.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum NameQuality {
    /// The name, or an alias that identifies.
    #[default]
    Strong,
    /// A name no longer borne.
    Former,
    /// An alias too common or too vague to identify by itself.
    Weak,
}

/// A day of birth, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Birth {
    /// Year.
    pub year: i16,
    /// Month and day, when known.
    pub day: Option<(i8, i8)>,
}

/// A number that identifies, such as an IMO, LEI, tax or passport number: letters and digits in upper case.
///
/// Shorter than five characters identifies nobody and is not kept.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identifier(Box<str>);

/// A name of a listed party.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryName {
    /// As listed.
    pub name: Box<str>,
    /// How good it is.
    pub quality: NameQuality,
}

/// A listed party.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The list's own id of it.
    pub uid: Box<str>,
    /// The list, such as `us_ofac_sdn` or `833/2014:IV`.
    pub list: Box<str>,
    /// What it is.
    pub kind: PartyKind,
    /// Its names, the first one first.
    pub names: Vec<EntryName>,
    /// Countries named with it.
    pub countries: SmallVec<[Country; 2]>,
    /// Days of birth named with it.
    pub births: SmallVec<[Birth; 1]>,
    /// Identifiers.
    pub identifiers: Vec<Identifier>,
    /// Days on which it is listed, inclusive.
    pub listed: Period,
}

/// A party to screen.
#[derive(Clone, Debug, Default)]
pub struct Query<'a> {
    /// Its name as given.
    pub name: &'a str,
    /// What it is, when known.
    pub kind: PartyKind,
    /// Where it is or whose citizen.
    pub country: Option<Country>,
    /// When it was born.
    pub birth: Option<Birth>,
    /// Identifiers; one that a listed party has decides by itself.
    pub identifiers: &'a [Identifier],
    /// The day that counts; `None` looks at every entry whenever it was listed.
    pub day: Option<Date>,
}

impl Identifier {
    /// Reads an identifier: everything but letters and digits is left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String =
            text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
        let digits = plain.bytes().filter(u8::is_ascii_digit).count();
        // A word is no number: `UNKNOWN` and `PENDING` stand in such fields too.
        (plain.len() >= 5 && plain.len() <= 64 && digits >= 4).then(|| Self(plain.into()))
    }

    /// The letters and digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Birth {
    /// Reads `1970`, `1970-08` or `1970-08-28`; a year outside 1850 to 2100 is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '-');
        let year: i16 = parts.next()?.parse().ok()?;
        let month =
            parts.next().and_then(|month| month.parse().ok()).filter(|month| (1..=12).contains(month));
        let day =
            parts.next().and_then(|day| day.get(..2)?.parse().ok()).filter(|day| (1..=31).contains(day));
        (1850..=2100).contains(&year).then(|| Self { year, day: month.zip(day) })
    }
}

impl NameQuality {
    /// One word for people and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Former => "former",
            Self::Weak => "weak",
        }
    }
}

impl PartyKind {
    /// One word for people and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Person => "person",
            Self::Organisation => "organisation",
            Self::Vessel => "vessel",
            Self::Aircraft => "aircraft",
        }
    }

    /// Reads `person`, `org` and the words that lists and ERPs use; anything else is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "person" | "individual" => Self::Person,
            "org" | "organisation" | "organization" | "company" | "entity" | "legalentity" | "publicbody" => {
                Self::Organisation
            }
            "vessel" | "ship" => Self::Vessel,
            "airplane" | "aircraft" => Self::Aircraft,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_letters_and_digits() {
        assert_eq!(Identifier::parse("IMO 9187629").unwrap().as_str(), "IMO9187629");
        for text in ["", "123", "unknown number", "-----"] {
            assert_eq!(Identifier::parse(text), None, "{text}");
        }
    }

    #[test]
    fn births_are_as_exact_as_they_are() {
        assert_eq!(Birth::parse("1970-08-28"), Some(Birth { year: 1970, day: Some((8, 28)) }));
        assert_eq!(Birth::parse("1970"), Some(Birth { year: 1970, day: None }));
        assert_eq!(Birth::parse("circa 1970"), None);
    }
}
