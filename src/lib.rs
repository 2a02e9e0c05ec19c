//! slagboom

pub mod rulebook;
