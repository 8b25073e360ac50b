//! Introspection and userinfo.

use serde_json::{Value, json};
use tower_clerk::{ClerkClaims, fake_clerk::Endpoint, kinds::Enrichment};

use super::{NOW, answer_with, assert_covered, known, twice, world};
use crate::{
    documented::{
        generate::{self, vary},
        tables,
    },
    properties::for_each_case,
    support::{App, runtime},
};

#[test]
fn introspection_decides_as_the_oracle() {
    let world = world();
    let ours = world.clerk.client_id();
    let oauth = || world.oauth().required_scopes(["email"]);
    let oauth = || oauth().userinfo(Enrichment::Off);
    let apps = [oauth(), oauth().allow_any_client()].map(|it| App::new(world.accepting(it)));
    let runtime = runtime();
    let (mut outcomes, mut number) = ([0; 4], 0);
    for_each_case(3_000, |random| {
        let mut answer = generate::object(random, tables::INTROSPECTION);
        answer["active"] = json!(random.u8(..8) > 0);
        let client_ids = [&*ours, &*ours, "https://client.example/metadata.json", "x"];
        vary(
            random,
            &mut answer,
            "client_id",
            &client_ids.map(Value::from),
        );
        let times = [0, NOW - 90_000, NOW, NOW + 5, NOW + 6, NOW + 3_600];
        vary(random, &mut answer, "iat", &times.map(Value::from));
        let scopes = ["email", "profile email offline_access", "user:org:read", ""];
        vary(random, &mut answer, "scope", &scopes.map(Value::from));
        let longest = format!("user_{}", "x".repeat(250));
        let subjects = ["user_2xhFjEI5X2qWRvtV13BzSj8H6Dk", &longest];
        vary(random, &mut answer, "sub", &subjects.map(Value::from));
        let userinfo = json!({
            "object": "oauth_user_info", "instance_id": "ins_1", "user_id": "user_1", "sub": "user_1",
        });
        answer_with(&world, Endpoint::Introspection, 200, &answer);
        answer_with(&world, Endpoint::Userinfo, 200, &userinfo);

        let is_any_client = random.bool();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let is_allowed = text("client_id").is_some_and(|id| is_any_client || id == ours);
        let has_begun = answer["iat"].as_u64().is_none_or(|iat| iat <= NOW + 5);
        let scopes: Vec<_> = text("scope").unwrap_or_default().split(' ').collect();
        let (outcome, expected) = match (answer["active"] == true, is_allowed && has_begun) {
            (false, _) => (0, 401),
            (true, false) => (1, 401),
            (true, true) if !scopes.contains(&"email") => (2, 403),
            (true, true) => (3, 200),
        };
        outcomes[outcome] += 1;
        number += 1;
        let app = &apps[usize::from(is_any_client)];
        let token = format!("oat_{number}");
        let reply = runtime.block_on(twice(app, &token, expected, &answer));
        if expected == 200 {
            let claims = reply.claims();
            assert_eq!(claims.subject(), text("sub").unwrap_or("user_1"));
            assert_eq!(claims.client_id(), text("client_id"));
            assert_eq!(claims.org_id(), text("org_id"), "{answer}");
            assert!(claims.scopes().eq(scopes));
        }
    });
    assert_covered(&outcomes);
}

#[test]
fn userinfo_decides_as_the_oracle() {
    let world = world();
    let apps = [Enrichment::BestEffort, Enrichment::Required].map(|enrichment| {
        let oauth = world.oauth().userinfo(enrichment);
        (enrichment, App::new(world.accepting(oauth)))
    });
    let runtime = runtime();
    let (mut outcomes, mut number) = ([0; 3], 0);
    for_each_case(2_500, |random| {
        let mut userinfo = generate::object(random, tables::USERINFO);
        let subjects = ["user_1", "user_1", "user_1", "user_2"];
        vary(random, &mut userinfo, "sub", &subjects.map(Value::from));
        let mut answer = json!({"active": true, "client_id": world.clerk.client_id()});
        let has_subject = random.u8(..4) > 0;
        if has_subject {
            answer["sub"] = json!("user_1");
        }
        let status = [200, 200, 200, 401, 403][random.usize(..5)];
        let body = match status {
            200 => userinfo.clone(),
            _ => generate::object(random, tables::CLERK_ERRORS),
        };
        answer_with(&world, Endpoint::Introspection, 200, &answer);
        answer_with(&world, Endpoint::Userinfo, status, &body);

        let is_own = status == 200 && (!has_subject || userinfo["sub"] == "user_1");
        let (enrichment, app) = &apps[random.usize(..2)];
        let is_needed = *enrichment == Enrichment::Required || !has_subject;
        let (outcome, expected) = match (is_own, is_needed) {
            (true, _) => (0, 200),
            (false, false) => (1, 200),
            (false, true) => (2, 401),
        };
        outcomes[outcome] += 1;
        number += 1;
        let reply = runtime.block_on(twice(app, &format!("oat_{number}"), expected, &body));
        match outcome {
            0 => assert_profile(reply.claims(), &userinfo),
            1 => assert!(reply.claims().profile().is_none(), "{body}"),
            _ => {}
        }
    });
    assert_covered(&outcomes);
}

/// The profile has the members of this userinfo.
fn assert_profile(claims: &ClerkClaims, userinfo: &Value) {
    let profile = claims.profile().expect("the userinfo is about the subject");
    let text = |name: &str| userinfo.get(name).and_then(Value::as_str);
    assert_eq!(Some(claims.subject()), text("sub"));
    assert_eq!(profile.email(), text("email"));
    let is_verified = userinfo.get("email_verified").and_then(Value::as_bool);
    assert_eq!(profile.email_verified(), is_verified);
    assert_eq!(profile.name(), text("name"));
    assert_eq!(profile.given_name(), text("given_name"));
    assert_eq!(profile.family_name(), text("family_name"));
    let username = text("preferred_username").or(text("username"));
    assert_eq!(profile.preferred_username(), username);
    assert_eq!(profile.picture(), text("picture"));
    let organization = profile.organization();
    assert_eq!(organization.map(|it| it.id()), text("org_id"));
    let members = known(userinfo);
    assert_eq!(
        profile.public_metadata().as_ref(),
        members.get("public_metadata")
    );
    assert_eq!(
        profile.private_metadata().as_ref(),
        members.get("private_metadata")
    );
    assert_eq!(
        profile.unsafe_metadata().as_ref(),
        members.get("unsafe_metadata")
    );
    assert_eq!(known(&profile.userinfo()), members);
}
