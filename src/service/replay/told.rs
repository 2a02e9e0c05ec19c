//! What a replay says: differences with their cause, and what cannot be replayed with its reason.

use std::fmt;

use thiserror::Error;

use super::super::DecisionId;
use crate::{
    domain::outcome::Outcome,
    ledger::{BodyError, Digest},
};

/// What is told, in the order of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// So many entries have been looked at.
    Progress {
        /// Entries of any kind, from the first on.
        entries: u64,
    },
    /// A decision that comes out otherwise.
    Difference(Box<Difference>),
    /// What cannot be replayed.
    Unreplayable(Unreplayable),
}

/// A decision that comes out otherwise than it was recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Its place in the log.
    pub sequence: u64,
    /// Its id.
    pub decision_id: DecisionId,
    /// The outcome that was recorded.
    pub was: Outcome,
    /// The outcome of the replay. It may be the same one on other findings.
    pub now: Outcome,
    /// Ids of rules and of the engine's own findings that fire now and did not, ascending.
    pub rules_added: Vec<String>,
    /// Those that fired and do not now, ascending.
    pub rules_removed: Vec<String>,
    /// Why.
    pub cause: Cause,
}

/// Why a decision comes out otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The other rulebook makes the difference.
    Rulebook,
    /// The law that was known at the other instant makes it; the rulebook alone would not.
    KnownAt,
    /// Another version of the engine made the decision, and this one does not repeat it.
    Engine(Box<str>),
    /// The same engine under the same law at the same time decides otherwise than the record says: the record was
    /// damaged or forged before it was hashed.
    NotReproducible,
}

impl fmt::Display for Cause {
    /// `rulebook`, `known_at`, `engine 0.1.0` or `not reproducible`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rulebook => f.write_str("rulebook"),
            Self::KnownAt => f.write_str("known_at"),
            Self::Engine(version) => write!(f, "engine {version}"),
            Self::NotReproducible => f.write_str("not reproducible"),
        }
    }
}

/// An entry that cannot be replayed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreplayable {
    /// Its place in the log.
    pub sequence: u64,
    /// Why not.
    pub why: Why,
}

/// Why an entry cannot be replayed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Why {
    /// The body was erased; the entry stays and proves that there was a decision.
    #[error("its body was erased")]
    BodyErased,
    /// The body is not there.
    #[error("its body is lost")]
    BodyLost,
    /// The body is of no version that this program reads.
    #[error("its body cannot be read: {0}")]
    Body(#[from] BodyError),
    /// The entry has a number for its outcome that no outcome has.
    #[error("its entry names no outcome")]
    NoOutcome,
    /// The entry has a time outside the years that there are.
    #[error("its time is no instant")]
    NoInstant,
    /// The request in the body is not the one whose digest the entry carries.
    #[error("its request is not the one that its entry names")]
    RequestAltered,
    /// The bytes of the request are no request.
    #[error("its request does not decode")]
    RequestUndecodable,
    /// The request has no meaning under the rulebook, such as a word that it does not have.
    #[error("its request does not hold under the rulebook: {0}")]
    RequestMalformed(String),
    /// The bytes of the recorded decision are no decision.
    #[error("its recorded decision does not decode")]
    DecisionUndecodable,
    /// The rulebook that decided is not at hand.
    #[error("its rulebook {0} is not among those that the log lately put in force before it")]
    RulebookNotInLog(Digest),
    /// The record that put the rulebook in force does not give it.
    #[error("its rulebook {digest} cannot be read: {why}")]
    RulebookUnreadable {
        /// The rulebook.
        digest: Digest,
        /// Why.
        why: String,
    },
    /// This version does not take the rulebook any more.
    #[error("its rulebook {0} compiles no more")]
    RulebookDoesNotCompile(Digest),
    /// Another entry stands in this place.
    #[error("entry {found} stands in its place")]
    Misplaced {
        /// What its entry says.
        found: u64,
    },
    /// The log goes on after a gap.
    #[error("it is missing, and so is all before entry {next}")]
    Missing {
        /// Where the log goes on.
        next: u64,
    },
    /// The state that the entry carries is not what the entries before it fold to.
    #[error("it does not agree with the log before it")]
    State,
    /// The log cannot be read from here on.
    #[error("the log cannot be read from here on: {0}")]
    Unreadable(String),
    /// A fault of the engine; what it said.
    #[error("the engine failed: {0}")]
    Engine(String),
}
