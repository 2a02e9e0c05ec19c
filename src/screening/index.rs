//! Listed names, ready to be searched: words with their forms, and which names have them.

#![expect(
    clippy::float_arithmetic,
    reason = "weights of words; only + - * / are used, so every machine gets the same"
)]

use std::collections::HashMap;

use super::entry::{Birth, Entry, Identifier, NameQuality, PartyKind};
use super::keys::{Keys, keys};
use super::likeness::{Letters, Looks};
use super::vocabulary::{self, Kinds, Known};
use super::word::{Forms, Word, has_digits, words};
use crate::domain::country::Country;
use crate::domain::period::Period;
use smallvec::SmallVec;

/// A list smaller than this says little about which words are rare, so words count as if it were this long.
const LIST_MIN: usize = 40_000;

/// A listed party in the index.
#[derive(Debug)]
pub(super) struct Party {
    pub uid: Box<str>,
    pub list: u16,
    pub kind: PartyKind,
    pub listed: Period,
    pub countries: SmallVec<[Country; 2]>,
    pub births: SmallVec<[Birth; 1]>,
    pub first_name: u32,
}

/// A listed name in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub party: u32,
    /// Where its words stand.
    pub words: (u32, u8),
    /// Where its text stands.
    pub text: (u32, u16),
    pub quality: NameQuality,
    /// The weight of its words together, for a party of its kind.
    pub weight: f32,
}

/// A word of a listed name.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameWord {
    pub token: u32,
    pub family: bool,
}

/// A distinct word of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    at: u32,
    lengths: (u8, u8, u8),
    vowelless: bool,
    digits: bool,
    letters: Letters,
    pub known: Known,
    /// Parties that have a word of this sound.
    pub parties: u32,
    /// How much it says, in bits.
    pub bits: f32,
    /// Its weight by kind of party.
    pub weights: Weights,
}

/// The weight of a word in the name of a person, of a ship, and of any other.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weights {
    person: f32,
    vessel: f32,
    other: f32,
}

impl Weights {
    pub(super) fn of(known: Known, bits: f32, initial: bool) -> Self {
        let of = |kind| weight(known, bits, kind, initial);
        Self {
            person: of(PartyKind::Person),
            vessel: of(PartyKind::Vessel),
            other: of(PartyKind::Organisation),
        }
    }

    pub(super) const fn for_kind(&self, kind: PartyKind) -> f32 {
        match kind {
            PartyKind::Person => self.person,
            PartyKind::Vessel => self.vessel,
            _ => self.other,
        }
    }
}

/// Listed names, their words, and the way from words to names.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub parties: Vec<Party>,
    pub lists: Vec<Box<str>>,
    pub names: Vec<Name>,
    texts: String,
    pub name_words: Vec<NameWord>,
    pub tokens: Vec<Token>,
    forms: Vec<u8>,
    /// First posting of each token, and the end.
    posting_starts: Vec<u32>,
    postings: Vec<u32>,
    pub keys: Keys,
    /// Tokens by meaning.
    meanings: HashMap<u16, Vec<u32>>,
    pub identifiers: HashMap<Identifier, SmallVec<[u32; 1]>>,
}

/// Collects words while names are read.
#[derive(Default)]
struct Builder {
    index: Index,
    by_text: HashMap<Box<str>, u32>,
    rows: Vec<(u32, u32)>,
}

impl Index {
    /// Builds the index of entries. An entry without a usable name is kept for its identifiers.
    pub(super) fn build(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut builder = Builder::default();
        // Words of the tables are known whether the list has them or not.
        for (word, known) in vocabulary::words() {
            if known.kinds.is(Kinds::LEGAL) || known.kinds.is(Kinds::COMPANY) || known.kinds.is(Kinds::PLACE)
            {
                builder.token(&Word::known(word));
            }
        }
        for entry in entries {
            builder.entry(entry);
        }
        builder.finish()
    }

    pub(super) fn looks(&self, token: u32) -> Looks<'_> {
        let Some(token) = self.tokens.get(token as usize) else { return Looks::NOTHING };
        let at = token.at as usize;
        let (text, sound, bones) = token.lengths;
        let part =
            |from: usize, length: u8| self.forms.get(from..from + usize::from(length)).unwrap_or_default();
        Looks {
            text: part(at, text),
            sound: part(at + usize::from(text), sound),
            bones: part(at + usize::from(text) + usize::from(sound), bones),
            others: &[],
            other_bones: &[],
            letters: token.letters,
            meaning: token.known.meaning,
            vowelless: token.vowelless,
            digits: token.digits,
        }
    }

    pub(super) fn token_text(&self, token: u32) -> &str {
        std::str::from_utf8(self.looks(token).text).unwrap_or_default()
    }

    /// The names that have a word.
    pub(super) fn postings(&self, token: u32) -> &[u32] {
        let at = token as usize;
        let from = self.posting_starts.get(at).copied().unwrap_or(0) as usize;
        let until = self.posting_starts.get(at + 1).copied().unwrap_or(0) as usize;
        self.postings.get(from..until).unwrap_or_default()
    }

    pub(super) fn words_of(&self, name: &Name) -> &[NameWord] {
        let from = name.words.0 as usize;
        self.name_words.get(from..from + usize::from(name.words.1)).unwrap_or_default()
    }

    pub(super) fn text_of(&self, name: &Name) -> &str {
        let from = name.text.0 as usize;
        self.texts.get(from..from + usize::from(name.text.1)).unwrap_or_default()
    }

    /// Words of a meaning.
    pub(super) fn of_meaning(&self, meaning: u16) -> &[u32] {
        if meaning == 0 { &[] } else { self.meanings.get(&meaning).map_or(&[], Vec::as_slice) }
    }

    /// How much a word says that this many parties have.
    pub(super) fn bits(&self, parties: u32) -> f32 {
        let all = u32::try_from(self.parties.len().max(LIST_MIN)).unwrap_or(u32::MAX);
        log2(all) - log2(parties.max(1))
    }
}

/// The weight of a word in a name of a party of this kind.
///
/// A legal form or an article says how names are written, not whose they are; a company word or a place says a little.
fn weight(known: Known, bits: f32, kind: PartyKind, initial: bool) -> f32 {
    let kinds = known.kinds;
    let is_small = kinds.is(Kinds::LEGAL) || kinds.is(Kinds::LINK) || kinds.is(Kinds::PARTICLE);
    if kind == PartyKind::Person {
        if kinds.is(Kinds::PARTICLE) {
            0.5
        } else if kinds.is(Kinds::TITLE) {
            1.0
        } else if initial {
            2.0
        } else if kinds.is(Kinds::PATRONYMIC) {
            (bits * 0.5).clamp(2.0, 5.0)
        } else {
            bits.clamp(3.0, 14.0)
        }
    } else if is_small || kinds.is(Kinds::TITLE) && kind == PartyKind::Vessel {
        0.4
    } else if kinds.is(Kinds::COMPANY) || kinds.is(Kinds::PLACE) {
        (bits * 0.5).clamp(1.0, 4.0)
    } else {
        bits.clamp(2.0, 14.0)
    }
}

/// The logarithm to base 2, straight between the powers of two: the same on every machine.
#[expect(clippy::cast_precision_loss, reason = "a weight needs no more than 24 bits")]
fn log2(value: u32) -> f32 {
    let value = value.max(1);
    let whole = value.ilog2();
    let power = 1u32 << whole;
    whole as f32 + (value - power) as f32 / power as f32
}

impl Builder {
    fn entry(&mut self, entry: Entry) {
        let Ok(party) = u32::try_from(self.index.parties.len()) else { return };
        let list = self.index.lists.iter().position(|list| **list == *entry.list).unwrap_or_else(|| {
            self.index.lists.push(entry.list.clone());
            self.index.lists.len() - 1
        });
        let mut kind = entry.kind;
        let first = self.index.names.len();
        for listed in &entry.names {
            let words = words(&listed.name);
            if words.is_empty() {
                continue;
            }
            if kind == PartyKind::Unknown && words.iter().any(|word| says_organisation(&word.text)) {
                kind = PartyKind::Organisation;
            }
            let from = self.index.name_words.len();
            for word in &words {
                let token = self.token(word);
                self.index.name_words.push(NameWord { token, family: word.family });
            }
            let text_from = self.index.texts.len();
            let shown: &str = &listed.name;
            let shown =
                shown.char_indices().nth(512).map_or(shown, |(end, _)| shown.get(..end).unwrap_or(shown));
            self.index.texts.push_str(shown);
            self.index.names.push(Name {
                party,
                words: (
                    u32::try_from(from).unwrap_or(u32::MAX),
                    u8::try_from(words.len()).unwrap_or(u8::MAX),
                ),
                text: (
                    u32::try_from(text_from).unwrap_or(u32::MAX),
                    u16::try_from(self.index.texts.len() - text_from).unwrap_or(u16::MAX),
                ),
                quality: listed.quality,
                weight: 0.0,
            });
        }
        self.count(first);
        for identifier in entry.identifiers {
            self.index.identifiers.entry(identifier).or_default().push(party);
        }
        self.index.parties.push(Party {
            uid: entry.uid,
            list: u16::try_from(list).unwrap_or(u16::MAX),
            kind,
            listed: entry.listed,
            countries: entry.countries,
            births: entry.births,
            first_name: u32::try_from(first).unwrap_or(u32::MAX),
        });
    }

    /// Counts each word of the party's names once.
    fn count(&mut self, first: usize) {
        let Self { index, .. } = self;
        let mut tokens: SmallVec<[u32; 32]> = index
            .names
            .get(first..)
            .unwrap_or_default()
            .iter()
            .flat_map(|name| index.words_of(name).iter().map(|word| word.token))
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        for token in tokens {
            if let Some(token) = index.tokens.get_mut(token as usize) {
                token.parties += 1;
            }
        }
    }

    fn token(&mut self, word: &Word) -> u32 {
        if let Some(token) = self.by_text.get(&word.text) {
            return *token;
        }
        let id = u32::try_from(self.index.tokens.len()).unwrap_or(u32::MAX);
        let forms = Forms::of(&word.text);
        let at = u32::try_from(self.index.forms.len()).unwrap_or(u32::MAX);
        self.index.forms.extend_from_slice(word.text.as_bytes());
        self.index.forms.extend_from_slice(&forms.sound);
        self.index.forms.extend_from_slice(&forms.bones);
        let length = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        self.index.tokens.push(Token {
            at,
            lengths: (length(word.text.len()), length(forms.sound.len()), length(forms.bones.len())),
            vowelless: word.vowelless,
            digits: has_digits(&word.text),
            letters: Letters::of(word.text.as_bytes(), &forms.sound),
            known: vocabulary::lookup(&word.text),
            parties: 0,
            bits: 0.0,
            weights: Weights::default(),
        });
        let rows = &mut self.rows;
        keys(word.text.as_bytes(), &forms, false, &mut |key| rows.push((key, id)));
        // Names without vowels look for bones with a letter more or less too.
        super::keys::bone_cuts(&forms, &mut |key| rows.push((key, id)));
        self.by_text.insert(word.text.clone(), id);
        id
    }

    fn finish(self) -> Index {
        let Self { mut index, rows, .. } = self;
        index.keys = Keys::build(&rows);
        drop(rows);
        let mut by_sound: HashMap<&[u8], u32> = HashMap::with_capacity(index.tokens.len());
        for at in 0..index.tokens.len() {
            let token = u32::try_from(at).unwrap_or(u32::MAX);
            let parties = index.tokens.get(at).map_or(0, |token| token.parties);
            *by_sound.entry(index.looks(token).sound).or_default() += parties;
        }
        let sums: Vec<u32> = (0..index.tokens.len())
            .map(|at| {
                by_sound.get(index.looks(u32::try_from(at).unwrap_or(u32::MAX)).sound).copied().unwrap_or(0)
            })
            .collect();
        drop(by_sound);
        // Forms of one personal name are one name.
        let mut by_meaning: HashMap<u16, u32> = HashMap::new();
        for token in index.tokens.iter().filter(|token| token.known.kinds.is(Kinds::PERSONAL)) {
            *by_meaning.entry(token.known.meaning).or_default() += token.parties;
        }
        for (at, sum) in sums.into_iter().enumerate() {
            let meaning = index.tokens.get(at).map_or(0, |token| token.known.meaning);
            let sum = by_meaning.get(&meaning).map_or(sum, |of_name| sum.max(*of_name));
            let bits = index.bits(sum);
            if let Some(token) = index.tokens.get_mut(at) {
                token.parties = sum;
                token.bits = bits;
                token.weights = Weights::of(token.known, bits, token.lengths.0 == 1 && !token.digits);
                if token.known.meaning != 0 {
                    let id = u32::try_from(at).unwrap_or(u32::MAX);
                    index.meanings.entry(token.known.meaning).or_default().push(id);
                }
            }
        }
        index.post();
        for at in 0..index.names.len() {
            let Some(name) = index.names.get(at).copied() else { continue };
            let kind = index.parties.get(name.party as usize).map_or(PartyKind::Unknown, |party| party.kind);
            let weight: f32 =
                index.words_of(&name).iter().map(|word| index.weight_of(word.token, kind)).sum();
            if let Some(name) = index.names.get_mut(at) {
                name.weight = weight;
            }
        }
        index.texts.shrink_to_fit();
        index.names.shrink_to_fit();
        index.parties.shrink_to_fit();
        index.forms.shrink_to_fit();
        index.tokens.shrink_to_fit();
        index.name_words.shrink_to_fit();
        index
    }
}

impl Index {
    /// The weight of a listed word in a name of a party of this kind.
    pub(super) fn weight_of(&self, token: u32, kind: PartyKind) -> f32 {
        self.tokens.get(token as usize).map_or(0.0, |token| token.weights.for_kind(kind))
    }

    /// How much a listed word says, in bits.
    pub(super) fn bits_of(&self, token: u32) -> f32 {
        self.tokens.get(token as usize).map_or(0.0, |token| token.bits)
    }

    /// Fills the way from words to names.
    fn post(&mut self) {
        let mut starts = vec![0u32; self.tokens.len() + 1];
        // A word that stands twice in a name is posted once.
        let distinct = |words: &[NameWord]| {
            let mut tokens: SmallVec<[u32; 24]> = words.iter().map(|word| word.token).collect();
            tokens.sort_unstable();
            tokens.dedup();
            tokens
        };
        for name in &self.names {
            for token in distinct(self.words_of(name)) {
                if let Some(count) = starts.get_mut(token as usize + 1) {
                    *count += 1;
                }
            }
        }
        let mut sum = 0;
        for count in &mut starts {
            sum += *count;
            *count = sum;
        }
        let mut next = starts.clone();
        let mut postings = vec![0u32; sum as usize];
        for (at, name) in self.names.iter().enumerate() {
            for token in distinct(self.words_of(name)) {
                if let Some(place) = next.get_mut(token as usize) {
                    if let Some(posting) = postings.get_mut(*place as usize) {
                        *posting = u32::try_from(at).unwrap_or(u32::MAX);
                    }
                    *place += 1;
                }
            }
        }
        self.posting_starts = starts;
        self.postings = postings;
    }
}

/// Does a word say that its bearer is no human being?
pub(super) fn says_organisation(word: &str) -> bool {
    let kinds = vocabulary::lookup(word).kinds;
    word.len() > 1 && !kinds.is(Kinds::PARTICLE) && (kinds.is(Kinds::LEGAL) || kinds.is(Kinds::COMPANY))
}
