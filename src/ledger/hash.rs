//! Hashes of leaves and nodes, and the head of the tree over them (RFC 6962 section 2.1).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::ledger::text::encode_base64;

/// A SHA-256 digest: 32 bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; Digest::LENGTH]);

impl Digest {
    /// The length in bytes.
    pub const LENGTH: usize = 32;

    /// All zeros: stands where there is nothing to name, such as the lists of a log that has none.
    /// No input is known that has this hash.
    pub const ZERO: Digest = Digest([0; Digest::LENGTH]);

    /// The digest with these bytes, taken as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Digest::LENGTH]) -> Digest {
        Digest(bytes)
    }

    /// SHA-256 of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// SHA-256 of all `parts`, one after another, with nothing between them.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Digest {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Digest(hasher.finalize().into())
    }

    /// The digest in base64, as checkpoints and proofs spell it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        encode_base64(&self.0)
    }

    /// The bytes, most significant first as they are written.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Digest::LENGTH] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads 64 hexadecimal digits of either case.
    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let wrong = || DigestError::NotHex { text: text.chars().take(80).collect() };
        let digits = text.as_bytes();
        if digits.len() != 2 * Digest::LENGTH {
            return Err(wrong());
        }
        let mut bytes = [0; Digest::LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let mut value = 0;
            for digit in pair {
                value = value * 16 + char::from(*digit).to_digit(16).ok_or_else(wrong)?;
            }
            *byte = u8::try_from(value).map_err(|_| wrong())?;
        }
        Ok(Digest(bytes))
    }
}

/// Why a text is no digest.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DigestError {
    /// Another length than 64, or a character that is no hexadecimal digit. Holds the first 80 characters.
    #[error("`{text}` is not a SHA-256 digest of 64 hexadecimal digits")]
    NotHex {
        /// What was given.
        text: String,
    },
}

/// The hash of a leaf: SHA-256(0x00 ‖ entry bytes as stored).
///
/// Source: RFC 6962 section 2.1; the prefix keeps a leaf from ever being taken for a node.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::of_parts(&[&[0x00], entry])
}

/// The hash of a node: SHA-256(0x01 ‖ left ‖ right).
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::of_parts(&[&[0x01], left.as_bytes(), right.as_bytes()])
}

/// The right edge of the tree: what is needed to add leaves and to give the root, and nothing else.
///
/// Holds one hash for each bit set in the number of leaves (at most 64), the largest subtree first.
/// Two accumulators that are equal stand for the same leaves in the same order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Accumulator {
    // INVARIANT (ledger_is_append_only): `peaks.len() == size.count_ones()`, largest subtree first.
    size: u64,
    peaks: Vec<Digest>,
}

impl Accumulator {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Accumulator {
        Accumulator::default()
    }

    /// The tree of `size` leaves with these complete subtrees, the largest first, as [`Accumulator::peaks`]
    /// gives them.
    ///
    /// # Errors
    /// When the number of peaks is not the number of bits set in `size`.
    pub fn from_peaks(size: u64, peaks: Vec<Digest>) -> Result<Accumulator, AccumulatorError> {
        let expected = size.count_ones() as usize;
        if peaks.len() == expected {
            Ok(Accumulator { size, peaks })
        } else {
            Err(AccumulatorError::Peaks { size, expected, found: peaks.len() })
        }
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees, the largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds a leaf on the right.
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        // Each trailing one bit of the size is a complete subtree as large as the node in hand.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Adds a complete subtree of 2^`level` leaves on the right, where one of that height can begin.
    ///
    /// # Errors
    /// [`AccumulatorError::Place`] when the number of leaves so far is not a multiple of 2^`level`, and
    /// nothing is added.
    pub fn push_subtree(&mut self, level: u8, hash: Digest) -> Result<(), AccumulatorError> {
        let leaves = 1_u64.checked_shl(u32::from(level)).filter(|leaves| self.size.is_multiple_of(*leaves));
        let leaves = leaves.ok_or(AccumulatorError::Place { size: self.size, level })?;
        let mut node = hash;
        for _ in 0..(self.size / leaves).trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size += leaves;
        Ok(())
    }

    /// The Merkle tree head: SHA-256 of nothing for the empty tree (RFC 6962 section 2.1).
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Digest::of(&[]),
            Some(smallest) => peaks.fold(*smallest, |right, left| node_hash(left, &right)),
        }
    }
}

/// Why peaks and size do not make a tree.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum AccumulatorError {
    /// Each bit set in the size needs one peak.
    #[error("a tree of {size} leaves has {expected} complete subtrees, not {found}")]
    Peaks {
        /// The number of leaves.
        size: u64,
        /// Bits set in the size.
        expected: usize,
        /// Peaks given.
        found: usize,
    },
    /// A complete subtree begins only where the leaves before it are a multiple of its own.
    #[error("no complete subtree of height {level} begins after {size} leaves")]
    Place {
        /// The number of leaves.
        size: u64,
        /// The height of the subtree.
        level: u8,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MTH of RFC 6962 section 2.1, word for word.
    fn tree_head(leaves: &[Vec<u8>]) -> Digest {
        match leaves {
            [] => Digest::of(&[]),
            [one] => leaf_hash(one),
            many => {
                let split = many.len().next_power_of_two() / 2;
                node_hash(&tree_head(&many[..split]), &tree_head(&many[split..]))
            }
        }
    }

    fn accumulate(leaves: &[Vec<u8>]) -> Accumulator {
        let mut accumulator = Accumulator::new();
        for leaf in leaves {
            accumulator.push(leaf_hash(leaf));
        }
        accumulator
    }

    #[test]
    fn roots_are_those_published_for_the_eight_leaf_tree() {
        // Inputs and roots of the reference tests of Certificate Transparency (merkle_tree_test).
        let leaves: Vec<Vec<u8>> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|hex| {
            (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
        })
        .collect();
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, root) in roots.iter().enumerate() {
            assert_eq!(accumulate(&leaves[..size]).root().to_string(), *root, "tree of {size} leaves");
        }
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of(b"slagboom");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32), &"+0".repeat(32)] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn peaks_must_fit_the_size() {
        assert!(Accumulator::from_peaks(3, vec![Digest::ZERO]).is_err());
        assert!(Accumulator::from_peaks(0, vec![]).is_ok());
    }

    #[test]
    fn a_subtree_is_as_good_as_its_leaves() {
        let leaves: Vec<Vec<u8>> = (0..24_u8).map(|byte| vec![byte]).collect();
        let subtree = |range: std::ops::Range<usize>| accumulate(&leaves[range]).root();
        let mut tree = Accumulator::new();
        assert_eq!(tree.push_subtree(3, subtree(0..8)), Ok(()));
        assert_eq!(tree.push_subtree(2, subtree(8..12)), Ok(()));
        assert_eq!(
            tree.push_subtree(3, subtree(12..20)),
            Err(AccumulatorError::Place { size: 12, level: 3 })
        );
        assert_eq!(
            tree.push_subtree(64, subtree(12..20)),
            Err(AccumulatorError::Place { size: 12, level: 64 })
        );
        assert_eq!(tree.push_subtree(2, subtree(12..16)), Ok(()));
        assert_eq!(tree.push_subtree(3, subtree(16..24)), Ok(()));
        assert_eq!(tree, accumulate(&leaves));
    }

    proptest! {
        #[test]
        fn ledger_is_append_only_the_root_is_that_of_the_rfc(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..140),
        ) {
            let accumulator = accumulate(&leaves);
            prop_assert_eq!(accumulator.root(), tree_head(&leaves));
            prop_assert_eq!(accumulator.size(), leaves.len() as u64);
            let again = Accumulator::from_peaks(accumulator.size(), accumulator.peaks().to_vec());
            prop_assert_eq!(again, Ok(accumulator));
        }
    }
}
