//! The fold: an event is taken in.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet, Vector};
use jiff::civil::Date;
use rust_decimal::Decimal;
use thiserror::Error;

use super::correction::Correction;
use super::done::DutyKey;
use super::event::{Amendment, Drawn, Event, Revocation};
use super::held::{Balance, Held, Reservation, Standing};
use super::rates::Rates;
use super::registration::Registered;
use super::suspension::Suspension;
use super::text::LicenceText;
use crate::domain::code::Classification;
use crate::domain::export::{GoodsLine, ProposedExport, Role};
use crate::domain::licence::{self, Licence, LicenceLine, LicenceStatus, LicensedGoods};
use crate::domain::request::{FieldViolation, told};
use crate::engine::{Effects, Hold};

/// The register after some number of events. Copies share what they have in common.
#[derive(Clone, Debug, Default)]
pub struct Register {
    licences: HashMap<Number, Arc<Held>>,
    /// Numbers by the entry that recorded them.
    in_order: OrdMap<u64, Number>,
    /// Numbers by normalised name of the holder.
    by_holder: HashMap<Box<str>, OrdSet<Place>>,
    suspensions: Vector<Arc<Suspension>>,
    reservations: OrdMap<u64, Arc<Reservation>>,
    /// When reservations run out.
    due: OrdSet<(Date, u64)>,
    pub(super) rates: Rates,
    /// By normalised name of the exporter and authorisation.
    pub(super) registrations: OrdMap<(Box<str>, Box<str>), Registered>,
    /// When duties were done.
    pub(super) done: OrdMap<DutyKey, Date>,
    /// Corrections that wait for approval, by the entry that proposed them.
    pub(super) proposals: OrdMap<u64, Correction>,
    /// What of a shipment and a line of licences was reversed: licence, quantity and value.
    pub(super) reversals: HashMap<(u64, u32), Vector<Reversed>>,
}

/// Licence, quantity and value.
type Reversed = (Box<str>, Decimal, Decimal);

/// What licences are looked up by: the first bytes of the entry of a code, or zeros for goods on no list. Entries are
/// shorter; a longer one would find too much, and what is found is tested in full.
type Root = [u8; 8];
/// What licences of a holder are found by: the goods, a hash of an end user or [`ANYBODY`], and their number.
type Place = (Root, u64, Number);
/// In the place of an end user, for licences that name none.
const ANYBODY: u64 = 0;
/// The number of a licence; one text for all maps.
type Number = Arc<str>;
/// Licences for other end users that are told of for each entry of the goods, where none is for the right one.
const OTHERS_TOLD: usize = 8;

/// Why an event does not fit the register.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ApplyError {
    /// A licence of this number is there already.
    #[error("a licence of the number `{0}` is recorded already")]
    Known(String),
    /// No licence has this number, or the licence has no such line.
    #[error("no licence `{0}` with such a line is recorded")]
    Unknown(String),
    /// No correction was proposed by this entry, or it is done.
    #[error("entry {0} proposes no correction that waits")]
    NoProposal(u64),
    /// No suspension was ordered by this entry.
    #[error("entry {0} orders no suspension")]
    NoSuspension(u64),
    /// A text of the event cannot be read.
    #[error("{0}")]
    Text(String),
}

impl From<Vec<FieldViolation>> for ApplyError {
    fn from(violations: Vec<FieldViolation>) -> Self {
        Self::Text(told(&violations))
    }
}

impl Register {
    /// Has it nothing for any export: no licence, no registration, no rate?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.licences.is_empty() && self.registrations.is_empty() && self.rates().is_empty()
    }

    /// The licence of this number.
    #[must_use]
    pub fn licence(&self, number: &str) -> Option<&Arc<Held>> {
        self.licences.get(number)
    }

    /// All licences, in the order in which they were recorded.
    pub fn licences(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.licences_from(0)
    }

    /// Those that were recorded by this entry or later ones.
    pub fn licences_from(&self, sequence: u64) -> impl Iterator<Item = &Arc<Held>> {
        self.in_order.range(sequence..).filter_map(|(_, number)| self.licences.get(number))
    }

    /// All suspensions, in the order in which they were ordered.
    pub fn suspensions(&self) -> impl Iterator<Item = &Suspension> {
        self.suspensions.iter().map(|suspension| &**suspension)
    }

    /// All open reservations, by decision.
    pub fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reservations.values().map(|reservation| &**reservation)
    }

    /// The open reservation of a decision.
    #[must_use]
    pub fn reservation(&self, sequence: u64) -> Option<&Reservation> {
        self.reservations.get(&sequence).map(|reservation| &**reservation)
    }

    /// The decision whose reservation has run out by this day, the first of them.
    #[must_use]
    pub fn first_due(&self, today: Date) -> Option<u64> {
        self.due.get_min().filter(|(until, _)| *until < today).map(|(_, sequence)| *sequence)
    }

    /// Takes in the event of the entry `sequence`.
    ///
    /// # Errors
    /// [`ApplyError`]; the register is then as it was.
    pub fn apply(&mut self, sequence: u64, event: &Event) -> Result<(), ApplyError> {
        match event {
            Event::LicenceRecorded(text) => self.record(sequence, text)?,
            Event::LicenceAmended(amendment) => self.amend(sequence, amendment)?,
            Event::RatesSet(table) => self.set_rates(sequence, table)?,
            Event::GeneralAuthorisationRegistered(registration) => self.register(sequence, registration)?,
            Event::CorrectionProposed(correction) => self.propose(sequence, correction),
            Event::CorrectionApproved(approval) => self.correct(approval)?,
            Event::LicencesSuspended(order) => {
                let suspension = Suspension::parse(sequence, order.clone())?;
                self.suspensions.push_back(Arc::new(suspension));
            }
            Event::SuspensionLifted(lift) => {
                let at = self.suspensions.iter().position(|known| known.sequence == lift.suspension);
                let known = at.and_then(|at| self.suspensions.get_mut(at));
                let known = known.ok_or(ApplyError::NoSuspension(lift.suspension))?;
                // The day before is the last; lifted from its first day on, it never held.
                Arc::make_mut(known).holds.until = lift.from.yesterday().ok();
            }
            Event::LicenceRevoked(revocation) => self.end(revocation, Standing::Revoked)?,
            Event::LicenceReturned(revocation) => self.end(revocation, Standing::Returned)?,
            Event::ShipmentConfirmed(shipment) => {
                for drawn in &shipment.drawn {
                    self.draw(shipment.decision, drawn)?;
                }
                if shipment.is_last || self.is_used_up(shipment.decision) {
                    self.give_back(shipment.decision);
                }
            }
            Event::ReservationReleased(release) | Event::ReservationExpired(release) => {
                self.give_back(release.decision);
            }
            Event::DutyDone(done) => self.do_duty(done)?,
            // It moves nothing.
            Event::Incident(_) => {}
        }
        Ok(())
    }

    /// Takes in what the decision of the entry `sequence` reserves and gives back.
    ///
    /// # Errors
    /// [`ApplyError::Unknown`]; the register must not be used then.
    pub fn decided(&mut self, sequence: u64, effects: &Effects) -> Result<(), ApplyError> {
        if let Some(superseded) = effects.releases {
            self.give_back(superseded);
        }
        let Some(until) = effects.reserved_until else { return Ok(()) };
        if let Some(order) = effects.takes {
            self.take_over(order, &effects.holds)?;
        }
        let mut holder: Box<str> = Box::default();
        for hold in &effects.holds {
            holder = self.change(&hold.licence, hold.licence_line, |balance| {
                balance.reserved_quantity += hold.quantity;
                balance.reserved_value += hold.value;
            })?;
        }
        let (country, parts) = (effects.country, effects.holds.clone());
        self.reservations.insert(sequence, Arc::new(Reservation { sequence, holder, until, country, parts }));
        self.due.insert((until, sequence));
        Ok(())
    }

    fn record(&mut self, sequence: u64, text: &LicenceText) -> Result<(), ApplyError> {
        let terms = text.parse()?;
        if self.licences.contains_key(&*terms.number) {
            return Err(ApplyError::Known(terms.number.into()));
        }
        let number: Number = (&*terms.number).into();
        self.find_by(&number, &terms);
        let held = Held::new(sequence, text, terms);
        self.in_order.insert(sequence, number.clone());
        self.licences.insert(number, Arc::new(held));
        Ok(())
    }

    fn amend(&mut self, sequence: u64, amendment: &Amendment) -> Result<(), ApplyError> {
        let terms = amendment.licence.parse();
        let terms = terms?;
        let number: Number = (&*terms.number).into();
        // What only an earlier version is found by stays: what is found is tested in full.
        self.find_by(&number, &terms);
        let held = self.licences.get_mut(&number);
        let held = held.ok_or_else(|| ApplyError::Unknown(number.as_ref().to_owned()))?;
        Arc::make_mut(held).amend(sequence, amendment, terms);
        Ok(())
    }

    /// Lets a licence be found by its holder, goods and end users.
    fn find_by(&mut self, number: &Number, terms: &Licence) {
        let of_holder = self.by_holder.entry(terms.holder.clone()).or_default();
        for line in &terms.lines {
            for user in users(terms) {
                of_holder.insert((root_of(&line.goods), user, number.clone()));
            }
        }
    }

    fn end(&mut self, revocation: &Revocation, standing: fn(Date) -> Standing) -> Result<(), ApplyError> {
        let held = self.licences.get_mut(&*revocation.number);
        let held = held.ok_or_else(|| ApplyError::Unknown(revocation.number.clone()))?;
        let held = Arc::make_mut(held);
        held.standing = standing(revocation.from);
        held.ended_on = revocation.ordered_on;
        Ok(())
    }

    /// Changes a balance, and gives the holder of the licence.
    pub(super) fn change(
        &mut self,
        number: &str,
        line: u32,
        change: impl FnOnce(&mut Balance),
    ) -> Result<Box<str>, ApplyError> {
        let held = self.licences.get_mut(number).ok_or_else(|| ApplyError::Unknown(number.to_owned()))?;
        let held = Arc::make_mut(held);
        change(held.balance_mut(line).ok_or_else(|| ApplyError::Unknown(number.to_owned()))?);
        Ok(held.terms().holder.clone())
    }

    /// What was promised becomes what has left. Of a decision whose body was erased no promise is known.
    fn draw(&mut self, decision: u64, drawn: &Drawn) -> Result<(), ApplyError> {
        let mut promised = (Decimal::ZERO, Decimal::ZERO);
        if let Some(reservation) = self.reservations.get_mut(&decision) {
            let reservation = Arc::make_mut(reservation);
            let of = |part: &&mut Hold| {
                part.goods_line == drawn.goods_line
                    && *part.licence == *drawn.licence
                    && part.licence_line == drawn.licence_line
            };
            if let Some(part) = reservation.parts.iter_mut().find(of) {
                promised = (drawn.quantity.min(part.quantity), drawn.value.min(part.value));
                part.quantity -= promised.0;
                part.value -= promised.1;
            }
        }
        self.change(&drawn.licence, drawn.licence_line, |balance| {
            balance.reserved_quantity -= promised.0;
            balance.reserved_value -= promised.1;
            balance.confirmed_quantity += drawn.quantity;
            balance.confirmed_value += drawn.value;
        })?;
        Ok(())
    }

    /// What a delivery reserves is taken out of what its order reserved on the same lines of licences.
    fn take_over(&mut self, order: u64, holds: &[Hold]) -> Result<(), ApplyError> {
        let taken = self.taken_over(order, holds);
        for (at, taken) in &taken {
            let reservation = self.reservations.get_mut(&order).map(Arc::make_mut);
            if let Some(part) = reservation.and_then(|reservation| reservation.parts.get_mut(*at)) {
                part.quantity -= taken.quantity;
                part.value -= taken.value;
            }
            self.change(&taken.licence, taken.licence_line, |balance| {
                balance.reserved_quantity -= taken.quantity;
                balance.reserved_value -= taken.value;
            })?;
        }
        if self.is_used_up(order) {
            self.give_back(order);
        }
        Ok(())
    }

    /// What these holds take out of a reservation, each with the position of its part there.
    pub(super) fn taken_over(&self, order: u64, holds: &[Hold]) -> Vec<(usize, Hold)> {
        let Some(reservation) = self.reservation(order) else { return Vec::new() };
        let (mut parts, mut taken) = (reservation.parts.clone(), Vec::new());
        for hold in holds {
            let (mut quantity, mut value) = (hold.quantity, hold.value);
            for (at, part) in parts.iter_mut().enumerate() {
                if part.licence != hold.licence || part.licence_line != hold.licence_line {
                    continue;
                }
                // Without a cap on the value, parts are in the currencies of their goods.
                let same_value = if part.currency == hold.currency { value } else { Decimal::ZERO };
                let both = (quantity.min(part.quantity), same_value.min(part.value));
                (part.quantity, part.value) = (part.quantity - both.0, part.value - both.1);
                (quantity, value) = (quantity - both.0, value - both.1);
                taken.push((at, Hold { quantity: both.0, value: both.1, ..part.clone() }));
            }
        }
        taken
    }

    /// Is nothing left of a reservation?
    fn is_used_up(&self, decision: u64) -> bool {
        self.reservation(decision).is_some_and(|reservation| {
            reservation.parts.iter().all(|part| part.quantity.is_zero() && part.value.is_zero())
        })
    }

    /// Gives back what is left of a reservation; one that is gone already has nothing left.
    fn give_back(&mut self, decision: u64) {
        let Some(reservation) = self.reservations.remove(&decision) else { return };
        self.due.remove(&(reservation.until, decision));
        for part in &reservation.parts {
            // A reservation is only ever made of licences that are there, and none is ever taken out.
            let _ = self.change(&part.licence, part.licence_line, |balance| {
                balance.reserved_quantity -= part.quantity;
                balance.reserved_value -= part.value;
            });
        }
    }

    /// What the register has for an export, without the reservation that it supersedes or takes over: the licences that
    /// it offers, or else those of its exporter for such goods, such a country and its day.
    #[must_use]
    pub fn standing(
        &self,
        export: &ProposedExport,
        superseded: Option<u64>,
        followed: Option<u64>,
        reserve_until: Date,
    ) -> licence::Standing {
        let exporter = export.party(Role::Exporter).map_or("", |party| &party.normal_name);
        let of_exporter =
            |decision: u64| self.reservation(decision).filter(|reservation| *reservation.holder == *exporter);
        let releases = superseded.filter(|superseded| of_exporter(*superseded).is_some());
        let takes = followed.and_then(of_exporter).map(|reservation| licence::Taken {
            decision: reservation.sequence,
            licences: reservation.parts.iter().map(|part| part.licence.clone()).collect(),
        });
        let without = releases.or(takes.as_ref().map(|taken| taken.decision)).map(|reserved| {
            let mut register = self.clone();
            register.give_back(reserved);
            register
        });
        let register = without.as_ref().unwrap_or(self);
        let mut licences = if export.licences_offered.is_empty() {
            register.found(export, exporter)
        } else {
            let offered =
                export.licences_offered.iter().filter_map(|number| register.of_holder(number, exporter));
            offered.map(|held| register.as_of(held, export)).collect()
        };
        for asked in export.goods.iter().flat_map(|goods| &goods.allocations) {
            let is_there = licences.iter().any(|licence: &Licence| licence.number == asked.licence);
            if let Some(held) = register.of_holder(&asked.licence, exporter).filter(|_| !is_there) {
                licences.push(register.as_of(held, export));
            }
        }
        licence::Standing {
            licences,
            registrations: self.registered_for(export),
            rates: self.rates().clone(),
            clearances: Vec::new(),
            finds: true,
            reserve_until: Some(reserve_until),
            releases,
            takes,
        }
    }

    /// The licence of this number, where this is its holder: to others it is not there.
    fn of_holder(&self, number: &str, holder: &str) -> Option<&Arc<Held>> {
        self.licence(number).filter(|held| *held.terms().holder == *holder)
    }

    fn found(&self, export: &ProposedExport, exporter: &str) -> Vec<Licence> {
        let Some(of_holder) = self.by_holder.get(exporter) else { return Vec::new() };
        let mut roots: Vec<Root> = export.goods.iter().filter_map(root_of_goods).collect();
        roots.sort_unstable();
        roots.dedup();
        let end_user = export.party(Role::EndUser).map_or("", |party| &party.normal_name);
        let mut found = Vec::new();
        for root in &roots {
            for user in [ANYBODY, user(end_user)] {
                let from: Place = (*root, user, "".into());
                let places = of_holder.range(from..).take_while(|(at, of, _)| (at, *of) == (root, user));
                found.extend(places.filter_map(|place| self.usable(place, export)));
            }
        }
        // Of an exporter with hundreds of licences, those for this end user are the ones to be looked at; where there is
        // none, some of the others say why not.
        if found.is_empty() {
            for root in &roots {
                let from: Place = (*root, 0, "".into());
                let places = of_holder.range(from..).take_while(|(at, ..)| at == root);
                found.extend(places.filter_map(|place| self.usable(place, export)).take(OTHERS_TOLD));
            }
        }
        found.sort_unstable_by_key(|held| held.sequence);
        found.dedup_by_key(|held| held.sequence);
        found.into_iter().map(|held| self.as_of(held, export)).collect()
    }

    /// The licence at this place, where it is for the country and may be used on the day.
    fn usable(&self, (_, _, number): &Place, export: &ProposedExport) -> Option<&Arc<Held>> {
        self.licence(number).filter(|held| {
            held.terms_on(export.export_date).destinations.contains(export.end_use_place.country)
                && held.fault_on(export.export_date).is_none()
        })
    }

    /// A licence as an export meets it: with the lines for such goods, what is left of them, and what suspends them on
    /// that day.
    fn as_of(&self, held: &Held, export: &ProposedExport) -> Licence {
        let day = export.export_date;
        let terms = held.terms_on(day);
        let roots: Vec<Root> = export.goods.iter().filter_map(root_of_goods).collect();
        let country = export.end_use_place.country;
        let lines = held.lines_on(day, |line| roots.contains(&root_of(&line.goods)));
        let lines = lines.map(|(line, balance)| {
            let hits = |known: &&Arc<Suspension>| known.hits(terms, &line, country, day);
            let suspended = self.suspensions.iter().find(hits).map(|known| known.why().into());
            LicenceLine {
                used_quantity: balance.used_quantity(),
                used_value: balance.used_value(),
                suspended,
                ..line
            }
        });
        Licence {
            number: terms.number.clone(),
            kind: terms.kind,
            holder: terms.holder.clone(),
            status: match held.standing {
                Standing::Revoked(from) if from <= day => LicenceStatus::Revoked,
                Standing::Returned(from) if from <= day => LicenceStatus::Returned,
                _ => LicenceStatus::Active,
            },
            valid: terms.valid,
            destinations: terms.destinations,
            end_users: terms.end_users.clone(),
            consignees: terms.consignees.clone(),
            lines: lines.collect(),
        }
    }
}

/// The end users that a licence is found by.
fn users(terms: &Licence) -> Vec<u64> {
    terms
        .end_users
        .as_ref()
        .map_or_else(|| vec![ANYBODY], |names| names.iter().map(|name| user(name)).collect())
}

/// A hash, and never [`ANYBODY`]; what is found by it is tested by name.
fn user(normal_name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    normal_name.hash(&mut hasher);
    hasher.finish().max(1)
}

fn root_of(goods: &LicensedGoods) -> Root {
    match goods {
        LicensedGoods::Code(code) => root(code.entry()),
        LicensedGoods::NotListed | LicensedGoods::Nothing => Root::default(),
    }
}

fn root_of_goods(goods: &GoodsLine) -> Option<Root> {
    match &goods.classification {
        Classification::Code(code) => Some(root(code.entry())),
        Classification::NotListed => Some(Root::default()),
        _ => None,
    }
}

fn root(entry: &str) -> Root {
    let mut root = Root::default();
    for (to, from) in root.iter_mut().zip(entry.bytes()) {
        *to = from;
    }
    root
}
