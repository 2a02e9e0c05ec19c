//! Who asks: a name, what it may do, and for whom it may speak.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::name;

/// What somebody does here. A caller may have several.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// An exporter's system: asks whether exports may go, and says what became of them.
    Erp,
    /// Compliance officer: suspends licences, clears cases, approves corrections.
    Officer,
    /// Licence administrator: keeps the register of licences and rates.
    LicenceAdmin,
    /// Maintains the rulebook.
    RuleAuthor,
    /// Reads and replays the whole log, and writes nothing.
    Auditor,
    /// Runs the daemon; may do what each of the others may.
    Admin,
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Roles(u8);

/// A caller that the daemon knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    name: Arc<str>,
    roles: Roles,
    /// Normalised names of the exporters; `None` is any.
    exporters: Option<BTreeSet<Box<str>>>,
}

/// The caller where no tokens are in use.
pub const LOCAL: &str = "local";

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Erp, Self::Officer, Self::LicenceAdmin, Self::RuleAuthor, Self::Auditor, Self::Admin];

    /// As files and messages write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Erp => "erp",
            Self::Officer => "officer",
            Self::LicenceAdmin => "licence-admin",
            Self::RuleAuthor => "rule-author",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl Roles {
    /// These roles.
    #[must_use]
    pub const fn of(roles: &[Role]) -> Self {
        let (mut bits, mut rest) = (0, roles);
        while let [role, after @ ..] = rest {
            bits |= 1 << *role as u8;
            rest = after;
        }
        Self(bits)
    }

    /// Every role.
    #[must_use]
    pub const fn all() -> Self {
        Self::of(&Role::ALL)
    }

    /// Is this role one of them?
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Is any of these among those?
    #[must_use]
    pub const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The roles, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::default(), |set, role| Self(set.0 | Self::of(&[role]).0))
    }
}

impl fmt::Display for Roles {
    /// `erp, auditor`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, role) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            f.write_str(role.as_str())?;
        }
        Ok(())
    }
}

impl Identity {
    /// A caller of this name; exporters as they are written, `None` for any.
    #[must_use]
    pub fn new(name: &str, roles: Roles, exporters: Option<&[String]>) -> Self {
        let exporters = exporters.map(|names| names.iter().map(|name| name::normalise(name)).collect());
        Self { name: name.into(), roles, exporters }
    }

    /// Whoever reaches a daemon without tokens, or reads a folder on the same machine: may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self::new(LOCAL, Roles::all(), None)
    }

    /// The name, as entries of the log have it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it may do.
    #[must_use]
    pub const fn roles(&self) -> Roles {
        self.roles
    }

    /// May it speak for the exporter of this normalised name?
    #[must_use]
    pub fn speaks_for(&self, normal_name: &str) -> bool {
        self.exporters.as_ref().is_none_or(|exporters| exporters.contains(normal_name))
    }

    /// Does it speak for some exporters only?
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.exporters.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_as_they_are_written() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert!(Roles::all().has(role));
            assert!(!Roles::default().has(role));
        }
        assert_eq!(Role::parse("root"), None);
        let some = Roles::of(&[Role::Auditor, Role::Erp]);
        assert_eq!(some.to_string(), "erp, auditor");
        assert_eq!(some, some.iter().collect());
        assert!(some.meets(Roles::of(&[Role::Auditor, Role::Admin])));
        assert!(!some.meets(Roles::of(&[Role::Officer])));
    }

    #[test]
    fn a_bound_caller_speaks_for_its_exporters_however_they_are_written() {
        let bound = Identity::new("erp", Roles::all(), Some(&["Voorbeeld Netwerken B.V.".to_owned()]));
        assert!(bound.is_bound());
        assert!(bound.speaks_for(&name::normalise("VOORBEELD NETWERKEN BV")));
        assert!(!bound.speaks_for(&name::normalise("Voorbeeld Netwerken")));
        assert!(Identity::local().speaks_for("anybody"));
        // An empty list of exporters is none, and not any.
        assert!(!Identity::new("erp", Roles::all(), Some(&[])).speaks_for("anybody"));
    }
}
