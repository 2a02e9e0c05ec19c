//! Printing that survives a reader who leaves.

use std::io::{self, Write};

use owo_colors::{OwoColorize, Style};
use serde::Serialize;

/// Writes a text to standard output, with colours where it is a terminal.
pub fn out(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes one JSON document and a line end to standard output.
pub fn json(document: &impl Serialize) -> Result<(), anyhow::Error> {
    let mut text = serde_json::to_string_pretty(document)?;
    text.push('\n');
    Ok(out(&text)?)
}

/// A text in bold.
pub fn bold(text: &str) -> String {
    text.style(Style::new().bold()).to_string()
}

/// A text that steps back.
pub fn dim(text: &str) -> String {
    text.style(Style::new().dimmed()).to_string()
}

/// A good answer.
#[cfg(feature = "daemon")]
pub fn good(text: &str) -> String {
    text.style(Style::new().green().bold()).to_string()
}

/// A bad answer.
pub fn bad(text: &str) -> String {
    text.style(Style::new().red().bold()).to_string()
}

/// An answer that waits for something.
#[cfg(feature = "daemon")]
pub fn wait(text: &str) -> String {
    text.style(Style::new().yellow().bold()).to_string()
}
