//! What a goods line is to draw on which licence, where the exporter says so, and how long it is to be kept.

use super::parse::Parser;
use super::{ALLOCATIONS_MAX, RESERVATION_DAYS_MAX, RawAllocation, SHORT_BYTES_MAX};
use crate::domain::export::AskedAllocation;
use crate::domain::money::{parse_decimal, parse_positive};

impl Parser<'_> {
    /// The allocations that a line asks for; none where none is asked for.
    pub(super) fn allocations(&mut self, at: usize, raw: &[RawAllocation]) -> Vec<AskedAllocation> {
        if raw.len() > ALLOCATIONS_MAX {
            let rule = format!("a line is split over at most {ALLOCATIONS_MAX} licences");
            self.fail(format_args!("goods[{at}].allocations"), "TOO_MANY", rule);
            return Vec::new();
        }
        let mut asked: Vec<AskedAllocation> = Vec::with_capacity(raw.len());
        for (part, raw) in raw.iter().enumerate() {
            let path = format!("goods[{at}].allocations[{part}]");
            let licence = raw.licence.trim();
            if licence.is_empty() {
                self.fail(format_args!("{path}.licence"), "REQUIRED", "the number of a licence is required");
            } else {
                self.check_text(format_args!("{path}.licence"), licence, SHORT_BYTES_MAX, false);
            }
            let quantity = parse_positive(&raw.quantity);
            let quantity = quantity
                .map_err(|error| self.fail(format_args!("{path}.quantity"), "QUANTITY", error.to_string()));
            let value = parse_decimal(&raw.value);
            let value =
                value.map_err(|error| self.fail(format_args!("{path}.value"), "VALUE", error.to_string()));
            let (Ok(quantity), Ok(value)) = (quantity, value) else { continue };
            let licence_line = (raw.licence_line != 0).then_some(raw.licence_line);
            asked.push(AskedAllocation { licence: licence.into(), licence_line, quantity, value });
        }
        asked
    }

    /// How long what is reserved is to be kept, where the caller says so.
    pub(super) fn reservation_days(&mut self, days: Option<u32>) -> Option<u32> {
        let days = days.filter(|days| *days != 0)?;
        if days > RESERVATION_DAYS_MAX {
            let rule = format!("a reservation is kept for 1 to {RESERVATION_DAYS_MAX} days");
            self.fail("reservation_days", "RANGE", rule);
            return None;
        }
        Some(days)
    }
}
