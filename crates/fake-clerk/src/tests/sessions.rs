//! Session tokens: their headers, and the claims of both versions.

use super::*;

const COMMON: [&str; 8] = ["exp", "fva", "iat", "iss", "nbf", "sid", "sts", "sub"];

fn without_organization() -> BTreeSet<&'static str> {
    COMMON.into_iter().chain(["jti", "v"]).collect()
}

#[tokio::test]
async fn a_session_token_has_the_documented_header_and_claims() {
    let clerk = FakeClerk::start().unwrap();
    let before = clerk.now();
    let jwt = clerk.session("user_1").issue();
    let keys = published_keys(&clerk).await;
    assert!(is_signed_by(&jwt, &keys[0]));
    assert_eq!(
        header(&jwt),
        json!({"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": keys[0]["kid"], "typ": "JWT"})
    );
    let claims = payload(&jwt);
    assert_eq!(members(&claims), without_organization());
    let iat = claims["iat"].as_u64().unwrap();
    // The generation of the key takes a while in between.
    assert!((before..=clerk.now()).contains(&iat));
    assert_eq!(claims["exp"], iat + 60);
    assert_eq!(claims["nbf"], iat - 10);
    assert_eq!(claims["iss"], clerk.url());
    assert_eq!(claims["sub"], "user_1");
    assert_eq!(claims["sts"], "active");
    assert_eq!(claims["fva"], json!([0, -1]));
    assert_eq!(claims["v"], 2);
    assert!(claims["sid"].as_str().unwrap().starts_with("sess_"));
}

#[test]
fn each_setting_shows_in_its_claim() {
    let clerk = FakeClerk::start().unwrap();
    let claims = payload(
        &clerk
            .session("user_1")
            .session_id("sess_1")
            .authorized_party("https://app.example.com")
            .actor("user_2")
            .factor_age([5, 7])
            .pending()
            .lifetime(Duration::from_secs(90))
            .claim("tier", "gold")
            .claim("nbf", Value::Null)
            .issue(),
    );
    assert_eq!(claims["sid"], "sess_1");
    assert_eq!(claims["azp"], "https://app.example.com");
    assert_eq!(claims["act"]["sub"], "user_2");
    assert_eq!(members(&claims["act"]), set(&["iss", "sid", "sub"]));
    assert_eq!(claims["fva"], json!([5, 7]));
    assert_eq!(claims["sts"], "pending");
    assert_eq!(claims["tier"], "gold");
    assert_eq!(claims.get("nbf"), None);
    let [exp, iat] = ["exp", "iat"].map(|name| claims[name].as_u64().unwrap());
    assert_eq!(exp - iat, 90);

    let expired = payload(&clerk.session("user_1").expired().issue());
    assert!(expired["exp"].as_u64().unwrap() <= clerk.now() - 3600);
}

#[test]
fn version_2_encodes_the_organization() {
    let clerk = FakeClerk::start().unwrap();
    let with = |permissions: &[&str], features: &[&str]| {
        payload(
            &clerk
                .session("user_1")
                .organization("org_1", "acme", "admin")
                .permissions(permissions.iter().copied())
                .features(features.iter().copied())
                .issue(),
        )
    };
    let permissions = [
        "org:dashboard:manage",
        "org:dashboard:read",
        "org:teams:read",
    ];
    let claims = with(&permissions, &["u:export"]);
    assert_eq!(claims["fea"], "o:dashboard,o:teams,u:export");
    assert_eq!(
        claims["o"],
        json!({"id": "org_1", "slg": "acme", "rol": "admin", "per": "manage,read", "fpm": "3,2,0"})
    );
    let claims = with(&[], &[]);
    assert_eq!(
        claims["o"],
        json!({"id": "org_1", "slg": "acme", "rol": "admin"})
    );
    assert_eq!(claims.get("fea"), None);

    // Seventy names: the mask of the feature with the last one does not fit into 64 bits.
    let many: Vec<_> = (0..70).map(|number| format!("org:f:p{number}")).collect();
    let many: Vec<_> = many
        .iter()
        .map(String::as_str)
        .chain(["org:g:p69"])
        .collect();
    let masks = with(&many, &[])["o"]["fpm"].clone();
    assert_eq!(masks, format!("{},{}", (1_u128 << 70) - 1, 1_u128 << 69));
}

#[test]
fn plans_and_features_are_lists_of_version_2() {
    let clerk = FakeClerk::start().unwrap();
    let session = || {
        clerk
            .session("user_1")
            .plan("u:basic")
            .plan("o:pro")
            .feature("o:dashboard")
            .feature("u:export")
    };
    let claims = payload(&session().issue());
    assert_eq!(claims["pla"], "u:basic,o:pro");
    assert_eq!(claims["fea"], "o:dashboard,u:export");
    let claims = payload(&session().v1().issue());
    assert_eq!((claims.get("pla"), claims.get("fea")), (None, None));
}

#[test]
fn version_1_spells_the_organization_out() {
    let clerk = FakeClerk::start().unwrap();
    let plain = payload(&clerk.session("user_1").v1().issue());
    assert_eq!(members(&plain), set(&COMMON));
    let claims = payload(
        &clerk
            .session("user_1")
            .organization("org_1", "acme", "admin")
            .permissions(["org:teams:read"])
            .v1()
            .issue(),
    );
    let organization = ["org_id", "org_permissions", "org_role", "org_slug"];
    let expected = COMMON.into_iter().chain(organization).collect();
    assert_eq!(members(&claims), expected);
    assert_eq!(claims["org_id"], "org_1");
    assert_eq!(claims["org_slug"], "acme");
    assert_eq!(claims["org_role"], "org:admin");
    assert_eq!(claims["org_permissions"], json!(["org:teams:read"]));
}

#[test]
fn permissions_need_an_organization() {
    let clerk = FakeClerk::start().unwrap();
    let session = || clerk.session("user_1").permissions(["org:teams:read"]);
    assert_eq!(
        members(&payload(&session().issue())),
        without_organization()
    );
    assert_eq!(members(&payload(&session().v1().issue())), set(&COMMON));
}

#[test]
#[should_panic(expected = "org:feature:name")]
fn a_permission_of_another_form_is_a_mistake() {
    let clerk = FakeClerk::start().unwrap();
    let _ = clerk.session("user_1").permissions(["teams:read"]);
}

#[test]
fn a_token_of_a_template_is_of_no_session() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk
        .session("user_1")
        .organization("org_1", "acme", "admin")
        .template()
        .claim("tier", "gold")
        .issue();
    assert_eq!(header(&jwt)["cat"], "cl_B7d4PD222AAA");
    let expected = ["exp", "iat", "iss", "jti", "nbf", "sub", "tier", "v"];
    assert_eq!(members(&payload(&jwt)), set(&expected));
}

#[test]
fn the_category_is_a_member_of_the_header() {
    let clerk = FakeClerk::start().unwrap();
    let cases = [
        (Category::Session, json!("cl_B7d4PD111AAA")),
        (Category::Template, json!("cl_B7d4PD222AAA")),
        (Category::Machine, json!("cl_B7d4PD333AAA")),
        (Category::Unclassified, json!("cl_I7d4PD111III")),
        (Category::Absent, Value::Null),
    ];
    for (category, expected) in cases {
        let session = clerk.session("user_1").category(category).issue();
        let machine = clerk
            .machine_token("mch_1")
            .jwt()
            .category(category)
            .issue();
        let oauth = clerk.token("user_1").jwt().category(category).issue();
        for jwt in [session, machine, oauth] {
            let cat = header(&jwt).get("cat").cloned().unwrap_or_default();
            assert_eq!(cat, expected);
        }
    }
    let usual = clerk.token("user_1").jwt().issue();
    assert_eq!(header(&usual).get("cat"), None);
}

#[tokio::test]
async fn a_session_token_opens_nothing_of_oauth() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk.session("user_1").issue();
    for _ in 0..2 {
        assert_eq!(introspect(&clerk, &jwt).await, json!({"active": false}));
        assert_eq!(userinfo(&clerk, &jwt).await.status(), 401);
        let reply = verify(
            &clerk,
            Endpoint::OAuthVerification,
            &json!({"access_token": jwt}),
        )
        .await;
        assert_eq!(body(&reply), json!({"active": false}));
    }
}
