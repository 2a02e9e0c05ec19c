//! The files of a rulebook as one value with one digest.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Largest file of a rulebook.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most files in a rulebook.
pub const FILES_MAX: usize = 1_000;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/rules");

/// The YAML files of a rulebook by path relative to its folder, with `/` between the parts and `\n` between lines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Bundle {
    files: BTreeMap<String, String>,
}

/// SHA-256 over the canonical content of all files of a rulebook.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RulebookDigest(pub [u8; 32]);

/// Why a folder is no bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// Reading failed.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("`{0}` is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge(PathBuf),
    /// Too many files.
    #[error("`{0}` holds more than {FILES_MAX} YAML files")]
    TooMany(PathBuf),
    /// A file is no text.
    #[error("`{0}` is not UTF-8")]
    NotText(PathBuf),
    /// Nothing there.
    #[error("`{0}` holds no YAML file")]
    Empty(PathBuf),
    /// Stored bytes are not a bundle.
    #[error("these bytes are no rulebook")]
    Bytes,
}

impl Bundle {
    /// The rulebook that is compiled into the program.
    #[must_use]
    pub fn built_in() -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![&BUILT_IN];
        while let Some(folder) = folders.pop() {
            folders.extend(folder.dirs());
            for file in folder.files() {
                if let (Some(path), Some(text)) = (file.path().to_str(), file.contents_utf8())
                    && is_yaml(file.path())
                {
                    files.insert(path.replace('\\', "/"), one_line_end(text));
                }
            }
        }
        Self { files }
    }

    /// Reads the YAML files below a folder.
    ///
    /// # Errors
    /// [`BundleError`] for what cannot be read, is too large or is no text.
    pub fn read(folder: &Path) -> Result<Self, BundleError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| BundleError::Read { path, source }
        };
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(at) = folders.pop() {
            for entry in std::fs::read_dir(&at).map_err(fail(&at))? {
                let entry = entry.map_err(fail(&at))?;
                let path = entry.path();
                let about = std::fs::metadata(&path).map_err(fail(&path))?;
                if about.is_dir() {
                    folders.push(path);
                    continue;
                }
                if !is_yaml(&path) {
                    continue;
                }
                if about.len() > FILE_BYTES_MAX {
                    return Err(BundleError::TooLarge(path));
                }
                if files.len() == FILES_MAX {
                    return Err(BundleError::TooMany(folder.to_owned()));
                }
                let bytes = std::fs::read(&path).map_err(fail(&path))?;
                let text = String::from_utf8(bytes).map_err(|_| BundleError::NotText(path.clone()))?;
                let relative =
                    path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                files.insert(relative, one_line_end(&text));
            }
        }
        if files.is_empty() { Err(BundleError::Empty(folder.to_owned())) } else { Ok(Self { files }) }
    }

    /// A bundle of texts, for tests and tools.
    #[must_use]
    pub fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.to_owned(), one_line_end(text))).collect() }
    }

    /// The same bundle with one file more, or another text for it.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), one_line_end(text));
        self
    }

    /// Paths and texts, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// One text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The canonical bytes: for each file, by path, the lengths (u32, little-endian) and bytes of path and text.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in self.files.iter().flat_map(|(path, text)| [path, text]) {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`BundleError::Bytes`].
    pub fn from_bytes(mut bytes: &[u8]) -> Result<Self, BundleError> {
        let mut files = BTreeMap::new();
        while !bytes.is_empty() {
            let path = take(&mut bytes)?;
            let text = take(&mut bytes)?;
            files.insert(path, text);
        }
        Ok(Self { files })
    }

    /// The identity of the rulebook.
    #[must_use]
    pub fn digest(&self) -> RulebookDigest {
        RulebookDigest(Sha256::digest(self.to_bytes()).into())
    }
}

fn take(bytes: &mut &[u8]) -> Result<String, BundleError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(BundleError::Bytes)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| BundleError::Bytes)?;
    let (text, rest) = rest.split_at_checked(length).ok_or(BundleError::Bytes)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).map_err(|_| BundleError::Bytes)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn one_line_end(text: &str) -> String {
    text.replace("\r\n", "\n")
}

impl fmt::Display for RulebookDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RulebookDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RulebookDigest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_and_decide_the_digest() {
        let bundle = Bundle::of([("a.yaml", "x: 1\r\n"), ("b/c.yaml", "y: é\n")]);
        assert_eq!(Bundle::from_bytes(&bundle.to_bytes()).unwrap(), bundle);
        assert_eq!(bundle.text("a.yaml"), Some("x: 1\n"));
        assert_ne!(bundle.digest(), bundle.clone().with("a.yaml", "x: 2\n").digest());
        assert!(Bundle::from_bytes(&bundle.to_bytes()[1..]).is_err());
    }
}
