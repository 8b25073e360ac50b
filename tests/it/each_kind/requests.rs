//! Requests: many at a time, given up, malformed, and by gRPC.

use std::{convert::Infallible, pin::pin, time::Duration};

use futures_util::{future::join_all, poll};
use http::{Request, Response};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{AuthErrorKind, RequireLayer, fake_clerk::Fault};

use super::{Cookie, Kind, worlds};
use crate::support::{App, as_grpc};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_first_requests_is_one_verification() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = kind.good(&world);
        let before = world.clerk.total_calls();
        let delay = Fault::delay(Duration::from_millis(30));
        world.clerk.fail(kind.endpoints()[0], delay.times(1));
        let crowd = (0..200).map(|_| {
            let (app, token) = (app.clone(), token.clone());
            tokio::spawn(async move { kind.send(&app, &token).await.assert_accepted() })
        });
        for request in join_all(crowd).await {
            request.unwrap();
        }
        let asked = world.clerk.total_calls() - before;
        assert_eq!(asked, kind.endpoints().len(), "{kind:?}");
        assert_eq!(app.inner_calls(), 200, "{kind:?}");
        assert_eq!(app.layer.authenticator().stats().in_flight, 0, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_with_tokens_of_its_own_asks_for_each_and_for_the_keys_once() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let tokens: Vec<_> = (0..50).map(|_| kind.good(&world)).collect();
        let before = world.clerk.total_calls();
        for answer in join_all(tokens.iter().map(|token| kind.send(&app, token))).await {
            answer.assert_accepted();
        }
        let asked = world.clerk.total_calls() - before;
        let keys = usize::from(kind.rejection() == AuthErrorKind::InvalidSignature);
        let online = if kind.is_local() { 0 } else { tokens.len() };
        assert_eq!(asked, keys + online, "{kind:?}");
    }
}

#[tokio::test]
async fn who_hangs_up_costs_nobody_anything() {
    for (kind, world) in worlds() {
        for polls in 0..3 {
            let app = kind.app(&world);
            let token = kind.good(&world);
            let before = world.clerk.total_calls();
            let delay = Fault::delay(Duration::from_millis(20));
            world.clerk.fail(kind.endpoints()[0], delay.times(1));
            {
                let mut leader = pin!(kind.send(&app, &token));
                for _ in 0..polls {
                    assert!(poll!(&mut leader).is_pending());
                    tokio::task::yield_now().await;
                }
            }
            kind.send(&app, &token).await.assert_accepted();
            assert_eq!(app.inner_calls(), 1, "{kind:?}, {polls} polls");
            let asked = world.clerk.total_calls() - before;
            assert_eq!(asked, kind.endpoints().len(), "{kind:?}, {polls} polls");
        }
    }
}

#[tokio::test]
async fn who_waits_holds_nothing_of_the_service_behind() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = kind.good(&world);
        let before = kind.calls(&world);
        world
            .clerk
            .fail(kind.endpoints()[0], Fault::hang().times(1));
        let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
        // One request at a time: who is polled ready holds the only permit.
        let inner = ConcurrencyLimit::new(inner, 1);
        let service = app.layer.clone().optional().layer(inner);
        let (name, value) = kind.header(&token);
        let request = Request::builder().header(name, value).body(()).unwrap();
        let mut waiting = pin!(service.clone().oneshot(request));
        assert!(poll!(&mut waiting).is_pending());
        let anonymous = service.oneshot(Request::new(()));
        let anonymous = tokio::time::timeout(Duration::from_secs(5), anonymous).await;
        let response = anonymous.expect("a permit was free").unwrap();
        assert_eq!(response.status(), 200, "{kind:?}");
        assert!(poll!(&mut waiting).is_pending(), "{kind:?}");
        // The call may be on its way still.
        while kind.calls(&world) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.clerk.heal_all();
        assert_eq!(waiting.await.unwrap().status(), 200, "{kind:?}");
    }
}

#[tokio::test]
async fn a_header_is_read_by_the_letter() {
    use AuthErrorKind::{
        MalformedCredentials, MissingCredentials, MultipleCredentials, TokenTooLong,
        UnsupportedToken,
    };

    for (kind, world) in worlds() {
        if kind == Cookie {
            continue;
        }
        let app = kind.app(&world);
        let (token, other) = (kind.good(&world), kind.good(&world));
        let bearer = |token: &str| format!("Bearer {token}");
        let one = |value: String| vec![value];
        let malformed = Err((400, MalformedCredentials));
        let missing = Err((401, MissingCredentials));
        // Padding may follow a token: then it is another one, that nobody has issued.
        let padded = match kind.is_jwt() {
            true => UnsupportedToken,
            false => AuthErrorKind::Inactive,
        };
        let cases = [
            ("as it should be", one(bearer(&token)), Ok(())),
            ("in small letters", one(format!("bearer {token}")), Ok(())),
            ("mixed", one(format!("bEaReR {token}")), Ok(())),
            ("spaces", one(format!("Bearer   {token}")), Ok(())),
            ("spaces around", one(format!(" Bearer {token} ")), Ok(())),
            (
                "the same twice",
                vec![bearer(&token), bearer(&token)],
                Err((400, MultipleCredentials)),
            ),
            (
                "two",
                vec![bearer(&token), bearer(&other)],
                Err((400, MultipleCredentials)),
            ),
            (
                "of two schemes",
                vec!["Basic dTpw".to_owned(), bearer(&token)],
                Err((400, MultipleCredentials)),
            ),
            ("a word behind", one(bearer(&token) + " x"), malformed),
            (
                "itself behind",
                one(format!("Bearer {token} {token}")),
                malformed,
            ),
            ("a comma behind", one(bearer(&token) + ","), malformed),
            (
                "a parameter behind",
                one(bearer(&token) + ",x=y"),
                malformed,
            ),
            ("a semicolon behind", one(bearer(&token) + ";"), malformed),
            ("a tab between", one(format!("Bearer\t{token}")), malformed),
            ("a tab within", one(format!("Bearer \t{token}")), malformed),
            ("quoted", one(format!("Bearer \"{token}\"")), malformed),
            ("escaped", one(bearer(&token) + "%00"), malformed),
            ("beyond ASCII", one(bearer(&token) + "\u{e9}"), malformed),
            (
                "as a parameter",
                one(format!("Bearer token=\"{token}\"")),
                malformed,
            ),
            ("padded", one(bearer(&token) + "="), Err((401, padded))),
            ("cut off", one(bearer("").trim().to_owned()), malformed),
            ("nothing between", one(format!("Bearer{token}")), missing),
            ("a colon between", one(format!("Bearer:{token}")), malformed),
            ("another scheme", one(format!("Token {token}")), missing),
            ("no scheme", one(token.clone()), missing),
            ("none", Vec::new(), missing),
            (
                "too long",
                one(bearer(&token) + &"A".repeat(4097)),
                Err((400, TokenTooLong)),
            ),
        ];
        kind.send(&app, &token).await.assert_accepted();
        for (name, values, expected) in cases {
            for _ in 0..2 {
                let inner = app.inner_calls();
                let headers: Vec<_> = values
                    .iter()
                    .map(|value| ("authorization", value.as_bytes()))
                    .collect();
                let answer = app.send_bytes(&headers).await;
                let passed = app.inner_calls() - inner;
                let found = answer.kind().map(|kind| (answer.status().as_u16(), kind));
                assert_eq!(found, expected.err(), "{kind:?}, {name}");
                assert_eq!(passed, usize::from(expected.is_ok()), "{kind:?}, {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_counts_in_its_header_alone() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = kind.good(&world);
        kind.send(&app, &token).await.assert_accepted();
        for query in [
            format!("/?access_token={token}"),
            format!("/?token={token}"),
            format!("/?__session={token}"),
            format!("/{token}"),
        ] {
            let request = Request::get(query).body(()).unwrap();
            let answer = app.request(request).await;
            answer.assert_rejected(401, AuthErrorKind::MissingCredentials);
        }
        let bearer = format!("Bearer {token}");
        for (name, value) in [
            ("proxy-authorization", &bearer),
            ("x-authorization", &bearer),
            ("x-forwarded-authorization", &bearer),
            ("x-api-key", &token),
            ("__session", &token),
            ("x-clerk-auth-token", &token),
            ("cookie2", &format!("__session={token}")),
        ] {
            let answer = app.send(&[(name, value)]).await;
            assert_eq!(
                answer.kind(),
                Some(AuthErrorKind::MissingCredentials),
                "{kind:?}, {name}"
            );
        }
        // A cookie is for who reads cookies.
        let cookie = format!("__session={token}");
        let answer = app.send(&[("cookie", &cookie)]).await;
        let expected = (kind != Cookie).then_some(AuthErrorKind::MissingCredentials);
        assert_eq!(answer.kind(), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_call_by_grpc_is_rejected_by_its_status() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let (token, bad) = (kind.good(&world), kind.bad(&world, 1).remove(0));
        for _ in 0..2 {
            kind.send_grpc(&app, &token).await.assert_accepted();
            let answer = kind.send_grpc(&app, &bad).await;
            assert_eq!(answer.kind(), Some(kind.rejection()), "{kind:?}");
            assert_eq!(answer.header("grpc-status"), Some("16"), "{kind:?}");
            assert_eq!(answer.status(), 200, "{kind:?}");
            assert_eq!(answer.header("content-type"), Some("application/grpc"));
        }
        assert_eq!(forbidden(kind, &app, &token).await, "7", "{kind:?}");
        for endpoint in kind.endpoints() {
            world.clerk.fail(*endpoint, Fault::status(500));
            let app = kind.app(&world);
            for _ in 0..2 {
                let answer = kind.send_grpc(&app, &token).await;
                assert_eq!(answer.header("grpc-status"), Some("14"), "{kind:?}");
                assert_eq!(answer.status(), 200, "{kind:?}");
            }
            assert_eq!(app.inner_calls(), 0, "{kind:?}");
            world.clerk.heal_all();
        }
    }
}

/// The gRPC status where a rule by route asks for a scope that the token does not have.
async fn forbidden(kind: Kind, app: &App, token: &str) -> String {
    let inner = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let service = app
        .layer
        .layer(RequireLayer::scopes(["admin"]).layer(inner));
    let (name, value) = kind.header(token);
    let request = Request::builder().header(name, value).body(()).unwrap();
    let response = service.oneshot(as_grpc(request)).await.unwrap();
    let status = response.headers()["grpc-status"].to_str().unwrap();
    status.to_owned()
}
