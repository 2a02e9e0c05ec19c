//! Outcomes, findings' states and effects: the fixed words of the product.

/// What an export may do. The order is the order of severity, so combining is `max` and a prohibition can never be
/// lost in a fold.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// May go, on a [`Basis`].
    Permitted,
    /// Controlled; no licence offered or found.
    LicenceRequired,
    /// A licence is there and does not cover.
    LicenceInsufficient,
    /// Cannot be decided by rule; people decide.
    Review,
    /// A licence would cover, and is suspended.
    LicenceSuspended,
    /// A ban in force, no exemption established.
    Prohibited,
}

/// The ground on which an export may go. The order is the strength that a mixed export shows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Basis {
    /// On no list, or only on lists that ask nothing here.
    NotControlled,
    /// A listed item inside the Union that needs no transfer licence.
    IntraEu,
    /// A general authorisation.
    GeneralAuthorisation,
    /// A recorded release.
    Cleared,
    /// An exemption that needs no licence.
    Exemption,
    /// An old contract inside its wind-down.
    WindDown,
    /// A licence.
    Licence,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum FindingState {
    /// It counts, with its own effect.
    Stands,
    /// A named fact is missing; it counts as REVIEW.
    Unknown,
    /// An exemption or wind-down lifts it.
    Lifted,
    /// A licence, general authorisation or clearance satisfies it.
    Satisfied,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// A ban.
    Prohibit,
    /// A licence duty of a kind.
    RequireLicence(Authorisation),
    /// Suspends licences by criterion.
    SuspendLicences,
    /// Names the offence where a licence fails on nothing but a cap.
    LicenceExceeded,
    /// People decide.
    Review,
    /// A standing policy: REVIEW where the export would otherwise be PERMITTED.
    Policy,
    /// A general authorisation.
    Permit,
    /// Only a duty.
    Duty,
}

/// The kind of authorisation that a licence duty asks for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Authorisation {
    /// An individual or global dual-use licence.
    DualUse,
    /// A licence for military goods.
    Military,
    /// An authorisation under a sanctions act.
    Sanctions,
    /// A licence for a transfer inside the Union.
    Transfer,
}

impl Outcome {
    /// All outcomes, mildest first.
    pub const ALL: [Self; 6] = [
        Self::Permitted,
        Self::LicenceRequired,
        Self::LicenceInsufficient,
        Self::Review,
        Self::LicenceSuspended,
        Self::Prohibited,
    ];

    /// As answers and case files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permitted => "PERMITTED",
            Self::LicenceRequired => "LICENCE_REQUIRED",
            Self::LicenceInsufficient => "LICENCE_INSUFFICIENT",
            Self::Review => "REVIEW",
            Self::LicenceSuspended => "LICENCE_SUSPENDED",
            Self::Prohibited => "PROHIBITED",
        }
    }

    /// The outcome of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// A stable number for stored bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Permitted => 1,
            Self::LicenceRequired => 2,
            Self::LicenceInsufficient => 3,
            Self::Review => 4,
            Self::LicenceSuspended => 5,
            Self::Prohibited => 6,
        }
    }

    /// The outcome of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }
}

impl Basis {
    /// All grounds, weakest first.
    pub const ALL: [Self; 7] = [
        Self::NotControlled,
        Self::IntraEu,
        Self::GeneralAuthorisation,
        Self::Cleared,
        Self::Exemption,
        Self::WindDown,
        Self::Licence,
    ];

    /// As answers and case files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotControlled => "NOT_CONTROLLED",
            Self::IntraEu => "INTRA_EU",
            Self::GeneralAuthorisation => "GENERAL_AUTHORISATION",
            Self::Cleared => "CLEARED",
            Self::Exemption => "EXEMPTION",
            Self::WindDown => "WIND_DOWN",
            Self::Licence => "LICENCE",
        }
    }

    /// A stable number for stored bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::NotControlled => 1,
            Self::IntraEu => 2,
            Self::GeneralAuthorisation => 3,
            Self::Cleared => 4,
            Self::Exemption => 5,
            Self::WindDown => 6,
            Self::Licence => 7,
        }
    }

    /// The ground of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.code() == code)
    }
}

impl FindingState {
    /// As answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stands => "STANDS",
            Self::Unknown => "UNKNOWN",
            Self::Lifted => "LIFTED",
            Self::Satisfied => "SATISFIED",
        }
    }

    /// A stable number for stored bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Stands => 1,
            Self::Unknown => 2,
            Self::Lifted => 3,
            Self::Satisfied => 4,
        }
    }

    /// The state of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        [Self::Stands, Self::Unknown, Self::Lifted, Self::Satisfied]
            .into_iter()
            .find(|state| state.code() == code)
    }
}

impl Effect {
    /// All effects.
    pub const ALL: [Self; 11] = [
        Self::Prohibit,
        Self::RequireLicence(Authorisation::DualUse),
        Self::RequireLicence(Authorisation::Military),
        Self::RequireLicence(Authorisation::Sanctions),
        Self::RequireLicence(Authorisation::Transfer),
        Self::SuspendLicences,
        Self::LicenceExceeded,
        Self::Review,
        Self::Policy,
        Self::Permit,
        Self::Duty,
    ];

    /// As answers write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prohibit => "PROHIBIT",
            Self::RequireLicence(Authorisation::DualUse) => "REQUIRE_DUAL_USE_LICENCE",
            Self::RequireLicence(Authorisation::Military) => "REQUIRE_MILITARY_LICENCE",
            Self::RequireLicence(Authorisation::Sanctions) => "REQUIRE_SANCTIONS_AUTHORISATION",
            Self::RequireLicence(Authorisation::Transfer) => "REQUIRE_TRANSFER_LICENCE",
            Self::SuspendLicences => "SUSPEND_LICENCES",
            Self::LicenceExceeded => "LICENCE_EXCEEDED",
            Self::Review => "REVIEW",
            Self::Policy => "POLICY",
            Self::Permit => "PERMIT",
            Self::Duty => "DUTY",
        }
    }

    /// A stable number for stored bytes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Prohibit => 1,
            Self::RequireLicence(Authorisation::DualUse) => 2,
            Self::RequireLicence(Authorisation::Military) => 3,
            Self::RequireLicence(Authorisation::Sanctions) => 4,
            Self::RequireLicence(Authorisation::Transfer) => 5,
            Self::SuspendLicences => 6,
            Self::LicenceExceeded => 7,
            Self::Review => 8,
            Self::Policy => 9,
            Self::Permit => 10,
            Self::Duty => 11,
        }
    }

    /// The effect of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.code() == code)
    }
}

impl Authorisation {
    /// Does a licence of this kind answer the duty?
    #[must_use]
    pub fn accepts(self, kind: super::licence::LicenceKind) -> bool {
        use super::licence::LicenceKind as Kind;
        match self {
            Self::DualUse => matches!(kind, Kind::Individual | Kind::Global | Kind::Project),
            Self::Military => kind == Kind::Military,
            Self::Sanctions => kind == Kind::Sanctions,
            Self::Transfer => kind == Kind::Transfer,
        }
    }
}
