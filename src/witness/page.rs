//! What a witness knows of one log: the last checkpoint it cosigned, as it left.
//!
//! As a file:
//!
//! ```text
//! slagboom-witness/1 <64 hex: SHA-256 of all that follows>
//! <the signed note: the checkpoint, the signatures of the log, the cosignature of this witness>
//! ```
//!
//! The digest finds every flipped bit; the cosignature finds a file of another witness. The note with two signatures
//! is also what a witness has to show when a log tells two stories.

use crate::ledger::{Checkpoint, Cosignature, Digest, Note, Verifier, WitnessedHead};
use crate::witness::error::PageError;

const HEAD: &str = "slagboom-witness/1 ";

/// The last checkpoint of one log that this witness cosigned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    // INVARIANT (own cosignature): `note` is a checkpoint that carries a cosignature of the witness.
    checkpoint: Checkpoint,
    note: Note,
    cosigned_at_s: u64,
}

impl Page {
    /// The page of a checkpoint that `witness` has cosigned.
    ///
    /// # Errors
    /// When the note is no checkpoint, or not cosigned by this key.
    pub fn new(note: Note, witness: &Verifier) -> Result<Page, PageError> {
        let checkpoint = Checkpoint::parse(note.text())?;
        let own = note.signatures().iter().find(|signature| witness.is_named_by(signature));
        let cosigned = own.and_then(|signature| Cosignature::verify(witness, note.text(), signature));
        let Some(Cosignature { time_s: cosigned_at_s, .. }) = cosigned else {
            return Err(PageError::NotCosigned { key: witness.name().clone() });
        };
        Ok(Page { checkpoint, note, cosigned_at_s })
    }

    /// Reads what [`Page::encode`] wrote.
    ///
    /// # Errors
    /// When a single bit is different, or another key has cosigned it.
    pub fn parse(bytes: &[u8], witness: &Verifier) -> Result<Page, PageError> {
        let (digest, rest) = bytes
            .strip_prefix(HEAD.as_bytes())
            .and_then(|rest| rest.split_at_checked(2 * Digest::LENGTH))
            .ok_or(PageError::NotWhole)?;
        let rest = rest.strip_prefix(b"\n").ok_or(PageError::NotWhole)?;
        if digest != Digest::of(rest).to_string().as_bytes() {
            return Err(PageError::NotWhole);
        }
        Page::new(Note::parse(rest)?, witness)
    }

    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> String {
        let note = self.note.to_string();
        format!("{HEAD}{}\n{note}", Digest::of(note.as_bytes()))
    }

    /// The name of the file of a log: an origin may have slashes and any length.
    #[must_use]
    pub fn file_name(origin: &str) -> String {
        Digest::of(origin.as_bytes()).to_string()
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The checkpoint as it left, with the signatures of its log and of this witness.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// When it was cosigned, in Unix seconds by the clock of the witness.
    #[must_use]
    pub fn cosigned_at_s(&self) -> u64 {
        self.cosigned_at_s
    }

    /// What the next checkpoint must continue.
    #[must_use]
    pub fn head(&self) -> WitnessedHead {
        WitnessedHead::of(&self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Cosigner, Signer};

    fn cosigner(seed: u8) -> Cosigner {
        Cosigner::from_seed("witness.example".parse().unwrap(), &[seed; 32]).unwrap()
    }

    fn page() -> Page {
        let log = Signer::from_seed("exporter.example/log".parse().unwrap(), &[1; 32]).unwrap();
        let checkpoint = Checkpoint::new("exporter.example/log", 7, Digest::of(b"seven")).unwrap();
        let mut note = checkpoint.sign(&log).unwrap();
        note.add(cosigner(2).cosign(note.text(), 1_000).unwrap()).unwrap();
        Page::new(note, cosigner(2).verifier()).unwrap()
    }

    #[test]
    fn a_page_is_read_as_it_was_written_and_says_when() {
        let read = Page::parse(page().encode().as_bytes(), cosigner(2).verifier()).unwrap();
        assert_eq!((read.cosigned_at_s(), read.checkpoint().size()), (1_000, 7));
        assert_eq!(read, page());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let written = page().encode().into_bytes();
        for at in 0..written.len() {
            for bit in 0..8 {
                let mut damaged = written.clone();
                damaged[at] ^= 1 << bit;
                assert!(Page::parse(&damaged, cosigner(2).verifier()).is_err(), "byte {at} bit {bit}");
            }
            assert!(Page::parse(&written[..at], cosigner(2).verifier()).is_err(), "cut at {at}");
        }
        let longer = [written.as_slice(), b"\n"].concat();
        assert!(matches!(Page::parse(&longer, cosigner(2).verifier()), Err(PageError::NotWhole)));
    }

    #[test]
    fn the_page_of_another_witness_is_none_of_ours() {
        let read = Page::parse(page().encode().as_bytes(), cosigner(3).verifier());
        assert!(matches!(read, Err(PageError::NotCosigned { .. })), "{read:?}");
    }
}
