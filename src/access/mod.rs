//! Who may ask: bearer tokens, the file that knows them, and the guard at the door.
//!
//! A token (RFC 6750) is 256 random bits; the file keeps SHA-256 of it and nothing that it could be guessed from, so
//! that whoever reads the file cannot ask. Such a hash needs no salt and no slowness: there is nothing to try that is
//! shorter than the token itself.
//!
//! **What is absent:** methods and their roles, which the server knows; TLS, so that tokens only travel on the machine.

mod book;
mod guard;
mod token;

pub use book::{AccessError, Book, Issue, Issued, TOKENS_FILE_DEFAULT, TokenRow, edit};
pub use guard::{Denied, Guard, Pass};
pub use token::Token;
