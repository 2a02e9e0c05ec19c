//! Does a licence cover a line? Both caps bind: equality is inside, one cent or one piece over is not.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::{Decimal, RoundingStrategy};

use super::decision::Allocation;
use crate::domain::code::Classification;
use crate::domain::export::{GoodsLine, ProposedExport, Role};
use crate::domain::licence::{
    ExchangeRates, Licence, LicenceKind, LicenceLine, LicenceStatus, LicensedGoods,
};
use crate::domain::money::Currency;
use crate::domain::outcome::Authorisation;
use crate::rulebook::model::Rule;

/// What earlier lines of the same export draw, by licence and licence line.
pub(super) type Drawn = BTreeMap<(usize, usize), (Decimal, Decimal)>;

/// What a licence says of a line.
#[derive(Clone, Debug)]
pub(super) enum Cover {
    /// It covers.
    Covers {
        /// Position of the licence line.
        line: usize,
        /// What it would draw.
        allocation: Allocation,
        /// It names the end user.
        names_end_user: bool,
        /// Its last day.
        expires: Option<Date>,
    },
    /// It would cover, and is suspended: by these rules, or by people or its own standing when there are none; and why.
    Suspended(Vec<usize>, String),
    /// It fails on nothing but a cap.
    OverCap(String),
    /// A cap must be tested and there is no rate.
    RateMissing(String),
    /// It does not cover.
    No(String),
}

/// A licence against a line of an export.
pub(super) struct Draw<'a> {
    pub(super) export: &'a ProposedExport,
    pub(super) goods: &'a GoodsLine,
    pub(super) date: Date,
    pub(super) rates: &'a ExchangeRates,
    pub(super) drawn: &'a Drawn,
    /// Listed goods that stay inside the customs territory of the Union.
    pub(super) within_union: bool,
    /// Goods that only pass through.
    pub(super) is_transit: bool,
    /// Rules that suspend licences for this line.
    pub(super) suspensions: &'a [&'a Rule],
}

impl Draw<'_> {
    /// Tests one licence for one duty.
    pub(super) fn cover(&self, at: usize, licence: &Licence, duty: Authorisation) -> Cover {
        // Military goods move inside the Union on a transfer licence too.
        let is_transfer = self.within_union
            && duty == Authorisation::Military
            && Authorisation::Transfer.accepts(licence.kind);
        // What passes through asks for what its goods ask for, and a licence for transit answers that (2021/821 Art 7).
        let is_transit = self.is_transit
            && licence.kind == LicenceKind::Transit
            && matches!(duty, Authorisation::DualUse | Authorisation::Military);
        if !duty.accepts(licence.kind) && !is_transfer && !is_transit {
            return Cover::No(format!(
                "a licence of kind {} does not answer this duty",
                licence.kind.as_str()
            ));
        }
        if let Some(why) = self.scope_fault(licence) {
            return Cover::No(why);
        }
        let suspended: Vec<usize> = self
            .suspensions
            .iter()
            .enumerate()
            .filter(|(_, rule)| hits(rule, licence))
            .map(|(position, _)| position)
            .collect();
        let is_suspended = !suspended.is_empty() || licence.status == LicenceStatus::Suspended;
        match self.best_line(at, licence) {
            Cover::Covers { .. } if is_suspended => Cover::Suspended(suspended, "it is suspended".to_owned()),
            // What law suspends is said to be so, whatever people have suspended beside it.
            Cover::Suspended(_, why) => Cover::Suspended(suspended, why),
            cover => cover,
        }
    }

    /// Everything but the goods: standing, days, holder, places and persons.
    fn scope_fault(&self, licence: &Licence) -> Option<String> {
        let name = |role| self.export.party(role).map_or("", |party| &*party.normal_name);
        match licence.status {
            LicenceStatus::Revoked => return Some("it is revoked".to_owned()),
            LicenceStatus::Returned => return Some("it was returned".to_owned()),
            LicenceStatus::Active | LicenceStatus::Suspended => {}
        }
        if !licence.valid.contains(self.date) {
            let open = |day: Option<Date>| day.map_or_else(|| "open".to_owned(), |day| day.to_string());
            return Some(format!(
                "it is valid from {} to {}, not on {}",
                open(licence.valid.from),
                open(licence.valid.until),
                self.date
            ));
        }
        if *licence.holder != *name(Role::Exporter) {
            return Some("its holder is not the exporter".to_owned());
        }
        // The country of final destination is the one where the goods will be used.
        let final_destination = self.export.end_use_place.country;
        if !licence.destinations.contains(final_destination) {
            return Some(format!("it does not name {final_destination} as country of final destination"));
        }
        let missing = |names: &Option<Vec<Box<str>>>, name: &str| {
            names.as_ref().is_some_and(|names| !names.iter().any(|n| **n == *name))
        };
        if missing(&licence.end_users, name(Role::EndUser)) {
            return Some("it names another end user".to_owned());
        }
        if missing(&licence.consignees, name(Role::Consignee)) {
            return Some("it names another consignee".to_owned());
        }
        None
    }

    /// The line that covers with the smallest balance that suffices; or what stands against the nearest one.
    fn best_line(&self, at: usize, licence: &Licence) -> Cover {
        let mut best: Option<(Option<Decimal>, Cover)> = None;
        let mut worst = Cover::No("no line of it covers this code".to_owned());
        for (position, line) in
            licence.lines.iter().enumerate().filter(|(_, line)| covers(&line.goods, self.goods))
        {
            match self.line(at, licence, position, line) {
                Cover::Covers { line, allocation, names_end_user, expires } => {
                    let left = allocation.remaining_value;
                    let smaller = best.as_ref().is_none_or(|(other, _)| match (left, other) {
                        (Some(left), Some(other)) => left < *other,
                        (left, other) => left.is_some() && other.is_none(),
                    });
                    if smaller {
                        best = Some((left, Cover::Covers { line, allocation, names_end_user, expires }));
                    }
                }
                other => worst = nearer(worst, other),
            }
        }
        best.map_or(worst, |(_, cover)| cover)
    }

    fn line(&self, at: usize, licence: &Licence, position: usize, line: &LicenceLine) -> Cover {
        let goods = self.goods;
        let is_any_unit = line.unit.is_empty() && line.cap_quantity.is_none();
        if !is_any_unit && *line.unit != *goods.quantity.unit {
            return Cover::No(format!(
                "its line {} counts in {}, not in {}",
                line.line, line.unit, goods.quantity.unit
            ));
        }
        let (drawn_quantity, drawn_value) = self.drawn.get(&(at, position)).copied().unwrap_or_default();
        let left = |cap: Option<Decimal>, used: Decimal, drawn: Decimal, wanted: Decimal| match cap {
            None => Ok(None),
            Some(cap) => {
                let available =
                    cap.checked_sub(used).and_then(|left| left.checked_sub(drawn)).unwrap_or(Decimal::MIN);
                match available.checked_sub(wanted) {
                    Some(rest) if rest >= Decimal::ZERO => Ok(Some(rest)),
                    _ => Err(available),
                }
            }
        };
        // The quantity first: where it is too much already, no rate changes the answer.
        let quantity_left =
            left(line.cap_quantity, line.used_quantity, drawn_quantity, goods.quantity.amount);
        let remaining_quantity = match quantity_left {
            Ok(remaining) => remaining,
            Err(available) => {
                return Cover::OverCap(format!(
                    "line {}: {} is more than the {available} {} left",
                    line.line, goods.quantity, line.unit
                ));
            }
        };
        let Ok((value, currency, rate)) = self.value_in(line) else {
            return Cover::RateMissing(format!(
                "no rate of {} for {} in {}",
                self.export.export_date, goods.value.currency, line.currency
            ));
        };
        match left(line.cap_value, line.used_value, drawn_value, value) {
            Ok(_) if line.suspended.is_some() => {
                Cover::Suspended(Vec::new(), line.suspended.as_deref().unwrap_or_default().to_owned())
            }
            Ok(remaining_value) => Cover::Covers {
                line: position,
                allocation: Allocation {
                    licence: licence.number.clone(),
                    licence_line: line.line,
                    quantity: goods.quantity.amount,
                    unit: goods.quantity.unit.clone(),
                    value,
                    currency,
                    rate,
                    remaining_quantity,
                    remaining_value,
                },
                names_end_user: licence.end_users.is_some(),
                expires: licence.valid.until,
            },
            Err(available) => Cover::OverCap(format!(
                "line {}: {value} {} is more than the {available} left",
                line.line, line.currency
            )),
        }
    }

    /// The line's value in the licence's currency, rounded half to even to its minor unit, once; the currency; and the
    /// rate, where it is another one. Without a cap nothing must be tested, and the value stands as it is, in its own
    /// currency. An error means that there is no rate of the day.
    fn value_in(&self, line: &LicenceLine) -> Result<(Decimal, Currency, Option<Decimal>), ()> {
        let value = self.goods.value;
        if value.currency == line.currency || line.cap_value.is_none() {
            let digits = u32::from(value.currency.minor_digits());
            let amount = value.amount.round_dp_with_strategy(digits, RoundingStrategy::MidpointNearestEven);
            return Ok((amount, value.currency, None));
        }
        // The rate is that of the export, also where a later day is looked at: no rate of the future is known.
        let day = self.export.export_date;
        let from = self.rates.eur_per_unit(value.currency, day).ok_or(())?;
        let to = self.rates.eur_per_unit(line.currency, day).ok_or(())?;
        let converted = value.convert(from, line.currency, to).ok_or(())?;
        Ok((converted.amount, converted.currency, from.checked_div(to)))
    }
}

/// Which of two faults is nearer to covering: only a cap, then only a rate, then anything else.
fn nearer(a: Cover, b: Cover) -> Cover {
    let rank = |cover: &Cover| match cover {
        Cover::Suspended(..) => 3,
        Cover::RateMissing(_) => 2,
        Cover::OverCap(_) => 1,
        _ => 0,
    };
    if rank(&b) >= rank(&a) { b } else { a }
}

fn covers(licensed: &LicensedGoods, goods: &GoodsLine) -> bool {
    match (licensed, &goods.classification) {
        (LicensedGoods::Code(scope), Classification::Code(code)) => scope.covers(code),
        (LicensedGoods::NotListed, Classification::NotListed) => true,
        _ => false,
    }
}

/// A suspension by criterion hits licences that were valid on its first day or earlier, whenever they were entered;
/// a licence granted after it is another one.
fn hits(rule: &Rule, licence: &Licence) -> bool {
    let kinds = rule
        .scope
        .iter()
        .any(|scope| scope.licence_kinds.is_empty() || scope.licence_kinds.contains(&licence.kind));
    let in_time = match (licence.valid.from, rule.effective.from) {
        (Some(granted), Some(suspended)) => granted <= suspended,
        _ => true,
    };
    kinds && in_time
}
