//! What a recorded decision did to the register of licences, read without its rulebook.

use super::canonical::{VERSION, VERSION_TAKING_OVER, VERSION_WITH_EFFECTS};
use super::decision::{Effects, Hold};
use crate::domain::period::parse_date;

/// What a decision in canonical bytes (see [`super::canonical`]) does to the register. `None` when the bytes are no
/// decision.
///
/// The register is folded from records alone, so this asks for no rulebook; and a decision that does nothing to it says
/// so in its first byte.
#[must_use]
pub fn effects(bytes: &[u8]) -> Option<Effects> {
    split_effects(bytes).map(|(effects, _)| effects)
}

/// The effects, and the rest of the bytes.
pub(super) fn split_effects(bytes: &[u8]) -> Option<(Effects, &[u8])> {
    let (version, rest) = bytes.split_first()?;
    match *version {
        VERSION => Some((Effects::default(), rest)),
        VERSION_WITH_EFFECTS => {
            let mut reader = Reader(rest);
            let effects = reader.effects(None)?;
            (!effects.is_none()).then_some((effects, reader.0))
        }
        VERSION_TAKING_OVER => {
            let mut reader = Reader(rest);
            let takes = u64::from_le_bytes(reader.array()?);
            let effects = reader.effects(Some(takes))?;
            // Nothing takes a reservation over without reserving.
            effects.reserved_until.is_some().then_some((effects, reader.0))
        }
        _ => None,
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn effects(&mut self, takes: Option<u64>) -> Option<Effects> {
        let releases = if self.is_some()? { Some(u64::from_le_bytes(self.array()?)) } else { None };
        let reserved_until = if self.is_some()? { Some(parse_date(self.text()?).ok()?) } else { None };
        let country = if self.is_some()? { Some(self.parsed()?) } else { None };
        let count = u16::from_le_bytes(self.array()?);
        let holds: Option<Vec<Hold>> = (0..count).map(|_| self.hold()).collect();
        Some(Effects { releases, takes, reserved_until, country, holds: holds? })
    }

    fn hold(&mut self) -> Option<Hold> {
        Some(Hold {
            goods_line: u32::from_le_bytes(self.array()?),
            licence: self.text()?.into(),
            licence_line: u32::from_le_bytes(self.array()?),
            quantity: self.parsed()?,
            value: self.parsed()?,
            currency: self.parsed()?,
        })
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    fn is_some(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }
}
