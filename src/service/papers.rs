//! What exporters are registered for, and exchange rates: reading them.

use jiff::civil::Date;

use super::{
    Service, page,
    query::{Page, page_size_of},
    refusal::Refusal,
};
use crate::{
    domain::{identity::Identity, money::Currency},
    ledger::Digest,
    register::{Registered, SourcedRate},
};

impl Service {
    /// A page of the registrations that the reader may see, by exporter and authorisation.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a bad page size or token.
    pub fn registrations(
        &self,
        reader: &Identity,
        holder: Option<&str>,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Registered>, Refusal> {
        let register = self.register();
        let takes = |registered: &&Registered| {
            reader.speaks_for(&registered.holder) && holder.is_none_or(|holder| *holder == *registered.holder)
        };
        let found = register.registrations().filter(takes).cloned();
        page_of(found, &format!("registrations {holder:?}"), page_size, page_token)
    }

    /// A page of exchange rates, by currency and day.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a bad page size or token.
    pub fn exchange_rates(
        &self,
        currency: Option<Currency>,
        date: Option<Date>,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<SourcedRate>, Refusal> {
        let register = self.register();
        let takes = |rate: &SourcedRate| {
            currency.is_none_or(|currency| currency == rate.currency)
                && date.is_none_or(|date| date == rate.date)
        };
        let found = register.sourced_rates().filter(takes);
        let filter = format!("rates {:?} {date:?}", currency.map(Currency::code));
        page_of(found, &filter, page_size, page_token)
    }
}

/// The page behind a token, which holds how many came before.
fn page_of<T>(
    found: impl Iterator<Item = T>,
    filter: &str,
    page_size: i32,
    page_token: &str,
) -> Result<Page<T>, Refusal> {
    let seal = Digest::of(filter.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default();
    let (size, start) = (page_size_of(page_size)?, page::read(page_token, seal)?.unwrap_or_default());
    let mut rest = found.skip(usize::try_from(start).unwrap_or(usize::MAX));
    let items: Vec<T> = rest.by_ref().take(size).collect();
    let next_page_token =
        rest.next().map(|_| page::token(start + items.len() as u64, seal)).unwrap_or_default();
    Ok(Page { items, next_page_token })
}
