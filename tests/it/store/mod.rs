//! The store over real files: what comes back, and what a crash or damage leaves.

mod damage;
mod recall;
mod support;
