//! Printing that survives a reader who leaves.

use std::io::{self, Write};

use owo_colors::{OwoColorize, Style};
use serde::Serialize;

/// Writes a text to standard output, with colours where it is a terminal.
///
/// A reader that is gone is no failure: `slagboom log list | head` ends quietly. Nor does it change how the verb ends:
/// `slagboom check … | head -1` still says by its exit code whether the goods may go (`never_permit_by_default`).
pub fn out(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
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

/// A number with its thousands apart: `90,113`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
