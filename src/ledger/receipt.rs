//! Receipts: the proof that one entry is in the log, in one text that needs nothing else but the public key.
//!
//! Source: <https://c2sp.org/tlog-proof>; by convention files end in `.tlog-proof`.

use std::fmt;

use thiserror::Error;

use crate::ledger::checkpoint::{CheckpointError, SignedCheckpoint, Trust};
use crate::ledger::hash::{Digest, leaf_hash};
use crate::ledger::note::{NOTE_LENGTH_MAX, Note, NoteError};
use crate::ledger::proof::{ProofError, verify_inclusion};
use crate::ledger::text::{beginning, decode_base64, decode_digest, encode_base64, parse_decimal};

/// The longest receipt that is read, in bytes: a note, a proof and extra data.
pub const RECEIPT_LENGTH_MAX: usize = 2 * NOTE_LENGTH_MAX;
/// The most hashes in the proof of a receipt: the height of the largest tree.
pub const RECEIPT_PROOF_LENGTH_MAX: usize = 64;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The proof that an entry is in a log: its index, the hashes beside its path, and a signed checkpoint.
///
/// Written (`Display`, `to_string`) it is a text of about 45 bytes a hash and 250 for the checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// The index of the entry, which is its sequence.
    pub index: u64,
    /// The hashes beside the path from the leaf up to the root.
    pub proof: Vec<Digest>,
    /// Anything that whoever files the receipt may want to keep with it; not proved by it. Empty for none.
    pub extra: Vec<u8>,
    /// The checkpoint with its signatures, as the log gave it.
    pub checkpoint: Note,
}

impl Receipt {
    /// Reads a receipt.
    ///
    /// # Errors
    /// When the bytes are too long, a line is not as it should be, or the checkpoint is no signed note.
    pub fn parse(bytes: &[u8]) -> Result<Receipt, ReceiptError> {
        if bytes.len() > RECEIPT_LENGTH_MAX {
            return Err(ReceiptError::Long { length: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| ReceiptError::Checkpoint(NoteError::NotText))?;
        let mut lines = Lines { rest: text };
        if lines.next()? != HEADER {
            return Err(ReceiptError::Header {
                line: beginning(text.split('\n').next().unwrap_or_default()),
            });
        }
        let mut line = lines.next()?;
        let mut extra = Vec::new();
        if let Some(base64) = line.strip_prefix("extra ") {
            // Without extra data the line is left out, so an empty one is none.
            let data = decode_base64(base64).filter(|data| !data.is_empty());
            extra = data.ok_or_else(|| ReceiptError::Line { line: beginning(line) })?;
            line = lines.next()?;
        }
        let index = line.strip_prefix("index ").and_then(parse_decimal);
        let index = index.ok_or_else(|| ReceiptError::Line { line: beginning(line) })?;
        let mut proof = Vec::new();
        loop {
            let line = lines.next()?;
            if line.is_empty() {
                break;
            }
            if proof.len() == RECEIPT_PROOF_LENGTH_MAX {
                return Err(ReceiptError::Proof(ProofError::TooLong));
            }
            proof.push(decode_digest(line).ok_or_else(|| ReceiptError::Line { line: beginning(line) })?);
        }
        Ok(Receipt { index, proof, extra, checkpoint: Note::parse(lines.rest.as_bytes())? })
    }

    /// Checks that the log holds these bytes as its entry `index`, and gives the checkpoint that says so.
    ///
    /// # Errors
    /// When the checkpoint is not to be believed on these terms, or the proof does not lead from the entry to its
    /// root.
    pub fn verify(&self, entry: &[u8], trust: &Trust) -> Result<SignedCheckpoint, ReceiptError> {
        self.verify_leaf(&leaf_hash(entry), trust)
    }

    /// As [`Receipt::verify`], where only the hash of the entry is at hand ([`leaf_hash`]).
    ///
    /// # Errors
    /// As [`Receipt::verify`].
    pub fn verify_leaf(&self, leaf: &Digest, trust: &Trust) -> Result<SignedCheckpoint, ReceiptError> {
        let signed = trust.open(self.checkpoint.clone())?;
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        verify_inclusion(leaf, self.index, size, &self.proof, root)?;
        Ok(signed)
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(f, "extra {}", encode_base64(&self.extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{}", encode_base64(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, ReceiptError> {
        let (line, rest) = self.rest.split_once('\n').ok_or(ReceiptError::Cut)?;
        self.rest = rest;
        Ok(line)
    }
}

/// Why bytes are no receipt, or it proves nothing.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ReceiptError {
    /// Longer than [`RECEIPT_LENGTH_MAX`].
    #[error("a receipt of {length} bytes is longer than 2000000")]
    Long {
        /// The length in bytes.
        length: usize,
    },
    /// Another first line. Holds its first 80 characters.
    #[error("`{line}` is not the first line of a receipt, `c2sp.org/tlog-proof@v1`")]
    Header {
        /// The line.
        line: String,
    },
    /// A line that is neither extra data, index nor hash where one should be. Holds its first 80 characters.
    #[error("`{line}` is not the line of a receipt that belongs here")]
    Line {
        /// The line.
        line: String,
    },
    /// It ends before the checkpoint.
    #[error("the receipt ends before its checkpoint")]
    Cut,
    /// The checkpoint is no signed note.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
    /// The checkpoint is not to be believed.
    #[error(transparent)]
    Trust(#[from] CheckpointError),
    /// The proof does not lead from the entry to the root.
    #[error(transparent)]
    Proof(#[from] ProofError),
}
