//! Names for comparison.

use unicode_normalization::UnicodeNormalization;

/// A name with case, punctuation, width, spacing and invisible characters evened out.
///
/// Two names that are equal after this are the same name for the law's lists and for the holder of a licence.
/// Legal forms stay: whether `Acme` is `Acme BV` is a likeness, not an identity.
#[must_use]
pub fn normalise(name: &str) -> Box<str> {
    // Composition changes nothing in ASCII, which most names are, and is most of the work.
    if name.is_ascii() {
        return normalise_ascii(name);
    }
    evened(name.nfkc().flat_map(char::to_lowercase), name.len()).nfc().collect::<String>().into_boxed_str()
}

/// Letters and digits with single spaces where anything else stood.
fn evened(letters: impl Iterator<Item = char>, length: usize) -> String {
    let mut normal = String::with_capacity(length);
    let mut gap = false;
    for c in letters {
        if c.is_alphanumeric() || is_mark(c) {
            if gap && !normal.is_empty() {
                normal.push(' ');
            }
            gap = false;
            normal.push(c);
        } else if !is_invisible(c) && !matches!(c, '\'' | '’' | '.') {
            gap = true;
        }
    }
    normal
}

/// The same for the names that most exports carry: no normal form changes ASCII.
fn normalise_ascii(name: &str) -> Box<str> {
    let mut normal = String::with_capacity(name.len());
    let mut gap = false;
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            if gap && !normal.is_empty() {
                normal.push(' ');
            }
            gap = false;
            normal.push(char::from(byte.to_ascii_lowercase()));
        } else if !matches!(byte, b'\'' | b'.') {
            gap = true;
        }
    }
    normal.into_boxed_str()
}

/// Combining marks stay with their letter.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Joiners and direction marks: there, but not seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ascii_is_read_as_any_other_text(name in "[\\x00-\\x7f]{0,24}") {
            // A letter that is not ASCII sends the same text the long way round.
            let long = normalise(&format!("{name} é"));
            let expected = format!("{} é", normalise(&name));
            prop_assert_eq!(&*long, expected.trim_start());
        }
    }

    #[test]
    fn writing_habits_do_not_make_another_name() {
        for (a, b) in [
            ("Voorbeeld Netwerken BV", "VOORBEELD  NETWERKEN B.V."),
            ("O'Neill", "ONeill"),
            ("Müller", "Mu\u{308}ller"),
            ("ＡＢＣ Ltd", "abc ltd."),
            ("شركة النور", "شركة\u{200f} النور"),
        ] {
            assert_eq!(normalise(a), normalise(b));
        }
        assert_ne!(normalise("Listed Holding"), normalise("Listed Holdings"));
        assert_eq!(&*normalise(" -- "), "");
    }
}
