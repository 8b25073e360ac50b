//! The class of a JWT, which Clerk writes into its header.

/// The value of the header member `cat` of a JWT, which names its class.
///
/// One key signs all classes, so only the category distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Category {
    /// A session token.
    Session,
    /// A token of a JWT template.
    Template,
    /// A machine-to-machine token.
    Machine,
    /// The value without a meaning, which some instances write into every token.
    Unclassified,
    /// No `cat`, as in older tokens.
    Absent,
}

impl Category {
    /// Returns the value of `cat`.
    pub(crate) fn value(self) -> Option<&'static str> {
        match self {
            Self::Session => Some("cl_B7d4PD111AAA"),
            Self::Template => Some("cl_B7d4PD222AAA"),
            Self::Machine => Some("cl_B7d4PD333AAA"),
            Self::Unclassified => Some("cl_I7d4PD111III"),
            Self::Absent => None,
        }
    }
}
