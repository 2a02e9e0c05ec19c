//! The figures, and what must be true of them.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::print;
use super::load::Measured;
use super::server::Counts;
use crate::store::CheckReport;

/// Null rounds that differ by more than this make the run noisy.
const NOISE_MAX: f64 = 0.10;

/// One measurement.
pub struct Round {
    /// What the clients saw.
    pub measured: Measured,
    /// CPU time of the daemon, microseconds.
    pub cpu_us: u64,
    /// Batches that it wrote, each with one fdatasync.
    pub batches: u64,
}

/// One shape of load: null and recorded, round by round.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Null and recorded.
    pub rounds: Vec<(Round, Round)>,
}

/// The whole run.
pub struct Report {
    /// Median of an append with fdatasync, microseconds.
    pub fdatasync: f64,
    /// The shapes.
    pub scenarios: Vec<Scenario>,
    /// What the recording daemon counted.
    pub counts: Counts,
    /// Both copies, compared afterwards.
    pub check: CheckReport,
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "figures are for reading")]
impl Round {
    fn per_second(&self) -> f64 {
        self.measured.answers as f64 / self.measured.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    fn cpu_us_each(&self) -> f64 {
        self.cpu_us as f64 / (self.measured.answers.max(1)) as f64
    }

    fn percentile_us(&self, percent: usize) -> f64 {
        let latencies = &self.measured.latencies;
        let at = (latencies.len().saturating_sub(1) * percent).div_ceil(100);
        latencies.get(at).map_or(0.0, Duration::as_secs_f64) * 1e6
    }

    fn decisions_per_batch(&self) -> f64 {
        self.measured.answers as f64 / self.batches.max(1) as f64
    }
}

#[expect(clippy::float_arithmetic, reason = "figures are for reading")]
impl Scenario {
    fn median(&self, of: impl Fn(&Round, &Round) -> f64) -> f64 {
        let mut values: Vec<f64> = self.rounds.iter().map(|(null, recorded)| of(null, recorded)).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    }

    /// Median of the ratios round by round: a machine that slows down slows both.
    fn ratio(&self) -> f64 {
        self.median(|null, recorded| recorded.per_second() / null.per_second())
    }

    fn is_noisy(&self) -> bool {
        let rates = self.rounds.iter().map(|(null, _)| null.per_second());
        let (least, most) =
            rates.fold((f64::MAX, 0.0_f64), |(least, most), rate| (least.min(rate), most.max(rate)));
        most - least > most * NOISE_MAX
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "noisy": self.is_noisy(),
            "null": {
                "per_second": self.median(|null, _| null.per_second()),
                "p50_us": self.median(|null, _| null.percentile_us(50)),
                "p99_us": self.median(|null, _| null.percentile_us(99)),
                "server_cpu_us": self.median(|null, _| null.cpu_us_each()),
            },
            "recorded": {
                "per_second": self.median(|_, recorded| recorded.per_second()),
                "p50_us": self.median(|_, recorded| recorded.percentile_us(50)),
                "p99_us": self.median(|_, recorded| recorded.percentile_us(99)),
                "server_cpu_us": self.median(|_, recorded| recorded.cpu_us_each()),
                "decisions_per_fdatasync": self.median(|_, recorded| recorded.decisions_per_batch()),
            },
            "ratio": self.ratio(),
            "p50_difference_us": self.median(|null, recorded| recorded.percentile_us(50) - null.percentile_us(50)),
            "wrong": self.rounds.iter().map(|(null, recorded)| null.measured.wrong + recorded.measured.wrong).sum::<u64>(),
        })
    }
}

impl Report {
    /// What must not be, if it is.
    pub fn fault(&self) -> Option<String> {
        let rounds = || self.scenarios.iter().flat_map(|scenario| &scenario.rounds);
        let wrong: u64 = rounds().map(|(null, recorded)| null.measured.wrong + recorded.measured.wrong).sum();
        let answered: u64 = rounds().map(|(_, recorded)| recorded.measured.answers).sum();
        if wrong > 0 {
            return Some(format!("{wrong} answers were wrong"));
        }
        if !self.check.is_sound() {
            return Some(self.check.to_string());
        }
        // One entry more than decisions: the rulebook that was put in force.
        if self.counts.decisions != answered || self.check.size != answered + 1 {
            return Some(format!(
                "{answered} decisions were answered, {} counted, and the log has {} entries",
                self.counts.decisions, self.check.size
            ));
        }
        None
    }

    pub fn json(&self) -> Value {
        json!({
            "fdatasync_p50_us": self.fdatasync,
            "scenarios": self.scenarios.iter().map(Scenario::json).collect::<Vec<_>>(),
            "decisions": self.counts.decisions,
            "fdatasyncs": self.counts.batches,
            "log": self.check.to_string(),
            "fault": self.fault(),
        })
    }

    pub fn human(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "append and fdatasync alone: p50 {:.0} µs", self.fdatasync);
        let _ = writeln!(
            text,
            "{:<18} {:>11} {:>11} {:>7} {:>19} {:>19} {:>15} {:>9}",
            "",
            "null/s",
            "recorded/s",
            "ratio",
            "null p50/p99 µs",
            "rec. p50/p99 µs",
            "CPU µs null/rec",
            "per sync"
        );
        for scenario in &self.scenarios {
            let pair = |of: &dyn Fn(&Round) -> (f64, f64), recorded: bool| {
                let pick = |first: bool| {
                    scenario.median(|null, rec| {
                        let (a, b) = of(if recorded { rec } else { null });
                        if first { a } else { b }
                    })
                };
                format!("{:.0}/{:.0}", pick(true), pick(false))
            };
            let latencies = |round: &Round| (round.percentile_us(50), round.percentile_us(99));
            let _ = writeln!(
                text,
                "{:<18} {:>11.0} {:>11.0} {:>7.2} {:>19} {:>19} {:>15} {:>9.1}{}",
                scenario.name,
                scenario.median(|null, _| null.per_second()),
                scenario.median(|_, recorded| recorded.per_second()),
                scenario.ratio(),
                pair(&latencies, false),
                pair(&latencies, true),
                format!(
                    "{:.1}/{:.1}",
                    scenario.median(|null, _| null.cpu_us_each()),
                    scenario.median(|_, recorded| recorded.cpu_us_each())
                ),
                scenario.median(|_, recorded| recorded.decisions_per_batch()),
                if scenario.is_noisy() {
                    print::dim("  noisy: null rounds differ by more than 10 %")
                } else {
                    String::new()
                },
            );
        }
        let _ = writeln!(
            text,
            "{} decisions, {} fdatasyncs; {}",
            self.counts.decisions, self.counts.batches, self.check
        );
        text
    }
}
