//! Cosignatures: what a witness signs when it has seen a checkpoint and found nothing against it.
//!
//! Source: <https://c2sp.org/tlog-cosignature>, the Ed25519 form (signature type 0x04).

use crate::ledger::key::{Algorithm, KeyId, KeyName, Verifier};
use crate::ledger::note::Signature;

const TIME_LENGTH: usize = 8;

/// A cosignature that has been verified: who saw the checkpoint, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cosignature {
    /// The name of the witness.
    pub witness: KeyName,
    /// The id of its key.
    pub key_id: KeyId,
    /// When it signed, in Unix seconds by its own clock.
    pub time_s: u64,
}

impl Cosignature {
    /// What `signature` says, when it is a cosignature that `witness` made over the text of a checkpoint.
    ///
    /// `None` when it names another key, when it was not made with this one over this text, or when the key is none
    /// of a witness.
    #[must_use]
    pub fn verify(witness: &Verifier, text: &str, signature: &Signature) -> Option<Cosignature> {
        if witness.is_named_by(signature) && witness.verifies(text, signature) {
            Cosignature::of_verified(witness, signature)
        } else {
            None
        }
    }

    /// What a cosignature says that `verifier` was found to have made; `None` where it signs in another way.
    pub(super) fn of_verified(verifier: &Verifier, signature: &Signature) -> Option<Cosignature> {
        let (time_s, _) =
            split(signature.bytes()).filter(|_| verifier.algorithm() == Algorithm::CosignatureV1)?;
        Some(Cosignature { witness: verifier.name().clone(), key_id: verifier.id(), time_s })
    }
}

/// The time and the Ed25519 signature within the bytes of a cosignature.
pub(super) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = bytes.split_first_chunk::<TIME_LENGTH>()?;
    let time_s = u64::from_be_bytes(*time);
    (i64::try_from(time_s).is_ok()).then_some((time_s, signature))
}

/// What is signed: a header that keeps it apart from every other use of the key, the time, and the text.
pub(super) fn message(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
