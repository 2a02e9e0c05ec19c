//! How a word sounds, across the ways in which languages spell it.
//!
//! Two forms of a word in Latin letters: its *sound*, in which spellings of one sound meet (`Yousef`, `Jusuf`), and
//! its *bones*, the consonants of the sound, in which names written without vowels meet (`Vldmr`, `محمد`).
//! In both, one byte is one sound: lower-case letters as they are, `S` for sh, `C` for ch, `Z` for zh.

use smallvec::SmallVec;

/// A form of a word: bytes, one a sound.
pub(super) type Form = SmallVec<[u8; 16]>;

/// Longest form kept; a longer word is cut, and words that long differ early.
pub(super) const FORM_MAX: usize = 24;

/// Spellings of one sound, longest first among those with the same first letter.
static SPELLINGS: &[(&str, &str)] = &[
    ("aa", "a"),
    ("ae", "e"),
    ("au", "o"),
    ("aw", "o"),
    ("chtch", "S"),
    ("ch", "C"),
    ("ck", "k"),
    ("cz", "C"),
    ("dsch", "j"),
    ("dzh", "j"),
    ("dh", "d"),
    ("dj", "j"),
    ("eev", "ev"),
    ("ee", "i"),
    ("eo", "o"),
    ("gh", "g"),
    ("kh", "h"),
    ("ks", "ks"),
    ("oe", "o"),
    ("oo", "u"),
    ("ou", "u"),
    ("ow", "o"),
    ("ph", "f"),
    ("qu", "k"),
    ("schtsch", "S"),
    ("shch", "S"),
    ("sch", "S"),
    ("sh", "S"),
    ("sj", "S"),
    ("tsch", "C"),
    ("tch", "C"),
    ("tj", "C"),
    ("th", "t"),
    ("ts", "c"),
    ("tz", "c"),
    ("ue", "u"),
    ("zh", "Z"),
    ("zs", "Z"),
];

/// The sound of a word of `a`–`z` and `0`–`9`.
pub(super) fn sound(text: &str) -> Form {
    let bytes = text.as_bytes();
    let mut form = Form::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if form.len() == FORM_MAX {
            break;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let next = rest.get(1).copied();
        if let Some((used, heard)) = glide(form.last().copied(), rest) {
            if let Some(sound) = heard {
                push(&mut form, sound);
            }
            at += used;
            continue;
        }
        // Swedish writes ch with tj; in Tatjana the j is a glide. German and Polish end in -ow where others have -ov.
        let spelling = SPELLINGS.iter().find(|(spelling, _)| {
            spelling.as_bytes().first() == Some(&byte)
                && rest.starts_with(spelling.as_bytes())
                && (*spelling != "tj" || !matches!(rest.get(2), Some(b'a' | b'u')))
                && (*spelling != "ow" || rest.len() > 2 || at < 4)
        });
        if let Some((spelling, heard)) = spelling {
            heard.bytes().for_each(|sound| push(&mut form, sound));
            at += spelling.len();
            continue;
        }
        match byte {
            b'c' => push(
                &mut form,
                if next.is_some_and(|next| matches!(next, b'e' | b'i' | b'y')) { b's' } else { b'k' },
            ),
            b'q' => push(&mut form, b'k'),
            b'w' => push(&mut form, b'v'),
            b'x' => {
                push(&mut form, b'k');
                push(&mut form, b's');
            }
            b'y' => push(&mut form, b'i'),
            other => push(&mut form, other),
        }
        at += 1;
    }
    if form.len() > 2 && form.last() == Some(&b'h') {
        form.pop();
    }
    form
}

/// The consonants of a sound; a first vowel stays as `a`, because it is written even where vowels are not.
pub(super) fn bones(sound: &[u8]) -> Form {
    let mut form = Form::new();
    for (at, &byte) in sound.iter().enumerate() {
        let bone = match byte {
            b'a' | b'e' | b'i' | b'o' | b'u' if at == 0 => b'a',
            b'a' | b'e' | b'i' | b'o' | b'u' => continue,
            b'g' => b'k',
            b'p' => b'b',
            b'c' => b's',
            b'Z' => b'j',
            other => other,
        };
        push(&mut form, bone);
    }
    form
}

/// Other readings of a word: French and German spelling, a Czech ending, a slip of a scanner. Most words have none.
pub(super) fn other_readings(text: &str) -> SmallVec<[String; 2]> {
    let mut readings: SmallVec<[String; 2]> = SmallVec::new();
    let mut push = |reading: String| {
        if reading != text && !readings.contains(&reading) {
            readings.push(reading);
        }
    };
    if text.contains("ch") && !text.contains("sch") {
        push(text.replace("tch", "\u{1}").replace("ch", "kh").replace('\u{1}', "tch"));
        push(text.replace("tch", "\u{1}").replace("ch", "sh").replace('\u{1}', "tch").replace("gui", "gi"));
    } else if text.contains("gui") || text.contains("gue") {
        push(text.replace("gui", "gi").replace("gue", "ge"));
    }
    if text.contains("rn") {
        push(text.replace("rn", "m"));
    }
    if let Some(stem) = text.strip_suffix("ova").filter(|stem| stem.len() >= 5) {
        push(stem.to_owned());
    }
    readings
}

/// The bones of a word written without vowels: half-vowels inside it are vowels, or, in a second form, `v`.
pub(super) fn bare_bones(text: &str) -> (Form, Form) {
    let of = |keep: &str| {
        let mut plain = String::with_capacity(text.len() + 1);
        for (at, c) in text.chars().enumerate() {
            match c {
                'y' if at == 0 => plain.push_str("yu"),
                'w' if at > 0 => plain.push_str(keep),
                'a' | 'y' if at > 0 => {}
                other => plain.push(other),
            }
        }
        bones(&sound(&plain))
    };
    (of(""), of("v"))
}

/// Has a word no vowels between its first letter and its last, as one whose vowels were dropped?
pub(super) fn is_vowelless(text: &str) -> bool {
    let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    text.bytes().all(|byte| byte.is_ascii_lowercase())
        && !inside.bytes().any(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u'))
}

const fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// `i`, `y` and `j` beside a vowel: bytes used, and the sound that is left, if any.
fn glide(before: Option<u8>, rest: &[u8]) -> Option<(usize, Option<u8>)> {
    let first = *rest.first()?;
    let next = rest.get(1).copied();
    let after_vowel = before.is_some_and(is_vowel);
    let before_vowel = next.is_some_and(is_vowel);
    match first {
        // Hossein, Husayn, Andrey.
        b'a' | b'e' if next.is_some_and(|next| matches!(next, b'i' | b'y' | b'j')) => {
            let third = rest.get(2).copied();
            (!third.is_some_and(|third| is_vowel(third) || third == b'y')).then_some((2, Some(b'e')))
        }
        // Yelena, but Yusuf.
        b'y' | b'j' if before.is_none() && before_vowel => Some((1, (next != Some(b'e')).then_some(b'j'))),
        b'i' if before.is_none() && next.is_some_and(|next| matches!(next, b'a' | b'o' | b'u')) => {
            Some((1, Some(b'j')))
        }
        // Sergeyevich, Tatyana, Natalia, Dmitriy.
        b'y' | b'j' if after_vowel => Some((1, None)),
        b'y' | b'i' | b'j' if before.is_some() && before_vowel => Some((1, None)),
        b'j' if before.is_some() && !before_vowel => Some((1, Some(b'i'))),
        _ => None,
    }
}

fn push(form: &mut Form, sound: u8) {
    if form.last() != Some(&sound) && form.len() < FORM_MAX {
        form.push(sound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> String {
        String::from_utf8(sound(text).to_vec()).unwrap()
    }

    #[test]
    fn spellings_of_one_name_meet() {
        for names in [
            ["andreyevich", "andreevich", "andrejewich"],
            ["yevgeny", "evgeny", "evgeniy"],
            ["mikhail", "mikhayl", "mihail"],
            ["hussein", "husayn", "husain"],
            ["tatiana", "tatyana", "tatjana"],
            ["dmitriy", "dmitri", "dmitry"],
            ["noor", "nour", "nur"],
            ["jusuf", "yusuf", "yusouf"],
        ] {
            let [a, b, c] = names.map(heard);
            assert!(a == b && b == c, "{a} {b} {c}");
        }
    }

    #[test]
    fn bones_are_what_vowels_leave() {
        assert_eq!(bones(&sound("vladimirovich")), bones(&sound("vldmrvch")));
        assert_eq!(bones(&sound("ahmad")), bones(&sound("ahmd")));
        assert!(is_vowelless("grmnvch") && is_vowelless("ylya") && !is_vowelless("alia"));
        assert_eq!(bare_bones("ywsf").0, bones(&sound("yusuf")));
        assert_eq!(bare_bones("prwz").1, bones(&sound("parvaz")));
    }
}
