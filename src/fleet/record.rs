//! The content of records: Clerk's answers about a token or a user, as JSON. Pure.
//!
//! An answer is written member by member, not as Clerk sent it: the Backend API has members of the same names in other
//! units. A record says neither that the token is active nor that a signature vouches for it. Only answers that called a
//! token active are written, and the reader compares them with its own rules.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    cache::InvalidationId,
    claims::{ActiveOrganization, User, actor},
    clerk::{
        TokenInfo,
        userinfo::{self, Userinfo},
    },
    token::json::{Members, flag, seconds, text, texts},
    verify::Evidence,
};

/// Evidence, with the times that decide whether it counts.
pub(super) struct Record {
    pub(super) evidence: Evidence,
    /// The recent invalidations that the writer had applied before it called Clerk.
    pub(super) after: Vec<InvalidationId>,
}

/// A user, as another replica fetched it.
pub(super) struct UserRecord {
    pub(super) called_at: u64,
    pub(super) user: Arc<User>,
    pub(super) after: Vec<InvalidationId>,
}

/// The content of a record that lacks the invalidations which it comes after.
pub(super) struct Content {
    pub(super) called_at: u64,
    members: Map<String, Value>,
}

impl Content {
    fn new<'a>(called_at: u64, members: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let members = members.into_iter().chain([("called_at", called_at.into())]);
        let members = members.map(|(name, value)| (name.to_owned(), value));
        Self {
            called_at,
            members: members.collect(),
        }
    }

    /// Adds the recent invalidations that this replica had applied before it called Clerk.
    pub(super) fn finish(mut self, after: &[InvalidationId]) -> Vec<u8> {
        let after: Vec<_> = after.iter().map(|id| URL_SAFE_NO_PAD.encode(id)).collect();
        self.members.insert("after".to_owned(), after.into());
        Value::Object(self.members).to_string().into_bytes()
    }
}

/// Returns the content of a record. `None` if the evidence cannot be shared: it is incomplete, or a signature vouches
/// for it.
pub(super) fn encode(evidence: &Evidence) -> Option<Content> {
    let Evidence {
        called_at,
        answer,
        userinfo,
        complete,
    } = evidence;
    let TokenInfo {
        active,
        sub,
        client_id,
        scope,
        aud,
        iss,
        exp,
        nbf,
        iat,
        org_id,
        token_type,
        token_use,
        confirmation,
        is_local,
        token_id,
        actor,
        organization,
        other,
    } = answer;
    if !active || *is_local || !complete || *organization != ActiveOrganization::None {
        return None;
    }
    let mut info = Map::new();
    let mut member = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            info.insert(name.to_owned(), value);
        }
    };
    let string = |text: &Option<String>| text.as_deref().map(Value::from);
    let number = |seconds: &Option<i64>| seconds.map(Value::from);
    member("sub", string(sub));
    member("client_id", string(client_id));
    member("scope", string(scope));
    member("aud", aud.clone().map(Value::from));
    member("iss", string(iss));
    member("exp", number(exp));
    member("nbf", number(nbf));
    member("iat", number(iat));
    member("org_id", string(org_id));
    member("token_type", string(token_type));
    member("token_use", string(token_use));
    member("confirmation", Some(Value::from(*confirmation)));
    member("token_id", string(token_id));
    let actor = actor.as_ref().map(serde_json::to_value).transpose();
    member("act", actor.ok()?);
    member("other", Some(Value::Object(other.clone())));
    let userinfo = userinfo.as_ref().map(Userinfo::to_value);
    Some(Content::new(
        *called_at,
        [
            ("info", Value::Object(info)),
            ("userinfo", userinfo.unwrap_or_default()),
        ],
    ))
}

/// Returns the content of a record about a user, for whom Clerk was called at `called_at`.
pub(super) fn encode_user(user: &User, called_at: u64) -> Content {
    Content::new(called_at, [("user", Value::Object(user.to_members()))])
}

/// Reads the content of a record about a token. `None` if any of it is not understood.
pub(super) fn decode(content: &[u8]) -> Option<Record> {
    let (called_at, after, mut record) = open(content)?;
    let Value::Object(info) = record.remove("info")? else {
        return None;
    };
    let userinfo = match record.remove("userinfo")? {
        Value::Null => None,
        object => Some(userinfo::parse(&serde_json::to_vec(&object).ok()?).ok()?),
    };
    let evidence = Evidence {
        called_at,
        answer: answer(info).ok()??,
        userinfo,
        complete: true,
    };
    record.is_empty().then_some(Record { evidence, after })
}

/// Reads the content of a record about the user of this id. `None` if any of it is not understood.
pub(super) fn decode_user(content: &[u8], id: &str) -> Option<UserRecord> {
    let (called_at, after, mut record) = open(content)?;
    let Value::Object(members) = record.remove("user")? else {
        return None;
    };
    let user = User::of_members(id, members)?;
    record.is_empty().then_some(UserRecord {
        called_at,
        user: Arc::new(user),
        after,
    })
}

/// Reads what all records have: the time of the call and the invalidations before it. Returns the other members.
fn open(content: &[u8]) -> Option<(u64, Vec<InvalidationId>, Map<String, Value>)> {
    let Members(mut record) = serde_json::from_slice(content).ok()?;
    let called_at = record.remove("called_at")?.as_u64()?;
    let Value::Array(after) = record.remove("after")? else {
        return None;
    };
    let after = after.iter().map(|id| {
        let id = URL_SAFE_NO_PAD.decode(id.as_str()?).ok()?;
        id.try_into().ok()
    });
    let after = after.collect::<Option<Vec<InvalidationId>>>()?;
    (after.len() <= MAX_AFTER).then_some((called_at, after, record))
}

fn answer(mut info: Map<String, Value>) -> Result<Option<TokenInfo>, &'static str> {
    let Some(Value::Object(other)) = info.remove("other") else {
        return Ok(None);
    };
    let actor = actor(&info)?;
    info.remove("act");
    let confirmation = flag(info.get("confirmation"))?;
    if info.remove("confirmation").is_none() {
        return Ok(None);
    }
    let answer = TokenInfo {
        active: true,
        sub: text(info.remove("sub"))?,
        client_id: text(info.remove("client_id"))?,
        scope: text(info.remove("scope"))?,
        aud: texts(info.remove("aud"))?,
        iss: text(info.remove("iss"))?,
        exp: seconds(info.remove("exp"))?,
        nbf: seconds(info.remove("nbf"))?,
        iat: seconds(info.remove("iat"))?,
        org_id: text(info.remove("org_id"))?,
        token_type: text(info.remove("token_type"))?,
        token_use: text(info.remove("token_use"))?,
        confirmation,
        is_local: false,
        token_id: text(info.remove("token_id"))?,
        actor,
        organization: ActiveOrganization::None,
        other,
    };
    Ok(info.is_empty().then_some(answer))
}

/// Reads a record and writes it again, for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) fn rewritten(content: &[u8]) -> Option<Vec<u8>> {
    let Record { evidence, after } = decode(content)?;
    Some(encode(&evidence)?.finish(&after))
}

/// The same for a record about a user.
#[cfg(fuzzing)]
pub(crate) fn rewritten_user(content: &[u8], id: &str) -> Option<Vec<u8>> {
    let record = decode_user(content, id)?;
    Some(encode_user(&record.user, record.called_at).finish(&record.after))
}

/// The most invalidations that a record names.
const MAX_AFTER: usize = 16;

#[cfg(test)]
mod tests;
