//! Incidents: what was told of goods that have left, and cannot be written off.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::plan::{Denied, ShippedLine};

/// A shipment that somebody told of and that the register does not allow: the goods may have gone, so it is kept, and
/// nothing is written off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What stands against it.
    pub kind: IncidentKind,
    /// The same in words.
    pub why: String,
    /// Sequence of the decision that it was to be written off under.
    pub decision: u64,
    /// The day of the export.
    pub export_date: Date,
    /// The export declaration or another reference.
    pub reference: String,
    /// What is said to have left.
    pub lines: Vec<ShippedText>,
}

/// A line of goods that is said to have left.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShippedText {
    /// Line of the goods.
    pub goods_line: u32,
    /// Quantity.
    pub quantity: Decimal,
    /// Value.
    pub value: Decimal,
    /// Currency of the value.
    pub currency: String,
}

/// What stands against a shipment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// The decision holds no open reservation.
    NoReservation,
    /// More left than was reserved.
    MoreThanReserved,
    /// The licence may not be used on the day of the export.
    LicenceNotUsable,
    /// It was written off, and the licence was suspended, revoked or returned for that day later.
    KnownLater,
}

impl IncidentKind {
    /// As messages write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoReservation => "NO_RESERVATION",
            Self::MoreThanReserved => "MORE_THAN_RESERVED",
            Self::LicenceNotUsable => "LICENCE_NOT_USABLE",
            Self::KnownLater => "KNOWN_LATER",
        }
    }
}

impl Incident {
    /// The incident that a refused confirmation is; `None` where it only cannot be read, or names what is not there.
    #[must_use]
    pub fn of(
        denied: &Denied,
        decision: u64,
        export_date: Date,
        reference: &str,
        lines: &[ShippedLine],
    ) -> Option<Self> {
        let kind = match denied {
            Denied::NoReservation => IncidentKind::NoReservation,
            Denied::MoreThanReserved { .. } => IncidentKind::MoreThanReserved,
            Denied::NotUsable { .. } => IncidentKind::LicenceNotUsable,
            _ => return None,
        };
        let line = |line: &ShippedLine| ShippedText {
            goods_line: line.goods_line,
            quantity: line.quantity,
            value: line.value,
            currency: line.currency.code().to_owned(),
        };
        Some(Self {
            kind,
            why: denied.to_string(),
            decision,
            export_date,
            reference: reference.to_owned(),
            lines: lines.iter().map(line).collect(),
        })
    }
}
