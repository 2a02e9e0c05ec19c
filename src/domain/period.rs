//! Civil days and periods.

use jiff::civil::Date;
use thiserror::Error;

/// Inclusive civil days; open at either end where none is given.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Period {
    /// First day.
    pub from: Option<Date>,
    /// Last day.
    pub until: Option<Date>,
}

impl Period {
    /// Does the day lie in it?
    #[must_use]
    pub fn contains(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }

    /// Do the two share a day?
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let begins_in_time = |a: &Self, b: &Self| match (a.from, b.until) {
            (Some(from), Some(until)) => from <= until,
            _ => true,
        };
        begins_in_time(self, other) && begins_in_time(other, self)
    }
}

/// Why a text is no civil day.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DateError {
    /// A time is written beside it.
    #[error("`{0}` has a time; give the civil day alone, such as `2022-02-26`")]
    HasTime(String),
    /// No day of the calendar, or another shape.
    #[error("`{0}` is not a day of the calendar written as `2022-02-26`")]
    Invalid(String),
}

/// Reads an ISO 8601 calendar date, `YYYY-MM-DD` and nothing else.
///
/// # Errors
/// [`DateError`] for anything else, a date with a time among them.
pub fn parse_date(text: &str) -> Result<Date, DateError> {
    let clipped = || text.chars().take(40).collect::<String>();
    let (day, rest) = text.split_at_checked(10).ok_or_else(|| DateError::Invalid(clipped()))?;
    let shape = day
        .bytes()
        .enumerate()
        .all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
    let date: Option<Date> = if shape { day.parse().ok() } else { None };
    match date {
        Some(date) if rest.is_empty() => Ok(date),
        Some(_) if rest.starts_with(['T', 't', ' ']) => Err(DateError::HasTime(clipped())),
        _ => Err(DateError::Invalid(clipped())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_read() {
        assert_eq!(parse_date("2024-02-29").unwrap().to_string(), "2024-02-29");
        for text in [
            "2023-02-29",
            "2022-2-6",
            "26-02-2022",
            "2022-02-26T00:00:00",
            "",
            "20220226",
            "+02022-02-26",
            "２０２２-02-26",
        ] {
            assert!(parse_date(text).is_err(), "{text}");
        }
        assert!(matches!(parse_date("2022-02-26T10:00:00Z"), Err(DateError::HasTime(_))));
    }

    #[test]
    fn periods_are_inclusive() {
        let day = |text| parse_date(text).unwrap();
        let period = Period { from: Some(day("2022-02-26")), until: Some(day("2022-07-21")) };
        assert!(period.contains(day("2022-02-26")) && period.contains(day("2022-07-21")));
        assert!(!period.contains(day("2022-02-25")) && !period.contains(day("2022-07-22")));
        assert!(period.overlaps(&Period { from: Some(day("2022-07-21")), until: None }));
        assert!(!period.overlaps(&Period { from: Some(day("2022-07-22")), until: None }));
    }
}
