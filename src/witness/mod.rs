//! The witness: another machine, in other hands, that remembers how far it has seen a log and cosigns only what
//! continues that. Whoever asks for its cosignature on a checkpoint knows that nobody was shown another history.
//!
//! [`Book`] is what it remembers on the disk, [`Witness`] what it signs, [`http`] how it is asked; and [`Client`] is
//! how a log asks it.
//!
//! This room knows the ledger, the clock and HTTP; it knows no decisions, no law and no store. A witness needs neither
//! the data of the log nor to trust its daemon.
//! Checkpoints and cosignatures are public and signed, so that plain HTTP loses nothing but privacy: whoever listens
//! learns how fast the log grows, and whoever changes a byte is found out.

mod book;
mod client;
mod cosign;
mod error;
mod files;
pub mod http;
mod page;

pub use book::{Book, Pages};
pub use client::{ANSWER_TIME_MAX, Client, ClientError, WitnessAddressError};
pub use cosign::Witness;
pub use error::{BookError, PageError, WitnessError};
pub use page::Page;

/// Where a checkpoint is added, below the prefix of the witness.
const ADD_CHECKPOINT_PATH: &str = "/add-checkpoint";
/// The type of a body that is the size of a log.
const SIZE_TYPE: &str = "text/x.tlog.size";
