//! Countries and regions as codes. Which group a country belongs to on a day is law, and stands in the rulebook.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::country_table::{COUNTRIES, OBSOLETE};

/// A country by its ISO 3166-1 alpha-2 code (and `XK`, the user-assigned code for Kosovo).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Country(u8); // INVARIANT: an index into `COUNTRIES`.

/// A set of countries.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CountrySet([u64; 4]);

/// Why a text is no country.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CountryError {
    /// A code that once was one, or a habit of writing.
    #[error("`{0}` is no ISO 3166-1 country code today; {1}")]
    Obsolete(String, &'static str),
    /// Anything else.
    #[error("`{0}` is not an ISO 3166-1 alpha-2 country code, such as `NL`")]
    Unknown(String),
}

impl CountrySet {
    /// Is any country in both?
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

impl Country {
    /// All countries, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNTRIES.len()).filter_map(|at| u8::try_from(at).ok().map(Self))
    }

    /// The alpha-2 code, such as `NL`.
    #[must_use]
    pub fn code(self) -> &'static str {
        COUNTRIES.get(usize::from(self.0)).map_or("", |row| row.0)
    }

    /// English name.
    #[must_use]
    pub fn name_en(self) -> &'static str {
        COUNTRIES.get(usize::from(self.0)).map_or("", |row| row.1)
    }

    /// Dutch name.
    #[must_use]
    pub fn name_nl(self) -> &'static str {
        COUNTRIES.get(usize::from(self.0)).map_or("", |row| row.2)
    }

    /// Position among all countries, below 256.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}

impl FromStr for Country {
    type Err = CountryError;

    /// Two upper-case letters; lower case is refused, as a caller that sends it has not looked the code up.
    fn from_str(text: &str) -> Result<Self, CountryError> {
        // Every request names several: two bytes are one number, and no text is compared.
        let number = |code: &str| code.as_bytes().try_into().ok().map(u16::from_be_bytes);
        let asked = number(text);
        if asked.is_some()
            && let Ok(at) = COUNTRIES.binary_search_by(|row| number(row.0).cmp(&asked))
            && let Ok(at) = u8::try_from(at)
        {
            return Ok(Self(at));
        }
        let clipped: String = text.chars().take(40).collect();
        match OBSOLETE.iter().find(|(code, _)| *code == text) {
            Some((_, hint)) => Err(CountryError::Obsolete(clipped, hint)),
            None => Err(CountryError::Unknown(clipped)),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl CountrySet {
    /// Is the country in it?
    #[must_use]
    pub fn contains(&self, country: Country) -> bool {
        self.0.get(usize::from(country.0 >> 6)).is_some_and(|word| word & (1 << (country.0 & 63)) != 0)
    }

    /// Adds a country.
    pub fn insert(&mut self, country: Country) {
        if let Some(word) = self.0.get_mut(usize::from(country.0 >> 6)) {
            *word |= 1 << (country.0 & 63);
        }
    }

    /// Is it empty?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    /// Its countries, by code.
    pub fn iter(&self) -> impl Iterator<Item = Country> {
        let set = *self;
        Country::all().filter(move |country| set.contains(*country))
    }
}

impl FromIterator<Country> for CountrySet {
    fn from_iter<I: IntoIterator<Item = Country>>(countries: I) -> Self {
        let mut set = Self::default();
        for country in countries {
            set.insert(country);
        }
        set
    }
}

/// An ISO 3166-2 code by its shape, such as `UA-43`: a country, a hyphen, one to three letters or digits.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RegionCode(Box<str>);

/// Why a text is no region code.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("`{0}` is not an ISO 3166-2 region code, such as `UA-43`")]
pub struct RegionError(pub String);

impl RegionCode {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country by whose code it begins.
    #[must_use]
    pub fn prefix(&self) -> Option<Country> {
        self.0.get(..2)?.parse().ok()
    }

    /// The country code that the region has of its own, such as `NC` for `FR-NC`.
    #[must_use]
    pub fn own_country(&self) -> Option<Country> {
        let at = OWN_COUNTRIES.binary_search_by(|row| row.0.cmp(&*self.0)).ok()?;
        OWN_COUNTRIES.get(at)?.1.parse().ok()
    }
}

/// Regions that ISO 3166 also gives a country code, and to which law that speaks of the country does not reach, or
/// reaches in its own way. Not here, because law that names the country means them too: the territories of the United
/// States, Svalbard and Jan Mayen.
const OWN_COUNTRIES: [(&str, &str); 27] = [
    ("CN-HK", "HK"),
    ("CN-MO", "MO"),
    ("CN-TW", "TW"),
    ("FI-01", "AX"),
    ("FR-971", "GP"),
    ("FR-972", "MQ"),
    ("FR-973", "GF"),
    ("FR-974", "RE"),
    ("FR-976", "YT"),
    ("FR-BL", "BL"),
    ("FR-GF", "GF"),
    ("FR-GP", "GP"),
    ("FR-MF", "MF"),
    ("FR-MQ", "MQ"),
    ("FR-NC", "NC"),
    ("FR-PF", "PF"),
    ("FR-PM", "PM"),
    ("FR-RE", "RE"),
    ("FR-TF", "TF"),
    ("FR-WF", "WF"),
    ("FR-YT", "YT"),
    ("NL-AW", "AW"),
    ("NL-BQ1", "BQ"),
    ("NL-BQ2", "BQ"),
    ("NL-BQ3", "BQ"),
    ("NL-CW", "CW"),
    ("NL-SX", "SX"),
];

impl FromStr for RegionCode {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let valid = text.split_once('-').is_some_and(|(country, rest)| {
            country.parse::<Country>().is_ok()
                && (1..=3).contains(&rest.len())
                && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if valid { Ok(Self(text.into())) } else { Err(RegionError(text.chars().take(40).collect())) }
    }
}

impl fmt::Display for RegionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_fits() {
        assert!(COUNTRIES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(COUNTRIES.len() <= 256);
        assert_eq!(Country::all().count(), COUNTRIES.len());
    }

    #[test]
    fn codes_are_read_strictly() {
        assert_eq!("NO".parse::<Country>().unwrap().name_nl(), "Noorwegen");
        for text in ["", "nl", "UK", "EL", "SU", "NLD", "XX", "N", "Ωω"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
        assert!("SU".parse::<Country>().unwrap_err().to_string().contains("today"));
        assert!("UA-43".parse::<RegionCode>().is_ok());
        for text in ["UA", "UA-", "ua-43", "XX-1", "UA-4321", "RU-CRÉ"] {
            assert!(text.parse::<RegionCode>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_region_with_a_country_code_is_that_country() {
        assert!(OWN_COUNTRIES.is_sorted_by(|a, b| a.0 < b.0));
        for (region, country) in OWN_COUNTRIES {
            let own = region.parse::<RegionCode>().unwrap().own_country();
            assert_eq!(own.map(Country::code), Some(country), "{region}");
        }
        for region in ["FR-75C", "NL-GR", "US-PR", "UA-43"] {
            assert_eq!(region.parse::<RegionCode>().unwrap().own_country(), None, "{region}");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: CountrySet = ["NL", "ZW", "AD"].iter().map(|c| c.parse::<Country>().unwrap()).collect();
        assert_eq!(set.iter().map(Country::code).collect::<Vec<_>>(), ["AD", "NL", "ZW"]);
        assert!(!set.contains("RU".parse().unwrap()));
    }
}
