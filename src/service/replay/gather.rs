//! Items taken in the order of the log, folded, and gathered into chunks.

use std::{fmt, sync::Arc};

use super::{
    super::fold::{FoldError, State, is_of_register},
    Body, Item,
    law::Laws,
    told::{Unreplayable, Why},
};
use crate::{
    ledger::{self, Entry, EntryKind},
    register::Register,
};

/// Most entries of a chunk: enough that handing it over costs nothing beside judging it, few enough that the first
/// difference is told at once.
const ENTRIES_MAX: usize = 256;
/// Most bytes of the bodies of a chunk, the last one apart.
const BYTES_MAX: usize = 1 << 20;

/// A run of the log with what its decisions need.
pub(super) struct Chunk {
    /// The rulebooks at this place.
    pub laws: Arc<Laws>,
    pub tasks: Vec<Task>,
    /// Entries of the log that were taken so far.
    pub entries: u64,
}

/// What is to be done with an entry.
pub(super) enum Task {
    /// Decide again.
    Decide { entry: Box<Entry>, body: Body, register: Arc<Register> },
    /// Only say this; it may be of a decision.
    Tell { said: Unreplayable, is_decision: bool },
}

/// Takes items.
pub(super) struct Gatherer<I> {
    items: I,
    state: State,
    laws: Arc<Laws>,
    /// Of the next rulebook; 0 is the one that was given.
    law_number: u32,
    entries: u64,
    /// An entry that begins the next chunk.
    first: Option<Item>,
    ended: bool,
}

impl<I: Iterator<Item = Result<Item, E>>, E: fmt::Display> Gatherer<I> {
    pub fn new(items: I) -> Self {
        let (state, laws) = (State::default(), Arc::default());
        Self { items, state, laws, law_number: 1, entries: 0, first: None, ended: false }
    }

    /// The next chunk. A rulebook that comes into force begins one, so that all of a chunk share theirs. An error of
    /// the items ends them, and is told.
    pub fn chunk(&mut self) -> Option<Chunk> {
        let mut tasks = Vec::with_capacity(ENTRIES_MAX);
        let (mut bytes, before) = (0, self.entries);
        let until = before + ENTRIES_MAX as u64;
        if let Some(item) = self.first.take() {
            let number = self.law_number;
            self.law_number += 1;
            self.laws = Arc::new(self.laws.with(number, &item.entry, &item.body));
            self.take(item, &mut tasks);
        }
        while !self.ended && self.entries < until && bytes < BYTES_MAX {
            match self.items.next() {
                Some(Ok(item)) if item.entry.kind == EntryKind::RulebookActivated => {
                    self.first = Some(item);
                    break;
                }
                Some(Ok(item)) => {
                    if let Body::Kept { bytes: body, .. } = &item.body {
                        bytes += body.len();
                    }
                    self.take(item, &mut tasks);
                }
                Some(Err(error)) => {
                    let why = Why::Unreadable(error.to_string());
                    tell(&mut tasks, self.state.size(), why, false);
                    self.ended = true;
                }
                None => self.ended = true,
            }
        }
        let is_empty = self.first.is_none() && tasks.is_empty() && self.entries == before;
        (!is_empty).then(|| Chunk { laws: self.laws.clone(), tasks, entries: self.entries })
    }

    fn take(&mut self, item: Item, tasks: &mut Vec<Task>) {
        self.entries += 1;
        let is_decision = item.entry.kind == EntryKind::DecisionMade;
        // As it was before this decision.
        let before = self.state.register().clone();
        match self.fold(&item, tasks) {
            Some(why) => tell(tasks, item.sequence, why, is_decision),
            None if is_decision => {
                tasks.push(Task::Decide { entry: Box::new(item.entry), body: item.body, register: before });
            }
            None => {}
        }
    }

    /// Takes the entry into the state, and says what does not fit. Whatever that is, the entries behind it are judged by
    /// themselves.
    fn fold(&mut self, item: &Item, tasks: &mut Vec<Task>) -> Option<Why> {
        let found = item.entry.sequence;
        if item.sequence < self.state.size() {
            return Some(Why::Misplaced { found });
        }
        if item.sequence > self.state.size() {
            tell(tasks, self.state.size(), Why::Missing { next: item.sequence }, false);
            self.state.skip_to(item.sequence);
        }
        if item.sequence != found {
            self.state.skip_to(item.sequence + 1);
            return Some(Why::Misplaced { found });
        }
        // A body of no version that this program reads, or that is no decision, is told by whoever judges it.
        let change = match &item.body {
            Body::Kept { bytes, .. } => ledger::Body::split(bytes).ok().map(|(_, change)| change),
            Body::Erased | Body::Lost => None,
        };
        let fault = match self.state.replay(&item.entry, change) {
            // What such an entry did to the register nobody knows; a decision says so itself.
            Ok(()) if is_of_register(item.entry.kind) => match item.body {
                Body::Kept { .. } => return None,
                Body::Erased => return Some(Why::BodyErased),
                Body::Lost => return Some(Why::BodyLost),
            },
            Ok(()) => return None,
            Err(fault) => fault,
        };
        self.state.go_on_behind(&item.entry);
        let is_told = matches!(fault, FoldError::Change { .. }) && item.entry.kind == EntryKind::DecisionMade;
        (!is_told).then_some(Why::State)
    }
}

fn tell(tasks: &mut Vec<Task>, sequence: u64, why: Why, is_decision: bool) {
    tasks.push(Task::Tell { said: Unreplayable { sequence, why }, is_decision });
}
