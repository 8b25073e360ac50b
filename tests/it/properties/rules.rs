//! The oracle for answers: what RFC 7662 and the documented rules say of a body, written a second time.

use super::json::{self, Json};

/// What a token must satisfy.
pub struct Policy<'a> {
    /// `None`: any.
    pub clients: Option<&'a [&'a str]>,
    pub audiences: &'a [&'a str],
    pub requires_audience: bool,
    pub issuer: &'a str,
    pub scopes: &'a [&'a str],
    pub leeway: i64,
    pub now: i64,
}

/// What becomes of a request by an answer.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is no answer by the contract: 503.
    NoAnswer,
    /// 401
    Invalid,
    /// 403
    ScopeMissing,
    Accepted(Accepted),
}

/// What an answer says of a good token.
#[derive(Debug, PartialEq)]
pub struct Accepted {
    /// `None`: userinfo must tell. Whether it is usable is for [`is_subject`] to say.
    pub sub: Option<String>,
    pub client_id: Option<String>,
    pub scopes: Vec<String>,
    pub exp: Option<i64>,
}

/// The members that are read, each of the type that it must have.
#[derive(Debug, Default)]
struct Answer {
    is_active: bool,
    sub: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    aud: Option<Vec<String>>,
    iss: Option<String>,
    exp: Option<i64>,
    starts: Vec<i64>,
    token_type: Option<String>,
    token_use: Option<String>,
    is_bound: bool,
}

/// Judges a body.
pub fn judge(body: &[u8], policy: &Policy<'_>) -> Verdict {
    let Some(answer) = read(body) else {
        return Verdict::NoAnswer;
    };
    if !is_good(&answer, policy) {
        return Verdict::Invalid;
    }
    // One space or more between any two, and no other character separates. What has characters that no scope
    // has (RFC 6749 section 3.3) is none.
    let is_scope_character = |c: char| matches!(u32::from(c), 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    let granted = answer.scope.unwrap_or_default();
    let granted: Vec<_> = granted
        .split(' ')
        .filter(|scope| !scope.is_empty() && scope.chars().all(is_scope_character))
        .map(ToOwned::to_owned)
        .collect();
    let is_missing = |needed: &&str| !granted.iter().any(|scope| scope == needed);
    if policy.scopes.iter().any(is_missing) {
        return Verdict::ScopeMissing;
    }
    Verdict::Accepted(Accepted {
        sub: answer.sub,
        client_id: answer.client_id,
        scopes: granted,
        exp: answer.exp,
    })
}

/// Whom userinfo speaks of: a body that is one object with a `sub` that is a string.
pub fn userinfo_subject(body: &[u8]) -> Option<String> {
    json::members(body)?
        .into_iter()
        .find_map(|(name, value)| match value {
            Json::Text(sub) if name == "sub" => Some(sub),
            _ => None,
        })
}

/// A subject that can be compared and stored.
pub fn is_subject(sub: &str) -> bool {
    let is_control = |c: char| matches!(u32::from(c), 0..=0x1f | 0x7f..=0x9f);
    (1..=255).contains(&sub.len()) && !sub.contains(is_control)
}

fn is_good(answer: &Answer, policy: &Policy<'_>) -> bool {
    let is_or_absent = |value: &Option<String>, expected: &str| match value {
        None => true,
        Some(value) => value.to_ascii_lowercase() == expected,
    };
    let shares = |ours: &[&str]| {
        answer
            .aud
            .iter()
            .flatten()
            .any(|aud| ours.contains(&&**aud))
    };
    let client = answer.client_id.as_deref().unwrap_or_default();
    let is_allowed_client = match policy.clients {
        Some(clients) if client.is_empty() => shares(clients),
        Some(clients) => clients.contains(&client),
        None => !client.is_empty() || answer.aud.as_ref().is_some_and(|aud| !aud.is_empty()),
    };
    let is_meant_for_us = match answer.aud {
        None => !policy.requires_audience,
        Some(_) => shares(policy.audiences),
    };
    let is_over = answer.exp.is_some_and(|exp| {
        exp <= policy.now
            || answer
                .starts
                .iter()
                .any(|start| i128::from(exp) < i128::from(*start))
    });
    let has_begun = answer
        .starts
        .iter()
        .all(|start| i128::from(*start) <= i128::from(policy.now) + i128::from(policy.leeway));
    let is_of_issuer = match &answer.iss {
        None => true,
        Some(iss) => iss == policy.issuer,
    };
    answer.is_active
        && !answer.is_bound
        && is_or_absent(&answer.token_type, "bearer")
        && is_or_absent(&answer.token_use, "access_token")
        && !is_over
        && has_begun
        && is_of_issuer
        && is_allowed_client
        && is_meant_for_us
}

fn read(body: &[u8]) -> Option<Answer> {
    let members = json::members(body)?;
    let find = |name: &str| {
        members
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value)
            .filter(|value| **value != Json::Null)
    };
    let Json::Bool(is_active) = *find("active")? else {
        return None;
    };
    if !is_active {
        // The rest of such an answer is not read.
        return Some(Answer::default());
    }
    let text = |name: &str| match find(name) {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text.clone())),
        Some(_) => None,
    };
    let time = |name: &str| match find(name) {
        None => Some(None),
        Some(Json::Number(number)) => Some(Some(json::seconds(number))),
        Some(_) => None,
    };
    // Only to be strings, their value is of no consequence.
    text("org_id")?;
    let mut is_withdrawn = false;
    for name in ["revoked", "expired"] {
        is_withdrawn |= match find(name) {
            None | Some(Json::Null) => false,
            Some(Json::Bool(withdrawn)) => *withdrawn,
            Some(_) => return None,
        };
    }
    Some(Answer {
        is_active: !is_withdrawn,
        sub: text("sub")?,
        client_id: text("client_id")?,
        scope: text("scope")?,
        aud: audience(find("aud"))?,
        iss: text("iss")?,
        exp: time("exp")?,
        starts: [time("nbf")?, time("iat")?].into_iter().flatten().collect(),
        token_type: text("token_type")?,
        token_use: text("token_use")?,
        is_bound: find("cnf").is_some(),
    })
}

fn audience(aud: Option<&Json>) -> Option<Option<Vec<String>>> {
    let text = |value: &Json| match value {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    };
    match aud {
        None => Some(None),
        Some(Json::Array(entries)) => entries.iter().map(text).collect::<Option<_>>().map(Some),
        Some(one) => Some(Some(vec![text(one)?])),
    }
}
