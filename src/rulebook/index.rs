//! Which rules can meet a line of goods at its places: a pair of (place, goods) to postings.
//!
//! The index only prunes: a rule that it leaves out cannot fire and cannot be unknown. What it returns is then
//! evaluated in full, by the same function that the linear evaluator calls for every rule.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use smallvec::SmallVec;

use super::model::{Destination, Goods, Rule, RuleIx};
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

/// Goods half of a key: a list, unlisted goods, or any goods.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GoodsKey {
    /// A goods list that the line is or may be on.
    List(ListId),
    /// Goods on no control list.
    NotListed,
    /// Rules that do not look at goods.
    Any,
}

/// The index.
#[derive(Debug, Default)]
pub struct Index {
    postings: HashMap<u64, SmallVec<[RuleIx; 4]>, BuildHasherDefault<Mix>>,
    /// Lists that somebody not stating them leaves unknown: rules on them are candidates for any unlisted goods.
    unstated: Vec<ListId>,
}

impl Index {
    /// Builds the index over rule versions; `may_be_unstated` says of which lists goods can be on without a sign.
    pub(super) fn build(rules: &[Rule], may_be_unstated: impl Fn(ListId) -> bool) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            let ix = RuleIx(u32::try_from(at).unwrap_or(u32::MAX));
            for scope in &rule.scope {
                let places = place_keys(scope.destination.as_ref());
                let goods = goods_keys(scope.goods.as_ref());
                for place in &places {
                    for goods in &goods {
                        let postings = index.postings.entry(key(*place, *goods)).or_default();
                        if postings.last() != Some(&ix) {
                            postings.push(ix);
                        }
                    }
                }
                for goods in &goods {
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
    (0..64u8).filter(move |at| set.meets(RegionSet::one(usize::from(*at))))
}

fn goods_keys(goods: Option<&Goods>) -> SmallVec<[GoodsKey; 4]> {
    let mut keys = SmallVec::new();
    match goods {
        None => keys.push(GoodsKey::Any),
        Some(goods) => {
            keys.extend(goods.lists.iter().map(|list| GoodsKey::List(*list)));
            if goods.not_listed {
                keys.push(GoodsKey::NotListed);
            }
        }
    }
    keys
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
    };
    place << 32 | goods
}

/// Keys are small and distinct numbers: one multiplication spreads them (Fibonacci hashing, Knuth vol. 3, 6.4).
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
