use serde_json::{Value, json};

use super::{
    super::{Claims, Details},
    Actor, Session,
};
use crate::{AuthErrorKind::MalformedToken, ClerkClaims};

impl Details {
    /// A session of which nothing but this is known.
    pub(crate) fn session(id: Option<&str>, actor: Option<Actor>) -> Option<Box<Self>> {
        Some(Box::new(Self::Session(Session {
            id: id.map(Into::into),
            actor: actor.map(Box::new),
            ..Session::default()
        })))
    }
}

fn full() -> Value {
    json!({
        "iss": "https://dashboard.canary.example",
        "sid": "sess_canary",
        "sub": "user_canary",
        "type": "agent",
    })
}

fn actor(act: &Value) -> Actor {
    Actor::read(Some(act)).unwrap().unwrap()
}

#[test]
fn an_actor_is_who_the_claim_names() {
    let known = actor(&full());
    assert_eq!(known.subject(), "user_canary");
    assert_eq!(known.issuer(), Some("https://dashboard.canary.example"));
    assert_eq!(known.session_id(), Some("sess_canary"));
    assert_eq!(known.kind(), Some("agent"));
    assert_eq!(serde_json::to_value(&known).unwrap(), full());

    let bare = actor(&json!({ "sub": "user_2", "iss": null, "act": null }));
    assert_eq!(bare.subject(), "user_2");
    assert_eq!(
        (bare.issuer(), bare.session_id(), bare.kind()),
        (None, None, None)
    );
    assert_eq!(bare.actor(), None);
}

#[test]
fn an_actor_may_have_one_of_its_own() {
    // fault E16, RFC 8693 §4.1
    let chain = |inner: Value| json!({ "sub": "agent_1", "iss": null, "sid": null, "type": "agent", "act": inner });
    let two = actor(&chain(full()));
    assert_eq!((two.subject(), two.kind()), ("agent_1", Some("agent")));
    assert_eq!(two.actor(), Some(&actor(&full())));
    assert_eq!(serde_json::to_value(&two).unwrap(), chain(full()));
    assert!(two != actor(&chain(Value::Null)), "they are compared, too");

    // What is deeper is dropped, whatever it is.
    for deeper in [json!({ "sub": "user_3" }), json!({}), json!(1), json!([])] {
        let three = actor(&chain(json!({ "sub": "user_2", "act": deeper })));
        let inner = three.actor().unwrap();
        assert_eq!((inner.subject(), inner.actor()), ("user_2", None));
    }
}

#[test]
fn an_actor_that_cannot_be_read_is_not_overlooked() {
    for act in [None, Some(Value::Null)] {
        assert_eq!(Actor::read(act.as_ref()), Ok(None));
    }
    for act in [
        json!(false),
        json!("user_2"),
        json!([]),
        json!([{ "sub": "user_2" }]),
        json!({}),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 2 }),
        json!({ "Sub": "user_2" }),
        json!({ "sub": "user_2", "iss": 1 }),
        json!({ "sub": "user_2", "sid": [] }),
        json!({ "sub": "user_2", "type": true }),
        json!({ "sub": "user_2", "act": "user_3" }),
        json!({ "sub": "user_2", "act": [] }),
        json!({ "sub": "user_2", "act": {} }),
        json!({ "sub": "user_2", "act": { "sub": 3 } }),
        json!({ "sub": "user_2", "act": { "sub": "user_3", "iss": 1 } }),
    ] {
        assert_eq!(Actor::read(Some(&act)), Err(MalformedToken), "{act}");
    }
}

#[test]
fn claims_tell_of_session_and_actor() {
    let claims = |session| {
        ClerkClaims::new(Claims {
            details: session,
            ..Claims::bare("user_1")
        })
    };
    let both = claims(Details::session(Some("sess_1"), Some(actor(&full()))));
    assert_eq!(both.session_id(), Some("sess_1"));
    assert_eq!(both.actor(), Some(&actor(&full())));
    let json = serde_json::to_value(&both).unwrap();
    assert_eq!(json["session_id"], "sess_1");
    assert_eq!(json["actor"], full());

    let session = claims(Details::session(Some("sess_1"), None));
    assert_eq!(
        (session.session_id(), session.actor()),
        (Some("sess_1"), None)
    );
    let acting = claims(Details::session(None, Some(actor(&full()))));
    assert_eq!(acting.session_id(), None);
    assert!(acting.actor().is_some());
    let nobody = claims(None);
    assert_eq!((nobody.session_id(), nobody.actor()), (None, None));
}

#[test]
fn debug_shows_nothing_of_an_actor() {
    let actor = actor(&json!({ "sub": "agent_canary", "act": full() }));
    let claims = ClerkClaims::new(Claims {
        details: Details::session(Some("sess_canary"), Some(actor.clone())),
        ..Claims::bare("user_canary")
    });
    for shown in [
        format!("{actor:?}"),
        format!("{actor:#?}"),
        format!("{claims:#?}"),
    ] {
        assert!(
            !shown.contains("canary") && !shown.contains("agent"),
            "{shown}"
        );
    }
}

#[test]
fn size_counts_every_text() {
    let size = |act: Value| Details::session(None, Some(actor(&act))).unwrap().size();
    let least = size(json!({ "sub": "x" }));
    assert_eq!(least, size_of::<Details>() + size_of::<Actor>() + 1);
    for name in ["iss", "sid", "type"] {
        assert_eq!(
            size(json!({ "sub": "x", name: "12345" })),
            least + 5,
            "{name}"
        );
    }
    let two = size(json!({ "sub": "x", "act": { "sub": "12345" } }));
    assert_eq!(two, least + size_of::<Actor>() + 5);
}
