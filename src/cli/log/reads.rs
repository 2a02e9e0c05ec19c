//! `slagboom log reads`: who read the log since the daemon started.

use std::fmt::Write as _;

use clap::Args;

use crate::cli::exit::{Done, Exit};
use crate::cli::place::SERVER_DEFAULT;
use crate::cli::{Format, client, print};
use crate::proto::{self, v1};
use crate::server::grpc::convert;

#[derive(Args, Debug)]
pub struct Reads {
    /// Ask the daemon at this address
    #[arg(long, value_name = "URL", default_value = SERVER_DEFAULT)]
    server: String,
    /// How to print; `json` is the response as proto JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Reads {
    pub fn run(self) -> Done {
        let response = client::runtime()?.block_on(async {
            let mut log = client::log(client::connect(&self.server).await?);
            let response = log.list_reads(v1::ListReadsRequest {}).await;
            response.map_err(|status| client::failure("log reads", &status))
        })?;
        let response = response.into_inner();
        match self.format {
            Format::Json => print::json(&proto::json(&response, "slagboom.v1.ListReadsResponse")?)?,
            Format::Human => print::out(&table(&response))?,
        }
        Ok(Exit::Fine)
    }
}

fn table(response: &v1::ListReadsResponse) -> String {
    let mut text = String::new();
    for reads in &response.reads {
        let last = reads.last_at.as_ref().and_then(convert::instant);
        let last = last.map_or_else(String::new, |at| at.to_string());
        let _ = writeln!(text, "{:>8}  {:<20}  {:<24}  last {last}", reads.count, reads.method, reads.caller);
    }
    if response.reads.is_empty() {
        text.push_str("nobody has read the log since the daemon started\n");
    }
    text
}
