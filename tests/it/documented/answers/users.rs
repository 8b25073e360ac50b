//! Users of the Backend API.

use fastrand::Rng;
use serde_json::{Value, json};
use tower_clerk::{
    ClerkClaims,
    fake_clerk::Endpoint,
    kinds::{ApiKeys, Enrichment},
};

use super::{answer_with, assert_covered, twice};
use crate::{
    documented::{
        generate::{self, vary},
        tables,
    },
    jwt,
    properties::for_each_case,
    support::{App, World, runtime, unix},
};

#[test]
fn users_decide_as_the_oracle() {
    let world = World::new();
    let apps = [Enrichment::BestEffort, Enrichment::Required].map(|enrichment| {
        let config = world.accepting(ApiKeys::new()).users(enrichment);
        App::new(
            config
                .secret_key(world.clerk.secret_key())
                .backend_api_url(world.clerk.url()),
        )
    });
    let runtime = runtime();
    let (mut outcomes, mut number) = ([0; 2], 0);
    for_each_case(1_500, |random| {
        number += 1;
        let id = format!("user_{number}");
        let user = user(random, &id);
        answer_with(&world, Endpoint::BackendUser, 200, &user);
        let may_not_act = user["banned"] == true || user.get("deprovisioned") == Some(&json!(true));
        outcomes[usize::from(may_not_act)] += 1;
        let expected = if may_not_act { 401 } else { 200 };
        jwt::synchronise(&world);
        let key = world.clerk.api_key(&id).issue();
        let app = &apps[random.usize(..2)];
        let reply = runtime.block_on(twice(app, &key, expected, &user));
        if !may_not_act {
            assert_user(reply.claims(), &user);
        }
    });
    assert_covered(&outcomes);
}

/// A user of this id, whose primary address may be one of the addresses.
fn user(random: &mut Rng, id: &str) -> Value {
    let mut user = generate::object(random, tables::USER);
    user["id"] = json!(id);
    user["banned"] = json!(random.u8(..4) == 0);
    vary(
        random,
        &mut user,
        "deprovisioned",
        &[false, false, true].map(Value::from),
    );
    let addresses = user["email_addresses"].as_array_mut().unwrap();
    for address in &mut *addresses {
        let states = [
            "unverified",
            "verified",
            "failed",
            "expired",
            "transferable",
        ];
        if let Some(verification) = address.get_mut("verification").filter(|it| it.is_object()) {
            vary(random, verification, "status", &states.map(Value::from));
        }
    }
    let primary = addresses.first().and_then(|it| it.get("id")).cloned();
    if let Some(primary) = primary.filter(|_| random.bool()) {
        user["primary_email_address_id"] = primary;
    }
    user
}

/// The user in the claims is this one.
fn assert_user(claims: &ClerkClaims, of: &Value) {
    let user = claims.user().expect("the user is readable");
    let text = |name: &str| {
        of.get(name)
            .and_then(Value::as_str)
            .filter(|it| !it.is_empty())
    };
    assert_eq!(Some(user.id()), text("id"));
    assert_eq!(user.username(), text("username"));
    assert_eq!(user.first_name(), text("first_name"));
    assert_eq!(user.last_name(), text("last_name"));
    assert_eq!(user.image_url(), text("image_url"));
    assert_eq!(user.external_id(), text("external_id"));
    let primary = text("primary_email_address_id").and_then(|id| {
        let mut addresses = of["email_addresses"].as_array()?.iter();
        addresses.find(|it| it.get("id") == Some(&json!(id)))
    });
    let address = primary.map(|it| it["email_address"].as_str().unwrap());
    assert_eq!(user.primary_email(), address, "{of}");
    let is_verified = primary.map(|it| it["verification"]["status"] == "verified");
    assert_eq!(user.email_verified(), is_verified, "{of}");
    for (name, metadata) in [
        ("public_metadata", user.public_metadata()),
        ("private_metadata", user.private_metadata()),
        ("unsafe_metadata", user.unsafe_metadata()),
    ] {
        let expected = of.get(name).filter(|value| !value.is_null());
        assert_eq!(metadata.as_ref(), expected, "{name}");
    }
    if of["created_at"] == 1_700_000_000_000_u64 {
        assert_eq!(user.created_at(), Some(unix(1_700_000_000)));
    }
}
