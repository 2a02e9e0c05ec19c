//! Three-valued logic: a missing fact is neither yes nor no.

use std::ops::{BitOr, BitOrAssign, Not};

/// Yes, no, or not known. The order makes "and" a minimum and "or" a maximum (Kleene's strong logic).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tri {
    /// It is not so.
    No,
    /// It turns on a fact that is missing.
    Unknown,
    /// It is so.
    Yes,
}

/// Facts that are missing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Missing(pub u16);

impl Tri {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<bool> for Tri {
    fn from(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }
}

impl Not for Tri {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl Missing {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// In which region a place lies.
    pub const REGION: Self = Self(1);
    /// Who controls the area.
    pub const AREA_CONTROL: Self = Self(1 << 1);
    /// What the goods will be used for.
    pub const END_USE: Self = Self(1 << 2);
    /// What kind of body uses them.
    pub const END_USER_TYPE: Self = Self(1 << 3);
    /// When the contract was concluded.
    pub const CONTRACT_DATE: Self = Self(1 << 4);
    /// In which annexes the goods are.
    pub const ANNEX_ITEMS: Self = Self(1 << 5);
    /// A customs code fine enough for the list.
    pub const CN: Self = Self(1 << 6);
    /// A fact that no request carries.
    pub const UNDETERMINED: Self = Self(1 << 7);
    /// An exchange rate of the day.
    pub const EXCHANGE_RATE: Self = Self(1 << 8);

    /// In which region the place of use lies, where that is not the destination.
    pub const END_USE_REGION: Self = Self(1 << 9);
    /// In which region a party is, where that is neither the destination nor the place of use.
    pub const PARTY_REGION: Self = Self(1 << 10);
    /// What an area that decides may turn on.
    pub const AREA: Self =
        Self(Self::REGION.0 | Self::AREA_CONTROL.0 | Self::END_USE_REGION.0 | Self::PARTY_REGION.0);

    /// Each fact with the field that would say it.
    pub const FIELDS: [(Self, &'static str); 11] = [
        (Self::REGION, "destination.region"),
        (Self::END_USE_REGION, "end_use_region"),
        (Self::PARTY_REGION, "party.region"),
        (Self::AREA_CONTROL, "destination.area_control"),
        (Self::END_USE, "end_use"),
        (Self::END_USER_TYPE, "end_user.type"),
        (Self::CONTRACT_DATE, "contract_date"),
        (Self::ANNEX_ITEMS, "annex_items"),
        (Self::CN, "cn"),
        (Self::UNDETERMINED, "undetermined"),
        (Self::EXCHANGE_RATE, "exchange_rate"),
    ];

    /// Those that are among the others too.
    #[must_use]
    pub const fn among(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Is any of these among them?
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The fields that would say what is missing.
    pub fn fields(self) -> impl Iterator<Item = &'static str> {
        Self::FIELDS.into_iter().filter(move |(fact, _)| self.meets(*fact)).map(|(_, field)| field)
    }
}

impl BitOr for Missing {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Missing {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
