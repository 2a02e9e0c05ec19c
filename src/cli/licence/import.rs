//! `slagboom licence import`: files of licences, all of them or none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use serde_json::json;

use super::{Server, of_daemon, request_id};
use crate::cli::client::Connection;
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::progress::Progress;
use crate::cli::{Format, client, input, print};
use crate::proto::v1::{self, licence_service_client::LicenceServiceClient};
use crate::register::{LicenceText, LineText};
use crate::server::grpc::{licence_message, licence_text};

/// The columns that a CSV file may have.
const COLUMNS: [&str; 21] = [
    "number",
    "kind",
    "holder",
    "authority",
    "issued",
    "valid_from",
    "valid_until",
    "country",
    "destinations",
    "end_user",
    "consignee",
    "end_use",
    "line",
    "eccn",
    "list_version",
    "description",
    "quantity",
    "unit",
    "value",
    "currency",
    "goods_value_eur",
];

/// Every row is read before anything is recorded; where one is bad, all bad ones are listed and nothing is. A licence
/// that is in the register already, and is the same, is passed over, so that an import that was cut short goes on where
/// it stopped.
#[derive(Args, Debug)]
pub struct Import {
    /// CSV with the columns number, kind, holder, eccn, country (several apart by `;`), issued, `valid_from`,
    /// `valid_until`, `end_user`, consignee, quantity, unit, value, currency (or `goods_value_eur`), and authority,
    /// `end_use`, line, `list_version`, description where there are; or YAML with the licences in the shape of
    /// `RecordLicence`, one or a list. `-` is YAML on standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Read the files and record nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
}

/// A licence with where it stands.
#[derive(Debug)]
struct Row {
    at: String,
    text: LicenceText,
}

impl Import {
    pub fn run(self) -> Done {
        let (mut rows, mut bad) = (Vec::new(), Vec::new());
        for path in &self.files {
            read(path, &mut rows, &mut bad)?;
        }
        let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
        for row in &rows {
            if let Some(first) = numbers.insert(row.text.number.trim(), &row.at) {
                bad.push(format!("{}: number: `{}` stands at {first} too", row.at, row.text.number));
            }
            if let Err(violations) = row.text.parse() {
                let faults =
                    violations.iter().map(|bad| format!("{}: {}: {}", row.at, bad.field, bad.description));
                bad.extend(faults);
            }
        }
        refuse(&bad)?;
        let recorded = if self.dry_run {
            0
        } else {
            self.server.place.write(async |licences| self.record(licences, &rows).await)?
        };
        match self.server.format {
            Format::Json => print::json(&json!({ "read": rows.len(), "recorded": recorded }))?,
            Format::Human => {
                let read = print::grouped(rows.len() as u64);
                print::out(&format!("{read} licences read, {} recorded\n", print::grouped(recorded)))?;
            }
        }
        Ok(Exit::Fine)
    }

    async fn record(
        &self,
        licences: &mut LicenceServiceClient<Connection>,
        rows: &[Row],
    ) -> Result<u64, Failure> {
        // What is there already is looked at before anything is recorded.
        let known = of_daemon(licences, v1::ListLicencesRequest::default()).await?;
        let known = known.into_iter().filter_map(|held| held.licence);
        let known: BTreeMap<String, LicenceText> =
            known.map(|licence| (licence.number.clone(), licence_text(licence))).collect();
        let mut bad = Vec::new();
        let mut fresh = Vec::new();
        for row in rows {
            // As the wire has it, so that what the wire does not tell apart is no difference.
            let text = licence_text(licence_message(row.text.clone()));
            match known.get(row.text.number.trim()) {
                None => fresh.push((row, text)),
                Some(other) if *other == text => {}
                Some(_) => bad.push(format!(
                    "{}: number: another licence `{}` is in the register",
                    row.at, row.text.number
                )),
            }
        }
        refuse(&bad)?;
        let mut progress = Progress::new("recording licences", Some(fresh.len() as u64));
        let mut recorded = 0;
        for (row, text) in fresh {
            let licence = licence_message(text);
            let request_id = request_id("import", &licence);
            let request = v1::RecordLicenceRequest { request_id, licence: Some(licence) };
            licences.record_licence(request).await.map_err(|fault| client::failure(&row.at, &fault))?;
            recorded += 1;
            progress.done(recorded);
        }
        Ok(recorded)
    }
}

fn refuse(bad: &[String]) -> Result<(), Failure> {
    if bad.is_empty() {
        return Ok(());
    }
    Err(anyhow!("nothing was imported, {} faults:\n  {}", bad.len(), bad.join("\n  ")).into())
}

fn read(path: &Path, rows: &mut Vec<Row>, bad: &mut Vec<String>) -> Result<(), Failure> {
    let text = input::text(path)?;
    let name = path.display().to_string();
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let before = rows.len();
    if is_csv {
        table(&name, &text, rows, bad);
    } else {
        document(&name, &text, rows, bad);
    }
    if rows.len() == before && bad.is_empty() {
        bad.push(format!("{name}: holds no licence"));
    }
    Ok(())
}

/// The licences of a CSV text.
pub fn rows_of(name: &str, text: &str) -> Result<Vec<LicenceText>, Failure> {
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    table(name, text, &mut rows, &mut bad);
    refuse(&bad)?;
    Ok(rows.into_iter().map(|row| row.text).collect())
}

/// The one thing that a YAML file holds.
pub fn one_of<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = input::text(path)?;
    serde_yaml::from_str(&text).map_err(|fault| anyhow!("`{}`: {fault}", path.display()).into())
}

fn document(name: &str, text: &str, rows: &mut Vec<Row>, bad: &mut Vec<String>) {
    let top: Result<serde_yaml::Value, _> = serde_yaml::from_str(text);
    let is_list = matches!(top, Ok(serde_yaml::Value::Sequence(_)));
    let read = if is_list {
        serde_yaml::from_str::<Vec<LicenceText>>(text)
    } else {
        serde_yaml::from_str::<LicenceText>(text).map(|one| vec![one])
    };
    match read {
        Ok(licences) => {
            let read = licences.into_iter().enumerate();
            rows.extend(read.map(|(at, text)| Row { at: format!("{name}[{at}]"), text }));
        }
        Err(fault) => bad.push(format!("{name}: {fault}")),
    }
}

fn table(name: &str, text: &str, rows: &mut Vec<Row>, bad: &mut Vec<String>) {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = match reader.headers() {
        Ok(headers) => headers.clone(),
        Err(fault) => return bad.push(format!("{name}: {fault}")),
    };
    let unknown: Vec<&str> = headers.iter().filter(|column| !COLUMNS.contains(column)).collect();
    if !unknown.is_empty() {
        bad.push(format!(
            "{name}: unknown columns: {}; known are {}",
            unknown.join(", "),
            COLUMNS.join(", ")
        ));
        return;
    }
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(fault) => {
                bad.push(format!("{name}: {fault}"));
                continue;
            }
        };
        let at = format!("{name}:{}", record.position().map_or(0, csv::Position::line));
        let get = |column: &str| {
            let found = headers.iter().position(|header| header == column).and_then(|at| record.get(at));
            found.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let several = |column: &str| {
            get(column).map(|text| text.split(';').map(|part| part.trim().to_owned()).collect::<Vec<_>>())
        };
        let euro = get("goods_value_eur");
        if euro.is_some() && (get("value").is_some() || get("currency").is_some()) {
            bad.push(format!("{at}: goods_value_eur: stands beside value or currency"));
        }
        let line = get("line").map_or(Ok(0), |line| line.parse::<u32>());
        if line.is_err() {
            bad.push(format!("{at}: line: is no number"));
        }
        let goods = LineText {
            line: line.unwrap_or_default(),
            code: get("eccn").unwrap_or_default(),
            list_version: get("list_version"),
            description: get("description"),
            quantity: get("quantity"),
            unit: get("unit"),
            value: euro.or_else(|| get("value")),
            currency: get("currency"),
        };
        let licence = LicenceText {
            number: get("number").unwrap_or_default(),
            kind: get("kind").unwrap_or_default(),
            holder: get("holder").unwrap_or_default(),
            authority: get("authority"),
            issued: get("issued"),
            valid_from: get("valid_from"),
            valid_until: get("valid_until"),
            destinations: several("country").or_else(|| several("destinations")).unwrap_or_default(),
            end_users: several("end_user"),
            consignees: several("consignee"),
            end_use: get("end_use"),
            conditions: Vec::new(),
            lines: vec![goods],
        };
        // A row that repeats the number of the row above it is a further line of the same licence.
        match rows.last_mut().filter(|last| last.text.number == licence.number && !licence.number.is_empty())
        {
            Some(last) => {
                let head = LicenceText { lines: last.text.lines.clone(), ..licence.clone() };
                if head == last.text {
                    last.text.lines.extend(licence.lines);
                } else {
                    bad.push(format!("{at}: `{}` is described otherwise in the row above", licence.number));
                }
            }
            None => rows.push(Row { at, text: licence }),
        }
    }
}
