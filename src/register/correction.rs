//! Corrections of what has left, by two people: one proposes, another approves.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::apply::{ApplyError, Register};
use super::event::Event;
use super::held::{Balance, Held};
use super::plan::Denied;
use super::suspension::check_reason;
use crate::domain::request::{FieldViolation, SHORT_BYTES_MAX, Violations};

/// A correction of what has left of a line of a licence.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// What for.
    pub kind: CorrectionKind,
    /// Number of the licence.
    pub licence: String,
    /// Its line.
    pub line: u32,
    /// Added to the quantity that has left; a return is below zero.
    pub quantity: Decimal,
    /// Added to the value that has left, in the currency of the line.
    pub value: Decimal,
    /// The entry of the shipment that came back; for a reversal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipment: Option<u64>,
    /// Quantity and value that this shipment wrote off of the line; set when it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrote_off: Option<(Decimal, Decimal)>,
    /// What it rests on: for a reversal, the decision of the authority that gives the balance back.
    pub reference: String,
    /// Why.
    pub reason: String,
    /// Who proposes it.
    pub by: String,
}

/// What a correction is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionKind {
    /// What was written off was wrong.
    Adjust,
    /// Goods came back, and the authority gives the balance back.
    Reverse,
}

/// A correction is approved, and so done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The entry that proposed it.
    pub proposal: u64,
    /// Why.
    pub reason: String,
    /// Who approves it.
    pub by: String,
}

impl CorrectionKind {
    /// As messages write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adjust => "adjust",
            Self::Reverse => "reverse",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Adjust, Self::Reverse].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for CorrectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Correction {
    /// Every field that cannot be, whatever the register holds.
    ///
    /// # Errors
    /// By their paths.
    pub fn check(&self) -> Result<(), Vec<FieldViolation>> {
        let mut violations = Violations::default();
        check_reason(&self.reason, &mut violations);
        for (field, text) in [("number", &self.licence), ("reference", &self.reference)] {
            violations.require(field, text, SHORT_BYTES_MAX);
        }
        if self.quantity.is_zero() && self.value.is_zero() {
            violations.add("quantity", "ZERO", "neither quantity nor value changes");
        }
        if self.kind == CorrectionKind::Reverse {
            for (field, amount) in [("quantity", self.quantity), ("value", self.value)] {
                if amount > Decimal::ZERO {
                    violations.add(field, "SIGN", "a reversal gives back, and is not above zero");
                }
            }
            if self.shipment.is_none() {
                violations.add("shipment", "REQUIRED", "a reversal names the shipment that came back");
            }
        }
        violations.or(())
    }

    /// What has left after it.
    fn on(&self, balance: &Balance) -> Option<Balance> {
        let confirmed_quantity = balance.confirmed_quantity.checked_add(self.quantity)?;
        let confirmed_value = balance.confirmed_value.checked_add(self.value)?;
        Some(Balance { confirmed_quantity, confirmed_value, ..*balance })
    }
}

impl Register {
    /// A correction is to be proposed.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn plan_correction(&self, correction: Correction) -> Result<Event, Denied> {
        correction.check().map_err(Denied::Fields)?;
        self.may_correct(&correction)?;
        Ok(Event::CorrectionProposed(correction))
    }

    /// No more of a shipment comes back than it wrote off, also where several corrections were proposed at once.
    fn may_reverse(&self, correction: &Correction) -> Result<(), Denied> {
        if let (Some(shipment), Some(shipped)) = (correction.shipment, correction.wrote_off) {
            let mut reversed = (-correction.quantity, -correction.value);
            for done in self.reversals.get(&(shipment, correction.line)).into_iter().flatten() {
                if *done.0 == *correction.licence {
                    reversed = (reversed.0 + done.1, reversed.1 + done.2);
                }
            }
            if reversed.0 > shipped.0 || reversed.1 > shipped.1 {
                let left = format!("entry {shipment} wrote {} worth {} off", shipped.0, shipped.1);
                return Err(Denied::MoreThanShipped { left });
            }
        }
        Ok(())
    }

    /// A correction is to be approved, by somebody else than who proposed it.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn plan_approve(&self, approval: Approval) -> Result<Event, Denied> {
        let mut violations = Violations::default();
        check_reason(&approval.reason, &mut violations);
        violations.or(()).map_err(Denied::Fields)?;
        let proposal = approval.proposal;
        let correction = self.proposals.get(&proposal).ok_or(Denied::NoProposal(proposal))?;
        if correction.by == approval.by {
            return Err(Denied::SamePerson { proposal });
        }
        self.may_correct(correction)?;
        Ok(Event::CorrectionApproved(approval))
    }

    /// Corrections that wait for approval, by the entry that proposed them.
    pub fn proposals(&self) -> impl Iterator<Item = (u64, &Correction)> {
        self.proposals.iter().map(|(sequence, correction)| (*sequence, correction))
    }

    fn may_correct(&self, correction: &Correction) -> Result<(), Denied> {
        self.may_reverse(correction)?;
        let number = &correction.licence;
        let held = self.licence(number).ok_or_else(|| Denied::LicenceUnknown(number.clone()))?;
        let (line, balance) = held
            .line(correction.line)
            .ok_or_else(|| Denied::LineUnknown { number: number.clone(), line: correction.line })?;
        let denied = |why: String| Err(Denied::NotCorrectable { number: number.clone(), why });
        let Some(after) = correction.on(balance) else {
            return denied("the amounts are too large".to_owned());
        };
        if after.confirmed_quantity < Decimal::ZERO || after.confirmed_value < Decimal::ZERO {
            return denied(format!(
                "only {} worth {} has left of line {}",
                balance.confirmed_quantity, balance.confirmed_value, correction.line
            ));
        }
        let over = |cap: Option<Decimal>, used: Decimal, grows: Decimal| {
            grows > Decimal::ZERO && cap.is_some_and(|cap| used > cap)
        };
        // INVARIANT (`drawdown_never_over`): what left beyond a cap is an offence to be reported, and no correction.
        if over(line.cap_quantity, after.used_quantity(), correction.quantity)
            || over(line.cap_value, after.used_value(), correction.value)
        {
            return denied(format!("line {} would be drawn beyond its cap", correction.line));
        }
        Ok(())
    }

    pub(super) fn propose(&mut self, sequence: u64, correction: &Correction) {
        self.proposals.insert(sequence, correction.clone());
    }

    pub(super) fn correct(&mut self, approval: &Approval) -> Result<(), ApplyError> {
        let correction =
            self.proposals.remove(&approval.proposal).ok_or(ApplyError::NoProposal(approval.proposal))?;
        let unknown = || ApplyError::Unknown(correction.licence.clone());
        let held: &Held = self.licence(&correction.licence).ok_or_else(unknown)?;
        let (_, balance) = held.line(correction.line).ok_or_else(unknown)?;
        let after = correction.on(balance).ok_or_else(unknown)?;
        self.change(&correction.licence, correction.line, |balance| *balance = after)?;
        if let Some(shipment) = correction.shipment {
            let reversed = (correction.licence.as_str().into(), -correction.quantity, -correction.value);
            self.reversals.entry((shipment, correction.line)).or_default().push_back(reversed);
        }
        Ok(())
    }
}
