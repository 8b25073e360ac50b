//! Events: their causes, their signature and their delivery.

use std::sync::Mutex;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::BodyExt as _;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::keys;

const URL: &str = "http://127.0.0.1:1/webhooks/clerk";

fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(keys::alphanumeric(32)))
}

/// Verifies the signature of a request and returns its event.
#[track_caller]
fn event(request: &Request<Bytes>, secret: &str) -> Value {
    let header = |name: &str| request.headers()[name].to_str().unwrap();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap());
    let key = hmac::Key::new(HMAC_SHA256, &key.unwrap());
    let start = format!("{}.{}.", header("svix-id"), header("svix-timestamp"));
    let message = [start.as_bytes(), request.body()].concat();
    let signature = header("svix-signature").strip_prefix("v1,").unwrap();
    hmac::verify(&key, &message, &STANDARD.decode(signature).unwrap()).unwrap();
    serde_json::from_slice(request.body()).unwrap()
}

#[test]
fn changes_cause_events() {
    let clerk = FakeClerk::new();
    let secret = secret();
    clerk.user("user_0").save();
    let _ = clerk.session("user_0").session_id("sess_1").issue();
    assert!(clerk.webhook_requests().is_empty(), "there is no endpoint");
    clerk.webhooks(URL, &secret).unwrap();
    type Cause = fn(&FakeClerk);
    let causes: [(&str, &str, Cause); 13] = [
        ("user.created", "user_1", |it| it.user("user_1").save()),
        ("user.updated", "user_1", |it| {
            it.user("user_1").banned(true).save()
        }),
        ("user.updated", "user_1", |it| {
            it.user("user_1").deprovisioned(true).save()
        }),
        ("user.deleted", "user_1", |it| it.delete_user("user_1")),
        ("user.created", "user_1", |it| it.user("user_1").save()),
        ("session.revoked", "sess_1", |it| {
            it.revoke_session("sess_1")
        }),
        ("session.ended", "sess_1", |it| it.end_session("sess_1")),
        ("session.removed", "sess_1", |it| {
            it.remove_session("sess_1")
        }),
        ("organization.updated", "org_1", |it| {
            it.organization("org_1").update()
        }),
        ("organization.deleted", "org_1", |it| {
            it.organization("org_1").delete()
        }),
        (
            "organizationMembership.created",
            "orgmem_org_1_user_1",
            |it| {
                it.organization("org_1")
                    .member("user_1")
                    .create("org:admin");
            },
        ),
        (
            "organizationMembership.updated",
            "orgmem_org_1_user_1",
            |it| {
                it.organization("org_1")
                    .member("user_1")
                    .update("org:admin");
            },
        ),
        (
            "organizationMembership.deleted",
            "orgmem_org_1_user_1",
            |it| {
                it.organization("org_1").member("user_1").delete();
            },
        ),
    ];
    let mut ids = Vec::new();
    for (kind, id, cause) in causes {
        cause(&clerk);
        let requests = clerk.webhook_requests();
        let [request] = &*requests else {
            panic!("{kind}: {requests:?}");
        };
        assert_eq!(
            (request.method(), request.uri()),
            (&http::Method::POST, &URL.parse().unwrap())
        );
        let event = event(request, &secret);
        assert_eq!(event["type"], kind);
        assert_eq!(event["data"]["id"], id, "{kind}");
        ids.push(request.headers()["svix-id"].clone());
    }
    ids.sort_unstable_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
    ids.dedup();
    assert_eq!(ids.len(), 13, "each event has its own id");
}

#[test]
fn each_endpoint_gets_each_event() {
    let clerk = FakeClerk::new();
    let secrets = [secret(), secret()];
    for secret in &secrets {
        clerk.webhooks(URL, secret).unwrap();
    }
    clerk.delete_user("user_1");
    let requests = clerk.webhook_requests();
    assert_eq!(requests.len(), 2);
    for (request, secret) in requests.iter().zip(&secrets) {
        assert_eq!(event(request, secret)["type"], "user.deleted");
    }
}

#[test]
fn requests_have_the_time_of_the_fake() {
    let clerk = FakeClerk::new();
    clerk.webhooks(URL, secret()).unwrap();
    clerk.delete_user("user_1");
    clerk.advance(Duration::from_secs(3600));
    let before = clerk.now();
    let requests = clerk.webhook_requests();
    let time: u64 = requests[0].headers()["svix-timestamp"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((before..=clerk.now()).contains(&time));
}

#[test]
fn unusable_endpoints_are_rejected() {
    let clerk = FakeClerk::new();
    let secret = secret();
    for (url, secret) in [
        ("https://127.0.0.1/", &*secret),
        ("/webhooks", &secret),
        ("", &secret),
        (URL, ""),
        (URL, "whsec_"),
        (URL, "whsec_!"),
        (URL, secret.strip_prefix("whsec_").unwrap()),
    ] {
        assert!(clerk.webhooks(url, secret).is_err(), "{url} {secret}");
    }
    clerk.delete_user("user_1");
    assert!(clerk.webhook_requests().is_empty());
}

#[test]
#[should_panic(expected = "no token of sess_1 was issued")]
fn an_unknown_session_does_not_end() {
    FakeClerk::new().revoke_session("sess_1");
}

#[tokio::test]
async fn an_event_is_sent_until_it_is_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
    let (sender, mut received) = mpsc::unbounded_channel();
    // The first connection ends without an answer, the second has a failure.
    let answers = Arc::new(Mutex::new(vec![204, 204, 503]));
    tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (sender, answers) = (sender.clone(), Arc::clone(&answers));
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let (sender, answers) = (sender.clone(), Arc::clone(&answers));
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    sender.send(Request::from_parts(parts, body)).unwrap();
                    let status = answers.lock().unwrap().pop().unwrap();
                    let answer = http::Response::builder().status(status);
                    let body = http_body_util::Empty::<Bytes>::new();
                    Ok::<_, hyper::Error>(answer.body(body).unwrap())
                }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    let clerk = FakeClerk::start().unwrap();
    let secret = secret();
    clerk.webhooks(&url, &secret).unwrap();
    clerk.delete_user("user_1");
    let failed = received.recv().await.unwrap();
    let accepted = received.recv().await.unwrap();
    for request in [&failed, &accepted] {
        assert_eq!(request.uri(), "/hook?x=1");
        assert_eq!(event(request, &secret)["data"]["id"], "user_1");
        assert_eq!(request.headers()["host"], url[7..url.len() - 9]);
    }
    assert_eq!(failed.headers()["svix-id"], accepted.headers()["svix-id"]);
    clerk.delete_user("user_2");
    let next = received.recv().await.unwrap();
    assert_eq!(
        event(&next, &secret)["data"]["id"],
        "user_2",
        "the first was not sent again"
    );
}
