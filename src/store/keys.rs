//! The keys of the log: one secret that signs, and every public key that ever did.

#[cfg(feature = "daemon")]
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[cfg(feature = "daemon")]
use crate::ledger::Signer;
use crate::ledger::{KeyError, Verifier};
use crate::store::error::StoreError;
use crate::store::files::read_text;

/// The folder of the keys in a data folder.
const FOLDER: &str = "keys";
/// The secret key, readable by its owner alone.
const SECRET: &str = "signing";
/// A secret key that a rotation has made and the log does not name yet.
#[cfg(feature = "daemon")]
const NEXT: &str = "signing.next";
/// The public keys, a line each, the oldest first; the last one signs.
const PUBLIC: &str = "log.vkeys";

/// The longest file of keys that is read, in bytes: thousands of keys.
pub const KEYS_LENGTH_MAX: usize = 1 << 20;

/// Where the keys of a log lie.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    folder: PathBuf,
    secret: PathBuf,
}

/// Why keys cannot be had.
#[derive(Debug, Error)]
pub enum KeysError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file holds no key.
    #[error("`{}` holds no key of a log: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The secret is not the one whose public half is named last.
    #[error("the signing key `{}` is not the last key of `{}`", secret.display(), public.display())]
    Unnamed {
        /// The file of the secret.
        secret: PathBuf,
        /// The file of the public keys.
        public: PathBuf,
    },
    /// Public keys without the secret one.
    #[error("the signing key `{}` is missing; put it back from where it is kept", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Neither half of the key of a log that has entries.
    #[error(
        "the log has entries, and neither its signing key `{}` nor its public keys `{}` are there: put them back from \
         where they are kept; a log that never had a key gets its first one by `slagboom key new`",
        secret.display(), public.display()
    )]
    Lost {
        /// Where the secret should be.
        secret: PathBuf,
        /// Where the public keys should be.
        public: PathBuf,
    },
    /// No randomness.
    #[error("no random bytes for a key")]
    NoRandom,
}

impl KeyFiles {
    /// The keys of this data folder; the secret lies elsewhere where `secret` says so.
    #[must_use]
    pub fn of(data: &Path, secret: Option<&Path>) -> KeyFiles {
        let folder = data.join(FOLDER);
        let secret = secret.map_or_else(|| folder.join(SECRET), Path::to_path_buf);
        KeyFiles { folder, secret }
    }

    /// Every public key of the log, the oldest first; none where no key was made yet.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn verifiers(&self) -> Result<Vec<Verifier>, KeysError> {
        let path = self.public();
        match read_text(&path, KEYS_LENGTH_MAX) {
            Ok(text) => parse_verifiers(&path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StoreError::io("read", &path)(error).into()),
        }
    }

    /// The file of the public keys.
    #[must_use]
    pub fn public(&self) -> PathBuf {
        self.folder.join(PUBLIC)
    }

    /// The file of the secret key.
    #[must_use]
    pub fn secret(&self) -> &Path {
        &self.secret
    }
}

/// Reads verifier keys, a line each; empty lines are passed over.
///
/// # Errors
/// [`KeysError::Key`] for the first line that is none.
pub fn parse_verifiers(path: &Path, text: &str) -> Result<Vec<Verifier>, KeysError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parsed = lines.map(|line| {
        line.parse::<Verifier>().map_err(|source| KeysError::Key { path: path.to_owned(), source })
    });
    parsed.collect()
}

#[cfg(feature = "daemon")]
mod making {
    use std::fmt::Write as _;
    use std::fs::{DirBuilder, rename};
    use std::os::unix::fs::DirBuilderExt;

    use super::{
        ErrorKind, KEYS_LENGTH_MAX, KeyError, KeyFiles, KeysError, NEXT, Path, PathBuf, Signer, StoreError,
        Verifier, fs, read_text,
    };
    use crate::ledger::{KeyName, SEED_LENGTH};
    use crate::store::folder::{sync_folder_of, write_durably};

    impl KeyFiles {
        /// The key that signs and every public key of the log.
        ///
        /// # Errors
        /// [`KeysError`]; a key that is not there, whole or half, is never replaced.
        pub fn open(&self) -> Result<(Signer, Vec<Verifier>), KeysError> {
            let lost = || KeysError::Lost { secret: self.secret.clone(), public: self.public() };
            self.find()?.ok_or_else(lost)
        }

        /// The same for a log without any entry. Where there is no key yet, one is made under `name`, or under a name
        /// drawn at random.
        ///
        /// # Errors
        /// [`KeysError`]; a key that is half there is never replaced.
        pub fn open_or_make(&self, name: Option<&KeyName>) -> Result<(Signer, Vec<Verifier>), KeysError> {
            if let Some(found) = self.find()? {
                return Ok(found);
            }
            self.make_folder()?;
            let signer = generate(name.map_or_else(drawn_name, |name| Ok(name.clone()))?)?;
            // The secret first, so that no public key is ever named that nobody can sign with.
            write_durably(&self.secret, format!("{}\n", signer.to_secret_text()).as_bytes())?;
            self.named(signer)
        }

        fn find(&self) -> Result<Option<(Signer, Vec<Verifier>)>, KeysError> {
            let verifiers = self.verifiers()?;
            let secret = match read_text(&self.secret, KEYS_LENGTH_MAX) {
                Ok(text) => Some(parse_secret(&self.secret, &text)?),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(StoreError::io("read", &self.secret)(error).into()),
            };
            match (secret, verifiers.last()) {
                (Some(signer), Some(last)) if signer.verifier() == last => Ok(Some((signer, verifiers))),
                (Some(_), Some(_)) => {
                    Err(KeysError::Unnamed { secret: self.secret.clone(), public: self.public() })
                }
                (None, Some(_)) => Err(KeysError::Missing { path: self.secret.clone() }),
                // A crash while the first key was made, or the file of public keys was lost.
                (Some(signer), None) => self.named(signer).map(Some),
                (None, None) => Ok(None),
            }
        }

        fn named(&self, signer: Signer) -> Result<(Signer, Vec<Verifier>), KeysError> {
            let verifiers = vec![signer.verifier().clone()];
            self.make_folder()?;
            self.write_public(&verifiers)?;
            Ok((signer, verifiers))
        }

        /// Writes the public keys of the log, as the log itself has them.
        ///
        /// # Errors
        /// [`KeysError`].
        pub fn write_public(&self, verifiers: &[Verifier]) -> Result<(), KeysError> {
            let mut text = String::new();
            for verifier in verifiers {
                let _ = writeln!(text, "{verifier}");
            }
            Ok(write_durably(&self.public(), text.as_bytes())?)
        }

        /// Makes the key that is to follow `old`, under the same name, and keeps it beside until
        /// [`KeyFiles::take_next`]: the log must name it first.
        ///
        /// # Errors
        /// [`KeysError`].
        pub fn make_next(&self, old: &Signer) -> Result<Signer, KeysError> {
            let signer = generate(old.verifier().name().clone())?;
            write_durably(&self.next(), format!("{}\n", signer.to_secret_text()).as_bytes())?;
            Ok(signer)
        }

        /// Ends a rotation that the log names, also one that a crash cut short: from now on `next` signs. Where the
        /// log names another key, or none, what a crash left is taken away.
        ///
        /// # Errors
        /// [`KeysError`].
        pub fn take_next(&self, named: Option<&Verifier>) -> Result<bool, KeysError> {
            let next = self.next();
            let signer = match read_text(&next, KEYS_LENGTH_MAX) {
                Ok(text) => parse_secret(&next, &text)?,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(StoreError::io("read", &next)(error).into()),
            };
            if named != Some(signer.verifier()) {
                fs::remove_file(&next).map_err(StoreError::io("remove", &next))?;
                return Ok(false);
            }
            let mut verifiers = self.verifiers()?;
            if verifiers.last() != Some(signer.verifier()) {
                verifiers.push(signer.verifier().clone());
                self.write_public(&verifiers)?;
            }
            rename(&next, &self.secret).map_err(StoreError::io("rename into place", &next))?;
            sync_folder_of(&self.secret)?;
            Ok(true)
        }

        fn next(&self) -> PathBuf {
            self.secret.with_file_name(NEXT)
        }

        fn make_folder(&self) -> Result<(), KeysError> {
            if !self.folder.exists() {
                let made = DirBuilder::new().mode(0o700).create(&self.folder);
                made.map_err(StoreError::io("create", &self.folder))?;
                sync_folder_of(&self.folder)?;
            }
            Ok(())
        }
    }

    fn parse_secret(path: &Path, text: &str) -> Result<Signer, KeysError> {
        text.trim().parse().map_err(|source: KeyError| KeysError::Key { path: path.to_owned(), source })
    }

    /// A fresh key of this name.
    pub(super) fn generate(name: KeyName) -> Result<Signer, KeysError> {
        let mut seed = [0; SEED_LENGTH];
        getrandom::fill(&mut seed).map_err(|_| KeysError::NoRandom)?;
        let signer = Signer::from_seed(name, &seed);
        seed.fill(0);
        signer.map_err(|source| KeysError::Key { path: PathBuf::new(), source })
    }

    /// A name that no other log has, for a log that was given none.
    fn drawn_name() -> Result<KeyName, KeysError> {
        let mut drawn = [0; 8];
        getrandom::fill(&mut drawn).map_err(|_| KeysError::NoRandom)?;
        let name = format!("slagboom.invalid/{:016x}", u64::from_be_bytes(drawn));
        name.parse().map_err(|source| KeysError::Key { path: PathBuf::new(), source })
    }
}

#[cfg(test)]
#[cfg(feature = "daemon")]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let data = tempfile::tempdir().unwrap();
        let files = KeyFiles::of(data.path(), None);
        let (made, _) = files.open_or_make(Some(&"exporter.example/log".parse().unwrap())).unwrap();
        let (found, verifiers) = files.open().unwrap();
        assert_eq!(made.verifier(), found.verifier());
        assert_eq!(verifiers, [made.verifier().clone()]);
        let other = tempfile::tempdir().unwrap();
        let (other, _) = KeyFiles::of(other.path(), None).open_or_make(None).unwrap();
        assert_ne!(other.verifier().name(), made.verifier().name());
    }

    #[test]
    fn a_rotation_counts_once_the_log_names_it() {
        let data = tempfile::tempdir().unwrap();
        let files = KeyFiles::of(data.path(), None);
        let (old, _) = files.open_or_make(None).unwrap();
        let next = files.make_next(&old).unwrap();
        // A crash before the log named it.
        assert!(!files.take_next(Some(old.verifier())).unwrap());
        assert_eq!(files.open().unwrap().0.verifier(), old.verifier());
        assert_ne!(next.verifier(), old.verifier());
        let next = files.make_next(&old).unwrap();
        assert!(files.take_next(Some(next.verifier())).unwrap());
        let (now, verifiers) = files.open().unwrap();
        assert_eq!(now.verifier(), next.verifier());
        assert_eq!(verifiers, [old.verifier().clone(), next.verifier().clone()]);
    }

    #[test]
    fn half_a_pair_is_never_replaced() {
        let data = tempfile::tempdir().unwrap();
        let files = KeyFiles::of(data.path(), None);
        assert!(matches!(files.open(), Err(KeysError::Lost { .. })));
        assert!(!files.public().exists());
        files.open_or_make(None).unwrap();
        let secret = fs::read(files.secret()).unwrap();
        fs::remove_file(files.secret()).unwrap();
        assert!(matches!(files.open(), Err(KeysError::Missing { .. })));
        fs::write(files.secret(), b"PRIVATE+KEY+nonsense").unwrap();
        let message = files.open().unwrap_err().to_string();
        assert!(!message.contains("nonsense"), "{message}");
        fs::write(files.secret(), secret).unwrap();
        fs::remove_file(files.public()).unwrap();
        assert_eq!(files.open().unwrap().1.len(), 1);
    }
}
