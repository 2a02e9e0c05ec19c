//! Worked cases: the law's own tests, run through the same engine as every request.

mod given;
mod run;

pub use given::{Given, parse_given};
pub use run::{CaseMismatch, CaseReport, run_bundle_cases, run_case, run_file};
