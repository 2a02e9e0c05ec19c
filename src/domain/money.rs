//! Money and quantities: exact decimals, never floating point.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use thiserror::Error;

use super::currency_table::CURRENCIES;

/// Digits before the decimal point that an amount may have: 10^15 euro is more than any export.
pub const INTEGER_DIGITS_MAX: usize = 15;
/// Digits after the decimal point that an amount may have.
pub const FRACTION_DIGITS_MAX: usize = 6;
/// Digits after the decimal point that an exchange rate may have: a rupiah is some 0.00006 euro.
pub const RATE_FRACTION_DIGITS_MAX: usize = 12;

/// A currency by its ISO 4217 code.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Currency(u8); // INVARIANT: an index into `CURRENCIES`.

/// An amount of money.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Money {
    /// Amount, not negative.
    pub amount: Decimal,
    /// Currency.
    pub currency: Currency,
}

/// An amount of goods, in a unit that is compared to the letter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quantity {
    /// Amount, more than zero in a request.
    pub amount: Decimal,
    /// Unit as written, such as `pcs` or `kg`.
    pub unit: Box<str>,
}

/// Why a text is no amount or currency.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum AmountError {
    /// Another shape than digits with a decimal point.
    #[error(
        "`{0}` is not a decimal number such as `45000.00`: digits, a point, digits; no sign, separator or exponent"
    )]
    Shape(String),
    /// Below zero.
    #[error("`{0}` is negative")]
    Negative(String),
    /// Zero where something must be there.
    #[error("`{0}` is zero")]
    Zero(String),
    /// Too many digits.
    #[error("`{0}` has too many digits: at most {INTEGER_DIGITS_MAX} before the point and {1} after it")]
    Digits(String, usize),
    /// Not an ISO 4217 code.
    #[error("`{0}` is not an ISO 4217 currency code, such as `EUR`")]
    Currency(String),
}

/// Reads a decimal that is not negative.
///
/// # Errors
/// [`AmountError`] for a sign, an exponent, a separator, too many digits or anything that is no number.
pub fn parse_decimal(text: &str) -> Result<Decimal, AmountError> {
    parse_digits(text, FRACTION_DIGITS_MAX)
}

/// Reads a decimal with an optional `-` before it.
///
/// # Errors
/// [`AmountError`] as [`parse_decimal`], but for the sign.
pub fn parse_signed(text: &str) -> Result<Decimal, AmountError> {
    match text.strip_prefix('-') {
        Some(digits) => parse_decimal(digits).map(|amount| -amount),
        None => parse_decimal(text),
    }
}

fn parse_digits(text: &str, fraction_digits_max: usize) -> Result<Decimal, AmountError> {
    let clipped = || text.chars().take(40).collect::<String>();
    let (sign, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (integer, fraction) = digits.split_once('.').map_or((digits, None), |(i, f)| (i, Some(f)));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(integer) || fraction.is_some_and(|fraction| !all_digits(fraction)) {
        return Err(AmountError::Shape(clipped()));
    }
    if sign {
        return Err(AmountError::Negative(clipped()));
    }
    if integer.len() > INTEGER_DIGITS_MAX
        || fraction.is_some_and(|fraction| fraction.len() > fraction_digits_max)
    {
        return Err(AmountError::Digits(clipped(), fraction_digits_max));
    }
    Decimal::from_str(digits).map_err(|_| AmountError::Shape(clipped()))
}

/// Reads a decimal above zero.
///
/// # Errors
/// As [`parse_decimal`], and [`AmountError::Zero`].
pub fn parse_positive(text: &str) -> Result<Decimal, AmountError> {
    above_zero(text, parse_decimal(text)?)
}

/// Reads an exchange rate: a decimal above zero that may have more digits after the point than an amount.
///
/// # Errors
/// As [`parse_positive`].
pub fn parse_rate(text: &str) -> Result<Decimal, AmountError> {
    above_zero(text, parse_digits(text, RATE_FRACTION_DIGITS_MAX)?)
}

fn above_zero(text: &str, amount: Decimal) -> Result<Decimal, AmountError> {
    if amount.is_zero() { Err(AmountError::Zero(text.chars().take(40).collect())) } else { Ok(amount) }
}

impl Currency {
    /// The ISO 4217 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        CURRENCIES.get(usize::from(self.0)).map_or("", |row| row.0)
    }

    /// Digits after the point in which the currency is counted.
    #[must_use]
    pub fn minor_digits(self) -> u8 {
        CURRENCIES.get(usize::from(self.0)).map_or(2, |row| row.1)
    }

    /// The euro, in which caps are counted.
    ///
    /// # Panics
    /// Never: the table holds the euro, and a test says so.
    #[must_use]
    pub fn euro() -> Self {
        Self(
            CURRENCIES
                .binary_search_by(|row| row.0.cmp("EUR"))
                .ok()
                .and_then(|at| u8::try_from(at).ok())
                .unwrap_or(u8::MAX),
        )
    }
}

impl FromStr for Currency {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        CURRENCIES
            .binary_search_by(|row| row.0.cmp(text))
            .ok()
            .and_then(|at| u8::try_from(at).ok())
            .map(Self)
            .ok_or_else(|| AmountError::Currency(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Money {
    /// The amount in another currency at two rates (units of a common currency per unit), rounded half to even to
    /// the minor unit, once. `None` when the numbers are too large to multiply exactly.
    #[must_use]
    pub fn convert(&self, rate: Decimal, to: Currency, to_rate: Decimal) -> Option<Self> {
        let amount = self.amount.checked_mul(rate)?.checked_div(to_rate)?;
        let digits = u32::from(to.minor_digits());
        Some(Self {
            amount: amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven),
            currency: to,
        })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimals_are_read() {
        assert_eq!(parse_decimal("45000.00").unwrap().to_string(), "45000.00");
        assert_eq!(parse_decimal("0").unwrap(), Decimal::ZERO);
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1,5",
            "1 000",
            "1e3",
            "+1",
            "-1",
            "NaN",
            "１",
            "0x10",
            "9999999999999999",
            "1.0000001",
        ] {
            assert!(parse_decimal(text).is_err(), "{text}");
        }
        assert!(matches!(parse_decimal("-1.00"), Err(AmountError::Negative(_))));
        assert!(matches!(parse_positive("0.00"), Err(AmountError::Zero(_))));
    }

    #[test]
    fn a_rate_has_more_digits_than_an_amount() {
        assert_eq!(parse_rate("0.007758289").unwrap().to_string(), "0.007758289");
        assert!(parse_decimal("0.007758289").is_err());
        assert!(parse_rate("0.0000000000001").is_err());
        assert!(matches!(parse_rate("0.0"), Err(AmountError::Zero(_))));
    }

    #[test]
    fn a_change_may_be_below_zero() {
        assert_eq!(parse_signed("-10.50").unwrap().to_string(), "-10.50");
        assert_eq!(parse_signed("3").unwrap(), Decimal::from(3));
        for text in ["--1", "-", "+1", "", "-1e3", "- 1"] {
            assert!(parse_signed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn currencies_are_iso_codes() {
        assert!(CURRENCIES.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(Currency::euro().code(), "EUR");
        for text in ["eur", "€", "XXZ", ""] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }

    #[test]
    fn conversion_rounds_half_to_even_once() {
        let usd: Currency = "USD".parse().unwrap();
        let at = |amount: &str, rate: &str| {
            let money = Money { amount: amount.parse().unwrap(), currency: usd };
            money.convert(rate.parse().unwrap(), Currency::euro(), Decimal::ONE).unwrap().amount.to_string()
        };
        assert_eq!(at("0.05", "0.5"), "0.02");
        assert_eq!(at("0.15", "0.5"), "0.08");
        assert_eq!(at("100.00", "0.8795"), "87.95");
    }
}
