//! The keys of a log as its files and its entries have them: what the log says of its keys is what counts.

use tracing::warn;

use super::{LogKey, OpenError, State};
use crate::{
    ledger::{Rotation, Signer, Verifier},
    store::{KeyFiles, Store, StoreError, kept_checkpoints},
};

/// The files of the keys, the one that signs, and every public key of the log, the oldest first.
pub(super) struct LogKeys {
    pub files: KeyFiles,
    pub signer: Signer,
    pub verifiers: Vec<Verifier>,
}

impl LogKeys {
    /// Opens the keys of a log. A rotation that a crash cut short is ended as the log says, and public keys that the
    /// log names are written again where the file lacks them. A key is made for a log without entries alone.
    pub(super) fn open(store: &Store, state: &State, key: &LogKey) -> Result<LogKeys, OpenError> {
        let files = KeyFiles::of(store.dir(), key.file.as_deref());
        let named = named(store, state)?;
        files.take_next(named.last())?;
        if !named.is_empty() && files.verifiers()? != named {
            warn!(
                "`{}` did not name the keys that the log names, and was written anew",
                files.public().display()
            );
            files.write_public(&named)?;
        }
        let (signer, verifiers) =
            if state.size() == 0 { files.open_or_make(key.name.as_ref())? } else { files.open()? };
        Ok(LogKeys { files, signer, verifiers })
    }

    /// Makes the first key of a log: one that was never signed, so that none is replaced.
    pub(super) fn make(store: &Store, state: &State, key: &LogKey) -> Result<LogKeys, OpenError> {
        let files = KeyFiles::of(store.dir(), key.file.as_deref());
        if let Some(last) = files.verifiers()?.pop() {
            return Err(OpenError::HasKey(last.name().clone()));
        }
        let was_signed = !state.rotations().is_empty() || !kept_checkpoints(store.dir())?.is_empty();
        let (signer, verifiers) =
            if was_signed { files.open()? } else { files.open_or_make(key.name.as_ref())? };
        Ok(LogKeys { files, signer, verifiers })
    }
}

/// Every public key that the rotations of the log name, the oldest first; none where it was never rotated.
fn named(store: &Store, state: &State) -> Result<Vec<Verifier>, OpenError> {
    let mut keys: Vec<Verifier> = Vec::new();
    for sequence in state.rotations() {
        let unread = || StoreError::Damaged {
            first_bad: *sequence,
            why: "it lets another key of the log follow, and does not say which".to_owned(),
        };
        let body = store.record(*sequence)?.and_then(|record| record.body().ok()).flatten();
        let rotation = Rotation::open(&body.ok_or_else(unread)?.request).map_err(|_| unread())?;
        if keys.last().is_some_and(|last| *last != rotation.old) {
            return Err(unread().into());
        }
        if keys.is_empty() {
            keys.push(rotation.old);
        }
        keys.push(rotation.new);
    }
    Ok(keys)
}
