//! Ids of decisions: where the record lies, in 21 letters and digits.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Crockford's base 32: no I, L, O or U, so that an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of each of the two numbers: 50 bits.
const DIGITS: usize = 10;
const MASK: u64 = (1 << (5 * DIGITS)) - 1;

/// The id of a decision: `D`, the sequence number of its record, and the millisecond in which it was made.
///
/// It is derived from the record and needs no index: the sequence says where to look, and the time must then agree, so
/// that an id of another log, or one with a typo, finds nothing rather than something else. Ids sort in the order of
/// the log. Example: `D0000000A41JD6VN0R00`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DecisionId {
    sequence: u64,
    time: u64,
}

/// Why a text is no id of a decision.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a decision id: `D` and 20 letters and digits, as an answer gives it")]
pub struct DecisionIdError;

impl DecisionId {
    /// The id of the record at `sequence`, made at `time_ms` (Unix milliseconds).
    #[must_use]
    pub const fn of(sequence: u64, time_ms: i64) -> Self {
        Self { sequence: sequence & MASK, time: time_ms.cast_unsigned() & MASK }
    }

    /// Where the record lies, if it is of this log.
    #[must_use]
    pub const fn sequence(self) -> u64 {
        self.sequence
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'D'; 1 + 2 * DIGITS];
        let digits = text.iter_mut().skip(1);
        let shifts = (0..DIGITS).rev().map(|digit| 5 * digit);
        let values = shifts.clone().map(|by| self.sequence >> by).chain(shifts.map(|by| self.time >> by));
        for (digit, value) in digits.zip(values) {
            *digit = ALPHABET.get((value & 31) as usize).copied().unwrap_or(b'0');
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl FromStr for DecisionId {
    type Err = DecisionIdError;

    /// Lower case is read as upper case, and the letters I, L and O as the digits that they look like.
    fn from_str(text: &str) -> Result<Self, DecisionIdError> {
        let (head, digits) = text.as_bytes().split_first().ok_or(DecisionIdError)?;
        if !head.eq_ignore_ascii_case(&b'D') || digits.len() != 2 * DIGITS {
            return Err(DecisionIdError);
        }
        let (sequence, time) = digits.split_at_checked(DIGITS).ok_or(DecisionIdError)?;
        Ok(Self { sequence: number(sequence)?, time: number(time)? })
    }
}

fn number(digits: &[u8]) -> Result<u64, DecisionIdError> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            digit => digit,
        };
        let value = ALPHABET.iter().position(|letter| *letter == digit).ok_or(DecisionIdError)?;
        Ok(number << 5 | value as u64)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_read_as_it_is_written(sequence in 0..=MASK, time_ms in 0..1_i64 << 49) {
            let id = DecisionId::of(sequence, time_ms);
            let text = id.to_string();
            prop_assert_eq!(text.len(), 21);
            prop_assert_eq!(text.parse::<DecisionId>(), Ok(id));
            prop_assert_eq!(text.to_ascii_lowercase().parse::<DecisionId>(), Ok(id));
            prop_assert_eq!(id.sequence(), sequence);
        }

        #[test]
        fn ids_sort_as_the_log_does(a in 0..=MASK, b in 0..=MASK) {
            let text = |sequence| DecisionId::of(sequence, 7).to_string();
            prop_assert_eq!(text(a).cmp(&text(b)), a.cmp(&b));
        }

        #[test]
        fn any_text_is_an_id_or_an_error(text in "\\PC{0,30}") {
            if let Ok(id) = text.parse::<DecisionId>() {
                prop_assert_eq!(id.to_string().parse::<DecisionId>(), Ok(id));
            }
        }
    }

    #[test]
    fn look_alikes_are_read_as_digits() {
        let id = DecisionId::of(1, 0);
        assert_eq!(id.to_string(), "D00000000010000000000");
        assert_eq!("DOOOOOOOOOlOOOOOOOOOO".parse(), Ok(id));
        for odd in [
            "",
            "D",
            "E00000000010000000000",
            "D0000000001000000000",
            "D0000000001000000000U",
            "D000000000100000000é",
        ] {
            assert!(odd.parse::<DecisionId>().is_err(), "{odd}");
        }
    }
}
