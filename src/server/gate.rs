//! The door of the services: which role each method asks for at least, and who comes in.

use std::sync::Arc;

use tonic::{Request, Status, metadata::MetadataValue};
use tracing::warn;

use super::{grpc::status::status, listener::Peer};
use crate::{
    access::{Denied, Guard, Pass},
    domain::identity::{
        Role::{Admin, Auditor, Erp, LicenceAdmin, Officer, RuleAuthor},
        Roles,
    },
    service::Refusal,
    telemetry::field,
};

/// A method and who may call it.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name, without that of the service.
    pub name: &'static str,
    /// Any of these may.
    pub least: Roles,
    /// Does it tell of the whole log, so that callers who speak for some exporters only may not?
    pub whole_log: bool,
}

/// Those who ask whether exports may go.
const ASKING: Roles = Roles::of(&[Erp, Officer, Admin]);
/// Those who read decisions.
const READING: Roles = Roles::of(&[Erp, Officer, LicenceAdmin, Auditor, Admin]);
/// Those who read the log as a whole.
const AUDITING: Roles = Roles::of(&[Officer, Auditor, Admin]);
/// Those who try what other law would say.
const REPLAYING: Roles = Roles::of(&[Officer, RuleAuthor, Auditor, Admin]);

/// Those who keep the register of licences.
const KEEPING: Roles = Roles::of(&[LicenceAdmin, Admin]);
/// Those who suspend licences.
const SUSPENDING: Roles = Roles::of(&[Officer, LicenceAdmin, Admin]);

/// The methods, by service.
pub mod method {
    use super::{ASKING, AUDITING, KEEPING, Method, READING, REPLAYING, Roles, SUSPENDING};

    const fn of_exporters(name: &'static str, least: Roles) -> Method {
        Method { name, least, whole_log: false }
    }

    const fn of_the_log(name: &'static str, least: Roles) -> Method {
        Method { name, least, whole_log: true }
    }

    /// `ExportControlService`.
    pub const CHECK_EXPORT: Method = of_exporters("CheckExport", ASKING);
    /// `ExportControlService`.
    pub const BATCH_CHECK_EXPORTS: Method = of_exporters("BatchCheckExports", ASKING);
    /// `ExportControlService`.
    pub const CHECK_EXPORTS: Method = of_exporters("CheckExports", ASKING);
    /// `ExportControlService`.
    pub const CONFIRM_SHIPMENT: Method = of_exporters("ConfirmShipment", ASKING);
    /// `ExportControlService`.
    pub const RELEASE_RESERVATION: Method = of_exporters("ReleaseReservation", ASKING);
    /// `LicenceService`.
    pub const RECORD_LICENCE: Method = of_exporters("RecordLicence", KEEPING);
    /// `LicenceService`.
    pub const AMEND_LICENCE: Method = of_exporters("AmendLicence", KEEPING);
    /// `LicenceService`.
    pub const REGISTER_GENERAL_AUTHORISATION: Method = of_exporters("RegisterGeneralAuthorisation", KEEPING);
    /// `LicenceService`.
    pub const LIST_REGISTRATIONS: Method = of_exporters("ListRegistrations", READING);
    /// `LicenceService`. Rates decide for all exporters.
    pub const SET_EXCHANGE_RATES: Method = of_the_log("SetExchangeRates", KEEPING);
    /// `LicenceService`. Rates name nobody.
    pub const LIST_EXCHANGE_RATES: Method = of_exporters("ListExchangeRates", READING);
    /// `LicenceService`.
    pub const PROPOSE_CORRECTION: Method = of_exporters("ProposeCorrection", SUSPENDING);
    /// `LicenceService`.
    pub const APPROVE_CORRECTION: Method = of_exporters("ApproveCorrection", SUSPENDING);
    /// `LicenceService`.
    pub const LIST_MOVEMENTS: Method = of_exporters("ListMovements", READING);
    /// `LicenceService`.
    pub const REPORT_DRAWDOWN: Method = of_exporters("ReportDrawdown", READING);
    /// `LicenceService`.
    pub const LIST_INCIDENTS: Method = of_exporters("ListIncidents", READING);
    /// `LicenceService`.
    pub const LIST_DUTIES: Method = of_exporters("ListDuties", READING);
    /// `LicenceService`.
    pub const RECORD_DUTY_DONE: Method = of_exporters("RecordDutyDone", KEEPING);
    /// `LicenceService`.
    pub const GET_LICENCE: Method = of_exporters("GetLicence", READING);
    /// `LicenceService`.
    pub const LIST_LICENCES: Method = of_exporters("ListLicences", READING);
    /// `LicenceService`. A criterion asks for no holder.
    pub const SUSPEND_LICENCES: Method = of_the_log("SuspendLicences", SUSPENDING);
    /// `LicenceService`.
    pub const LIFT_SUSPENSION: Method = of_the_log("LiftSuspension", SUSPENDING);
    /// `LicenceService`.
    pub const REVOKE_LICENCE: Method = of_exporters("RevokeLicence", KEEPING);
    /// `LicenceService`.
    pub const RETURN_LICENCE: Method = of_exporters("ReturnLicence", KEEPING);
    /// `DecisionLogService`.
    pub const GET_DECISION: Method = of_exporters("GetDecision", READING);
    /// `DecisionLogService`.
    pub const LIST_DECISIONS: Method = of_exporters("ListDecisions", READING);
    /// `DecisionLogService`.
    pub const GET_EVIDENCE: Method = of_exporters("GetEvidence", READING);
    /// `DecisionLogService`. A checkpoint names nobody, and whoever has a receipt may want to compare.
    pub const GET_CHECKPOINT: Method = of_exporters("GetCheckpoint", Roles::all());
    /// `DecisionLogService`. An inclusion proof holds an entry, and entries name callers.
    pub const GET_INCLUSION_PROOF: Method = of_the_log("GetInclusionProof", AUDITING);
    /// `DecisionLogService`. Hashes alone.
    pub const GET_CONSISTENCY_PROOF: Method = of_exporters("GetConsistencyProof", Roles::all());
    /// `DecisionLogService`.
    pub const READ_ENTRIES: Method = of_the_log("ReadEntries", AUDITING);
    /// `DecisionLogService`.
    pub const LIST_READS: Method = of_the_log("ListReads", AUDITING);
    /// `DecisionLogService`.
    pub const REPLAY_DECISIONS: Method = of_the_log("ReplayDecisions", REPLAYING);
}

/// Lets callers in, or not.
#[derive(Clone)]
pub struct Gate(Arc<Guard>);

impl Gate {
    /// A gate at which this guard stands.
    #[must_use]
    pub const fn new(guard: Arc<Guard>) -> Self {
        Self(guard)
    }

    /// Who calls this method.
    ///
    /// Whoever is turned away is told that, and nothing of why: a log line says more.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for nobody, `PERMISSION_DENIED` for a caller without the role.
    pub fn admit<T>(&self, request: &Request<T>, method: Method) -> Result<Pass, Status> {
        let header = request.metadata().get("authorization").map(MetadataValue::as_bytes);
        let pass = self.0.identify(header).map_err(|denied| {
            let peer = request.extensions().get::<Peer>().map_or("unknown", |peer| &*peer.0);
            turned_away(method, &denied, peer)
        })?;
        let identity = pass.identity();
        let refusal = if !identity.roles().meets(method.least) {
            Refusal::RoleMissing { method: method.name, least: method.least }
        } else if method.whole_log && identity.is_bound() {
            Refusal::WholeLog { method: method.name }
        } else {
            return Ok(pass);
        };
        warn!(
            { field::CALLER } = &**identity.name(),
            { field::METHOD } = method.name,
            { field::ERROR } = %refusal,
            "a call was refused"
        );
        Err(status(&refusal))
    }

    /// Is a caller still welcome whose call lasts?
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when its token is over by now.
    pub fn still(&self, pass: &Pass, method: Method) -> Result<(), Status> {
        self.0.still(pass).map_err(|denied| turned_away(method, &denied, pass.identity().name()))
    }

    /// Looks again at the file of tokens.
    pub fn refresh(&self) {
        self.0.refresh();
    }
}

fn turned_away(method: Method, denied: &Denied, who: &str) -> Status {
    warn!(
        { field::CALLER } = who,
        { field::METHOD } = method.name,
        { field::ERROR } = %denied,
        "a call was turned away"
    );
    status(&Refusal::Unauthenticated)
}

/// The gate of a daemon without tokens.
impl Default for Gate {
    fn default() -> Self {
        Self::new(Arc::new(Guard::open()))
    }
}
