//! The JSON interface of the admin page: issue, list, revoke, rotate, and faults.

use super::flow::post_json;
use super::*;

fn with_page() -> FakeClerk {
    FakeClerk::builder().admin_page().start().unwrap()
}

async fn state(clerk: &FakeClerk) -> Value {
    body(&get(clerk, "/__admin/api/state").await)
}

/// Issues a token and returns it with its id.
async fn mint(clerk: &FakeClerk, kind: &str, form: &Value) -> (String, Value) {
    let reply = post_json(clerk, &format!("/__admin/api/{kind}"), form).await;
    assert_eq!(reply.status(), 201, "{kind} {form}");
    let answer = body(&reply);
    assert_eq!(members(&answer), set(&["id", "token"]));
    let token = answer["token"].as_str().unwrap().to_owned();
    (token, answer["id"].clone())
}

async fn delete(clerk: &FakeClerk, path: &str) -> u16 {
    let path = format!("/__admin/api/{path}");
    let reply = send(clerk, "DELETE", &path, &[], "").await.unwrap();
    reply.status().as_u16()
}

#[tokio::test]
async fn what_is_said_of_a_session_is_in_its_token() {
    struct Case {
        name: &'static str,
        form: Value,
        /// Expected claims; null means that the claim is absent.
        expected: Value,
    }
    for Case {
        name,
        form,
        expected,
    } in [
        Case {
            name: "no more than a user",
            form: json!({"user": " user_1 "}),
            expected: json!({
                "sub": "user_1", "v": 2, "sts": "active", "o": null, "azp": null, "act": null,
                "fea": null,
            }),
        },
        Case {
            name: "what is empty",
            form: json!({
                "user": "user_1", "organization_id": " ", "organization_slug": "",
                "organization_role": "", "permissions": "", "authorized_party": "", "actor": "",
                "pending": false, "version": 2,
            }),
            expected: json!({"v": 2, "sts": "active", "o": null, "azp": null, "act": null}),
        },
        Case {
            name: "an organization's id alone",
            form: json!({"user": "user_1", "organization_id": "org_acme"}),
            expected: json!({"o": {"id": "org_acme", "slg": "acme", "rol": "member"}}),
        },
        Case {
            name: "all of an organization",
            form: json!({
                "user": "user_1", "organization_id": "org_1", "organization_slug": "acme",
                "organization_role": "org:admin",
                "permissions": "org:billing:read  org:billing:write",
            }),
            expected: json!({
                "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,write", "fpm": "3"},
                "fea": "o:billing",
            }),
        },
        Case {
            name: "version 1",
            form: json!({
                "user": "user_1", "version": 1, "organization_id": "org_acme",
                "organization_role": "admin", "permissions": "org:billing:read",
            }),
            expected: json!({
                "v": null, "o": null, "org_id": "org_acme", "org_slug": "acme",
                "org_role": "org:admin", "org_permissions": ["org:billing:read"],
            }),
        },
        Case {
            name: "an authorized party, and a pending session",
            form: json!({
                "user": "user_1", "authorized_party": "https://app.example.com", "pending": true,
            }),
            expected: json!({"azp": "https://app.example.com", "sts": "pending"}),
        },
    ] {
        let clerk = with_page();
        let (jwt, id) = mint(&clerk, "sessions", &form).await;
        assert_eq!(header(&jwt)["cat"], "cl_B7d4PD111AAA", "{name}");
        assert!(is_signed_by(&jwt, &published_keys(&clerk).await[0]));
        let claims = payload(&jwt);
        for (claim, value) in expected.as_object().unwrap() {
            let got = claims.get(claim).unwrap_or(&Value::Null);
            assert_eq!(got, value, "{name}: {claim}");
        }
        assert_eq!(id, Value::Null, "{name}: it cannot be revoked");
        assert_eq!(state(&clerk).await["tokens"], json!([]), "{name}");
    }

    let clerk = with_page();
    let form = json!({"user": "user_1", "actor": "user_2", "lifetime": 90});
    let claims = payload(&mint(&clerk, "sessions", &form).await.0);
    assert_eq!(claims["act"]["sub"], "user_2");
    let [exp, iat] = ["exp", "iat"].map(|name| claims[name].as_u64().unwrap());
    assert_eq!(exp - iat, 90);
}

#[tokio::test]
async fn what_is_said_of_a_key_or_a_machine_is_in_what_verification_answers() {
    struct Case {
        name: &'static str,
        kind: &'static str,
        form: Value,
        endpoint: Endpoint,
        member: &'static str,
        expected: Value,
        /// In milliseconds.
        lifetime: Option<u64>,
    }
    for case in [
        Case {
            name: "a key of a user",
            kind: "api-keys",
            form: json!({
                "subject": "user_1", "name": "CI", "scope": "read write", "lifetime": 60,
            }),
            endpoint: Endpoint::ApiKeyVerification,
            member: "secret",
            expected: json!({"subject": "user_1", "name": "CI", "scopes": ["read", "write"]}),
            lifetime: Some(60_000),
        },
        Case {
            name: "a key of an organization, of which nothing is said",
            kind: "api-keys",
            form: json!({"subject": "org_1", "name": "", "scope": ""}),
            endpoint: Endpoint::ApiKeyVerification,
            member: "secret",
            expected: json!({"subject": "org_1", "name": "Test key", "scopes": []}),
            lifetime: None,
        },
        Case {
            name: "a machine",
            kind: "machine-tokens",
            form: json!({
                "machine": "mch_1", "scope": "mch_2 mch_3", "lifetime": 60, "format": "opaque",
            }),
            endpoint: Endpoint::MachineTokenVerification,
            member: "token",
            expected: json!({"subject": "mch_1", "scopes": ["mch_2", "mch_3"]}),
            lifetime: Some(60_000),
        },
        Case {
            name: "a machine of which nothing is said",
            kind: "machine-tokens",
            form: json!({"machine": "mch_1"}),
            endpoint: Endpoint::MachineTokenVerification,
            member: "token",
            expected: json!({"subject": "mch_1", "scopes": []}),
            lifetime: Some(3_600_000),
        },
    ] {
        let (clerk, name) = (with_page(), case.name);
        let (text, id) = mint(&clerk, case.kind, &case.form).await;
        let question = json!({case.member: text});
        let answer = body(&verify(&clerk, case.endpoint, &question).await);
        for (member, value) in case.expected.as_object().unwrap() {
            assert_eq!(&answer[member], value, "{name}: {member}");
        }
        assert_eq!(answer["id"], id, "{name}");
        let created_at = answer["created_at"].as_u64().unwrap();
        let lifetime = answer["expiration"].as_u64().map(|end| end - created_at);
        assert_eq!(lifetime, case.lifetime, "{name}");

        let listed = &state(&clerk).await["tokens"][0];
        assert_eq!(listed["status"], "active", "{name}");
        assert_eq!(listed["subject"], answer["subject"], "{name}");
        // Twice: a revoked token stays revoked.
        for _ in 0..2 {
            let path = format!("tokens/{}", id.as_str().unwrap());
            assert_eq!(delete(&clerk, &path).await, 204, "{name}");
            let answer = body(&verify(&clerk, case.endpoint, &question).await);
            assert_eq!(answer["revoked"], true, "{name}");
            assert_eq!(state(&clerk).await["tokens"][0]["status"], "revoked");
        }
    }

    let clerk = with_page();
    let form = json!({"machine": "mch_1", "scope": "mch_2", "lifetime": 60, "format": "jwt"});
    let (jwt, id) = mint(&clerk, "machine-tokens", &form).await;
    let claims = payload(&jwt);
    assert_eq!((&claims["sub"], id), (&json!("mch_1"), Value::Null));
    assert_eq!(claims["aud"], json!(["mch_2"]));
    let [exp, iat] = ["exp", "iat"].map(|name| claims[name].as_u64().unwrap());
    assert_eq!(exp - iat, 60);
    assert_eq!(state(&clerk).await["tokens"], json!([]));
}

#[tokio::test]
async fn tokens_of_all_kinds_are_one_list_newest_first() {
    let clerk = with_page();
    let texts = [
        clerk.api_key("user_1").name("first").issue(),
        clerk.token("user_2").issue(),
        clerk.machine_token("mch_1").scopes(["mch_2"]).issue(),
        clerk.api_key("org_1").expired().issue(),
        clerk.token("user_2").jwt().issue(),
    ];
    let state = state(&clerk).await;
    let tokens = state["tokens"].as_array().unwrap().iter();
    let listed: Vec<_> = tokens
        .map(|token| {
            let member = |name: &str| token[name].as_str().unwrap().to_owned();
            ["kind", "format", "subject", "status"].map(member)
        })
        .collect();
    let expected = [
        ["oauth", "JWT", "user_2", "active"],
        ["api_key", "opaque", "org_1", "expired"],
        ["machine", "opaque", "mch_1", "active"],
        ["oauth", "opaque", "user_2", "active"],
        ["api_key", "opaque", "user_1", "active"],
    ];
    assert_eq!(listed, expected.map(|row| row.map(str::to_owned)));
    assert_eq!(state["tokens"][4]["name"], "first");
    for text in texts {
        assert!(!state.to_string().contains(&text), "it is shown once only");
    }
    let users = state["users"].as_array().unwrap().iter();
    let users: Vec<_> = users.map(|user| &user["id"]).collect();
    assert_eq!(users, ["user_1", "user_2"], "no organization, no machine");

    for id in ["ak_unknown", "mt_", ""] {
        assert_eq!(delete(&clerk, &format!("tokens/{id}")).await, 404, "{id}");
    }
}

#[tokio::test]
async fn what_no_token_can_be_is_rejected() {
    let long = "u".repeat(201);
    let longer = "u".repeat(1001);
    let many = vec!["org:a:b"; 501].join(" ");
    let clerk = with_page();
    for (kind, form) in [
        ("tokens", json!({"user": "u", "client_id": longer})),
        ("sessions", json!({})),
        ("sessions", json!({"user": " "})),
        ("sessions", json!({"user": long})),
        ("sessions", json!({"user": "u", "lifetime": 0})),
        ("sessions", json!({"user": "u", "lifetime": 315_360_001})),
        ("sessions", json!({"user": "u", "version": 3})),
        ("sessions", json!({"user": "u", "version": "2"})),
        ("sessions", json!({"user": "u", "pending": "on"})),
        ("sessions", json!({"user": "u", "actor": "a\nb"})),
        ("sessions", json!({"user": "u", "scope": "email"})),
        (
            "sessions",
            json!({"user": "u", "organization_slug": "acme"}),
        ),
        (
            "sessions",
            json!({"user": "u", "organization_role": "admin"}),
        ),
        ("sessions", json!({"user": "u", "permissions": "org:a:b"})),
        (
            "sessions",
            json!({"user": "u", "organization_id": "o", "permissions": "billing:read"}),
        ),
        (
            "sessions",
            json!({"user": "u", "organization_id": "o", "permissions": "org:a:b,org:a:c"}),
        ),
        (
            "sessions",
            json!({"user": "u", "organization_id": "o", "permissions": many}),
        ),
        ("api-keys", json!({"subject": ""})),
        ("api-keys", json!({"subject": "user_1", "scope": "\"a\""})),
        ("api-keys", json!({"subject": "user_1", "lifetime": 0})),
        ("api-keys", json!({"subject": "user_1", "name": longer})),
        ("api-keys", json!({"user": "user_1"})),
        ("machine-tokens", json!({"machine": "\u{7}"})),
        (
            "machine-tokens",
            json!({"machine": "mch_1", "scope": "\"a\""}),
        ),
        ("machine-tokens", json!({"machine": "mch_1", "lifetime": 0})),
        (
            "machine-tokens",
            json!({"machine": "mch_1", "format": "saml"}),
        ),
        ("keys", json!({})),
        ("keys", json!({"kid": "old"})),
    ] {
        let before = state(&clerk).await["kids"].clone();
        for _ in 0..2 {
            let reply = post_json(&clerk, &format!("/__admin/api/{kind}"), &form).await;
            assert_eq!(reply.status(), 422, "{kind} {form}");
            assert!(body(&reply)["error"].is_string(), "{kind} {form}");
        }
        let state = state(&clerk).await;
        assert_eq!(state["tokens"], json!([]), "{kind} {form}");
        assert_eq!(state["kids"], before, "{kind} {form}");
    }
}

#[tokio::test]
async fn keys_are_rotated_replaced_and_retired() {
    let clerk = with_page();
    let first = state(&clerk).await["kids"].clone();
    let before = clerk.session("user_1").issue();
    assert_eq!(
        first,
        json!([header(&before)["kid"]]),
        "it is told before it is made"
    );
    let old = published_keys(&clerk).await;

    let reply = post_json(&clerk, "/__admin/api/keys", &json!({"kid": "new"})).await;
    assert_eq!(reply.status(), 204);
    let keys = published_keys(&clerk).await;
    assert_eq!((keys.len(), &keys[0]), (2, &old[0]));
    let jwt = clerk.session("user_1").issue();
    assert!(is_signed_by(&jwt, &keys[1]) && is_signed_by(&before, &keys[0]));
    let kids = state(&clerk).await["kids"].clone();
    assert_eq!(
        kids,
        json!([keys[1]["kid"], keys[0]["kid"]]),
        "newest first"
    );

    let reply = post_json(&clerk, "/__admin/api/keys", &json!({"kid": "same"})).await;
    assert_eq!(reply.status(), 204);
    let replaced = published_keys(&clerk).await;
    assert_eq!((replaced.len(), &replaced[0]), (2, &old[0]));
    assert_eq!(replaced[1]["kid"], keys[1]["kid"]);
    assert!(!is_signed_by(&jwt, &replaced[1]));
    assert!(is_signed_by(&clerk.session("user_1").issue(), &replaced[1]));

    for _ in 0..2 {
        assert_eq!(delete(&clerk, "keys").await, 204);
        assert_eq!(published_keys(&clerk).await, replaced[1..]);
        assert_eq!(state(&clerk).await["kids"], json!([keys[1]["kid"]]));
    }
}

#[tokio::test]
async fn every_endpoint_fails_and_heals_by_itself() {
    let clerk = with_page();
    let probe = async |endpoint: Endpoint| {
        let path = match endpoint {
            Endpoint::BackendUser => "/v1/users/user_1",
            endpoint => endpoint.path(),
        };
        let method = endpoint.methods()[0].as_str();
        let reply = send(&clerk, method, path, &[], "").await.unwrap();
        reply.status() == 503
    };
    let listed = state(&clerk).await["endpoints"].clone();
    let names: Vec<_> = Endpoint::ALL.map(Endpoint::name).into();
    let listed = listed.as_array().unwrap().iter();
    assert_eq!(listed.map(|one| &one["name"]).collect::<Vec<_>>(), names);

    for faulty in Endpoint::ALL {
        let name = faulty.name();
        let fault = json!({"endpoint": name, "kind": "status", "status": 503}).to_string();
        let headers = [("content-type", "application/json")];
        let path = "/__admin/api/faults";
        let reply = send(&clerk, "PUT", path, &headers, &fault).await.unwrap();
        assert_eq!(reply.status(), 204, "{name}");
        for endpoint in Endpoint::ALL {
            assert_eq!(probe(endpoint).await, endpoint == faulty, "{name}");
            let newest = &state(&clerk).await["calls"][0];
            assert_eq!(newest["endpoint"], endpoint.name(), "it is listed");
        }
        assert_eq!(delete(&clerk, &format!("faults/{name}")).await, 204);
        assert!(!probe(faulty).await, "{name} is well again");
    }
}

#[tokio::test]
async fn the_environment_has_what_each_kind_needs() {
    let clerk = with_page();
    let state = state(&clerk).await;
    let (url, id, secret) = (clerk.url(), clerk.client_id(), clerk.client_secret());
    assert_eq!(
        state["environment"],
        format!(
            "CLERK_DOMAIN={url}\nCLERK_OAUTH_CLIENT_ID={id}\nCLERK_OAUTH_CLIENT_SECRET={secret}"
        )
    );
    let key = clerk.secret_key();
    assert_eq!(
        state["environment_of_kinds"],
        format!(
            "CLERK_ACCEPT=oauth,session,api_key,machine\nCLERK_MACHINES=mch_bills\nCLERK_MACHINE_JWTS=1\n\
             CLERK_SECRET_KEY={key}\nCLERK_API_URL={url}/v1"
        )
    );
}
