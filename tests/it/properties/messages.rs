//! Bodies of MCP requests: a caller without a token reaches the server if and only if all calls that the oracle finds
//! are public.

use std::convert::Infallible;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    Authenticator,
    mcp::{McpAuthLayer, RequestBody},
};

use super::{calls, for_each_case, pick};
use crate::support::World;

#[test]
fn callers_without_a_token_reach_public_calls_alone() {
    let world = World::new();
    let layer = McpAuthLayer::new(Authenticator::new(world.config().build().unwrap()))
        .public_methods(["ping"])
        .public_tools(["open"]);
    let (mut public, mut clear) = (0, 0);
    for_each_case(20_000, |random| {
        let body = body(random);
        let calls = calls::calls(&body);
        let is_public = calls.as_ref().is_some_and(|calls| {
            calls.iter().all(|call| match call {
                (Some(tool), _) => tool == "open",
                (None, method) => method.as_deref() == Some("ping"),
            })
        });
        let service = layer.layer(service_fn(|_: Request<RequestBody<Full<Bytes>>>| {
            std::future::ready(Ok::<_, Infallible>(Response::new(())))
        }));
        let request = Request::post("/").body(Full::from(body.clone())).unwrap();
        let Ok(response) = service.oneshot(request).now_or_never().unwrap();
        let expected = if is_public { 200 } else { 401 };
        let text = String::from_utf8_lossy(&body);
        assert_eq!(response.status(), expected, "{text}: {calls:?}");
        public += usize::from(is_public);
        clear += usize::from(calls.is_some());
    });
    // Not all of them are nonsense, nor is all that is clear public.
    assert!(public > 100 && clear > 2 * public, "{public} of {clear}");
}

/// A message or a batch, with a byte changed now and then.
fn body(random: &mut Rng) -> Vec<u8> {
    let text = match random.u8(..4) {
        0 => {
            let messages: Vec<_> = (0..random.usize(..4)).map(|_| message(random)).collect();
            format!("[{}]", messages.join(","))
        }
        _ => message(random),
    };
    let mut bytes = text.into_bytes();
    if random.u8(..8) == 0 {
        let at = random.usize(..bytes.len());
        bytes[at] = random.u8(..);
    }
    bytes
}

fn message(random: &mut Rng) -> String {
    object(random, |random| {
        let name = pick(random, &NAMES);
        let value = match random.u8(..8) {
            0 => value(random, 2),
            _ if name.contains("arams") => object(random, |random| {
                let name = pick(
                    random,
                    &["name", "name", "arguments", "Name", "n\\u0061me", RAW],
                );
                let value = match random.bool() {
                    true => pick(random, &TOOLS).to_owned(),
                    false => value(random, 2),
                };
                (name, value)
            }),
            _ if name.contains("ethod") || name.contains("u006d") => {
                pick(random, &METHODS).to_owned()
            }
            _ => value(random, 2),
        };
        (name, value)
    })
}

fn object(random: &mut Rng, mut member: impl FnMut(&mut Rng) -> (&'static str, String)) -> String {
    let members = (0..random.usize(..4)).map(|_| {
        let (name, value) = member(random);
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn value(random: &mut Rng, depth: usize) -> String {
    match random.u8(..if depth == 0 { 4 } else { 6 }) {
        0 => "null".to_owned(),
        1 => pick(random, &["1", "-1.5e3", "1e999", "01", "true"]).to_owned(),
        2 => pick(random, &TOOLS).to_owned(),
        3 => pick(
            random,
            &["\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"\u{e9}\"", "\"\t\""],
        )
        .to_owned(),
        4 => format!("[{}]", value(random, depth - 1)),
        _ => object(random, |random| {
            (
                pick(random, &["a", "name", RAW, NUMBER]),
                value(random, depth - 1),
            )
        }),
    }
}

const RAW: &str = "$serde_json::private::RawValue";
const NUMBER: &str = "\\u0024serde_json::private::Number";
const NAMES: [&str; 14] = [
    "method",
    "method",
    "method",
    "method",
    "params",
    "params",
    "params",
    "id",
    "result",
    "error",
    "Method",
    "\\u006dethod",
    "param\u{17f}",
    RAW,
];
const METHODS: [&str; 6] = [
    "\"ping\"",
    "\"ping\"",
    "\"tools/call\"",
    "\"tools\\/call\"",
    "\"tools/list\"",
    "\"Ping\"",
];
const TOOLS: [&str; 5] = [
    "\"open\"",
    "\"open\"",
    "\"admin\"",
    "\"\\u006fpen\"",
    "\"Open\"",
];
