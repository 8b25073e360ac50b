//! Calls to Clerk, as the layer makes them, with the details of the answers.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode, redirect};
use serde_json::{Map, Value, json};
use tower_clerk::TokenKind;
use url::form_urlencoded::byte_serialize;

use crate::settings::Settings;

/// The two APIs of the instance.
pub(crate) struct Clerk {
    issuer: String,
    /// The base of the addresses of the Frontend API: a proxy's URL, or the issuer.
    frontend_url: String,
    backend_url: String,
    client: Client,
}

/// An answer of the instance.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `None` if the body is not JSON.
    pub(crate) json: Option<Value>,
    /// The seconds by which the server's clock was ahead of the local one; `None` if the answer has no date.
    pub(crate) clock_ahead: Option<i64>,
    pub(crate) took: Duration,
}

impl Clerk {
    pub(crate) fn new(issuer: &str, settings: &Settings) -> Result<Self, reqwest::Error> {
        let client = ClientBuilder::new()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self {
            issuer: issuer.to_owned(),
            frontend_url: settings.proxy_url.as_deref().unwrap_or(issuer).to_owned(),
            backend_url: settings.backend_url.clone(),
            client,
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn frontend_url(&self) -> &str {
        &self.frontend_url
    }

    /// Fetches a public document.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        send(self.client.get(format!("{}{path}", self.frontend_url))).await
    }

    /// Introspects a token (RFC 7662 §2.1). Id and secret are form-encoded before they become credentials (RFC 6749
    /// §2.3.1).
    pub(crate) async fn introspect(
        &self,
        (id, secret): &(String, String),
        token: &str,
    ) -> Result<Answer, String> {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let form = format!("token={}&token_type_hint=access_token", encode(token));
        let url = format!("{}/oauth/token_info", self.frontend_url);
        let request = self.client.post(url);
        let request = request.basic_auth(encode(id), Some(encode(secret)));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(request.body(form)).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Result<Answer, String> {
        let url = format!("{}/oauth/userinfo", self.frontend_url);
        send(self.client.get(url).bearer_auth(token)).await
    }

    /// Verifies a token of a kind by the Backend API.
    pub(crate) async fn verify(
        &self,
        kind: TokenKind,
        key: &str,
        token: &str,
    ) -> Result<Answer, String> {
        let (path, member) = match kind {
            TokenKind::Machine => ("/m2m_tokens/verify", "token"),
            TokenKind::ApiKey => ("/api_keys/verify", "secret"),
            _ => ("/oauth_applications/access_tokens/verify", "access_token"),
        };
        let request = self.client.post(format!("{}{path}", self.backend_url));
        let body = json!({ member: token });
        send(backend(request.json(&body), key)).await
    }

    /// Fetches a user by the Backend API.
    pub(crate) async fn user(&self, key: &str, id: &str) -> Result<Answer, String> {
        let id: String = byte_serialize(id.as_bytes()).collect();
        let request = self.client.get(format!("{}/users/{id}", self.backend_url));
        send(backend(request, key)).await
    }
}

impl Answer {
    pub(crate) fn millis(&self) -> u128 {
        self.took.as_millis()
    }

    /// Returns a member that is a string.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.json.as_ref()?.get(member)?.as_str()
    }

    /// Returns the members of a 200 with a JSON object.
    pub(crate) fn members(&self) -> Option<&Map<String, Value>> {
        let json = self.json.as_ref().filter(|_| self.status == StatusCode::OK);
        json?.as_object()
    }

    /// Returns true if this is Clerk's answer about a token or a user that does not exist. A page of a proxy has no
    /// `errors`.
    pub(crate) fn is_unknown(&self) -> bool {
        let errors = self.json.as_ref().and_then(|json| json.get("errors"));
        matches!(self.status.as_u16(), 400 | 404) && errors.is_some_and(Value::is_array)
    }

    pub(crate) fn rejects_credentials(&self) -> bool {
        matches!(self.status.as_u16(), 401 | 403)
    }
}

fn backend(request: RequestBuilder, key: &str) -> RequestBuilder {
    let request = request.bearer_auth(key);
    request.header("clerk-api-version", "2026-05-12")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is what is examined here"
)]
async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let sent = SystemTime::now();
    let mut response = request.send().await.map_err(innermost)?;
    let took = sent.elapsed().unwrap_or_default();
    let date = response.headers().get("date");
    let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(innermost)? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err("the answer is larger than the layer would read".to_owned());
        }
    }
    Ok(Answer {
        status,
        json: serde_json::from_slice(&body).ok(),
        clock_ahead: date.map(|date| seconds_between(sent + took / 2, date)),
        took,
    })
}

/// Returns the innermost cause, without the address, which is known.
fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn seconds_between(from: SystemTime, to: SystemTime) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match to.duration_since(from) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}

/// The largest body that the layer reads. Answers about users may be larger.
const LARGEST: usize = 256 * 1024;
