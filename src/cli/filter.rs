//! Which recorded decisions: the options that the verbs on the log share.

use clap::Args;
use jiff::Timestamp;

use crate::proto::v1;
use crate::server::grpc::convert;
use crate::service::RawFilter;

/// All that is given must hold.
#[derive(Args, Debug)]
pub struct FilterArgs {
    /// Name of the exporter
    #[arg(long, value_name = "NAME", default_value_t)]
    exporter: String,
    /// Name of any other party
    #[arg(long, value_name = "NAME", default_value_t)]
    party: String,
    /// Country or region of destination
    #[arg(long, value_name = "CODE", default_value_t)]
    destination: String,
    /// Control code: the code and everything under it
    #[arg(long, value_name = "CODE", default_value_t)]
    eccn: String,
    /// Outcome, such as `PROHIBITED`
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    outcome: Option<v1::Outcome>,
    /// Id of a rule among the findings
    #[arg(long, value_name = "RULE", default_value_t)]
    rule: String,
    /// Recorded at or after this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// Recorded before this instant (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
}

impl FilterArgs {
    /// As a daemon is asked.
    pub fn message(&self) -> v1::DecisionFilter {
        v1::DecisionFilter {
            exporter: self.exporter.clone(),
            party: self.party.clone(),
            destination: self.destination.clone(),
            eccn: self.eccn.clone(),
            outcome: self.outcome.unwrap_or_default().into(),
            rule: self.rule.clone(),
            recorded_from: self.from.map(instant),
            recorded_until: self.until.map(instant),
        }
    }

    /// As the service is asked in this process.
    pub fn raw(&self) -> RawFilter {
        RawFilter {
            exporter: self.exporter.clone(),
            party: self.party.clone(),
            destination: self.destination.clone(),
            eccn: self.eccn.clone(),
            outcome: self.outcome.and_then(convert::outcome_from),
            rule: self.rule.clone(),
            from_ms: self.from.map(Timestamp::as_millisecond),
            until_ms: self.until.map(Timestamp::as_millisecond),
        }
    }
}

/// An instant of the command line on the wire; records know milliseconds.
pub fn instant(at: Timestamp) -> prost_types::Timestamp {
    convert::timestamp(at.as_millisecond())
}

/// Reads an outcome as answers write it, in any case.
pub fn outcome(text: &str) -> Result<v1::Outcome, String> {
    let name = format!("OUTCOME_{}", text.to_ascii_uppercase());
    let found = v1::Outcome::from_str_name(&name).filter(|outcome| *outcome != v1::Outcome::Unspecified);
    found.ok_or_else(|| {
        "one of PERMITTED, LICENCE_REQUIRED, LICENCE_INSUFFICIENT, REVIEW, LICENCE_SUSPENDED, PROHIBITED"
            .to_owned()
    })
}
