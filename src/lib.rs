//! slagboom

pub mod domain;
pub mod engine;
pub mod rulebook;
