//! What an operator does with a log while no daemon runs on it: its key is made and followed by another, and records are
//! erased or held. Each is an entry of the log, signed as any other.

use std::path::Path;

use super::{
    CALLER_DAEMON, LogKey, OpenError, Refusal, State,
    draft::{Draft, Salts},
    fold,
    keys::LogKeys,
    notary::Notary,
};
use crate::{
    clock::Clock,
    ledger::{Body, Digest, EntryKind, KeyName, Marks, Rotation, Signer, Verifier},
    store::{Derive, KeyFiles, Notice, Opened, Options, Store, Writer, begin_erasing},
};

/// A log that is open for its operator.
struct Offline {
    store: Store,
    writer: Writer,
    state: State,
    keys: KeyFiles,
    signer: Signer,
}

impl Offline {
    fn open(options: &Options, key: &LogKey, derive: Derive) -> Result<Offline, OpenError> {
        let Opened { store, writer, .. } = Store::open(options, derive)?;
        let state = fold(&store)?;
        let LogKeys { files: keys, signer, verifiers } = LogKeys::open(&store, &state, key)?;
        // Holds the log against what was signed before, and keeps a head by the key that signs now.
        drop(Notary::open(&store, &signer, verifiers)?);
        Ok(Offline { store, writer, state, keys, signer })
    }

    /// Appends an entry of the operator's own; its head is signed by [`Offline::close`].
    fn append(&mut self, kind: EntryKind, request: Vec<u8>, clock: &dyn Clock) -> Result<(), OpenError> {
        let recorded = |refusal: Refusal| OpenError::Activation(refusal);
        let rulebook = self.state.rulebook().unwrap_or(Digest::ZERO);
        self.state.advance(kind, rulebook, None)?;
        let draft = Draft {
            time_ms: clock.now_ms(),
            kind,
            caller: CALLER_DAEMON,
            rulebook,
            outcome: 0,
            state: &self.state,
        };
        let body = Body { request, decision: Vec::new() };
        let salt = Salts::default().draw().map_err(recorded)?;
        let version = env!("CARGO_PKG_VERSION");
        let record = draft.record(version, &body, salt, None, Vec::new()).map_err(recorded)?;
        self.writer.append(&[record])?;
        Ok(())
    }

    /// Signs the head of all that was appended.
    fn close(self) -> Result<Vec<Verifier>, OpenError> {
        let (signer, verifiers) = self.keys.open()?;
        drop(Notary::open(&self.store, &signer, verifiers.clone())?);
        Ok(verifiers)
    }
}

/// Makes the key of a log that has none.
///
/// # Errors
/// [`OpenError::HasKey`] where there is one.
pub fn make_key(
    options: &Options,
    file: Option<&Path>,
    name: &KeyName,
    derive: Derive,
) -> Result<Verifier, OpenError> {
    let Opened { store, .. } = Store::open(options, derive)?;
    let key = LogKey { file: file.map(Path::to_path_buf), name: Some(name.clone()) };
    let LogKeys { signer, .. } = LogKeys::make(&store, &fold(&store)?, &key)?;
    if signer.verifier().name() != name {
        return Err(OpenError::HasKey(signer.verifier().name().clone()));
    }
    Ok(signer.verifier().clone())
}

/// Lets a new key follow the one that signs: the old key says so in the log, and from the entry on the new one signs.
///
/// A crash at any moment leaves the old key or the new one in force, as the log says.
///
/// # Errors
/// [`OpenError`].
pub fn rotate_key(
    options: &Options,
    key: &LogKey,
    clock: &dyn Clock,
    derive: Derive,
) -> Result<Vec<Verifier>, OpenError> {
    let mut log = Offline::open(options, key, derive)?;
    let new = log.keys.make_next(&log.signer)?;
    let note = Rotation::sign(&log.signer, new.verifier())?.to_string().into_bytes();
    log.append(EntryKind::KeyRotated, note, clock)?;
    log.keys.take_next(Some(new.verifier()))?;
    log.close()
}

/// Records that these records are held, or are held no more.
///
/// # Errors
/// [`OpenError`].
pub fn hold(
    options: &Options,
    key: &LogKey,
    clock: &dyn Clock,
    derive: Derive,
    marks: &Marks,
    is_held: bool,
) -> Result<(), OpenError> {
    let kind = if is_held { EntryKind::LegalHoldSet } else { EntryKind::LegalHoldReleased };
    let mut log = Offline::open(options, key, derive)?;
    log.append(kind, marks.encode()?, clock)?;
    log.close().map(drop)
}

/// Erases the bodies of these records: the entry that says so is recorded and signed first, and then the bodies are
/// overwritten. Gives what the store did. A crash between is made good at the next start.
///
/// # Errors
/// [`OpenError`]; whether they may be erased is for the caller to know, who has read them when the log had `size`
/// entries. Where it has more by now, one of them may be held, and nothing is erased.
pub fn erase(
    options: &Options,
    key: &LogKey,
    clock: &dyn Clock,
    derive: Derive,
    marks: &Marks,
    size: u64,
) -> Result<Vec<Notice>, OpenError> {
    let request = marks.encode()?;
    let mut log = Offline::open(options, key, derive)?;
    if log.state.size() != size {
        return Err(OpenError::Changed { read: size, now: log.state.size() });
    }
    begin_erasing(log.store.dir(), log.state.size(), &marks.sequences)?;
    log.append(EntryKind::BodyErased, request, clock)?;
    log.close()?;
    let Opened { notices, .. } = Store::open(options, derive)?;
    Ok(notices)
}
