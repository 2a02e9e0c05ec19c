//! Control codes: how a caller writes them, their one normal form, and the level-wise relation between them.
//!
//! Grammar (Annex I to Regulation (EU) 2021/821; Common Military List):
//!
//! ```text
//! eccn  = digit group num3 *level      ; 5A002.a.1.a
//! group = "A".."E"
//! num3  = three digits, not 000
//! level = letter | 1..999              ; alternating from the first level on
//! ml    = "ML" 1..22 *level            ; first level a letter
//! ```
//!
//! A code is never repaired. A letter O for a zero or a Cyrillic А is refused with a hint, because a silently
//! repaired code is a wrong decision that nobody can see.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// Longest text accepted in a code field, in bytes.
pub const CODE_TEXT_MAX: usize = 64;

/// Entries of Annex I that number their first level, so that `1C35010` is `1C350.10`.
/// Read in the text of Annex I, state 2021/2022 (`1C350` numbers its chemicals).
const NUMBERED_ENTRIES: [&str; 6] = ["1C116", "1C350", "1C353", "2B350", "3A002", "6A008"];

/// A code of the EU dual-use list or of the Common Military List in its normal form, such as `5A002.a.1` or `ML8.a`.
///
/// Upper-case entry, lower-case levels, dots between them, no spaces. Whether a list knows the code on a day is
/// another question: see [`crate::rulebook::GoodsList`].
// INVARIANT (canonical code): the text is the normal form, so a level-wise comparison is a prefix that ends at a dot.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ControlCode(Box<str>);

/// What a caller said about the classification of goods.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Classification {
    /// No statement (`null`, empty, `N/A`, `-`): not the same as not listed.
    Unclassified,
    /// Classified and on no list (`NOT_LISTED`, `NONE`): a statement by someone.
    NotListed,
    /// A code by the grammar of the EU lists.
    Code(ControlCode),
    /// A well-formed code of another list, such as `EAR99` or `PL9009`.
    Foreign(Box<str>),
}

/// How a code in a scope relates to the code of goods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Relation {
    /// The scope is the code of the goods or an ancestor of it.
    Covers,
    /// The goods are classified more coarsely than the scope.
    Overlaps,
    /// Neither.
    None,
}

/// A code as rules and licences write it: an entry or sub-item, a whole category or group, or a range of entries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CodeScope {
    /// `5`, `5A`: every entry that starts so; `ML`: the whole military list.
    Branch(Box<str>),
    /// `5A002`, `5A002.a.1`, `ML6`.
    Code(ControlCode),
    /// `1C350..1C354`: entries of one category and group, both ends included.
    Entries {
        /// Category and group, such as `1C`.
        group: Box<str>,
        /// First number.
        first: u16,
        /// Last number.
        last: u16,
    },
}

/// Why a text is no code; the message carries the hint.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CodeError {
    /// Longer than [`CODE_TEXT_MAX`].
    #[error("a code has at most {CODE_TEXT_MAX} characters")]
    TooLong,
    /// Letters that look like Latin ones.
    #[error("`{0}` holds the letter `{1}` (U+{code:04X}), which is not a Latin letter; type it anew", code = u32::from(*.1))]
    LookAlike(String, char),
    /// O for 0, or I or l for 1.
    #[error("`{text}` has the letter `{letter}` where a digit belongs; did you mean `{digit}`")]
    LetterForDigit {
        /// What was typed.
        text: String,
        /// The letter.
        letter: char,
        /// The digit that it looks like.
        digit: char,
    },
    /// A customs code.
    #[error("`{0}` is a customs code; it belongs in `cn`")]
    CustomsCode(String),
    /// An item of an annex of a sanctions act.
    #[error("`{0}` is an item of an annex of a sanctions act; it belongs in `annex_items`")]
    AnnexItem(String),
    /// A spreadsheet made a number of it.
    #[error(
        "`{0}` is a number, perhaps a code such as `5E002` that a spreadsheet turned into one; type the code as text"
    )]
    Number(String),
    /// The entry is no entry.
    #[error(
        "`{0}` is not a control code: an entry is a digit, a letter A to E and three digits (`5A002`), or `ML1` to `ML22`"
    )]
    Entry(String),
    /// The levels do not alternate, or one is empty, has a leading zero or is too long.
    #[error(
        "`{text}` has a sub-item `{level}` that cannot be: after the entry letters and numbers alternate (`5A002.a.1`), without leading zeros"
    )]
    Level {
        /// What was typed.
        text: String,
        /// The level at fault.
        level: String,
    },
    /// A scope that is none.
    #[error("`{0}` is not a code, a category (`5`), a group (`5A`) or a range of entries (`1C350..1C354`)")]
    Scope(String),
}

impl ControlCode {
    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The entry without sub-items: `5A002` or `ML8`.
    #[must_use]
    pub fn entry(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }

    /// Is it a code of the Common Military List?
    #[must_use]
    pub fn is_military(&self) -> bool {
        self.0.starts_with("ML")
    }

    /// Product group of a dual-use code: `A` to `E`.
    #[must_use]
    pub fn group(&self) -> Option<char> {
        if self.is_military() { None } else { self.0.chars().nth(1) }
    }

    /// The code and its ancestors, finest first: `5A002.a.1`, `5A002.a`, `5A002`.
    pub fn lineage(&self) -> impl Iterator<Item = &str> {
        let mut next = Some(&*self.0);
        std::iter::from_fn(move || {
            let this = next?;
            next = this.rfind('.').and_then(|dot| this.get(..dot));
            Some(this)
        })
    }

    /// Is `self` equal to `item` or an ancestor of it, level by level? `1C350.1` is none of `1C350.10`.
    #[must_use]
    pub fn covers(&self, item: &Self) -> bool {
        within(&self.0, &item.0)
    }

    /// [`Relation`] of `self`, as a scope, to the code of goods.
    #[must_use]
    pub fn relation(&self, item: &Self) -> Relation {
        if self.covers(item) {
            Relation::Covers
        } else if item.covers(self) {
            Relation::Overlaps
        } else {
            Relation::None
        }
    }

    /// The compact form of the ministry's lists, such as `5A002a1a`; never stored.
    #[must_use]
    pub fn compact(&self) -> String {
        self.0.replace('.', "")
    }
}

/// Is `item` equal to `scope` or below it? Both in normal form.
fn within(scope: &str, item: &str) -> bool {
    item.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl fmt::Display for ControlCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ControlCode {
    type Err = CodeError;

    /// Accepts `5A002.a.1`, `5A002a1`, `5a002.A.1`, `5A002 a 1`, `5A002-a-1`, `5A002(a)(1)`, `5A002.a.1.`, `ML 8`, `ML08`.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > CODE_TEXT_MAX {
            return Err(CodeError::TooLong);
        }
        let folded: String = text.trim().nfkc().collect();
        if let Some(letter) = folded.chars().find(|c| c.is_alphabetic() && !c.is_ascii()) {
            return Err(CodeError::LookAlike(text.to_owned(), letter));
        }
        if folded.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("ML")) {
            military(text, folded.get(2..).unwrap_or_default())
        } else {
            dual_use(text, &folded)
        }
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | '-' | '/' | '(' | ')' | '[' | ']' | '\u{2010}'..='\u{2015}')
}

fn military(text: &str, rest: &str) -> Result<ControlCode, CodeError> {
    let rest = rest.trim_start_matches(is_separator);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, levels) = rest.split_at_checked(digits).unwrap_or((rest, ""));
    let number = number.strip_prefix('0').filter(|n| n.len() == 1).unwrap_or(number);
    let valid = number.parse::<u8>().is_ok_and(|n| (1..=22).contains(&n)) && !number.starts_with('0');
    if !valid {
        return Err(CodeError::Entry(text.to_owned()));
    }
    let levels = split_levels(text, levels)?;
    if let Some(first) = levels.first().filter(|level| !level.starts_with(|c: char| c.is_ascii_lowercase())) {
        return Err(CodeError::Level { text: text.to_owned(), level: first.clone() });
    }
    Ok(join(&format!("ML{number}"), &levels))
}

fn dual_use(text: &str, folded: &str) -> Result<ControlCode, CodeError> {
    let mut entry = String::with_capacity(5);
    let mut rest = folded.chars();
    while entry.len() < 5 {
        match rest.next() {
            Some(c) if is_separator(c) => {}
            Some(c) if c.is_ascii() => entry.push(c.to_ascii_uppercase()),
            _ => return Err(CodeError::Entry(text.to_owned())),
        }
    }
    check_entry(text, &entry)?;
    let rest = rest.as_str();
    if rest.starts_with(|c: char| c.is_ascii_digit()) && !NUMBERED_ENTRIES.contains(&entry.as_str()) {
        // `5A0022` is a slip of the finger; `5A002.2` is a sub-item that the list does not know.
        return Err(CodeError::Entry(text.to_owned()));
    }
    let levels = split_levels(text, rest)?;
    Ok(join(&entry, &levels))
}

fn check_entry(text: &str, entry: &str) -> Result<(), CodeError> {
    for (place, c) in entry.chars().enumerate() {
        let fits = if place == 1 { matches!(c, 'A'..='E') } else { c.is_ascii_digit() };
        if fits {
            continue;
        }
        let digit = match c {
            'O' | 'Q' => Some('0'),
            'I' | 'L' => Some('1'),
            _ => None,
        };
        return Err(match digit {
            Some(digit) if place != 1 => {
                CodeError::LetterForDigit { text: text.to_owned(), letter: c, digit }
            }
            _ => CodeError::Entry(text.to_owned()),
        });
    }
    if entry.ends_with("000") { Err(CodeError::Entry(text.to_owned())) } else { Ok(()) }
}

/// Splits `a1a`, `.a.1.a`, `(a)(1)` into levels and checks that letters and numbers alternate.
fn split_levels(text: &str, rest: &str) -> Result<SmallVec<[String; 6]>, CodeError> {
    let fault = |level: &str| CodeError::Level { text: text.to_owned(), level: level.to_owned() };
    let mut levels: SmallVec<[String; 6]> = SmallVec::new();
    for part in rest.split(is_separator).filter(|part| !part.is_empty()) {
        let mut run = String::new();
        for c in part.chars().map(|c| c.to_ascii_lowercase()) {
            if !c.is_ascii_alphanumeric() {
                return Err(fault(part));
            }
            if !(run.is_empty() || c.is_ascii_digit() && run.ends_with(|last: char| last.is_ascii_digit())) {
                levels.push(std::mem::take(&mut run));
            }
            run.push(c);
        }
        levels.push(run);
    }
    let mut previous_is_letter = None;
    for level in &levels {
        let is_letter = level.starts_with(|c: char| c.is_ascii_lowercase());
        if previous_is_letter == Some(is_letter) || level.starts_with('0') || level.len() > 3 {
            return Err(fault(level));
        }
        previous_is_letter = Some(is_letter);
    }
    Ok(levels)
}

fn join(entry: &str, levels: &[String]) -> ControlCode {
    let mut code = entry.to_owned();
    for level in levels {
        code.push('.');
        code.push_str(level);
    }
    ControlCode(code.into_boxed_str())
}

impl Classification {
    /// Reads the code field of goods.
    ///
    /// # Errors
    /// [`CodeError`] when the text is neither a statement nor a code of any list.
    pub fn parse(text: Option<&str>) -> Result<Self, CodeError> {
        let text = text.unwrap_or_default();
        if text.len() > CODE_TEXT_MAX {
            return Err(CodeError::TooLong);
        }
        let trimmed = text.trim();
        match trimmed.to_ascii_uppercase().as_str() {
            "" | "-" | "N/A" | "NA" => return Ok(Self::Unclassified),
            "NOT_LISTED" | "NONE" => return Ok(Self::NotListed),
            _ => {}
        }
        if let Some(foreign) = foreign(trimmed) {
            return Ok(Self::Foreign(foreign.into()));
        }
        if let Some(error) = misplaced(trimmed) {
            return Err(error);
        }
        trimmed.parse().map(Self::Code)
    }
}

/// Codes of other lists that the grammar of the EU lists does not hold: `EAR99`, the Polish and British `PL` codes,
/// the German Part I A (`0006`).
fn foreign(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let digits = |s: &str, len: usize| s.len() == len && s.bytes().all(|b| b.is_ascii_digit());
    let is_foreign = upper == "EAR99"
        || upper.strip_prefix("PL").is_some_and(|rest| digits(rest, 4))
        || (digits(&upper, 4) && upper.starts_with("00"));
    is_foreign.then_some(upper)
}

/// Texts that belong in another field, or that a spreadsheet made.
fn misplaced(text: &str) -> Option<CodeError> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '.')).collect();
    if bare.len() >= 4 && bare.bytes().all(|b| b.is_ascii_digit()) {
        return Some(CodeError::CustomsCode(text.to_owned()));
    }
    let mut parts = text.split('.');
    if parts.next().is_some_and(|head| head.eq_ignore_ascii_case("x")) && parts.count() >= 2 {
        return Some(CodeError::AnnexItem(text.to_owned()));
    }
    if text.parse::<f64>().is_ok() && text.contains(['.', '+']) {
        return Some(CodeError::Number(text.to_owned()));
    }
    None
}

impl CodeScope {
    /// [`Relation`] of this scope to the code of goods.
    #[must_use]
    pub fn relation(&self, item: &ControlCode) -> Relation {
        let covered = match self {
            Self::Code(code) => return code.relation(item),
            Self::Branch(branch) => {
                item.as_str().starts_with(&**branch) && (item.is_military() == branch.starts_with("ML"))
            }
            Self::Entries { group, first, last } => item
                .as_str()
                .strip_prefix(&**group)
                .and_then(|rest| rest.get(..3)?.parse().ok())
                .is_some_and(|number: u16| (*first..=*last).contains(&number)),
        };
        if covered { Relation::Covers } else { Relation::None }
    }
}

impl FromStr for CodeScope {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        let upper = text.trim().to_ascii_uppercase();
        if let Some((first, last)) = upper.split_once("..").filter(|(_, last)| !last.is_empty()) {
            return entries(text, first, last);
        }
        let is_branch = match upper.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [digit, group] => digit.is_ascii_digit() && matches!(group, b'A'..=b'E') || upper == "ML",
            _ => false,
        };
        if is_branch { Ok(Self::Branch(upper.into())) } else { text.parse().map(Self::Code) }
    }
}

fn entries(text: &str, first: &str, last: &str) -> Result<CodeScope, CodeError> {
    let fault = || CodeError::Scope(text.to_owned());
    let split = |end: &str| -> Result<(String, u16), CodeError> {
        let code: ControlCode = end.parse()?;
        if code.is_military() || code.as_str() != code.entry() {
            return Err(fault());
        }
        let (group, number) = code.as_str().split_at_checked(2).ok_or_else(fault)?;
        Ok((group.to_owned(), number.parse().map_err(|_| fault())?))
    };
    let ((group, first), (other, last)) = (split(first)?, split(last)?);
    if group != other || first > last {
        return Err(fault());
    }
    Ok(CodeScope::Entries { group: group.into(), first, last })
}

impl fmt::Display for CodeScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(branch) => f.write_str(branch),
            Self::Code(code) => code.fmt(f),
            Self::Entries { group, first, last } => write!(f, "{group}{first:03}..{group}{last:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expect: &str) {
        let got = match Classification::parse(Some(text)) {
            Ok(Classification::Code(code)) => code.to_string(),
            Ok(Classification::Foreign(code)) => format!("foreign {code}"),
            Ok(Classification::Unclassified) => "unclassified".to_owned(),
            Ok(Classification::NotListed) => "not listed".to_owned(),
            Err(_) => "invalid".to_owned(),
        };
        assert_eq!(got, expect, "{text:?}");
    }

    #[test]
    fn texts_and_their_verdicts() {
        for (text, expect) in [
            ("5A002a1a", "5A002.a.1.a"),
            ("5a002", "5A002"),
            ("5A002 a 1 a", "5A002.a.1.a"),
            ("5A002-a-1", "5A002.a.1"),
            ("5A002.a.1.a.", "5A002.a.1.a"),
            ("5A002(a)(1)", "5A002.a.1"),
            ("5a002.A.1", "5A002.a.1"),
            ("\u{a0}５A002.a ", "5A002.a"),
            ("5A002a10", "5A002.a.10"),
            ("5A002.a.01", "invalid"),
            ("5A002.a.1.2", "invalid"),
            ("5A002.1a", "5A002.1.a"),
            ("5A002.z", "5A002.z"),
            ("5F002", "invalid"),
            ("XA002", "invalid"),
            ("5A02", "invalid"),
            ("5A2", "invalid"),
            ("5A0022", "invalid"),
            ("5A000", "invalid"),
            ("5A002aa1", "invalid"),
            ("5AOO2", "invalid"),
            ("5A00l", "invalid"),
            ("5А002", "invalid"),
            ("1C350.10", "1C350.10"),
            ("1C35010", "1C350.10"),
            ("5A992.c", "5A992.c"),
            ("9A610.x", "9A610.x"),
            ("8A918", "8A918"),
            ("EAR99", "foreign EAR99"),
            ("PL9009", "foreign PL9009"),
            ("0006", "foreign 0006"),
            ("ML 8", "ML8"),
            ("ML08", "ML8"),
            ("ML22", "ML22"),
            ("ml4.b.1", "ML4.b.1"),
            ("ML0", "invalid"),
            ("ML23", "invalid"),
            ("ML", "invalid"),
            ("ML4.1", "invalid"),
            ("84713000", "invalid"),
            ("8471 30 00", "invalid"),
            ("8471.30", "invalid"),
            ("X.A.I.001", "invalid"),
            ("5.00E+02", "invalid"),
            ("", "unclassified"),
            ("N/A", "unclassified"),
            ("-", "unclassified"),
            ("NONE", "not listed"),
            ("NOT_LISTED", "not listed"),
        ] {
            check(text, expect);
        }
    }

    #[test]
    fn hints_name_the_slip() {
        let message = |text: &str| Classification::parse(Some(text)).unwrap_err().to_string();
        assert!(message("5AOO2").contains("letter `O`"), "{}", message("5AOO2"));
        assert!(message("5А002").contains("U+0410"), "{}", message("5А002"));
        assert!(message("84713000").contains("`cn`"));
        assert!(message("X.A.I.001").contains("`annex_items`"));
        assert!(message("5.00E+02").contains("spreadsheet"));
    }

    #[test]
    fn levels_are_compared_as_levels() {
        let code = |text: &str| text.parse::<ControlCode>().unwrap();
        assert_eq!(code("1C350.1").relation(&code("1C350.10")), Relation::None);
        assert_eq!(code("5A002.a").relation(&code("5A002.a.1")), Relation::Covers);
        assert_eq!(code("5A002.a.1").relation(&code("5A002.a")), Relation::Overlaps);
        let scope = |text: &str| text.parse::<CodeScope>().unwrap();
        assert_eq!(scope("1C350..1C354").relation(&code("1C351.d.4")), Relation::Covers);
        assert_eq!(scope("1C350..1C354").relation(&code("1C450")), Relation::None);
        assert_eq!(scope("5A").relation(&code("5A002")), Relation::Covers);
        assert_eq!(scope("ML").relation(&code("ML6")), Relation::Covers);
        assert!("1C354..1C350".parse::<CodeScope>().is_err());
        assert!("1C350..2C354".parse::<CodeScope>().is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in ".{0,80}") {
            let _ = Classification::parse(Some(&text));
        }

        #[test]
        fn canonical_code_is_a_fixed_point(text in "[0-9][A-E][0-9]{3}(\\.[a-z]\\.[1-9][0-9]?){0,2}") {
            if let Ok(code) = text.parse::<ControlCode>() {
                prop_assert_eq!(code.as_str(), text.as_str());
                let again: ControlCode = code.compact().parse().unwrap();
                prop_assert_eq!(again, code);
            }
        }

        #[test]
        fn covers_is_a_partial_order(a in "5A00[12](\\.[ab](\\.[12])?)?", b in "5A00[12](\\.[ab](\\.[12])?)?", c in "5A00[12](\\.[ab](\\.[12])?)?") {
            let [a, b, c]: [ControlCode; 3] = [a.parse().unwrap(), b.parse().unwrap(), c.parse().unwrap()];
            prop_assert!(a.covers(&a));
            prop_assert!(!(a.covers(&b) && b.covers(&a)) || a == b);
            prop_assert!(!(a.covers(&b) && b.covers(&c)) || a.covers(&c));
        }
    }
}
