//! What a suspension stops.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::apply::Register;
use super::held::Reservation;
use super::suspension::Suspension;
use crate::domain::money::Currency;
use crate::engine::Hold;

/// What a suspension stops, as the register is now.
#[derive(Debug, Default)]
pub struct Affected<'a> {
    /// Licences that it hits and that are valid on its first day.
    pub licences: u64,
    /// Open reservations that count on what it hits, by decision.
    pub reservations: Vec<&'a Reservation>,
    /// Value that is left on these licences, and cannot be used.
    pub unusable: BTreeMap<Currency, Decimal>,
    /// Value of these reservations.
    pub reserved: BTreeMap<Currency, Decimal>,
}

impl Register {
    /// What the suspension that this entry ordered stops; `None` where it ordered none.
    #[must_use]
    pub fn affected(&self, suspension: u64) -> Option<Affected<'_>> {
        let suspension = self.suspensions().find(|known| known.sequence == suspension)?;
        let mut affected = Affected::default();
        for held in self.licences() {
            let from = suspension.order.from;
            if !suspension.concerns(held.terms_on(from)) || held.fault_on(from).is_some() {
                continue;
            }
            let mut is_hit = false;
            for (line, balance) in held.lines().filter(|(line, _)| suspension.concerns_line(line)) {
                is_hit = true;
                if let Some(cap) = line.cap_value {
                    let left = (cap - balance.used_value()).max(Decimal::ZERO);
                    *affected.unusable.entry(line.currency).or_default() += left;
                }
            }
            affected.licences += u64::from(is_hit);
        }
        for reservation in self.reservations() {
            let mut is_hit = false;
            for part in reservation.open_parts().filter(|part| self.stops(suspension, reservation, part)) {
                is_hit = true;
                *affected.reserved.entry(part.currency).or_default() += part.value;
            }
            if is_hit {
                affected.reservations.push(reservation);
            }
        }
        Some(affected)
    }

    fn stops(&self, suspension: &Suspension, reservation: &Reservation, part: &Hold) -> bool {
        let held = self.licence(&part.licence);
        let line = held.and_then(|held| held.line(part.licence_line));
        let hit = held.zip(line).zip(reservation.country);
        hit.is_some_and(|((held, (line, _)), country)| suspension.meets(held.terms(), line, country))
    }
}
