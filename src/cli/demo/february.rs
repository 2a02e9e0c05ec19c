//! `slagboom demo february-2022`: the suspension of every licence for Russia, rehearsed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::anyhow;
use jiff::Timestamp;
use rust_decimal::Decimal;

use super::super::exit::{Done, Exit, Failure};
use super::super::licence::{grouped_amount, rows_of};
use super::super::{answer, client, print, rules, serve};
use super::{Daemon, EXAMPLES, LOOPBACK, replayed, replayed_under};
use crate::archive::Archive;
use crate::clock::Fixed;
use crate::proto::v1;
use crate::register::LicenceText;
use crate::server::grpc::licence_message;
use crate::server::{self, Opening};
use crate::service::replay::{Summary, Under};
use crate::store::Options;

/// The register that ships as an example.
const REGISTER: &str = "licences/nl_dual_use_russia_2014_2022.csv";
/// How many orders are placed.
const ORDERS: usize = 6;

/// What an order came to.
struct Ordered {
    number: String,
    request: v1::CheckExportRequest,
    decision: v1::Decision,
}

/// Imports, orders, ships, suspends, bans and replays, in a daemon whose clock stands where the story is, so that it knows
/// the law that was known then.
pub fn rehearse() -> Done {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let clock = Arc::new(Fixed::new(ms("2022-02-21T12:00:00Z")?));
    let rulebook = serve::in_force(rules::load(None)?)?;
    let service = Arc::new(server::open(Opening::new(Options::new(&data), rulebook, clock.clone()))?);
    let daemon = Daemon::start(service.clone(), LOOPBACK)?;
    let address = daemon.address.to_string();
    let told = client::runtime()?.block_on(story(&address, &clock));
    daemon.stop()?;
    drop(service);
    told?;
    let archive = Archive::open_data(&data)?;
    let then = replayed(&archive)?;
    let later = Under::AsKnownAt("2022-03-01T00:00:00Z".parse()?);
    let now = replayed_under(&archive, later)?;
    print::out(&audited(&then, &now))?;
    if then.same == then.decisions && then.unreplayable == 0 {
        Ok(Exit::Fine)
    } else {
        Err(Failure::new(Exit::No, anyhow!("the log does not replay")))
    }
}

async fn story(address: &str, clock: &Fixed) -> Result<(), Failure> {
    let mut licences = client::licences(client::connect(address).await?);
    let mut control = client::control(client::connect(address).await?);
    let failed = |status| client::failure("the rehearsal", &status);

    chapter("21 February 2022: the register is imported, and exporters order")?;
    let rows = register()?;
    for row in &rows {
        let request_id = format!("import/{}", row.number);
        let request = v1::RecordLicenceRequest { request_id, licence: Some(licence_message(row.clone())) };
        licences.record_licence(request).await.map_err(failed)?;
    }
    say(&format!("  {} licences recorded, each an entry of the log\n", rows.len()))?;
    let mut orders = Vec::new();
    for (at, row) in running(&rows).into_iter().enumerate() {
        if orders.len() == ORDERS {
            break;
        }
        // The last one is planned for a day on which more will be known than today.
        let day = if orders.len() == ORDERS - 1 { "2022-02-28" } else { "2022-02-24" };
        let request = order(row, at, day);
        let response = control.check_export(request.clone()).await.map_err(failed)?;
        let decision = response.into_inner().decision.unwrap_or_default();
        if decision.outcome() == v1::Outcome::Permitted {
            orders.push(Ordered { number: row.number.clone(), request, decision });
        }
    }
    if orders.len() < ORDERS {
        return Err(anyhow!("only {} of the orders were permitted", orders.len()).into());
    }
    for ordered in &orders {
        let Some(part) = ordered.decision.allocations.first() else { continue };
        say(&format!(
            "  {}  {} EUR of {} reserved until {}, {} left\n",
            answer::outcome(ordered.decision.outcome()),
            grouped_amount(&part.value),
            ordered.number,
            ordered.decision.reserved_until,
            grouped_amount(&part.remaining_value)
        ))?;
    }

    chapter("22 February: some of the goods leave")?;
    clock.set(ms("2022-02-22T12:00:00Z")?);
    for (ordered, share) in orders.iter().zip([1, 2]) {
        let request = shipment(ordered, "2022-02-22", share);
        let confirmed = control.confirm_shipment(request).await.map_err(failed)?.into_inner();
        for written_off in &confirmed.written_off {
            let value = grouped_amount(&written_off.value);
            say(&format!("  {value} EUR written off {}\n", written_off.licence))?;
        }
    }

    chapter("24 February: every licence for Russia is suspended, whatever its end date")?;
    clock.set(ms("2022-02-24T09:00:00Z")?);
    let request = v1::SuspendLicencesRequest {
        request_id: "suspension".to_owned(),
        countries: vec!["RU".to_owned()],
        kinds: vec!["individual".to_owned(), "global".to_owned()],
        from: "2022-02-24".to_owned(),
        reason: "suspension of all dual-use licences with final destination Russia".to_owned(),
        ..Default::default()
    };
    let stopped = licences.suspend_licences(request).await.map_err(failed)?.into_inner();
    say(&super::super::licence::suspended(&stopped))?;
    let request = v1::ListLicencesRequest { usable_on: "2022-02-24".to_owned(), ..Default::default() };
    let usable = licences.list_licences(request).await.map_err(failed)?.into_inner().licences.len();
    say(&format!("  licences that may still be used: {usable}\n"))?;
    if let Some(ordered) = orders.get(2) {
        let refused = control.confirm_shipment(shipment(ordered, "2022-02-24", 1)).await;
        let why = refused.err().map(|status| status.message().to_owned()).unwrap_or_default();
        say(&format!("  goods that are ready today stay: {why}\n"))?;
    }
    ask_again(&mut control, &orders, "again/24", "2022-02-25").await?;

    chapter("27 February: the Council has banned the goods themselves")?;
    clock.set(ms("2022-02-27T12:00:00Z")?);
    ask_again(&mut control, &orders, "again/27", "2022-02-28").await
}

/// The first order under a new id, for another day.
async fn ask_again(
    control: &mut v1::export_control_service_client::ExportControlServiceClient<client::Connection>,
    orders: &[Ordered],
    id: &str,
    day: &str,
) -> Result<(), Failure> {
    let Some(ordered) = orders.first() else { return Ok(()) };
    let request = v1::CheckExportRequest {
        request_id: id.to_owned(),
        export_date: day.to_owned(),
        ..ordered.request.clone()
    };
    let response = control.check_export(request).await;
    let response = response.map_err(|status| client::failure("the rehearsal", &status))?;
    let decision = response.into_inner().decision.unwrap_or_default();
    let rules: BTreeSet<&str> = decision
        .findings
        .iter()
        .filter(|finding| finding.outcome() != v1::Outcome::Unspecified)
        .map(|finding| finding.rule.as_str())
        .collect();
    let rules: Vec<&str> = rules.into_iter().collect();
    let outcome = answer::outcome(decision.outcome());
    say(&format!("  the first order again, for {day}: {outcome} by {}\n", rules.join(", ")))
}

fn audited(then: &Summary, now: &Summary) -> String {
    let mut text = format!("\n{}\n", print::bold("Years later: an auditor decides all of it again"));
    let _ =
        writeln!(text, "  as known then: {} decisions, {} the same to the byte", then.decisions, then.same);
    let _ = writeln!(text, "  as known on 1 March 2022: {} change", now.changed);
    for ((was, becomes), change) in &now.changes {
        let by = change.main_rule().unwrap_or_default();
        let _ = writeln!(text, "    {}: {} → {}, by rule {by}", change.count, was.as_str(), becomes.as_str());
    }
    text
}

/// The licences of the shipped register.
fn register() -> Result<Vec<LicenceText>, Failure> {
    let text = EXAMPLES.get_file(REGISTER).and_then(|file| file.contents_utf8());
    rows_of(REGISTER, text.ok_or_else(|| anyhow!("`{REGISTER}` is not in this program"))?)
}

/// Those for information security that run in February 2022, the largest first.
fn running(rows: &[LicenceText]) -> Vec<&LicenceText> {
    let security = |row: &&LicenceText| {
        row.lines
            .iter()
            .all(|line| ["5A002", "5D002", "5E002"].iter().any(|entry| line.code.starts_with(entry)))
    };
    let runs = |row: &&LicenceText| {
        row.valid_until.as_deref().is_some_and(|until| until > "2022-03-01")
            && row.valid_from.as_deref().is_some_and(|from| from < "2022-02-21")
    };
    let mut found: Vec<&LicenceText> = rows.iter().filter(security).filter(runs).collect();
    found.sort_by_key(|row| std::cmp::Reverse(value(row)));
    found
}

fn value(row: &LicenceText) -> Decimal {
    row.lines.iter().filter_map(|line| line.value.as_deref()?.parse::<Decimal>().ok()).sum()
}

/// A tenth of what a licence is worth, for its own end user.
fn order(row: &LicenceText, at: usize, day: &str) -> v1::CheckExportRequest {
    let end_user = row.end_users.iter().flatten().next().cloned().unwrap_or_default();
    let tenth = (value(row) / Decimal::TEN).trunc();
    v1::CheckExportRequest {
        request_id: format!("order/{at}"),
        export_date: day.to_owned(),
        exporter: Some(v1::Exporter {
            name: row.holder.clone(),
            country: "NL".to_owned(),
            ..Default::default()
        }),
        goods: vec![v1::Goods {
            line: 1,
            code: row.lines.first().map(|line| line.code.clone()).unwrap_or_default(),
            annex_items_stated: true,
            quantity: "10".to_owned(),
            unit: "pcs".to_owned(),
            value: tenth.to_string(),
            currency: "EUR".to_owned(),
            ..Default::default()
        }],
        consignee: Some(v1::Consignee {
            name: end_user.clone(),
            country: "RU".to_owned(),
            ..Default::default()
        }),
        end_user: Some(v1::EndUser {
            name: end_user,
            country: "RU".to_owned(),
            r#type: "civil".to_owned(),
            ..Default::default()
        }),
        end_use: "civil".to_owned(),
        destination: Some(v1::Destination { country: "RU".to_owned(), ..Default::default() }),
        licences_offered: vec![row.number.clone()],
        ..Default::default()
    }
}

/// One part in so many of what an order reserved.
fn shipment(ordered: &Ordered, day: &str, share: i64) -> v1::ConfirmShipmentRequest {
    let part = ordered.decision.allocations.first();
    let of = |text: Option<&String>| {
        let whole = text.and_then(|text| text.parse::<Decimal>().ok()).unwrap_or_default();
        (whole / Decimal::from(share)).trunc().to_string()
    };
    v1::ConfirmShipmentRequest {
        request_id: format!("shipment/{}/{day}", ordered.number),
        decision_id: ordered.decision.decision_id.clone(),
        export_date: day.to_owned(),
        reference: "22NL000000000001".to_owned(),
        lines: vec![v1::ShippedGoods {
            line: 1,
            quantity: of(part.map(|part| &part.quantity)),
            value: of(part.map(|part| &part.value)),
            currency: "EUR".to_owned(),
        }],
        last: false,
    }
}

fn ms(instant: &str) -> Result<i64, Failure> {
    Ok(instant.parse::<Timestamp>()?.as_millisecond())
}

fn chapter(title: &str) -> Result<(), Failure> {
    say(&format!("\n{}\n", print::bold(title)))
}

fn say(text: &str) -> Result<(), Failure> {
    Ok(print::out(text)?)
}
