//! From measures and evidence to one score.

#![expect(
    clippy::float_arithmetic,
    reason = "a score is a measure, not money; only + - * / are used, so every machine gets the same"
)]

use super::align::Measures;
use super::entry::{Birth, NameQuality, PartyKind, Query};
use super::index::Party;

/// At and above this score a name is a hit.
pub const SCORE_MIN: f32 = 0.85;

/// What else is known beside the name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Agreement {
    /// One of the two does not say.
    Unknown,
    /// They agree.
    Agrees,
    /// Nearly: a year apart, or a year without a day.
    Near,
    /// They do not agree.
    Differs,
}

/// How country and birth of the query agree with the listed party's.
pub(super) fn evidence(query: &Query<'_>, party: &Party) -> (Agreement, Agreement) {
    let country = match query.country {
        Some(country) if party.countries.contains(&country) => Agreement::Agrees,
        Some(_) if !party.countries.is_empty() => Agreement::Differs,
        _ => Agreement::Unknown,
    };
    let birth = query.birth.filter(|_| !party.births.is_empty()).map_or(Agreement::Unknown, |birth| {
        party
            .births
            .iter()
            .map(|listed| compare_births(birth, *listed))
            .min_by_key(|agreement| *agreement as u8)
            .unwrap_or(Agreement::Unknown)
    });
    (country, birth)
}

fn compare_births(a: Birth, b: Birth) -> Agreement {
    match (a.day, b.day) {
        (Some(day), Some(other)) if a.year == b.year && day == other => Agreement::Agrees,
        _ if a.year == b.year && (a.day.is_none() || b.day.is_none()) => Agreement::Agrees,
        _ if (a.year - b.year).abs() <= 1 => Agreement::Near,
        _ => Agreement::Differs,
    }
}

/// How much each measure says, on the scale of log odds. Fitted on a development set of real and perturbed names
/// against a real list, with a penalty on large weights, so that none leans on a few examples.
struct Weights {
    query_cover: f32,
    query_cover_squared: f32,
    list_cover: f32,
    list_cover_squared: f32,
    both_covers: f32,
    bits: f32,
    covered_bits: f32,
    anchor: f32,
    query_rest: f32,
    list_rest: f32,
    strong: f32,
    guessed: f32,
    same: f32,
    exact: f32,
    opening: f32,
    weakest: f32,
    other_kind: f32,
    constant: f32,
}

/// For a listed person.
const PERSON: Weights = Weights {
    query_cover: 1.55,
    query_cover_squared: 3.09,
    list_cover: 0.71,
    list_cover_squared: 1.40,
    both_covers: 2.22,
    bits: 0.31,
    covered_bits: 1.21,
    anchor: 0.49,
    query_rest: -0.92,
    list_rest: -0.84,
    strong: 2.15,
    guessed: -0.37,
    same: 0.51,
    exact: 0.70,
    opening: 1.07,
    weakest: 1.50,
    other_kind: -3.5,
    constant: -10.54,
};

/// For any other.
const OTHER: Weights = Weights {
    query_cover: 0.48,
    query_cover_squared: 2.38,
    list_cover: 0.21,
    list_cover_squared: 2.02,
    both_covers: 2.55,
    bits: 0.51,
    covered_bits: 0.90,
    anchor: 0.25,
    query_rest: 0.00,
    list_rest: -0.05,
    strong: 2.17,
    guessed: 0.00,
    same: 1.03,
    exact: 0.40,
    opening: 1.53,
    weakest: 0.33,
    other_kind: -3.5,
    constant: -8.35,
};

/// Log odds at which a name becomes a hit: where missing a listed party and alarming on another weigh the same.
const THRESHOLD: f32 = -0.3;

/// The score of a name, from 0 to 1: [`SCORE_MIN`] where the log odds reach the threshold.
pub(super) fn score(measures: &Measures, query: &Query<'_>, party: &Party, quality: NameQuality) -> f32 {
    let weights = if party.kind == PartyKind::Person { &PERSON } else { &OTHER };
    let m = measures;
    let name = weights.query_cover * m.query_cover
        + weights.query_cover_squared * m.query_cover * m.query_cover
        + weights.list_cover * m.list_cover
        + weights.list_cover_squared * m.list_cover * m.list_cover
        + weights.both_covers * m.query_cover * m.list_cover
        + weights.bits * m.bits
        + weights.covered_bits * m.query_cover * m.bits
        + weights.anchor * m.anchor
        + weights.query_rest * m.query_rest
        + weights.list_rest * m.list_rest
        + weights.strong * m.strong
        + weights.guessed * m.guessed
        + weights.same * m.same
        + weights.exact * m.exact * m.query_cover
        + weights.opening * m.opening
        + weights.weakest * m.weakest
        + weights.constant;
    let (country, birth) = evidence(query, party);
    let kind = if is_other_kind(query.kind, party.kind) { weights.other_kind } else { 0.0 };
    let country = match country {
        Agreement::Agrees => 0.5,
        Agreement::Differs => -0.5,
        Agreement::Near | Agreement::Unknown => 0.0,
    };
    let birth = match birth {
        Agreement::Agrees => 1.5,
        Agreement::Near => 0.5,
        Agreement::Differs => -2.5,
        Agreement::Unknown => 0.0,
    };
    let quality = match quality {
        NameQuality::Strong => 0.0,
        NameQuality::Former => -0.2,
        // A weak alias is a hint for a person, not a name to stop goods for by itself.
        NameQuality::Weak => -0.8,
    };
    probability(name + kind + country + birth + quality - THRESHOLD + LOG_ODDS_MIN)
}

/// A person is no company, and a ship is neither.
const fn is_other_kind(query: PartyKind, listed: PartyKind) -> bool {
    use PartyKind::{Aircraft, Organisation, Person, Unknown, Vessel};
    let same = matches!(
        (query, listed),
        (Person, Person) | (Organisation, Organisation) | (Vessel, Vessel) | (Aircraft, Aircraft)
    );
    !same && !matches!((query, listed), (Unknown, _) | (_, Unknown))
}

/// Log odds whose [`probability`] is [`SCORE_MIN`].
const LOG_ODDS_MIN: f32 = 1.794_33;

/// Log odds as a probability: straight between whole numbers, so that every machine gets the same.
fn probability(odds: f32) -> f32 {
    /// At 0, 1, 2 and so on; below 0 it is mirrored.
    const AT: [f32; 9] =
        [0.5, 0.731_059, 0.880_797, 0.952_574, 0.982_014, 0.993_307, 0.997_527, 0.999_089, 1.0];
    let size = odds.abs();
    let mut above = 0.0;
    let mut value = 1.0;
    for pair in AT.windows(2) {
        if let [low, high] = pair {
            if size < above + 1.0 {
                value = low + (high - low) * (size - above);
                break;
            }
            above += 1.0;
        }
    }
    if odds < 0.0 { 1.0 - value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_grows_with_the_odds() {
        let mut last = -1.0;
        for tenth in -120..120i16 {
            let value = probability(f32::from(tenth) / 10.0);
            assert!((0.0..=1.0).contains(&value) && value >= last, "{tenth}");
            last = value;
        }
        assert!((probability(LOG_ODDS_MIN) - SCORE_MIN).abs() < 0.01);
    }
}
