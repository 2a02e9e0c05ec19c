//! Which rules can meet a line of goods at its places: a pair of (place, goods) to postings.
//!
//! The index only prunes: a rule that it leaves out cannot fire and cannot be unknown. What it returns is then
//! evaluated in full, by the same function that the linear evaluator calls for every rule. Keys are hashes; two keys that
//! share one only make a candidate more.

use std::collections::HashMap;
use std::hash::Hasher;

use smallvec::SmallVec;

use super::goods::GoodsLists;
use super::hash::{BuildFnv, Fnv};
use super::model::{Destination, Goods, Rule, RuleIx};
use crate::domain::code::{CodeScope, ControlCode};
use crate::domain::country::Country;
use crate::domain::vocabulary::{ListId, RegionSet};

/// Place half of a key: a country, a region, or any place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PlaceKey {
    /// A country.
    Country(Country),
    /// A region, by its position.
    Region(u8),
    /// Rules that do not name countries or regions.
    Any,
}

/// Goods half of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GoodsKey {
    /// A goods list that the line is or may be on.
    List(ListId),
    /// A code that covers the line's, for codes that a rule writes itself.
    Code(CodeHash),
    /// A code below which a rule writes a finer one.
    Coarser(CodeHash),
    /// Goods on no control list.
    NotListed,
    /// Rules that do not look at goods.
    Any,
}

/// Hash of a code or of a branch of codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CodeHash(u64);

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    postings: HashMap<u64, SmallVec<[RuleIx; 4]>, BuildFnv>,
    /// Lists that somebody not stating them leaves unknown: rules on them are candidates for any unlisted goods.
    unstated: Vec<ListId>,
}

impl CodeHash {
    /// Of a code, or of a branch such as `5A`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut hash = Fnv::default();
        hash.write(text.as_bytes());
        Self(hash.finish())
    }

    /// Of a code and of everything that covers it, in one pass: `5`, `5A`, `5A002`, `5A002.a`. The last is the code's own.
    #[must_use]
    pub fn lineage(code: &ControlCode) -> SmallVec<[Self; 8]> {
        let text = code.as_str().as_bytes();
        let entry_from = if code.is_military() { 3 } else { 5 };
        let mut hashes = SmallVec::new();
        let mut hash = Fnv::default();
        for (at, byte) in text.iter().enumerate() {
            hash.step(*byte);
            let length = at + 1;
            let is_branch = length == 2 || (length == 1 && !code.is_military());
            let ends_level = length >= entry_from && text.get(length).is_none_or(|next| *next == b'.');
            if is_branch || ends_level {
                hashes.push(Self(hash.finish()));
            }
        }
        hashes
    }
}

impl Index {
    /// Builds the index over rule versions; `may_be_unstated` says of which lists goods can be on without a sign.
    pub(super) fn build(
        rules: &[Rule],
        goods: &GoodsLists,
        may_be_unstated: impl Fn(ListId) -> bool,
    ) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            let ix = RuleIx(u32::try_from(at).unwrap_or(u32::MAX));
            for scope in &rule.scope {
                let places = place_keys(scope.destination.as_ref());
                let goods_keys = goods_keys(scope.goods.as_ref(), goods);
                for place in &places {
                    for goods in &goods_keys {
                        let postings = index.postings.entry(key(*place, *goods)).or_default();
                        if postings.last() != Some(&ix) {
                            postings.push(ix);
                        }
                    }
                }
                for goods in &goods_keys {
                    if let GoodsKey::List(list) = goods
                        && may_be_unstated(*list)
                        && !index.unstated.contains(list)
                    {
                        index.unstated.push(*list);
                    }
                }
            }
        }
        index
    }

    /// Lists on which unlisted goods may be although nobody stated it.
    #[must_use]
    pub fn unstated(&self) -> &[ListId] {
        &self.unstated
    }

    /// Rules that can meet any of the places with any of the goods, each once, in order.
    pub fn candidates(&self, places: &[PlaceKey], goods: &[GoodsKey], found: &mut SmallVec<[RuleIx; 32]>) {
        found.clear();
        for place in places {
            for goods in goods {
                if let Some(postings) = self.postings.get(&key(*place, *goods)) {
                    found.extend_from_slice(postings);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
    }
}

fn place_keys(destination: Option<&Destination>) -> SmallVec<[PlaceKey; 8]> {
    let mut keys = SmallVec::new();
    let Some(destination) = destination else {
        keys.push(PlaceKey::Any);
        return keys;
    };
    // Groups change with the day and "outside" means nearly everywhere: such rules are few and stand apart.
    if destination.outside || !destination.groups.is_empty() {
        keys.push(PlaceKey::Any);
        return keys;
    }
    keys.extend(destination.countries.iter().map(PlaceKey::Country));
    keys.extend(regions(destination.regions).map(PlaceKey::Region));
    keys
}

/// The regions of a set as keys.
pub fn regions(set: RegionSet) -> impl Iterator<Item = u8> {
    let mut rest = set.0;
    std::iter::from_fn(move || {
        let at = u8::try_from(rest.trailing_zeros()).ok().filter(|at| *at < 64)?;
        rest &= rest - 1;
        Some(at)
    })
}

fn goods_keys(test: Option<&Goods>, goods: &GoodsLists) -> SmallVec<[GoodsKey; 4]> {
    let mut keys = SmallVec::new();
    let Some(test) = test else {
        keys.push(GoodsKey::Any);
        return keys;
    };
    for list in &test.lists {
        match goods.list(*list).map(|list| list.own_codes.as_slice()) {
            Some(own @ [_, ..]) => own.iter().for_each(|scope| code_keys(scope, &mut keys)),
            _ => keys.push(GoodsKey::List(*list)),
        }
    }
    if test.not_listed {
        keys.push(GoodsKey::NotListed);
    }
    keys
}

fn code_keys(scope: &CodeScope, keys: &mut SmallVec<[GoodsKey; 4]>) {
    match scope {
        CodeScope::Branch(branch) => keys.push(GoodsKey::Code(CodeHash::of(branch))),
        CodeScope::Entries { group, first, last } => {
            keys.extend(
                (*first..=*last).map(|number| GoodsKey::Code(CodeHash::of(&format!("{group}{number:03}")))),
            );
        }
        CodeScope::Code(code) => {
            keys.push(GoodsKey::Code(CodeHash::of(code.as_str())));
            keys.extend(code.lineage().skip(1).map(|ancestor| GoodsKey::Coarser(CodeHash::of(ancestor))));
        }
    }
}

fn key(place: PlaceKey, goods: GoodsKey) -> u64 {
    let place = match place {
        PlaceKey::Country(country) => u64::from(country.index()),
        PlaceKey::Region(at) => 0x100 | u64::from(at),
        PlaceKey::Any => 0x200,
    };
    let goods = match goods {
        GoodsKey::List(list) => u64::from(list.0),
        GoodsKey::NotListed => 0x1_0000,
        GoodsKey::Any => 0x1_0001,
        GoodsKey::Code(code) => code.0,
        GoodsKey::Coarser(code) => code.0.rotate_left(17),
    };
    goods ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
