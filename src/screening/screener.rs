//! Listed parties, built once and shared: a name in, likely parties out.

use super::align::{Measures, align};
use super::entry::{Entry, NameQuality, PartyKind, Query};
use super::index::Index;
use super::likeness::Relation;
use super::score::{Agreement, evidence, score};
use super::search::{Prepared, Scratch, prepare};
use crate::domain::period::Period;

/// Names that are aligned closely, of those that the search found.
const CLOSE_MAX: usize = 10;

/// Listed parties, ready to be screened against.
///
/// INVARIANT (`pure_decision`): the same entries and the same query give the same hits, on every machine.
#[derive(Debug, Default)]
pub struct Screener {
    index: Index,
}

/// How hard a screening looks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Effort {
    /// By the index: what is likely is found, in microseconds.
    #[default]
    Indexed,
    /// Every word of the list is compared and every name that has one is aligned.
    Exhaustive,
}

/// A listed party that a query resembles.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The list's id of the party.
    pub uid: &'a str,
    /// The list.
    pub list: &'a str,
    /// What the party is.
    pub kind: PartyKind,
    /// The name that is most alike.
    pub name: &'a str,
    /// How good that name is, as the list says.
    pub quality: NameQuality,
    /// From 0 to 1; a hit counts from [`SCORE_MIN`] on.
    pub score: f32,
    /// Decided by an identifier.
    pub by_identifier: bool,
    /// Words that met.
    pub words: Vec<WordMatch>,
    /// Words of the query that met nothing.
    pub query_rest: Vec<Box<str>>,
    /// Words of the listed name that met nothing.
    pub list_rest: Vec<Box<str>>,
    /// Does the country agree?
    pub country: Agreement,
    /// Does the birth agree?
    pub birth: Agreement,
    /// Days on which the party is listed.
    pub listed: Period,
    /// What the score is made of.
    pub measures: Measures,
}

/// A word of the query that met one of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct WordMatch {
    /// As the query has it, in Latin letters.
    pub query: Box<str>,
    /// As the list has it.
    pub listed: Box<str>,
    /// How they meet.
    pub relation: Relation,
    /// How alike they are, to 1.
    pub alike: f32,
    /// What the word is worth, in bits.
    pub weight: f32,
}

/// Other readings of a name as given: without what stands in brackets, and each of several names in one field.
fn readings(name: &str) -> Vec<String> {
    let mut readings = Vec::new();
    if name.contains(';') {
        readings.extend(
            name.split(';').map(str::trim).filter(|part| !part.is_empty()).take(4).map(str::to_owned),
        );
    }
    let (mut plain, mut depth) = (String::with_capacity(name.len()), 0u32);
    if name.contains(['(', '[']) {
        for c in name.chars() {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ if depth == 0 => plain.push(c),
                _ => {}
            }
        }
        if plain.chars().any(char::is_alphanumeric) {
            readings.push(plain);
        }
    }
    readings
}

impl Screener {
    /// Builds a screener of these entries.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { index: Index::build(entries) }
    }

    /// How many parties it holds.
    #[must_use]
    pub fn parties(&self) -> usize {
        self.index.parties.len()
    }

    /// How many names it holds.
    #[must_use]
    pub fn names(&self) -> usize {
        self.index.names.len()
    }

    /// The parties that the query resembles, best first, at most `limit`, whatever their score.
    #[must_use]
    pub fn screen<'s>(
        &'s self,
        query: &Query<'_>,
        effort: Effort,
        limit: usize,
        scratch: &mut Scratch,
    ) -> Vec<Hit<'s>> {
        let mut hits = self.by_identifier(query);
        let mut add = |found: Vec<Hit<'s>>| {
            for hit in found {
                match hits.iter_mut().find(|known| known.uid == hit.uid && known.list == hit.list) {
                    Some(known) if known.score >= hit.score => {}
                    Some(known) => *known = hit,
                    None => hits.push(hit),
                }
            }
        };
        add(self.by_name(query, effort, limit, scratch));
        for reading in readings(query.name) {
            add(self.by_name(&Query { name: &reading, ..query.clone() }, effort, limit, scratch));
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(limit);
        hits
    }

    fn by_name<'s>(
        &'s self,
        query: &Query<'_>,
        effort: Effort,
        limit: usize,
        scratch: &mut Scratch,
    ) -> Vec<Hit<'s>> {
        let exhaustive = effort == Effort::Exhaustive;
        let mut prepared = prepare(query);
        let candidates: Vec<u32> =
            self.index.candidates(&mut prepared, scratch, exhaustive).iter().map(|(_, name)| *name).collect();
        // Every candidate by what the search found, then the best of them closely.
        let measured = |at: u32, closely: bool| {
            let name = self.index.names.get(at as usize)?;
            let party = self.index.parties.get(name.party as usize)?;
            if query.day.is_some_and(|day| !party.listed.contains(day)) {
                return None;
            }
            let alignment = align(&self.index, scratch, &prepared, name, party.kind, closely);
            Some((score(&alignment.measures, query, party, name.quality), name.party, at))
        };
        let order = |a: &(f32, u32, u32), b: &(f32, u32, u32)| b.0.total_cmp(&a.0).then(a.2.cmp(&b.2));
        let mut found: Vec<(f32, u32, u32)> =
            candidates.into_iter().filter_map(|at| measured(at, exhaustive)).collect();
        found.sort_unstable_by(order);
        if !exhaustive {
            for entry in found.iter_mut().take(CLOSE_MAX) {
                if let Some(closer) = measured(entry.2, true) {
                    *entry = closer;
                }
            }
            found.sort_unstable_by(order);
        }
        // The best name of each party.
        let mut best: Vec<(f32, u32, u32)> = Vec::with_capacity(limit);
        for entry in found {
            if best.len() < limit && !best.iter().any(|(_, party, _)| *party == entry.1) {
                best.push(entry);
            }
        }
        best.into_iter()
            .filter_map(|(value, _, name)| self.hit(query, &prepared, scratch, value, name))
            .collect()
    }

    fn by_identifier<'s>(&'s self, query: &Query<'_>) -> Vec<Hit<'s>> {
        let mut parties: Vec<u32> = query
            .identifiers
            .iter()
            .filter_map(|identifier| self.index.identifiers.get(identifier))
            .flatten()
            .copied()
            .collect();
        parties.sort_unstable();
        parties.dedup();
        let hit = |at: u32| {
            let party = self.index.parties.get(at as usize)?;
            if query.day.is_some_and(|day| !party.listed.contains(day)) {
                return None;
            }
            let (country, birth) = evidence(query, party);
            let name = self.index.names.get(party.first_name as usize).filter(|name| name.party == at);
            Some(Hit {
                uid: &party.uid,
                list: self.list(party.list),
                kind: party.kind,
                name: name.map_or("", |name| self.index.text_of(name)),
                quality: NameQuality::Strong,
                score: 1.0,
                by_identifier: true,
                words: Vec::new(),
                query_rest: Vec::new(),
                list_rest: Vec::new(),
                country,
                birth,
                listed: party.listed,
                measures: Measures::default(),
            })
        };
        parties.into_iter().filter_map(hit).collect()
    }

    fn hit<'s>(
        &'s self,
        query: &Query<'_>,
        prepared: &Prepared,
        scratch: &Scratch,
        score: f32,
        name: u32,
    ) -> Option<Hit<'s>> {
        let name = self.index.names.get(name as usize)?;
        let party = self.index.parties.get(name.party as usize)?;
        let alignment = align(&self.index, scratch, prepared, name, party.kind, true);
        let listed = self.index.words_of(name);
        let text = |from: u8, count: u8| -> Box<str> {
            let from = usize::from(from);
            let words = listed.get(from..from + usize::from(count)).unwrap_or_default();
            words.iter().map(|word| self.index.token_text(word.token)).collect::<Vec<_>>().join(" ").into()
        };
        let (mut used, mut taken) = (0u32, 0u32);
        let mut words = Vec::with_capacity(alignment.pairs.len());
        let mut pairs = alignment.pairs.clone();
        let first_word =
            |unit: u8| prepared.units.get(usize::from(unit)).map_or(0, |unit| unit.mask.trailing_zeros());
        pairs.sort_by_key(|pair| first_word(pair.unit));
        for pair in &pairs {
            let Some(unit) = prepared.units.get(usize::from(pair.unit)) else { continue };
            used |= unit.mask;
            taken |= ((1u32 << pair.listed.1) - 1) << pair.listed.0;
            words.push(WordMatch {
                query: unit.text.clone(),
                listed: text(pair.listed.0, pair.listed.1),
                relation: pair.relation,
                alike: pair.alike,
                weight: unit.weight(party.kind),
            });
        }
        let singles = prepared.units.iter().take(prepared.words);
        let query_rest = singles.filter(|unit| unit.mask & used == 0).map(|unit| unit.text.clone()).collect();
        let list_rest = (0..listed.len())
            .filter(|at| taken & (1 << at) == 0)
            .map(|at| text(u8::try_from(at).unwrap_or(u8::MAX), 1))
            .collect();
        let (country, birth) = evidence(query, party);
        Some(Hit {
            uid: &party.uid,
            list: self.list(party.list),
            kind: party.kind,
            name: self.index.text_of(name),
            quality: name.quality,
            score,
            by_identifier: false,
            words,
            query_rest,
            list_rest,
            country,
            birth,
            listed: party.listed,
            measures: alignment.measures,
        })
    }

    fn list(&self, list: u16) -> &str {
        self.index.lists.get(usize::from(list)).map_or("", |list| list)
    }
}
