//! The rulebooks that the log put in force, compiled when a decision asks for them.

use std::sync::{Arc, OnceLock};

use super::{super::Snapshot, Body, told::Why};
use crate::{
    ledger::{self, Digest, Entry},
    rulebook::{Bundle, compile},
};

/// Most rulebooks that are kept: decisions are made by the last one, so the others are there for an odd log only.
const RULEBOOKS_MAX: usize = 4;

/// A rulebook with a number of its own in a replay.
#[derive(Debug)]
pub(super) struct Law {
    /// Tells questions under it from those under another.
    pub number: u32,
    /// Its digest, as entries name it.
    pub digest: Digest,
    /// The text as the log holds it, or why it does not.
    text: Result<Vec<u8>, String>,
    compiled: OnceLock<Result<Arc<Snapshot>, Why>>,
}

impl Law {
    /// A rulebook that is compiled already.
    pub fn of(number: u32, snapshot: Arc<Snapshot>) -> Self {
        let (digest, text) = (snapshot.digest, Ok(Vec::new()));
        Self { number, digest, text, compiled: OnceLock::from(Ok(snapshot)) }
    }

    /// The rulebook of the body of an activation.
    fn of_record(number: u32, digest: Digest, body: &Body) -> Self {
        let text = match body {
            Body::Kept { bytes, .. } => match ledger::Body::split(bytes) {
                Ok((text, _)) => Ok(text.to_vec()),
                Err(error) => Err(error.to_string()),
            },
            Body::Erased => Err("the record that put it in force was erased".to_owned()),
            Body::Lost => Err("the record that put it in force is lost".to_owned()),
        };
        Self { number, digest, text, compiled: OnceLock::new() }
    }

    /// The rulebook, compiled at the first question: a replay under another rulebook may never ask.
    pub fn snapshot(&self) -> Result<&Arc<Snapshot>, Why> {
        self.compiled.get_or_init(|| self.compile()).as_ref().map_err(Clone::clone)
    }

    fn compile(&self) -> Result<Arc<Snapshot>, Why> {
        let unreadable = |why: String| Why::RulebookUnreadable { digest: self.digest, why };
        let text = self.text.as_ref().map_err(|why| unreadable(why.clone()))?;
        let bundle = Bundle::from_bytes(text).map_err(|error| unreadable(error.to_string()))?;
        if Digest::from_bytes(bundle.digest().0) != self.digest {
            return Err(unreadable("its digest is another".to_owned()));
        }
        let rulebook = compile(bundle).rulebook.ok_or(Why::RulebookDoesNotCompile(self.digest))?;
        Ok(Arc::new(Snapshot::of(rulebook)))
    }
}

/// The rulebooks lately in force at some place of the log, the last one last. Shared by all decisions until the next
/// activation.
#[derive(Clone, Debug, Default)]
pub(super) struct Laws(Vec<Arc<Law>>);

impl Laws {
    /// With the rulebook that this entry puts in force.
    pub fn with(&self, number: u32, entry: &Entry, body: &Body) -> Self {
        let mut laws = self.0.clone();
        let known = laws.iter().position(|law| law.digest == entry.rulebook && law.text.is_ok());
        let law = match known {
            Some(at) => laws.remove(at),
            None => Arc::new(Law::of_record(number, entry.rulebook, body)),
        };
        laws.retain(|other| other.digest != law.digest);
        if laws.len() >= RULEBOOKS_MAX {
            laws.remove(0);
        }
        laws.push(law);
        Self(laws)
    }

    /// The rulebook of this digest.
    pub fn find(&self, digest: &Digest) -> Result<&Arc<Law>, Why> {
        let found = self.0.iter().rev().find(|law| law.digest == *digest);
        found.ok_or(Why::RulebookNotInLog(*digest))
    }
}
