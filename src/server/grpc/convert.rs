//! The one border between the messages of the wire and the domain.

use jiff::Timestamp;

use crate::{
    domain::{
        outcome::{Authorisation, Basis, Effect, FindingState, Outcome},
        request::{RawAllocation, RawGoods, RawKnowledge, RawParty, RawPlace, RawRequest},
    },
    proto::v1,
    service::ReceiptKind,
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
        follows: present(request.follows),
        reservation_days: (request.reservation_days != 0).then_some(request.reservation_days),
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
        allocations: goods
            .allocations
            .into_iter()
            .map(|asked| RawAllocation {
                licence: asked.licence,
                licence_line: asked.licence_line,
                quantity: asked.quantity,
                value: asked.value,
            })
            .collect(),
    }
}

/// A request of the domain as a message, for those who ask a daemon. The way back gives the same request, except that an
/// empty text comes back as an absent one.
///
/// # Errors
/// The text of a `known_at` that is no instant: the wire has no place for it.
pub fn request_message(request: RawRequest) -> Result<v1::CheckExportRequest, String> {
    let known_at = match request.known_at.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let at: Timestamp = text.parse().map_err(|_| text)?;
            Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
        }
    };
    Ok(v1::CheckExportRequest {
        request_id: request.request_id.unwrap_or_default(),
        dry_run: request.dry_run,
        export_date: request.export_date,
        known_at,
        exporter: request.exporter.map(|party| v1::Exporter {
            name: party.name,
            country: party.country,
            region: party.region.unwrap_or_default(),
        }),
        goods: request.goods.into_iter().map(goods_message).collect(),
        consignee: request.consignee.map(|party| v1::Consignee {
            name: party.name,
            country: party.country,
            region: party.region.unwrap_or_default(),
        }),
        end_user: request.end_user.map(|party| v1::EndUser {
            name: party.name,
            country: party.country,
            region: party.region.unwrap_or_default(),
            r#type: party.kind.unwrap_or_default(),
        }),
        end_use: request.end_use.unwrap_or_default(),
        end_use_country: request.end_use_country.unwrap_or_default(),
        end_use_region: request.end_use_region.unwrap_or_default(),
        destination: request.destination.map(|place| v1::Destination {
            country: place.country,
            region: place.region.unwrap_or_default(),
            area_control: place.area_control.unwrap_or_default(),
            address: place.address.unwrap_or_default(),
        }),
        contract_date: request.contract_date.unwrap_or_default(),
        exemption_claims: request.exemption_claims,
        knowledge: request
            .knowledge
            .map(|knowledge| v1::Knowledge { level: knowledge.level, about: knowledge.about }),
        licences_offered: request.licences_offered,
        activity: request.activity.unwrap_or_default(),
        parties: request
            .parties
            .into_iter()
            .map(|party| v1::InvolvedParty {
                role: party.role.unwrap_or_default(),
                name: party.name,
                country: party.country,
                region: party.region.unwrap_or_default(),
            })
            .collect(),
        transit_countries: request.transit_countries,
        document_reference: request.document_reference.unwrap_or_default(),
        supersedes: request.supersedes.unwrap_or_default(),
        follows: request.follows.unwrap_or_default(),
        reservation_days: request.reservation_days.unwrap_or_default(),
        receipt: v1::ReceiptKind::Unspecified.into(),
    })
}

/// What proof of its record an answer is to carry; nothing for a number that means none of them.
#[must_use]
pub fn receipt_kind(number: i32) -> Option<ReceiptKind> {
    Some(match v1::ReceiptKind::try_from(number).ok()? {
        v1::ReceiptKind::Unspecified => ReceiptKind::None,
        v1::ReceiptKind::LeafHash => ReceiptKind::LeafHash,
        v1::ReceiptKind::Full => ReceiptKind::Full,
    })
}

fn goods_message(goods: RawGoods) -> v1::Goods {
    v1::Goods {
        line: goods.line,
        code: goods.code.unwrap_or_default(),
        cn: goods.cn.unwrap_or_default(),
        annex_items_stated: goods.annex_items.is_some(),
        annex_items: goods.annex_items.unwrap_or_default(),
        quantity: goods.quantity,
        unit: goods.unit,
        value: goods.value,
        currency: goods.currency,
        description: goods.description.unwrap_or_default(),
        classified_by: goods.classified_by.unwrap_or_default(),
        classified_on: goods.classified_on.unwrap_or_default(),
        allocations: goods
            .allocations
            .into_iter()
            .map(|asked| v1::AskedAllocation {
                licence: asked.licence,
                licence_line: asked.licence_line,
                quantity: asked.quantity,
                value: asked.value,
            })
            .collect(),
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
    fn a_request_survives_the_wire_and_back() {
        let goods = RawGoods {
            line: 7,
            code: Some("5A002.a".to_owned()),
            cn: Some("85176200".to_owned()),
            annex_items: Some(Vec::new()),
            quantity: "1".to_owned(),
            unit: "pcs".to_owned(),
            value: "2".to_owned(),
            currency: "EUR".to_owned(),
            description: Some("what".to_owned()),
            classified_by: Some("who".to_owned()),
            classified_on: Some("2022-01-01".to_owned()),
            allocations: vec![RawAllocation {
                licence: "NL-1".to_owned(),
                licence_line: 2,
                quantity: "1".to_owned(),
                value: "2".to_owned(),
            }],
        };
        let party = |role: &str, kind: &str| RawParty {
            role: present(role.to_owned()),
            name: "name".to_owned(),
            country: "NL".to_owned(),
            region: Some("NL-ZH".to_owned()),
            kind: present(kind.to_owned()),
        };
        let request = RawRequest {
            request_id: Some("id".to_owned()),
            dry_run: true,
            export_date: "2022-02-26".to_owned(),
            known_at: Some("2022-02-25T11:00:00Z".to_owned()),
            activity: Some("export".to_owned()),
            exporter: Some(party("", "")),
            goods: vec![
                goods.clone(),
                RawGoods { annex_items: Some(vec!["833/2014:II".to_owned()]), ..goods },
            ],
            consignee: Some(party("", "")),
            end_user: Some(party("", "civil")),
            parties: vec![party("bank", "")],
            end_use: Some("civil".to_owned()),
            end_use_country: Some("DE".to_owned()),
            end_use_region: Some("DE-BY".to_owned()),
            destination: Some(RawPlace {
                country: "UA".to_owned(),
                region: Some("UA-43".to_owned()),
                area_control: Some("government".to_owned()),
                address: Some("street".to_owned()),
            }),
            contract_date: Some("2021-01-01".to_owned()),
            exemption_claims: vec!["medical".to_owned()],
            knowledge: Some(RawKnowledge { level: "aware".to_owned(), about: "wmd".to_owned() }),
            licences_offered: vec!["NL-1".to_owned()],
            transit_countries: vec!["TR".to_owned()],
            document_reference: Some("DN".to_owned()),
            supersedes: Some("D1".to_owned()),
            follows: Some("D0".to_owned()),
            reservation_days: Some(90),
        };
        assert_eq!(raw_request(request_message(request.clone()).unwrap()), request);
        let odd = RawRequest { known_at: Some("yesterday".to_owned()), ..request };
        assert_eq!(request_message(odd), Err("yesterday".to_owned()));
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
