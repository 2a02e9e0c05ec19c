//! Slagboom answers one question before goods leave: may this export go, and on what legal ground?
//!
//! The modules in reading order: [`domain`] (the nouns), [`rulebook`] (law as data), [`engine`] (law applied), [`cases`]
//! (law tested), [`ledger`] and `store` (decisions kept), `service` and `server` (the daemon), `witness` (who watches
//! it from elsewhere), [`cli`] (the program).
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use slagboom::domain::licence::{ExchangeRates, Standing};
//! use slagboom::domain::outcome::Outcome;
//! use slagboom::domain::request::RawRequest;
//! use slagboom::engine::{Known, Question, assess, settle};
//! use slagboom::rulebook::{Bundle, compile};
//! use slagboom::screening;
//!
//! let book = compile(Bundle::built_in()).rulebook.expect("the shipped rulebook compiles");
//! let request: RawRequest = serde_yaml::from_str(
//!     "{export_date: '2022-02-26', exporter: {name: Voorbeeld BV, country: NL},
//!       goods: [{code: '5A002.a.2', quantity: 30, unit: pcs, value: '45000.00', currency: EUR}],
//!       consignee: {name: Buyer, country: RU}, end_user: {name: Buyer, country: RU, type: civil},
//!       end_use: civil, destination: {country: RU}}",
//! )
//! .expect("a request");
//! let export = request.parse(&book.vocabulary).expect("well-formed");
//! let hits = screening::exact(&book, &export, &[]);
//! let (rates, always) = (ExchangeRates::default(), BTreeMap::new());
//! let known = Known::Always { at: None, recorded_at: &always };
//! let question = Question { book: &book, export: &export, known, hits: &hits, rates: &rates };
//! let decision = settle(&book, &export, &Standing::default(), &assess(&question));
//! assert_eq!(decision.outcome, Outcome::Prohibited);
//! ```

#[cfg(feature = "daemon")]
pub mod access;
pub mod archive;
pub mod cases;
pub mod cli;
pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
pub mod domain;
pub mod engine;
pub mod ledger;
#[cfg(feature = "daemon")]
pub mod proto;
#[cfg(feature = "daemon")]
pub mod register;
pub mod rulebook;
pub mod screening;
#[cfg(feature = "daemon")]
pub mod server;
#[cfg(feature = "daemon")]
pub mod service;
pub mod store;
#[cfg(feature = "daemon")]
pub mod telemetry;
#[cfg(feature = "daemon")]
pub mod witness;
