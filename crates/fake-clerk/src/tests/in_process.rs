//! Requests without a socket.

use http::{Method, StatusCode};

use super::*;

fn profile(clerk: &FakeClerk, method: Method, token: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(format!("{}/oauth/userinfo", clerk.url()))
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::new())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn requests_get_the_answers_and_the_faults_of_the_endpoint() {
    let clerk = FakeClerk::new();
    let token = clerk.token("user_1").issue();
    let transport = clerk.transport();
    for (fault, expected) in [
        (None, Some(StatusCode::OK)),
        (
            Some(Fault::status(503)),
            Some(StatusCode::SERVICE_UNAVAILABLE),
        ),
        (Some(Fault::reset()), None),
        (None, Some(StatusCode::OK)),
    ] {
        let name = format!("{fault:?}");
        if let Some(fault) = fault {
            clerk.fail(Endpoint::Userinfo, fault);
        }
        let answer = transport
            .exchange(profile(&clerk, Method::GET, &token))
            .await;
        assert_eq!(
            answer.ok().map(|answer| answer.status()),
            expected,
            "{name}"
        );
        clerk.heal_all();
    }
    assert_eq!(clerk.calls(Endpoint::Userinfo), 4);
    assert_eq!(clerk.connections(), 0);
}

#[tokio::test]
async fn a_reset_is_an_error_with_a_message() {
    let clerk = FakeClerk::new();
    clerk.fail(Endpoint::Userinfo, Fault::reset());
    let request = profile(&clerk, Method::GET, "");
    let error = clerk.transport().exchange(request).await.unwrap_err();
    assert_eq!(error.to_string(), "the fake broke the connection");
}
