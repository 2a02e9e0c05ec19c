//! `settle`: what licences, general authorisations and releases make of an assessment.

use smallvec::SmallVec;

use super::cover::Drawn;
use super::decision::{
    Allocation, Assessment, Considered, DayAssessment, Decision, Effects, EngineFinding, Finder, Finding,
    Ground, Hold, LineAssessment, LineDecision, Upcoming,
};
use super::tri::Missing;
use crate::domain::export::{GoodsLine, ProposedExport};
use crate::domain::licence::Standing;
use crate::domain::outcome::{Basis, Effect, FindingState, Outcome};
use crate::rulebook::model::Rule;
use crate::rulebook::{RuleIx, Rulebook};

/// Settles an assessment on the exporter's papers.
///
/// INVARIANT (`pure_decision`): a value computed from values. INVARIANT (`every_finding`): nothing that the assessment
/// found is left out. INVARIANT (`drawdown_never_over`): lines of one export share a licence line's balance.
#[must_use]
pub fn settle(
    book: &Rulebook,
    export: &ProposedExport,
    standing: &Standing,
    assessment: &Assessment,
) -> Decision {
    let settler = Settler { book, export, standing };
    let lines = settler.day(&assessment.today);
    let outcome = worst(&lines);
    let basis =
        (outcome == Outcome::Permitted).then(|| lines.iter().filter_map(|line| line.basis).max()).flatten();
    let mut duties = Vec::new();
    for finding in lines.iter().flat_map(|line| &line.findings) {
        for duty in &finding.duties {
            if !duties.contains(duty) {
                duties.push(*duty);
            }
        }
    }
    let upcoming = settler.upcoming(assessment, outcome);
    let eve = |date: jiff::civil::Date| date.yesterday().ok();
    let mut valid_until = upcoming.as_ref().and_then(|upcoming| eve(upcoming.date));
    for allocation in lines.iter().flat_map(|line| &line.allocations) {
        let licence = standing.licences.iter().find(|licence| licence.number == allocation.licence);
        let last = licence.and_then(|licence| licence.valid.until);
        valid_until = [valid_until, last].into_iter().flatten().min();
    }
    let effects = settler.effects(outcome, &lines);
    valid_until = [valid_until, effects.reserved_until].into_iter().flatten().min();
    Decision { outcome, basis, lines, duties, valid_until, upcoming, effects }
}

fn worst(lines: &[LineDecision]) -> Outcome {
    lines.iter().map(|line| line.outcome).max().unwrap_or(Outcome::Review)
}

pub(super) struct Settler<'a> {
    pub(super) book: &'a Rulebook,
    pub(super) export: &'a ProposedExport,
    pub(super) standing: &'a Standing,
}

/// One line while it is being settled.
pub(super) struct Work<'a> {
    pub(super) assessed: &'a LineAssessment,
    pub(super) goods: &'a GoodsLine,
    pub(super) date: jiff::civil::Date,
    pub(super) findings: Vec<Finding>,
    pub(super) considered: Vec<Considered>,
    pub(super) allocations: SmallVec<[(usize, usize, Allocation); 1]>,
}

impl Work<'_> {
    /// Notes once what was considered and not used.
    pub(super) fn consider(&mut self, what: &str, why_not: &str) {
        let considered = Considered { what: what.into(), why_not: why_not.into() };
        if !self.considered.contains(&considered) {
            self.considered.push(considered);
        }
    }
}

impl Settler<'_> {
    fn day(&self, day: &DayAssessment) -> Vec<LineDecision> {
        let mut drawn = Drawn::new();
        let lines = day.lines.iter().zip(&self.export.goods);
        lines.map(|(assessed, goods)| self.line(assessed, goods, day.date, &mut drawn)).collect()
    }

    /// All or nothing: what licences give is kept where the whole export may go, and for none of its lines otherwise.
    fn effects(&self, outcome: Outcome, lines: &[LineDecision]) -> Effects {
        let mut effects = Effects { releases: self.standing.releases, ..Effects::default() };
        if outcome != Outcome::Permitted || self.standing.reserve_until.is_none() {
            return effects;
        }
        for line in lines {
            for allocation in &line.allocations {
                // A line that is split may name one line of a licence twice: it holds one part of it.
                let same = |hold: &&mut Hold| {
                    hold.goods_line == line.line
                        && hold.licence == allocation.licence
                        && hold.licence_line == allocation.licence_line
                };
                if let Some(hold) = effects.holds.iter_mut().find(same) {
                    hold.quantity += allocation.quantity;
                    hold.value += allocation.value;
                    continue;
                }
                effects.holds.push(Hold {
                    goods_line: line.line,
                    licence: allocation.licence.clone(),
                    licence_line: allocation.licence_line,
                    quantity: allocation.quantity,
                    value: allocation.value,
                    currency: allocation.currency,
                });
            }
        }
        if !effects.holds.is_empty() {
            effects.reserved_until = self.standing.reserve_until;
            effects.takes = self.standing.takes.as_ref().map(|taken| taken.decision);
            effects.country = Some(self.export.end_use_place.country);
        }
        effects
    }

    /// The first later day on which the whole gives another outcome.
    fn upcoming(&self, assessment: &Assessment, outcome: Outcome) -> Option<Upcoming> {
        assessment.later.iter().find_map(|day| {
            let lines = self.day(day);
            let then = worst(&lines);
            let mut rules: Vec<Finder> = Vec::new();
            for finding in lines.iter().flat_map(|line| &line.findings) {
                if finding.outcome == Some(then) && !rules.contains(&finding.finder) {
                    rules.push(finding.finder);
                }
            }
            (then != outcome).then_some(Upcoming { date: day.date, outcome: then, rules })
        })
    }

    fn line(
        &self,
        assessed: &LineAssessment,
        goods: &GoodsLine,
        date: jiff::civil::Date,
        drawn: &mut Drawn,
    ) -> LineDecision {
        let mut work = Work {
            assessed,
            goods,
            date,
            findings: assessed.findings.clone(),
            considered: Vec::new(),
            allocations: SmallVec::new(),
        };
        self.general_authorisations(&mut work);
        self.licences(&mut work, drawn);
        area_unknown(&mut work);
        rate_missing(&mut work);
        self.clearances(&mut work);
        let outcome = weigh(&mut work.findings);
        let permitted = outcome == Outcome::Permitted;
        let mut allocations = SmallVec::new();
        if permitted {
            for (licence, line, allocation) in work.allocations {
                let sums = drawn.entry((licence, line)).or_default();
                sums.0 += allocation.quantity;
                sums.1 += allocation.value;
                allocations.push(allocation);
            }
        }
        let basis = permitted.then(|| basis(&work.findings, assessed.intra_union));
        let order = |finding: &Finding| {
            let precedence = self.rule(finding).map_or(0, |rule| rule.precedence);
            (std::cmp::Reverse(finding.outcome), std::cmp::Reverse(precedence), finding.finder.id(self.book))
        };
        work.findings.sort_by_key(order);
        LineDecision {
            line: assessed.line,
            outcome,
            basis,
            findings: work.findings,
            allocations,
            considered: work.considered,
            warnings: assessed.warnings.clone(),
        }
    }

    pub(super) fn rule(&self, finding: &Finding) -> Option<&Rule> {
        match finding.finder {
            Finder::Rule(ix) => self.book.rule(ix),
            Finder::Engine(_) => None,
        }
    }

    fn general_authorisations(&self, work: &mut Work<'_>) {
        for offer in &work.assessed.permits {
            let Some(rule) = self.book.rule(offer.rule) else { continue };
            let Some(permit) = &rule.permit else { continue };
            let satisfies = |finding: &Finding| {
                matches!(finding.effect, Effect::RequireLicence(_))
                    && finding.counts()
                    && self.rule(finding).is_some_and(|duty| permit.satisfies.contains(&duty.id))
            };
            if !work.findings.iter().any(satisfies) {
                continue;
            }
            let unregistered = match self.standing.registrations.get(&permit.authorisation) {
                Some(suspended) => suspended.as_deref(),
                None if permit.registration => Some("the exporter is not registered for it"),
                None => None,
            };
            let why_not = offer.against.or(unregistered);
            if let Some(why_not) = why_not {
                work.considered
                    .push(Considered { what: permit.authorisation.clone(), why_not: why_not.into() });
                continue;
            }
            for finding in &mut work.findings {
                if satisfies(finding) {
                    finding.state = FindingState::Satisfied;
                    finding.missing = Missing::NONE;
                    finding.ground = Some(Ground::GeneralAuthorisation(permit.authorisation.clone()));
                    finding.duties.clear();
                }
            }
            let effect = rule.effects.iter().find(|effect| effect.effect == Effect::Permit);
            let duties = effect.map(|effect| effect.duties.iter().copied().collect()).unwrap_or_default();
            work.findings.push(self.paper_finding(offer.rule, Effect::Permit, duties));
        }
    }

    /// A finding of a rule that speaks of papers rather than of goods.
    pub(super) fn paper_finding(
        &self,
        ix: RuleIx,
        effect: Effect,
        duties: SmallVec<[crate::domain::vocabulary::Word; 2]>,
    ) -> Finding {
        debug_assert!(self.book.rule(ix).is_some(), "a finding names a rule of the book");
        Finding {
            finder: Finder::Rule(ix),
            state: FindingState::Stands,
            effect,
            soft: false,
            answerable: false,
            outcome: None,
            missing: Missing::NONE,
            facts: SmallVec::new(),
            ground: None,
            duties,
        }
    }

    /// Releases by people: they clear what people may decide, and never a ban.
    fn clearances(&self, work: &mut Work<'_>) {
        for finding in &mut work.findings {
            let reviewable = finding.state == FindingState::Unknown
                || matches!(finding.effect, Effect::Review | Effect::Policy);
            if !finding.counts() || !reviewable {
                continue;
            }
            let id = finding.finder.id(self.book);
            let clears = |clearance: &&crate::domain::licence::Clearance| {
                clearance.valid.contains(work.date)
                    && clearance.findings.iter().any(|cleared| **cleared == *id)
            };
            if let Some(clearance) = self.standing.clearances.iter().find(clears) {
                finding.state = FindingState::Satisfied;
                finding.missing = Missing::NONE;
                finding.ground = Some(Ground::Clearance(clearance.id.clone()));
            }
        }
    }
}

/// Beside each finding that turns on an area: what to state.
fn area_unknown(work: &mut Work<'_>) {
    let unknown = work.findings.iter().filter(|finding| finding.state == FindingState::Unknown);
    let missing = unknown.fold(Missing::NONE, |missing, finding| missing | finding.missing);
    let area = missing.among(Missing::AREA);
    if area != Missing::NONE {
        let mut finding = Finding::of_engine(EngineFinding::AreaUnknown, false);
        for field in area.fields() {
            finding = finding.with(field, "unknown");
        }
        work.findings.push(finding);
    }
}

/// Beside a limit of the law that could not be tested, such as 300 euro for an item: which rate to bring. A licence
/// whose cap could not be tested has said so itself.
fn rate_missing(work: &mut Work<'_>) {
    let said = |finding: &Finding| finding.finder == Finder::Engine(EngineFinding::RateMissing);
    let untested = |finding: &Finding| {
        finding.state == FindingState::Unknown && finding.missing.meets(Missing::EXCHANGE_RATE)
    };
    if work.findings.iter().any(untested) && !work.findings.iter().any(said) {
        let why = format!("no rate of {} for {}", work.date, work.goods.value.currency);
        work.findings
            .push(Finding::of_engine(EngineFinding::RateMissing, false).with("goods.currency", why.as_str()));
    }
}

/// Gives each finding what it contributes, and the line its outcome: the worst that counts.
fn weigh(findings: &mut [Finding]) -> Outcome {
    for finding in findings.iter_mut() {
        finding.outcome = match (finding.state, finding.effect) {
            (FindingState::Lifted | FindingState::Satisfied, _) | (_, Effect::Permit | Effect::Duty) => None,
            (FindingState::Unknown, _) | (_, Effect::Review | Effect::Policy) => Some(Outcome::Review),
            (FindingState::Stands, Effect::Prohibit) => Some(Outcome::Prohibited),
            (FindingState::Stands, Effect::RequireLicence(_)) => {
                finding.outcome.or(Some(Outcome::LicenceRequired))
            }
            (FindingState::Stands, Effect::SuspendLicences) => Some(Outcome::LicenceSuspended),
            (FindingState::Stands, Effect::LicenceExceeded) => Some(Outcome::LicenceInsufficient),
        };
    }
    let hard = findings.iter().filter(|finding| !finding.soft).filter_map(|finding| finding.outcome).max();
    let hard = hard.unwrap_or(Outcome::Permitted);
    let mut outcome = hard;
    for finding in findings.iter_mut().filter(|finding| finding.soft) {
        // Beside a worse outcome a policy or a red flag is information.
        if hard != Outcome::Permitted {
            finding.outcome = None;
        }
        outcome = outcome.max(finding.outcome.unwrap_or(Outcome::Permitted));
    }
    outcome
}

/// The strongest ground on which a permitted line goes.
fn basis(findings: &[Finding], intra_union: bool) -> Basis {
    let relieved = |finding: &&Finding| !finding.counts() && finding.effect != Effect::Duty;
    let grounds = findings.iter().filter(relieved).filter_map(|finding| match finding.ground.as_ref()? {
        Ground::Licence(_) => Some(Basis::Licence),
        Ground::WindDown(_) => Some(Basis::WindDown),
        Ground::Exemption(_) => Some(Basis::Exemption),
        Ground::Clearance(_) => Some(Basis::Cleared),
        Ground::GeneralAuthorisation(_) => Some(Basis::GeneralAuthorisation),
        Ground::Derogation(_) => None,
    });
    let least = if intra_union { Basis::IntraEu } else { Basis::NotControlled };
    grounds.max().unwrap_or(least)
}
