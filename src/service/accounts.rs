//! The accounts of licences: what moved on each line, and what that comes to at any moment. Folded from the log, beside
//! the balances that the writer keeps, so that the two can be held against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use tracing::error;

use super::{
    Core, Service,
    filter::{decision_term, licence_term},
    fold::Change,
    page,
    query::{Page, page_size_of},
    refusal::Refusal,
};
use crate::{
    domain::{identity::Identity, licence::LicenceLine},
    ledger::{Body, Digest, Entry, EntryKind},
    register::{Balance, Event, Movement, MovementKind, Register},
    store::{StoredRecord, Term},
    telemetry::field,
};

/// Candidates taken from the index at a time.
const CANDIDATES: usize = 1_024;

/// A movement with the entry that made it.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The entry.
    pub entry: Entry,
    /// What moved.
    pub movement: Movement,
    /// Currency of the line.
    pub line: LicenceLine,
    /// The balance of the line after the entry.
    pub after: Balance,
    /// The event, where it was none of a decision.
    pub event: Option<Arc<Event>>,
}

/// Quantity and value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sum {
    /// Quantity.
    pub quantity: Decimal,
    /// Value, in the currency of the line.
    pub value: Decimal,
}

/// What a line of a licence comes to at a moment.
#[derive(Clone, Debug)]
pub struct Account {
    /// Number of the licence.
    pub licence: Box<str>,
    /// Normalised name of its holder.
    pub holder: Box<str>,
    /// The line, with the caps of the latest version.
    pub line: LicenceLine,
    /// Promised, ever.
    pub reserved: Sum,
    /// Written off by shipments, ever.
    pub confirmed: Sum,
    /// Given back: released, superseded, taken over by a delivery.
    pub given_back: Sum,
    /// Given back because nobody confirmed it in time.
    pub expired: Sum,
    /// Added to what has left by corrections.
    pub corrected: Sum,
    /// The balance that the register holds.
    pub balance: Balance,
}

impl Account {
    /// Do the movements come to the balance?
    #[must_use]
    pub fn reconciles(&self) -> bool {
        let open = Sum {
            quantity: self.reserved.quantity
                - self.confirmed.quantity
                - self.given_back.quantity
                - self.expired.quantity,
            value: self.reserved.value - self.confirmed.value - self.given_back.value - self.expired.value,
        };
        let Balance { confirmed_quantity, confirmed_value, reserved_quantity, reserved_value } = self.balance;
        (open.quantity, open.value) == (reserved_quantity, reserved_value)
            && self.confirmed.quantity + self.corrected.quantity == confirmed_quantity
            && self.confirmed.value + self.corrected.value == confirmed_value
    }
}

impl Service {
    /// A page of what moved on the lines of a licence, in the order of the log. Reads the disk.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where there is no such licence for the reader; [`Refusal::InvalidRequest`],
    /// [`Refusal::RecordDamaged`], [`Refusal::StoreUnavailable`].
    pub fn movements(
        &self,
        reader: &Identity,
        number: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Moved>, Refusal> {
        let seal = Digest::of(format!("movements {number}").as_bytes());
        let seal = seal.as_bytes().first_chunk().copied().unwrap_or_default();
        let (size, start) = (page_size_of(page_size)?, page::read(page_token, seal)?.unwrap_or_default());
        let number = self.licence(reader, number)?.terms().number.clone();
        let mut books = Books { only: Some(number.clone()), ..Books::default() };
        let mut items: Vec<Moved> = Vec::new();
        for sequence in self.core.of_licence(&number)? {
            let record = self.core.store.record(sequence).map_err(|fault| damaged(sequence, &fault))?;
            let moved = record.map_or_else(|| Ok(Vec::new()), |record| books.take(record))?;
            if moved.is_empty() || sequence < start {
                continue;
            }
            // What one entry moved stays together.
            if items.len() >= size {
                return Ok(Page { items, next_page_token: page::token(sequence, seal) });
            }
            items.extend(moved);
        }
        Ok(Page { items, next_page_token: String::new() })
    }

    /// What each line of licences came to at a moment, in the order in which they were recorded; at the end of the log
    /// where none is named. Reads the log.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where the licence that is asked for is not there for the reader;
    /// [`Refusal::RecordDamaged`], [`Refusal::StoreUnavailable`].
    pub fn accounts(
        &self,
        reader: &Identity,
        number: Option<&str>,
        holder: Option<&str>,
        at_ms: Option<i64>,
    ) -> Result<Vec<Account>, Refusal> {
        let number = match number {
            Some(number) => Some(self.licence(reader, number)?.terms().number.clone()),
            None => None,
        };
        let end = self.core.readable()?.size;
        let mut books = Books { only: number.clone(), ..Books::default() };
        let is_later = |record: &StoredRecord| {
            record.entry.sequence >= end || at_ms.is_some_and(|at| record.entry.time_ms > at)
        };
        if let Some(number) = number {
            for sequence in self.core.of_licence(&number)? {
                let record = self.core.store.record(sequence).map_err(|fault| damaged(sequence, &fault))?;
                if let Some(record) = record.filter(|record| !is_later(record)) {
                    books.take(record)?;
                }
            }
        } else {
            for record in self.core.store.scan(0) {
                let record = record.map_err(|fault| damaged(0, &fault))?;
                if !is_later(&record) {
                    books.take(record)?;
                }
            }
        }
        let mut accounts = books.accounts();
        accounts.retain(|account| {
            reader.speaks_for(&account.holder) && holder.is_none_or(|holder| *holder == *account.holder)
        });
        Ok(accounts)
    }
}

impl Core {
    /// The entries that may be about a licence, in order: its own, and those about the reservations and proposals on it.
    pub(super) fn of_licence(&self, number: &str) -> Result<BTreeSet<u64>, Refusal> {
        let own = self.found(licence_term(number))?;
        let mut all: BTreeSet<u64> = own.iter().copied().collect();
        for sequence in own {
            let entry = self.store.entry(sequence).map_err(|fault| damaged(sequence, &fault))?;
            let is_root = entry.is_some_and(|entry| {
                matches!(entry.kind, EntryKind::DecisionMade | EntryKind::CorrectionProposed)
            });
            if is_root {
                all.extend(self.found(decision_term(sequence))?);
            }
        }
        let end = self.readable()?.size;
        all.retain(|sequence| *sequence < end);
        Ok(all)
    }

    /// The entries that may have this term, newest first.
    pub(super) fn found(&self, term: Term) -> Result<Vec<u64>, Refusal> {
        let (mut found, mut before) = (Vec::new(), u64::MAX);
        loop {
            let more = self.store.search(&[term], before, CANDIDATES).map_err(|fault| {
                error!({ field::ERROR } = %fault, "the index cannot be read");
                Refusal::StoreUnavailable
            })?;
            let Some(last) = more.last() else { return Ok(found) };
            before = *last;
            found.extend(more);
        }
    }
}

fn damaged(sequence: u64, fault: &dyn std::fmt::Display) -> Refusal {
    error!({ field::SEQUENCE } = sequence, { field::ERROR } = %fault, "a record cannot be read");
    Refusal::RecordDamaged { sequence }
}

/// The register with what moved on it.
#[derive(Debug, Default)]
struct Books {
    register: Register,
    totals: BTreeMap<(Box<str>, u32), Totals>,
    /// The one licence that is looked at; all others are left out.
    only: Option<Box<str>>,
}

/// What moved on a line, by kind.
type Totals = BTreeMap<MovementKind, Sum>;

impl Books {
    /// Takes the next record in, and says what it moved.
    fn take(&mut self, record: StoredRecord) -> Result<Vec<Moved>, Refusal> {
        let entry = record.entry;
        let sequence = entry.sequence;
        let Some(kept) = record.kept else { return Ok(Vec::new()) };
        let (_, bytes) = Body::split(&kept.bytes).map_err(|fault| damaged(sequence, &fault))?;
        let change = Change::read(entry.kind, sequence, bytes).map_err(|fault| damaged(sequence, &fault))?;
        let Some(change) = change.and_then(|change| self.of_interest(change)) else { return Ok(Vec::new()) };
        let (moved, event, applied) = match change {
            Change::Event(event) => {
                let moved = self.register.movements(&event);
                let applied = self.register.apply(sequence, &event);
                (moved, Some(Arc::new(*event)), applied)
            }
            Change::Decided(effects) => {
                let moved = self.register.movements_decided(sequence, &effects);
                (moved, None, self.register.decided(sequence, &effects))
            }
        };
        applied.map_err(|fault| damaged(sequence, &fault))?;
        let mut told = Vec::with_capacity(moved.len());
        for movement in moved {
            let sums = self.totals.entry((movement.licence.clone(), movement.line)).or_default();
            let sum = sums.entry(movement.kind).or_default();
            sum.quantity += movement.quantity;
            sum.value += movement.value;
            let held = self.register.licence(&movement.licence);
            let Some((line, after)) = held.and_then(|held| held.line(movement.line)) else { continue };
            told.push(Moved {
                entry: entry.clone(),
                line: line.clone(),
                after: *after,
                event: event.clone(),
                movement,
            });
        }
        Ok(told)
    }

    /// What of a change is about the licence that is looked at.
    fn of_interest(&self, change: Change) -> Option<Change> {
        let Some(only) = &self.only else { return Some(change) };
        let is_it = |number: &str| *number.trim() == **only;
        match change {
            Change::Decided(mut effects) => {
                effects.holds.retain(|hold| is_it(&hold.licence));
                Some(Change::Decided(effects))
            }
            Change::Event(mut event) => {
                let is_of_it = match &mut *event {
                    Event::LicenceRecorded(text) => is_it(&text.number),
                    Event::LicenceAmended(amendment) => is_it(&amendment.licence.number),
                    Event::CorrectionProposed(correction) => is_it(&correction.licence),
                    Event::CorrectionApproved(approval) => {
                        self.register.proposals().any(|(sequence, _)| sequence == approval.proposal)
                    }
                    Event::LicenceRevoked(revocation) | Event::LicenceReturned(revocation) => {
                        is_it(&revocation.number)
                    }
                    Event::ShipmentConfirmed(shipment) => {
                        shipment.drawn.retain(|drawn| is_it(&drawn.licence));
                        true
                    }
                    Event::ReservationReleased(_) | Event::ReservationExpired(_) => true,
                    Event::DutyDone(_)
                    | Event::Incident(_)
                    | Event::RatesSet(_)
                    | Event::GeneralAuthorisationRegistered(_)
                    | Event::LicencesSuspended(_)
                    | Event::SuspensionLifted(_) => false,
                };
                is_of_it.then_some(Change::Event(event))
            }
        }
    }

    fn accounts(&self) -> Vec<Account> {
        let mut accounts = Vec::new();
        for held in self.register.licences() {
            let (number, holder) = (&held.terms().number, &held.terms().holder);
            for (line, balance) in held.lines() {
                let totals = self.totals.get(&(number.clone(), line.line));
                let sum = |kinds: &[MovementKind]| {
                    let sums = kinds.iter().filter_map(|kind| totals?.get(kind));
                    sums.fold(Sum::default(), |sum, other| Sum {
                        quantity: sum.quantity + other.quantity,
                        value: sum.value + other.value,
                    })
                };
                accounts.push(Account {
                    licence: number.clone(),
                    holder: holder.clone(),
                    line: line.clone(),
                    reserved: sum(&[MovementKind::Reserve]),
                    confirmed: sum(&[MovementKind::Confirm]),
                    given_back: sum(&[
                        MovementKind::Release,
                        MovementKind::Supersede,
                        MovementKind::TakeOver,
                    ]),
                    expired: sum(&[MovementKind::Expire]),
                    corrected: sum(&[MovementKind::Adjust, MovementKind::Reverse]),
                    balance: *balance,
                });
            }
        }
        accounts
    }
}

impl Sum {
    /// Is it nothing at all?
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.quantity.is_zero() && self.value.is_zero()
    }
}
