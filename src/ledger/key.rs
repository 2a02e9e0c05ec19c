//! The keys of the log and of its witnesses, in the spellings of C2SP signed-note.
//!
//! Source: <https://c2sp.org/signed-note>; cosignature keys, <https://c2sp.org/tlog-cosignature>.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature as Ed25519Signature, Signer as _, SigningKey, VerifyingKey};
use thiserror::Error;

use crate::ledger::cosignature;
use crate::ledger::hash::Digest;
use crate::ledger::note::Signature;
use crate::ledger::text::{beginning, decode_base64, encode_base64};

/// The length of the secret that an Ed25519 key is made of, in bytes.
pub const SEED_LENGTH: usize = 32;

/// The name of a key, by convention the address of the log without its scheme, such as `exporter.example/log`.
///
/// Not empty, and without white space, control characters and `+`. It has no limit of its own: a note has one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyName(Box<str>);

impl KeyName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<KeyName, KeyError> {
        let taken = |character: char| character.is_whitespace() || character < ' ' || character == '+';
        if text.is_empty() || text.contains(taken) {
            Err(KeyError::Name { text: beginning(text) })
        } else {
            Ok(KeyName(text.into()))
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ algorithm ‖ public key): tells keys of one name apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId([u8; 4]);

impl KeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> KeyId {
        KeyId(bytes)
    }

    /// The bytes, in the order they are written.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }

    fn of(name: &KeyName, algorithm: Algorithm, public: &[u8]) -> KeyId {
        let digest = Digest::of_parts(&[name.as_str().as_bytes(), &[b'\n', algorithm.number()], public]);
        let [a, b, c, d, ..] = *digest.as_bytes();
        KeyId([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// How a key signs. A note may carry signatures of several; the specification foresees a post-quantum one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 over the text of the note: the log signs its checkpoints with it.
    Ed25519,
    /// Ed25519 over a time and the text of the note: a witness signs other logs' checkpoints with it.
    CosignatureV1,
}

impl Algorithm {
    /// The signature type byte of C2SP signed-note.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Algorithm::Ed25519 => 0x01,
            Algorithm::CosignatureV1 => 0x04,
        }
    }

    const fn from_number(number: u8) -> Option<Algorithm> {
        match number {
            0x01 => Some(Algorithm::Ed25519),
            0x04 => Some(Algorithm::CosignatureV1),
            _ => None,
        }
    }
}

/// A public key that notes are verified with, written `name+id+base64(algorithm ‖ key)`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verifier {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    key: VerifyingKey,
}

impl Verifier {
    /// The verifier of this name, algorithm and public key (RFC 8032 encoding).
    ///
    /// # Errors
    /// [`KeyError::Point`] when the bytes are no public key, or one under which anyone can sign.
    pub fn new(name: KeyName, algorithm: Algorithm, public: &[u8; 32]) -> Result<Verifier, KeyError> {
        let key =
            VerifyingKey::from_bytes(public).ok().filter(|key| !key.is_weak()).ok_or(KeyError::Point)?;
        Ok(Verifier { id: KeyId::of(&name, algorithm, public), name, algorithm, key })
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// How the key signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether a signature says that it was made with this key.
    #[must_use]
    pub fn is_named_by(&self, signature: &Signature) -> bool {
        *signature.name() == self.name && signature.key_id() == self.id
    }

    /// Whether the signature, which names this key, was made with it over the text of a note.
    ///
    /// Ed25519 is verified strictly: signatures that some verifiers take and others refuse are refused
    /// (small-order points, scalars that are not reduced).
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &Signature) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => self.verifies_bytes(text.as_bytes(), signature.bytes()),
            Algorithm::CosignatureV1 => match cosignature::split(signature.bytes()) {
                Some((time_s, bytes)) => {
                    self.verifies_bytes(cosignature::message(time_s, text).as_bytes(), bytes)
                }
                None => false,
            },
        }
    }

    fn verifies_bytes(&self, message: &[u8], signature: &[u8]) -> bool {
        Ed25519Signature::from_slice(signature)
            .is_ok_and(|signature| self.key.verify_strict(message, &signature).is_ok())
    }
}

impl FromStr for Verifier {
    type Err = KeyError;

    /// Reads a verifier key (vkey). The id in it must be the one that its name and key give.
    fn from_str(text: &str) -> Result<Verifier, KeyError> {
        let KeyText { name, id, algorithm, bytes } = KeyText::parse(text)?;
        let verifier = Verifier::new(name, algorithm, &bytes)?;
        if verifier.id == id { Ok(verifier) } else { Err(KeyError::Id { found: id, expected: verifier.id }) }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, key_material(self.algorithm, self.public()))
    }
}

/// The key with which a log signs its checkpoints. The secret is wiped from memory when it is dropped, and is in no
/// debug output.
#[derive(Clone)]
pub struct Signer(SecretKey);

impl Signer {
    /// The key made of a secret of 32 bytes, which must come from a source of randomness fit for keys.
    ///
    /// # Errors
    /// [`KeyError::Point`], which no known secret leads to.
    pub fn from_seed(name: KeyName, seed: &[u8; SEED_LENGTH]) -> Result<Signer, KeyError> {
        SecretKey::new(name, Algorithm::Ed25519, seed).map(Signer)
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// The signature over the text of a note. The same text gives the same signature.
    #[must_use]
    pub fn sign(&self, text: &str) -> Signature {
        self.0.sign(text.as_bytes(), &[])
    }

    /// The secret in the spelling of C2SP signed-note, `PRIVATE+KEY+name+id+base64(algorithm ‖ seed)`.
    /// Whoever has it can sign as the log.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.0.to_secret_text()
    }
}

impl FromStr for Signer {
    type Err = KeyError;

    /// Reads what [`Signer::to_secret_text`] writes. The id in it must be the one that its name and key give.
    fn from_str(text: &str) -> Result<Signer, KeyError> {
        let key = SecretKey::parse(text)?;
        match key.verifier.algorithm {
            Algorithm::Ed25519 => Ok(Signer(key)),
            Algorithm::CosignatureV1 => {
                Err(KeyError::Algorithm { number: Algorithm::CosignatureV1.number() })
            }
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(self.verifier()).finish()
    }
}

/// The key with which a witness signs the checkpoints of logs it watches. Wiped and hidden as a [`Signer`] is.
#[derive(Clone)]
pub struct Cosigner(SecretKey);

impl Cosigner {
    /// The key made of a secret of 32 bytes, which must come from a source of randomness fit for keys and serve no
    /// other witness: what is signed does not name the witness.
    ///
    /// # Errors
    /// [`KeyError::Point`], which no known secret leads to.
    pub fn from_seed(name: KeyName, seed: &[u8; SEED_LENGTH]) -> Result<Cosigner, KeyError> {
        SecretKey::new(name, Algorithm::CosignatureV1, seed).map(Cosigner)
    }

    /// The public half.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    /// The cosignature over the text of a checkpoint, as of `time_s` (Unix seconds).
    ///
    /// It says that the checkpoint is consistent with all that the witness saw of this log before, and the largest of
    /// them, so only [`crate::ledger::WitnessedHead::add_checkpoint`] should lead here.
    ///
    /// # Errors
    /// [`KeyError::Time`] when the time does not fit in 63 bits.
    pub fn cosign(&self, text: &str, time_s: u64) -> Result<Signature, KeyError> {
        if i64::try_from(time_s).is_err() {
            return Err(KeyError::Time { time_s });
        }
        Ok(self.0.sign(cosignature::message(time_s, text).as_bytes(), &time_s.to_be_bytes()))
    }

    /// The secret, spelled as [`Signer::to_secret_text`] spells that of a log.
    #[must_use]
    pub fn to_secret_text(&self) -> String {
        self.0.to_secret_text()
    }
}

impl FromStr for Cosigner {
    type Err = KeyError;

    /// Reads what [`Cosigner::to_secret_text`] writes, and also a key written for Ed25519, as tools of other
    /// witnesses keep them: name and secret count, and the id becomes that of a cosignature key.
    fn from_str(text: &str) -> Result<Cosigner, KeyError> {
        let SecretKey { verifier, secret } = SecretKey::parse(text)?;
        Cosigner::from_seed(verifier.name, secret.as_bytes())
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cosigner").field(self.verifier()).finish()
    }
}

const SECRET_MARK: &str = "PRIVATE+KEY+";

#[derive(Clone)]
struct SecretKey {
    verifier: Verifier,
    secret: SigningKey,
}

impl SecretKey {
    fn new(name: KeyName, algorithm: Algorithm, seed: &[u8; SEED_LENGTH]) -> Result<SecretKey, KeyError> {
        let secret = SigningKey::from_bytes(seed);
        let verifier = Verifier::new(name, algorithm, secret.verifying_key().as_bytes())?;
        Ok(SecretKey { verifier, secret })
    }

    fn parse(text: &str) -> Result<SecretKey, KeyError> {
        let KeyText { name, id, algorithm, bytes } =
            KeyText::parse(text.strip_prefix(SECRET_MARK).ok_or(KeyError::Secret)?).map_err(|error| {
                match error {
                    // The text holds a secret, so none of it may get into a message.
                    KeyError::Text { .. } | KeyError::Name { .. } => KeyError::Secret,
                    other => other,
                }
            })?;
        let key = SecretKey::new(name, algorithm, &bytes)?;
        if key.verifier.id == id {
            Ok(key)
        } else {
            Err(KeyError::Id { found: id, expected: key.verifier.id })
        }
    }

    fn sign(&self, message: &[u8], before: &[u8]) -> Signature {
        let mut bytes = before.to_vec();
        bytes.extend_from_slice(&self.secret.sign(message).to_bytes());
        Signature::new(self.verifier.name.clone(), self.verifier.id, bytes)
    }

    fn to_secret_text(&self) -> String {
        let Verifier { name, id, algorithm, .. } = &self.verifier;
        format!("{SECRET_MARK}{name}+{id}+{}", key_material(*algorithm, self.secret.as_bytes()))
    }
}

fn key_material(algorithm: Algorithm, key: &[u8; 32]) -> String {
    let mut bytes = vec![algorithm.number()];
    bytes.extend_from_slice(key);
    encode_base64(&bytes)
}

/// `name+id+base64(algorithm ‖ key)`, the shape of public and secret keys; both are 32 bytes for Ed25519.
struct KeyText {
    name: KeyName,
    id: KeyId,
    algorithm: Algorithm,
    bytes: [u8; 32],
}

impl KeyText {
    fn parse(text: &str) -> Result<KeyText, KeyError> {
        let wrong = || KeyError::Text { text: beginning(text) };
        // The base64 may hold a `+` too, the name and the id may not.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(material)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let name = name.parse()?;
        if id.len() != 8 || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let id = KeyId(u32::from_str_radix(id, 16).map_err(|_| wrong())?.to_be_bytes());
        let material = decode_base64(material).ok_or_else(wrong)?;
        let (number, bytes) = material.split_first().ok_or_else(wrong)?;
        let algorithm = Algorithm::from_number(*number).ok_or(KeyError::Algorithm { number: *number })?;
        let bytes = bytes.try_into().map_err(|_| wrong())?;
        Ok(KeyText { name, id, algorithm, bytes })
    }
}

/// Why a text is no key, or a key cannot do what it should.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum KeyError {
    /// No name of a key. Holds its first 80 characters.
    #[error("`{text}` is not the name of a key: some text without spaces and `+`")]
    Name {
        /// What was given.
        text: String,
    },
    /// Not of the form `name+id+key`. Holds its first 80 characters.
    #[error("`{text}` is not a verifier key of the form `name+id+key`")]
    Text {
        /// What was given.
        text: String,
    },
    /// Not of the form of a secret key; what was given is not shown.
    #[error("this is not a signing key of the form `PRIVATE+KEY+name+id+key`")]
    Secret,
    /// A way of signing that this program does not know, or not for this use.
    #[error("keys of type {number:#04x} are not supported here")]
    Algorithm {
        /// The type byte found.
        number: u8,
    },
    /// The id is not the one that name and key give.
    #[error("the key id is {found}, and name and key give {expected}")]
    Id {
        /// The id written in the key.
        found: KeyId,
        /// The id that it should be.
        expected: KeyId,
    },
    /// No public key, or one under which anyone can sign.
    #[error("these bytes are not an Ed25519 public key")]
    Point,
    /// A time that a cosignature cannot carry.
    #[error("{time_s} seconds are more than a cosignature can carry")]
    Time {
        /// The time given, in Unix seconds.
        time_s: u64,
    },
}
