//! Who read the log, and how often: auditors are watched too.
//!
//! Counted since the daemon started, and written as a log line each where the operator asked for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::info;

use super::Service;
use crate::telemetry::field;

/// Most pairs of caller and method that are told apart; further callers are counted together.
const ROWS_MAX: usize = 10_000;
/// Under whom callers are counted that are too many to be told apart.
const OTHERS: &str = "(others)";

/// How often a caller used a method.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reads {
    /// Who read.
    pub caller: Arc<str>,
    /// By which method.
    pub method: &'static str,
    /// How often.
    pub count: u64,
    /// The first time, Unix milliseconds.
    pub first_ms: i64,
    /// The last time, Unix milliseconds.
    pub last_ms: i64,
}

/// A caller and a method.
type Who = (Arc<str>, &'static str);
/// How often, the first time and the last, Unix milliseconds.
type Count = (u64, i64, i64);

/// The counts.
#[derive(Debug, Default)]
pub(super) struct ReadCounts {
    rows: Mutex<BTreeMap<Who, Count>>,
}

impl ReadCounts {
    fn add(&self, caller: &Arc<str>, method: &'static str, now_ms: i64) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = rows.len() < ROWS_MAX || rows.contains_key(&(Arc::clone(caller), method));
        let caller = if known { Arc::clone(caller) } else { OTHERS.into() };
        let row = rows.entry((caller, method)).or_insert((0, now_ms, now_ms));
        row.0 += 1;
        row.2 = now_ms;
    }
}

impl Service {
    /// Counts a read, and writes it as a log line where that was asked for.
    pub fn count_read(&self, caller: &Arc<str>, method: &'static str) {
        self.core.reads.add(caller, method, self.core.clock.now_ms());
        if self.core.log_reads {
            info!({ field::CALLER } = &**caller, { field::METHOD } = method, "the log was read");
        }
    }

    /// Who read the log since the start, by caller and method.
    #[must_use]
    pub fn reads(&self) -> Vec<Reads> {
        let rows = self.core.reads.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let told = rows.iter().map(|((caller, method), (count, first_ms, last_ms))| Reads {
            caller: Arc::clone(caller),
            method,
            count: *count,
            first_ms: *first_ms,
            last_ms: *last_ms,
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_beyond_the_limit_are_counted_together() {
        let counts = ReadCounts::default();
        for at in 0..ROWS_MAX + 5 {
            counts.add(&format!("caller {at}").into(), "GetDecision", 7);
        }
        counts.add(&"caller 3".into(), "GetDecision", 9);
        let rows = counts.rows.lock().unwrap();
        assert_eq!(rows.get(&(OTHERS.into(), "GetDecision")), Some(&(5, 7, 7)));
        assert_eq!(rows.get(&("caller 3".into(), "GetDecision")), Some(&(2, 7, 9)));
    }
}
