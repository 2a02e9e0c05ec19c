//! From a query to the listed names worth aligning.

#![expect(
    clippy::float_arithmetic,
    reason = "a score is a measure, not money; only + - * / are used, so every machine gets the same"
)]

use smallvec::SmallVec;

use super::entry::{PartyKind, Query};
use super::index::{Index, Weights};
use super::keys::{Salt, each_key, hash, keys_of};
use super::likeness::{Letters, Looks, Relation, joined_likeness, likeness};
use super::sound::{self, Form};
use super::vocabulary::{self, Kinds, Known};
use super::word::{Forms, Word, has_digits, words};

/// Names that are aligned word by word; the rest cannot be better than these by much.
const ALIGNED_MAX: usize = 48;

/// Postings that a query walks through, at most, once it has some names to look at.
const POSTINGS_MAX: usize = 8_000;

/// Buffers that one screening after another uses again.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Number of the screening, so that nothing need be cleared.
    round: u32,
    /// Number of the word looked up, for the same reason.
    lookup: u32,
    /// By token: the last look-up that met it.
    met: Vec<u32>,
    /// By token: the round, and the first of its entries in `found`.
    heads: Vec<(u32, u32)>,
    found: Vec<Found>,
    /// By name: the round, the unit that added last, and the sum.
    sums: Vec<(u32, u32, f32)>,
    touched: Vec<u32>,
    ranked: Vec<(f32, u32)>,
}

/// A listed word that resembles a unit of the query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub token: u32,
    pub unit: u8,
    pub alike: f32,
    pub relation: Relation,
    next: u32,
}

/// A word of the query, or two read as one.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts of a word that do not exclude each other")]
pub(super) struct Unit {
    pub text: Box<str>,
    pub forms: Forms,
    others: SmallVec<[Form; 2]>,
    other_bones: Form,
    letters: Letters,
    /// The words that it covers, one bit each.
    pub mask: u32,
    pub known: Known,
    pub vowelless: bool,
    pub digits: bool,
    pub initial: bool,
    /// How much it says.
    bits: f32,
    weights: Weights,
    /// Does the list have exactly this word?
    pub listed: bool,
}

/// A query as the search sees it.
#[derive(Debug)]
pub(super) struct Prepared {
    pub units: Vec<Unit>,
    /// How many of the units are single words.
    pub words: usize,
    pub kind: PartyKind,
}

impl Unit {
    fn of(word: &Word, at: usize) -> Self {
        let mut forms = Forms::of(&word.text);
        let mut other_bones = Form::new();
        let mut others = SmallVec::new();
        if word.vowelless {
            (forms.bones, other_bones) = sound::bare_bones(&word.text);
        } else {
            let readings = sound::other_readings(&word.text);
            others.extend(
                readings.iter().map(|reading| sound::sound(reading)).filter(|other| *other != forms.sound),
            );
        }
        Self {
            letters: Letters::of(word.text.as_bytes(), &forms.sound),
            forms,
            others,
            other_bones,
            mask: 1 << at,
            known: vocabulary::lookup(&word.text),
            vowelless: word.vowelless,
            digits: has_digits(&word.text),
            initial: word.is_initial(),
            text: word.text.clone(),
            bits: 0.0,
            weights: Weights::default(),
            listed: false,
        }
    }

    pub(super) fn looks(&self) -> Looks<'_> {
        Looks {
            text: self.text.as_bytes(),
            sound: &self.forms.sound,
            bones: &self.forms.bones,
            others: &self.others,
            other_bones: &self.other_bones,
            letters: self.letters,
            meaning: self.known.meaning,
            vowelless: self.vowelless,
            digits: self.digits,
        }
    }

    fn is_join(&self) -> bool {
        self.mask.count_ones() > 1
    }

    /// Its weight beside a party of this kind.
    pub(super) fn weight(&self, kind: PartyKind) -> f32 {
        self.weights.for_kind(kind)
    }

    fn is_small(&self) -> bool {
        let kinds = self.known.kinds;
        kinds.is(Kinds::LEGAL) || kinds.is(Kinds::LINK) || kinds.is(Kinds::PARTICLE) || self.initial
    }
}

/// Reads a query: its words, and neighbours read as one.
pub(super) fn prepare(query: &Query<'_>) -> Prepared {
    let mut words = words(query.name);
    let mut kind = query.kind;
    if kind == PartyKind::Unknown && words.iter().any(|word| super::index::says_organisation(&word.text)) {
        kind = PartyKind::Organisation;
    }
    // Names of people whose vowels were dropped: all of them, or it is a name that has few.
    let people = matches!(kind, PartyKind::Person | PartyKind::Unknown);
    let letters: usize = words.iter().map(|word| word.text.len()).sum();
    if people && letters >= 6 && words.iter().all(|word| sound::is_vowelless(&word.text)) {
        words.iter_mut().filter(|word| word.text.len() >= 3).for_each(|word| word.vowelless = true);
    }
    let mut units: Vec<Unit> = words.iter().enumerate().map(|(at, word)| Unit::of(word, at)).collect();
    let singles = units.len();
    for at in 0..singles.saturating_sub(1) {
        let (Some(left), Some(right)) = (words.get(at), words.get(at + 1)) else { continue };
        let join = |left: &Word, right: &Word, mask: u32, units: &mut Vec<Unit>| {
            let vowelless = left.vowelless && right.vowelless;
            let joined =
                Word { text: format!("{}{}", left.text, right.text).into(), vowelless, family: false };
            if joined.text.len() >= 5 && joined.text.len() <= sound::FORM_MAX {
                let known = Known::default();
                units.push(Unit { mask, known, ..Unit::of(&joined, 0) });
            }
        };
        join(left, right, 0b11 << at, &mut units);
        // Nur al-Din is Nureddin.
        let is_particle = vocabulary::lookup(&right.text).kinds.is(Kinds::PARTICLE);
        if let Some(third) = words.get(at + 2).filter(|_| is_particle) {
            join(left, third, 0b111 << at, &mut units);
        }
    }
    Prepared { units, words: singles, kind }
}

impl Index {
    /// Finds the names that the query may be, and returns them best first by a rough measure.
    ///
    /// `exhaustive` compares every word of the list and leaves out no name: the oracle that the search must equal.
    pub(super) fn candidates<'s>(
        &self,
        prepared: &mut Prepared,
        scratch: &'s mut Scratch,
        exhaustive: bool,
    ) -> &'s [(f32, u32)] {
        scratch.open(self);
        let mut volumes: Vec<(usize, usize, usize, usize)> = Vec::with_capacity(prepared.units.len());
        for at in 0..prepared.units.len() {
            let Some(unit) = prepared.units.get_mut(at) else { continue };
            let from = scratch.found.len();
            self.alike(unit, at, scratch, exhaustive);
            self.split(unit, at, prepared.words, scratch);
            scratch.found.get_mut(from..).unwrap_or_default().sort_by(|a, b| b.alike.total_cmp(&a.alike));
            self.judge(unit, scratch.found.get(from..).unwrap_or_default());
            let found = scratch.found.get(from..).unwrap_or_default();
            let volume = found.iter().map(|found| self.postings(found.token).len()).sum();
            volumes.push((volume, at, from, scratch.found.len()));
        }
        scratch.link();
        self.accumulate(prepared, volumes, scratch, exhaustive);
        self.rank(prepared, scratch, exhaustive);
        &scratch.ranked
    }

    /// The listed words that resemble a unit.
    fn alike(&self, unit: &Unit, at: usize, scratch: &mut Scratch, exhaustive: bool) {
        scratch.lookup += 1;
        let looks = unit.looks();
        let unit_at = u8::try_from(at).unwrap_or(u8::MAX);
        let join = unit.is_join();
        let mut compare = |token| self.compare(looks, join, token, unit_at, scratch);
        if exhaustive {
            (0..u32::try_from(self.tokens.len()).unwrap_or(u32::MAX)).for_each(compare);
            return;
        }
        for key in keys_of(looks.text, &unit.forms, unit.vowelless) {
            self.keys.words(key).for_each(&mut compare);
        }
        if join {
            return;
        }
        for other in &unit.others {
            each_key(Salt::Sound, other, true, &mut |key| self.keys.words(key).for_each(&mut compare));
        }
        if !unit.other_bones.is_empty() && unit.other_bones != unit.forms.bones {
            each_key(Salt::Bones, &unit.other_bones, true, &mut |key| {
                self.keys.words(key).for_each(&mut compare);
            });
        }
        self.of_meaning(unit.known.meaning).iter().copied().for_each(compare);
    }

    fn compare(&self, looks: Looks<'_>, join: bool, token: u32, unit: u8, scratch: &mut Scratch) {
        let Some(met) = scratch.met.get_mut(token as usize).filter(|met| **met != scratch.lookup) else {
            return;
        };
        *met = scratch.lookup;
        let found = if join {
            joined_likeness(looks, self.looks(token)).map(|alike| (alike, Relation::Joined))
        } else {
            likeness(looks, self.looks(token))
        };
        if let Some((alike, relation)) = found {
            scratch.found.push(Found { token, unit, alike, relation, next: u32::MAX });
        }
    }

    /// A long word that the list does not have may be two that it has.
    ///
    /// Its parts are found here so that their names are looked at; the alignment sees whether they stand together.
    fn split(&self, unit: &Unit, at: usize, words: usize, scratch: &mut Scratch) {
        let known = scratch.found.iter().any(|found| usize::from(found.unit) == at && found.alike > 0.9);
        if at >= words || unit.text.len() < 5 || known {
            return;
        }
        let part = |text: &str| {
            let key = hash(Salt::Text, text.bytes());
            self.keys.words(key).find(|token| self.looks(*token).text == text.as_bytes())
        };
        for cut in 2..=unit.text.len() - 3 {
            let Some((left, right)) = unit.text.split_at_checked(cut) else { continue };
            let (Some(left), Some(right)) = (part(left), part(right)) else { continue };
            let rarer = if self.postings(left).len() < self.postings(right).len() { left } else { right };
            let unit = u8::try_from(at).unwrap_or(u8::MAX);
            // Too little to count as a match by itself.
            scratch.found.push(Found {
                token: rarer,
                unit,
                alike: 0.5,
                relation: Relation::Joined,
                next: u32::MAX,
            });
        }
    }

    /// How much a unit says, from the listed words that it resembles.
    fn judge(&self, unit: &mut Unit, found: &[Found]) {
        let best = found.first().filter(|found| found.alike >= 0.8);
        let parties = |token: u32| self.tokens.get(token as usize).map_or(0, |token| token.parties);
        let of_best = best.map_or(0, |best| parties(best.token));
        unit.listed = best
            .is_some_and(|best| best.relation == Relation::Equal && !self.postings(best.token).is_empty());
        unit.bits = if unit.vowelless {
            let sum =
                found.iter().filter(|found| found.alike >= 0.84).map(|found| parties(found.token)).sum();
            self.bits(sum)
        } else {
            self.bits(of_best)
        };
        // A slip in a legal form does not make it a name.
        if let Some(best) = best.filter(|best| best.alike >= 0.84)
            && unit.known == Known::default()
            && unit.text.len() > 3
            && let Some(token) = self.tokens.get(best.token as usize)
        {
            unit.known = token.known;
        }
        unit.weights = Weights::of(unit.known, unit.bits, unit.initial);
    }

    /// Adds up, for each name, the weights of the units that it meets: rare words first.
    fn accumulate(
        &self,
        prepared: &Prepared,
        mut volumes: Vec<(usize, usize, usize, usize)>,
        scratch: &mut Scratch,
        exhaustive: bool,
    ) {
        volumes.sort_unstable();
        let mut walked = 0;
        let small = |at: usize| prepared.units.get(at).is_some_and(Unit::is_small);
        // Small words find names only where nothing else does.
        let only_small = volumes.iter().all(|(volume, at, ..)| *volume == 0 || small(*at));
        for (volume, at, from, until) in volumes {
            let Some(unit) = prepared.units.get(at).filter(|unit| only_small || !unit.is_small()) else {
                continue;
            };
            if !exhaustive && walked > 0 && walked + volume > POSTINGS_MAX {
                break;
            }
            walked += volume;
            let weight = unit.weight(prepared.kind);
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            for found in from..until {
                let Some(found) = scratch.found.get(found).copied() else { continue };
                for name in self.postings(found.token) {
                    let Some(sum) = scratch.sums.get_mut(*name as usize) else { continue };
                    if sum.0 != scratch.round {
                        *sum = (scratch.round, u32::MAX, 0.0);
                        scratch.touched.push(*name);
                    }
                    if sum.1 != number {
                        sum.1 = number;
                        sum.2 += weight * found.alike;
                    }
                }
            }
        }
    }

    fn rank(&self, prepared: &Prepared, scratch: &mut Scratch, exhaustive: bool) {
        let words = prepared.units.iter().take(prepared.words);
        let total: f32 = words.map(|unit| unit.weight(prepared.kind)).sum();
        for touched in &scratch.touched {
            let (Some(name), Some(sum)) =
                (self.names.get(*touched as usize), scratch.sums.get(*touched as usize))
            else {
                continue;
            };
            scratch.ranked.push((sum.2 / (total + 0.5 * name.weight + 1.0), *touched));
        }
        // Equal measures go by position, so that the same query looks at the same names.
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        // Initials find no names, so more of those with the same family name are looked at.
        let initials = prepared.units.iter().any(|unit| unit.initial);
        let most = if initials { ALIGNED_MAX * 4 } else { ALIGNED_MAX };
        if !exhaustive && scratch.ranked.len() > most {
            scratch.ranked.select_nth_unstable_by(most, order);
            scratch.ranked.truncate(most);
        }
        scratch.ranked.sort_unstable_by(order);
    }
}

impl Scratch {
    fn open(&mut self, index: &Index) {
        // After four thousand million screenings the stamps would lie.
        if self.round == u32::MAX || self.lookup > u32::MAX - 1000 {
            *self = Self::default();
        }
        self.round += 1;
        self.met.resize(index.tokens.len(), 0);
        self.heads.resize(index.tokens.len(), (0, u32::MAX));
        self.sums.resize(index.names.len(), (0, 0, 0.0));
        self.found.clear();
        self.touched.clear();
        self.ranked.clear();
    }

    /// Chains what was found by listed word, for the alignment.
    fn link(&mut self) {
        for at in 0..self.found.len() {
            let number = u32::try_from(at).unwrap_or(u32::MAX);
            let Some(found) = self.found.get_mut(at) else { continue };
            let Some(head) = self.heads.get_mut(found.token as usize) else { continue };
            found.next = if head.0 == self.round { head.1 } else { u32::MAX };
            *head = (self.round, number);
        }
    }

    /// The units that a listed word resembles.
    pub(super) fn found(&self, token: u32) -> SmallVec<[Found; 4]> {
        let mut found = SmallVec::new();
        let head = self.heads.get(token as usize).filter(|head| head.0 == self.round);
        let mut at = head.map_or(u32::MAX, |head| head.1);
        while let Some(entry) = self.found.get(at as usize) {
            found.push(*entry);
            at = entry.next;
        }
        found
    }
}
