//! May this be done to the register? Each plan is checked against the register as it is, and becomes an event.

use jiff::civil::Date;
use rust_decimal::Decimal;
use thiserror::Error;

use super::apply::Register;
use super::event::{Amendment, Drawn, Event, Lift, Release, Revocation, Shipment, SuspensionOrder};
use super::held::{Reservation, Standing};
use super::suspension::{Suspension, check_reason};
use super::text::LicenceText;
use crate::domain::licence::Licence;
use crate::domain::money::Currency;
use crate::domain::request::{FieldViolation, Violations};
use crate::engine::Hold;

/// A line of goods that has left.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShippedLine {
    /// Line of the goods.
    pub goods_line: u32,
    /// Quantity.
    pub quantity: Decimal,
    /// Value.
    pub value: Decimal,
    /// Currency of the value.
    pub currency: Currency,
}

/// A shipment that somebody tells of.
#[derive(Clone, Debug)]
pub struct Shipped<'a> {
    /// The decision that reserved.
    pub decision: u64,
    /// The day of the export.
    pub export_date: Date,
    /// The export declaration or another reference.
    pub reference: &'a str,
    /// What has left.
    pub lines: &'a [ShippedLine],
    /// Is the rest given back?
    pub is_last: bool,
    /// To whom, where a licence may name others by now.
    pub parties: Option<ShippedTo>,
}

/// Normalised names of those whom a shipment is for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShippedTo {
    /// Who uses the goods.
    pub end_user: Box<str>,
    /// Who receives them.
    pub consignee: Box<str>,
}

/// Why a plan cannot be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Denied {
    /// Fields that cannot be.
    #[error("{}", crate::domain::request::told(.0))]
    Fields(Vec<FieldViolation>),
    /// A licence of this number is there already.
    #[error("a licence of the number `{0}` is recorded already")]
    LicenceKnown(String),
    /// No licence has this number.
    #[error("no licence of the number `{0}` is recorded")]
    LicenceUnknown(String),
    /// The licence has ended already.
    #[error("licence `{number}` is {standing} already")]
    LicenceEnded {
        /// Its number.
        number: String,
        /// How it stands.
        standing: String,
    },
    /// Orders still count on the licence.
    #[error("{count} open reservations count on licence `{number}`")]
    LicenceReserved {
        /// Its number.
        number: String,
        /// How many.
        count: usize,
    },
    /// No such suspension, or it is lifted already.
    #[error("entry {0} orders no suspension that still holds")]
    NoSuspension(u64),
    /// The decision has no open reservation.
    #[error("the decision has no open reservation: it made none, or it was used up, given back or ran out")]
    NoReservation,
    /// More than the decision promised.
    #[error("line {goods_line}: {what} is more than the {left} that is reserved for it")]
    MoreThanReserved {
        /// Line of the goods.
        goods_line: u32,
        /// What has left.
        what: String,
        /// What is left of the promise.
        left: String,
    },
    /// Another rate is recorded for this currency and day.
    #[error(
        "the rate of {date} for {currency} is recorded as {known}; another one must say that it replaces it"
    )]
    RateKnown {
        /// The currency.
        currency: Currency,
        /// The day.
        date: Date,
        /// What is recorded.
        known: Decimal,
    },
    /// The licence has no such line.
    #[error("licence `{number}` has no line {line}")]
    LineUnknown {
        /// Its number.
        number: String,
        /// The line.
        line: u32,
    },
    /// The correction cannot be.
    #[error("licence `{number}` cannot be corrected so: {why}")]
    NotCorrectable {
        /// Its number.
        number: String,
        /// Why not.
        why: String,
    },
    /// More is reversed than the shipment wrote off.
    #[error("more is reversed than was shipped: {left}")]
    MoreThanShipped {
        /// What the shipment wrote off.
        left: String,
    },
    /// No correction was proposed by this entry, or it is done.
    #[error("entry {0} proposes no correction that waits for approval")]
    NoProposal(u64),
    /// Who proposed cannot approve.
    #[error("the correction of entry {proposal} is approved by somebody else than who proposed it")]
    SamePerson {
        /// The entry that proposed it.
        proposal: u64,
    },
    /// The licence may not be used on the day of the export.
    #[error("licence `{number}`: {why}")]
    NotUsable {
        /// Its number.
        number: String,
        /// Why not.
        why: String,
    },
}

impl Register {
    /// A licence is to be recorded.
    ///
    /// # Errors
    /// [`Denied::Fields`], [`Denied::LicenceKnown`].
    pub fn plan_record(&self, text: LicenceText) -> Result<Event, Denied> {
        let licence = text.parse().map_err(Denied::Fields)?;
        if self.licence(&licence.number).is_some() {
            return Err(Denied::LicenceKnown(licence.number.into()));
        }
        Ok(Event::LicenceRecorded(text))
    }

    /// A licence is to be amended: a new version, with its own first day.
    ///
    /// # Errors
    /// [`Denied`]. What makes it another licence is no amendment; what has been drawn stays within its caps.
    pub fn plan_amend(&self, amendment: Amendment) -> Result<Event, Denied> {
        reason(&amendment.reason)?;
        let terms = amendment.licence.parse().map_err(Denied::Fields)?;
        let number = terms.number.to_string();
        let held = self.licence(&number).ok_or_else(|| Denied::LicenceUnknown(number.clone()))?;
        if held.standing != Standing::Active {
            return Err(Denied::LicenceEnded { number, standing: held.standing.to_string() });
        }
        let mut violations = Violations::default();
        let before = held.terms();
        if terms.kind != before.kind {
            violations.add("licence.kind", "FIXED", format!("is {}, and stays so", before.kind.as_str()));
        }
        if terms.holder != before.holder {
            violations.add("licence.holder", "FIXED", "is another one: that is another licence");
        }
        if terms.valid.from != before.valid.from {
            violations.add(
                "licence.valid_from",
                "FIXED",
                "is another day: the licence was granted from its own on",
            );
        }
        if let Some(last) = held.amendments().last().filter(|last| amendment.from <= last.from) {
            let why = format!("must lie after {}, from when the amendment before holds", last.from);
            violations.add("from", "ORDER", why);
        }
        for (line, balance) in held.lines() {
            let field = format!("licence.lines[line={}]", line.line);
            let Some(next) = terms.lines.iter().find(|next| next.line == line.line) else {
                violations.add(
                    field,
                    "FIXED",
                    "is missing: a line that falls away stays, with a cap of what has been drawn",
                );
                continue;
            };
            if next.unit != line.unit || next.currency != line.currency || next.goods != line.goods {
                violations.add(&field, "FIXED", "has another code, unit or currency: that is another line");
            }
            if line.cap_value.is_none() && next.cap_value.is_some() && !balance.used_value().is_zero() {
                let why = "has a cap on the value that it had not, and what is drawn is in the currencies of its goods";
                violations.add(&field, "FIXED", why);
            }
            let under = |cap: Option<Decimal>, used: Decimal| cap.is_some_and(|cap| cap < used);
            if under(next.cap_quantity, balance.used_quantity())
                || under(next.cap_value, balance.used_value())
            {
                let drawn = (balance.used_quantity(), balance.used_value());
                violations.add(
                    &field,
                    "BELOW_DRAWN",
                    format!("{} worth {} is drawn already", drawn.0, drawn.1),
                );
            }
        }
        violations.or(Event::LicenceAmended(amendment)).map_err(Denied::Fields)
    }

    /// Licences are to be suspended. An order that hits none is taken: it also reaches those entered later.
    ///
    /// # Errors
    /// [`Denied::Fields`].
    pub fn plan_suspend(&self, order: SuspensionOrder) -> Result<Event, Denied> {
        Suspension::parse(0, order.clone()).map_err(Denied::Fields)?;
        Ok(Event::LicencesSuspended(order))
    }

    /// A suspension is to be lifted.
    ///
    /// # Errors
    /// [`Denied::Fields`], [`Denied::NoSuspension`].
    pub fn plan_lift(&self, lift: Lift) -> Result<Event, Denied> {
        reason(&lift.reason)?;
        let known = self.suspensions().find(|known| known.sequence == lift.suspension);
        match known {
            Some(known) if known.holds.until.is_none() && known.order.from <= lift.from => {
                Ok(Event::SuspensionLifted(lift))
            }
            Some(known) if known.holds.until.is_none() => Err(field(
                "from",
                "ORDER",
                format!("lies before {}, when the suspension begins", known.order.from),
            )),
            _ => Err(Denied::NoSuspension(lift.suspension)),
        }
    }

    /// A licence is to end before its time: revoked, or returned unused.
    ///
    /// # Errors
    /// [`Denied`]; a licence that orders count on is not returned, while a revocation cannot wait for them.
    pub fn plan_end(&self, revocation: Revocation, is_revoked: bool) -> Result<Event, Denied> {
        reason(&revocation.reason)?;
        let number = revocation.number.clone();
        let held = self.licence(&number).ok_or_else(|| Denied::LicenceUnknown(number.clone()))?;
        if held.standing != Standing::Active {
            return Err(Denied::LicenceEnded { number, standing: held.standing.to_string() });
        }
        if is_revoked {
            return Ok(Event::LicenceRevoked(revocation));
        }
        let counts_on =
            |reservation: &&Reservation| reservation.open_parts().any(|part| *part.licence == *number);
        let count = self.reservations().filter(counts_on).count();
        if count > 0 {
            return Err(Denied::LicenceReserved { number, count });
        }
        Ok(Event::LicenceReturned(revocation))
    }

    /// Goods have left under the reservation of a decision.
    ///
    /// A licence that was suspended, revoked or returned later than the goods went, for a day on which they went, is
    /// drawn and the shipment flagged; one whose suspension could be known on that day is not drawn.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn plan_confirm(&self, shipped: &Shipped<'_>) -> Result<Event, Denied> {
        let Shipped { decision, export_date, reference, lines, is_last, ref parties } = *shipped;
        let reservation = self.reservation(decision).ok_or(Denied::NoReservation)?;
        let mut left = reservation.parts.clone();
        let mut drawn = Vec::new();
        for line in lines {
            let (mut quantity, mut value) = (line.quantity, line.value);
            let parts = left.iter_mut().filter(|part| part.goods_line == line.goods_line);
            for part in parts {
                if part.currency != line.currency {
                    let why = format!("line {} is reserved in {}", line.goods_line, part.currency);
                    return Err(field("lines.currency", "CURRENCY", why));
                }
                let taken = (quantity.min(part.quantity), value.min(part.value));
                if taken.0.is_zero() && taken.1.is_zero() {
                    continue;
                }
                (quantity, value) = (quantity - taken.0, value - taken.1);
                (part.quantity, part.value) = (part.quantity - taken.0, part.value - taken.1);
                drawn.push(Drawn {
                    goods_line: line.goods_line,
                    licence: part.licence.to_string(),
                    licence_line: part.licence_line,
                    quantity: taken.0,
                    value: taken.1,
                });
            }
            if !quantity.is_zero() || !value.is_zero() {
                let of_line = |part: &&Hold| part.goods_line == line.goods_line;
                let (all_quantity, all_value) = reservation
                    .parts
                    .iter()
                    .filter(of_line)
                    .fold((Decimal::ZERO, Decimal::ZERO), |sum, part| {
                        (sum.0 + part.quantity, sum.1 + part.value)
                    });
                return Err(Denied::MoreThanReserved {
                    goods_line: line.goods_line,
                    what: format!("{} worth {} {}", line.quantity, line.value, line.currency),
                    left: format!("{all_quantity} worth {all_value}"),
                });
            }
        }
        let incident = self.incident(reservation, &drawn, export_date, parties.as_ref())?;
        Ok(Event::ShipmentConfirmed(Shipment {
            decision,
            export_date,
            reference: reference.to_owned(),
            drawn,
            is_last,
            incident,
        }))
    }

    fn incident(
        &self,
        reservation: &Reservation,
        drawn: &[Drawn],
        day: Date,
        parties: Option<&ShippedTo>,
    ) -> Result<Option<String>, Denied> {
        let mut incident = None;
        for drawn in drawn {
            let number = drawn.licence.clone();
            let held = self.licence(&number).ok_or_else(|| Denied::LicenceUnknown(number.clone()))?;
            let terms = held.terms_on(day);
            if !terms.valid.contains(day) {
                let why = format!("it is not valid on {day}");
                return Err(Denied::NotUsable { number, why });
            }
            let ended = match held.standing {
                Standing::Revoked(from) | Standing::Returned(from) => from <= day,
                Standing::Active => false,
            };
            if ended {
                if held.ended_on.is_some_and(|ordered| ordered <= day) {
                    return Err(Denied::NotUsable { number, why: format!("it is {}", held.standing) });
                }
                incident.get_or_insert_with(|| format!("licence {number}: {}", held.standing));
            }
            if let Some(why) = not_meant(terms, reservation, parties) {
                let known = held.amended_on(day).and_then(|amended| amended.ordered_on);
                if known.is_some_and(|ordered| ordered <= day) {
                    return Err(Denied::NotUsable { number, why });
                }
                incident.get_or_insert_with(|| format!("licence {number}: {why}"));
            }
            let line = terms.lines.iter().find(|line| line.line == drawn.licence_line);
            for suspension in self.suspensions() {
                let hits = reservation
                    .country
                    .zip(line)
                    .is_some_and(|(country, line)| suspension.hits(terms, line, country, day));
                if hits && suspension.order.ordered_on <= day {
                    return Err(Denied::NotUsable { number, why: suspension.why() });
                }
                if hits {
                    incident.get_or_insert_with(|| format!("licence {number}: {}", suspension.why()));
                }
            }
        }
        Ok(incident)
    }

    /// A reservation is to be given back.
    ///
    /// # Errors
    /// [`Denied::Fields`], [`Denied::NoReservation`].
    pub fn plan_release(&self, release: Release) -> Result<Event, Denied> {
        reason(&release.reason)?;
        self.reservation(release.decision).ok_or(Denied::NoReservation)?;
        Ok(Event::ReservationReleased(release))
    }
}

/// Why a licence, as it was amended since it was reserved, is not for this shipment.
fn not_meant(terms: &Licence, reservation: &Reservation, parties: Option<&ShippedTo>) -> Option<String> {
    if let Some(country) = reservation.country.filter(|country| !terms.destinations.contains(*country)) {
        return Some(format!("it does not name {country} as country of final destination any more"));
    }
    let parties = parties?;
    let lacks = |names: &Option<Vec<Box<str>>>, name: &str| {
        names.as_ref().is_some_and(|names| !names.iter().any(|known| **known == *name))
    };
    if lacks(&terms.end_users, &parties.end_user) {
        return Some("it does not name the end user any more".to_owned());
    }
    lacks(&terms.consignees, &parties.consignee).then(|| "it does not name the consignee any more".to_owned())
}

fn reason(text: &str) -> Result<(), Denied> {
    let mut violations = Violations::default();
    check_reason(text, &mut violations);
    violations.or(()).map_err(Denied::Fields)
}

fn field(field: &str, reason: &'static str, description: String) -> Denied {
    Denied::Fields(vec![FieldViolation { field: field.to_owned(), reason, description }])
}
