//! slagboom

pub mod cases;
pub mod domain;
pub mod engine;
pub mod rulebook;
pub mod screening;
