//! The class of a JWT, which Clerk writes into its header.

/// What the header member `cat` of a JWT says of its class.
///
/// All classes are signed with one key, so that the class is what tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Category {
    /// A session token.
    Session,
    /// A token of a JWT template.
    Template,
    /// A machine-to-machine token.
    Machine,
    /// The value that says nothing of the class, which some instances write into every token.
    Unclassified,
    /// No `cat` at all, as in tokens from before there was one.
    Absent,
}

impl Category {
    /// The value of `cat`.
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
