//! Signed notes: a text, a blank line, and the signatures of those who stand by it.
//!
//! Source: <https://c2sp.org/signed-note>.

use std::fmt;

use thiserror::Error;

use crate::ledger::key::{KeyId, KeyName, Verifier};
use crate::ledger::text::{beginning, decode_base64, encode_base64};

/// The longest signed note that is read, in bytes.
pub const NOTE_LENGTH_MAX: usize = 1_000_000;
/// The most signatures on a note that is read. The specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// A text with signatures, well-formed and not yet verified.
///
/// Written (`Display`, `to_string`) it is the text, an empty line, and a line for each signature:
/// `— name base64(id ‖ signature)`. A note that was parsed is written as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    // INVARIANT (note text): ends in a newline, no other control characters.
    text: String,
    signatures: Vec<Signature>,
}

impl Note {
    /// The note with this text and no signatures yet.
    ///
    /// # Errors
    /// When the text does not end in a newline, has another control character, or is too long.
    pub fn new(text: impl Into<String>) -> Result<Note, NoteError> {
        let text = text.into();
        require_text(&text)?;
        if text.ends_with('\n') { Ok(Note { text, signatures: Vec::new() }) } else { Err(NoteError::Unended) }
    }

    /// Reads a note: the last empty line splits text and signatures.
    ///
    /// # Errors
    /// When the bytes are longer than [`NOTE_LENGTH_MAX`], no UTF-8, have control characters, lack the empty line or
    /// the last newline, have no signature line or more than [`NOTE_SIGNATURES_MAX`], or a line that is none.
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        if bytes.len() > NOTE_LENGTH_MAX {
            return Err(NoteError::Long { length: bytes.len() });
        }
        let note = str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        require_text(note)?;
        let at = note.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, signatures) = note.split_at(at + 1);
        let lines =
            signatures.strip_prefix('\n').filter(|lines| !lines.is_empty()).ok_or(NoteError::Unsigned)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unended)?;
        let count = lines.split('\n').count();
        if count > NOTE_SIGNATURES_MAX {
            return Err(NoteError::Signatures { count });
        }
        let signatures = lines.split('\n').map(Signature::parse).collect::<Result<_, _>>()?;
        Ok(Note { text: text.to_owned(), signatures })
    }

    /// The text, with its last newline: what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in the order they are written. They say whose they are; only [`Note::verify`] knows.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature at the end, in the place of any by the same key.
    ///
    /// # Errors
    /// [`NoteError::Signatures`] when there would be more than [`NOTE_SIGNATURES_MAX`].
    pub fn add(&mut self, signature: Signature) -> Result<(), NoteError> {
        let same = |other: &Signature| other.name == signature.name && other.key_id == signature.key_id;
        let count = self.signatures.iter().filter(|other| !same(other)).count() + 1;
        if count > NOTE_SIGNATURES_MAX {
            return Err(NoteError::Signatures { count });
        }
        self.signatures.retain(|other| !same(other));
        self.signatures.push(signature);
        Ok(())
    }

    /// The signatures by known keys, each with its key; all of them verify, and there is at least one.
    ///
    /// Signatures by other keys are ignored, also where they share a name or an id with a known one; a line
    /// that is repeated counts once.
    ///
    /// # Errors
    /// [`NoteError::Forged`] when one that names a known key does not verify, and then the others count for
    /// nothing; [`NoteError::Unknown`] when none names a known key; [`NoteError::Ambiguous`] when two known keys have
    /// the name and the id of one signature.
    pub fn verify<'n, 'v>(
        &'n self,
        known: impl IntoIterator<Item = &'v Verifier>,
    ) -> Result<Vec<(&'v Verifier, &'n Signature)>, NoteError> {
        let known: Vec<&Verifier> = known.into_iter().collect();
        let mut verified: Vec<(&Verifier, &Signature)> = Vec::new();
        for signature in &self.signatures {
            let mut named = known.iter().copied().filter(|key| key.is_named_by(signature));
            let Some(key) = named.next() else { continue };
            let (name, id) = (key.name().clone(), key.id());
            if named.any(|other| other != key) {
                return Err(NoteError::Ambiguous { name, id });
            }
            if verified.iter().any(|(_, earlier)| *earlier == signature) {
                continue;
            }
            if !key.verifies(&self.text, signature) {
                return Err(NoteError::Forged { name, id });
            }
            verified.push((key, signature));
        }
        if verified.is_empty() { Err(NoteError::Unknown) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

fn require_text(text: &str) -> Result<(), NoteError> {
    if text.len() > NOTE_LENGTH_MAX {
        Err(NoteError::Long { length: text.len() })
    } else if text.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        Err(NoteError::Control)
    } else {
        Ok(())
    }
}

/// A signature on a note, written `— name base64(id ‖ signature)`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Signature {
    name: KeyName,
    key_id: KeyId,
    bytes: Vec<u8>,
}

impl Signature {
    /// The signature of these bytes by the key of this name and id.
    #[must_use]
    pub fn new(name: KeyName, key_id: KeyId, bytes: Vec<u8>) -> Signature {
        Signature { name, key_id, bytes }
    }

    /// Reads a signature line, without its newline.
    ///
    /// # Errors
    /// [`NoteError::Line`] when it is none.
    pub fn parse(line: &str) -> Result<Signature, NoteError> {
        let wrong = || NoteError::Line { line: beginning(line) };
        let (name, base64) =
            line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')).ok_or_else(wrong)?;
        let name = name.parse().map_err(|_| wrong())?;
        let bytes = decode_base64(base64).ok_or_else(wrong)?;
        match bytes.split_first_chunk::<4>() {
            Some((id, rest)) if !rest.is_empty() => {
                Ok(Signature { name, key_id: KeyId::from_bytes(*id), bytes: rest.to_vec() })
            }
            _ => Err(wrong()),
        }
    }

    /// The name of the key that it says it was made with.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key that it says it was made with.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature itself; for a cosignature, the time and the signature.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.as_bytes().as_slice(), &self.bytes].concat();
        write!(f, "— {} {}", self.name, encode_base64(&bytes))
    }
}

/// Why bytes are no signed note, or it proves nothing.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NoteError {
    /// Longer than [`NOTE_LENGTH_MAX`].
    #[error("a note of {length} bytes is longer than 1000000")]
    Long {
        /// The length in bytes.
        length: usize,
    },
    /// Not UTF-8.
    #[error("the note is not UTF-8")]
    NotText,
    /// A control character other than the newline.
    #[error("the note has a control character other than the newline")]
    Control,
    /// No newline at the end.
    #[error("the note does not end in a newline")]
    Unended,
    /// No empty line with signatures after it.
    #[error("the note has no signatures after an empty line")]
    Unsigned,
    /// More than [`NOTE_SIGNATURES_MAX`].
    #[error("a note with {count} signatures has more than 100")]
    Signatures {
        /// How many.
        count: usize,
    },
    /// No signature line. Holds its first 80 characters.
    #[error("`{line}` is not a signature line")]
    Line {
        /// The line.
        line: String,
    },
    /// A signature that names a known key and was not made with it over this text.
    #[error("the signature by the key `{name}` ({id}) does not verify")]
    Forged {
        /// The name of the key.
        name: KeyName,
        /// The id of the key.
        id: KeyId,
    },
    /// Two known keys that a signature line cannot tell apart.
    #[error("two known keys have the name `{name}` and the id {id}")]
    Ambiguous {
        /// Their name.
        name: KeyName,
        /// Their id.
        id: KeyId,
    },
    /// No signature by a known key.
    #[error("the note has no signature by a known key")]
    Unknown,
}
