//! YAML text to a compiled [`Rulebook`].
//!
//! A rulebook is a folder of YAML: `rulebook.yaml` (name and vocabularies), `groups.yaml` and `regions.yaml`
//! (places with their dates), `lists/` (goods and parties that acts list), `acts/` (one file of rules an act) and
//! `*_test.yaml` (worked cases beside what they test). [`Bundle`] is its text and identity, [`compile`] resolves it
//! and says with file, line and column what does not hold.
//!
//! Absent here: evaluation (that is [`crate::engine`]), disk formats other than YAML, clocks.

mod bundle;
pub mod case;
pub mod compile;
pub mod diagnostic;
pub mod document;
mod excerpt;
pub mod goods;
mod hash;
pub mod index;
pub mod model;
mod read;

pub use bundle::{Bundle, BundleError, RulebookDigest};
pub use compile::{Compiled, compile};
pub use diagnostic::{Diagnostic, Severity};
pub use model::{Rule, RuleIx, Rulebook};

/// Reads one file of cases, strictly, with diagnostics at their places.
///
/// # Errors
/// What is wrong with the file.
pub fn read_cases(file: &str, text: &str) -> Result<case::CaseFile, Vec<Diagnostic>> {
    let mut diagnostics = diagnostic::Diagnostics::default();
    let cases = read::read(file, text, &mut diagnostics);
    let placed = read::place(&mut diagnostics, |_| Some(text.to_owned()));
    cases.ok_or(placed)
}
