//! What changes the register, as the log keeps it: JSON, so that an auditor can read it without us.

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::correction::{Approval, Correction};
use super::done::DutyDone;
use super::incident::Incident;
use super::rates::RateTable;
use super::registration::Registration;
use super::text::LicenceText;

/// What happened to the register.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A licence was recorded.
    LicenceRecorded(LicenceText),
    /// A licence was amended: a new version with its own first day.
    LicenceAmended(Amendment),
    /// Exchange rates were set.
    RatesSet(RateTable),
    /// An exporter was registered for a general authorisation.
    GeneralAuthorisationRegistered(Registration),
    /// A correction was proposed.
    CorrectionProposed(Correction),
    /// A correction was approved, and so done.
    CorrectionApproved(Approval),
    /// Licences were suspended by criterion.
    LicencesSuspended(SuspensionOrder),
    /// A suspension was lifted.
    SuspensionLifted(Lift),
    /// A licence was revoked, for good.
    LicenceRevoked(Revocation),
    /// A licence was returned to the authority.
    LicenceReturned(Revocation),
    /// Goods have left.
    ShipmentConfirmed(Shipment),
    /// A reservation was given back.
    ReservationReleased(Release),
    /// A reservation ran out.
    ReservationExpired(Release),
    /// What a holder owed the authority was done.
    DutyDone(DutyDone),
    /// A shipment was told of that cannot be written off.
    Incident(Incident),
}

/// An event with what a retry is known by.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Note {
    /// The caller's id of the request; none for what the daemon does of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What happened.
    pub event: Event,
}

/// A later version of a licence.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// The licence as it is from then on, whole: every line that it had is in it.
    pub licence: LicenceText,
    /// First day of export for which it holds.
    pub from: Date,
    /// Why.
    pub reason: String,
    /// The day on which it was recorded: exports before it could not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_on: Option<Date>,
}

/// Which licences are suspended, and from when on. What is left out is any.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SuspensionOrder {
    /// Countries of final destination: a licence for several stays usable for the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub countries: Vec<String>,
    /// Kinds of licence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// Control codes, each with what is below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Holders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holders: Vec<String>,
    /// Licence numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<String>,
    /// First day of export on which they may not be used.
    pub from: Date,
    /// The day on which this was ordered: exports before it could not know.
    pub ordered_on: Date,
    /// Why.
    pub reason: String,
}

/// A suspension is lifted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lift {
    /// The entry that ordered it.
    pub suspension: u64,
    /// First day of export on which the licences may be used again.
    pub from: Date,
    /// Why.
    pub reason: String,
}

/// A licence ends before its time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Number of the licence.
    pub number: String,
    /// First day of export on which it may not be used.
    pub from: Date,
    /// Why.
    pub reason: String,
    /// The day on which it was recorded: exports before it could not know. Older entries do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_on: Option<Date>,
}

/// Goods that have left under a reservation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shipment {
    /// Sequence of the decision that reserved.
    pub decision: u64,
    /// The day of the export.
    pub export_date: Date,
    /// The export declaration or another reference.
    pub reference: String,
    /// What is written off.
    pub drawn: Vec<Drawn>,
    /// Was this the last of it, so that the rest is given back?
    pub is_last: bool,
    /// What an officer must look at: the licence may not have been used on that day, as is known since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// A part of a licence line that is written off.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// Line of the goods.
    pub goods_line: u32,
    /// Number of the licence.
    pub licence: String,
    /// Its line.
    pub licence_line: u32,
    /// Quantity.
    pub quantity: Decimal,
    /// Value, in the currency of the licence line.
    pub value: Decimal,
}

/// A reservation ends.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Sequence of the decision that reserved.
    pub decision: u64,
    /// Why.
    pub reason: String,
}
