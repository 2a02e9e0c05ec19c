//! The words of a query beside the words of a listed name, and what that says.

#![expect(
    clippy::float_arithmetic,
    reason = "a score is a measure, not money; only + - * / are used, so every machine gets the same"
)]

use smallvec::SmallVec;

use super::entry::PartyKind;
use super::index::{Index, Name, NameWord};
use super::likeness::{Looks, Relation, joined_likeness, likeness};
use super::search::{Prepared, Scratch, Unit};
use super::vocabulary::Kinds;
use super::word::Forms;

/// A unit of the query and the listed words that it meets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub unit: u8,
    /// First listed word and how many.
    pub listed: (u8, u8),
    pub alike: f32,
    pub relation: Relation,
}

/// What two names have in common, as the score sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Measures {
    /// Share of the query's weight that is met, each word by its likeness.
    pub query_cover: f32,
    /// The same of the listed name.
    pub list_cover: f32,
    /// How alike the met words are.
    pub quality: f32,
    /// Weight that is met, in bits, of 40.
    pub bits: f32,
    /// How far the family name of the listed person is met; for others, the word that says most.
    pub anchor: f32,
    /// The heaviest word of the query that is not met, in bits, of 14.
    pub query_rest: f32,
    /// The heaviest word of the listed name that is not met, in bits, of 14.
    pub list_rest: f32,
    /// Words met that say something, of 3.
    pub strong: f32,
    /// Weight met by initials or beginnings only, as a share of the weight met.
    pub guessed: f32,
    /// Is every word of both met, and equal?
    pub same: f32,
    /// Share of the weight met that is met by equal words or equal sounds.
    pub exact: f32,
    /// Does the listed name begin with the whole query, so that the query may be cut short?
    pub opening: f32,
    /// The least alike pair of words that say something; 1 where all are equal.
    pub weakest: f32,
}

/// An alignment with what it says.
#[derive(Clone, Debug)]
pub(super) struct Alignment {
    pub pairs: SmallVec<[Pair; 8]>,
    pub measures: Measures,
}

/// Likeness of a word that the query cuts short.
const BEGINNING: f32 = 0.86;

/// Likeness of an initial.
const INITIAL: f32 = 0.9;

/// Aligns the words of a query with those of a listed name.
///
/// What the search found for each word is used as it is. `closely` also compares words that the search left without a
/// partner, so that two slips in one word do not hide a name that the other words found.
pub(super) fn align(
    index: &Index,
    scratch: &Scratch,
    prepared: &Prepared,
    name: &Name,
    kind: PartyKind,
    closely: bool,
) -> Alignment {
    let listed = index.words_of(name);
    let mut options: SmallVec<[(f32, Pair); 32]> = SmallVec::new();
    // Words that have a partner of the same letters or sound, and those that have any.
    let (mut sure_units, mut sure_words) = (0u32, 0u32);
    let mut offer = |pair: Pair| {
        let Some(unit) = prepared.units.get(usize::from(pair.unit)) else { return };
        if matches!(pair.relation, Relation::Equal | Relation::Sound | Relation::Joined) {
            sure_units |= unit.mask;
            sure_words |= ((1u32 << pair.listed.1) - 1) << pair.listed.0;
        }
        options.push((worth(index, prepared, listed, kind, unit, pair), pair));
    };
    for (at, word) in listed.iter().enumerate() {
        let at = u8::try_from(at).unwrap_or(u8::MAX);
        for found in scratch.found(word.token) {
            // A part of a word that may be two is only a hint.
            if found.alike > 0.5 {
                let relation = found.relation;
                offer(Pair { unit: found.unit, listed: (at, 1), alike: found.alike, relation });
            }
        }
        shortened(index, prepared, kind, *word, at, &mut offer);
    }
    joined(index, prepared, listed, &mut offer);
    if closely {
        let singles = prepared.units.iter().enumerate().take(prepared.words);
        for (number, unit) in singles.filter(|(_, unit)| unit.mask & sure_units == 0 && !unit.initial) {
            for (at, word) in listed.iter().enumerate().filter(|(at, _)| sure_words & (1 << at) == 0) {
                let unit_at = u8::try_from(number).unwrap_or(u8::MAX);
                if scratch.found(word.token).iter().any(|found| found.unit == unit_at) {
                    continue;
                }
                if let Some((alike, relation)) = likeness(unit.looks(), index.looks(word.token)) {
                    let pair = Pair {
                        unit: unit_at,
                        listed: (u8::try_from(at).unwrap_or(u8::MAX), 1),
                        alike,
                        relation,
                    };
                    options.push((worth(index, prepared, listed, kind, unit, pair), pair));
                }
            }
        }
    }
    options
        .sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.unit.cmp(&b.1.unit)).then(a.1.listed.cmp(&b.1.listed)));
    let (mut used, mut taken) = (0u32, 0u32);
    let mut pairs: SmallVec<[Pair; 8]> = SmallVec::new();
    for (_, pair) in options {
        let mask = prepared.units.get(usize::from(pair.unit)).map_or(0, |unit| unit.mask);
        let words = ((1u32 << pair.listed.1) - 1) << pair.listed.0;
        if used & mask == 0 && taken & words == 0 {
            used |= mask;
            taken |= words;
            pairs.push(pair);
        }
    }
    let measures = measure(index, prepared, listed, kind, &pairs, used, taken);
    Alignment { pairs, measures }
}

/// How much a pair is worth: more alike before less, heavy words before light ones.
///
/// Words read as one count as the heaviest of them, so that a join wins only where it is what was meant.
fn worth(
    index: &Index,
    prepared: &Prepared,
    listed: &[NameWord],
    kind: PartyKind,
    unit: &Unit,
    pair: Pair,
) -> f32 {
    let from = usize::from(pair.listed.0);
    let words = listed.get(from..from + usize::from(pair.listed.1)).unwrap_or_default();
    let of_list = words.iter().map(|word| index.weight_of(word.token, kind)).fold(0.0, f32::max);
    let singles = prepared.units.iter().take(prepared.words).filter(|single| single.mask & unit.mask != 0);
    let of_query = singles.map(|single| single.weight(kind)).fold(0.0, f32::max);
    let joined = if pair.relation == Relation::Joined { 0.97 } else { 1.0 };
    joined * pair.alike * (of_query + of_list)
}

/// Initials, and the word at which the query breaks off.
fn shortened(
    index: &Index,
    prepared: &Prepared,
    kind: PartyKind,
    word: NameWord,
    at: u8,
    offer: &mut impl FnMut(Pair),
) {
    let text = index.looks(word.token).text;
    for (number, unit) in prepared.units.iter().enumerate().take(prepared.words) {
        let unit_at = u8::try_from(number).unwrap_or(u8::MAX);
        let is_last = number + 1 == prepared.words;
        let pair = |alike, relation| Pair { unit: unit_at, listed: (at, 1), alike, relation };
        let person = kind == PartyKind::Person || kind == PartyKind::Unknown;
        let stands_for =
            |initial: &[u8], name: &[u8]| initial.len() == 1 && name.len() > 1 && name.starts_with(initial);
        let is_initial = unit.initial && stands_for(unit.text.as_bytes(), text)
            || !unit.digits && stands_for(text, unit.text.as_bytes());
        if person && is_initial {
            offer(pair(INITIAL, Relation::Initial));
        } else if !person && index.bits_of(word.token) < 10.0 && is_abbreviation(unit.text.as_bytes(), text) {
            offer(pair(0.84, Relation::Beginning));
        } else if is_last && number > 0 && is_beginning(unit, text) {
            offer(pair(BEGINNING, Relation::Beginning));
        }
    }
}

/// Is one a short form of the other, as companies write them (Expo, Intl, Tech)?
fn is_abbreviation(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.len() >= 4
        && long.len() <= short.len() * 3
        && long.starts_with(short)
        && long.len() > short.len() + 1
}

fn is_beginning(unit: &Unit, text: &[u8]) -> bool {
    (!unit.listed || unit.text.len() <= 3)
        && text.len() > unit.text.len()
        && text.starts_with(unit.text.as_bytes())
}

/// Listed words that the query writes as one.
fn joined(index: &Index, prepared: &Prepared, listed: &[NameWord], offer: &mut impl FnMut(Pair)) {
    for (at, two) in listed.windows(2).enumerate() {
        let [left, right] = two else { continue };
        let (left, right) = (index.looks(left.token).text, index.looks(right.token).text);
        let length = left.len() + right.len();
        for (number, unit) in prepared.units.iter().enumerate().take(prepared.words) {
            let may_be = unit.text.len().abs_diff(length) <= 1
                && length >= 5
                && !unit.digits
                && unit.text.as_bytes().first() == left.first();
            if !may_be {
                continue;
            }
            let Ok(text) = String::from_utf8([left, right].concat()) else { continue };
            let forms = Forms::of(&text);
            let looks =
                Looks { text: text.as_bytes(), sound: &forms.sound, bones: &forms.bones, ..Looks::NOTHING };
            if let Some(alike) = joined_likeness(unit.looks(), looks) {
                let unit = u8::try_from(number).unwrap_or(u8::MAX);
                let at = u8::try_from(at).unwrap_or(u8::MAX);
                offer(Pair { unit, listed: (at, 2), alike, relation: Relation::Joined });
            }
        }
    }
}

fn measure(
    index: &Index,
    prepared: &Prepared,
    listed: &[NameWord],
    kind: PartyKind,
    pairs: &[Pair],
    used: u32,
    taken: u32,
) -> Measures {
    let singles = || prepared.units.iter().take(prepared.words);
    let listed_weight = |at: usize| listed.get(at).map_or(0.0, |word| index.weight_of(word.token, kind));
    let query_total: f32 = singles().map(|unit| unit.weight(kind)).sum();
    let list_total: f32 = (0..listed.len()).map(listed_weight).sum();
    let (mut query_met, mut list_met, mut met, mut weighed) = (0.0, 0.0, 0.0, 0.0);
    let (mut bits, mut guessed, mut strong, mut exact, mut weakest) = (0.0, 0.0, 0.0, 0.0, 1.0f32);
    let mut same =
        used.count_ones() as usize == prepared.words && taken.count_ones() as usize == listed.len();
    let mut alike_of: [f32; 32] = [0.0; 32];
    for pair in pairs {
        let Some(unit) = prepared.units.get(usize::from(pair.unit)) else { continue };
        let of_query: f32 =
            singles().filter(|single| single.mask & unit.mask != 0).map(|single| single.weight(kind)).sum();
        let from = usize::from(pair.listed.0);
        let of_list: f32 = (from..from + usize::from(pair.listed.1)).map(listed_weight).sum();
        query_met += pair.alike * of_query;
        list_met += pair.alike * of_list;
        let both = of_query + of_list;
        met += pair.alike * both;
        weighed += both;
        let shared = of_query.min(of_list);
        bits += pair.alike * shared;
        if matches!(pair.relation, Relation::Initial | Relation::Beginning) {
            guessed += both;
        } else if pair.alike >= 0.8 && shared >= 2.5 {
            strong += 1.0;
        }
        same &= pair.relation == Relation::Equal;
        if shared >= 2.5 {
            weakest = weakest.min(pair.alike);
        }
        if matches!(pair.relation, Relation::Equal | Relation::Sound) {
            exact += both;
        }
        for at in from..from + usize::from(pair.listed.1) {
            if let Some(alike) = alike_of.get_mut(at) {
                *alike = pair.alike;
            }
        }
    }
    let query_rest =
        singles().filter(|unit| unit.mask & used == 0).map(|unit| unit.weight(kind)).fold(0.0, f32::max);
    let list_rest =
        (0..listed.len()).filter(|at| taken & (1 << at) == 0).map(listed_weight).fold(0.0, f32::max);
    let share = |part: f32, whole: f32| if whole > 0.0 { (part / whole).min(1.0) } else { 0.0 };
    Measures {
        query_cover: share(query_met, query_total),
        list_cover: share(list_met, list_total),
        quality: share(met, weighed),
        bits: (bits / 40.0).min(1.0),
        anchor: anchor(index, listed, kind, &alike_of),
        query_rest: query_rest / 14.0,
        list_rest: list_rest / 14.0,
        strong: (strong / 3.0f32).min(1.0),
        guessed: share(guessed, weighed),
        same: f32::from(u8::from(same)),
        exact: share(exact, weighed),
        opening: f32::from(u8::from(opens(prepared, pairs, used))),
        weakest,
    }
}

/// Are the words of the query, in order, the first words of the listed name, and long enough to be a cut?
fn opens(prepared: &Prepared, pairs: &[Pair], used: u32) -> bool {
    let letters: usize = prepared.units.iter().take(prepared.words).map(|unit| unit.text.len()).sum();
    if letters < 12 || used.count_ones() as usize != prepared.words {
        return false;
    }
    let mut order: SmallVec<[(u8, u8); 8]> = pairs.iter().map(|pair| (pair.unit, pair.listed.0)).collect();
    order.sort_unstable();
    order
        .iter()
        .enumerate()
        .all(|(at, (unit, listed))| usize::from(*unit) == at && usize::from(*listed) == at)
}

/// How far the words that say who it is are met: the family name of a person, the heaviest word of others.
fn anchor(index: &Index, listed: &[NameWord], kind: PartyKind, alike_of: &[f32; 32]) -> f32 {
    let is_small = |word: &NameWord| {
        index.tokens.get(word.token as usize).is_some_and(|token| token.known.kinds.is(Kinds::PARTICLE))
    };
    let has_family = kind == PartyKind::Person && listed.iter().any(|word| word.family && !is_small(word));
    if has_family {
        // Of a family name in two parts, one is often left out.
        let parts = listed.iter().zip(alike_of).filter(|(word, _)| word.family && !is_small(word));
        return parts.map(|(_, alike)| *alike).fold(0.0, f32::max);
    }
    let heaviest = listed
        .iter()
        .zip(alike_of)
        .max_by(|a, b| index.weight_of(a.0.token, kind).total_cmp(&index.weight_of(b.0.token, kind)));
    heaviest.map_or(0.0, |(_, alike)| *alike)
}
