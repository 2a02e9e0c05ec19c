//! What an entry moves on the lines of licences: granted, reserved, written off, given back.

use std::fmt;

use rust_decimal::Decimal;

use super::apply::Register;
use super::correction::CorrectionKind;
use super::event::{Event, Shipment};
use crate::domain::licence::LicenceLine;
use crate::engine::{Effects, Hold};

/// A movement on a line of a licence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Movement {
    /// Number of the licence.
    pub licence: Box<str>,
    /// Its line.
    pub line: u32,
    /// What moves.
    pub kind: MovementKind,
    /// How much; below zero only in corrections and amendments.
    pub quantity: Decimal,
    /// Value, in the currency of the line.
    pub value: Decimal,
    /// The decision that reserved, where there is one.
    pub decision: Option<u64>,
}

/// What a movement is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum MovementKind {
    /// The caps were granted.
    Grant,
    /// The caps were changed by so much.
    Amend,
    /// Promised to an order.
    Reserve,
    /// Goods have left: what was promised is written off.
    Confirm,
    /// Given back: cancelled, or left over after the last shipment.
    Release,
    /// Given back because nobody confirmed it in time.
    Expire,
    /// Given back because a changed document took the place of the old one.
    Supersede,
    /// Taken out of the order's reservation by a delivery that follows it.
    TakeOver,
    /// What was written off was corrected by so much.
    Adjust,
    /// What came back was given back by the authority.
    Reverse,
}

impl MovementKind {
    /// As messages write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "GRANT",
            Self::Amend => "AMEND",
            Self::Reserve => "RESERVE",
            Self::Confirm => "CONFIRM",
            Self::Release => "RELEASE",
            Self::Expire => "EXPIRE",
            Self::Supersede => "SUPERSEDE",
            Self::TakeOver => "TAKE_OVER",
            Self::Adjust => "ADJUST",
            Self::Reverse => "REVERSE",
        }
    }
}

impl fmt::Display for MovementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Movement {
    fn of(part: &Hold, kind: MovementKind, decision: u64) -> Self {
        Self {
            licence: part.licence.clone(),
            line: part.licence_line,
            kind,
            quantity: part.quantity,
            value: part.value,
            decision: Some(decision),
        }
    }

    fn is_nothing(&self) -> bool {
        self.quantity.is_zero() && self.value.is_zero()
    }
}

impl Register {
    /// What an event, taken in next, moves.
    #[must_use]
    pub fn movements(&self, event: &Event) -> Vec<Movement> {
        let mut moved = match event {
            Event::LicenceRecorded(text) => {
                let Ok(licence) = text.parse() else { return Vec::new() };
                let grant = |line: &LicenceLine| caps(&licence.number, line, None, MovementKind::Grant);
                return licence.lines.iter().map(grant).collect();
            }
            Event::LicenceAmended(amendment) => {
                let Ok(licence) = amendment.licence.parse() else { return Vec::new() };
                let held = self.licence(&licence.number);
                let amend = |line: &LicenceLine| {
                    let before = held.and_then(|held| held.line(line.line)).map(|(line, _)| line);
                    caps(&licence.number, line, before, MovementKind::Amend)
                };
                licence.lines.iter().map(amend).collect()
            }
            Event::ShipmentConfirmed(shipment) => self.shipped(shipment),
            Event::ReservationReleased(release) => self.given_back(release.decision, MovementKind::Release),
            Event::ReservationExpired(release) => self.given_back(release.decision, MovementKind::Expire),
            Event::CorrectionApproved(approval) => {
                let proposed = self.proposals().find(|(sequence, _)| *sequence == approval.proposal);
                let moved = proposed.map(|(_, correction)| Movement {
                    licence: correction.licence.as_str().into(),
                    line: correction.line,
                    kind: match correction.kind {
                        CorrectionKind::Adjust => MovementKind::Adjust,
                        CorrectionKind::Reverse => MovementKind::Reverse,
                    },
                    quantity: correction.quantity,
                    value: correction.value,
                    decision: None,
                });
                moved.into_iter().collect()
            }
            Event::DutyDone(_)
            | Event::Incident(_)
            | Event::RatesSet(_)
            | Event::GeneralAuthorisationRegistered(_)
            | Event::CorrectionProposed(_)
            | Event::LicencesSuspended(_)
            | Event::SuspensionLifted(_)
            | Event::LicenceRevoked(_)
            | Event::LicenceReturned(_) => Vec::new(),
        };
        moved.retain(|movement| !movement.is_nothing());
        moved
    }

    /// What the decision of the entry `sequence`, taken in next, moves.
    #[must_use]
    pub fn movements_decided(&self, sequence: u64, effects: &Effects) -> Vec<Movement> {
        let mut moved = Vec::new();
        if let Some(superseded) = effects.releases {
            moved.extend(self.given_back(superseded, MovementKind::Supersede));
        }
        if let Some(order) = effects.takes {
            let taken = self.taken_over(order, &effects.holds);
            moved.extend(taken.iter().map(|(_, part)| Movement::of(part, MovementKind::TakeOver, order)));
        }
        moved.extend(effects.holds.iter().map(|hold| Movement::of(hold, MovementKind::Reserve, sequence)));
        moved.retain(|movement| !movement.is_nothing());
        moved
    }

    /// What is left of a reservation, as one movement a part.
    fn given_back(&self, decision: u64, kind: MovementKind) -> Vec<Movement> {
        let parts = self.reservation(decision).map_or(&[][..], |reservation| &reservation.parts);
        parts.iter().map(|part| Movement::of(part, kind, decision)).collect()
    }

    fn shipped(&self, shipment: &Shipment) -> Vec<Movement> {
        let mut left: Vec<Hold> = self
            .reservation(shipment.decision)
            .map(|reservation| reservation.parts.clone())
            .unwrap_or_default();
        let mut moved = Vec::new();
        for drawn in &shipment.drawn {
            moved.push(Movement {
                licence: drawn.licence.as_str().into(),
                line: drawn.licence_line,
                kind: MovementKind::Confirm,
                quantity: drawn.quantity,
                value: drawn.value,
                decision: Some(shipment.decision),
            });
            let of = |part: &&mut Hold| {
                part.goods_line == drawn.goods_line
                    && *part.licence == *drawn.licence
                    && part.licence_line == drawn.licence_line
            };
            if let Some(part) = left.iter_mut().find(of) {
                part.quantity -= drawn.quantity.min(part.quantity);
                part.value -= drawn.value.min(part.value);
            }
        }
        if shipment.is_last {
            moved
                .extend(left.iter().map(|part| Movement::of(part, MovementKind::Release, shipment.decision)));
        }
        moved
    }
}

/// The caps of a line, or what they change by.
fn caps(number: &str, line: &LicenceLine, before: Option<&LicenceLine>, kind: MovementKind) -> Movement {
    let change = |cap: fn(&LicenceLine) -> Option<Decimal>| {
        cap(line).unwrap_or_default() - before.and_then(cap).unwrap_or_default()
    };
    Movement {
        licence: number.into(),
        line: line.line,
        kind,
        quantity: change(|line| line.cap_quantity),
        value: change(|line| line.cap_value),
        decision: None,
    }
}
