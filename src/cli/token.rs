//! `slagboom token`: who may ask the daemon.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::exit::{Done, Exit, Failure};
use super::{Format, print};
use crate::access::{AccessError, Book, Issue, TOKENS_FILE_DEFAULT, TokenRow, edit};
use crate::clock::{Clock, System};
use crate::domain::identity::Role;

/// Makes, lists and revokes the tokens that callers of the daemon are known by.
///
/// With a file of tokens the daemon answers nobody without one. A daemon that runs sees a change within a second. Verbs
/// with `--server` show the token in the variable `SLAGBOOM_TOKEN`, or in the file that `SLAGBOOM_TOKEN_FILE` names.
#[derive(Args, Debug)]
pub struct Token {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a token and print it; it is shown this once
    New(New),
    /// List the tokens of the file
    List(Place),
    /// Refuse a token from now on
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Place {
    /// The file of tokens
    #[arg(long, value_name = "FILE", env = "SLAGBOOM_TOKENS", default_value = TOKENS_FILE_DEFAULT)]
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
struct New {
    /// Name of the caller, as the log will have it; a name of a system or a post rather than of a person
    #[arg(value_name = "NAME")]
    name: String,
    /// What it may do: erp, officer, licence-admin, rule-author, auditor or admin; may be given more than once
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role)]
    roles: Vec<Role>,
    /// Exporter that it speaks for; may be given more than once [default: any]
    #[arg(long = "exporter", value_name = "NAME")]
    exporters: Vec<String>,
    /// From when on it is refused, such as `2027-12-31T23:00:00Z` [default: never]
    #[arg(long, value_name = "INSTANT")]
    expires: Option<Timestamp>,
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
struct Revoke {
    /// Id of the token, see `slagboom token list`
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Place,
}

impl Token {
    pub fn run(self) -> Done {
        match self.verb {
            Verb::New(new) => new.run(),
            Verb::List(place) => place.list(),
            Verb::Revoke(revoke) => revoke.run(),
        }
    }
}

fn role(text: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| format!("the roles are {}", known()))
}

fn now() -> Result<Timestamp, Failure> {
    Ok(Timestamp::from_millisecond(System.now_ms())?)
}

impl New {
    fn run(self) -> Done {
        let exporters = (!self.exporters.is_empty()).then_some(self.exporters);
        let issue = Issue { name: self.name, roles: self.roles, exporters, expires: self.expires };
        let now = now()?;
        let issued = edit(&self.place.file, |book| book.issue(issue, now)).map_err(|fault| match fault {
            AccessError::Issue(_) => Failure::new(Exit::Usage, anyhow!(fault)),
            _ => fault.into(),
        })?;
        match self.place.format {
            Format::Json => {
                let mut told = told(&issued.row);
                if let Value::Object(fields) = &mut told {
                    fields.insert("token".to_owned(), issued.token.reveal().into());
                }
                print::json(&told)?;
            }
            Format::Human => {
                print::out(&format!("{}\n", issued.token.reveal()))?;
                anstream::eprintln!(
                    "token {} of {}, in `{}`; it is shown this once",
                    issued.row.id,
                    issued.row.name,
                    self.place.file.display()
                );
            }
        }
        Ok(Exit::Fine)
    }
}

impl Revoke {
    fn run(self) -> Done {
        if !self.place.file.exists() {
            return Err(self.place.absent());
        }
        let now = now()?;
        let row = edit(&self.place.file, |book| book.revoke(&self.id, now))?;
        self.place.tell(&[row], now)
    }
}

impl Place {
    fn absent(&self) -> Failure {
        anyhow!("there is no file of tokens `{}`", self.file.display()).into()
    }

    fn list(self) -> Done {
        if !self.file.exists() {
            return Err(self.absent());
        }
        self.tell(Book::read(&self.file)?.rows(), now()?)
    }

    fn tell(&self, rows: &[TokenRow], now: Timestamp) -> Done {
        match self.format {
            Format::Json => print::json(&json!({ "tokens": rows.iter().map(told).collect::<Vec<_>>() }))?,
            Format::Human => print::out(&table(rows, now))?,
        }
        Ok(Exit::Fine)
    }
}

fn told(row: &TokenRow) -> Value {
    json!({
        "id": row.id,
        "name": row.name,
        "roles": row.roles,
        "exporters": row.exporters,
        "created": row.created.to_string(),
        "expires": row.expires.map(|at| at.to_string()),
        "revoked": row.revoked.map(|at| at.to_string()),
    })
}

fn table(rows: &[TokenRow], now: Timestamp) -> String {
    let mut text = String::new();
    for row in rows {
        let standing = match (row.revoked, row.expires) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) if at <= now => format!("expired {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "valid".to_owned(),
        };
        let exporters =
            row.exporters.as_ref().map_or_else(|| "any exporter".to_owned(), |names| names.join("; "));
        let _ = writeln!(
            text,
            "{}  {:<24}  {:<24}  {standing:<30}  {exporters}",
            row.id,
            row.name,
            row.roles.join(",")
        );
    }
    if rows.is_empty() {
        text.push_str("no tokens\n");
    }
    text
}
