//! YAML text to document shapes, read twice.
//!
//! `serde-saphyr` goes first: it refuses duplicate keys, unbounded aliases and depth, and knows where everything
//! stands. `serde_yaml` gives the value. A file that the two read differently is refused: nobody can say what it
//! means.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser};
use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Most nodes in one file; an alias bomb stops here.
const NODES_MAX: usize = 400_000;

/// Reads one file into its shape, or says why not.
pub(super) fn read<T: DeserializeOwned + PartialEq>(
    file: &str,
    text: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 64,
            max_nodes: NODES_MAX,
            max_events: NODES_MAX * 3,
            max_aliases: 2_000,
            max_anchors: 500,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
    };
    let strict: Option<T> = match serde_saphyr::from_str_with_options(text, options) {
        Ok(value) => Some(value),
        Err(error) => {
            let place = error.location().map(|at| (to_usize(at.line()), to_usize(at.column())));
            diagnostics.placed.push(syntax(file, place, &plain(&error.to_string())));
            None
        }
    };
    let value: T = match (serde_yaml::from_str(text), strict.is_some()) {
        (Ok(value), _) => value,
        // One message is enough where both refuse.
        (Err(_), false) => return None,
        (Err(error), true) => {
            let place = error.location().map(|at| (at.line(), at.column()));
            diagnostics.placed.push(syntax(file, place, &error.to_string()));
            return None;
        }
    };
    let strict = strict?;
    unquoted_codes(file, text, diagnostics);
    if strict != value {
        diagnostics.placed.push(Diagnostic {
            help: Some("quote the texts that could be read as numbers, dates or booleans".to_owned()),
            ..syntax(file, None, "two YAML readers read this file differently")
        });
        return None;
    }
    Some(value)
}

fn to_usize(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(0)
}

fn syntax(file: &str, place: Option<(usize, usize)>, message: &str) -> Diagnostic {
    let (line, column) = place.unwrap_or((0, 0));
    let code = if message.contains("unknown field") {
        "unknown_field"
    } else if message.contains("duplicate") {
        "duplicate_key"
    } else if message.contains("budget") || message.contains("limit") {
        "budget"
    } else {
        "syntax"
    };
    Diagnostic {
        file: file.to_owned(),
        line,
        column,
        code,
        severity: Severity::Error,
        message: message.to_owned(),
        help: None,
    }
}

/// Warns of codes such as `5E002` that stand without quotes: here they are read as the text they are, and elsewhere
/// as the number 500.
fn unquoted_codes(file: &str, text: &str, diagnostics: &mut Diagnostics) {
    let is_number = |text: &str| {
        let mut parts = text.splitn(2, ['E', 'e']);
        let all_digits =
            |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        all_digits(parts.next()) && all_digits(parts.next())
    };
    // Walking the events costs a reading; nearly every file has no such word at all.
    if !text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}')).any(is_number) {
        return;
    }
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { return };
        if let Event::Scalar(value, granit_parser::ScalarStyle::Plain, ..) = event
            && is_number(&value)
        {
            diagnostics.placed.push(Diagnostic {
                file: file.to_owned(),
                line: span.start.line(),
                column: span.start.col() + 1,
                code: "unquoted_code",
                severity: Severity::Warning,
                message: format!("`{value}` without quotes is a number to most readers of YAML"),
                help: Some(format!("write \"{value}\"")),
            });
        }
    }
}

/// The first line of an error text without its place and without words for programmers: the rest is a drawing of
/// the place, which the caller draws itself.
fn plain(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty()).unwrap_or(message);
    let line = line.trim().trim_start_matches("error:").trim();
    let line =
        line.split_once(": ").filter(|(place, _)| place.starts_with("line ")).map_or(line, |(_, rest)| rest);
    line.split(", set ").next().unwrap_or(line).to_owned()
}

/// Gives every diagnostic that knows only its path a line and a column.
pub(super) fn place(
    diagnostics: &mut Diagnostics,
    text_of: impl Fn(&str) -> Option<String>,
) -> Vec<Diagnostic> {
    let mut maps: BTreeMap<String, BTreeMap<String, (usize, usize)>> = BTreeMap::new();
    let mut placed = std::mem::take(&mut diagnostics.placed);
    for (file, path, mut diagnostic) in std::mem::take(&mut diagnostics.by_path) {
        let map = maps
            .entry(file.clone())
            .or_insert_with(|| text_of(&file).map(|text| paths(&text)).unwrap_or_default());
        // A path may name something that is not written, such as a missing field: then its nearest ancestor stands.
        let mut at = path.as_str();
        let found = loop {
            if let Some(found) = map.get(at) {
                break Some(*found);
            }
            match at.rfind(['.', '[']) {
                Some(cut) => at = at.get(..cut).unwrap_or(""),
                None => break map.get("").copied(),
            }
        };
        (diagnostic.line, diagnostic.column) = found.unwrap_or((0, 0));
        placed.push(diagnostic);
    }
    placed.sort_by(|a, b| (&a.file, a.line, a.column, a.code).cmp(&(&b.file, b.line, b.column, b.code)));
    placed
}

/// Where each value of a YAML text stands, by path; line and column count from 1.
fn paths(text: &str) -> BTreeMap<String, (usize, usize)> {
    enum Level {
        Sequence { path: String, next: usize },
        Mapping { path: String, key: Option<String> },
    }
    let mut map = BTreeMap::new();
    let mut levels: Vec<Level> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let place = (span.start.line(), span.start.col() + 1);
        // The path of the value that begins here, and whether the event is a mapping key instead.
        let mut path = String::new();
        let mut is_key = false;
        let begins = matches!(
            event,
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(..)
        );
        if begins {
            match levels.last_mut() {
                Some(Level::Sequence { path: parent, next }) => {
                    path = format!("{parent}[{next}]");
                    *next += 1;
                }
                Some(Level::Mapping { path: parent, key }) => match key.take() {
                    Some(key) if parent.is_empty() => path = key,
                    Some(key) => path = format!("{parent}.{key}"),
                    None => is_key = true,
                },
                None => {}
            }
        }
        match event {
            Event::Scalar(value, ..) if is_key => {
                if let Some(Level::Mapping { key, .. }) = levels.last_mut() {
                    *key = Some(value.to_string());
                }
            }
            Event::Scalar(..) | Event::Alias(..) => {
                map.insert(path, place);
            }
            Event::SequenceStart(..) => {
                map.insert(path.clone(), place);
                levels.push(Level::Sequence { path, next: 0 });
            }
            Event::MappingStart(..) => {
                map.insert(path.clone(), place);
                levels.push(Level::Mapping { path, key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                levels.pop();
            }
            _ => {}
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_places() {
        let map = paths("rules:\n  - id: A\n    scope: [x, {y: 1}]\n  - id: B\n");
        assert_eq!(map.get("rules[0].id"), Some(&(2, 9)));
        assert_eq!(map.get("rules[0].scope[1].y"), Some(&(3, 20)));
        assert_eq!(map.get("rules[1].id"), Some(&(4, 9)));
    }
}
