//! The fake's answers against tables of what Clerk documents: version 2026-05-12 of the descriptions of its
//! Frontend API and its Backend API. Random answers of the same shapes, against the library.

mod answers;
mod backend;
mod frontend;
pub mod generate;
pub mod shape;
pub mod tables;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tower_clerk::{
    fake_clerk::{Endpoint, FakeClerk},
    transport::Transport,
};
use url::form_urlencoded::Serializer;

use self::shape::Body;

/// What a test sends, and what must come back.
struct Case<'a> {
    name: &'a str,
    request: Request<Bytes>,
    status: u16,
    body: Body,
}

fn case(name: &str, request: Request<Bytes>, status: u16, body: Body) -> Case<'_> {
    Case {
        name,
        request,
        status,
        body,
    }
}

async fn check(clerk: &FakeClerk, cases: Vec<Case<'_>>) {
    for case in cases {
        let response = clerk.transport().send(case.request).await.unwrap();
        assert_eq!(response.status(), case.status, "{}", case.name);
        let is_json = response
            .headers()
            .get("content-type")
            .is_some_and(|value| value == "application/json");
        case.body.check(case.name, is_json, response.body());
    }
}

/// A form, with the client's credentials if `client` is given.
fn form(
    clerk: &FakeClerk,
    endpoint: Endpoint,
    client: bool,
    fields: &[(&str, &str)],
) -> Request<Bytes> {
    let mut request = Request::post(format!("{}{}", clerk.url(), endpoint.path()))
        .header("content-type", "application/x-www-form-urlencoded");
    if client {
        let client = STANDARD.encode(format!("{}:{}", clerk.client_id(), clerk.client_secret()));
        request = request.header("authorization", format!("Basic {client}"));
    }
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    request.body(Bytes::from(body)).unwrap()
}

/// A request with a bearer token, or without one if it is empty.
fn get(clerk: &FakeClerk, path: &str, bearer: &str) -> Request<Bytes> {
    let mut request = Request::get(format!("{}{path}", clerk.url()));
    if !bearer.is_empty() {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    request.body(Bytes::new()).unwrap()
}

fn post_json(clerk: &FakeClerk, path: &str, bearer: &str, body: &Value) -> Request<Bytes> {
    let (mut head, _) = get(clerk, path, bearer).into_parts();
    head.method = http::Method::POST;
    let media_type = "application/json".parse().unwrap();
    head.headers.insert("content-type", media_type);
    Request::from_parts(head, Bytes::from(body.to_string()))
}

/// A user with everything that the fake knows of users, and one with nothing.
fn users(clerk: &FakeClerk) {
    let user = clerk.user("user_full").other_email("x@example.com");
    let user = user.org("org_1", "One", "one");
    user.public_metadata(json!({"plan": "gold"})).save();
    clerk.user("user_bare").bare().save();
}

const EVERY_SCOPE: [&str; 7] = [
    "openid",
    "profile",
    "email",
    "public_metadata",
    "private_metadata",
    "offline_access",
    "user:org:read",
];
