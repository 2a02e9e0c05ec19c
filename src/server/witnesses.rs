//! Witnesses of the log: asked for their cosignature on every head, and believed when they say that the log is not the
//! one that they have seen.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::{
    ledger::{AddCheckpoint, Signature},
    service::{Head, Service},
    telemetry::field,
    witness::{Client, ClientError},
};

/// How long to wait before a head is offered again that too few have cosigned.
const AGAIN: Duration = Duration::from_secs(1);
/// How often a witness may correct the size that it is asked from, for one head.
const CORRECTIONS_MAX: usize = 3;

/// The witnesses of a log.
pub struct Witnesses {
    clients: Vec<Asked>,
    /// How many must cosign a head before it counts as witnessed.
    quorum: usize,
}

/// A witness and what it is known to know.
struct Asked {
    client: Client,
    /// The size that it has cosigned last, as far as it was told here.
    known: u64,
}

/// Why a log is not to be trusted, as a witness has it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Distrust {
    /// The witness has seen more.
    #[error(
        "the witness `{witness}` has cosigned {known} entries of this log, and it has {size}: an old copy of it was put \
         back"
    )]
    SetBack {
        /// The witness.
        witness: String,
        /// How many entries it has seen.
        known: u64,
        /// How many there are.
        size: u64,
    },
    /// The witness has seen something else.
    #[error("the witness `{witness}` says that this log does not continue what it has seen: {why}")]
    Rewritten {
        /// The witness.
        witness: String,
        /// What it said.
        why: String,
    },
}

impl Witnesses {
    /// These witnesses, of whom so many must cosign.
    #[must_use]
    pub fn new(clients: Vec<Client>, quorum: usize) -> Witnesses {
        let clients = clients.into_iter().map(|client| Asked { client, known: 0 }).collect();
        Witnesses { clients, quorum }
    }

    /// Asks them about the head that there is, once, before anything is answered.
    ///
    /// # Errors
    /// [`Distrust`]; a witness that cannot be reached is no reason not to start.
    pub async fn first(&mut self, service: &Arc<Service>) -> Result<(), Distrust> {
        self.round(service).await.map(drop)
    }

    /// Asks them about every new head, for as long as it is polled. A witness that distrusts the log ends it.
    pub async fn follow(mut self, service: Arc<Service>) {
        loop {
            match self.round(&service).await {
                Ok(true) => service.head_due().await,
                // Too few: what they lack is offered again, also without a new head.
                Ok(false) => tokio::time::sleep(AGAIN).await,
                Err(distrust) => {
                    service.distrust(&distrust.to_string());
                    return;
                }
            }
        }
    }

    /// Offers the newest head to all of them, and says whether enough have cosigned it.
    async fn round(&mut self, service: &Arc<Service>) -> Result<bool, Distrust> {
        let head = service.head();
        let mut note = head.note.clone();
        let mut cosigned = 0;
        // One after the other: they are few, and the slowest is waited for at most as long as a client waits.
        for asked in &mut self.clients {
            if let Some(cosignature) = asked.ask(service, &head).await? {
                if let Err(fault) = note.add(cosignature) {
                    warn!({ field::ERROR } = %fault, "a cosignature does not fit the checkpoint");
                    continue;
                }
                cosigned += 1;
            }
        }
        let enough = cosigned >= self.quorum;
        if enough && cosigned > 0 {
            service.take_cosigned(Head { size: head.size, root: head.root, note });
        }
        Ok(enough)
    }
}

impl Asked {
    /// The cosignature on this head; nothing where the witness cannot give it now.
    async fn ask(&mut self, service: &Arc<Service>, head: &Head) -> Result<Option<Signature>, Distrust> {
        for _ in 0..CORRECTIONS_MAX {
            let Some(proof) = proof(service, self.known, head.size).await else { return Ok(None) };
            let request = AddCheckpoint { old_size: self.known, proof, checkpoint: head.note.clone() };
            match self.client.add_checkpoint(&request).await {
                Ok(cosignature) => {
                    self.known = head.size;
                    return Ok(Some(cosignature));
                }
                Err(ClientError::Behind { known }) if known > head.size => {
                    let witness = self.name();
                    return Err(Distrust::SetBack { witness, known, size: head.size });
                }
                Err(ClientError::Behind { known }) if known != self.known => {
                    info!({ field::COUNT } = known, "the witness `{}` knows another size", self.name());
                    self.known = known;
                }
                // The same size with another root, or no continuation of what it saw.
                Err(ClientError::Refused { status: 409 | 422, why }) => {
                    return Err(Distrust::Rewritten { witness: self.name(), why });
                }
                Err(fault) => {
                    warn!({ field::ERROR } = %fault, "the witness `{}` has not cosigned", self.name());
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    fn name(&self) -> String {
        self.client.verifier().name().to_string()
    }
}

/// The proof that the head continues a log of `known` entries; it reads the disk.
async fn proof(service: &Arc<Service>, known: u64, size: u64) -> Option<Vec<crate::ledger::Digest>> {
    if known == 0 || known == size {
        return Some(Vec::new());
    }
    let service = Arc::clone(service);
    let proof = spawn_blocking(move || service.consistency_in(&service.head(), known, size)).await.ok()?;
    proof.map(|proof| proof.hashes).ok()
}
