//! Files of requests: one request, a list of them, or worked cases whose `given` is used. YAML or JSON.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::exit::Failure;
use super::rules;
use crate::domain::request::RawRequest;
use crate::rulebook::case::GivenDoc;
use crate::rulebook::read_cases;

/// Largest input.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// A request with where it stands, and what a case gives for it.
#[derive(Debug)]
pub struct Asked {
    /// Where it stands, for messages: a file, a position in it, a case.
    pub label: String,
    /// The request.
    pub request: RawRequest,
    /// What a worked case gives.
    pub given: Option<GivenDoc>,
}

/// What was read from one file.
#[derive(Debug)]
pub struct Input {
    /// The requests.
    pub asked: Vec<Asked>,
    /// One request by itself, not a list: its answer is an object, not an array.
    pub is_single: bool,
}

/// Reads a file of requests, or standard input for `-`.
pub fn read(path: &Path) -> Result<Input, Failure> {
    parse(&path.display().to_string(), &text(path)?)
}

/// The text of a file, or of standard input for `-`.
pub fn text(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    let mut text = String::new();
    // One byte more than the limit tells a text at the limit from one that would be cut.
    if name == "-" {
        std::io::stdin()
            .take(INPUT_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read `{name}`"))?;
        file.take(INPUT_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read `{name}`"))?;
    }
    if text.len() as u64 > INPUT_BYTES_MAX {
        return Err(anyhow!("`{name}` is larger than {INPUT_BYTES_MAX} bytes").into());
    }
    Ok(text)
}

/// Reads a text. One without any request is refused: nothing asked must not look like all permitted
/// (`never_permit_by_default`).
pub fn parse(name: &str, text: &str) -> Result<Input, Failure> {
    let input = shapes(name, text)?;
    if input.asked.is_empty() {
        return Err(anyhow!("`{name}` holds no request: its list is empty").into());
    }
    Ok(input)
}

fn shapes(name: &str, text: &str) -> Result<Input, Failure> {
    // Which of the three it is shows in its outermost shape; the shape is then read strictly.
    let top: serde_yaml::Value =
        serde_yaml::from_str(text).with_context(|| format!("`{name}` is neither YAML nor JSON"))?;
    let malformed = |error: serde_yaml::Error| Failure::from(anyhow!("`{name}` is not a request: {error}"));
    match &top {
        serde_yaml::Value::Sequence(_) => {
            let requests: Vec<RawRequest> = serde_yaml::from_str(text).map_err(malformed)?;
            let asked = requests.into_iter().enumerate();
            let asked = asked
                .map(|(at, request)| Asked { label: format!("{name}[{at}]"), request, given: None })
                .collect();
            Ok(Input { asked, is_single: false })
        }
        serde_yaml::Value::Mapping(map) if map.contains_key("cases") => {
            let cases =
                read_cases(name, text).map_err(|diagnostics| rules::no_cases(name, text, &diagnostics))?;
            let asked = cases.cases.into_iter();
            let asked = asked.map(|case| Asked {
                label: format!("{name} {}", case.id),
                request: case.request,
                given: Some(case.given),
            });
            Ok(Input { asked: asked.collect(), is_single: false })
        }
        serde_yaml::Value::Mapping(_) => {
            let request = serde_yaml::from_str(text).map_err(malformed)?;
            Ok(Input { asked: vec![Asked { label: name.to_owned(), request, given: None }], is_single: true })
        }
        _ => {
            Err(Failure::from(anyhow!("`{name}` holds no request: one request, a list of them, or `cases`")))
        }
    }
}
