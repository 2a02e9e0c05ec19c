//! Fields as files write them: what is there but says nothing, and numbers that are none.
//!
//! A file holds many requests. One that is malformed is refused by the parser with its field and its reason; it does
//! not make the file unreadable.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::LINE_NUMBER_MAX;

/// Reads a value, and `null` as if the field were left out.
///
/// # Errors
/// Those of the value.
pub fn null_is_absent<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A number that no line may have: what is written cannot be a line number, and the parser says so.
const NO_LINE: u32 = LINE_NUMBER_MAX + 1;

/// Reads a line number. A negative, broken or too large number becomes one that no line may have.
pub(super) fn line_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    deserializer.deserialize_any(LineNumber)
}

struct LineNumber;

impl Visitor<'_> for LineNumber {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line number")
    }

    fn visit_unit<E: Error>(self) -> Result<u32, E> {
        Ok(0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u32, E> {
        Ok(u32::try_from(number).unwrap_or(NO_LINE))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u32, E> {
        Ok(u32::try_from(number).unwrap_or(NO_LINE))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<u32, E> {
        Ok(NO_LINE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u32, E> {
        Ok(text.parse().unwrap_or(NO_LINE))
    }
}
