//! The data of an API key.

use std::fmt;

use serde_json::{Map, Value};

/// An API key, as Clerk's Backend API describes it.
///
/// `Debug` shows no member.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: Box<str>,
    name: Option<Box<str>>,
    created_by: Option<Box<str>>,
}

impl ApiKey {
    /// Reads the members of Clerk's answer about the key `id`.
    pub(crate) fn read(id: &str, members: &Map<String, Value>) -> Self {
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(Into::into);
        Self {
            id: id.into(),
            name: text("name"),
            created_by: text("created_by"),
        }
    }

    /// Clerk's id of the key, `ak_…`. It is not the key itself.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that its creator gave it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The user who created the key, `user_…`. The key acts for its [subject](crate::ClerkClaims::subject), which may
    /// be another one.
    pub fn created_by(&self) -> Option<&str> {
        self.created_by.as_deref()
    }

    /// Returns the approximate size of its texts in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let texts = [Some(self.id()), self.name(), self.created_by()];
        texts.into_iter().flatten().map(str::len).sum()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").finish_non_exhaustive()
    }
}
