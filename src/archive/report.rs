//! What a verification has to say.

use std::path::Path;

use crate::archive::claims::Claims;
use crate::archive::trust::Disbelief;
use crate::ledger::{Digest, Receipt, SignedCheckpoint, Verdict, leaf_hash, verify_inclusion};

/// Notes and problems of other kinds than those of records that are kept; more are only counted.
const SAID_MAX: usize = 1_000;

/// What a verification found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// How many of them a checkpoint proves.
    pub proved: u64,
    /// The first record that is bad.
    pub first_bad: Option<u64>,
    /// What is wrong, the first thousand of it.
    pub problems: Vec<String>,
    /// How much is wrong.
    pub problem_count: u64,
    /// What is no fault and should be known.
    pub notes: Vec<String>,
    /// Checkpoints that are believed, whatever the log leads to.
    pub checkpoints: usize,
    /// Receipts that hold.
    pub receipts: usize,
    /// Bodies that are what their entries commit to.
    pub bodies_kept: u64,
    /// Entries whose bodies are not part of the files.
    pub bodies_not_given: u64,
    /// Bodies that were erased.
    pub bodies_erased: u64,
    /// Names of the witnesses that have cosigned the newest checkpoint that enough of them have.
    pub witnesses: Vec<String>,
    /// How many entries that one covers.
    pub witnessed: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.problem_count == 0
    }

    pub(super) fn empty() -> Report {
        Report {
            size: 0,
            root: Digest::of(&[]),
            proved: 0,
            first_bad: None,
            problems: Vec::new(),
            problem_count: 0,
            notes: Vec::new(),
            checkpoints: 0,
            receipts: 0,
            bodies_kept: 0,
            bodies_not_given: 0,
            bodies_erased: 0,
            witnesses: Vec::new(),
            witnessed: 0,
        }
    }

    pub(super) fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < SAID_MAX {
            self.problems.push(text);
        }
    }

    pub(super) fn note(&mut self, text: String) {
        if self.notes.len() < SAID_MAX {
            self.notes.push(text);
        }
    }
}

impl Report {
    pub(super) fn take(&mut self, verdict: &Verdict) {
        self.size = verdict.size;
        self.root = verdict.root;
        self.proved = verdict.proved;
        self.first_bad = verdict.first_bad;
        self.problem_count += verdict.problem_count;
        let room = SAID_MAX.saturating_sub(self.problems.len());
        self.problems.extend(verdict.problems.iter().take(room).map(ToString::to_string));
        self.bodies_kept = verdict.bodies_kept;
        self.bodies_not_given = verdict.bodies_not_given;
        self.bodies_erased = verdict.erased.len() as u64;
        if verdict.times_back > 0 {
            let first = verdict.first_time_back.unwrap_or_default();
            self.note(format!("the clock went back {} times, first at record {first}", verdict.times_back));
        }
    }

    /// Says who signed the checkpoints; what they say was compared with the entries before.
    pub(super) fn believe(
        &mut self,
        claims: &Claims,
        judged: &[Result<SignedCheckpoint, Disbelief>],
        quorum: usize,
    ) {
        let mut witnessed: Option<&SignedCheckpoint> = None;
        let has_keys = !claims.believed.is_empty();
        for (claimed, verdict) in claims.checkpoints.iter().zip(judged).filter(|_| has_keys) {
            let (path, size) = (claimed.path.display(), claimed.checkpoint.size());
            match verdict {
                Ok(signed) => {
                    self.checkpoints += 1;
                    let enough = witnesses(signed).len() >= quorum.max(1);
                    let newer = witnessed.is_none_or(|newest| newest.checkpoint.size() < size);
                    if claimed.is_own && enough && newer {
                        witnessed = Some(signed);
                    }
                }
                // What others prove needs no further proof.
                Err(why) if why.is_unknown() && claims.is_of_own_key(claimed) && size <= self.proved => {
                    self.note(format!("`{path}` is signed by a key that was not given"));
                }
                Err(why) if why.is_unknown() && claims.is_of_own_key(claimed) => self.problem(format!(
                    "`{path}` is signed by a key that was not given and that nothing leads to: it proves none of the \
                     {size} entries"
                )),
                Err(why) => self.problem(format!("`{path}`: {why}")),
            }
        }
        if self.checkpoints == 0 && self.problem_count == 0 {
            let why = if has_keys {
                "there is no signed checkpoint"
            } else {
                "there is no public key to check a checkpoint with (--vkey)"
            };
            self.problem(format!("{why}, so nothing proves that these are the entries recorded"));
        }
        if let Some(signed) = witnessed {
            self.witnesses = witnesses(signed);
            self.witnessed = signed.checkpoint.size();
        } else if quorum > 0 {
            self.problem(format!(
                "no kept checkpoint is cosigned by {quorum} of the witnesses that were given"
            ));
        }
    }

    pub(super) fn receipt(
        &mut self,
        path: &Path,
        receipt: &Receipt,
        in_log: Option<Digest>,
        signed: &SignedCheckpoint,
    ) {
        let leaf = leaf_hash(&receipt.extra);
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        match verify_inclusion(&leaf, receipt.index, size, &receipt.proof, root) {
            Ok(()) if in_log == Some(leaf) => self.receipts += 1,
            Ok(()) => {
                self.first_bad = Some(self.first_bad.map_or(receipt.index, |first| first.min(receipt.index)));
                self.problem(format!(
                    "`{}` proves an entry {} that the log has otherwise or not at all",
                    path.display(),
                    receipt.index
                ));
            }
            Err(fault) => self.problem(format!("`{}`: {fault}", path.display())),
        }
    }
}

pub(super) fn witnesses(signed: &SignedCheckpoint) -> Vec<String> {
    let mut names: Vec<String> =
        signed.cosignatures.iter().map(|cosignature| cosignature.witness.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
