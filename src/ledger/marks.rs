//! The records that an entry speaks of, and why: what is erased, what is held, and what is held no more.

use thiserror::Error;

/// The longest reason, in bytes.
pub const REASON_LENGTH_MAX: usize = 512;
/// The most records of one entry; more take several entries.
pub const MARKS_MAX: usize = 100_000;

const VERSION: u8 = 1;

/// Records, by their sequences, and the reason why something is done to them: the request in the body of entries of the
/// kinds [`crate::ledger::EntryKind::BodyErased`], `LegalHoldSet` and `LegalHoldReleased`.
///
/// Encoded, with numbers in big-endian order:
///
/// | offset | length | what |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 2 | length *n* of the reason |
/// | 3 | *n* | the reason, UTF-8 |
/// | 3 + *n* | 4 | number of records |
/// | 7 + *n* | 8 each | their sequences, ascending |
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Marks {
    /// Why, in the words of who did it; names nobody.
    pub reason: String,
    /// The records, ascending, each once.
    pub sequences: Vec<u64>,
}

impl Marks {
    /// The bytes as they are stored.
    ///
    /// # Errors
    /// When there is no reason or it is too long, or when there is no record, there are too many, or they do not ascend.
    pub fn encode(&self) -> Result<Vec<u8>, MarksError> {
        self.check()?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&u16::try_from(self.reason.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend_from_slice(self.reason.as_bytes());
        bytes.extend_from_slice(&u32::try_from(self.sequences.len()).unwrap_or(u32::MAX).to_be_bytes());
        for sequence in &self.sequences {
            bytes.extend_from_slice(&sequence.to_be_bytes());
        }
        Ok(bytes)
    }

    /// Reads what [`Marks::encode`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`MarksError`].
    pub fn decode(bytes: &[u8]) -> Result<Marks, MarksError> {
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(MarksError::Bytes)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(MarksError::Bytes)?;
        let (reason, rest) =
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(MarksError::Bytes)?;
        let reason = str::from_utf8(reason).map_err(|_| MarksError::Bytes)?.to_owned();
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(MarksError::Bytes)?;
        let (sequences, odd) = rest.as_chunks::<8>();
        if !odd.is_empty() || u32::try_from(sequences.len()) != Ok(u32::from_be_bytes(*count)) {
            return Err(MarksError::Bytes);
        }
        let sequences = sequences.iter().map(|sequence| u64::from_be_bytes(*sequence)).collect();
        let marks = Marks { reason, sequences };
        marks.check()?;
        Ok(marks)
    }

    fn check(&self) -> Result<(), MarksError> {
        if self.reason.trim().is_empty() || self.reason.len() > REASON_LENGTH_MAX {
            return Err(MarksError::Reason { length: self.reason.len() });
        }
        let count = self.sequences.len();
        if !(1..=MARKS_MAX).contains(&count) || !self.sequences.is_sorted_by(|a, b| a < b) {
            return Err(MarksError::Records { count });
        }
        Ok(())
    }
}

/// Why records cannot be marked, or bytes mark none.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum MarksError {
    /// No reason, or a long one.
    #[error("a reason has 1 to 512 bytes, not {length}")]
    Reason {
        /// Its length in bytes.
        length: usize,
    },
    /// No records, too many, or out of order.
    #[error("an entry marks 1 to 100000 records in ascending order, not {count}")]
    Records {
        /// How many.
        count: usize,
    },
    /// Other bytes.
    #[error("these bytes mark no records")]
    Bytes,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_are_read_as_they_are_written(
            reason in "[a-z][a-z ]{0,100}",
            sequences in prop::collection::btree_set(any::<u64>(), 1..50),
        ) {
            let marks = Marks { reason, sequences: sequences.into_iter().collect() };
            let bytes = marks.encode().unwrap();
            prop_assert_eq!(Marks::decode(&bytes), Ok(marks));
            prop_assert!(Marks::decode(&bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn any_bytes_are_marks_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(marks) = Marks::decode(&bytes) {
                prop_assert_eq!(marks.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn a_reason_and_an_order_are_asked_for() {
        let marks = |reason: &str, sequences: &[u64]| Marks {
            reason: reason.to_owned(),
            sequences: sequences.to_vec(),
        };
        assert!(marks("retention is over", &[1, 2]).encode().is_ok());
        for wrong in [
            marks(" ", &[1]),
            marks(&"x".repeat(513), &[1]),
            marks("x", &[]),
            marks("x", &[2, 1]),
            marks("x", &[1, 1]),
        ] {
            assert!(wrong.encode().is_err(), "{wrong:?}");
        }
    }
}
