//! Use cases, and the order of things in them.

mod decision_id;
mod outbox;
mod refusal;

pub use decision_id::{DecisionId, DecisionIdError};
pub use outbox::Outbox;
pub use refusal::Refusal;
