//! How alike two words are.

#![expect(
    clippy::float_arithmetic,
    reason = "a score is a measure, not money; only + - * / are used, so every machine gets the same"
)]

use super::sound::{FORM_MAX, Form};

/// Words less alike than this are different words.
pub(super) const ALIKE_MIN: f32 = 0.66;

/// How a word of the query meets one of the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    /// The same letters.
    Equal,
    /// The same sound in another spelling.
    Sound,
    /// The same consonants, where one is written without vowels.
    Bones,
    /// A few letters apart.
    Edit,
    /// Another word of the same meaning, or another language's form of the name.
    Meaning,
    /// The beginning of the word, where the query ends.
    Beginning,
    /// Its first letter.
    Initial,
    /// Two words written as one, or one as two.
    Joined,
}

impl Relation {
    /// One word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Sound => "sound",
            Self::Bones => "consonants",
            Self::Edit => "spelling",
            Self::Meaning => "meaning",
            Self::Beginning => "beginning",
            Self::Initial => "initial",
            Self::Joined => "joined",
        }
    }
}

/// What likeness looks at in a word.
#[derive(Clone, Copy)]
pub(super) struct Looks<'a> {
    pub text: &'a [u8],
    pub sound: &'a [u8],
    pub bones: &'a [u8],
    /// Other sounds that the word may have.
    pub others: &'a [Form],
    /// Other bones, of a word without vowels.
    pub other_bones: &'a [u8],
    pub letters: Letters,
    pub meaning: u16,
    pub vowelless: bool,
    pub digits: bool,
}

/// The letters of a word's text that have no look-alike, and the consonants of its sound: one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Letters {
    text: u32,
    sound: u32,
}

impl Letters {
    pub(super) fn of(text: &[u8], sound: &[u8]) -> Self {
        let set = |form: &[u8], counts: fn(&u8) -> bool| {
            let letters = form.iter().map(|sound| letter(*sound)).filter(counts);
            letters.fold(0u32, |set, letter| set | 1u32.unbounded_shl(u32::from(letter)))
        };
        Self {
            text: set(text, |letter| !matches!(letter, 9 | 10 | 12 | 25)),
            sound: set(sound, |letter| !is_vowel(usize::from(*letter))),
        }
    }

    /// How many letters one of the two has more than the other.
    const fn apart(a: u32, b: u32) -> u32 {
        let (only_a, only_b) = ((a & !b).count_ones(), (b & !a).count_ones());
        if only_a > only_b { only_a } else { only_b }
    }
}

impl Looks<'_> {
    /// No word at all.
    pub(super) const NOTHING: Self = Looks {
        text: &[],
        sound: &[],
        bones: &[],
        others: &[],
        other_bones: &[],
        letters: Letters { text: 0, sound: 0 },
        meaning: 0,
        vowelless: false,
        digits: false,
    };
}

/// The likeness of a word of the query and one of the list, from [`ALIKE_MIN`] to 1; `None` for different words.
pub(super) fn likeness(query: Looks<'_>, listed: Looks<'_>) -> Option<(f32, Relation)> {
    if query.text == listed.text {
        return Some((1.0, Relation::Equal));
    }
    if query.digits || listed.digits {
        return None;
    }
    if query.vowelless {
        return bare_likeness(query, listed);
    }
    if query.meaning != 0 && query.meaning == listed.meaning {
        return Some((0.92, Relation::Meaning));
    }
    let sound_alike = |sound: &[u8]| if sound.len() < 3 { 0.85 } else { 0.96 };
    if query.sound == listed.sound {
        return Some((sound_alike(query.sound), Relation::Sound));
    }
    if query.others.iter().any(|other| other.as_slice() == listed.sound) {
        return Some((sound_alike(listed.sound) - 0.02, Relation::Sound));
    }
    // Words of other letters are other words, and their edits need not be counted.
    let apart = Letters::apart(query.letters.text, listed.letters.text);
    // Where both sound as they are written, what is heard costs less than what is read, in all but short words.
    let plain = query.text.len() > 4 && query.text == query.sound && listed.text == listed.sound;
    let by_text = if !plain && affords(apart, query.text, listed.text) {
        spelled(query.text, listed.text, Of::Text)
    } else {
        0.0
    };
    let consonants = Letters::apart(query.letters.sound, listed.letters.sound);
    let far = if query.sound.len().max(listed.sound.len()) > 4 { 3 } else { 2 };
    let by_sound = if consonants < far { spelled(query.sound, listed.sound, Of::Sound) } else { 0.0 };
    let other =
        query.others.iter().map(|other| spelled(other, listed.sound, Of::Sound) - 0.02).fold(0.0, f32::max);
    let best = by_sound.max(by_text).max(other);
    (best >= ALIKE_MIN).then_some((best, Relation::Edit))
}

/// Two words read as one must be the listed word, or one letter from it where it is long.
pub(super) fn joined_likeness(query: Looks<'_>, listed: Looks<'_>) -> Option<f32> {
    if query.text == listed.text {
        Some(0.98)
    } else if query.digits || listed.digits {
        None
    } else if query.vowelless {
        (query.bones == listed.bones && query.bones.len() >= 4).then_some(0.92)
    } else if query.sound == listed.sound && query.sound.len() >= 4 {
        Some(0.95)
    } else {
        let alike = spelled(query.text, listed.text, Of::Text);
        (query.text.len() >= 7 && alike >= 0.86).then_some(alike)
    }
}

/// Of a word written without vowels, the consonants decide.
fn bare_likeness(query: Looks<'_>, listed: Looks<'_>) -> Option<(f32, Relation)> {
    let length = query.bones.len().min(listed.bones.len());
    if query.bones == listed.bones || query.other_bones == listed.bones {
        let alike = match listed.bones.len() {
            0 | 1 => 0.7,
            2 => 0.88,
            3 => 0.95,
            _ => 0.97,
        };
        return Some((alike, Relation::Bones));
    }
    if length < 3 {
        return None;
    }
    let alike = spelled(query.bones, listed.bones, Of::Bones).max(spelled(
        query.other_bones,
        listed.bones,
        Of::Bones,
    ));
    (alike >= 0.7).then_some((alike * 0.96, Relation::Bones))
}

/// Which form of two words is compared.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Of {
    Text,
    Sound,
    Bones,
}

/// Likeness by edits: 1 less the cost of turning one into the other over the longer length.
fn spelled(a: &[u8], b: &[u8], form: Of) -> f32 {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    if short < 2 || long - short > 3 || long > FORM_MAX {
        return 0.0;
    }
    // A vowel says more in a short word.
    let scale = match long {
        0..=3 if form == Of::Sound => 2.2,
        4 if form == Of::Sound => 1.25,
        _ => 1.0,
    };
    // Half a letter of grace for long words: one slip in ten letters is less than one in five.
    let length = f32_of(long) + 0.5;
    let allowed = (1.0 - ALIKE_MIN) * length / scale;
    let costs = if form == Of::Text { &WRITTEN } else { &HEARD };
    match edits(a, b, costs, allowed) {
        Some(cost) => 1.0 - cost * scale / length,
        None => 0.0,
    }
}

/// May words with so many letters apart still be alike? Each letter that has no partner costs a whole one.
fn affords(apart: u32, a: &[u8], b: &[u8]) -> bool {
    let length = f32_of(a.len().max(b.len())) + 0.5;
    f32::from(u16::try_from(apart).unwrap_or(u16::MAX)) <= (1.0 - ALIKE_MIN) * length
}

/// What edits cost, in twentieths of a letter.
struct Costs {
    /// One letter for another, by [`letter`].
    change: [[u8; 32]; 32],
    /// A letter too many.
    gap: [u8; 32],
    /// A letter that is the one before it once more.
    doubled: u8,
    /// Added where the first letter is another.
    first: u8,
}

/// Two letters that change places.
const SWAP: u16 = 16;

/// Slips of the eye and the finger.
static WRITTEN: Costs = Costs {
    change: changes(&[(b"il", 10), (b"ij", 10), (b"iy", 10)], 20),
    gap: [20; 32],
    doubled: 12,
    first: 3,
};

/// Sounds that languages and ears confuse.
static HEARD: Costs = Costs {
    change: changes(
        &[
            (b"bp", 10),
            (b"dt", 10),
            (b"gk", 10),
            (b"sz", 10),
            (b"cs", 10),
            (b"CS", 10),
            (b"Ss", 10),
            (b"Zj", 10),
            (b"Zz", 10),
            (b"SZ", 10),
            (b"Cc", 10),
            (b"Cj", 10),
            (b"gh", 10),
            (b"hk", 10),
            (b"bv", 10),
            (b"fv", 10),
            (b"uv", 10),
            (b"gj", 10),
            (b"ij", 10),
            (b"dz", 10),
            (b"st", 10),
            (b"cz", 10),
            (b"Ch", 10),
            (b"Ck", 10),
            (b"il", 10),
            (b"mn", 14),
            (b"lr", 14),
        ],
        8,
    ),
    gap: gaps(),
    doubled: 20,
    first: 3,
};

/// A table of changes: these pairs, vowels for vowels, and a whole letter for all others.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of bounds is an error"
)]
const fn changes(pairs: &[(&[u8; 2], u8)], vowels: u8) -> [[u8; 32]; 32] {
    let mut table = [[20; 32]; 32];
    let mut a = 0;
    while a < 32 {
        let mut b = 0;
        while b < 32 {
            if is_vowel(a) && is_vowel(b) {
                table[a][b] = vowels;
            }
            if a == b {
                table[a][b] = 0;
            }
            b += 1;
        }
        a += 1;
    }
    let mut at = 0;
    while at < pairs.len() {
        let (pair, cost) = pairs[at];
        let (a, b) = (letter(pair[0]) as usize, letter(pair[1]) as usize);
        table[a][b] = cost;
        table[b][a] = cost;
        at += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of bounds is an error"
)]
const fn gaps() -> [u8; 32] {
    let mut gaps = [20; 32];
    let mut at = 0;
    while at < 32 {
        if is_vowel(at) {
            gaps[at] = 11;
        }
        at += 1;
    }
    gaps[letter(b'h') as usize] = 10;
    gaps[letter(b'j') as usize] = 10;
    gaps
}

/// A sound as a number below 32: `a` to `z` from 1, then `S`, `C` and `Z`; digits are never compared by edits.
const fn letter(sound: u8) -> u8 {
    match sound {
        b'S' => 27,
        b'C' => 28,
        b'Z' => 29,
        other => other & 0x1f,
    }
}

const fn is_vowel(letter: usize) -> bool {
    matches!(letter, 1 | 5 | 9 | 15 | 21)
}

/// Letters in a row of the table of edits: a power of two above `FORM_MAX`, so that an index can be cut to it.
const ROW: usize = 32;

/// Optimal string alignment with costs, in letters; `None` where it costs more than is allowed.
#[expect(
    clippy::indexing_slicing,
    reason = "rows are ROW long, letters are below 32, and indices are cut to that"
)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few letters in twentieths")]
fn edits(a: &[u8], b: &[u8], costs: &Costs, allowed: f32) -> Option<f32> {
    let allowed = (allowed * 20.0) as u16;
    // What both begin and end with costs nothing; a letter of each stays for those doubled or exchanged beside it.
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let rest = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (from, off) = (head.saturating_sub(1), tail.saturating_sub(1));
    let (a, b) = (a.get(from..a.len() - off)?, b.get(from..b.len() - off)?);
    let (x, x_gaps) = with_gaps(a, costs);
    let (y, y_gaps) = with_gaps(b, costs);
    let (wide, high) = (b.len(), a.len());
    let (mut now, mut above) = ([0u16; ROW], [0u16; ROW]);
    let mut before;
    for j in 0..wide {
        now[(j + 1) % ROW] = now[j % ROW] + y_gaps[j % ROW];
    }
    for i in 0..high {
        (before, above) = (above, now);
        let (letter, drop) = (x[i % ROW], x_gaps[i % ROW]);
        let previous = if i > 0 { x[(i - 1) % ROW] } else { 0 };
        let changes = &costs.change[usize::from(letter) % 32];
        let mut left = above[0] + drop;
        now[0] = left;
        let mut lowest = left;
        for j in 0..wide {
            let other = y[j % ROW];
            let mut change = u16::from(changes[usize::from(other) % 32]);
            if i + j + head == 0 {
                change += u16::from(costs.first);
            }
            let mut cost =
                (above[j % ROW] + change).min(above[(j + 1) % ROW] + drop).min(left + y_gaps[j % ROW]);
            if j > 0 && previous == other && letter == y[(j - 1) % ROW] && i > 0 {
                cost = cost.min(before[(j - 1) % ROW] + SWAP);
            }
            now[(j + 1) % ROW] = cost;
            left = cost;
            lowest = lowest.min(cost);
        }
        if lowest > allowed {
            return None;
        }
    }
    let cost = now[wide % ROW];
    (cost <= allowed).then(|| f32::from(cost) / 20.0)
}

/// The letters of a form as numbers, each with what it costs as one too many.
#[expect(clippy::indexing_slicing, reason = "letters are below 32")]
fn with_gaps(form: &[u8], costs: &Costs) -> ([u8; ROW], [u16; ROW]) {
    let (mut letters, mut gaps) = ([0u8; ROW], [0u16; ROW]);
    let mut last = 0;
    for ((sound, place), gap) in form.iter().zip(&mut letters).zip(&mut gaps) {
        let letter = letter(*sound) & 31;
        let alone = costs.gap[usize::from(letter)];
        *gap = u16::from(if letter == last { alone.min(costs.doubled) } else { alone });
        *place = letter;
        last = letter;
    }
    (letters, gaps)
}

#[expect(clippy::cast_precision_loss, reason = "lengths of words")]
const fn f32_of(length: usize) -> f32 {
    length as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screening::word::Forms;

    fn alike(a: &str, b: &str) -> f32 {
        let (x, y) = (Forms::of(a), Forms::of(b));
        likeness(looks(a, &x), looks(b, &y)).map_or(0.0, |(alike, _)| alike)
    }

    fn looks<'a>(text: &'a str, forms: &'a Forms) -> Looks<'a> {
        let letters = Letters::of(text.as_bytes(), &forms.sound);
        Looks { text: text.as_bytes(), sound: &forms.sound, bones: &forms.bones, letters, ..Looks::NOTHING }
    }

    #[test]
    fn closer_words_are_more_alike() {
        assert!(alike("kalashnikov", "kalashnikov") > alike("kalaschnikow", "kalashnikov"));
        assert!(alike("kalashnikov", "kalashnikow") > alike("kalashnikov", "kalashnik"));
        assert!(alike("yousef", "yusuf") > 0.85);
        assert!(alike("petrov", "ivanov") < 0.7);
        assert!(alike("holding", "holdings") > 0.85);
    }

    #[test]
    fn likeness_has_no_direction() {
        for (a, b) in [("mahmood", "mahmud"), ("rlgo", "lego"), ("alexey", "aleksei"), ("motojen", "mootjen")]
        {
            assert!((alike(a, b) - alike(b, a)).abs() < 1e-6, "{a} {b}");
        }
    }
}
