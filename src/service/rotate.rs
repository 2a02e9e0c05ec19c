//! The key of the log, made and followed by another, while no daemon runs.

use std::path::Path;

use super::{
    CALLER_DAEMON, LogKey, OpenError, Refusal, fold,
    notary::Notary,
    rotated_to,
    writer::{Draft, Salts},
};
use crate::{
    clock::Clock,
    ledger::{Body, Digest, EntryKind, KeyName, Rotation, Verifier},
    store::{Derive, KeyFiles, Opened, Options, Store},
};

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
    let keys = KeyFiles::of(store.dir(), file);
    if let Some(last) = keys.verifiers()?.pop() {
        return Err(OpenError::HasKey(last.name().clone()));
    }
    let (signer, _) = keys.open(Some(name))?;
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
    let Opened { store, mut writer, .. } = Store::open(options, derive)?;
    let mut state = fold(&store)?;
    let keys = KeyFiles::of(store.dir(), key.file.as_deref());
    keys.take_next(rotated_to(&store, &state)?.as_ref())?;
    let (old, verifiers) = keys.open(key.name.as_ref())?;
    // The last checkpoint by the old key stays, so that who has only that key can check the log up to here.
    drop(Notary::open(&store, &old, verifiers)?);

    let new = keys.make_next(&old)?;
    let note = Rotation::sign(&old, new.verifier())?.to_string().into_bytes();
    let kind = EntryKind::KeyRotated;
    let (rulebook, request) = (state.rulebook().unwrap_or(Digest::ZERO), Digest::of(&note));
    state.advance(kind, rulebook);
    let draft = Draft {
        time_ms: clock.now_ms(),
        kind,
        caller: CALLER_DAEMON,
        rulebook,
        request,
        outcome: 0,
        state: &state,
    };
    let body = Body { request: note, decision: Vec::new() };
    let recorded = |refusal: Refusal| OpenError::Activation(refusal);
    let salt = Salts::default().draw().map_err(recorded)?;
    let record = draft.record(env!("CARGO_PKG_VERSION"), &body, salt, None, Vec::new()).map_err(recorded)?;
    writer.append(&[record])?;

    keys.take_next(Some(new.verifier()))?;
    let (signer, verifiers) = keys.open(None)?;
    drop(Notary::open(&store, &signer, verifiers.clone())?);
    Ok(verifiers)
}
