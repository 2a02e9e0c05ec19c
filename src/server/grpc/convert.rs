//! The one border between the messages of the wire and the domain.

use jiff::Timestamp;

use crate::{
    domain::{
        outcome::{Authorisation, Basis, Effect, FindingState, Outcome},
        request::{RawGoods, RawKnowledge, RawParty, RawPlace, RawRequest},
    },
    proto::v1,
};

/// A request of the wire as the text that it is; nothing is checked yet.
///
/// An empty text of the wire is an absent one. A `known_at` that is no instant becomes a text that is none either, so
/// that the one parser of requests names it among the bad fields.
#[must_use]
pub fn raw_request(request: v1::CheckExportRequest) -> RawRequest {
    RawRequest {
        request_id: present(request.request_id),
        dry_run: request.dry_run,
        export_date: request.export_date,
        known_at: request
            .known_at
            .map(|at| instant(&at).map_or_else(|| format!("{at:?}"), |at| at.to_string())),
        activity: present(request.activity),
        exporter: request.exporter.map(|party| RawParty {
            role: None,
            name: party.name,
            country: party.country,
            region: present(party.region),
            kind: None,
        }),
        goods: request.goods.into_iter().map(raw_goods).collect(),
        consignee: request.consignee.map(|party| RawParty {
            role: None,
            name: party.name,
            country: party.country,
            region: present(party.region),
            kind: None,
        }),
        end_user: request.end_user.map(|party| RawParty {
            role: None,
            name: party.name,
            country: party.country,
            region: present(party.region),
            kind: present(party.r#type),
        }),
        parties: request
            .parties
            .into_iter()
            .map(|party| RawParty {
                role: present(party.role),
                name: party.name,
                country: party.country,
                region: present(party.region),
                kind: None,
            })
            .collect(),
        end_use: present(request.end_use),
        end_use_country: present(request.end_use_country),
        end_use_region: present(request.end_use_region),
        destination: request.destination.map(|place| RawPlace {
            country: place.country,
            region: present(place.region),
            area_control: present(place.area_control),
            address: present(place.address),
        }),
        contract_date: present(request.contract_date),
        exemption_claims: request.exemption_claims,
        knowledge: request
            .knowledge
            .map(|knowledge| RawKnowledge { level: knowledge.level, about: knowledge.about }),
        licences_offered: request.licences_offered,
        transit_countries: request.transit_countries,
        document_reference: present(request.document_reference),
        supersedes: present(request.supersedes),
    }
}

fn raw_goods(goods: v1::Goods) -> RawGoods {
    let stated = goods.annex_items_stated || !goods.annex_items.is_empty();
    RawGoods {
        line: goods.line,
        code: present(goods.code),
        cn: present(goods.cn),
        annex_items: stated.then_some(goods.annex_items),
        quantity: goods.quantity,
        unit: goods.unit,
        value: goods.value,
        currency: goods.currency,
        description: present(goods.description),
        classified_by: present(goods.classified_by),
        classified_on: present(goods.classified_on),
    }
}

fn present(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// An instant of the wire; `None` when it is outside the years that instants have, or its parts are out of range.
#[must_use]
pub fn instant(at: &prost_types::Timestamp) -> Option<Timestamp> {
    if !(0..1_000_000_000).contains(&at.nanos) {
        return None;
    }
    Timestamp::new(at.seconds, at.nanos).ok()
}

/// An instant of the record on the wire.
#[must_use]
pub fn timestamp(at_ms: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(at_ms.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: at_ms.div_euclid(1_000), nanos }
}

/// The outcome on the wire.
#[must_use]
pub const fn outcome(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Permitted => v1::Outcome::Permitted,
        Outcome::LicenceRequired => v1::Outcome::LicenceRequired,
        Outcome::LicenceInsufficient => v1::Outcome::LicenceInsufficient,
        Outcome::Review => v1::Outcome::Review,
        Outcome::LicenceSuspended => v1::Outcome::LicenceSuspended,
        Outcome::Prohibited => v1::Outcome::Prohibited,
    }
}

/// The outcome of the wire; `None` for the unspecified one.
#[must_use]
pub const fn outcome_from(wire: v1::Outcome) -> Option<Outcome> {
    match wire {
        v1::Outcome::Unspecified => None,
        v1::Outcome::Permitted => Some(Outcome::Permitted),
        v1::Outcome::LicenceRequired => Some(Outcome::LicenceRequired),
        v1::Outcome::LicenceInsufficient => Some(Outcome::LicenceInsufficient),
        v1::Outcome::Review => Some(Outcome::Review),
        v1::Outcome::LicenceSuspended => Some(Outcome::LicenceSuspended),
        v1::Outcome::Prohibited => Some(Outcome::Prohibited),
    }
}

/// The ground of a permission on the wire; unspecified where there is none.
#[must_use]
pub const fn basis(basis: Option<Basis>) -> v1::Basis {
    match basis {
        None => v1::Basis::Unspecified,
        Some(Basis::NotControlled) => v1::Basis::NotControlled,
        Some(Basis::IntraEu) => v1::Basis::IntraEu,
        Some(Basis::GeneralAuthorisation) => v1::Basis::GeneralAuthorisation,
        Some(Basis::Cleared) => v1::Basis::Cleared,
        Some(Basis::Exemption) => v1::Basis::Exemption,
        Some(Basis::WindDown) => v1::Basis::WindDown,
        Some(Basis::Licence) => v1::Basis::Licence,
    }
}

/// The state of a finding on the wire.
#[must_use]
pub const fn finding_state(state: FindingState) -> v1::FindingState {
    match state {
        FindingState::Stands => v1::FindingState::Stands,
        FindingState::Unknown => v1::FindingState::Unknown,
        FindingState::Lifted => v1::FindingState::Lifted,
        FindingState::Satisfied => v1::FindingState::Satisfied,
    }
}

/// What a rule does, on the wire.
#[must_use]
pub const fn effect(effect: Effect) -> v1::Effect {
    match effect {
        Effect::Prohibit => v1::Effect::Prohibit,
        Effect::RequireLicence(Authorisation::DualUse) => v1::Effect::RequireDualUseLicence,
        Effect::RequireLicence(Authorisation::Military) => v1::Effect::RequireMilitaryLicence,
        Effect::RequireLicence(Authorisation::Sanctions) => v1::Effect::RequireSanctionsAuthorisation,
        Effect::RequireLicence(Authorisation::Transfer) => v1::Effect::RequireTransferLicence,
        Effect::SuspendLicences => v1::Effect::SuspendLicences,
        Effect::LicenceExceeded => v1::Effect::LicenceExceeded,
        Effect::Review => v1::Effect::Review,
        Effect::Policy => v1::Effect::Policy,
        Effect::Permit => v1::Effect::Permit,
        Effect::Duty => v1::Effect::Duty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_and_the_record_number_alike() {
        for of_domain in Outcome::ALL {
            assert_eq!(outcome(of_domain) as i32, i32::from(of_domain.code()));
            assert_eq!(outcome_from(outcome(of_domain)), Some(of_domain));
        }
        for of_domain in Basis::ALL {
            assert_eq!(basis(Some(of_domain)) as i32, i32::from(of_domain.code()));
        }
        for of_domain in Effect::ALL {
            assert_eq!(effect(of_domain) as i32, i32::from(of_domain.code()));
            assert_eq!(effect(of_domain).as_str_name(), format!("EFFECT_{}", of_domain.as_str()));
        }
    }

    #[test]
    fn annex_items_are_stated_when_there_are_some_or_when_it_says_so() {
        let stated = |annex_items: &[&str], annex_items_stated| {
            let annex_items = annex_items.iter().map(|item| (*item).to_owned()).collect();
            raw_goods(v1::Goods { annex_items, annex_items_stated, ..v1::Goods::default() }).annex_items
        };
        assert_eq!(stated(&[], false), None);
        assert_eq!(stated(&[], true), Some(Vec::new()));
        assert_eq!(stated(&["833/2014:II"], false), Some(vec!["833/2014:II".to_owned()]));
    }

    #[test]
    fn instants_outside_their_range_are_none() {
        let at = |seconds, nanos| instant(&prost_types::Timestamp { seconds, nanos });
        assert_eq!(at(0, 0), Some(Timestamp::UNIX_EPOCH));
        assert_eq!(at(i64::MAX, 0), None);
        assert_eq!(at(0, -1), None);
        assert_eq!(at(0, 1_000_000_000), None);
        assert_eq!(timestamp(-1), prost_types::Timestamp { seconds: -1, nanos: 999_000_000 });
    }
}
