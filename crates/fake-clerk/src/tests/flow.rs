//! Helpers for the tests of the authorization code flow.

use super::*;

/// The pair of RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "https://app.example/callback?tenant=1";

/// The fields of a form.
pub(super) type Fields<'a> = &'a [(&'a str, &'a str)];

pub(super) async fn post_json(clerk: &FakeClerk, path: &str, body: &Value) -> Response<Bytes> {
    let headers = [("content-type", "application/json")];
    send(clerk, "POST", path, &headers, &body.to_string())
        .await
        .unwrap()
}

/// Registers a client, public or with this method, and returns the answer.
pub(super) async fn register(clerk: &FakeClerk, method: &str) -> Value {
    let metadata = json!({
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
    });
    let response = post_json(clerk, "/oauth/register", &metadata).await;
    assert_eq!(response.status(), 201);
    body(&response)
}

pub(super) async fn public_client(clerk: &FakeClerk) -> String {
    let answer = register(clerk, "none").await;
    answer["client_id"].as_str().unwrap().to_owned()
}

/// Returns a form. A later field replaces an earlier one of the same name, or removes it if the value is
/// empty.
pub(super) fn changed<'a>(
    fields: &[(&'a str, &'a str)],
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let is_changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = fields.iter().filter(|(name, _)| !is_changed(name));
    let new = changes.iter().filter(|(_, value)| !value.is_empty());
    kept.chain(new).copied().collect()
}

pub(super) fn request_of(client_id: &str) -> [(&str, &str); 6] {
    [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "a b&c"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub(super) async fn authorize(clerk: &FakeClerk, fields: Fields<'_>) -> Response<Bytes> {
    get(clerk, &format!("/oauth/authorize?{}", form(fields))).await
}

/// Returns the query of the location of a redirection.
pub(super) fn sent(response: &Response<Bytes>) -> Vec<(String, String)> {
    assert_eq!(response.status(), 302);
    let location = response.headers()["location"].to_str().unwrap();
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().into_owned().collect()
}

pub(super) fn value(pairs: &[(String, String)], name: &str) -> String {
    let mut values = pairs.iter().filter(|(given, _)| given == name);
    let (_, value) = values
        .next()
        .unwrap_or_else(|| panic!("no {name}: {pairs:?}"));
    assert!(values.next().is_none(), "{name} twice");
    value.clone()
}

/// Returns a code for this client, with these changes to the usual request.
pub(super) async fn code(clerk: &FakeClerk, id: &str, changes: Fields<'_>) -> String {
    let fields = changed(&request_of(id), changes);
    value(&sent(&authorize(clerk, &fields).await), "code")
}

pub(super) fn redemption<'a>(id: &'a str, code: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", id),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

pub(super) async fn ask(clerk: &FakeClerk, fields: Fields<'_>) -> Response<Bytes> {
    let headers = [("content-type", FORM)];
    let response = send(clerk, "POST", "/oauth/token", &headers, &form(fields))
        .await
        .unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    response
}

/// Runs the flow of a public client and returns its tokens.
pub(super) async fn tokens(clerk: &FakeClerk, id: &str, changes: Fields<'_>) -> Value {
    let code = code(clerk, id, changes).await;
    let response = ask(clerk, &redemption(id, &code)).await;
    assert_eq!(response.status(), 200, "{:?}", response.body());
    body(&response)
}

pub(super) async fn is_active(clerk: &FakeClerk, token: &Value) -> bool {
    introspect(clerk, token.as_str().unwrap()).await["active"] == true
}
