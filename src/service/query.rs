//! Finding decisions again. Whatever is read proves itself first; terms only narrow, the record decides.

use tracing::error;

use super::{
    DecisionId, DecisionIdError, Filter, Service,
    filter::{Findable, RawFilter},
    page,
    recorded::Found,
    refusal::Refusal,
};
use crate::{domain::identity::Identity, store::StoreError, telemetry::field};

/// Decisions on a page when the caller does not say.
pub const PAGE_SIZE_DEFAULT: usize = 50;
/// Most decisions on a page.
pub const PAGE_SIZE_MAX: usize = 100;
/// Most records that one page looks at; a search that finds little is spread over several short answers.
const LOOKED_AT_MAX: usize = 2_000;
/// Candidates taken from the index at a time.
const CANDIDATES: usize = 128;

/// A page of decisions, newest first.
#[derive(Debug)]
pub struct Page<T> {
    /// The decisions.
    pub items: Vec<T>,
    /// Token of the next page; empty at the end, and only there.
    pub next_page_token: String,
}

impl Service {
    /// Finds a decision by its id. Reads the disk. What is of an exporter that the reader does not speak for is not there
    /// for it.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a text that is no id, [`Refusal::NotFound`], [`Refusal::RecordDamaged`].
    pub fn decision(&self, reader: &Identity, id: &str) -> Result<Found, Refusal> {
        let read: DecisionId = id.parse().map_err(|error: DecisionIdError| {
            Refusal::field("decision_id", "DECISION_ID", error.to_string())
        })?;
        let not_found = || Refusal::NotFound(read.to_string());
        if !self.core.notary.is_released(read.sequence()) && read.sequence() < self.core.store.size() {
            return Err(Refusal::Unwitnessed);
        }
        let found = match self.core.recorded(read.sequence()) {
            Ok(recorded) => Found::Kept(Box::new(recorded)),
            Err(Refusal::Erased { entry }) => Found::Erased(entry),
            Err(Refusal::NotFound(_)) => return Err(not_found()),
            Err(refusal) => return Err(refusal),
        };
        // The time in the id must agree: an id of another log finds nothing rather than something else.
        if found.id() == read && may_see(reader, &found) { Ok(found) } else { Err(not_found()) }
    }

    /// A page of the decisions that the filter takes, newest first. Reads the disk.
    ///
    /// `tell` turns each into what the page holds and says how many bytes that takes; a page ends before it would take
    /// more than `bytes_max`, but has one decision at least.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a bad filter, page size or token; [`Refusal::RecordDamaged`],
    /// [`Refusal::StoreUnavailable`].
    pub fn decisions<T>(
        &self,
        reader: &Identity,
        filter: &RawFilter,
        page_size: i32,
        page_token: &str,
        bytes_max: usize,
        mut tell: impl FnMut(Found) -> Result<(T, usize), Refusal>,
    ) -> Result<Page<T>, Refusal> {
        let size = page_size_of(page_size)?;
        let seal = filter.seal();
        let start = page::read(page_token, seal)?;
        let filter = filter.parse()?;
        let store = &self.core.store;
        let unavailable = |fault: StoreError| {
            error!({ field::ERROR } = %fault, "the index cannot be read");
            Refusal::StoreUnavailable
        };
        let mut before = start.unwrap_or_else(|| store.size()).min(self.readable_size()?);
        if let Some(until) = filter.until_ms {
            before = before.min(store.sequence_after(until).map_err(unavailable)?);
        }
        let first = match filter.from_ms {
            Some(from) => store.sequence_at(from).map_err(unavailable)?,
            None => 0,
        };
        let terms = filter.terms();
        let (mut items, mut bytes, mut looked_at) = (Vec::new(), 0, 0);
        while before > first {
            let candidates = store.search(&terms, before, CANDIDATES).map_err(unavailable)?;
            if candidates.is_empty() {
                before = first;
            }
            for sequence in candidates {
                if sequence < first {
                    before = first;
                    break;
                }
                if items.len() >= size || looked_at >= LOOKED_AT_MAX {
                    return Ok(Page { items, next_page_token: page::token(before, seal) });
                }
                looked_at += 1;
                if let Some(found) = self.taken(sequence, &filter)?.filter(|found| may_see(reader, found)) {
                    let (item, length) = tell(found)?;
                    if !items.is_empty() && bytes + length > bytes_max {
                        return Ok(Page { items, next_page_token: page::token(before, seal) });
                    }
                    bytes += length;
                    items.push(item);
                }
                before = sequence;
            }
        }
        Ok(Page { items, next_page_token: String::new() })
    }

    /// How many records readers may see. Where nobody waits for witnesses, a record counts once it is stored.
    fn readable_size(&self) -> Result<u64, Refusal> {
        if self.core.notary.waits() { Ok(self.core.readable()?.size) } else { Ok(self.core.store.size()) }
    }

    /// The record at `sequence`, if the filter takes it.
    fn taken(&self, sequence: u64, filter: &Filter) -> Result<Option<Found>, Refusal> {
        let recorded = match self.core.recorded(sequence) {
            // An entry of another kind.
            Err(Refusal::NotFound(_)) => return Ok(None),
            Err(Refusal::Erased { entry }) => {
                return Ok(filter.takes_erased(&entry).then(|| Found::Erased(entry)));
            }
            other => other?,
        };
        let rules = recorded.rules();
        let findable =
            Findable { request: &recorded.request, outcome: recorded.decision.outcome, rules: &rules };
        let takes = filter.takes(&findable, recorded.entry.time_ms);
        Ok(takes.then(|| Found::Kept(Box::new(recorded))))
    }
}

/// Is the decision of an exporter that the reader speaks for? Of an erased one nobody can tell.
fn may_see(reader: &Identity, found: &Found) -> bool {
    match found {
        Found::Kept(recorded) => !reader.is_bound() || reader.speaks_for(&recorded.exporter()),
        Found::Erased(_) => !reader.is_bound(),
    }
}

pub(super) fn page_size_of(asked: i32) -> Result<usize, Refusal> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(Refusal::field("page_size", "NEGATIVE", format!("`{asked}` is negative"))),
    }
}
