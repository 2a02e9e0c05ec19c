//! The open vocabularies of a rulebook, as ids: what a request may say.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::country::{Country, CountrySet, RegionCode};
use super::export::{Place, RegionFact};

/// A word of one vocabulary, by its position there.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Word(pub u16);

/// A goods list, by its position in the rulebook.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ListId(pub u16);

/// A party list, by its position in the rulebook.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartyListId(pub u16);

/// One vocabulary.
#[derive(Clone, Debug, Default)]
pub struct Words {
    entries: Vec<WordEntry>,
    by_id: BTreeMap<Box<str>, Word>,
}

/// What a vocabulary says of a word.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks of a word")]
pub struct WordEntry {
    /// The word as written.
    pub id: Box<str>,
    /// English meaning.
    pub title_en: Box<str>,
    /// Dutch meaning.
    pub title_nl: Box<str>,
    /// Counts as military.
    pub military: bool,
    /// Counts as use in weapons of mass destruction.
    pub wmd: bool,
    /// Goods only pass through.
    pub transit: bool,
    /// Says that the fact is not known.
    pub unknown: bool,
    /// Knowledge of it is a red flag for listed goods.
    pub red_flag: bool,
}

impl Words {
    /// Adds a word; `None` when it is there already.
    pub fn declare(&mut self, entry: WordEntry) -> Option<Word> {
        let word = Word(u16::try_from(self.entries.len()).ok()?);
        if self.by_id.contains_key(&entry.id) {
            return None;
        }
        self.by_id.insert(entry.id.clone(), word);
        self.entries.push(entry);
        Some(word)
    }

    /// The word as an id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Word> {
        self.by_id.get(id).copied()
    }

    /// What is known of a word.
    #[must_use]
    pub fn entry(&self, word: Word) -> Option<&WordEntry> {
        self.entries.get(usize::from(word.0))
    }

    /// The word as written.
    #[must_use]
    pub fn id(&self, word: Word) -> &str {
        self.entry(word).map_or("", |entry| &entry.id)
    }

    /// All words, in the order in which they are declared.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.id)
    }
}

/// A region that the rulebook declares.
#[derive(Clone, Debug)]
pub struct Region {
    /// ISO 3166-2 code.
    pub code: RegionCode,
    /// The country that it belongs to.
    pub country: Country,
    /// Countries that are written for it.
    pub written_for: CountrySet,
    /// Lower-case place names in it.
    pub places: Vec<Box<str>>,
    /// Postal-code patterns: digits and one `.` for each further digit.
    pub postal_codes: Vec<Box<str>>,
}

/// Everything that a request may name.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// `end_use`.
    pub end_uses: Words,
    /// `end_user.type`.
    pub end_user_types: Words,
    /// `exemption_claims`.
    pub claims: Words,
    /// Duties in answers.
    pub duties: Words,
    /// `knowledge.level`.
    pub knowledge_levels: Words,
    /// `knowledge.about`.
    pub knowledge_subjects: Words,
    /// `activity`.
    pub activities: Words,
    /// Facts that no request carries.
    pub undetermined_facts: Words,
    /// Names that `annex_items` may hold: lists and their items.
    pub annex_items: BTreeMap<Box<str>, ListId>,
    /// Declared regions, at most 64; the position is the bit in a [`RegionSet`].
    pub regions: Vec<Region>,
    /// Regions that some rule names in a destination: where a country holds one, an absent region is unknown.
    pub ruled_regions: RegionSet,
    /// First day whose law the rulebook holds: an export before it cannot be decided.
    pub covers_from: Option<Date>,
}

/// A set of declared regions.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RegionSet(pub u64);

impl RegionSet {
    /// Do the two share a region?
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set of one region.
    #[must_use]
    pub const fn one(at: usize) -> Self {
        Self(if at < 64 { 1 << at } else { 0 })
    }

    /// Is it empty?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Why a region cannot stand beside a country.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegionMismatch {
    /// The region lies in another country, and this country is not written for it.
    OtherCountry,
    /// The country's regions are declared in full, and this is none of them.
    Undeclared,
}

impl Vocabulary {
    /// The place that a country, an optional region and an optional address speak of.
    ///
    /// An absent region is unknown in a country that holds a ruled region, and where the address of a country that
    /// is written for one names a place or postal code in it; elsewhere it is none.
    ///
    /// # Errors
    /// [`RegionMismatch`] when the region does not belong there.
    pub fn place(
        &self,
        country: Country,
        region: Option<&RegionCode>,
        address: Option<&str>,
    ) -> Result<Place, RegionMismatch> {
        let Some(code) = region else {
            return Ok(Place { country, region: self.absent_region(country, address), ..Place::of(country) });
        };
        if let Some((at, declared)) =
            self.regions.iter().enumerate().find(|(_, declared)| declared.code == *code)
        {
            if declared.country != country && !declared.written_for.contains(country) {
                return Err(RegionMismatch::OtherCountry);
            }
            let region = RegionFact { set: RegionSet::one(at), known: true };
            return Ok(Place { country: declared.country, region, ..Place::of(declared.country) });
        }
        if code.prefix() != Some(country) {
            return Err(RegionMismatch::OtherCountry);
        }
        // Region beats country: New Caledonia written as a region of France is not France.
        if let Some(own) = code.own_country() {
            return Ok(Place::of(own));
        }
        if self.ruled_in(country).is_empty() {
            Ok(Place::of(country))
        } else {
            Err(RegionMismatch::Undeclared)
        }
    }

    fn ruled_in(&self, country: Country) -> RegionSet {
        let inside = self.regions.iter().enumerate().filter(|(_, region)| region.country == country);
        RegionSet(inside.fold(0, |set, (at, _)| set | RegionSet::one(at).0) & self.ruled_regions.0)
    }

    fn absent_region(&self, country: Country, address: Option<&str>) -> RegionFact {
        let mut set = self.ruled_in(country);
        if let Some(address) = address {
            for (at, region) in self.regions.iter().enumerate() {
                if region.written_for.contains(country) && region.is_named_by(address) {
                    set = set.with(RegionSet::one(at));
                }
            }
        }
        RegionFact { set, known: set.is_empty() }
    }

    /// The code of the only region in a set.
    #[must_use]
    pub fn region_code(&self, set: RegionSet) -> Option<&RegionCode> {
        let at = usize::try_from(set.0.trailing_zeros()).ok()?;
        self.regions.get(at).map(|region| &region.code)
    }
}

impl Region {
    fn is_named_by(&self, address: &str) -> bool {
        let lower = address.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let spaced = format!(" {} ", words.join(" "));
        self.places.iter().any(|place| spaced.contains(&format!(" {place} ")))
            || words.iter().any(|word| self.postal_codes.iter().any(|pattern| fits(pattern, word)))
    }
}

fn fits(pattern: &str, word: &str) -> bool {
    pattern.len() == word.len()
        && pattern.bytes().zip(word.bytes()).all(|(p, w)| w.is_ascii_digit() && (p == b'.' || p == w))
}
