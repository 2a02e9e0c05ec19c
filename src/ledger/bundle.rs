//! Entry bundles: up to 256 entries, each behind its length in two bytes, as C2SP tlog-tiles has them.

use thiserror::Error;

use crate::ledger::tile::TILE_WIDTH;

/// The longest entry that a bundle can hold, in bytes.
pub const BUNDLE_ENTRY_LENGTH_MAX: usize = u16::MAX as usize;

/// The bytes of a bundle of these entries, in order: for each its length as two bytes in big-endian order, then the
/// entry as stored.
///
/// # Errors
/// When there is no entry or there are more than [`TILE_WIDTH`], or one is longer than
/// [`BUNDLE_ENTRY_LENGTH_MAX`].
pub fn encode_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    let mut count = 0;
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| BundleError::TooLong { place: count, length: entry.len() })?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
        count += 1;
    }
    if count == 0 || count > usize::from(TILE_WIDTH) {
        return Err(BundleError::Count { expected: TILE_WIDTH, found: count });
    }
    Ok(bytes)
}

/// The entries in the bytes of a bundle that has `width` of them, nothing copied.
///
/// # Errors
/// When the bytes end within an entry, or hold another number of entries.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() == usize::from(width) {
            return Err(BundleError::Left { expected: width, count: rest.len() });
        }
        let cut = BundleError::Cut { place: entries.len() };
        let (length, after) = rest.split_first_chunk::<2>().ok_or(cut)?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(cut)?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() == usize::from(width) {
        Ok(entries)
    } else {
        Err(BundleError::Count { expected: width, found: entries.len() })
    }
}

/// Why bytes are no bundle, or entries fit into none.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BundleError {
    /// An entry longer than two bytes can say.
    #[error("entry {place} of a bundle has {length} bytes, more than 65535")]
    TooLong {
        /// The place in the bundle, from 0.
        place: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// The bytes end within an entry.
    #[error("the bundle ends within its entry {place}")]
    Cut {
        /// The place in the bundle, from 0.
        place: usize,
    },
    /// Bytes after the last entry.
    #[error("{count} bytes are left after the {expected} entries of a bundle")]
    Left {
        /// How many entries the bundle has.
        expected: u16,
        /// How many bytes are left.
        count: usize,
    },
    /// Too few entries to read, or too many or none to write.
    #[error("a bundle should hold {expected} entries, and there are {found}")]
    Count {
        /// How many there should be; when writing, how many there can be.
        expected: u16,
        /// How many there are.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bundle_is_written_as_the_specification_has_it() {
        let bytes = encode_bundle([b"".as_slice(), b"a", &[7; 300]]).unwrap();
        assert_eq!(bytes[..7], [0, 0, 0, 1, b'a', 1, 44]);
        assert_eq!(bytes.len(), 2 + 3 + 302);
    }

    #[test]
    fn bundles_have_limits() {
        let long = vec![0; BUNDLE_ENTRY_LENGTH_MAX + 1];
        assert!(encode_bundle([&long[1..]]).is_ok());
        assert_eq!(encode_bundle([long.as_slice()]), Err(BundleError::TooLong { place: 0, length: 65_536 }));
        assert!(encode_bundle(vec![b"x".as_slice(); 256]).is_ok());
        assert_eq!(
            encode_bundle(vec![b"x".as_slice(); 257]),
            Err(BundleError::Count { expected: 256, found: 257 })
        );
        assert!(encode_bundle([]).is_err());
    }

    proptest! {
        #[test]
        fn a_bundle_is_read_as_it_is_written(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..40),
        ) {
            let bytes = encode_bundle(entries.iter().map(Vec::as_slice)).unwrap();
            let width = u16::try_from(entries.len()).unwrap();
            prop_assert_eq!(decode_bundle(&bytes, width).unwrap(), entries);
            prop_assert!(decode_bundle(&bytes, width + 1).is_err());
            prop_assert!(decode_bundle(&bytes, width - 1).is_err());
            for length in 0..bytes.len() {
                prop_assert!(decode_bundle(&bytes[..length], width).is_err());
            }
        }

        #[test]
        fn any_bytes_are_a_bundle_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80), width in 0..5_u16) {
            if let Ok(entries) = decode_bundle(&bytes, width) {
                prop_assert_eq!(encode_bundle(entries).unwrap_or_default(), bytes);
            }
        }
    }
}
