//! What is known of words before any list is read: legal forms, common company words, titles, particles, places and
//! personal names that languages write differently.
//!
//! The tables are text files beside this module. A line is one meaning; its words are equivalent.

use std::collections::HashMap;
use std::sync::OnceLock;

/// What kind of word it is. A word may be of several kinds (`general`, `sa`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Kinds(u8);

impl Kinds {
    /// Part of a legal form.
    pub const LEGAL: Self = Self(1);
    /// A word that many companies share.
    pub const COMPANY: Self = Self(2);
    /// A title, rank or form of address, or the prefix of a ship.
    pub const TITLE: Self = Self(4);
    /// An article or filiation.
    pub const PARTICLE: Self = Self(8);
    /// A place or its adjective.
    pub const PLACE: Self = Self(16);
    /// A personal name of the table.
    pub const PERSONAL: Self = Self(32);
    /// A preposition or conjunction in names of organisations.
    pub const LINK: Self = Self(64);

    /// A father's name in the East Slavic manner, which is often left out.
    pub const PATRONYMIC: Self = Self(128);

    /// Is it of this kind?
    pub const fn is(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }
}

/// A word of the tables.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Known {
    /// Its kinds.
    pub kinds: Kinds,
    /// Its meaning, equal for equivalent words; 0 is none.
    pub meaning: u16,
}

/// All words, with what is known of them.
pub(super) fn words() -> &'static HashMap<&'static str, Known> {
    static WORDS: OnceLock<HashMap<&'static str, Known>> = OnceLock::new();
    WORDS.get_or_init(read)
}

/// What is known of a word; nothing, when the tables do not have it.
pub(super) fn lookup(word: &str) -> Known {
    let mut known = words().get(word).copied().unwrap_or_default();
    // The tables hold Slavic words without their hooks; names in Latin letters with hooks are read with an h.
    if known == Known::default()
        && word.len() >= 5
        && word.contains("ch") | word.contains("sh") | word.contains("zh")
    {
        let plain = word.replace("ch", "c").replace("sh", "s").replace("zh", "z");
        known = words().get(plain.as_str()).copied().unwrap_or_default();
    }
    if is_patronymic(word) {
        known.kinds.0 |= Kinds::PATRONYMIC.0;
    }
    known
}

fn is_patronymic(word: &str) -> bool {
    const ENDINGS: [&str; 20] = [
        "ovich", "evich", "ovych", "ovitch", "evitch", "evych", "avich", "yvich", "ovitj", "evitj",
        "owitsch", "ewitsch", "ovna", "evna", "ivna", "auna", "euna", "avna", "ovic", "ichna",
    ];
    word.len() >= 7 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Phrases of scripts that are not romanised letter by letter, with what they mean in Latin letters.
pub(super) fn phrases() -> &'static [(&'static str, &'static str)] {
    static PHRASES: OnceLock<Vec<(&'static str, &'static str)>> = OnceLock::new();
    PHRASES.get_or_init(|| {
        let lines = include_str!("vocabulary/phrases.txt").lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once(' ')).collect()
    })
}

fn read() -> HashMap<&'static str, Known> {
    // In this order: the first table that gives a word a meaning keeps it.
    let tables = [
        (include_str!("vocabulary/names.txt"), Kinds::PERSONAL, true),
        (include_str!("vocabulary/places.txt"), Kinds::PLACE, true),
        (include_str!("vocabulary/company.txt"), Kinds::COMPANY, true),
        (include_str!("vocabulary/legal.txt"), Kinds::LEGAL, true),
        (include_str!("vocabulary/titles.txt"), Kinds::TITLE, false),
        (include_str!("vocabulary/particles.txt"), Kinds::PARTICLE, false),
        (include_str!("vocabulary/links.txt"), Kinds::LINK, false),
    ];
    let mut words: HashMap<&'static str, Known> = HashMap::with_capacity(4096);
    let mut meaning = 0;
    for (text, kind, means) in tables {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            meaning += u16::from(means);
            for word in line.split([' ', '-']).filter(|word| !word.is_empty()) {
                let known = words.entry(word).or_default();
                known.kinds.0 |= kind.0;
                if known.meaning == 0 && means {
                    known.meaning = meaning;
                }
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_line_mean_the_same() {
        assert_eq!(lookup("zavod").meaning, lookup("factory").meaning);
        assert_eq!(lookup("volodymyr").meaning, lookup("vladimir").meaning);
        assert_ne!(lookup("zavod").meaning, lookup("bank").meaning);
        assert!(lookup("limited").kinds.is(Kinds::LEGAL) && !lookup("limited").kinds.is(Kinds::COMPANY));
        assert!(lookup("general").kinds.is(Kinds::TITLE) && lookup("general").kinds.is(Kinds::COMPANY));
        assert_eq!(lookup("kalashnikov"), Known::default());
    }

    #[test]
    fn tables_hold_words_as_names_are_transliterated() {
        for word in words().keys() {
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{word}");
        }
    }
}
