//! Records and counts of the received requests.

use super::*;

#[tokio::test]
async fn requests_are_counted_and_recorded() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_1").issue();
    introspect(&clerk, &token).await;
    get(&clerk, "/nowhere?a=b").await;
    clerk.fail(Endpoint::Jwks, Fault::status(500));
    get(&clerk, "/.well-known/jwks.json").await;
    let counts = [Endpoint::Introspection, Endpoint::Jwks, Endpoint::Userinfo]
        .map(|endpoint| clerk.calls(endpoint));
    assert_eq!(counts, [1, 1, 0]);
    assert_eq!((clerk.total_calls(), clerk.connections()), (3, 3));

    let requests = clerk.requests();
    assert_eq!(requests[0].endpoint, Some(Endpoint::Introspection));
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].headers["content-type"], FORM);
    assert_eq!(requests[0].headers["authorization"], default_basic(&clerk));
    assert_eq!(requests[0].form(), [("token".to_owned(), token)]);
    assert_eq!(
        (requests[1].path.as_str(), requests[1].query.as_deref()),
        ("/nowhere", Some("a=b"))
    );
    assert_eq!(
        (requests[1].endpoint, requests[1].form_field("token")),
        (None, None)
    );

    clerk.reset_calls();
    assert_eq!(
        (
            clerk.total_calls(),
            clerk.calls(Endpoint::Jwks),
            clerk.requests().len()
        ),
        (0, 0, 0)
    );
    assert_eq!(clerk.connections(), 3);
}

#[tokio::test]
async fn debug_forms_show_no_secret() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_1").issue();
    introspect(&clerk, &token).await;
    userinfo(&clerk, &token).await;
    let shown = format!(
        "{clerk:?} {:?} {:?}",
        clerk.requests(),
        clerk.token("user_1")
    );
    let credentials = default_basic(&clerk);
    for secret in [&token[4..], &clerk.client_secret(), &credentials[6..]] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("/oauth/token_info") && shown.contains(&clerk.url()));
}

#[tokio::test]
async fn only_the_last_requests_are_remembered() {
    let clerk = FakeClerk::start().unwrap();
    get(&clerk, "/first").await;
    let first = clerk.requests().remove(0);
    get(&clerk, "/second").await;
    for _ in 0..9_999 {
        clerk.state.lock().record(first.clone());
    }
    let requests = clerk.requests();
    assert_eq!(
        (requests.len(), requests[0].path.as_str()),
        (10_000, "/second")
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_rejected() {
    let clerk = FakeClerk::start().unwrap();
    let body = "x".repeat(1024 * 1024 + 1);
    let response = send(&clerk, "POST", "/oauth/token_info", &[], &body).await;
    // The server may close before it has read the whole request, which is an error for some clients.
    if let Ok(response) = response {
        assert_eq!(response.status(), 413);
    }
    assert_eq!(
        (clerk.calls(Endpoint::Introspection), clerk.requests().len()),
        (1, 0)
    );
}
