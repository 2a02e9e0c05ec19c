//! Why a name is a hit, for people.

use super::screener::Hit;

/// Word by word why a name is a hit, in one line: `holdings ~ holding (spelling); trading: not listed`.
#[must_use]
pub fn evidence(hit: &Hit<'_>) -> String {
    let mut parts: Vec<String> = hit
        .words
        .iter()
        .map(|word| {
            if word.query == word.listed {
                word.query.to_string()
            } else {
                format!("{} ~ {} ({})", word.query, word.listed, word.relation.as_str())
            }
        })
        .collect();
    let mut rest = |words: &[Box<str>], what: &str| {
        if !words.is_empty() {
            parts.push(format!("{}: {what}", words.join(" ")));
        }
    };
    rest(&hit.query_rest, "not in the listed name");
    rest(&hit.list_rest, "only in the listed name");
    parts.join("; ")
}
