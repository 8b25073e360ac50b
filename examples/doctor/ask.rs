//! Calls to Clerk, as the layer makes them, with all details of the answers.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use reqwest::{Client, ClientBuilder, RequestBuilder, StatusCode, redirect};
use serde_json::Value;
use url::form_urlencoded::byte_serialize;

/// The instance, and the credentials for it.
pub(crate) struct Clerk {
    issuer: String,
    client_id: String,
    secret: String,
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
    pub(crate) fn new(
        issuer: &str,
        client_id: String,
        secret: String,
    ) -> Result<Self, reqwest::Error> {
        let client = ClientBuilder::new()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(5))
            .build()?;
        Ok(Self {
            issuer: issuer.to_owned(),
            client_id,
            secret,
            client,
        })
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Fetches a public document.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        send(self.client.get(format!("{}{path}", self.issuer))).await
    }

    /// Introspects a token (RFC 7662 §2.1). Id and secret are form-encoded before they become credentials (RFC 6749
    /// §2.3.1).
    pub(crate) async fn introspect(&self, token: &str) -> Result<Answer, String> {
        let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let form = format!("token={}&token_type_hint=access_token", encode(token));
        let url = format!("{}/oauth/token_info", self.issuer);
        let request = self.client.post(url);
        let request = request.basic_auth(encode(&self.client_id), Some(encode(&self.secret)));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(request.body(form)).await
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Result<Answer, String> {
        let url = format!("{}/oauth/userinfo", self.issuer);
        send(self.client.get(url).bearer_auth(token)).await
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
}

#[expect(
    clippy::disallowed_methods,
    reason = "a clock is what is examined here"
)]
async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let sent = SystemTime::now();
    let mut response = request.send().await.map_err(tell)?;
    let took = sent.elapsed().unwrap_or_default();
    let date = response.headers().get("date");
    let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(tell)? {
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
fn tell(error: reqwest::Error) -> String {
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

/// The largest body that the layer reads.
const LARGEST: usize = 64 * 1024;
