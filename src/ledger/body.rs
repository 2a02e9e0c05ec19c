//! The body of a record: what was asked and what was decided, kept beside the entry that commits to it.

use thiserror::Error;

use crate::ledger::hash::Digest;

/// The length of the salt of a commitment, in bytes. It is drawn anew for every record.
pub const SALT_LENGTH: usize = 32;

const VERSION: u8 = 1;
const HEADER_LENGTH: usize = 5;

/// The body of a record. It may hold names, so it can be erased; the entry cannot and need not be.
///
/// Encoded, with lengths in big-endian order:
///
/// | offset | length | what |
/// |---|---|---|
/// | 0 | 1 | version, 1 |
/// | 1 | 4 | length *n* of the request |
/// | 5 | *n* | the request's own bytes |
/// | 5 + *n* | rest | the canonical bytes of the decision |
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Body {
    /// The request's own bytes as they came in: a proto message, a rulebook bundle, a list.
    pub request: Vec<u8>,
    /// The canonical bytes of what was decided; empty where the entry says it all.
    pub decision: Vec<u8>,
}

impl Body {
    /// The bytes as they are stored and committed to.
    ///
    /// # Errors
    /// [`BodyError::TooLong`] when the request passes 4 GiB, which no store takes either.
    pub fn encode(&self) -> Result<Vec<u8>, BodyError> {
        let request_length = u32::try_from(self.request.len()).map_err(|_| BodyError::TooLong)?;
        let mut bytes = Vec::with_capacity(HEADER_LENGTH + self.request.len() + self.decision.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&request_length.to_be_bytes());
        bytes.extend_from_slice(&self.request);
        bytes.extend_from_slice(&self.decision);
        Ok(bytes)
    }

    /// Reads what [`Body::encode`] wrote.
    ///
    /// # Errors
    /// As [`Body::split`].
    pub fn decode(bytes: &[u8]) -> Result<Body, BodyError> {
        let (request, decision) = Body::split(bytes)?;
        Ok(Body { request: request.to_vec(), decision: decision.to_vec() })
    }

    /// Request and decision inside encoded bytes, nothing copied.
    ///
    /// # Errors
    /// When the version is unknown or the bytes are fewer than the lengths say.
    pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), BodyError> {
        let (version, rest) = bytes.split_first().ok_or(BodyError::Cut)?;
        if *version != VERSION {
            return Err(BodyError::Version { version: *version });
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(BodyError::Cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BodyError::Cut)?;
        rest.split_at_checked(length).ok_or(BodyError::Cut)
    }
}

/// The commitment of an entry to its body: SHA-256(salt ‖ body bytes as stored).
///
/// The salt keeps anyone from guessing an erased body by trying names against the hash.
#[must_use]
pub fn commitment(salt: &[u8; SALT_LENGTH], body: &[u8]) -> Digest {
    Digest::of_parts(&[salt, body])
}

/// The digest of a request as its entry has it: SHA-256(salt ‖ the request's own bytes), with the salt of the body, for
/// the same reason as in [`commitment`].
#[must_use]
pub fn request_digest(salt: &[u8; SALT_LENGTH], request: &[u8]) -> Digest {
    Digest::of_parts(&[salt, request])
}

/// Why bytes are no body.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BodyError {
    /// Written by a version of slagboom that this one does not know.
    #[error("body has version {version}, and this program reads version 1")]
    Version {
        /// The version byte found.
        version: u8,
    },
    /// Fewer bytes than the lengths in it say.
    #[error("body ends too early")]
    Cut,
    /// A request of 4 GiB or more.
    #[error("the request in a body must be shorter than 4 GiB")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_body_is_read_as_it_is_written(
            request in prop::collection::vec(any::<u8>(), 0..300),
            decision in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let body = Body { request, decision };
            let bytes = body.encode().unwrap();
            prop_assert_eq!(Body::decode(&bytes), Ok(body));
        }

        #[test]
        fn any_bytes_are_a_body_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(body) = Body::decode(&bytes) {
                prop_assert_eq!(body.encode().unwrap(), bytes);
            }
        }
    }

    #[test]
    fn a_commitment_needs_its_salt() {
        assert_ne!(commitment(&[0; SALT_LENGTH], b"body"), commitment(&[1; SALT_LENGTH], b"body"));
        assert_eq!(commitment(&[0; SALT_LENGTH], b""), Digest::of(&[0; SALT_LENGTH]));
    }
}
