//! The nouns of export control, pure: values computed from values.
//!
//! This room knows no file, clock, network or YAML, and no rule of law. A value of one of its types is proof that
//! the text was read: parse, do not validate.

pub mod code;
pub mod country;
mod country_table;
mod currency_table;
pub mod export;
pub mod identity;
pub mod licence;
pub mod money;
pub mod name;
pub mod outcome;
pub mod period;
pub mod request;
pub mod vocabulary;
