//! The file of tokens: YAML, written whole or not at all.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::token::Token;
use crate::{
    domain::{
        identity::{Identity, LOCAL, Role, Roles},
        request::NAME_BYTES_MAX,
    },
    ledger::{CALLER_LENGTH_MAX, Digest},
    store::read_text,
};

/// The file of tokens when nothing else is said; used where it exists.
pub const TOKENS_FILE_DEFAULT: &str = "./slagboom-tokens.yaml";

/// Largest file, bytes: some 10,000 tokens.
const FILE_SIZE_MAX: usize = 4 << 20;
/// Hexadecimal digits of the id of a token.
const ID_LENGTH: usize = 12;

/// A token as the file has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRow {
    /// The first 12 digits of `sha256`, to name it by.
    pub id: String,
    /// The caller's name, as entries of the log have it. Several tokens may have one name, so that a new one can follow
    /// an old one.
    pub name: String,
    /// Its roles, such as `erp`.
    pub roles: Vec<String>,
    /// The exporters that it may speak for; left out: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporters: Option<Vec<String>>,
    /// SHA-256 of the token.
    pub sha256: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused; left out: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was revoked; it is refused from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    tokens: Vec<TokenRow>,
}

/// What a new token shall be.
#[derive(Clone, Debug)]
pub struct Issue {
    /// The caller's name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<Role>,
    /// The exporters that it may speak for; `None` is any.
    pub exporters: Option<Vec<String>>,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// A new token, with its row in the file.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The secret; it is nowhere else.
    pub token: Token,
    /// What the file keeps.
    pub row: TokenRow,
}

/// Why a file of tokens cannot be used.
#[derive(Debug, Error)]
pub enum AccessError {
    /// It cannot be read or written.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is no file of tokens.
    #[error("`{}`: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// No token can be made so.
    #[error("{0}")]
    Issue(String),
    /// No token has this id.
    #[error("no token has the id `{0}`")]
    Unknown(String),
    /// The operating system gives no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Every token of a file, by its hash.
#[derive(Clone, Debug, Default)]
pub struct Book {
    rows: Vec<TokenRow>,
    known: HashMap<Digest, Known>,
}

/// What is known of a token.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub identity: Arc<Identity>,
    /// Refused from then on, Unix milliseconds; expired or revoked.
    pub until_ms: Option<i64>,
}

impl Book {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AccessError`]; every row that cannot be is named.
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        let text = read_text(path, FILE_SIZE_MAX).map_err(io("read", path))?;
        Self::parse(&text).map_err(|why| AccessError::File { path: path.to_owned(), why })
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let Document { tokens: rows } = serde_saphyr::from_str(text).map_err(|fault| fault.to_string())?;
        let (mut known, mut faults) = (HashMap::with_capacity(rows.len()), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            match row.known() {
                Ok((digest, of_token)) => {
                    if known.insert(digest, of_token).is_some() {
                        faults.push(format!("tokens[{at}]: `{}` stands there twice", row.id));
                    }
                }
                Err(why) => faults.push(format!("tokens[{at}]: {why}")),
            }
        }
        if faults.is_empty() { Ok(Self { rows, known }) } else { Err(faults.join("; ")) }
    }

    /// The tokens in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[TokenRow] {
        &self.rows
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<&Known> {
        self.known.get(digest)
    }

    /// Adds a new token.
    ///
    /// # Errors
    /// [`AccessError::Issue`] for what cannot be, [`AccessError::Random`].
    pub fn issue(&mut self, issue: Issue, now: Timestamp) -> Result<Issued, AccessError> {
        let token = Token::draw()?;
        let digest = token.digest();
        let sha256 = digest.to_string();
        let row = TokenRow {
            id: sha256.chars().take(ID_LENGTH).collect(),
            name: issue.name,
            roles: issue.roles.iter().map(|role| role.as_str().to_owned()).collect(),
            exporters: issue.exporters,
            sha256,
            created: now,
            expires: issue.expires,
            revoked: None,
        };
        let (digest, known) = row.known().map_err(AccessError::Issue)?;
        self.known.insert(digest, known);
        self.rows.push(row.clone());
        Ok(Issued { token, row })
    }

    /// Revokes the token of this id; one that is revoked already stays as it is.
    ///
    /// # Errors
    /// [`AccessError::Unknown`].
    pub fn revoke(&mut self, id: &str, now: Timestamp) -> Result<TokenRow, AccessError> {
        let row = self.rows.iter_mut().find(|row| row.id == id);
        let row = row.ok_or_else(|| AccessError::Unknown(id.chars().take(64).collect()))?;
        row.revoked.get_or_insert(now);
        Ok(row.clone())
    }

    /// Writes the file, whole or not at all, for nobody but its owner.
    fn write(&self, path: &Path, folder: &Path) -> Result<(), AccessError> {
        let document = Document { tokens: self.rows.clone() };
        let text = serde_yaml::to_string(&document)
            .map_err(|fault| AccessError::File { path: path.to_owned(), why: fault.to_string() })?;
        let write = || {
            // Only its owner may read a temporary file, and it keeps that mode.
            let mut beside = tempfile::NamedTempFile::new_in(folder)?;
            beside.write_all(
                b"# Tokens of slagboom, see `slagboom token`. Of a token only its SHA-256 is here.\n",
            )?;
            beside.write_all(text.as_bytes())?;
            beside.as_file().sync_all()?;
            beside.persist(path)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(io("write", path))
    }
}

impl TokenRow {
    /// What the guard needs of it, or everything that is wrong with it.
    fn known(&self) -> Result<(Digest, Known), String> {
        let mut faults = Vec::new();
        let digest = self.sha256.parse::<Digest>();
        match &digest {
            Ok(digest) if digest.to_string().get(..ID_LENGTH) != Some(self.id.as_str()) => {
                faults.push(format!("id `{}` is not the beginning of its sha256", self.id));
            }
            Ok(_) => {}
            Err(fault) => faults.push(format!("sha256: {fault}")),
        }
        let printable = |c: char| c.is_ascii_graphic();
        if self.name.is_empty() || self.name.len() > CALLER_LENGTH_MAX || !self.name.chars().all(printable) {
            faults.push(format!(
                "name `{}` is not 1 to {CALLER_LENGTH_MAX} printable ASCII characters without spaces",
                self.name
            ));
        }
        if self.name == LOCAL {
            faults.push(format!("name `{LOCAL}` is that of callers without a token"));
        }
        let roles: Roles = self.roles.iter().filter_map(|role| Role::parse(role)).collect();
        for role in self.roles.iter().filter(|role| Role::parse(role).is_none()) {
            faults.push(format!("`{role}` is no role"));
        }
        if self.roles.is_empty() {
            faults.push("it has no role".to_owned());
        }
        for exporter in self.exporters.iter().flatten() {
            if exporter.trim().is_empty() || exporter.len() > NAME_BYTES_MAX {
                faults.push(format!("exporter `{exporter}` is not 1 to {NAME_BYTES_MAX} bytes"));
            }
        }
        if self.exporters.as_ref().is_some_and(Vec::is_empty) {
            faults.push("its list of exporters is empty".to_owned());
        }
        match digest {
            Ok(digest) if faults.is_empty() => {
                let identity = Arc::new(Identity::new(&self.name, roles, self.exporters.as_deref()));
                let until = [self.expires, self.revoked].into_iter().flatten().min();
                Ok((digest, Known { identity, until_ms: until.map(Timestamp::as_millisecond) }))
            }
            _ => Err(faults.join(", ")),
        }
    }
}

/// Reads a file, changes what it says, and writes it again; nobody else does meanwhile. A file that is not there counts
/// as empty.
///
/// # Errors
/// [`AccessError`]; the file is then as it was.
pub fn edit<T>(
    path: &Path,
    change: impl FnOnce(&mut Book) -> Result<T, AccessError>,
) -> Result<T, AccessError> {
    // The parent of a bare name is empty, and means the folder that one stands in.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Another file takes the place of this one, so what is locked is the folder.
    let lock = File::open(folder).map_err(io("open", folder))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|fault| io("lock", folder)(fault.into()))?;
    let mut book = if path.exists() { Book::read(path)? } else { Book::default() };
    let changed = change(&mut book)?;
    book.write(path, folder)?;
    Ok(changed)
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AccessError {
    let path = path.to_owned();
    move |source| AccessError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn issue(name: &str) -> Issue {
        Issue { name: name.to_owned(), roles: vec![Role::Erp], exporters: None, expires: None }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_file_says_what_was_issued_and_nothing_of_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        let exporters = Some(vec!["Voorbeeld: \"BV\"".to_owned()]);
        let wanted = Issue { exporters, expires: Some(at(9)), ..issue("erp") };
        let issued = edit(&path, |book| book.issue(wanted, at(7))).unwrap();
        let other = edit(&path, |book| book.issue(issue("erp"), at(8))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(issued.token.reveal()), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let book = Book::read(&path).unwrap();
        assert_eq!(book.rows(), [issued.row.clone(), other.row]);
        let known = book.find(&issued.token.digest()).unwrap();
        assert_eq!((&**known.identity.name(), known.until_ms), ("erp", Some(9_000)));
        assert!(known.identity.speaks_for("voorbeeld bv"));
        edit(&path, |book| book.revoke(&issued.row.id, at(8))).unwrap();
        edit(&path, |book| book.revoke(&issued.row.id, at(20))).unwrap();
        assert_eq!(Book::read(&path).unwrap().find(&issued.token.digest()).unwrap().until_ms, Some(8_000));
        assert!(matches!(edit(&path, |book| book.revoke("0", at(8))), Err(AccessError::Unknown(_))));
    }

    #[test]
    fn no_token_is_lost_where_several_are_made_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens.yaml");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| edit(&path, |book| book.issue(issue("erp"), at(1))).unwrap());
            }
        });
        assert_eq!(Book::read(&path).unwrap().rows().len(), 8);
    }

    #[test]
    fn every_fault_of_a_file_is_named() {
        let text = "tokens:
- {id: '0', name: 'a b', roles: [root], sha256: xyz, created: 2026-01-01T00:00:00Z}
- {id: '000000000000', name: local, roles: [], exporters: [], sha256: \
             '0000000000000000000000000000000000000000000000000000000000000000', created: 2026-01-01T00:00:00Z}
";
        let why = Book::parse(text).unwrap_err();
        for fault in
            ["tokens[0]", "name `a b`", "`root`", "sha256", "tokens[1]", "name `local`", "no role", "empty"]
        {
            assert!(why.contains(fault), "{fault} is not in {why}");
        }
        assert!(Book::parse("tokens: [{nmae: x}]").is_err());
        assert!(Book::parse("").unwrap().rows().is_empty());
    }

    #[test]
    fn what_cannot_be_is_not_issued() {
        let mut book = Book::default();
        for wrong in [
            issue(""),
            issue("local"),
            issue("two words"),
            Issue { roles: Vec::new(), ..issue("erp") },
            Issue { exporters: Some(Vec::new()), ..issue("erp") },
        ] {
            assert!(matches!(book.issue(wrong, at(1)), Err(AccessError::Issue(_))));
        }
        assert!(book.rows().is_empty());
    }
}
