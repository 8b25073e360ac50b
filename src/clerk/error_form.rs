//! The forms of error answers: OAuth's (RFC 6749 §5.2), Clerk's, RFC 6750's challenge, and HTML. A status alone does
//! not show which server sent an answer: a firewall or a proxy on the way sends 401 and 403, too.

use bytes::Bytes;
use http::{HeaderMap, Response, header};
use serde_json::{Map, Value};

use super::response::object;
use crate::token::json::Members;

/// Returns true if an answer is an error in OAuth's form, `{"error":"…"}`, or in Clerk's, `{"errors":[…]}`.
pub(crate) fn is_error(response: &Response<Bytes>) -> bool {
    let Some(members) = members(response) else {
        return false;
    };
    members.get("error").is_some_and(Value::is_string)
        || members.get("errors").is_some_and(Value::is_array)
}

/// Returns the codes of an error in Clerk's form: `{"errors":[{"code":…}]}`. `None` if it is not of that
/// form.
pub(crate) fn clerk_codes(response: &Response<Bytes>) -> Option<Vec<String>> {
    let mut members = members(response)?;
    let Some(Value::Array(errors)) = members.remove("errors") else {
        return None;
    };
    errors
        .iter()
        .map(|error| Some(error.get("code")?.as_str()?.to_owned()))
        .collect()
}

/// Returns true if an error names the credentials of this service as its reason.
pub(crate) fn is_about_our_credentials(response: &Response<Bytes>) -> bool {
    let is_invalid_client = || {
        members(response)?
            .get("error")?
            .as_str()
            .map(|error| error == "invalid_client")
    };
    let is_listed = |code: &String| CREDENTIAL_CODES.contains(&code.as_str());
    is_invalid_client().unwrap_or(false)
        || clerk_codes(response).is_some_and(|codes| codes.iter().any(is_listed))
}

/// Returns true if a challenge names the access token as the reason (RFC 6750 §3.1). A protected resource may send
/// such a challenge without a body.
pub(crate) fn is_token_challenge(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
        .flat_map(|(_, parameters)| parameters.split(','))
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("error"))
        .any(|(_, error)| {
            let error = error.trim().trim_matches('"');
            matches!(error, "invalid_token" | "insufficient_scope")
        })
}

/// Returns true if an answer is a page for people, by its content type or by its first bytes.
pub(crate) fn is_html(response: &Response<Bytes>) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    let is_html_type = essence.is_some_and(|essence| {
        let essence = essence.trim();
        essence.eq_ignore_ascii_case("text/html")
            || essence.eq_ignore_ascii_case("application/xhtml+xml")
    });
    let body = response.body();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let begins_with_tag = body.trim_ascii_start().starts_with(b"<");
    is_html_type && !body.is_empty() || begins_with_tag
}

fn members(response: &Response<Bytes>) -> Option<Map<String, Value>> {
    let Members(members) = object(response).ok()?;
    Some(members)
}

/// Clerk's codes for a request whose credentials are missing, malformed, unknown, or not enough.
const CREDENTIAL_CODES: [&str; 7] = [
    "authentication_invalid",
    "authorization_header_format_invalid",
    "authorization_invalid",
    "authorization_missing_scopes",
    "clerk_key_invalid",
    "machine_secret_key_invalid",
    "secret_key_invalid",
];

#[cfg(test)]
mod tests;
