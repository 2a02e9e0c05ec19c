//! Checkpoints: the size and the root of a log, signed; and what it takes to believe one.
//!
//! Source: <https://c2sp.org/tlog-checkpoint>.

use thiserror::Error;

use crate::ledger::cosignature::Cosignature;
use crate::ledger::hash::Digest;
use crate::ledger::key::{KeyName, Signer, Verifier};
use crate::ledger::note::{Note, NoteError};
use crate::ledger::text::{beginning, decode_digest, encode_base64, parse_decimal};

/// The state of a log at one size: everything it holds, in 32 bytes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Checkpoint {
    // INVARIANT (checkpoint origin): not empty, one line, no control characters.
    origin: String,
    size: u64,
    root: Digest,
}

impl Checkpoint {
    /// The checkpoint of the log `origin` at `size` entries with this root.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when the origin is empty or has a control character, such as a newline.
    pub fn new(origin: impl Into<String>, size: u64, root: Digest) -> Result<Checkpoint, CheckpointError> {
        let origin = origin.into();
        if origin.is_empty() || origin.bytes().any(|byte| byte < b' ') {
            return Err(CheckpointError::Origin { text: beginning(&origin) });
        }
        Ok(Checkpoint { origin, size, root })
    }

    /// Reads the text of a checkpoint: origin, size and root, a line each and nothing else.
    ///
    /// Extension lines are refused: nobody who watches a log can check them. [`Checkpoint::parse_extended`] reads
    /// them.
    ///
    /// # Errors
    /// When a line is missing, too much or not as it should be.
    pub fn parse(text: &str) -> Result<Checkpoint, CheckpointError> {
        match Checkpoint::parse_extended(text)? {
            (checkpoint, extensions) if extensions.is_empty() => Ok(checkpoint),
            (_, extensions) => Err(CheckpointError::Extended { count: extensions.len() }),
        }
    }

    /// Reads the text of a checkpoint of a log that adds extension lines, which come beside it.
    ///
    /// # Errors
    /// When a line is missing, empty or not as it should be.
    pub fn parse_extended(text: &str) -> Result<(Checkpoint, Vec<&str>), CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError::Short)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(CheckpointError::Short);
        };
        let size = parse_decimal(size).ok_or_else(|| CheckpointError::Size { text: beginning(size) })?;
        let root = decode_digest(root).ok_or_else(|| CheckpointError::Root { text: beginning(root) })?;
        let extensions: Vec<&str> = lines.collect();
        if extensions.contains(&"") {
            return Err(CheckpointError::EmptyLine);
        }
        Ok((Checkpoint::new(origin, size, root)?, extensions))
    }

    /// The text that is signed: three lines, each with its newline.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, encode_base64(self.root.as_bytes()))
    }

    /// Which log it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries the log had.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree over them.
    #[must_use]
    pub fn root(&self) -> &Digest {
        &self.root
    }

    /// The checkpoint with the signature of the log. It may leave only once all it covers is durable.
    ///
    /// # Errors
    /// [`CheckpointError::NotOwn`] when the key has another name than the log.
    pub fn sign(&self, signer: &Signer) -> Result<Note, CheckpointError> {
        let name = signer.verifier().name();
        if name.as_str() != self.origin {
            return Err(CheckpointError::NotOwn { origin: beginning(&self.origin), key: name.clone() });
        }
        let mut note = Note::new(self.text())?;
        note.add(signer.sign(note.text()))?;
        Ok(note)
    }

    /// Reads a signed checkpoint and believes it on these terms.
    ///
    /// # Errors
    /// When the bytes are no note, a signature by a known key does not verify, the log has not signed, too few
    /// witnesses have, or the text is no checkpoint or that of another log.
    pub fn open(bytes: &[u8], trust: &Trust) -> Result<SignedCheckpoint, CheckpointError> {
        trust.open(Note::parse(bytes)?)
    }
}

/// A checkpoint that has been verified, with the note it came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedCheckpoint {
    /// Size and root.
    pub checkpoint: Checkpoint,
    /// The note, with all its signatures, known or not.
    pub note: Note,
    /// The cosignatures by known witnesses.
    pub cosignatures: Vec<Cosignature>,
}

/// Whom to believe about a log: its origin, its keys, and how many witnesses must have cosigned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    origin: String,
    log: Vec<Verifier>,
    witnesses: Vec<Verifier>,
    quorum: usize,
}

impl Trust {
    /// Believes the log of this key; the name of the key is the origin of the log.
    #[must_use]
    pub fn log(key: Verifier) -> Trust {
        Trust { origin: key.name().to_string(), log: vec![key], witnesses: Vec::new(), quorum: 0 }
    }

    /// Believes the log with this origin, where it is not the name of its key.
    #[must_use]
    pub fn with_origin(self, origin: impl Into<String>) -> Trust {
        Trust { origin: origin.into(), ..self }
    }

    /// Also believes another key of the log, such as the one before a rotation.
    #[must_use]
    pub fn with_key(mut self, key: Verifier) -> Trust {
        self.log.push(key);
        self
    }

    /// Also knows these witnesses, and asks that at least `quorum` of them have cosigned.
    ///
    /// One public key counts once under whatever names, and the keys of the log do not count at all.
    #[must_use]
    pub fn with_witnesses(self, witnesses: Vec<Verifier>, quorum: usize) -> Trust {
        Trust { witnesses, quorum, ..self }
    }

    /// The origin of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Verifies a note as [`Checkpoint::open`] does.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn open(&self, note: Note) -> Result<SignedCheckpoint, CheckpointError> {
        let (checkpoint, cosignatures) = {
            let verified = note.verify(self.log.iter().chain(&self.witnesses))?;
            if !verified.iter().any(|(verifier, _)| self.log.contains(verifier)) {
                return Err(CheckpointError::Note(NoteError::Unknown));
            }
            let checkpoint = Checkpoint::parse(note.text())?;
            if checkpoint.origin != self.origin {
                return Err(CheckpointError::OtherLog {
                    found: beginning(&checkpoint.origin),
                    expected: beginning(&self.origin),
                });
            }
            let mut counted: Vec<&[u8; 32]> = Vec::new();
            let mut cosignatures = Vec::new();
            for (verifier, signature) in verified {
                let Some(cosignature) = Cosignature::of_verified(verifier, signature) else { continue };
                let own = self.log.iter().any(|key| key.public() == verifier.public());
                if self.witnesses.contains(verifier) && !own {
                    if !counted.contains(&verifier.public()) {
                        counted.push(verifier.public());
                    }
                    cosignatures.push(cosignature);
                }
            }
            if counted.len() < self.quorum {
                return Err(CheckpointError::Quorum { found: counted.len(), needed: self.quorum });
            }
            (checkpoint, cosignatures)
        };
        Ok(SignedCheckpoint { checkpoint, note, cosignatures })
    }
}

/// Why a text is no checkpoint, or it is not to be believed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum CheckpointError {
    /// The signed note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Fewer than three lines.
    #[error("a checkpoint has three lines: origin, size and root")]
    Short,
    /// No origin. Holds its first 80 characters.
    #[error("`{text}` is not the origin of a log")]
    Origin {
        /// What was given.
        text: String,
    },
    /// No size. Holds its first 80 characters.
    #[error("`{text}` is not the size of a log")]
    Size {
        /// What was given.
        text: String,
    },
    /// No root. Holds its first 80 characters.
    #[error("`{text}` is not a root hash in base64")]
    Root {
        /// What was given.
        text: String,
    },
    /// Extension lines, which are not accepted.
    #[error("the checkpoint has {count} lines after its root")]
    Extended {
        /// How many.
        count: usize,
    },
    /// An extension line without text.
    #[error("the checkpoint has an empty line")]
    EmptyLine,
    /// A key that is not the log's own.
    #[error("the key `{key}` does not sign for the log `{origin}`")]
    NotOwn {
        /// The origin of the log.
        origin: String,
        /// The name of the key.
        key: KeyName,
    },
    /// The checkpoint of another log.
    #[error("this is a checkpoint of the log `{found}`, not of `{expected}`")]
    OtherLog {
        /// The origin in the checkpoint.
        found: String,
        /// The origin asked for.
        expected: String,
    },
    /// Too few witnesses.
    #[error("{found} known witnesses have cosigned, and {needed} are needed")]
    Quorum {
        /// How many have.
        found: usize,
        /// How many must.
        needed: usize,
    },
}
