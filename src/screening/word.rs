//! A name as words: the same code for queries and lists.

use unicode_normalization::UnicodeNormalization;

use super::script::romanise;
use super::sound::{self, Form};
use super::vocabulary::{self, Kinds};

/// Words of a name that are looked at; later ones say little.
pub(super) const WORDS_MAX: usize = 24;

/// Characters of a name that are looked at.
const CHARACTERS_MAX: usize = 400;

/// One word of a name.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Letters `a`–`z` and digits.
    pub text: Box<str>,
    /// Written without vowels.
    pub vowelless: bool,
    /// Written as part of the family name: before a comma, or in capitals among words that are not.
    pub family: bool,
}

/// A word in the forms in which it is compared.
#[derive(Clone, Debug)]
pub(super) struct Forms {
    /// How it sounds.
    pub sound: Form,
    /// Its consonants.
    pub bones: Form,
}

impl Word {
    fn new(text: &str, vowelless: bool, family: bool) -> Self {
        let text = text.get(..text.len().min(sound::FORM_MAX)).unwrap_or(text);
        Self { vowelless, text: text.into(), family }
    }

    /// A word of the tables.
    pub(super) fn known(text: &str) -> Self {
        Self { text: text.into(), vowelless: false, family: false }
    }

    /// A single letter that stands for a name.
    pub(super) fn is_initial(&self) -> bool {
        self.text.len() == 1 && !has_digits(&self.text)
    }
}

impl Forms {
    pub(super) fn of(text: &str) -> Self {
        let sound = sound::sound(text);
        Self { bones: sound::bones(&sound), sound }
    }
}

/// Is it a number, or partly one?
pub(super) fn has_digits(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The words of a name, in order.
pub(super) fn words(name: &str) -> Vec<Word> {
    let text: String = if name.is_ascii() {
        name.chars().filter(|c| *c != '\0').take(CHARACTERS_MAX).collect()
    } else {
        name.nfkc().filter(|c| !is_invisible(*c)).take(CHARACTERS_MAX).collect()
    };
    let text = with_phrases(text);
    let mut chunks = chunks(&text);
    mark_family(&text, &mut chunks);
    let mut words = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        romanise(&chunk.text, &mut |word| {
            if word.text.is_empty() || words.len() >= WORDS_MAX {
                return;
            }
            let read = read_digits(&word.text);
            servant(&read, word.vowelless, chunk.family, &mut words);
        });
    }
    words
}

/// Puts phrases of other scripts in Latin letters: where letters stand without spaces anywhere, else whole words only.
fn with_phrases(text: String) -> String {
    if text.is_ascii() || !text.chars().any(|c| matches!(c, '\u{600}'..='\u{6ff}' | '\u{3400}'..='\u{d7a3}'))
    {
        return text;
    }
    let mut text = text;
    for (phrase, meaning) in vocabulary::phrases() {
        let spaced = phrase.chars().any(|c| matches!(c, '\u{600}'..='\u{6ff}'));
        if spaced {
            if text.split(' ').any(|word| word == *phrase) {
                let words: Vec<&str> =
                    text.split(' ').map(|word| if word == *phrase { *meaning } else { word }).collect();
                text = words.join(" ");
            }
        } else if text.contains(phrase) {
            text = text.replace(phrase, &format!(" {meaning} "));
        }
    }
    text
}

/// A stretch of letters and digits of the name.
struct Chunk {
    text: String,
    /// Byte at which it starts.
    at: usize,
    family: bool,
}

/// Splits at everything that is no letter, mark or digit. Apostrophes vanish, and letters with dots between them are
/// one word where they spell a legal form or a prefix (`S.A.`, `M/V`), initials otherwise.
fn chunks(text: &str) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut current: Option<Chunk> = None;
    // Letters that stand alone with a dot or a stroke after them, waiting for the next.
    let mut dotted: Vec<Chunk> = Vec::new();
    let flush = |dotted: &mut Vec<Chunk>, chunks: &mut Vec<Chunk>| {
        let joined: String = dotted.iter().flat_map(|chunk| chunk.text.chars()).collect();
        let lower = joined.to_lowercase();
        let known = vocabulary::lookup(&lower).kinds;
        let is_word = dotted.len() > 1
            && (known.is(Kinds::LEGAL)
                || known.is(Kinds::TITLE)
                || known.is(Kinds::COMPANY)
                || dotted.len() > 2);
        match dotted.first() {
            Some(first) if is_word => chunks.push(Chunk { text: joined, at: first.at, family: false }),
            _ => chunks.append(dotted),
        }
        dotted.clear();
    };
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
            current.get_or_insert_with(|| Chunk { text: String::new(), at, family: false }).text.push(c);
            continue;
        }
        if is_apostrophe(c) {
            // A French article: l'IRGC, d'Iran. A soft sign, as in L'vov, is no article.
            let is_article =
                current.as_ref().is_some_and(|chunk| matches!(&*chunk.text, "l" | "L" | "d" | "D"));
            let next = text.get(at + c.len_utf8()..).and_then(|rest| rest.chars().next());
            if is_article
                && next.is_some_and(|next| {
                    matches!(next.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'é' | 'É')
                })
            {
                current = None;
            }
            continue;
        }
        let Some(chunk) = current.take() else {
            if !matches!(c, '.' | '/') {
                flush(&mut dotted, &mut chunks);
            }
            continue;
        };
        let alone = chunk.text.chars().count() == 1;
        if alone {
            dotted.push(chunk);
            if !matches!(c, '.' | '/') {
                flush(&mut dotted, &mut chunks);
            }
        } else {
            flush(&mut dotted, &mut chunks);
            chunks.push(chunk);
        }
    }
    flush(&mut dotted, &mut chunks);
    chunks
}

/// Marks the words before a comma, or those in capitals where others are not.
fn mark_family(text: &str, chunks: &mut [Chunk]) {
    let is_caps = |chunk: &Chunk| {
        chunk.text.chars().count() > 1
            && chunk.text.chars().all(|c| !c.is_lowercase())
            && chunk.text.chars().any(char::is_uppercase)
    };
    let is_mixed = |chunk: &Chunk| chunk.text.chars().any(char::is_lowercase);
    if let Some(comma) = text.find([',', '،']) {
        for chunk in chunks {
            chunk.family = chunk.at < comma;
        }
    } else if chunks.iter().any(is_caps) && chunks.iter().any(is_mixed) {
        for chunk in chunks {
            chunk.family = is_caps(chunk);
        }
    }
}

/// A digit among letters is the letter that a scanner took for it.
fn read_digits(text: &str) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || digits * 3 > text.len() {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let ends_in_number = bytes.last().is_some_and(u8::is_ascii_digit) && digits > 1;
    let starts_with_number = bytes.first().is_some_and(u8::is_ascii_digit);
    if ends_in_number || starts_with_number && (digits > 1 || text.len() < 4) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' => 'l',
            '2' => 'z',
            '5' => 's',
            '8' => 'b',
            other => other,
        })
        .collect()
}

/// Splits names of the kind Abdulrahman into `abd` and what is served, and glued articles are left to the alignment.
fn servant(text: &str, vowelless: bool, family: bool, words: &mut Vec<Word>) {
    const SERVANTS: [&str; 7] = ["abdul", "abdel", "abdal", "abdol", "abdur", "abdir", "abdil"];
    let served = SERVANTS.iter().find_map(|servant| text.strip_prefix(servant));
    match served {
        Some("") => words.push(Word::new("abd", vowelless, family)),
        Some(served) if served.len() >= 3 && !served.starts_with("lah") && !served.starts_with("la") => {
            words.push(Word::new("abd", vowelless, family));
            words.push(Word::new(served, vowelless, family));
        }
        _ => words.push(Word::new(text, vowelless, family)),
    }
}

/// Joiners, direction marks and other characters that are there but not seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\0')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | 'ʻ' | 'ʿ' | 'ʾ' | '′')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str) -> Vec<String> {
        words(name).into_iter().map(|word| word.text.to_string()).collect()
    }

    #[test]
    fn a_name_is_its_words() {
        for (name, expected) in [
            ("SEPRIV, S.A. DE C.V.", vec!["sepriv", "sa", "de", "cv"]),
            ("M/V Chon Myong 1", vec!["mv", "chon", "myong", "1"]),
            ("A.V. Sokolov", vec!["a", "v", "sokolov"]),
            ("AL-ZAYDI, Shibl Muhsin 'Ubayd", vec!["al", "zaydi", "shibl", "muhsin", "ubayd"]),
            ("SUBBOTIN, A1exey", vec!["subbotin", "alexey"]),
            ("HAO FAN 2A", vec!["hao", "fan", "2a"]),
            ("Abdulrahman Khan", vec!["abd", "rahman", "khan"]),
            ("ООО «М ЛИЗИНГ»", vec!["ooo", "m", "lizing"]),
            ("N\u{200b}elli", vec!["nelli"]),
        ] {
            assert_eq!(texts(name), expected, "{name}");
        }
    }

    #[test]
    fn nothing_is_no_words() {
        for name in ["", " ", "--", "🙂", "\0", "\u{200f}"] {
            assert!(words(name).len() <= 1, "{name}");
        }
        assert_eq!(words(&"a b ".repeat(5000)).len(), WORDS_MAX);
    }

    #[test]
    fn the_family_name_is_known_by_comma_or_capitals() {
        let family = |name: &str| -> Vec<String> {
            words(name).into_iter().filter(|word| word.family).map(|word| word.text.to_string()).collect()
        };
        assert_eq!(family("GARCIA BATTE, Omar"), ["garcia", "batte"]);
        assert_eq!(family("Yuri GOVTVIN"), ["govtvin"]);
        assert!(family("Yuri Govtvin").is_empty());
    }
}
