//! What licences answer to the duties of a line: which of them is used, and why each other one is not.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rust_decimal::Decimal;
use smallvec::SmallVec;

use super::cover::{Cover, Draw, Drawn};
use super::decision::Ground;
use super::decision::{Allocation, EngineFinding, Fact, Finding};
use super::settle::{Settler, Work};
use super::tri::Missing;
use crate::domain::export::GoodsLine;
use crate::domain::licence::{Licence, LicensedGoods};
use crate::domain::money::{Money, Quantity};
use crate::domain::outcome::{Authorisation, Effect, FindingState, Outcome};
use crate::rulebook::RuleIx;
use crate::rulebook::model::Rule;

/// What is said of a number that the exporter has no licence under; one of somebody else is not there for it.
const NOT_RECORDED: &str = "no licence of this number is recorded for the exporter";

impl Settler<'_> {
    /// Lets licences answer what the line asks them for.
    pub(super) fn licences(&self, work: &mut Work<'_>, drawn: &Drawn) {
        let asks = |finding: &Finding| {
            let kind = match finding.effect {
                _ if !finding.counts() => return None,
                Effect::RequireLicence(kind) => kind,
                Effect::Prohibit if finding.answerable => Authorisation::Sanctions,
                _ => return None,
            };
            Some(self.duty(finding, kind))
        };
        // INVARIANT: one licence satisfies one duty of the line.
        let duties: BTreeSet<Duty<'_>> = work.findings.iter().filter_map(asks).collect();
        for duty in &duties {
            let answer = self.answer(work, drawn, *duty, &duties);
            for at in 0..work.findings.len() {
                if let Some(finding) =
                    work.findings.get_mut(at).filter(|finding| asks(finding) == Some(*duty))
                {
                    answer.apply(finding);
                }
            }
            answer.report(self, work);
        }
    }

    /// The duty that a finding asks to be answered.
    fn duty(&self, finding: &Finding, kind: Authorisation) -> Duty<'_> {
        let rule = self.rule(finding).filter(|_| kind == Authorisation::Sanctions);
        Duty {
            kind,
            act: rule.map_or("", |rule| &rule.citation.act),
            whatever_goods: rule.is_some_and(|rule| rule.scope.iter().all(|scope| scope.goods.is_none())),
        }
    }

    /// What the offered licences say to one duty.
    fn answer(
        &self,
        work: &mut Work<'_>,
        drawn: &Drawn,
        duty: Duty<'_>,
        duties: &BTreeSet<Duty<'_>>,
    ) -> Answer {
        if !work.goods.allocations.is_empty() {
            return self.asked(work, drawn, duty, duties);
        }
        let suspensions: Vec<&Rule> =
            work.assessed.suspensions.iter().filter_map(|ix| self.book.rule(*ix)).collect();
        let draw = self.draw(work, work.goods, drawn, &suspensions);
        let mut best: Option<(Preference, usize, usize, Allocation)> = None;
        let mut answer = Answer { result: Result::NoneOffered, over_cap: false };
        // Of licences that nobody offered, one that is for something else is no answer to this export.
        let is_found = self.standing.finds && self.export.licences_offered.is_empty();
        let of_register = self.standing.licences.iter().filter(|_| is_found).map(|licence| &licence.number);
        for number in self.export.licences_offered.iter().chain(of_register) {
            let Some((at, licence)) = self.candidate(work, &mut answer, number, duty, duties) else {
                continue;
            };
            let why_not = match draw.cover(at, licence, duty.kind) {
                Cover::Covers { line, allocation, names_end_user, expires } => {
                    let preference = (
                        !self.is_taken_over(&licence.number),
                        !names_end_user,
                        expires.is_none(),
                        expires,
                        allocation.remaining_value.is_none(),
                        allocation.remaining_value,
                    );
                    if best.as_ref().is_none_or(|(other, ..)| preference < *other) {
                        best = Some((preference, at, line, allocation));
                    }
                    continue;
                }
                other => answer.uncovered(work, &licence.number, other, is_found),
            };
            work.consider(&licence.number, &why_not);
        }
        if let Some((_, licence, line, allocation)) = best {
            answer.result = Result::Covered(allocation.licence.clone());
            work.allocations.push((licence, line, allocation));
        }
        answer
    }

    /// The licence of this number with its place, where it may be asked for this duty; why not is noted where it is for
    /// this duty.
    fn candidate(
        &self,
        work: &mut Work<'_>,
        answer: &mut Answer,
        number: &str,
        duty: Duty<'_>,
        duties: &BTreeSet<Duty<'_>>,
    ) -> Option<(usize, &Licence)> {
        let found = self.standing.licences.iter().enumerate().find(|(_, licence)| *licence.number == *number);
        let Some((at, licence)) = found else {
            work.consider(number, NOT_RECORDED);
            answer.raise(Result::Insufficient);
            return None;
        };
        // A licence of another kind is offered for the duty of its own kind, where the line has one.
        let accepts = |duty: &Duty<'_>| duty.kind.accepts(licence.kind);
        if !accepts(&duty) && duties.iter().any(accepts) {
            return None;
        }
        if work.allocations.iter().any(|(used, ..)| *used == at) {
            work.consider(number, "it answers another duty of this line already");
            answer.raise(Result::Insufficient);
            return None;
        }
        Some((at, licence))
    }

    fn draw<'b>(
        &'b self,
        work: &Work<'_>,
        goods: &'b GoodsLine,
        drawn: &'b Drawn,
        suspensions: &'b [&'b Rule],
    ) -> Draw<'b> {
        let activity = self.book.vocabulary.activities.entry(self.export.activity);
        Draw {
            export: self.export,
            goods,
            date: work.date,
            rates: &self.standing.rates,
            drawn,
            within_union: work.assessed.intra_union,
            is_transit: activity.is_some_and(|activity| activity.transit),
            suspensions,
        }
    }

    /// Does a delivery take over what its order reserved on this licence?
    fn is_taken_over(&self, number: &str) -> bool {
        let taken = self.standing.takes.as_ref();
        taken.is_some_and(|taken| taken.licences.iter().any(|licence| **licence == *number))
    }

    /// What the licences say that the line asks to be split over: all parts are covered and add up to the line, or none
    /// is drawn.
    fn asked(
        &self,
        work: &mut Work<'_>,
        drawn: &Drawn,
        duty: Duty<'_>,
        duties: &BTreeSet<Duty<'_>>,
    ) -> Answer {
        let suspensions: Vec<&Rule> =
            work.assessed.suspensions.iter().filter_map(|ix| self.book.rule(*ix)).collect();
        let mut answer = Answer { result: Result::NoneOffered, over_cap: false };
        let (mut parts, mut drawn) = (Vec::new(), drawn.clone());
        let (mut quantity, mut value) = (Decimal::ZERO, Decimal::ZERO);
        for asked in &work.goods.allocations {
            let candidate = self.candidate(work, &mut answer, &asked.licence, duty, duties);
            let Some((at, licence)) = candidate else { continue };
            let goods = GoodsLine {
                quantity: Quantity { amount: asked.quantity, unit: work.goods.quantity.unit.clone() },
                value: Money { amount: asked.value, currency: work.goods.value.currency },
                ..work.goods.clone()
            };
            let licence = match asked.licence_line {
                None => Cow::Borrowed(licence),
                Some(line) => Cow::Owned(with_line(licence, line)),
            };
            (quantity, value) = (quantity + asked.quantity, value + asked.value);
            match self.draw(work, &goods, &drawn, &suspensions).cover(at, &licence, duty.kind) {
                Cover::Covers { line, allocation, .. } => {
                    let sums = drawn.entry((at, line)).or_default();
                    sums.0 += allocation.quantity;
                    sums.1 += allocation.value;
                    parts.push((at, line, allocation));
                }
                other => {
                    let why = answer.uncovered(work, &asked.licence, other, false);
                    work.consider(&asked.licence, &why);
                }
            }
        }
        if (quantity, value) != (work.goods.quantity.amount, work.goods.value.amount) {
            let why = format!(
                "the allocations for this duty add up to {quantity} worth {value}, and the line is {} worth {}",
                work.goods.quantity.amount, work.goods.value.amount
            );
            work.consider("allocations", &why);
            answer.raise(Result::Insufficient);
        }
        if matches!(answer.result, Result::NoneOffered) && !parts.is_empty() {
            let mut numbers: Vec<&str> = parts.iter().map(|(_, _, part)| &*part.licence).collect();
            numbers.dedup();
            answer.result = Result::Covered(numbers.join(", ").into());
            work.allocations.extend(parts);
        }
        answer
    }
}

/// What one licence can answer. Licence duties of one kind are one duty of the line; authorisations under sanctions
/// acts are given act by act, and those of frozen assets apart from those for goods: what allows oil pipes for Russia
/// gives nothing to a person whose assets are frozen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Duty<'a> {
    kind: Authorisation,
    /// The ban on giving a person anything comes last: an authorisation that could answer either answers for goods.
    whatever_goods: bool,
    act: &'a str,
}

/// Which of several licences is used: one that the order reserved on, then one that names the end user, then the
/// earliest to expire, then the smallest balance that suffices.
type Preference = (bool, bool, bool, Option<jiff::civil::Date>, bool, Option<Decimal>);

struct Answer {
    result: Result,
    /// Some licence fails on nothing but a cap.
    over_cap: bool,
}

enum Result {
    NoneOffered,
    Insufficient,
    Suspended(Box<str>, SmallVec<[RuleIx; 1]>),
    RateMissing(String),
    Covered(Box<str>),
}

impl Result {
    const fn rank(&self) -> u8 {
        match self {
            Self::NoneOffered => 0,
            Self::Insufficient => 1,
            Self::Suspended(..) => 2,
            Self::RateMissing(_) => 3,
            Self::Covered(_) => 4,
        }
    }
}

impl Answer {
    /// A licence that does not cover: notes what that makes of the answer, and says why.
    fn uncovered(&mut self, work: &Work<'_>, number: &str, cover: Cover, is_found: bool) -> String {
        match cover {
            Cover::Covers { .. } => String::new(),
            Cover::Suspended(by, why) => {
                let rules = by.iter().filter_map(|position| work.assessed.suspensions.get(*position));
                self.raise(Result::Suspended(number.into(), rules.copied().collect()));
                why
            }
            Cover::OverCap(why) => {
                self.over_cap = true;
                self.raise(Result::Insufficient);
                why
            }
            Cover::RateMissing(why) => {
                self.raise(Result::RateMissing(why.clone()));
                why
            }
            Cover::No(why) => {
                if !is_found {
                    self.raise(Result::Insufficient);
                }
                why
            }
        }
    }

    fn raise(&mut self, result: Result) {
        if result.rank() > self.result.rank() {
            self.result = result;
        }
    }

    /// What the answer makes of a finding that asked.
    fn apply(&self, finding: &mut Finding) {
        let duty =
            matches!(finding.effect, Effect::RequireLicence(_)) && finding.state == FindingState::Stands;
        match &self.result {
            Result::Covered(number) => {
                finding.state = FindingState::Satisfied;
                finding.missing = Missing::NONE;
                finding.ground = Some(Ground::Licence(number.clone()));
            }
            Result::RateMissing(_) if duty => {
                finding.state = FindingState::Unknown;
                finding.missing = Missing::EXCHANGE_RATE;
            }
            Result::Suspended(..) if duty => finding.outcome = Some(Outcome::LicenceSuspended),
            Result::Insufficient if duty => finding.outcome = Some(Outcome::LicenceInsufficient),
            _ => {}
        }
    }

    /// Further findings that the answer brings.
    fn report(&self, settler: &Settler<'_>, work: &mut Work<'_>) {
        match &self.result {
            Result::Suspended(number, rules) => {
                for ix in rules {
                    let duties = SmallVec::new();
                    let mut finding = settler.paper_finding(*ix, Effect::SuspendLicences, duties);
                    finding.facts.push(Fact { field: "licence", value: number.clone() });
                    work.findings.push(finding);
                }
            }
            Result::RateMissing(why) => {
                let finding = Finding::of_engine(EngineFinding::RateMissing, false)
                    .with("goods.currency", why.as_str());
                if !work.findings.contains(&finding) {
                    work.findings.push(finding);
                }
            }
            Result::Insufficient if self.over_cap => {
                for ix in &work.assessed.exceeded {
                    let finding = settler.paper_finding(*ix, Effect::LicenceExceeded, SmallVec::new());
                    if !work.findings.contains(&finding) {
                        work.findings.push(finding);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The licence with this line alone.
fn with_line(licence: &Licence, line: u32) -> Licence {
    let mut licence = licence.clone();
    for other in &mut licence.lines {
        // The place of a line is what is drawn by; the others stay there and cover nothing.
        if other.line != line {
            other.goods = LicensedGoods::Nothing;
        }
    }
    licence
}
