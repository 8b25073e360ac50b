//! `invalidate` and `revoke`: what each selection concerns, and what counts again afterwards.

use std::{pin::pin, time::Duration};

use futures_util::poll;
use http::Request;
use tower_clerk::{
    AuthErrorKind, Authenticator, ClerkAuthLayer, ClerkClaims, Tokens,
    fake_clerk::{Endpoint, Fault},
};

use super::{Kind, SECOND, worlds};
use crate::support::{App, World, unix};

/// An effect, by the method that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Invalidate,
    Revoke,
}

use Effect::{Invalidate, Revoke};

impl Effect {
    fn on(self, app: &App, tokens: Tokens<'_>) {
        let authenticator = app.layer.authenticator();
        match self {
            Invalidate => authenticator.invalidate(tokens),
            Revoke => authenticator.revoke(tokens),
        }
    }
}

/// The session, the organization, of the tokens in this module.
const SESSION: &str = "sess_canary";
const ORGANIZATION: &str = "org_canary";

/// A token of the kind, with a session and an organization if tokens of the kind have them.
fn token(kind: Kind, world: &World) -> String {
    match kind {
        Kind::Session | Kind::Cookie => {
            let session = world.clerk.session(kind.subject()).session_id(SESSION);
            session
                .organization(ORGANIZATION, "canary", "admin")
                .issue()
        }
        _ => kind.good(world),
    }
}

/// The selections, each with what it concerns: a token with these claims.
type Concerns = fn(&ClerkClaims) -> bool;

fn selections<'a>(token: &'a str, kind: Kind) -> [(&'static str, Tokens<'a>, Concerns); 12] {
    let subject = Tokens::of_subject(kind.subject());
    let member: Concerns = |claims| claims.org_id() == Some(ORGANIZATION);
    [
        ("the token", Tokens::one(token), |_| true),
        ("another token", Tokens::one("oat_another"), |_| false),
        ("the session", Tokens::of_session(SESSION), |claims| {
            claims.session_id() == Some(SESSION)
        }),
        ("another session", Tokens::of_session("sess_other"), |_| {
            false
        }),
        (
            "a session of the name of the subject",
            Tokens::of_session(kind.subject()),
            |_| false,
        ),
        ("the subject", subject, |_| true),
        ("another subject", Tokens::of_subject("user_other"), |_| {
            false
        }),
        ("the member", subject.in_organization(ORGANIZATION), member),
        (
            "a member of another",
            subject.in_organization("org_other"),
            |_| false,
        ),
        (
            "the organization",
            Tokens::of_organization(ORGANIZATION),
            member,
        ),
        (
            "another organization",
            Tokens::of_organization("org_other"),
            |_| false,
        ),
        (
            "all, of no organization",
            Tokens::all().in_organization("org_other"),
            |_| true,
        ),
    ]
}

#[tokio::test]
async fn selection_concerns_what_it_names() {
    for (kind, world) in worlds() {
        for effect in [Invalidate, Revoke] {
            for number in 0..12 {
                let app = kind.app(&world);
                let token = token(kind, &world);
                let (name, tokens, concerns) = selections(&token, kind)[number];
                let what = format!("{kind:?}, {effect:?} {name}");
                let answer = kind.send(&app, &token).await;
                answer.assert_accepted();
                let is_concerned = concerns(answer.claims());
                let before = app.layer.authenticator().stats().misses;
                effect.on(&app, tokens);
                for time in ["first", "second"] {
                    let answer = kind.send(&app, &token).await;
                    let rejected = is_concerned && effect == Revoke && kind.is_local();
                    let expected = rejected.then_some(AuthErrorKind::Inactive);
                    assert_eq!(answer.kind(), expected, "{what}, {time}");
                    if let Some(kind) = expected {
                        answer.assert_rejected(401, kind);
                    }
                }
                let misses = app.layer.authenticator().stats().misses - before;
                assert_eq!(misses, u64::from(is_concerned), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn revoked_token_that_clerk_revoked_too_is_rejected_at_once() {
    for (kind, world) in worlds() {
        let app = kind.app(&world);
        let token = token(kind, &world);
        kind.send(&app, &token).await.assert_accepted();
        world.clerk.revoke(&token);
        kind.send(&app, &token).await.assert_accepted();
        app.layer.authenticator().revoke(Tokens::one(&token));
        for _ in 0..2 {
            let answer = kind.send(&app, &token).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test]
async fn revocation_outlives_what_comes_after_it() {
    type Act = fn(&Authenticator, &str);
    let acts: [(&str, Act); 4] = [
        ("again for the same token", |auth, token| {
            auth.invalidate(Tokens::one(token))
        }),
        ("again for the same subject", |auth, _| {
            for _ in 0..3 {
                auth.invalidate(Tokens::of_subject("user_canary"));
                auth.invalidate(Tokens::of_subject("mch_canary"));
            }
        }),
        ("again for all", |auth, _| auth.invalidate(Tokens::all())),
        ("so many others that they are swept", |auth, _| {
            for number in 0..25_000 {
                auth.invalidate(Tokens::of_subject(&format!("user_{number}")));
            }
        }),
    ];
    for (kind, world) in worlds().filter(|(kind, _)| kind.is_local()) {
        for (name, act) in acts {
            for number in 0..2 {
                let app = kind.app(&world);
                let token = token(kind, &world);
                kind.send(&app, &token).await.assert_accepted();
                let tokens = [Tokens::one(&token), Tokens::of_subject(kind.subject())][number];
                app.layer.authenticator().revoke(tokens);
                act(app.layer.authenticator(), &token);
                for _ in 0..2 {
                    let answer = kind.send(&app, &token).await;
                    assert_eq!(
                        answer.kind(),
                        Some(AuthErrorKind::Inactive),
                        "{kind:?}, {name}"
                    );
                }
                // The negative entry ends, and the revocation does not.
                world.clock.advance(6 * SECOND);
                let answer = kind.send(&app, &token).await;
                assert_eq!(
                    answer.kind(),
                    Some(AuthErrorKind::Inactive),
                    "{kind:?}, {name}"
                );
            }
        }
    }
}

/// A token that is verified by its signature, issued this many seconds ago.
fn issued(kind: Kind, world: &World, seconds: u64) -> String {
    let (clerk, iat) = (&world.clerk, world.clerk.now() - seconds);
    match kind {
        Kind::OAuthJwtLocal => clerk.token(kind.subject()).jwt().claim("iat", iat).issue(),
        Kind::MachineJwt => {
            let token = clerk.machine_token(kind.subject()).scopes(["mch_us"]);
            token.jwt().claim("iat", iat).issue()
        }
        _ => {
            let session = clerk.session(kind.subject()).session_id(SESSION);
            let session = session.organization(ORGANIZATION, "canary", "admin");
            session.claim("iat", iat).issue()
        }
    }
}

#[tokio::test]
async fn later_token_of_a_revoked_subject_is_accepted() {
    for (kind, world) in worlds().filter(|(kind, _)| kind.is_local()) {
        let app = kind.app(&world);
        let (earlier, later) = (issued(kind, &world, 20), issued(kind, &world, 0));
        kind.send(&app, &earlier).await.assert_accepted();
        let authenticator = app.layer.authenticator();
        world.clock.set(unix(world.clerk.now() - 10));
        authenticator.revoke(Tokens::of_subject(kind.subject()));
        authenticator.revoke(Tokens::of_organization(ORGANIZATION));
        super::synchronise(&world);
        for _ in 0..2 {
            kind.send(&app, &later).await.assert_accepted();
            let answer = kind.send(&app, &earlier).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
    }
}

#[tokio::test]
async fn session_that_ended_never_comes_back() {
    for (kind, world) in worlds().filter(|(kind, _)| matches!(kind, Kind::Session | Kind::Cookie)) {
        let app = kind.app(&world);
        app.layer
            .authenticator()
            .revoke(Tokens::of_session(SESSION));
        world.clock.advance(30 * SECOND);
        super::synchronise(&world);
        let later = token(kind, &world);
        for _ in 0..2 {
            let answer = kind.send(&app, &later).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
        let other = world
            .clerk
            .session(kind.subject())
            .session_id("sess_2")
            .issue();
        kind.send(&app, &other).await.assert_accepted();
    }
}

#[tokio::test]
async fn revocation_is_of_one_authenticator() {
    for (kind, world) in worlds() {
        let (app, other) = (kind.app(&world), kind.app(&world));
        let token = token(kind, &world);
        let shared = App::of(ClerkAuthLayer::from(app.layer.authenticator().clone()));
        for app in [&app, &other, &shared] {
            kind.send(app, &token).await.assert_accepted();
        }
        world.clerk.revoke(&token);
        app.layer.authenticator().revoke(Tokens::one(&token));
        for app in [&app, &shared] {
            let answer = kind.send(app, &token).await;
            answer.assert_rejected(401, AuthErrorKind::Inactive);
        }
        kind.send(&other, &token).await.assert_accepted();
    }
}

#[tokio::test]
async fn revocation_during_a_verification_rejects_its_result() {
    // Fetching the key set takes time, so a session token is under verification when its session ends.
    for (kind, world) in worlds().filter(|(kind, _)| kind.is_local()) {
        let app = kind.app(&world);
        let token = token(kind, &world);
        world.clerk.fail(Endpoint::Jwks, Fault::hang());
        let before = kind.calls(&world);
        let (name, value) = kind.header(&token);
        let request = Request::get("/").header(name, value).body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let authenticator = app.layer.authenticator();
        let mut request = pin!(authenticator.authenticate(&parts));
        while kind.calls(&world) == before {
            assert!(poll!(&mut request).is_pending());
            tokio::task::yield_now().await;
        }
        authenticator.revoke(Tokens::one(&token));
        world.clerk.heal(Endpoint::Jwks);
        let rejection = request.await.unwrap_err();
        assert_eq!(rejection.kind(), AuthErrorKind::Inactive, "{kind:?}");
        let answer = kind.send(&app, &token).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
    }
}

#[tokio::test]
async fn revocation_is_kept_for_fifteen_minutes() {
    let (kind, world) = worlds()
        .find(|(kind, _)| *kind == Kind::OAuthJwtLocal)
        .unwrap();
    let app = kind.app(&world);
    let token = token(kind, &world);
    let authenticator = app.layer.authenticator();
    authenticator.revoke(Tokens::of_subject(kind.subject()));
    for (advance, expected) in [(899, Some(AuthErrorKind::Inactive)), (6, None)] {
        world.clock.advance(advance * SECOND);
        // The revocations that are over are dropped when the next one is added.
        authenticator.revoke(Tokens::of_subject("user_other"));
        assert_eq!(kind.send(&app, &token).await.kind(), expected);
    }
    authenticator.revoke(Tokens::all());
    world.clock.advance(Duration::from_secs(1_000));
    authenticator.revoke(Tokens::of_subject("user_other"));
    let answer = kind.send(&app, &token).await;
    answer.assert_rejected(401, AuthErrorKind::Inactive);
}
