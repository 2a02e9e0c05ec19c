//! A licence with its balances, and what is promised of it.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;

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
    /// As it was recorded, in JSON: it is only ever shown, and so takes a third of the room.
    text: Arc<[u8]>,
    /// Read, with nothing drawn. Shared, since a balance changes far more often than a licence.
    pub terms: Arc<Licence>,
    /// How it stands.
    pub standing: Standing,
    /// Line by line, in the order of the terms.
    pub balances: Vec<Balance>,
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
    /// Part by part; what is used up is gone from here.
    pub parts: Vec<Hold>,
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
        // A text of strings always has a JSON.
        let text = serde_json::to_vec(text).unwrap_or_default().into();
        Self { sequence, text, terms: Arc::new(terms), standing: Standing::Active, balances }
    }

    /// The licence as it was recorded.
    #[must_use]
    pub fn text(&self) -> LicenceText {
        serde_json::from_slice(&self.text).unwrap_or_default()
    }

    /// The lines with their balances.
    pub fn lines(&self) -> impl Iterator<Item = (&LicenceLine, &Balance)> {
        self.terms.lines.iter().zip(&self.balances)
    }

    /// The balance of a line.
    pub(super) fn balance_mut(&mut self, line: u32) -> Option<&mut Balance> {
        let at = self.terms.lines.iter().position(|terms| terms.line == line)?;
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
        (!self.terms.valid.contains(day)).then(|| format!("it is not valid on {day}"))
    }
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
