//! A hasher for short keys of our own making.
//!
//! Codes, customs digits and index keys come from the rulebook, never from callers, so nobody can choose them to
//! collide; a keyed hasher would cost most of an evaluation.

use std::hash::{BuildHasherDefault, Hasher};

/// FNV-1a, 64 bits (Fowler, Noll and Vo; draft-eastlake-fnv).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fnv(u64);

/// Builds [`Fnv`] hashers.
pub(crate) type BuildFnv = BuildHasherDefault<Fnv>;

const PRIME: u64 = 0x0100_0000_01b3;

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// One byte more.
    pub(crate) const fn step(&mut self, byte: u8) {
        self.0 = (self.0 ^ byte as u64).wrapping_mul(PRIME);
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.step(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        // One multiplication spreads a number that is spread already (Fibonacci hashing, Knuth vol. 3, 6.4).
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
