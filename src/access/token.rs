//! The secret itself.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::ledger::Digest;

/// What every token begins with, so that a leaked one is found by whoever searches for them.
const PREFIX: &str = "slagboom_";
const SECRET_LENGTH: usize = 32;

/// A bearer token: `slagboom_` and 43 characters of base64url. It is shown once, when it is made.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut secret = [0; SECRET_LENGTH];
        getrandom::fill(&mut secret)?;
        Ok(Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))))
    }

    /// The text, for whoever shall use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the file keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(self.0.as_bytes())
    }
}

/// Secrets do not get into log lines by accident.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the file keeps of a text that may be a token.
pub(super) fn digest(token: &[u8]) -> Digest {
    Digest::of(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_random_and_not_printed_by_accident() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.reveal().len(), PREFIX.len() + 43);
        assert!(one.reveal().starts_with(PREFIX));
        assert_eq!(format!("{one:?}"), "Token(…)");
        assert_eq!(one.digest(), digest(one.reveal().as_bytes()));
    }
}
