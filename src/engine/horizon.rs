//! Later days on which law, as it is known, says something else of the same export.

use jiff::civil::Date;
use smallvec::SmallVec;

use super::assess::{Candidates, Detail, Question, on_day};
use super::decision::{DayAssessment, Finding, LineAssessment};
use crate::domain::export::Place;
use crate::domain::outcome::Outcome;
use crate::domain::period::Period;
use crate::rulebook::model::{Condition, GroupId, Rule};

/// Assessments on the later days on which the law's answer changes, up to the first on which the outcome apart from
/// licences does.
pub(super) fn later(
    question: &Question<'_>,
    candidates: &[Candidates<'_>],
    today: &DayAssessment,
) -> Vec<DayAssessment> {
    let now = hard_outcome(today);
    let mut later: Vec<DayAssessment> = Vec::new();
    for date in boundaries(question, candidates) {
        let then = on_day(question, candidates, date, Detail::Bare);
        let previous = later.last().unwrap_or(today);
        if then.lines.iter().zip(&previous.lines).all(|(then, previous)| is_alike(then, previous)) {
            continue;
        }
        let decides = hard_outcome(&then) != now;
        later.push(then);
        if decides {
            break;
        }
    }
    later
}

fn hard_outcome(day: &DayAssessment) -> Outcome {
    day.lines.iter().map(LineAssessment::hard_outcome).max().unwrap_or(Outcome::Permitted)
}

/// Does nothing differ that can change the outcome of a line, licences included?
fn is_alike(a: &LineAssessment, b: &LineAssessment) -> bool {
    let finding = |finding: &Finding| (finding.state, finding.effect, finding.soft);
    let usable = |line: &LineAssessment| line.permits.iter().filter(|offer| offer.against.is_none()).count();
    a.hard_outcome() == b.hard_outcome()
        && a.intra_union == b.intra_union
        && a.suspensions.len() == b.suspensions.len()
        && usable(a) == usable(b)
        && a.findings.iter().map(finding).eq(b.findings.iter().map(finding))
}

/// First days of something new after the export date, in order.
fn boundaries(question: &Question<'_>, candidates: &[Candidates<'_>]) -> SmallVec<[Date; 32]> {
    let mut days = Days { after: question.export.export_date, found: SmallVec::new(), seen: SmallVec::new() };
    let union = question.book.union_group;
    days.group(question, union);
    days.first(question.book.vocabulary.covers_from);
    for candidates in candidates {
        for ix in &candidates.rules {
            if let Some(rule) = question.book.rule(*ix).filter(|rule| question.known.knows(rule)) {
                days.rule(question, rule);
            }
        }
        // A list that is stated, or has rows finer than the customs code: any row of it may be that of these goods.
        let lists = candidates.line.goods.stated.iter().flatten().chain(&candidates.line.by_cn.coarser);
        for list in lists {
            question.book.goods.row_turns(*list).iter().for_each(|day| days.first(Some(*day)));
        }
        for row in candidates.line.by_cn.rows.iter().filter_map(|row| question.book.goods.row(*row)) {
            days.first(row.from);
            days.after_last(row.wind_down_until);
        }
    }
    for hit in question.hits {
        days.period(hit.listed);
    }
    days.found.sort_unstable();
    days.found
}

struct Days {
    after: Date,
    found: SmallVec<[Date; 32]>,
    /// Groups that were looked at: many rules name the same few.
    seen: SmallVec<[GroupId; 16]>,
}

impl Days {
    fn rule(&mut self, question: &Question<'_>, rule: &Rule) {
        self.period(rule.effective);
        for wind_down in &rule.wind_downs {
            self.after_last(wind_down.window.and_then(|(_, until)| until));
            self.condition(wind_down.when.as_ref());
        }
        rule.exemptions.iter().for_each(|exemption| self.condition(Some(&exemption.when)));
        rule.derogations.iter().for_each(|derogation| self.condition(derogation.when.as_ref()));
        rule.effects.iter().for_each(|effect| self.condition(effect.when.as_ref()));
        for destination in rule.scope.iter().filter_map(|scope| scope.destination.as_ref()) {
            for group in destination.groups.iter().chain(&destination.outside_groups) {
                self.group(question, *group);
            }
        }
    }

    fn condition(&mut self, condition: Option<&Condition>) {
        if let Some(condition) = condition {
            self.period(condition.export);
        }
    }

    fn group(&mut self, question: &Question<'_>, group: GroupId) {
        if self.seen.contains(&group) {
            return;
        }
        self.seen.push(group);
        let Some(group) = question.book.groups.get(usize::from(group.0)) else { return };
        let export = question.export;
        let places = [export.destination, export.end_use_place]
            .into_iter()
            .chain(export.parties.iter().map(|party| party.place));
        for place in places.chain(export.transit.iter().map(|country| Place::of(*country))) {
            let periods = group.countries.get(usize::from(place.country.index()));
            periods.into_iter().flatten().for_each(|period| self.period(*period));
            let regions = group.regions.iter().filter(|(region, _)| region.meets(place.region.set));
            regions.for_each(|(_, period)| self.period(*period));
        }
    }

    fn period(&mut self, period: Period) {
        self.first(period.from);
        self.after_last(period.until);
    }

    fn first(&mut self, day: Option<Date>) {
        if let Some(day) = day.filter(|day| *day > self.after && !self.found.contains(day)) {
            self.found.push(day);
        }
    }

    fn after_last(&mut self, day: Option<Date>) {
        self.first(day.and_then(|day| day.tomorrow().ok()));
    }
}
