//! What callers do to the register of licences: one command, one recorded event.

use std::sync::Arc;

use jiff::{Timestamp, civil::Date};
use prost::bytes::Bytes;
use rust_decimal::Decimal;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError, oneshot};
use tracing::error;

use super::{
    Core, DecisionId, Service,
    check::{day_of, reused},
    filter::{decision_term, incident_term, licence_term},
    fold::is_of_register,
    page,
    query::{Page, page_size_of},
    recorded::Sameness,
    refusal::Refusal,
    writer::Message,
};
use crate::{
    domain::{country::Country, identity::Identity, licence::LicenceKind, name, request::RawParty},
    ledger::{Digest, Entry},
    register::{
        Amendment, Approval, Correction, Denied, Drawn, DutyDone, Event, Held, Incident, LicenceText, Lift,
        Note, RateTable, Register, Registration, Release, Revocation, Shipped, ShippedLine, ShippedTo,
        SuspensionOrder,
    },
    store::{RequestKey, Term},
    telemetry::field,
};

/// What shall happen to the register.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// Record a licence.
    Record(LicenceText),
    /// Amend a licence.
    Amend(Amendment),
    /// Set exchange rates.
    SetRates(RateTable),
    /// Register an exporter for a general authorisation.
    Register(Registration),
    /// Note that a duty was done.
    DoDuty(DutyDone),
    /// Propose a correction; who proposes it is set when it is recorded.
    ProposeCorrection(Correction),
    /// Approve a correction.
    ApproveCorrection {
        /// The entry that proposed it.
        proposal: u64,
        /// Why.
        reason: String,
    },
    /// Suspend licences by criterion; the day of the order is set when it is recorded.
    Suspend(SuspensionOrder),
    /// Lift a suspension.
    Lift(Lift),
    /// Revoke a licence.
    Revoke(Revocation),
    /// Return a licence unused.
    Return(Revocation),
    /// Write off what has left.
    Confirm {
        /// The decision that reserved.
        decision: DecisionId,
        /// The day of the export.
        export_date: Date,
        /// The export declaration or another reference.
        reference: String,
        /// What has left.
        lines: Vec<ShippedLine>,
        /// Is the rest given back?
        is_last: bool,
    },
    /// Give a reservation back.
    Release {
        /// The decision that reserved.
        decision: DecisionId,
        /// Why.
        reason: String,
    },
}

/// An order with who gave it.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who.
    pub caller: Arc<Identity>,
    /// The caller's id of it: a repeated one gets the recorded answer.
    pub request_id: String,
    /// What.
    pub order: Order,
    /// The message's own bytes, for the record.
    pub bytes: Bytes,
}

/// Which licences.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LicenceFilter {
    /// Normalised name of the holder.
    pub holder: Option<Box<str>>,
    /// Country of final destination.
    pub country: Option<Country>,
    /// Kind.
    pub kind: Option<LicenceKind>,
    /// Day on which one of its lines may be used, for `country` where that is set.
    pub usable_on: Option<Date>,
}

impl LicenceFilter {
    fn takes(&self, register: &Register, held: &Held) -> bool {
        let terms = self.usable_on.map_or_else(|| held.terms(), |day| held.terms_on(day));
        let is_free = |country: Country, day: Date| {
            terms.lines.iter().any(|line| {
                !register.suspensions().any(|suspension| suspension.hits(terms, line, country, day))
            })
        };
        let usable = |day: Date| {
            held.fault_on(day).is_none()
                && match self.country {
                    Some(country) => is_free(country, day),
                    None => Country::all()
                        .any(|country| terms.destinations.contains(country) && is_free(country, day)),
                }
        };
        self.holder.as_ref().is_none_or(|holder| *holder == terms.holder)
            && self.country.is_none_or(|country| terms.destinations.contains(country))
            && self.kind.is_none_or(|kind| kind == terms.kind)
            && self.usable_on.is_none_or(usable)
    }

    fn seal(&self) -> [u8; 8] {
        let text = format!(
            "licences {:?} {:?} {:?} {:?}",
            self.holder,
            self.country.map(Country::code),
            self.kind.map(LicenceKind::as_str),
            self.usable_on
        );
        Digest::of(text.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// Place in the log.
    pub sequence: u64,
    /// When it was recorded, Unix milliseconds.
    pub time_ms: i64,
    /// What happened.
    pub event: Event,
    /// It had been recorded before, and nothing happened again.
    pub from_record: bool,
}

impl Noted {
    /// What was recorded; an incident is a refusal to the caller who told of it.
    pub(super) fn or_incident(self) -> Result<Self, Refusal> {
        match self.event {
            Event::Incident(Incident { kind, why, .. }) => {
                Err(Refusal::Incident { sequence: self.sequence, kind, why })
            }
            _ => Ok(self),
        }
    }
}

/// The answer to a command.
pub(super) type NotedReply = Result<Noted, Refusal>;

/// A command on its way to the writer.
#[derive(Debug)]
pub(super) struct CommandJob {
    pub command: Command,
    pub key: RequestKey,
    pub slot: oneshot::Sender<NotedReply>,
    pub _room: OwnedSemaphorePermit,
}

impl Order {
    /// What of the register it asks for, checked against it as it is.
    pub(super) fn plan(
        self,
        core: &Core,
        register: &Register,
        caller: &str,
        now: Timestamp,
    ) -> Result<Event, Refusal> {
        let planned = match self {
            Self::Record(text) => register.plan_record(text),
            Self::Amend(amendment) => {
                register.plan_amend(Amendment { ordered_on: Some(day_of(now)), ..amendment })
            }
            Self::SetRates(table) => register.plan_rates(table),
            Self::Register(registration) => {
                core.published(&registration)?;
                register.plan_register(registration)
            }
            Self::DoDuty(done) if done.on > day_of(now) => {
                return Err(Refusal::field("on", "FUTURE", format!("{} has not come yet", done.on)));
            }
            Self::DoDuty(done) => register.plan_done(done),
            Self::ProposeCorrection(correction) => {
                let wrote_off = core.shipped(&correction)?;
                register.plan_correction(Correction { by: caller.to_owned(), wrote_off, ..correction })
            }
            Self::ApproveCorrection { proposal, reason } => {
                register.plan_approve(Approval { proposal, reason, by: caller.to_owned() })
            }
            Self::Suspend(order) => {
                register.plan_suspend(SuspensionOrder { ordered_on: day_of(now), ..order })
            }
            Self::Lift(lift) => register.plan_lift(lift),
            Self::Revoke(revocation) => {
                register.plan_end(Revocation { ordered_on: Some(day_of(now)), ..revocation }, true)
            }
            Self::Return(revocation) => {
                register.plan_end(Revocation { ordered_on: Some(day_of(now)), ..revocation }, false)
            }
            Self::Confirm { decision, export_date, reference, lines, is_last } => {
                let decision = decision.sequence();
                let parties = core.parties_of(register, decision);
                let shipped =
                    Shipped { decision, export_date, reference: &reference, lines: &lines, is_last, parties };
                let planned = register.plan_confirm(&shipped);
                planned.or_else(|denied| {
                    // Where no licence was promised, none was overdrawn.
                    if denied == Denied::NoReservation && !core.has_reserved(decision) {
                        return Err(denied);
                    }
                    let incident = Incident::of(&denied, decision, export_date, &reference, &lines);
                    incident.map(Event::Incident).ok_or(denied)
                })
            }
            Self::Release { decision, reason } => {
                register.plan_release(Release { decision: decision.sequence(), reason })
            }
        };
        planned.map_err(Refusal::from)
    }
}

impl Service {
    /// Records what the command asks for, or refuses; nothing is recorded then.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn command(&self, command: Command) -> Result<Noted, Refusal> {
        let key = RequestKey::of(command.caller.name(), &command.request_id);
        if let Some(reply) = self.core.noted_before(&command, key) {
            return reply;
        }
        self.core.may_order(&command)?;
        let room = match self.queue.room.clone().try_acquire_owned() {
            Ok(room) => room,
            Err(TryAcquireError::NoPermits) => return Err(Refusal::QueueFull),
            Err(TryAcquireError::Closed) => return Err(Refusal::Draining),
        };
        let (slot, waiting) = oneshot::channel();
        let job = Box::new(CommandJob { command, key, slot, _room: room });
        self.queue.jobs.send(Message::Command(job)).map_err(|_| Refusal::StoreUnavailable)?;
        waiting.await.unwrap_or(Err(Refusal::Draining))
    }

    /// A page of the licences that the reader may see and the filter takes, in the order in which they were recorded.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a bad page size or token.
    pub fn licences(
        &self,
        reader: &Identity,
        filter: &LicenceFilter,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Arc<Held>>, Refusal> {
        let (size, seal) = (page_size_of(page_size)?, filter.seal());
        let start = page::read(page_token, seal)?.unwrap_or_default();
        let register = self.register();
        let takes =
            |held: &&Arc<Held>| reader.speaks_for(&held.terms().holder) && filter.takes(&register, held);
        let mut found = register.licences_from(start).filter(takes);
        let items: Vec<Arc<Held>> = found.by_ref().take(size).cloned().collect();
        let next_page_token = found.next().map(|held| page::token(held.sequence, seal)).unwrap_or_default();
        Ok(Page { items, next_page_token })
    }

    /// The licence of this number, if the reader may see it.
    ///
    /// # Errors
    /// [`Refusal::Denied`] where there is none for it.
    pub fn licence(&self, reader: &Identity, number: &str) -> Result<Arc<Held>, Refusal> {
        let register = self.register();
        let held = register.licence(number).filter(|held| reader.speaks_for(&held.terms().holder));
        let unknown = || Denied::LicenceUnknown(number.chars().take(128).collect());
        held.cloned().ok_or_else(|| unknown().into())
    }

    /// The id of the decision at this place of the log. Reads the disk.
    #[must_use]
    pub fn id_of(&self, sequence: u64) -> Option<DecisionId> {
        let entry = self.core.store.entry(sequence).ok().flatten()?;
        Some(DecisionId::of(sequence, entry.time_ms))
    }

    /// The day of the service, in UTC.
    #[must_use]
    pub fn today(&self) -> Date {
        day_of(self.core.now())
    }

    /// The register of licences as of the last answer.
    #[must_use]
    pub fn register(&self) -> Arc<Register> {
        self.core.register.load_full()
    }
}

impl Core {
    /// What is of an exporter that the caller does not speak for is not there for it. What this asks for never changes,
    /// so it needs no writer.
    fn may_order(&self, command: &Command) -> Result<(), Refusal> {
        let caller = &command.caller;
        match &command.order {
            Order::Record(text) if !caller.speaks_for(&name::normalise(&text.holder)) => {
                Err(Refusal::ExporterNotTheirs)
            }
            Order::DoDuty(done) if !caller.speaks_for(&name::normalise(&done.holder)) => {
                Err(Refusal::ExporterNotTheirs)
            }
            Order::Register(registration) if !caller.speaks_for(&name::normalise(&registration.holder)) => {
                Err(Refusal::ExporterNotTheirs)
            }
            Order::Confirm { decision, .. } | Order::Release { decision, .. } => {
                let not_found = || Refusal::NotFound(decision.to_string());
                let recorded = match self.recorded(decision.sequence()) {
                    Ok(recorded) => recorded,
                    Err(Refusal::NotFound(_)) => return Err(not_found()),
                    Err(refusal) => return Err(refusal),
                };
                if recorded.id() == *decision && caller.speaks_for(&recorded.exporter()) {
                    Ok(())
                } else {
                    Err(not_found())
                }
            }
            _ => Ok(()),
        }
    }

    /// End user and consignee of a decision, where a licence that it reserved on was amended since and may name others.
    fn parties_of(&self, register: &Register, decision: u64) -> Option<ShippedTo> {
        let parts = &register.reservation(decision)?.parts;
        let is_amended = |number: &str| {
            register.licence(number).is_some_and(|held| {
                held.amendments().last().is_some_and(|amended| amended.sequence > decision)
            })
        };
        if !parts.iter().any(|part| is_amended(&part.licence)) {
            return None;
        }
        let request = self.recorded(decision).ok()?.request;
        let name = |party: &Option<RawParty>| {
            party.as_ref().map(|party| name::normalise(&party.name)).unwrap_or_default()
        };
        Some(ShippedTo { end_user: name(&request.end_user), consignee: name(&request.consignee) })
    }

    /// Did this decision ever reserve anything? One whose body cannot be read may have.
    fn has_reserved(&self, decision: u64) -> bool {
        self.recorded(decision).map_or(true, |recorded| !recorded.decision.effects.holds.is_empty())
    }

    /// Is there such a general authorisation in the rulebook in force?
    fn published(&self, registration: &Registration) -> Result<(), Refusal> {
        let current = self.library.current();
        let permits = current.rulebook.rules.iter().filter_map(|rule| rule.permit.as_ref());
        let mut known: Vec<&str> = permits.map(|permit| &*permit.authorisation).collect();
        if known.contains(&registration.authorisation.trim()) {
            return Ok(());
        }
        known.sort_unstable();
        known.dedup();
        let why = format!("is no general authorisation of the rulebook, which has {}", known.join(", "));
        Err(Refusal::field("authorisation", "UNKNOWN", why))
    }

    /// What the shipment that a correction names wrote off of its line.
    fn shipped(&self, correction: &Correction) -> Result<Option<(Decimal, Decimal)>, Refusal> {
        let Some(sequence) = correction.shipment else { return Ok(None) };
        let none = || {
            let why =
                format!("entry {sequence} writes nothing off this line of licence `{}`", correction.licence);
            Refusal::field("shipment", "NOT_FOUND", why)
        };
        let noted = self.note_at(sequence)?;
        let Some((_, Note { event: Event::ShipmentConfirmed(shipment), .. }, _)) = noted else {
            return Err(none());
        };
        let of_line =
            |drawn: &&Drawn| drawn.licence == correction.licence && drawn.licence_line == correction.line;
        let mut shipped = None;
        for drawn in shipment.drawn.iter().filter(of_line) {
            let (quantity, value) = shipped.unwrap_or_default();
            shipped = Some((quantity + drawn.quantity, value + drawn.value));
        }
        shipped.map(Some).ok_or_else(none)
    }

    /// The event that this entry recorded, with its own bytes; `None` where it recorded none.
    pub(super) fn note_at(&self, sequence: u64) -> Result<Option<(Entry, Note, Vec<u8>)>, Refusal> {
        let damaged = |why: &dyn std::fmt::Display| {
            error!({ field::SEQUENCE } = sequence, { field::ERROR } = %why, "a record cannot be read");
            Refusal::RecordDamaged { sequence }
        };
        let stored = self.store.record(sequence).map_err(|fault| damaged(&fault))?;
        let Some(stored) = stored.filter(|stored| is_of_register(stored.entry.kind)) else { return Ok(None) };
        let Some(body) = stored.body().map_err(|fault| damaged(&fault))? else { return Ok(None) };
        let note: Note = serde_json::from_slice(&body.decision).map_err(|fault| damaged(&fault))?;
        Ok(Some((stored.entry, note, body.request)))
    }

    /// The same for orders about licences that the register holds: asked by the writer, of the register as it is then.
    pub(super) fn may_order_of(command: &Command, register: &Register) -> Result<(), Refusal> {
        let caller = &command.caller;
        let is_theirs = |number: &str| {
            register.licence(number).is_none_or(|held| caller.speaks_for(&held.terms().holder))
        };
        match &command.order {
            Order::Amend(Amendment { licence: LicenceText { number, .. }, .. })
            | Order::ProposeCorrection(Correction { licence: number, .. })
            | Order::Revoke(Revocation { number, .. })
            | Order::Return(Revocation { number, .. })
                if !is_theirs(number.trim()) =>
            {
                Err(Denied::LicenceUnknown(number.clone()).into())
            }
            Order::ApproveCorrection { proposal, .. } => {
                let proposed = register.proposals().find(|(sequence, _)| sequence == proposal);
                match proposed {
                    Some((_, correction)) if !is_theirs(&correction.licence) => {
                        Err(Denied::NoProposal(*proposal).into())
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The command that this id of this caller was used for, if the record at `sequence` is of it.
    pub(super) fn noted(
        &self,
        sequence: u64,
        caller: &str,
        request_id: &str,
    ) -> Result<Option<NotedBefore>, Refusal> {
        let Some((entry, note, request)) = self.note_at(sequence)? else { return Ok(None) };
        let is_same = entry.caller == caller && note.request_id.as_deref() == Some(request_id);
        Ok(is_same.then_some(NotedBefore {
            noted: Noted { sequence, time_ms: entry.time_ms, event: note.event, from_record: true },
            request,
        }))
    }

    /// `one_answer_per_request`: what was recorded for this id of this caller before.
    pub(super) fn noted_before(&self, command: &Command, key: RequestKey) -> Option<NotedReply> {
        let (caller, request_id) = (command.caller.name(), command.request_id.as_str());
        for sequence in self.store.find_request(key) {
            let before = match self.noted(sequence, caller, request_id) {
                Ok(Some(before)) => before,
                Ok(None) => match self.recorded(sequence) {
                    // A check of the same id, or only the hashes are equal.
                    Ok(recorded) => match recorded.sameness(caller, request_id, &recorded.request) {
                        Sameness::OtherKey => continue,
                        Sameness::Same | Sameness::OtherRequest => {
                            return Some(Err(reused(request_id, &recorded)));
                        }
                    },
                    // Of an erased one only the caller is known.
                    Err(Refusal::Erased { entry }) if entry.caller == **caller => {
                        let decision_id = DecisionId::of(sequence, entry.time_ms);
                        let request_id = request_id.to_owned();
                        return Some(Err(Refusal::RequestIdReused { request_id, decision_id }));
                    }
                    Err(Refusal::NotFound(_) | Refusal::Erased { .. }) => continue,
                    Err(refusal) => return Some(Err(refusal)),
                },
                Err(refusal) => return Some(Err(refusal)),
            };
            return Some(if before.request != *command.bytes {
                Err(before.reused(request_id))
            } else if self.notary.is_released(sequence) {
                before.noted.or_incident()
            } else {
                Err(Refusal::Unwitnessed)
            });
        }
        None
    }
}

/// A command as it was recorded.
pub(super) struct NotedBefore {
    noted: Noted,
    /// The message's own bytes.
    request: Vec<u8>,
}

impl NotedBefore {
    /// The refusal of anything else under the same id.
    pub fn reused(&self, request_id: &str) -> Refusal {
        let Noted { sequence, time_ms, .. } = self.noted;
        Refusal::RequestIdReused {
            request_id: request_id.to_owned(),
            decision_id: DecisionId::of(sequence, time_ms),
        }
    }
}

/// What an event is found by: the licences and the decision that it is about.
pub(super) fn event_terms(event: &Event) -> Vec<Term> {
    let mut terms = match event {
        Event::LicenceRecorded(text) => vec![licence_term(text.number.trim())],
        Event::LicenceAmended(amendment) => vec![licence_term(amendment.licence.number.trim())],
        Event::CorrectionProposed(correction) => vec![licence_term(&correction.licence)],
        Event::CorrectionApproved(approval) => vec![decision_term(approval.proposal)],
        Event::DutyDone(_)
        | Event::RatesSet(_)
        | Event::GeneralAuthorisationRegistered(_)
        | Event::LicencesSuspended(_)
        | Event::SuspensionLifted(_) => Vec::new(),
        Event::LicenceRevoked(revocation) | Event::LicenceReturned(revocation) => {
            vec![licence_term(&revocation.number)]
        }
        Event::ShipmentConfirmed(shipment) => {
            let licences = shipment.drawn.iter().map(|drawn| licence_term(&drawn.licence));
            let incident = shipment.incident.as_ref().map(|_| incident_term());
            licences.chain([decision_term(shipment.decision)]).chain(incident).collect()
        }
        Event::ReservationReleased(release) | Event::ReservationExpired(release) => {
            vec![decision_term(release.decision)]
        }
        Event::Incident(incident) => vec![decision_term(incident.decision), incident_term()],
    };
    terms.sort_unstable();
    terms.dedup();
    terms
}
