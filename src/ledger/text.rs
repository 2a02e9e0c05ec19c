//! The few spellings that all C2SP texts share: decimals, base64, and hashes a line each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ledger::hash::Digest;

/// A number in ASCII digits without sign or leading zero, as sizes, indexes and times are written.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { text.parse().ok() } else { None }
}

/// Bytes in standard base64 with padding (RFC 4648 section 4).
pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads standard base64 in its one canonical spelling: padded, and no bits set that do not count.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A digest in base64.
pub(super) fn decode_digest(text: &str) -> Option<Digest> {
    let bytes = decode_base64(text)?;
    Some(Digest::from_bytes(<[u8; Digest::LENGTH]>::try_from(bytes).ok()?))
}

/// The first 80 characters: what an error message shows of a text that may be of any length.
pub(super) fn beginning(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_one_spelling() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "18446744073709551616", "١", "1.0"] {
            assert_eq!(parse_decimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(decode_base64("QQ=="), Some(b"A".to_vec()));
        for wrong in ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "Q-==", "_Q==", "Q Q=="] {
            assert_eq!(decode_base64(wrong), None, "{wrong}");
        }
        let digest = Digest::of(b"slagboom");
        assert_eq!(decode_digest(&encode_base64(digest.as_bytes())), Some(digest));
        assert_eq!(decode_digest(&encode_base64(&[0; 31])), None);
        assert_eq!(decode_digest(&encode_base64(&[0; 33])), None);
    }
}
