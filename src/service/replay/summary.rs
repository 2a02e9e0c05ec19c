//! What a replay comes to, in numbers.

use std::collections::BTreeMap;

use super::told::{Difference, Event};
use crate::domain::outcome::Outcome;

/// Most pairs of a change and a rule that are counted one by one: law that makes more than this many kinds of
/// difference is read in the differences themselves.
pub const RULES_COUNTED_MAX: usize = 1_000;

/// What a replay comes to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// Entries of any kind that were looked at.
    pub entries: u64,
    /// Decisions that the filter takes.
    pub decisions: u64,
    /// Those that came out the same, to the byte.
    pub same: u64,
    /// Differences that were told.
    pub changed: u64,
    /// Differences of other outcomes than were asked for; they are not told.
    pub not_asked: u64,
    /// What could not be replayed.
    pub unreplayable: u64,
    /// Differences by what they change: from one outcome to another, or on other findings to the same one.
    pub changes: BTreeMap<(Outcome, Outcome), Change>,
    /// Pairs of a change and a rule that were counted.
    rules_counted: usize,
}

/// Differences from one outcome to another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Change {
    /// How many.
    pub count: u64,
    /// How many of them by each rule: those that fire now and did not, or else those that fired and do not. At most
    /// [`RULES_COUNTED_MAX`] in a summary, those that came first.
    pub rules: BTreeMap<Box<str>, u64>,
}

impl Summary {
    /// Does nothing that was asked for differ, and could all be replayed?
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.changed == 0 && self.unreplayable == 0
    }

    pub(super) fn add(&mut self, event: &Event) {
        match event {
            Event::Progress { entries } => self.entries = *entries,
            Event::Difference(difference) => self.count(difference),
            Event::Unreplayable(_) => self.unreplayable += 1,
        }
    }

    fn count(&mut self, difference: &Difference) {
        self.changed += 1;
        let change = self.changes.entry((difference.was, difference.now)).or_default();
        change.count += 1;
        let by = if difference.rules_added.is_empty() {
            &difference.rules_removed
        } else {
            &difference.rules_added
        };
        for rule in by {
            if let Some(count) = change.rules.get_mut(rule.as_str()) {
                *count += 1;
            } else if self.rules_counted < RULES_COUNTED_MAX {
                self.rules_counted += 1;
                change.rules.insert(rule.as_str().into(), 1);
            }
        }
    }
}

impl Change {
    /// The rule that most of the differences come from; of equals, the first by name.
    #[must_use]
    pub fn main_rule(&self) -> Option<&str> {
        let most = self.rules.values().max()?;
        self.rules.iter().find(|(_, count)| *count == most).map(|(rule, _)| &**rule)
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::Cause;
    use super::*;
    use crate::service::DecisionId;

    fn difference(added: &[&str], removed: &[&str]) -> Event {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Event::Difference(Box::new(Difference {
            sequence: 1,
            decision_id: DecisionId::of(1, 2),
            was: Outcome::Permitted,
            now: Outcome::Prohibited,
            rules_added: owned(added),
            rules_removed: owned(removed),
            cause: Cause::Rulebook,
        }))
    }

    #[test]
    fn a_change_is_by_the_rules_that_came_or_else_by_those_that_went() {
        let mut summary = Summary::default();
        for event in [difference(&["B", "A"], &["C"]), difference(&["B"], &[]), difference(&[], &["C"])] {
            summary.add(&event);
        }
        let change = &summary.changes[&(Outcome::Permitted, Outcome::Prohibited)];
        assert_eq!((summary.changed, change.count), (3, 3));
        let rules: Vec<(&str, u64)> = change.rules.iter().map(|(rule, count)| (&**rule, *count)).collect();
        assert_eq!(rules, [("A", 1), ("B", 2), ("C", 1)]);
        assert_eq!(change.main_rule(), Some("B"));
    }

    #[test]
    fn kinds_of_difference_are_counted_up_to_a_limit() {
        let mut summary = Summary::default();
        for at in 0..RULES_COUNTED_MAX + 5 {
            summary.add(&difference(&[&format!("R{at}")], &[]));
        }
        let change = &summary.changes[&(Outcome::Permitted, Outcome::Prohibited)];
        assert_eq!(change.rules.len(), RULES_COUNTED_MAX);
        assert_eq!(change.count, RULES_COUNTED_MAX as u64 + 5);
    }
}
