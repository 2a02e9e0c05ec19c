//! The rows of a replay, written as they come; nothing of them is held.

use std::fmt::Write as _;
use std::io::{self, BufWriter, Read, Seek, Write};

use anstream::AutoStream;
use serde::Serialize;
use tempfile::SpooledTempFile;

use super::SheetFormat;
use crate::cli::answer;
use crate::cli::print::{self, grouped};
use crate::proto::v1;

/// What cannot be replayed stands behind the differences in a JSON document, and waits for them: so much of it in
/// memory, more in a file without a name.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Changes that the headline names.
const CHANGES_NAMED: usize = 5;

/// Standard output in one of the formats.
pub(super) struct Sheet {
    format: SheetFormat,
    to: Option<BufWriter<AutoStream<io::StdoutLock<'static>>>>,
    waiting: SpooledTempFile,
    changed: u64,
    unreplayable: u64,
}

/// A difference, as the contract of the command line has it.
#[derive(Serialize)]
struct ChangedRow<'a> {
    sequence: u64,
    decision_id: &'a str,
    was: &'a str,
    now: &'a str,
    rules_added: &'a [String],
    rules_removed: &'a [String],
    cause: &'a str,
}

/// What cannot be replayed.
#[derive(Serialize)]
struct UnreplayableRow<'a> {
    sequence: u64,
    why: &'a str,
}

impl Sheet {
    pub fn begin(format: SheetFormat) -> io::Result<Self> {
        let to = Some(BufWriter::new(anstream::stdout().lock()));
        let waiting = SpooledTempFile::new(WAITING_BYTES_MAX);
        let mut sheet = Self { format, to, waiting, changed: 0, unreplayable: 0 };
        match format {
            SheetFormat::Human => {}
            SheetFormat::Json => sheet.write("{\"changed\":[")?,
            SheetFormat::Csv => {
                sheet.write("result,sequence,decision_id,was,now,rules_added,rules_removed,cause\n")?;
            }
        }
        Ok(sheet)
    }

    pub fn changed(&mut self, difference: &v1::ReplayDifference) -> io::Result<()> {
        self.changed += 1;
        let (was, now) = (answer::outcome(difference.was()), answer::outcome(difference.now()));
        let (sequence, decision_id, cause) =
            (difference.sequence, difference.decision_id.as_str(), difference.cause.as_str());
        let (added, removed) = (&difference.rules_added, &difference.rules_removed);
        let text = match self.format {
            SheetFormat::Human => {
                let rules = added.iter().map(|rule| format!("+{rule}"));
                let rules = rules.chain(removed.iter().map(|rule| format!("-{rule}")));
                let outcome = match (was, now) {
                    (was, now) if was == now => format!("{was} on other findings"),
                    (was, now) => format!("{was} → {now}"),
                };
                format!(
                    "{sequence:>8}  {}  {outcome}  {}  {}\n",
                    shown(decision_id),
                    shown(&rules.collect::<Vec<_>>().join(" ")),
                    print::dim(&shown(cause)),
                )
            }
            SheetFormat::Json => {
                let (rules_added, rules_removed) = (added.as_slice(), removed.as_slice());
                let row = ChangedRow { sequence, decision_id, was, now, rules_added, rules_removed, cause };
                format!("{}{}", separator(self.changed), serde_json::to_string(&row)?)
            }
            SheetFormat::Csv => line(&[
                "changed",
                &sequence.to_string(),
                decision_id,
                was,
                now,
                &added.join(" "),
                &removed.join(" "),
                cause,
            ]),
        };
        self.write(&text)
    }

    pub fn unreplayable(&mut self, failed: &v1::ReplayFailure) -> io::Result<()> {
        self.unreplayable += 1;
        let (sequence, why) = (failed.sequence, failed.why.as_str());
        match self.format {
            SheetFormat::Human => {
                let text = format!("{sequence:>8}  {} {}\n", print::bad("cannot be replayed:"), shown(why));
                self.write(&text)
            }
            SheetFormat::Json => {
                let row = serde_json::to_string(&UnreplayableRow { sequence, why })?;
                self.waiting.write_all(separator(self.unreplayable).as_bytes())?;
                self.waiting.write_all(row.as_bytes())
            }
            SheetFormat::Csv => {
                let text = line(&["unreplayable", &sequence.to_string(), "", "", "", "", "", why]);
                self.write(&text)
            }
        }
    }

    pub fn end(mut self, summary: &v1::ReplaySummary) -> io::Result<()> {
        match self.format {
            SheetFormat::Human => self.write(&headline(summary))?,
            SheetFormat::Json => {
                self.write("],\n\"unreplayable\":[")?;
                self.waiting.rewind()?;
                let mut part = vec![0; 1 << 16];
                loop {
                    let count = self.waiting.read(&mut part)?;
                    let Some(part) = part.get(..count).filter(|part| !part.is_empty()) else { break };
                    self.write_bytes(part)?;
                }
                let (decisions, same) = (summary.decisions, summary.same);
                self.write(&format!("],\n\"decisions\":{decisions},\"same\":{same}}}\n"))?;
            }
            SheetFormat::Csv => {}
        }
        self.flush()
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.with(|to| to.flush())
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.write_bytes(text.as_bytes())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|to| to.write_all(bytes))
    }

    /// A reader that is gone is no failure, and does not change how the verb ends: the replay goes on for its end.
    fn with(&mut self, work: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let Some(to) = &mut self.to else { return Ok(()) };
        match work(to) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // What is in the buffer has nobody to go to.
                drop(self.to.take().map(BufWriter::into_parts));
                Ok(())
            }
            done => done,
        }
    }
}

/// What a replay came to, in words.
fn headline(summary: &v1::ReplaySummary) -> String {
    let decisions = grouped(summary.decisions);
    let mut text = match (summary.decisions, summary.changed) {
        (0, _) => "no decisions to replay".to_owned(),
        (all, 0) if summary.same == all => format!("{decisions} decisions, all the same"),
        (_, 0) => format!("{} of {decisions} decisions are the same", grouped(summary.same)),
        (_, changed) => format!("{} of {decisions} decisions change", grouped(changed)),
    };
    // Other outcomes are what is looked for; other findings for the same outcome come after them.
    let mut changes: Vec<&v1::ReplayChange> = summary.changes.iter().collect();
    changes.sort_by_key(|change| change.was == change.now);
    for (at, change) in changes.iter().take(CHANGES_NAMED).enumerate() {
        let start = if at == 0 { ": " } else { "; " };
        let count = grouped(change.count);
        let _ = match (answer::outcome(change.was()), answer::outcome(change.now())) {
            (was, now) if was == now => write!(text, "{start}{count} {was} on other findings"),
            (was, now) => write!(text, "{start}{count} {was} → {now}"),
        };
        let most = change.rules.iter().map(|rule| rule.count).max();
        if let Some(rule) = change.rules.iter().find(|rule| Some(rule.count) == most) {
            let _ = write!(text, ", by rule {}", shown(&rule.rule));
            if change.rules.len() > 1 {
                let _ = write!(text, " and {} more", change.rules.len() - 1);
            }
        }
    }
    if summary.changes.len() > CHANGES_NAMED {
        text.push_str("; …");
    }
    text = if summary.changed > 0 { print::bold(&text) } else { text };
    text.push('\n');
    if summary.not_asked > 0 {
        let _ = writeln!(
            text,
            "{} differ between other outcomes than were asked for",
            grouped(summary.not_asked)
        );
    }
    if summary.unreplayable > 0 {
        let _ = writeln!(text, "{} cannot be replayed", grouped(summary.unreplayable));
    }
    text
}

/// Text of the record for a terminal: it may have been forged, and control characters do things there.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Before the row with this number in a JSON array.
fn separator(number: u64) -> &'static str {
    if number == 1 { "\n" } else { ",\n" }
}

/// A line of a table; quotes as RFC 4180 has them.
fn line(cells: &[&str]) -> String {
    let cells = cells.iter().map(|cell| {
        if cell.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            (*cell).to_owned()
        }
    });
    let mut text = cells.collect::<Vec<_>>().join(",");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_groups_of_three() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (90_113, "90,113"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(line(&["a", "b c", "", "d,e", "f\"g", "h\ni"]), "a,b c,,\"d,e\",\"f\"\"g\",\"h\ni\"\n");
    }

    #[test]
    fn a_headline_says_what_changes_and_by_which_rule() {
        let rule = |rule: &str, count| v1::ReplayRuleCount { rule: rule.to_owned(), count };
        let change = |was: v1::Outcome, now: v1::Outcome, count, rules| v1::ReplayChange {
            was: was.into(),
            now: now.into(),
            count,
            rules,
        };
        let summary = v1::ReplaySummary {
            entries: 90_114,
            decisions: 90_113,
            same: 89_699,
            changed: 412,
            not_asked: 1,
            unreplayable: 1,
            changes: vec![
                change(v1::Outcome::Permitted, v1::Outcome::Permitted, 405, vec![]),
                change(
                    v1::Outcome::Permitted,
                    v1::Outcome::Prohibited,
                    7,
                    vec![rule("A", 1), rule("RU-1", 6), rule("Z", 6)],
                ),
            ],
        };
        let told = anstream::adapter::strip_str(&headline(&summary)).to_string();
        assert_eq!(
            told,
            "412 of 90,113 decisions change: 7 PERMITTED → PROHIBITED, by rule RU-1 and 2 more; 405 PERMITTED on other findings\n\
             1 differ between other outcomes than were asked for\n1 cannot be replayed\n"
        );
        let none = v1::ReplaySummary { decisions: 3, same: 3, ..v1::ReplaySummary::default() };
        assert_eq!(headline(&none), "3 decisions, all the same\n");
    }
}
