//! The table of events: what each one does to a cached session token and to a cached OAuth token.

use tower_clerk::fake_clerk::FakeClerk;

use super::Hooked;

/// What the next request finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The entry.
    Entry,
    /// No entry: the token is verified again, and accepted.
    Verified,
    /// The token is rejected.
    Rejected,
}

use Found::{Entry, Rejected, Verified};

type Cause = fn(&FakeClerk);

#[tokio::test]
async fn each_event_has_its_effect_on_cached_tokens() {
    let cases: [(&str, Cause, Found, Found); 14] = [
        (
            "session.revoked",
            |it| it.revoke_session("sess_1"),
            Rejected,
            Entry,
        ),
        (
            "session.ended",
            |it| it.end_session("sess_1"),
            Rejected,
            Entry,
        ),
        (
            "session.removed",
            |it| it.remove_session("sess_1"),
            Rejected,
            Entry,
        ),
        (
            "user.deleted",
            |it| it.delete_user("user_1"),
            Rejected,
            Rejected,
        ),
        (
            "user.updated, banned",
            |it| it.user("user_1").banned(true).save(),
            Rejected,
            Verified,
        ),
        (
            "user.updated, deprovisioned",
            |it| it.user("user_1").deprovisioned(true).save(),
            Rejected,
            Verified,
        ),
        (
            "user.updated",
            |it| it.user("user_1").name("Ada").save(),
            Verified,
            Verified,
        ),
        ("user.created", |it| it.user("user_3").save(), Entry, Entry),
        (
            "organizationMembership.deleted",
            |it| it.organization("org_1").member("user_1").delete(),
            Rejected,
            Verified,
        ),
        (
            "organizationMembership.created",
            |it| {
                it.organization("org_1")
                    .member("user_1")
                    .create("org:member")
            },
            Verified,
            Verified,
        ),
        (
            "organizationMembership.updated",
            |it| {
                it.organization("org_1")
                    .member("user_1")
                    .update("org:admin")
            },
            Verified,
            Verified,
        ),
        (
            "a membership in another organization",
            |it| it.organization("org_2").member("user_1").delete(),
            Entry,
            Entry,
        ),
        (
            "organization.deleted",
            |it| it.organization("org_1").delete(),
            Rejected,
            Verified,
        ),
        (
            "organization.updated",
            |it| it.organization("org_1").update(),
            Verified,
            Verified,
        ),
    ];
    for (name, cause, of_session, of_oauth) in cases {
        let hooked = Hooked::new();
        let clerk = &hooked.world.clerk;
        for (user, organization) in [("user_1", "org_1"), ("user_2", "org_2")] {
            clerk.user(user).org(organization, "O", "o").save();
        }
        let session = |user: &str, id: &str, organization: &str| {
            let session = clerk.session(user).session_id(id);
            session.organization(organization, "o", "admin").issue()
        };
        let oauth = |user: &str| clerk.token(user).scopes(["user:org:read"]).issue();
        let tokens = [
            ("session", session("user_1", "sess_1", "org_1"), of_session),
            ("OAuth", oauth("user_1"), of_oauth),
            (
                "another session",
                session("user_2", "sess_2", "org_2"),
                Entry,
            ),
            ("another OAuth", oauth("user_2"), Entry),
        ];
        // The events of the preparation.
        let _ = clerk.webhook_requests();
        for (_, token, _) in &tokens {
            hooked.app.bearer(token).await.assert_accepted();
            hooked.app.bearer(token).await.assert_accepted();
        }
        assert_eq!(hooked.misses(), 4, "{name}");
        cause(clerk);
        let before = hooked.misses();
        for (kind, token, _) in &tokens {
            // Nothing happens before the event arrives.
            let answer = hooked.app.bearer(token).await;
            assert_eq!(answer.status(), 200, "{name}, {kind}, before the event");
        }
        assert_eq!(hooked.misses(), before, "{name}");
        assert_eq!(hooked.deliver().await, [204], "{name}");
        for (kind, token, expected) in &tokens {
            let before = hooked.misses();
            let answer = hooked.app.bearer(token).await;
            let found = match (answer.status().as_u16(), hooked.misses() - before) {
                (200, 0) => Entry,
                (200, 1) => Verified,
                (401, _) => Rejected,
                other => panic!("{name}, {kind}: {other:?}"),
            };
            assert_eq!(found, *expected, "{name}, {kind}");
            // The second time, the answer comes from the cache.
            let again = hooked.app.bearer(token).await;
            assert_eq!(again.status(), answer.status(), "{name}, {kind}, again");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_not_cached_yet_is_rejected_too() {
    let hooked = Hooked::new();
    let clerk = &hooked.world.clerk;
    let token = clerk.session("user_1").session_id("sess_1").issue();
    let other = clerk.session("user_1").session_id("sess_2").issue();
    clerk.revoke_session("sess_1");
    assert_eq!(hooked.deliver().await, [204]);
    for _ in 0..2 {
        assert_eq!(hooked.app.bearer(&token).await.status(), 401);
        hooked.app.bearer(&other).await.assert_accepted();
    }
}

#[tokio::test]
async fn the_order_of_events_does_not_matter() {
    for reversed in [false, true] {
        let hooked = Hooked::new();
        let clerk = &hooked.world.clerk;
        let token = clerk.session("user_1").session_id("sess_1").issue();
        hooked.app.bearer(&token).await.assert_accepted();
        clerk.revoke_session("sess_1");
        clerk.user("user_1").name("Ada").save();
        clerk
            .organization("org_1")
            .member("user_1")
            .create("org:member");
        let mut events = clerk.webhook_requests();
        if reversed {
            events.reverse();
        }
        for event in events {
            assert_eq!(hooked.send(event).await, 204);
        }
        for _ in 0..2 {
            assert_eq!(hooked.app.bearer(&token).await.status(), 401, "{reversed}");
        }
    }
}

#[tokio::test]
async fn a_deletion_without_an_id_has_every_token_verified_again() {
    for name in ["user.deleted", "organization.deleted"] {
        let hooked = Hooked::new();
        let token = hooked.world.clerk.token("user_1").issue();
        hooked.app.bearer(&token).await.assert_accepted();
        let body = format!(r#"{{"type":"{name}","data":{{"object":"x","deleted":true}}}}"#);
        assert_eq!(hooked.send(hooked.signed("msg_1", &body)).await, 204);
        let before = hooked.misses();
        hooked.app.bearer(&token).await.assert_accepted();
        assert_eq!(hooked.misses(), before + 1, "{name}");
    }
}
