//! The only room that reads the time.
//!
//! A decision is a value computed from values (`pure_decision`), so an instant is always an argument; this is where
//! the daemon gets it from.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{Timestamp, civil::Date};

/// A source of instants.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z. May go backwards; nothing may depend on that it does not.
    fn now_ms(&self) -> i64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the time")]
    fn now_ms(&self) -> i64 {
        Timestamp::now().as_millisecond()
    }
}

/// The civil day in the Netherlands, by the clock of the machine.
///
/// # Errors
/// When the machine does not know the zone.
pub fn today() -> Result<Date, jiff::Error> {
    Ok(Timestamp::from_millisecond(System.now_ms())?.in_tz("Europe/Amsterdam")?.date())
}

/// A clock that stands still until it is set, for tests and demonstrations.
#[derive(Debug)]
pub struct Fixed(AtomicI64);

impl Fixed {
    /// A clock that shows `now_ms` milliseconds since 1970.
    #[must_use]
    pub const fn new(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    /// Moves the hands.
    pub fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for Fixed {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_until_it_is_set() {
        let clock = Fixed::new(7);
        assert_eq!((clock.now_ms(), clock.now_ms()), (7, 7));
        clock.set(6);
        assert_eq!(clock.now_ms(), 6);
    }

    #[test]
    fn the_system_clock_is_past_the_day_this_was_written() {
        assert!(System.now_ms() > 1_760_000_000_000);
    }
}
