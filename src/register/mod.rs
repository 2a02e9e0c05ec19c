//! The register of licences: what was granted, what is promised, what has left.
//!
//! A [`Register`] is a value: a fold over [`Event`]s, each an entry of the log. Copying one costs nothing (its maps share
//! what they have in common), so the writer works on a copy until a batch is on the disk, readers look at the last one
//! that is, and a replay gives every decision the register as it was then.
//!
//! INVARIANT (`drawdown_never_over`): what is confirmed and reserved of a licence line never exceeds its caps, in
//! quantity or in value. One thread settles, in the order of the log, on balances that are sums of events; `settle`
//! promises no more than what is left, and a confirmation draws no more than what was promised.
//!
//! **What is absent:** law, clocks, disks, callers.

mod affected;
mod apply;
mod correction;
mod done;
mod event;
mod held;
mod incident;
mod movement;
mod plan;
mod rates;
mod registration;
mod suspension;
mod text;

pub use affected::Affected;
pub use apply::{ApplyError, Register};
pub use correction::{Approval, Correction, CorrectionKind};
pub use done::DutyDone;
pub use event::{Amendment, Drawn, Event, Lift, Note, Release, Revocation, Shipment, SuspensionOrder};
pub use held::{Amended, Balance, Held, Reservation, Standing as LicenceStanding};
pub use incident::{Incident, IncidentKind, ShippedText};
pub use movement::{Movement, MovementKind};
pub use plan::{Denied, Shipped, ShippedLine, ShippedTo};
pub use rates::{RATES_MAX, RateTable, RateText, SourcedRate};
pub use registration::{Registered, Registration};
pub use suspension::Suspension;
pub use text::{LINES_MAX, LicenceText, LineText};

/// Days after the export date, or after the day of the answer where that is later, for which a reservation is kept.
pub const RESERVATION_DAYS: i64 = 30;
