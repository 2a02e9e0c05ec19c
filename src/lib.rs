//! slagboom

pub mod domain;
pub mod rulebook;
