//! The store over real files: what comes back, and what a crash or damage leaves.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "tests stop at the first error"
)]

mod compact;
mod crash;
mod damage;
mod recall;
mod support;
