//! Countries as lists and ERPs write them: a code, or a name in one of several habits.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::domain::country::Country;

/// Names that are not the ones of the country table.
const OTHER_NAMES: [(&str, &str); 52] = [
    ("bahamas the", "BS"),
    ("bolivia plurinational state of", "BO"),
    ("brunei", "BN"),
    ("burma", "MM"),
    ("cape verde", "CV"),
    ("congo democratic republic of the", "CD"),
    ("democratic republic of congo", "CD"),
    ("democratic republic of the congo", "CD"),
    ("dr congo", "CD"),
    ("congo", "CG"),
    ("congo republic of the", "CG"),
    ("cote d ivoire", "CI"),
    ("crimea region of ukraine", "UA"),
    ("region crimea", "UA"),
    ("czech republic", "CZ"),
    ("democratic peoples republic of korea", "KP"),
    ("dprk", "KP"),
    ("east timor", "TL"),
    ("gambia the", "GM"),
    ("great britain", "GB"),
    ("holland", "NL"),
    ("iran islamic republic of", "IR"),
    ("ivory coast", "CI"),
    ("korea north", "KP"),
    ("korea south", "KR"),
    ("republic of korea", "KR"),
    ("laos", "LA"),
    ("macau", "MO"),
    ("macedonia", "MK"),
    ("man isle of", "IM"),
    ("micronesia", "FM"),
    ("moldova republic of", "MD"),
    ("north korea", "KP"),
    ("north macedonia the republic of", "MK"),
    ("palestine", "PS"),
    ("palestinian", "PS"),
    ("region gaza", "PS"),
    ("gaza", "PS"),
    ("region west bank", "PS"),
    ("west bank", "PS"),
    ("russia", "RU"),
    ("russian federation", "RU"),
    ("slovak republic", "SK"),
    ("south korea", "KR"),
    ("swaziland", "SZ"),
    ("syrian arab republic", "SY"),
    ("taiwan province of china", "TW"),
    ("turkey", "TR"),
    ("uae", "AE"),
    ("united states", "US"),
    ("united states of america", "US"),
    ("virgin islands british", "VG"),
];

/// The country that a text names, by code or name; `None` for a text that names none.
#[must_use]
pub fn country_of(text: &str) -> Option<Country> {
    static NAMES: OnceLock<HashMap<String, Country>> = OnceLock::new();
    let text = text.trim();
    if text.len() == 2
        && let Ok(country) = text.to_ascii_uppercase().parse()
    {
        return Some(country);
    }
    let names = NAMES.get_or_init(|| {
        let own = Country::all()
            .flat_map(|country| [(plain(country.name_en()), country), (plain(country.name_nl()), country)]);
        let other =
            OTHER_NAMES.iter().filter_map(|(name, code)| Some(((*name).to_owned(), code.parse().ok()?)));
        own.chain(other).collect()
    });
    names.get(&plain(text)).copied()
}

fn plain(text: &str) -> String {
    let letters: String = text
        .chars()
        .filter(|c| !matches!(c, '\'' | '’'))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_name_countries() {
        for (text, code) in [
            ("nl", "NL"),
            ("Korea, North", "KP"),
            ("Côte d'Ivoire", "CI"),
            ("Iran", "IR"),
            ("Duitsland", "DE"),
        ] {
            assert_eq!(country_of(text).map(Country::code), Some(code), "{text}");
        }
        for (name, code) in OTHER_NAMES {
            assert_eq!(country_of(name).map(Country::code), Some(code), "{name}");
        }
        assert_eq!(country_of("undetermined"), None);
        assert_eq!(country_of("EU"), None);
    }
}
