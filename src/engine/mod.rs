//! Law applied to an export: [`assess`] says what every rule makes of it, [`settle`] what papers make of that.
//!
//! INVARIANT (`pure_decision`): both are functions of their arguments. Absent here: clocks, disks, networks,
//! environments, and every kind of randomness or iteration order that is not fixed.

mod answer;
mod assess;
pub mod canonical;
mod cover;
mod decision;
mod effects;
mod evaluate;
mod explain;
mod horizon;
mod rule_ids;
mod settle;
mod tri;

pub use assess::{Known, Question, assess, assess_linearly, fired};
pub use decision::{
    Allocation, Assessment, Considered, DayAssessment, Decision, Effects, EngineFinding, Fact, Finder,
    Finding, Ground, Hold, LineAssessment, LineDecision, PermitOffer, Upcoming,
};
pub use effects::effects;
pub use rule_ids::rule_ids;
pub use settle::settle;
pub use tri::{Missing, Tri};
