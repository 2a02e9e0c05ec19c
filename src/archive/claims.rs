//! What files say of a log: checkpoints and receipts, to be believed once it is known whose keys count.

use std::path::{Path, PathBuf};

use crate::archive::report::Report;
use crate::archive::trust::{Believed, Disbelief};
use crate::ledger::{Checkpoint, CheckpointError, Note, Receipt, Rotation, SignedCheckpoint, Verifier};

/// What files say of the log: checkpoints and receipts, not believed yet.
pub(super) struct Claims {
    pub(super) believed: Believed,
    /// The keys that the folder names: what they sign is not altered, though it proves nothing to who gave others.
    own: Believed,
    pub(super) checkpoints: Vec<Claimed>,
    /// Each with the place of its checkpoint among them.
    pub(super) receipts: Vec<(usize, Receipt)>,
}

pub(super) struct Claimed {
    pub(super) path: PathBuf,
    pub(super) note: Note,
    pub(super) checkpoint: Checkpoint,
    /// Whether it lies in the folder, where keys that were not given may have signed.
    pub(super) is_own: bool,
}

impl Claims {
    pub(super) fn new(believed: Believed, own: Believed) -> Claims {
        Claims { believed, own, checkpoints: Vec::new(), receipts: Vec::new() }
    }

    /// Takes in that one key follows another. Says whether either is believed.
    pub(super) fn follow(&mut self, rotation: &Rotation, sequence: u64) -> bool {
        self.own.follow(rotation, sequence);
        self.believed.follow(rotation, sequence)
    }

    /// Who is believed about which checkpoint, once every rotation was followed.
    pub(super) fn judge(&self, witnesses: &[Verifier]) -> Vec<Result<SignedCheckpoint, Disbelief>> {
        let open = |claimed: &Claimed| self.believed.open(&claimed.note, &claimed.checkpoint, witnesses);
        self.checkpoints.iter().map(open).collect()
    }

    /// Whether the folder says that its own key has signed this.
    pub(super) fn is_of_own_key(&self, claimed: &Claimed) -> bool {
        claimed.is_own && self.own.open(&claimed.note, &claimed.checkpoint, &[]).is_ok()
    }

    pub(super) fn add(&mut self, path: PathBuf, bytes: &[u8], is_own: bool, report: &mut Report) {
        let read = Note::parse(bytes)
            .map_err(CheckpointError::from)
            .and_then(|note| Checkpoint::parse(note.text()).map(|checkpoint| (note, checkpoint)));
        match read {
            Ok((note, checkpoint)) => {
                self.checkpoints.push(Claimed { path, note, checkpoint, is_own });
            }
            Err(fault) => report.problem(format!("`{}`: {fault}", path.display())),
        }
    }

    pub(super) fn add_receipts(&mut self, receipts: &[(PathBuf, Vec<u8>)], report: &mut Report) {
        for (path, bytes) in receipts {
            let read = open_receipt(path, bytes).and_then(|receipt| {
                let checkpoint = Checkpoint::parse(receipt.checkpoint.text());
                checkpoint
                    .map(|checkpoint| (receipt, checkpoint))
                    .map_err(|fault| format!("`{}`: {fault}", path.display()))
            });
            match read {
                Ok((receipt, checkpoint)) => {
                    let note = receipt.checkpoint.clone();
                    self.receipts.push((self.checkpoints.len(), receipt));
                    self.checkpoints.push(Claimed { path: path.clone(), note, checkpoint, is_own: false });
                }
                Err(why) => report.problem(why),
            }
        }
    }
}

pub(super) fn open_receipt(path: &Path, bytes: &[u8]) -> Result<Receipt, String> {
    let receipt = Receipt::parse(bytes).map_err(|fault| format!("`{}`: {fault}", path.display()))?;
    if receipt.extra.is_empty() {
        return Err(format!(
            "`{}` does not hold the entry that it proves (its `extra` line)",
            path.display()
        ));
    }
    Ok(receipt)
}
