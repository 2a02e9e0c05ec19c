//! Duties that were done: what a holder owed the authority, and since when.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::apply::{ApplyError, Register};
use super::event::Event;
use super::plan::Denied;
use crate::domain::name;
use crate::domain::request::{FieldViolation, NAME_BYTES_MAX, SHORT_BYTES_MAX, Violations};

/// A duty was done. Done again, the later one counts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DutyDone {
    /// Id of the duty, such as `NOTIFY_FIRST_USE`.
    pub duty: String,
    /// Who owed it.
    pub holder: String,
    /// The general authorisation or licence that it was for.
    pub paper: String,
    /// What began it: the first use, or the end of the half-year or year.
    pub since: Date,
    /// The day on which it was done.
    pub on: Date,
    /// What the authority was sent, or wrote.
    pub reference: String,
}

/// What a duty is known by: its id, the holder's normalised name, the paper and what began it.
pub(super) type DutyKey = (Box<str>, Box<str>, Box<str>, Date);

impl DutyDone {
    /// Every field that cannot be.
    ///
    /// # Errors
    /// By their paths.
    pub fn check(&self) -> Result<(), Vec<FieldViolation>> {
        let mut violations = Violations::default();
        let texts = [
            ("duty", &self.duty, SHORT_BYTES_MAX),
            ("holder", &self.holder, NAME_BYTES_MAX),
            ("paper", &self.paper, SHORT_BYTES_MAX),
            ("reference", &self.reference, SHORT_BYTES_MAX),
        ];
        for (field, text, max) in texts {
            violations.require(field, text, max);
        }
        violations.or(())
    }

    fn key(&self) -> DutyKey {
        (self.duty.trim().into(), name::normalise(&self.holder), self.paper.trim().into(), self.since)
    }
}

impl Register {
    /// A duty is said to be done.
    ///
    /// # Errors
    /// [`Denied::Fields`].
    pub fn plan_done(&self, done: DutyDone) -> Result<Event, Denied> {
        done.check().map_err(Denied::Fields)?;
        Ok(Event::DutyDone(done))
    }

    pub(super) fn do_duty(&mut self, done: &DutyDone) -> Result<(), ApplyError> {
        done.check()?;
        let on = self.done.entry(done.key()).or_insert(done.on);
        *on = done.on.max(*on);
        Ok(())
    }

    /// The day on which a duty was done, where that is recorded.
    #[must_use]
    pub fn done_on(&self, duty: &str, holder: &str, paper: &str, since: Date) -> Option<Date> {
        self.done.get(&(duty.into(), name::normalise(holder), paper.into(), since)).copied()
    }
}
