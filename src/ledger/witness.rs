//! What a witness does: it remembers the last checkpoint of a log it cosigned, and signs only what continues it.
//!
//! Source: <https://c2sp.org/tlog-witness>, `add-checkpoint`. Keeping the state, atomically and before the answer,
//! is for whoever runs the witness.

use std::fmt::Write as _;

use thiserror::Error;

use crate::ledger::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, Trust};
use crate::ledger::hash::Digest;
use crate::ledger::note::{NOTE_LENGTH_MAX, Note, NoteError};
use crate::ledger::proof::{ProofError, verify_consistency};
use crate::ledger::text::{beginning, decode_digest, encode_base64, parse_decimal};

/// The most hashes in the proof of a request.
pub const WITNESS_PROOF_LENGTH_MAX: usize = 63;

/// A request to a witness: the size it should know, the proof from there, and the new checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddCheckpoint {
    /// The size of the last checkpoint that the witness cosigned; 0 when there was none.
    pub old_size: u64,
    /// The consistency proof from that size to the new one; empty from 0.
    pub proof: Vec<Digest>,
    /// The new checkpoint, signed by the log.
    pub checkpoint: Note,
}

impl AddCheckpoint {
    /// The body of the request: `old` and the size, a hash a line, an empty line, the checkpoint.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut body = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            body.push_str(&encode_base64(hash.as_bytes()));
            body.push('\n');
        }
        let _ = write!(body, "\n{}", self.checkpoint);
        body
    }

    /// Reads what [`AddCheckpoint::encode`] wrote.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] or [`Refusal::Note`].
    pub fn parse(body: &[u8]) -> Result<AddCheckpoint, Refusal> {
        let head_length_max = 64 * (WITNESS_PROOF_LENGTH_MAX + 1);
        if body.len() > NOTE_LENGTH_MAX + head_length_max {
            return Err(Refusal::Note(NoteError::Long { length: body.len() }));
        }
        let text = str::from_utf8(body).map_err(|_| Refusal::Note(NoteError::NotText))?;
        let wrong = |line: &str| Refusal::Malformed { line: beginning(line) };
        let (first, mut rest) = text.split_once('\n').ok_or_else(|| wrong(text))?;
        let old_size = first.strip_prefix("old ").and_then(parse_decimal).ok_or_else(|| wrong(first))?;
        let mut proof = Vec::new();
        loop {
            let (line, after) = rest.split_once('\n').ok_or_else(|| wrong(rest))?;
            rest = after;
            if line.is_empty() {
                break;
            }
            if proof.len() == WITNESS_PROOF_LENGTH_MAX {
                return Err(wrong(line));
            }
            proof.push(decode_digest(line).ok_or_else(|| wrong(line))?);
        }
        Ok(AddCheckpoint {
            old_size,
            proof,
            checkpoint: Note::parse(rest.as_bytes()).map_err(Refusal::Note)?,
        })
    }
}

/// The last checkpoint of one log that a witness cosigned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WitnessedHead {
    /// Its size; 0 when there was none.
    pub size: u64,
    /// Its root; that of the empty tree when there was none.
    pub root: Digest,
}

impl WitnessedHead {
    /// The state of a witness that has seen nothing of a log: the first checkpoint is taken on trust.
    #[must_use]
    pub fn none() -> WitnessedHead {
        WitnessedHead { size: 0, root: Digest::of(&[]) }
    }

    /// The checkpoint to cosign, when it continues this one. The caller makes [`WitnessedHead::of`] it durable, and
    /// only then signs and answers; another request must not come in between.
    ///
    /// `trust` says whose log it is; the witnesses in it do not matter.
    ///
    /// # Errors
    /// The refusal, whose [`Refusal::status`] the protocol prescribes.
    pub fn add_checkpoint(
        &self,
        request: &AddCheckpoint,
        trust: &Trust,
    ) -> Result<SignedCheckpoint, Refusal> {
        // The origin comes first: an unknown log is another answer than a wrong signature. A line of an unverified
        // text is all that is looked at.
        let origin = request.checkpoint.text().split('\n').next().unwrap_or_default();
        if origin != trust.origin() {
            return Err(Refusal::UnknownLog { origin: beginning(origin) });
        }
        let alone = trust.clone().with_witnesses(Vec::new(), 0);
        let signed = alone.open(request.checkpoint.clone()).map_err(Refusal::Unsigned)?;
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        if request.old_size > size {
            return Err(Refusal::OldLarger { old: request.old_size, size });
        }
        if request.old_size != self.size {
            return Err(Refusal::OtherSize { known: self.size });
        }
        if self.size == size && self.root != *root {
            return Err(Refusal::OtherRoot { known: self.size });
        }
        if self.size == 0 {
            // Every log continues the empty one; there is nothing to prove, and so nothing may be given.
            match request.proof.as_slice() {
                [] => Ok(signed),
                _ => Err(Refusal::Inconsistent(ProofError::TooLong)),
            }
        } else {
            verify_consistency(self.size, &self.root, size, root, &request.proof)
                .map_err(Refusal::Inconsistent)?;
            Ok(signed)
        }
    }

    /// The state after cosigning this checkpoint.
    #[must_use]
    pub fn of(checkpoint: &Checkpoint) -> WitnessedHead {
        WitnessedHead { size: checkpoint.size(), root: *checkpoint.root() }
    }
}

/// Why a witness does not cosign.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// A line of the request that is not as it should be. Holds its first 80 characters.
    #[error("`{line}` is not a line of a request to a witness")]
    Malformed {
        /// The line.
        line: String,
    },
    /// The checkpoint in the request is no signed note.
    #[error("the request has no checkpoint: {0}")]
    Note(#[source] NoteError),
    /// A log that this witness does not watch.
    #[error("this witness does not watch the log `{origin}`")]
    UnknownLog {
        /// The origin in the checkpoint.
        origin: String,
    },
    /// The log has not signed the checkpoint, or it is none.
    #[error("the checkpoint is not signed by its log: {0}")]
    Unsigned(#[source] CheckpointError),
    /// An old size above the new one.
    #[error("the old size {old} is larger than the checkpoint's {size}")]
    OldLarger {
        /// The old size in the request.
        old: u64,
        /// The size in the checkpoint.
        size: u64,
    },
    /// Another old size than the witness knows; the answer carries the one it knows.
    #[error("the last checkpoint cosigned has {known} entries")]
    OtherSize {
        /// The size of the last checkpoint cosigned.
        known: u64,
    },
    /// The same size with another root: the log has shown two faces.
    #[error("another checkpoint with {known} entries has been cosigned")]
    OtherRoot {
        /// The size of both.
        known: u64,
    },
    /// The log does not continue the one known: it has been rewritten, or the proof is wrong.
    #[error("the checkpoint does not continue the last one cosigned: {0}")]
    Inconsistent(#[source] ProofError),
}

impl Refusal {
    /// The HTTP status that the protocol prescribes.
    ///
    /// With 409 after [`Refusal::OtherSize`] the body is the known size and a newline, of type `text/x.tlog.size`.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Malformed { .. } | Refusal::Note(_) | Refusal::OldLarger { .. } => 400,
            Refusal::Unsigned(_) => 403,
            Refusal::UnknownLog { .. } => 404,
            Refusal::OtherSize { .. } | Refusal::OtherRoot { .. } => 409,
            Refusal::Inconsistent(_) => 422,
        }
    }
}
