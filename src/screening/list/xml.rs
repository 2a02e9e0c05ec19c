//! The little of XML that lists need: their records, each as a small tree.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::BadRow;

/// An element with what is in it.
#[derive(Debug, Default)]
pub(super) struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
}

/// Deeper than any list, and shallow enough for the stack.
const DEPTH_MAX: usize = 64;

impl Node {
    /// The text of the first child of this name; empty when there is none.
    pub(super) fn text(&self, child: &str) -> &str {
        self.children(child).next().map_or("", |child| child.text.trim())
    }

    /// Its own text.
    pub(super) fn own_text(&self) -> &str {
        self.text.trim()
    }

    /// The children of this name.
    pub(super) fn children<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The children of a child, as in `akaList/aka`.
    pub(super) fn list<'a>(&'a self, list: &str, item: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children(list).flat_map(move |list| list.children(item))
    }

    /// An attribute; empty when there is none.
    pub(super) fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    fn start(tag: &BytesStart<'_>) -> Result<Self, String> {
        let name = tag.local_name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let key = attribute.key.local_name().as_ref().to_owned();
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|error| error.to_string())?;
            attributes.push((key, value.into_owned()));
        }
        Ok(Self { name, attributes, ..Self::default() })
    }
}

/// The name of the outermost element, when the text is XML.
pub(super) fn root(text: &str) -> Option<String> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                return Some(tag.local_name().as_ref().to_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// Calls with each record of one of these names, counted from 1. A file that breaks off or is no XML gives a bad row.
pub(super) fn records(text: &str, names: &[&str], mut each: impl FnMut(usize, &Node)) -> Vec<BadRow> {
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<Node> = Vec::new();
    let (mut depth, mut count) = (0usize, 0usize);
    let bad = |row, why: String| vec![BadRow { row, why }];
    loop {
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(error) => return bad(count + 1, format!("no XML: {error}")),
        };
        match event {
            Event::Start(tag) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return bad(count + 1, "is nested too deeply".to_owned());
                }
                match Node::start(&tag) {
                    Ok(node) if !stack.is_empty() || names.contains(&node.name.as_str()) => stack.push(node),
                    Ok(_) => {}
                    Err(why) => return bad(count + 1, format!("no XML: {why}")),
                }
            }
            Event::Empty(tag) => match Node::start(&tag) {
                Ok(node) => {
                    if let Some(parent) = stack.last_mut() {
                        parent.children.push(node);
                    }
                }
                Err(why) => return bad(count + 1, format!("no XML: {why}")),
            },
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if let Some(node) = stack.pop() {
                    if let Some(parent) = stack.last_mut() {
                        parent.children.push(node);
                    } else {
                        count += 1;
                        each(count, &node);
                    }
                }
            }
            Event::Text(text) => {
                if let Some(node) = stack.last_mut() {
                    node.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some(node) = stack.last_mut() {
                    node.text.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let Some(node) = stack.last_mut() else { continue };
                let known = match &*reference {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "apos" => Some('\''),
                    "quot" => Some('"'),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                match known {
                    Some(c) => node.text.push(c),
                    // Lists declare no entities, and one that does may be a bomb.
                    None => {
                        return bad(count + 1, "has an entity that is not declared by XML itself".to_owned());
                    }
                }
            }
            Event::Eof if depth > 0 => return bad(count + 1, "the file breaks off".to_owned()),
            Event::Eof => return Vec::new(),
            _ => {}
        }
    }
}
