//! A rule as its authors wrote it, cut out of the file it stands in.

use super::Bundle;

impl Bundle {
    /// The file and the text of one version of a rule; `None` where no block of a file begins with this id and has this
    /// version.
    #[must_use]
    pub fn rule_text(&self, id: &str, version: u32) -> Option<(&str, String)> {
        self.files().filter(|(path, _)| path.starts_with("acts/")).find_map(|(path, text)| {
            let lines: Vec<&str> = text.lines().collect();
            let starts = (0..lines.len()).filter(|at| lines.get(*at).is_some_and(|line| begins(line, id)));
            let blocks = starts.map(|start| block(lines.get(start..).unwrap_or_default()));
            let found = blocks.into_iter().find(|block| {
                block
                    .lines()
                    .any(|line| value(line, "version").is_some_and(|text| text == version.to_string()))
            });
            found.map(|block| (path, block))
        })
    }
}

/// Does this line begin the list item of that id?
fn begins(line: &str, id: &str) -> bool {
    line.trim_start().strip_prefix("- ").is_some_and(|rest| value(rest, "id").is_some_and(|text| text == id))
}

/// The value of `key: value` on a line, without quotes.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.trim_start().strip_prefix(key)?.strip_prefix(':')?.trim();
    Some(rest.trim_matches(|mark| mark == '"' || mark == '\''))
}

/// The lines of the item that begins with the first one: until another line stands as far to the left.
fn block(lines: &[&str]) -> String {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let Some((first, rest)) = lines.split_first() else { return String::new() };
    let own = rest.iter().take_while(|line| line.trim().is_empty() || depth(line) > depth(first));
    let mut text = format!("{first}\n");
    for line in own {
        text.push_str(line);
        text.push('\n');
    }
    format!("{}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rulebook::compile;

    #[test]
    fn every_version_of_every_shipped_rule_is_found_in_its_words() {
        let bundle = Bundle::built_in();
        let book = compile(bundle.clone()).rulebook.unwrap();
        for rule in &book.rules {
            let (path, text) =
                bundle.rule_text(&rule.id, rule.version).unwrap_or_else(|| panic!("{}", rule.id));
            assert!(path.starts_with("acts/"), "{path}");
            assert!(text.contains(&rule.title.en), "{text}");
            assert_eq!(text.matches("- id:").next().map(|_| ()), Some(()));
            assert!(bundle.text(path).unwrap().contains(text.trim_end()), "{text}");
        }
        assert_eq!(bundle.rule_text("NO-SUCH-RULE", 1), None);
    }
}
