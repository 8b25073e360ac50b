//! The behaviour of the fake over real connections.

mod admin;
mod admin_mint;
mod api_keys;
mod authorization;
mod backend;
mod documents;
mod faults;
mod flow;
mod in_process;
mod introspection;
mod jwt;
mod machine;
mod mounted;
mod oauth_verification;
mod observation;
#[cfg(feature = "cli")]
mod readme;
mod refresh;
mod registration;
mod rotation;
mod server;
mod sessions;
mod token_endpoint;
mod userinfo;
mod webhooks;
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Category, Endpoint, FakeClerk, Fault, Field, TimeUnit};

const FORM: &str = "application/x-www-form-urlencoded";

type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(
    clerk: &FakeClerk,
    method: &str,
    path: &str,
    headers: Headers<'_>,
) -> http::request::Builder {
    let builder = Request::builder()
        .method(method)
        .uri(format!("{}{path}", clerk.url()))
        .header("host", clerk.addr().to_string());
    headers.iter().fold(builder, |builder, (name, value)| {
        builder.header(*name, *value)
    })
}

/// Sends one request over a connection of its own.
async fn send(
    clerk: &FakeClerk,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: &str,
) -> hyper::Result<Response<Bytes>> {
    let stream = TcpStream::connect(clerk.addr()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = request(clerk, method, path, headers)
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

fn default_basic(clerk: &FakeClerk) -> String {
    basic(&clerk.client_id(), &clerk.client_secret())
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Posts a form as the default client.
async fn post(clerk: &FakeClerk, endpoint: Endpoint, fields: &[(&str, &str)]) -> Response<Bytes> {
    let authorization = default_basic(clerk);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", FORM),
    ];
    send(clerk, "POST", endpoint.path(), &headers, &form(fields))
        .await
        .unwrap()
}

async fn introspect(clerk: &FakeClerk, token: &str) -> Value {
    let response = post(clerk, Endpoint::Introspection, &[("token", token)]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    body(&response)
}

async fn userinfo(clerk: &FakeClerk, token: &str) -> Response<Bytes> {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    send(clerk, "GET", "/oauth/userinfo", &headers, "")
        .await
        .unwrap()
}

async fn get(clerk: &FakeClerk, path: &str) -> Response<Bytes> {
    send(clerk, "GET", path, &[], "").await.unwrap()
}

fn body(response: &Response<Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

/// Requests a verification with a key of the Backend API.
async fn verify_with(
    clerk: &FakeClerk,
    key: &str,
    endpoint: Endpoint,
    body: &Value,
) -> Response<Bytes> {
    let authorization = format!("Bearer {key}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    send(clerk, "POST", endpoint.path(), &headers, &body.to_string())
        .await
        .unwrap()
}

/// Requests a verification with the key of the instance.
async fn verify(clerk: &FakeClerk, endpoint: Endpoint, body: &Value) -> Response<Bytes> {
    verify_with(clerk, &clerk.secret_key(), endpoint, body).await
}

async fn published_keys(clerk: &FakeClerk) -> Vec<Value> {
    let keys = body(&get(clerk, "/.well-known/jwks.json").await);
    keys["keys"].as_array().unwrap().clone()
}

/// Returns true if the signature of a JWT is valid for this key.
fn is_signed_by(jwt: &str, key: &Value) -> bool {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = RsaPublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public
        .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature)
        .is_ok()
}

fn members(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
    names.iter().copied().collect()
}

fn clerk_code(response: &Response<Bytes>) -> String {
    body(response)["errors"][0]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn header(jwt: &str) -> Value {
    decoded(jwt.split('.').next().unwrap())
}

fn payload(jwt: &str) -> Value {
    decoded(jwt.split('.').nth(1).unwrap())
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), future)
        .await
        .expect("in time")
}

/// Returns true if `error` or a source of it is a connection reset.
fn is_reset(error: &hyper::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::ConnectionReset;
        }
        source = error.source();
    }
    false
}
