//! YAML text to a compiled [`Rulebook`].
pub mod document;
