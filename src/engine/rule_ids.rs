//! The rules that a recorded decision names, read without its rulebook.

use std::collections::BTreeSet;

use super::decision::EngineFinding;
use super::effects::split_effects;

/// The ids of the rules and of the engine's own findings in canonical bytes (see [`super::canonical`]), each once,
/// sorted. `None` when the bytes are no decision.
///
/// Indexes are built anew from records alone, so this asks for no rulebook.
#[must_use]
pub fn rule_ids(bytes: &[u8]) -> Option<BTreeSet<&str>> {
    let (_, bytes) = split_effects(bytes)?;
    let mut walk = Walk { bytes, ids: BTreeSet::new() };
    walk.decision()?;
    Some(walk.ids)
}

/// Walks the layout; only ids are kept.
struct Walk<'a> {
    bytes: &'a [u8],
    ids: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    fn decision(&mut self) -> Option<()> {
        self.skip(1)?;
        self.option(|walk| walk.skip(1))?;
        self.list(Self::line)?;
        // What follows (duties, dates, law to come) names no finding of this decision.
        Some(())
    }

    fn line(&mut self) -> Option<()> {
        self.skip(4 + 1)?;
        self.option(|walk| walk.skip(1))?;
        self.list(Self::finding)?;
        self.list(Self::allocation)?;
        self.list(|walk| walk.texts(2))?;
        self.list(|walk| walk.texts(1))
    }

    fn finding(&mut self) -> Option<()> {
        let id = self.finder()?;
        self.ids.insert(id);
        self.skip(3)?;
        self.option(|walk| walk.skip(1))?;
        self.skip(2)?;
        self.list(|walk| walk.texts(2))?;
        self.option(|walk| {
            walk.skip(1)?;
            walk.texts(1)
        })?;
        self.list(|walk| walk.texts(1))
    }

    fn finder(&mut self) -> Option<&'a str> {
        if self.u8()? == 0 {
            let code = self.u8()?;
            return EngineFinding::ALL
                .into_iter()
                .find(|finding| finding.code() == code)
                .map(EngineFinding::id);
        }
        let id = self.text()?;
        self.skip(4 + 1)?;
        Some(id)
    }

    fn allocation(&mut self) -> Option<()> {
        self.texts(1)?;
        self.skip(4)?;
        self.texts(4)?;
        for _ in 0..3 {
            self.option(|walk| walk.texts(1))?;
        }
        Some(())
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.bytes = self.bytes.split_at_checked(count)?.1;
        Some(())
    }

    fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    fn u16(&mut self) -> Option<usize> {
        let (first, rest) = self.bytes.split_first_chunk::<2>()?;
        self.bytes = rest;
        Some(usize::from(u16::from_le_bytes(*first)))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    fn texts(&mut self, count: usize) -> Option<()> {
        for _ in 0..count {
            let length = self.u16()?;
            self.skip(length)?;
        }
        Some(())
    }

    fn option(&mut self, walk: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        match self.u8()? {
            0 => Some(()),
            1 => walk(self),
            _ => None,
        }
    }

    fn list(&mut self, mut walk: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        for _ in 0..self.u16()? {
            walk(self)?;
        }
        Some(())
    }
}
