//! The guard: a header comes in, a known caller comes out, or nobody.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use thiserror::Error;
use tracing::{error, info};

use super::{
    book::{AccessError, Book, Known},
    token::digest,
};
use crate::{clock::Clock, domain::identity::Identity, ledger::Digest, telemetry::field};

/// What stands before the token in the header `authorization` (RFC 6750 section 2.1); the scheme has no case.
const SCHEME: &[u8] = b"bearer ";

/// Why a caller is nobody. It is for log lines: callers are told nothing of it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Denied {
    /// No token came.
    #[error("no bearer token")]
    NoToken,
    /// A token came that the file does not hold.
    #[error("an unknown token")]
    Unknown,
    /// Its time is over, or it was revoked.
    #[error("a token of `{0}` that is expired or revoked")]
    Over(Arc<str>),
}

/// A caller that was let in.
#[derive(Clone, Debug)]
pub struct Pass {
    identity: Arc<Identity>,
    /// Of its token; `None` where no tokens are in use.
    token: Option<Digest>,
}

impl Pass {
    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

/// Knows callers by their tokens; or, without a file of tokens, takes every caller for [`Identity::local`].
pub struct Guard(Kind);

enum Kind {
    Open(Arc<Identity>),
    Tokens(Tokens),
}

struct Tokens {
    path: PathBuf,
    book: ArcSwap<Book>,
    /// The file that `book` is of.
    seen: Mutex<Option<Mark>>,
    clock: Arc<dyn Clock>,
}

/// Tells one writing of a file from the next: device, inode, length, seconds and nanoseconds of its last change.
type Mark = (u64, u64, u64, i64, i64);

impl Guard {
    /// Everybody is `local` and may do everything.
    #[must_use]
    pub fn open() -> Self {
        Self(Kind::Open(Arc::new(Identity::local())))
    }

    /// Only bearers of the tokens of this file.
    ///
    /// # Errors
    /// [`AccessError`], also for a file that is not there.
    pub fn of_file(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, AccessError> {
        let seen = mark(path);
        let book = Book::read(path)?;
        Ok(Self(Kind::Tokens(Tokens {
            path: path.to_owned(),
            book: ArcSwap::from_pointee(book),
            seen: Mutex::new(seen),
            clock,
        })))
    }

    /// Are tokens in use?
    #[must_use]
    pub const fn asks_for_tokens(&self) -> bool {
        matches!(self.0, Kind::Tokens(_))
    }

    /// Who the bearer of this header `authorization` is.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn identify(&self, authorization: Option<&[u8]>) -> Result<Pass, Denied> {
        let tokens = match &self.0 {
            Kind::Open(local) => return Ok(Pass { identity: local.clone(), token: None }),
            Kind::Tokens(tokens) => tokens,
        };
        let (scheme, token) = authorization
            .and_then(|header| header.split_at_checked(SCHEME.len()))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
            .ok_or(Denied::NoToken)?;
        debug_assert_eq!(scheme.len(), SCHEME.len(), "split there");
        let digest = digest(token.trim_ascii());
        let identity = tokens.find(&digest)?;
        Ok(Pass { identity, token: Some(digest) })
    }

    /// Is a caller that was let in still welcome? For calls that last.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn still(&self, pass: &Pass) -> Result<(), Denied> {
        match (&self.0, &pass.token) {
            (Kind::Open(_), _) => Ok(()),
            (Kind::Tokens(tokens), Some(digest)) => tokens.find(digest).map(drop),
            (Kind::Tokens(_), None) => Err(Denied::NoToken),
        }
    }

    /// Reads the file again if another one has taken its place. One that cannot be read changes nothing, and is said; one
    /// that is gone lets nobody in any more.
    pub fn refresh(&self) {
        let Kind::Tokens(tokens) = &self.0 else { return };
        let mut seen = tokens.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = mark(&tokens.path);
        if *seen == now {
            return;
        }
        *seen = now;
        if now.is_none() {
            error!({ field::ERROR } = %tokens.path.display(), "the file of tokens is gone, so nobody is let in");
            tokens.book.store(Arc::default());
            return;
        }
        match Book::read(&tokens.path) {
            Ok(book) => {
                info!({ field::COUNT } = book.rows().len(), "the file of tokens was read again");
                tokens.book.store(Arc::new(book));
            }
            Err(fault) => {
                error!({ field::ERROR } = %fault, "the file of tokens cannot be read; those known before still hold");
            }
        }
    }
}

impl Tokens {
    /// The hash is looked up and not the token: what the time of it gives away is of no use without a preimage.
    fn find(&self, digest: &Digest) -> Result<Arc<Identity>, Denied> {
        let book = self.book.load();
        let Known { identity, until_ms } = book.find(digest).ok_or(Denied::Unknown)?;
        if until_ms.is_some_and(|until| self.clock.now_ms() >= until) {
            return Err(Denied::Over(identity.name().clone()));
        }
        Ok(identity.clone())
    }
}

fn mark(path: &Path) -> Option<Mark> {
    let of = |file: Metadata| (file.dev(), file.ino(), file.len(), file.mtime(), file.mtime_nsec());
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::book::{Issue, edit};
    use super::*;
    use crate::{clock::Fixed, domain::identity::Role};

    fn header(token: &str) -> Vec<u8> {
        format!("Bearer {token}").into_bytes()
    }

    #[test]
    fn a_bearer_is_known_until_its_token_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let issue = |expires: Option<i64>| Issue {
            name: "erp".to_owned(),
            roles: vec![Role::Erp],
            exporters: None,
            expires: expires.map(at),
        };
        let lasting = edit(&path, |book| book.issue(issue(None), at(1))).unwrap();
        let short = edit(&path, |book| book.issue(issue(Some(100)), at(1))).unwrap();
        let clock = Arc::new(Fixed::new(99));
        let guard = Guard::of_file(&path, clock.clone()).unwrap();
        let asked = |guard: &Guard, token: &str| guard.identify(Some(&header(token)));
        let pass = asked(&guard, short.token.reveal()).unwrap();
        assert_eq!(&**pass.identity().name(), "erp");
        assert!(guard.still(&pass).is_ok());
        clock.set(100);
        assert_eq!(asked(&guard, short.token.reveal()).unwrap_err(), Denied::Over("erp".into()));
        assert!(guard.still(&pass).is_err());
        for odd in ["", "Bearer", "Basic abc", "Bearer ", "slagboom_x"] {
            assert!(guard.identify(Some(odd.as_bytes())).is_err(), "{odd}");
        }
        assert_eq!(guard.identify(None).unwrap_err(), Denied::NoToken);
        assert_eq!(asked(&guard, "slagboom_x").unwrap_err(), Denied::Unknown);
        let lower = [b"bearer ", lasting.token.reveal().as_bytes()].concat();
        let pass = guard.identify(Some(&lower)).unwrap();

        edit(&path, |book| book.revoke(&lasting.row.id, at(50))).unwrap();
        guard.refresh();
        assert!(guard.still(&pass).is_err());
    }

    #[test]
    fn a_file_that_cannot_be_read_changes_nothing_and_one_that_is_gone_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let issue = Issue { name: "erp".to_owned(), roles: vec![Role::Erp], exporters: None, expires: None };
        let issued = edit(&path, |book| book.issue(issue, Timestamp::UNIX_EPOCH)).unwrap();
        let guard = Guard::of_file(&path, Arc::new(Fixed::new(1))).unwrap();
        let token = header(issued.token.reveal());
        std::fs::write(&path, "tokens: [{}]").unwrap();
        guard.refresh();
        assert!(guard.identify(Some(&token)).is_ok());
        std::fs::remove_file(&path).unwrap();
        guard.refresh();
        assert_eq!(guard.identify(Some(&token)).unwrap_err(), Denied::Unknown);
        assert!(Guard::of_file(&path, Arc::new(Fixed::new(1))).is_err());
    }

    #[test]
    fn without_a_file_everybody_is_local() {
        let guard = Guard::open();
        assert!(!guard.asks_for_tokens());
        let pass = guard.identify(None).unwrap();
        assert_eq!(**pass.identity(), Identity::local());
        assert!(guard.still(&pass).is_ok());
    }
}
