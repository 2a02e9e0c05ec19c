//! Page tokens: a place in the log, sealed to the filter it belongs to.

use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;

const LENGTH: usize = 24;

/// Writes the token of the page that begins below `before`, for the filter with this seal.
///
/// 48 hexadecimal digits: the place, the seal, and eight bytes of a hash over both, against typos and inventions.
#[must_use]
pub fn token(before: u64, seal: [u8; 8]) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend(before.to_be_bytes());
    bytes.extend(seal);
    bytes.extend(check(before, seal));
    bytes.iter().fold(String::with_capacity(2 * LENGTH), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

/// Reads a token; the empty one is the first page and gives `None`.
///
/// # Errors
/// [`Refusal::InvalidRequest`] for a token that is none, or that belongs to another filter.
pub fn read(token: &str, seal: [u8; 8]) -> Result<Option<u64>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let refuse = |why: &str| Refusal::field("page_token", "PAGE_TOKEN", why);
    let none = || refuse("no token that an answer gave");
    let bytes = bytes_of(token).ok_or_else(none)?;
    let (before, rest) = bytes.split_first_chunk::<8>().ok_or_else(none)?;
    let (sealed, checked) = rest.split_first_chunk::<8>().ok_or_else(none)?;
    let before = u64::from_be_bytes(*before);
    if *checked != check(before, *sealed) {
        return Err(none());
    }
    if *sealed != seal {
        return Err(refuse("it belongs to another filter; keep all filters the same from page to page"));
    }
    Ok(Some(before))
}

fn check(before: u64, seal: [u8; 8]) -> [u8; 8] {
    let hash = Sha256::new_with_prefix(b"slagboom page token v1")
        .chain_update(before.to_be_bytes())
        .chain_update(seal);
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().copied().unwrap_or_default()
}

fn bytes_of(token: &str) -> Option<[u8; LENGTH]> {
    let digits = token.as_bytes();
    if digits.len() != 2 * LENGTH {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = u8::try_from(high? << 4 | low?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_read_under_its_own_filter_only(before: u64, seal: [u8; 8], other: [u8; 8]) {
            prop_assume!(seal != other);
            let token = token(before, seal);
            prop_assert_eq!(read(&token, seal), Ok(Some(before)));
            prop_assert!(read(&token, other).is_err());
        }

        #[test]
        fn an_invented_token_is_refused(text in "\\PC{1,60}", digits in "[0-9a-f]{48}") {
            prop_assert!(read(&text, [0; 8]).is_err());
            prop_assert!(read(&digits, [0; 8]).is_err());
        }
    }

    #[test]
    fn no_token_is_the_first_page() {
        assert_eq!(read("", [7; 8]), Ok(None));
    }
}
