//! Items out of files: a data folder, beside a daemon or without one, or an exported log.

use std::collections::VecDeque;

use super::{Body, Item};
use crate::archive::{Archive, ArchiveError, Block, BlockEnd, Blocks};
use crate::ledger::{self, BodyState, Entry, EntryKind, Record, commitment};
use crate::service::{NoSnapshot, Snapshot};

/// The records of an archive in order, each checked against its own entry.
pub struct Archived {
    blocks: Blocks,
    ready: VecDeque<Item>,
    ended: bool,
}

/// Every record of the archive.
///
/// # Errors
/// When its files cannot be read.
pub fn archived(archive: &Archive) -> Result<Archived, ArchiveError> {
    Ok(Archived { blocks: archive.blocks(0)?, ready: VecDeque::new(), ended: false })
}

/// The rulebook that the archive says is in force; `None` where it holds none.
///
/// # Errors
/// When its files cannot be read, or the rulebook compiles no more.
pub fn in_force(archive: &Archive) -> Result<Option<Snapshot>, InForceError> {
    let mut blocks = archive.blocks(0)?;
    let mut last = None;
    while let Some(block) = blocks.next_block()? {
        for record in block.records() {
            if record.entry.get(1) == Some(&EntryKind::RulebookActivated.number())
                && let BodyState::Kept { body, .. } = record.body
            {
                last = ledger::Body::decode(body).ok();
            }
        }
    }
    Ok(last.map(|body| Snapshot::of_activation(&body)).transpose()?)
}

/// Why the rulebook in force cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InForceError {
    /// The files.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The rulebook.
    #[error("the rulebook in force cannot be had: {0}")]
    Snapshot(#[from] NoSnapshot),
}

impl Iterator for Archived {
    type Item = Result<Item, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            match self.blocks.next_block() {
                Ok(Some(block)) => {
                    if let Err(why) = self.take(&block) {
                        self.ended = true;
                        return Some(Err(why));
                    }
                }
                Ok(None) => {
                    self.ended = true;
                    if let Some(BlockEnd::Damaged { first_bad, why }) = self.blocks.end() {
                        return Some(Err(format!("the log is damaged from sequence {first_bad} on: {why}")));
                    }
                }
                Err(fault) => {
                    self.ended = true;
                    return Some(Err(fault.to_string()));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl Archived {
    fn take(&mut self, block: &Block) -> Result<(), String> {
        for (sequence, record) in (block.first()..).zip(block.records()) {
            self.ready.push_back(item(sequence, &record).map_err(|why| format!("record {sequence}: {why}"))?);
        }
        Ok(())
    }
}

fn item(sequence: u64, record: &Record<'_>) -> Result<Item, String> {
    let entry = Entry::decode(record.entry).map_err(|fault| fault.to_string())?;
    let body = match record.body {
        BodyState::Kept { salt, body } if commitment(salt, body) == entry.commitment => {
            Body::Kept { salt: *salt, bytes: body.to_vec() }
        }
        BodyState::Kept { .. } => return Err("its body is not the one that its entry commits to".to_owned()),
        BodyState::Erased => Body::Erased,
        BodyState::Lost | BodyState::NotGiven => Body::Lost,
    };
    Ok(Item { sequence, entry, body })
}
