//! Replay: the decision of every recorded export again.
//!
//! *As known then*, each decision is made anew under the rulebook that its entry names, with what was known at its time,
//! and must be the recorded one to the byte; the state that every entry carries is folded again on the way. *As the law
//! is now known*, or was at another instant, what comes out otherwise is told with its cause. Both rest on two
//! invariants: `as_known_then` (the log before a decision holds all that it used) and `pure_decision` (the same values
//! give the same bytes).
//!
//! What cannot be replayed is told with its reason, and never passed over.
//!
//! Items come from any iterator in the order of the log: a store, a copy of its journal, an exported log. One thread
//! takes and folds them, a chunk at a time; others judge the chunks; what they say comes out in the order of the log,
//! the same for one thread and for many. A few chunks and the rulebooks lately in force are all that is in memory.
//!
//! **What is absent:** files, sockets, the clock, and the wire: how the bytes of a request are read is given
//! ([`Wire`]).

mod archive;
mod flow;
mod gather;
mod judge;
mod law;
mod memo;
mod store;
mod summary;
mod told;

pub use archive::{Archived, InForceError, archived, in_force};
pub use flow::replay;
pub use judge::{Options, Under, Wire};
pub(super) use store::room;
pub use store::{Records, items};
pub use summary::{Change, RULES_COUNTED_MAX, Summary};
pub use told::{Cause, Difference, Event, Unreplayable, Why};

use crate::ledger::{Entry, SALT_LENGTH};

/// A record of the log, as a replay takes it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place in the log.
    pub sequence: u64,
    /// The entry; whoever gives it has proved it as far as it wants it proved.
    pub entry: Entry,
    /// The body.
    pub body: Body,
}

/// The body of a record, as far as it is there.
#[derive(Clone, Debug)]
pub enum Body {
    /// It is there, and is the one that the entry commits to.
    Kept {
        /// The salt of the commitment.
        salt: [u8; SALT_LENGTH],
        /// The encoded bytes, see [`crate::ledger::Body`].
        bytes: Vec<u8>,
    },
    /// It was erased, as law or the exporter's rules on personal data asked.
    Erased,
    /// It is not there, and nothing says that it was erased.
    Lost,
}
