//! Checks of the token: its visible properties, and Clerk's answers about it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::StatusCode;
use serde_json::{Map, Value};
use tower_clerk::TokenKind;

use crate::{ask::Clerk, report::Report};

/// Prints the facts about the token. Returns the introspection answer if the token is active.
pub(crate) async fn examine(
    clerk: Option<&Clerk>,
    token: &str,
    report: &mut Report,
) -> Option<Map<String, Value>> {
    let bytes = token.len();
    report.note(&format!("format: {}, {bytes} bytes", format_of(token)));
    if !matches!(kind_of(token), Some(TokenKind::OAuth) | None) {
        report.note("introspection knows OAuth tokens alone: it is not asked about this one");
        return None;
    }
    let Some(clerk) = clerk else {
        report.note("introspection is not asked: there are no client credentials");
        return None;
    };
    let answer = match clerk.introspect(token).await {
        Ok(answer) => answer,
        Err(error) => {
            let advice = "nobody can say whether the token is good";
            report.bad(&format!("introspection cannot be reached: {error}"), advice);
            return None;
        }
    };
    let members = match answer.json {
        Some(Value::Object(members)) if answer.status == StatusCode::OK => members,
        _ => {
            let text = format!("introspection answers {} or no JSON object", answer.status);
            report.bad(&text, "nobody can say whether the token is good");
            return None;
        }
    };
    match members.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => {
            report.bad(
                "introspection says that it is not active",
                "it is expired, revoked, mistyped, of another instance, or no access token: get a new \
                 one, and check that CLERK_DOMAIN is the instance that issued it",
            );
            return None;
        }
        _ => {
            report.bad(
                "introspection says neither `active: true` nor `active: false`",
                "the layer rejects such an answer with a 503",
            );
            return None;
        }
    }
    report.good("introspection says that it is active");
    for member in [
        "client_id",
        "aud",
        "scope",
        "sub",
        "org_id",
        "iss",
        "iat",
        "exp",
        "nbf",
    ] {
        match members.get(member) {
            None | Some(Value::Null) => report.note(&format!("{member}: not told")),
            Some(Value::String(text)) => report.note(&format!("{member}: {text}")),
            Some(value) => report.note(&format!("{member}: {value}")),
        }
    }
    let beyond: Vec<_> = members
        .keys()
        .filter(|name| !DOCUMENTED.contains(&name.as_str()))
        .map(String::as_str)
        .collect();
    if !beyond.is_empty() {
        let names = beyond.join(", ");
        report.note(&format!("members beyond what Clerk documents: {names}"));
    }
    check_userinfo(clerk, token, &members, report).await;
    Some(members)
}

async fn check_userinfo(
    clerk: &Clerk,
    token: &str,
    members: &Map<String, Value>,
    report: &mut Report,
) {
    let answer = match clerk.userinfo(token).await {
        Ok(answer) => answer,
        Err(error) => {
            let advice = "claims have no profile; with CLERK_ENRICH=required the layer answers 503";
            return report.bad(&format!("userinfo cannot be reached: {error}"), advice);
        }
    };
    let introspected = members.get("sub").and_then(Value::as_str);
    match (answer.status, answer.text("sub")) {
        (StatusCode::OK, Some(sub)) if introspected.is_none_or(|known| known == sub) => {
            report.good(&format!(
                "userinfo answers for the same subject ({} ms)",
                answer.millis()
            ));
        }
        (StatusCode::OK, _) => report.bad(
            "userinfo answers for another subject, or for none",
            "the layer throws that profile away",
        ),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => report.note(&format!(
            "userinfo rejects the token ({}), as it does with one for another resource: no profile",
            answer.status
        )),
        (status, _) => report.bad(
            &format!("userinfo answers {status}"),
            "claims have no profile; with CLERK_ENRICH=required the layer answers 503",
        ),
    }
}

/// Returns the kind that a token's format shows, by the same rules as the layer.
pub(crate) fn kind_of(token: &str) -> Option<TokenKind> {
    for (prefix, kind) in [
        ("oat_", TokenKind::OAuth),
        ("mt_", TokenKind::Machine),
        ("ak_", TokenKind::ApiKey),
    ] {
        if token.starts_with(prefix) {
            return Some(kind);
        }
    }
    let [header, payload] = json_of(token)?;
    let member = |part: &Value, name: &str| Some(part.get(name)?.as_str()?.to_owned());
    let is_machine = member(&payload, "sub").is_some_and(|sub| sub.starts_with("mch_"));
    match member(&header, "typ").as_deref() {
        _ if is_machine => Some(TokenKind::Machine),
        Some("at+jwt" | "application/at+jwt") => Some(TokenKind::OAuth),
        _ => Some(TokenKind::Session),
    }
}

/// Decodes header and payload of a JWT; null if they cannot be read. Nothing of them is verified.
pub(crate) fn json_of(token: &str) -> Option<[Value; 2]> {
    let parts: Vec<_> = token.split('.').collect();
    let &[header, payload, _] = &*parts else {
        return None;
    };
    Some([header, payload].map(|part| {
        let part = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&part).unwrap_or_default()
    }))
}

fn format_of(token: &str) -> &'static str {
    let is_opaque = !token.contains('.');
    match kind_of(token) {
        Some(TokenKind::OAuth) if is_opaque => "an opaque access token of Clerk",
        Some(TokenKind::OAuth) => "an access token, a JWT",
        Some(TokenKind::Machine) if is_opaque => "an opaque machine token",
        Some(TokenKind::Machine) => "a machine token, a JWT",
        Some(TokenKind::ApiKey) => "an API key, or the secret key of a machine",
        Some(_) => "a session token, or another JWT",
        None => "neither `oat_…` nor a JWT, maybe a refresh token",
    }
}

/// The members of an introspection answer that Clerk documents.
const DOCUMENTED: [&str; 6] = ["active", "client_id", "iat", "scope", "sub", "org_id"];
