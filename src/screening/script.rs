//! Writing systems to lower-case Latin letters, one word at a time.
//!
//! Cyrillic, Greek, Arabic and Hangul have tables of their own, because lists romanise them in a way that a general
//! table does not know; everything else goes through `any_ascii`. Letters that only look Latin inside a Latin word
//! are read as what they look like.

use any_ascii::any_ascii_char;
use unicode_normalization::UnicodeNormalization;

/// A word in Latin letters and digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Romanised {
    /// `a`–`z` and `0`–`9`.
    pub text: String,
    /// Written without its vowels, as Arabic is.
    pub vowelless: bool,
}

/// The words of a stretch of text between spaces and punctuation.
///
/// Most give one. Hangul and Han give one a syllable, because lists write syllables apart or together as they like.
pub(super) fn romanise(word: &str, push: &mut impl FnMut(Romanised)) {
    if word.is_ascii() {
        push(Romanised { text: word.to_ascii_lowercase(), vowelless: false });
        return;
    }
    let letters: Vec<char> = word.chars().collect();
    let count = |test: fn(char) -> bool| letters.iter().filter(|c| test(**c)).count();
    let (arabic, hangul, han) = (count(is_arabic), count(is_hangul), count(is_han));
    if arabic * 2 > letters.len() {
        arabic_words(&letters, push);
    } else if hangul * 2 > letters.len() {
        hangul_words(&letters, push);
    } else if han * 2 > letters.len() {
        for c in letters {
            let text = any_ascii_char(c).to_ascii_lowercase();
            push(Romanised { text, vowelless: false });
        }
    } else {
        let (cyrillic, latin) = (count(is_cyrillic), count(|c| c.is_alphabetic() && c < '\u{250}'));
        let greek = count(is_greek);
        let mut text = String::with_capacity(letters.len() + 4);
        for c in letters {
            let c = if latin > 0 && latin >= cyrillic + greek {
                looks_latin(c)
            } else if latin > 0 && cyrillic > 0 {
                looks_cyrillic(c)
            } else {
                c
            };
            letter(c, &mut text);
        }
        push(Romanised { text, vowelless: false });
    }
}

fn is_arabic(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{400}'..='\u{52f}')
}

fn is_greek(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}')
}

fn letter(c: char, text: &mut String) {
    if c.is_ascii_alphanumeric() {
        text.push(c.to_ascii_lowercase());
        return;
    }
    let lower = c.to_lowercase().next().unwrap_or(c);
    let known = if is_cyrillic(c) {
        cyrillic(lower)
    } else if is_greek(c) {
        greek(lower)
    } else {
        latin(lower)
    };
    if let Some(known) = known {
        text.push_str(known);
        return;
    }
    // A letter and its marks: the letter is enough.
    let mut decomposed = std::iter::once(lower).nfd().filter(|c| !is_mark(*c)).peekable();
    if decomposed.peek().is_some_and(char::is_ascii_alphanumeric) {
        text.extend(decomposed.filter(char::is_ascii_alphanumeric));
        return;
    }
    text.extend(
        any_ascii_char(lower).chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()),
    );
}

fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Latin letters whose sound a list spells with two.
const fn latin(c: char) -> Option<&'static str> {
    Some(match c {
        'č' | 'ć' => "ch",
        'š' | 'ş' | 'ș' => "sh",
        'ž' => "zh",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ð' => "d",
        'ı' => "i",
        'ł' => "l",
        'đ' => "dj",
        'ə' => "a",
        'ŏ' => "o",
        'ŭ' => "u",
        _ => return None,
    })
}

/// Cyrillic of Russian, Ukrainian, Belarusian, Bulgarian, Serbian and Macedonian, as sanctions lists romanise it.
const fn cyrillic(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' | 'ѓ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'ё' => "yo",
        'є' => "ye",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'ї' => "yi",
        'ј' => "j",
        'к' | 'ќ' => "k",
        'л' => "l",
        'љ' => "lj",
        'м' => "m",
        'н' => "n",
        'њ' => "nj",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'ћ' | 'ч' => "ch",
        'ђ' => "dj",
        'у' | 'ў' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'џ' => "dzh",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'й' | 'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        'ѕ' => "dz",
        _ => return None,
    })
}

const fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' | 'ά' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' | 'έ' => "e",
        'ζ' => "z",
        'η' | 'ή' | 'ι' | 'ί' | 'ϊ' | 'ΐ' => "i",
        'θ' => "th",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "x",
        'ο' | 'ό' | 'ω' | 'ώ' => "o",
        'π' => "p",
        'ρ' => "r",
        'σ' | 'ς' => "s",
        'τ' => "t",
        'υ' | 'ύ' | 'ϋ' | 'ΰ' => "y",
        'φ' => "f",
        'χ' => "ch",
        'ψ' => "ps",
        _ => return None,
    })
}

/// A Cyrillic or Greek letter inside a Latin word is read as the Latin letter that it looks like.
const fn looks_latin(c: char) -> char {
    match c {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'В' | 'в' | 'Β' => 'b',
        'с' | 'С' => 'c',
        'е' | 'Е' | 'Ε' => 'e',
        'һ' | 'Н' | 'н' | 'Η' => 'h',
        'і' | 'І' | 'ι' | 'Ι' => 'i',
        'ј' | 'Ј' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'м' | 'Μ' => 'm',
        'Ν' => 'n',
        'о' | 'О' | 'ο' | 'Ο' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' => 'u',
        'ν' => 'v',
        'ѡ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => c,
    }
}

/// A Latin letter inside a Cyrillic word is read as the Cyrillic letter that it looks like.
const fn looks_cyrillic(c: char) -> char {
    match c {
        'a' | 'A' => 'а',
        'B' => 'в',
        'c' | 'C' => 'с',
        'e' | 'E' => 'е',
        'H' => 'н',
        'i' | 'I' => 'і',
        'k' | 'K' => 'к',
        'm' | 'M' => 'м',
        'o' | 'O' => 'о',
        'p' | 'P' => 'р',
        'T' | 't' => 'т',
        'x' | 'X' => 'х',
        'y' | 'Y' => 'у',
        _ => c,
    }
}

/// Arabic, Persian, Urdu and Pashto: consonants as they stand, the article taken off, servant-of names in two.
fn arabic_words(letters: &[char], push: &mut impl FnMut(Romanised)) {
    let plain: Vec<char> =
        letters.iter().copied().flat_map(|c| std::iter::once(c).nfkc()).filter_map(plain_arabic).collect();
    let mut rest = plain.as_slice();
    // Small words are read as they are spoken, so that they are known as what they are.
    let small = match rest {
        ['ا', 'ب', 'و'] => Some("abu"),
        ['ب', 'ن'] => Some("bin"),
        ['ا', 'ب', 'ن'] => Some("ibn"),
        ['و', 'ل', 'د'] => Some("ould"),
        ['ا', 'ل'] => Some("al"),
        ['ح', 'ا', 'ج'] | ['ح', 'ا', 'ج', 'ی'] => Some("haji"),
        ['م', 'ل', 'ا'] => Some("mullah"),
        ['ش', 'ر', 'ک', 'ت' | 'ا'] => Some("sherkat"),
        ['و'] => Some("va"),
        _ => None,
    };
    if let Some(small) = small {
        push(Romanised { text: small.to_owned(), vowelless: false });
        return;
    }
    if let ['ع', 'ب', 'د', tail @ ..] = rest
        && tail.len() >= 3
    {
        push(Romanised { text: "abd".to_owned(), vowelless: true });
        rest = tail;
    }
    if let ['ا', 'ل', tail @ ..] = rest
        && tail.len() >= 2
    {
        rest = tail;
    }
    let mut text = String::with_capacity(rest.len() + 2);
    let mut at = 0;
    while let Some(c) = rest.get(at) {
        let is_first = at == 0;
        // The article inside a joined name, as in Nur al-Din, is heard as the letter after it.
        let sun = |c: &char| {
            matches!(c, 'ت' | 'ث' | 'د' | 'ذ' | 'ر' | 'ز' | 'س' | 'ش' | 'ص' | 'ض' | 'ط' | 'ظ' | 'ن')
        };
        if !is_first && *c == 'ا' && rest.get(at + 1) == Some(&'ل') && rest.get(at + 2).is_some_and(sun) {
            at += 2;
            continue;
        }
        text.push_str(match c {
            'ا' => "a",
            'ع' if is_first => "a",
            'ب' => "b",
            'پ' => "p",
            'ت' | 'ط' | 'ث' | 'ٹ' | 'ټ' => "t",
            'ج' | 'ځ' => "j",
            'چ' => "ch",
            'ح' | 'ه' | 'ھ' => "h",
            'خ' => "kh",
            'د' | 'ض' | 'ډ' | 'ڈ' => "d",
            'ذ' | 'ز' | 'ظ' => "z",
            'ر' | 'ړ' | 'ڑ' => "r",
            'ژ' | 'ږ' => "zh",
            'س' | 'ص' => "s",
            'ش' | 'ښ' => "sh",
            'غ' => "gh",
            'ف' => "f",
            'ق' | 'ک' => "k",
            'گ' => "g",
            'ل' => "l",
            'م' => "m",
            'ن' | 'ں' | 'ڼ' => "n",
            'و' => "w",
            'ی' => "y",
            _ => "",
        });
        at += 1;
    }
    push(Romanised { text, vowelless: true });
}

/// One form for letters that dialects and keyboards write differently; vowel signs go.
const fn plain_arabic(c: char) -> Option<char> {
    Some(match c {
        'أ' | 'إ' | 'آ' | 'ٱ' | 'ى' | 'ة' | 'ۀ' => 'ا',
        'ؤ' => 'و',
        'ئ' | 'ي' | 'ې' | 'ۍ' | 'ے' => 'ی',
        'ك' | 'ګ' => 'ک',
        'ہ' | 'ۂ' => 'ه',
        'ء' | 'ـ' | '\u{64b}'..='\u{65f}' | '\u{670}' => return None,
        _ => c,
    })
}

/// Hangul in McCune–Reischauer as North Korean names are listed, without its marks: a word a syllable.
fn hangul_words(letters: &[char], push: &mut impl FnMut(Romanised)) {
    const INITIAL: [&str; 19] = [
        "k", "kk", "n", "t", "tt", "r", "m", "p", "pp", "s", "ss", "", "ch", "tch", "ch", "k", "t", "p", "h",
    ];
    const VOWEL: [&str; 21] = [
        "a", "ae", "ya", "yae", "o", "e", "yo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi",
        "yu", "u", "ui", "i",
    ];
    const FINAL: [&str; 28] = [
        "", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t",
        "t", "ng", "t", "t", "k", "t", "p", "t",
    ];
    for c in letters {
        let code = *c as usize;
        if !is_hangul(*c) {
            let mut text = String::new();
            letter(*c, &mut text);
            push(Romanised { text, vowelless: false });
            continue;
        }
        let syllable = code - 0xac00;
        let part = |table: &[&'static str], at: usize| table.get(at).copied().unwrap_or("");
        let text =
            [part(&INITIAL, syllable / 588), part(&VOWEL, syllable % 588 / 28), part(&FINAL, syllable % 28)]
                .concat();
        push(Romanised { text, vowelless: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latin_of(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        romanise(text, &mut |word| words.push(word.text));
        words
    }

    #[test]
    fn scripts_become_latin_as_lists_write_them() {
        for (text, expected) in [
            ("Кириенко", "kirienko"),
            ("Щербаков", "shcherbakov"),
            ("Γεώργιος", "georgios"),
            ("Marinyčev", "marinychev"),
            ("Müller", "muller"),
            ("김", "kim"),
            ("محمد", "mhmd"),
            ("الأسد", "asd"),
        ] {
            assert_eq!(latin_of(text), [expected]);
        }
        assert_eq!(latin_of("김수길"), ["kim", "su", "kil"]);
        assert_eq!(latin_of("عبدالرحمن"), ["abd", "rhmn"]);
        assert_eq!(latin_of("深圳"), ["shen", "zhen"]);
    }

    #[test]
    fn a_letter_that_looks_latin_in_a_latin_word_is_latin() {
        assert_eq!(latin_of("Georgioѕ"), ["georgios"]);
        assert_eq!(latin_of("ВELOUSOV"), ["belousov"]);
        assert_eq!(latin_of("Tесткомплект"), ["testkomplekt"]);
    }
}
