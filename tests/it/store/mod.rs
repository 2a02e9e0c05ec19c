//! The store over real files: what comes back, and what a crash or damage leaves.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests stop at the first error")]

mod crash;
mod damage;
mod recall;
mod support;
