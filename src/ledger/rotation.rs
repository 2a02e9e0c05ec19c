//! The rotation of the log's key: the old key says which one follows it, so that trust in the first reaches the last.

use thiserror::Error;

use crate::ledger::key::{KeyError, Signer, Verifier};
use crate::ledger::note::{Note, NoteError};
use crate::ledger::text::beginning;

const HEADER: &str = "slagboom key rotation v1";

/// That a key of a log is followed by another, signed by the one before.
///
/// Written it is a signed note (C2SP signed-note) of three lines: `slagboom key rotation v1`, the old verifier key, the
/// new one. It is the request in the body of the entry of kind [`crate::ledger::EntryKind::KeyRotated`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rotation {
    /// The key that signed until then.
    pub old: Verifier,
    /// The key that signs from then on.
    pub new: Verifier,
}

impl Rotation {
    /// The note by which the old key hands over to the new one.
    ///
    /// # Errors
    /// [`RotationError::Name`] when the new key has another name: it would be another log.
    pub fn sign(old: &Signer, new: &Verifier) -> Result<Note, RotationError> {
        let rotation = Rotation { old: old.verifier().clone(), new: new.clone() };
        rotation.check_names()?;
        let mut note = Note::new(format!("{HEADER}\n{}\n{}\n", rotation.old, rotation.new))?;
        note.add(old.sign(note.text()))?;
        Ok(note)
    }

    /// Reads the note and checks that the old key in it has signed it. Whether that key is to be believed is for the
    /// reader to know.
    ///
    /// # Errors
    /// [`RotationError`].
    pub fn open(bytes: &[u8]) -> Result<Rotation, RotationError> {
        let note = Note::parse(bytes)?;
        let mut lines = note.text().lines();
        let header = lines.next().unwrap_or_default();
        let (Some(old), Some(new), None) = (lines.next(), lines.next(), lines.next()) else {
            return Err(RotationError::Lines);
        };
        if header != HEADER {
            return Err(RotationError::Header { line: beginning(header) });
        }
        let rotation = Rotation { old: old.parse()?, new: new.parse()? };
        rotation.check_names()?;
        note.verify([&rotation.old])?;
        Ok(rotation)
    }

    fn check_names(&self) -> Result<(), RotationError> {
        if self.old.name() == self.new.name() && self.old.algorithm() == self.new.algorithm() {
            Ok(())
        } else {
            Err(RotationError::Name { old: self.old.name().to_string(), new: self.new.name().to_string() })
        }
    }
}

/// Why bytes are no rotation of a key.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum RotationError {
    /// No signed note, or not signed by the old key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Another number of lines.
    #[error("a key rotation has three lines: what it is, the old key and the new one")]
    Lines,
    /// Another first line. Holds its first 80 characters.
    #[error("`{line}` is not the first line of a key rotation, `slagboom key rotation v1`")]
    Header {
        /// The line.
        line: String,
    },
    /// A line that is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Keys of two logs.
    #[error("the key `{new}` cannot follow the key `{old}`: it has another name or signs in another way")]
    Name {
        /// The name of the old key.
        old: String,
        /// The name of the new one.
        new: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name.parse().unwrap(), &[seed; 32]).unwrap()
    }

    #[test]
    fn a_rotation_is_read_as_it_is_signed_and_no_bit_may_change() {
        let (old, new) = (signer("exporter.example/log", 1), signer("exporter.example/log", 2));
        let note = Rotation::sign(&old, new.verifier()).unwrap().to_string().into_bytes();
        let expected = Rotation { old: old.verifier().clone(), new: new.verifier().clone() };
        assert_eq!(Rotation::open(&note), Ok(expected.clone()));
        for at in 0..note.len() {
            let mut altered = note.clone();
            altered[at] ^= 1;
            assert_ne!(Rotation::open(&altered), Ok(expected.clone()), "byte {at}");
        }
    }

    #[test]
    fn only_the_old_key_of_the_same_log_hands_over() {
        let (old, new) = (signer("exporter.example/log", 1), signer("exporter.example/log", 2));
        assert!(Rotation::sign(&old, signer("other.example/log", 2).verifier()).is_err());
        // The new key names itself the successor.
        let mut note = Note::new(format!("{HEADER}\n{}\n{}\n", old.verifier(), new.verifier())).unwrap();
        note.add(new.sign(note.text())).unwrap();
        assert!(matches!(Rotation::open(note.to_string().as_bytes()), Err(RotationError::Note(_))));
    }
}
