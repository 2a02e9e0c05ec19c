//! Names against lists of parties.
//!
//! [`exact`] is what the daemon asks today: a name of an export that equals a listed one after normalising. The rest is
//! the screener: names in any script against lists as their publishers write them, with a score and the reason word by
//! word. A name that is only similar is for a person to decide.
//!
//! **What is absent:** clocks, disks and networks; decisions: a hit is evidence, the engine says what it means.

#[cfg(feature = "daemon")]
mod align;
#[cfg(feature = "daemon")]
mod entry;
#[cfg(feature = "daemon")]
mod evidence;
mod exact;
#[cfg(feature = "daemon")]
mod index;
#[cfg(feature = "daemon")]
mod keys;
#[cfg(feature = "daemon")]
mod likeness;
#[cfg(feature = "daemon")]
pub mod list;
#[cfg(feature = "daemon")]
mod place;
#[cfg(feature = "daemon")]
mod score;
#[cfg(feature = "daemon")]
mod screener;
#[cfg(feature = "daemon")]
mod script;
#[cfg(feature = "daemon")]
mod search;
#[cfg(feature = "daemon")]
mod sound;
#[cfg(feature = "daemon")]
mod vocabulary;
#[cfg(feature = "daemon")]
mod word;

pub use exact::exact;
#[cfg(feature = "daemon")]
pub use {
    align::Measures,
    entry::{Birth, Entry, EntryName, Identifier, NameQuality, PartyKind, Query},
    evidence::evidence,
    likeness::Relation,
    place::country_of,
    score::{Agreement, SCORE_MIN},
    screener::{Effort, Hit, Screener, WordMatch},
    search::Scratch,
};
