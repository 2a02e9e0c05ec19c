//! Registrations for general authorisations: who may use one, and since when.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::apply::{ApplyError, Register};
use super::event::Event;
use super::plan::Denied;
use crate::domain::code::Classification;
use crate::domain::export::{ProposedExport, Role};
use crate::domain::licence::LicenceKind;
use crate::domain::name;
use crate::domain::period::Period;
use crate::domain::request::{FieldViolation, NAME_BYTES_MAX, SHORT_BYTES_MAX, Violations};

/// An exporter is registered for a general authorisation. A later registration of the same exporter for the same one
/// takes its place.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The general authorisation, as law names it: `EU001`, `NL002`.
    pub authorisation: String,
    /// The exporter.
    pub holder: String,
    /// First day of export on which it may be used.
    pub from: Date,
    /// Last day, inclusive; left out: open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// What the authority wrote on it.
    pub reference: String,
}

/// A registration with what it is found by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registered {
    /// The entry that recorded it.
    pub sequence: u64,
    /// Normalised name of the exporter.
    pub holder: Box<str>,
    /// As recorded.
    pub registration: Registration,
}

impl Registration {
    /// Every field that cannot be.
    ///
    /// # Errors
    /// By their paths.
    pub fn check(&self) -> Result<Box<str>, Vec<FieldViolation>> {
        let mut violations = Violations::default();
        let texts = [
            ("authorisation", &self.authorisation, SHORT_BYTES_MAX),
            ("holder", &self.holder, NAME_BYTES_MAX),
            ("reference", &self.reference, SHORT_BYTES_MAX),
        ];
        for (field, text, max) in texts {
            violations.require(field, text, max);
        }
        let holder = name::normalise(&self.holder);
        if holder.is_empty() && !self.holder.trim().is_empty() {
            violations.add("holder", "NAME", "holds no letter and no digit");
        }
        if let Some(until) = self.until.filter(|until| *until < self.from) {
            violations.add("until", "ORDER", format!("{until} lies before {}", self.from));
        }
        violations.or(holder)
    }

    /// The kind: those of the Union are numbered EU001, EU002 and so on; all others are national.
    #[must_use]
    pub fn kind(&self) -> LicenceKind {
        let digits = self.authorisation.trim().strip_prefix("EU");
        let is_union = digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if is_union { LicenceKind::UnionGeneral } else { LicenceKind::NationalGeneral }
    }
}

impl Register {
    /// An exporter is to be registered.
    ///
    /// # Errors
    /// [`Denied::Fields`].
    pub fn plan_register(&self, registration: Registration) -> Result<Event, Denied> {
        registration.check().map_err(Denied::Fields)?;
        Ok(Event::GeneralAuthorisationRegistered(registration))
    }

    pub(super) fn register(&mut self, sequence: u64, registration: &Registration) -> Result<(), ApplyError> {
        let holder = registration.check()?;
        let authorisation: Box<str> = registration.authorisation.trim().into();
        let registered = Registered { sequence, holder: holder.clone(), registration: registration.clone() };
        self.registrations.insert((holder, authorisation), registered);
        Ok(())
    }

    /// All registrations, by exporter and authorisation.
    pub fn registrations(&self) -> impl Iterator<Item = &Registered> {
        self.registrations.values()
    }

    /// What the exporter is registered for on the day of the export; with why not to be used, where it is suspended.
    pub(super) fn registered_for(&self, export: &ProposedExport) -> BTreeMap<Box<str>, Option<Box<str>>> {
        let exporter = export.party(Role::Exporter).map_or("", |party| &party.normal_name);
        let first: (Box<str>, Box<str>) = (exporter.into(), Box::default());
        let of_exporter =
            self.registrations.range(first..).take_while(|((holder, _), _)| **holder == *exporter);
        let on_day = of_exporter.filter(|(_, registered)| {
            let Registration { from, until, .. } = registered.registration;
            Period { from: Some(from), until }.contains(export.export_date)
        });
        let with_suspension = on_day.map(|((_, authorisation), registered)| {
            let suspended = self.suspensions().find(|suspension| {
                let codes = export.goods.iter().filter_map(|goods| match &goods.classification {
                    Classification::Code(code) => Some(code),
                    _ => None,
                });
                suspension.hits_general(registered, export.end_use_place.country, codes, export.export_date)
            });
            (authorisation.clone(), suspended.map(|suspension| suspension.why().into()))
        });
        with_suspension.collect()
    }
}
