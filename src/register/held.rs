//! A licence with its balances, and what is promised of it.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::event::Amendment;
use super::text::LicenceText;
use crate::domain::country::Country;
use crate::domain::licence::{Licence, LicenceLine};
use crate::engine::Hold;

/// What has become of a line of a licence.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Balance {
    /// Quantity that has left.
    pub confirmed_quantity: Decimal,
    /// Value that has left, in the currency of the line.
    pub confirmed_value: Decimal,
    /// Quantity that is promised to orders.
    pub reserved_quantity: Decimal,
    /// Value that is promised to orders.
    pub reserved_value: Decimal,
}

/// How a licence stands, apart from suspensions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// May be used.
    Active,
    /// Revoked, for exports from this day on.
    Revoked(Date),
    /// Returned to the authority, for exports from this day on.
    Returned(Date),
}

/// A licence of the register.
#[derive(Clone, Debug)]
pub struct Held {
    /// The entry that recorded it.
    pub sequence: u64,
    granted: Terms,
    /// Its amendments, by the day from which they hold.
    amendments: Vec<Amended>,
    /// How it stands.
    pub standing: Standing,
    /// The day on which it was revoked or returned: exports before it could not know. Older entries do not say.
    pub(super) ended_on: Option<Date>,
    /// Line by line, in the order of the latest terms.
    balances: Vec<Balance>,
}

/// What a licence says.
#[derive(Clone, Debug)]
struct Terms {
    /// As it was recorded, in JSON: it is only ever shown, and so takes a third of the room.
    text: Arc<[u8]>,
    /// Read, with nothing drawn. Shared, since a balance changes far more often than a licence.
    read: Arc<Licence>,
}

/// A later version of a licence.
#[derive(Clone, Debug)]
pub struct Amended {
    /// The entry that recorded it.
    pub sequence: u64,
    /// First day of export for which it holds.
    pub from: Date,
    /// Why.
    pub reason: Arc<str>,
    /// The day on which it was recorded.
    pub(super) ordered_on: Option<Date>,
    terms: Terms,
}

/// What a decision has promised and nobody has used yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reservation {
    /// The decision that reserved.
    pub sequence: u64,
    /// Normalised name of the exporter.
    pub holder: Box<str>,
    /// Last day on which it is kept (UTC).
    pub until: Date,
    /// Country of final destination.
    pub country: Option<Country>,
    /// Part by part; what is used up is zero.
    pub parts: Vec<Hold>,
}

impl Reservation {
    /// The parts of which something is left.
    pub fn open_parts(&self) -> impl Iterator<Item = &Hold> {
        self.parts.iter().filter(|part| !part.quantity.is_zero() || !part.value.is_zero())
    }
}

impl Balance {
    /// Quantity that has left or is promised.
    #[must_use]
    pub fn used_quantity(&self) -> Decimal {
        self.confirmed_quantity + self.reserved_quantity
    }

    /// Value that has left or is promised.
    #[must_use]
    pub fn used_value(&self) -> Decimal {
        self.confirmed_value + self.reserved_value
    }
}

impl Held {
    /// A licence that was just recorded.
    pub(super) fn new(sequence: u64, text: &LicenceText, terms: Licence) -> Self {
        let balances = vec![Balance::default(); terms.lines.len()];
        let granted = Terms::of(text, terms);
        Self {
            sequence,
            granted,
            amendments: Vec::new(),
            standing: Standing::Active,
            ended_on: None,
            balances,
        }
    }

    /// Takes in a later version; every line of the one before is in it.
    pub(super) fn amend(&mut self, sequence: u64, amendment: &Amendment, terms: Licence) {
        let balance = |line: &LicenceLine| self.line(line.line).map(|(_, balance)| *balance);
        self.balances = terms.lines.iter().map(|line| balance(line).unwrap_or_default()).collect();
        let (from, reason) = (amendment.from, amendment.reason.as_str().into());
        let (terms, ordered_on) = (Terms::of(&amendment.licence, terms), amendment.ordered_on);
        self.amendments.push(Amended { sequence, from, reason, ordered_on, terms });
    }

    /// The terms that hold for an export on this day.
    #[must_use]
    pub fn terms_on(&self, day: Date) -> &Arc<Licence> {
        &self.version_on(day).read
    }

    /// The latest terms, whenever they begin to hold.
    #[must_use]
    pub fn terms(&self) -> &Arc<Licence> {
        self.amendments.last().map_or(&self.granted.read, |amended| &amended.terms.read)
    }

    /// The licence as it was written for an export on this day.
    #[must_use]
    pub fn text_on(&self, day: Date) -> LicenceText {
        self.version_on(day).text()
    }

    /// Its amendments, by the day from which they hold.
    #[must_use]
    pub fn amendments(&self) -> &[Amended] {
        &self.amendments
    }

    /// The amendment that holds for an export on this day.
    pub(super) fn amended_on(&self, day: Date) -> Option<&Amended> {
        self.amendments.iter().rev().find(|amended| amended.from <= day)
    }

    fn version_on(&self, day: Date) -> &Terms {
        self.amended_on(day).map_or(&self.granted, |amended| &amended.terms)
    }

    /// The lines of the latest terms with their balances.
    pub fn lines(&self) -> impl Iterator<Item = (&LicenceLine, &Balance)> {
        self.terms().lines.iter().zip(&self.balances)
    }

    /// The lines for an export on this day, with their balances. A cap that is lowered later binds already: what is drawn
    /// of a line counts for all its versions.
    pub fn lines_on(
        &self,
        day: Date,
        takes: impl Fn(&LicenceLine) -> bool,
    ) -> impl Iterator<Item = (LicenceLine, &Balance)> {
        self.terms_on(day).lines.iter().filter(move |line| takes(line)).filter_map(move |line| {
            let mut line = line.clone();
            let later = self.amendments.iter().filter(|amended| amended.from > day);
            for version in later.filter_map(|amended| find(&amended.terms.read, line.line)) {
                let lower = |cap: Option<Decimal>, later: Option<Decimal>| match (cap, later) {
                    (Some(cap), Some(later)) => Some(cap.min(later)),
                    (cap, later) => cap.or(later),
                };
                line.cap_quantity = lower(line.cap_quantity, version.cap_quantity);
                line.cap_value = lower(line.cap_value, version.cap_value);
            }
            let (_, balance) = self.line(line.line)?;
            Some((line, balance))
        })
    }

    /// A line of the latest terms with its balance.
    #[must_use]
    pub fn line(&self, line: u32) -> Option<(&LicenceLine, &Balance)> {
        self.lines().find(|(terms, _)| terms.line == line)
    }

    /// The balance of a line.
    pub(super) fn balance_mut(&mut self, line: u32) -> Option<&mut Balance> {
        let at = self.terms().lines.iter().position(|terms| terms.line == line)?;
        self.balances.get_mut(at)
    }

    /// Why it may not be used on this day; suspensions apart.
    #[must_use]
    pub fn fault_on(&self, day: Date) -> Option<String> {
        match self.standing {
            Standing::Revoked(from) if from <= day => return Some(format!("it is revoked from {from} on")),
            Standing::Returned(from) if from <= day => return Some(format!("it was returned on {from}")),
            _ => {}
        }
        (!self.terms_on(day).valid.contains(day)).then(|| format!("it is not valid on {day}"))
    }
}

impl Terms {
    fn of(text: &LicenceText, read: Licence) -> Self {
        // A text of strings always has a JSON.
        Self { text: serde_json::to_vec(text).unwrap_or_default().into(), read: Arc::new(read) }
    }

    fn text(&self) -> LicenceText {
        serde_json::from_slice(&self.text).unwrap_or_default()
    }
}

impl Amended {
    /// The licence as the amendment wrote it.
    #[must_use]
    pub fn text(&self) -> LicenceText {
        self.terms.text()
    }
}

fn find(terms: &Licence, line: u32) -> Option<&LicenceLine> {
    terms.lines.iter().find(|terms| terms.line == line)
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::Revoked(from) => write!(f, "revoked from {from}"),
            Self::Returned(from) => write!(f, "returned on {from}"),
        }
    }
}
