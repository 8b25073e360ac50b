use serde_json::{Map, Value, json};

use super::User;

fn members() -> Map<String, Value> {
    let user = json!({
        "id": "user_canary",
        "object": "user",
        "username": "ada_canary",
        "first_name": "Ada",
        "last_name": "Canary",
        "image_url": "https://img.canary.example/1",
        "primary_email_address_id": "idn_2",
        "email_addresses": [
            { "id": "idn_1", "email_address": "first@canary.example", "verification": { "status": "verified" } },
            { "id": "idn_2", "email_address": "ada@canary.example", "verification": { "status": "verified" } },
        ],
        "phone_numbers": [{ "phone_number": "+1555canary" }],
        "external_id": "canary-7",
        "public_metadata": { "plan": "canary" },
        "private_metadata": { "note": "canary private" },
        "unsafe_metadata": { "theme": "canary" },
        "created_at": 1_700_000_000_001_i64,
        "updated_at": 1_700_000_000_002_i64,
        "last_sign_in_at": null,
        "last_active_at": 1_700_000_000_003_i64,
    });
    let Value::Object(members) = user else {
        unreachable!("it is an object")
    };
    members
}

fn user(changes: &[(&str, Value)]) -> User {
    let mut members = members();
    for (name, value) in changes {
        members.insert((*name).to_owned(), value.clone());
    }
    User::new("user_canary", members)
}

#[test]
fn user_is_what_the_object_says() {
    let user = user(&[]);
    assert_eq!(user.id(), "user_canary");
    assert_eq!(user.username(), Some("ada_canary"));
    assert_eq!(user.first_name(), Some("Ada"));
    assert_eq!(user.last_name(), Some("Canary"));
    assert_eq!(user.image_url(), Some("https://img.canary.example/1"));
    assert_eq!(user.primary_email(), Some("ada@canary.example"));
    assert_eq!(user.email_verified(), Some(true));
    assert_eq!(user.external_id(), Some("canary-7"));
    assert_eq!(user.public_metadata(), Some(json!({ "plan": "canary" })));
    assert_eq!(
        user.private_metadata(),
        Some(json!({ "note": "canary private" }))
    );
    assert_eq!(user.unsafe_metadata(), Some(json!({ "theme": "canary" })));
    let at = |millis| Some(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis));
    assert_eq!(user.created_at(), at(1_700_000_000_001));
    assert_eq!(user.updated_at(), at(1_700_000_000_002));
    assert_eq!(user.last_sign_in_at(), None);
    assert_eq!(user.last_active_at(), at(1_700_000_000_003));
}

#[test]
fn profile_is_told_as_userinfo_would() {
    assert_eq!(
        user(&[]).profile().userinfo(),
        json!({
            "sub": "user_canary",
            "name": "Ada Canary",
            "given_name": "Ada",
            "family_name": "Canary",
            "preferred_username": "ada_canary",
            "picture": "https://img.canary.example/1",
            "email": "ada@canary.example",
            "email_verified": true,
            "public_metadata": { "plan": "canary" },
            "unsafe_metadata": { "theme": "canary" },
        }),
        "and no private metadata, no phone number"
    );
}

#[test]
fn primary_address_is_the_one_that_is_named() {
    let addresses = |entries: Value| ("email_addresses", entries);
    let one = |verification: Value| json!([{ "id": "idn_2", "email_address": "a@b.example", "verification": verification }]);
    for (name, change, expected) in [
        (
            "none is named",
            ("primary_email_address_id", json!(null)),
            (None, None),
        ),
        (
            "an unknown one",
            ("primary_email_address_id", json!("idn_9")),
            (None, None),
        ),
        (
            "a number",
            ("primary_email_address_id", json!(2)),
            (None, None),
        ),
        ("no addresses", addresses(json!([])), (None, None)),
        ("no list", addresses(json!("a@b.example")), (None, None)),
        (
            "entries of another type",
            addresses(json!([1, null, []])),
            (None, None),
        ),
        (
            "verified",
            addresses(one(json!({ "status": "verified" }))),
            (Some("a@b.example"), Some(true)),
        ),
        (
            "unverified",
            addresses(one(json!({ "status": "unverified" }))),
            (Some("a@b.example"), Some(false)),
        ),
        (
            "expired",
            addresses(one(json!({ "status": "expired" }))),
            (Some("a@b.example"), Some(false)),
        ),
        (
            "never verified",
            addresses(one(json!(null))),
            (Some("a@b.example"), Some(false)),
        ),
        (
            "a flag",
            addresses(one(json!(true))),
            (Some("a@b.example"), Some(false)),
        ),
        (
            "without an address",
            addresses(json!([{ "id": "idn_2" }])),
            (None, None),
        ),
    ] {
        let user = user(&[change]);
        let found = (user.primary_email(), user.email_verified());
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn names_are_joined_as_far_as_there_are_any() {
    for (first, last, expected) in [
        (json!("Ada"), json!("Lovelace"), Some("Ada Lovelace")),
        (json!("Ada"), json!(null), Some("Ada")),
        (json!(null), json!("Lovelace"), Some("Lovelace")),
        (json!(""), json!("Lovelace"), Some("Lovelace")),
        (json!(1), json!(null), None),
    ] {
        let user = user(&[("first_name", first), ("last_name", last)]);
        assert_eq!(user.profile().name(), expected);
    }
}

#[test]
fn size_is_that_of_all_texts() {
    let long = "x".repeat(10_000);
    let small = user(&[]).size();
    for name in [
        "username",
        "external_id",
        "private_metadata",
        "public_metadata",
    ] {
        let large = user(&[(name, json!(long))]).size();
        assert!(large > small + 9_000, "{name}: {small}, {large}");
    }
    let large = user(&[("phone_numbers", json!([long]))]).size();
    assert_eq!(large, small, "what is not kept takes nothing");
}

#[test]
fn debug_shows_nobody() {
    let text = format!("{:#?}", user(&[]));
    assert!(!text.contains("anary") && !text.contains("Ada"), "{text}");
    assert!(text.contains("1700000000001"), "{text}");
}
