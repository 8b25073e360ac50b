use bytes::Bytes;
use http::{Method, Response};
use serde_json::{Value, json};
use url::Url;

use super::{Description, ResourceMetadata, WELL_KNOWN};
use crate::reject::{EmptyBody, JsonBody, ProblemJson, RejectResponse, Rejection};

const RESOURCE: &str = "https://api.example.com/mcp";
const URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/mcp";

fn metadata(url: &str, scopes: &[&str]) -> ResourceMetadata {
    let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let description = Description {
        resource: RESOURCE,
        issuer: "https://clerk.example.com",
        scopes: &scopes,
        name: None,
        documentation: None,
    };
    ResourceMetadata::new(&Url::parse(url).unwrap(), &description)
}

fn document(metadata: &ResourceMetadata) -> Value {
    serde_json::from_slice(metadata.json()).unwrap()
}

#[test]
fn members_without_a_value_are_left_out() {
    // RFC 9728 §3.2
    let bare = json!({
        "resource": RESOURCE,
        "authorization_servers": ["https://clerk.example.com"],
        "bearer_methods_supported": ["header"],
    });
    for (name, scopes, expected) in [
        ("no scopes", &[][..], json!(null)),
        ("scopes", &["email", "a:b"], json!(["email", "a:b"])),
        (
            // fault E3: only the default list leaves it out, which the configuration makes.
            "offline access",
            &["offline_access", "email"],
            json!(["offline_access", "email"]),
        ),
        (
            "what only begins like it",
            &["offline_access2"],
            json!(["offline_access2"]),
        ),
        (
            "nothing else",
            &["offline_access"],
            json!(["offline_access"]),
        ),
    ] {
        let mut found = document(&metadata(URL, scopes));
        let members = found.as_object_mut().unwrap();
        let scopes = members.remove("scopes_supported").unwrap_or(json!(null));
        assert_eq!(scopes, expected, "{name}");
        assert_eq!(found, bare, "{name}");
    }
}

#[test]
fn name_and_documentation_are_told_as_they_are() {
    let description = Description {
        resource: RESOURCE,
        issuer: "https://clerk.example.com",
        scopes: &[],
        name: Some("The \"API\" \u{e9}"),
        documentation: Some("https://docs.example.com/#a"),
    };
    let found = document(&ResourceMetadata::new(
        &Url::parse(URL).unwrap(),
        &description,
    ));
    assert_eq!(found["resource_name"], "The \"API\" \u{e9}");
    assert_eq!(
        found["resource_documentation"],
        "https://docs.example.com/#a"
    );
}

#[test]
fn paths_are_compared_byte_for_byte() {
    #[track_caller]
    fn check(url: &str, paths: &[&str]) {
        let metadata = metadata(url, &[]);
        assert_eq!(metadata.url(), url);
        assert_eq!(metadata.paths().collect::<Vec<_>>(), paths);
        for path in [
            "",
            "/",
            "*",
            "/mcp",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource/mcp/",
            "/.well-known/oauth-protected-resource/mcp/x",
            "/.well-known/oauth-protected-resource/MCP",
            "/.well-known/oauth-protected-resource/%6dcp",
            "/.well-known/oauth-protected-resource/other",
            "/.well-known/oauth-protected-resourcf/mcp",
            "//.well-known/oauth-protected-resource",
            "/x/.well-known/oauth-protected-resource",
            "/.Well-Known/oauth-protected-resource",
            "/.well-known/oauth-authorization-server",
        ] {
            assert_eq!(metadata.is_at(path), paths.contains(&path), "{url} {path}");
        }
    }

    let root = "/.well-known/oauth-protected-resource";
    let path = "/.well-known/oauth-protected-resource/mcp";
    let slash = "/.well-known/oauth-protected-resource/mcp/";
    check(&format!("https://api.example.com{root}"), &[root]);
    check(&format!("https://api.example.com{path}"), &[root, path]);
    check(&format!("https://api.example.com{slash}"), &[root, slash]);
    // The query says which resource; here there is one.
    check(&format!("https://api.example.com{root}?tenant=1"), &[root]);
}

#[test]
fn every_method_has_its_answer() {
    let metadata = metadata(URL, &["email"]);
    let methods = "GET, HEAD, OPTIONS";
    let cached = Some("public, max-age=3600");
    let json = Some("application/json");
    let length = metadata.json().len().to_string();
    let length = Some(length.as_str());
    for (method, status, content_type, cache, allow, content_length, cors) in [
        ("GET", 200, json, cached, None, None, None),
        ("HEAD", 200, json, cached, None, length, None),
        (
            "OPTIONS",
            204,
            None,
            None,
            Some(methods),
            None,
            Some(methods),
        ),
        ("POST", 405, None, None, Some(methods), None, None),
        ("DELETE", 405, None, None, Some(methods), None, None),
        ("get", 405, None, None, Some(methods), None, None),
    ] {
        let method: Method = method.parse().unwrap();
        let response = metadata.answer(&method, WELL_KNOWN);
        let header = |name| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap())
        };
        assert_eq!(response.status(), status, "{method}");
        assert_eq!(header("content-type"), content_type, "{method}");
        assert_eq!(header("cache-control"), cache, "{method}");
        assert_eq!(header("allow"), allow, "{method}");
        assert_eq!(header("content-length"), content_length, "{method}");
        assert_eq!(header("access-control-allow-origin"), Some("*"), "{method}");
        assert_eq!(header("access-control-allow-methods"), cors, "{method}");
        let headers = cors.map(|_| "*");
        assert_eq!(header("access-control-allow-headers"), headers, "{method}");
        let is_get = method == Method::GET;
        assert_eq!(response.body() == metadata.json(), is_get, "{method}");
        assert_eq!(response.body().is_empty(), !is_get, "{method}");
    }
}

/// A body of an unknown type that can be made of text.
#[derive(Debug, Default, PartialEq)]
struct Strange(Bytes);

impl From<String> for Strange {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

fn closure<B: Default>(_: &Rejection) -> Response<B> {
    Response::default()
}

#[tokio::test]
async fn known_bodies_are_made_and_others_are_not() {
    use http_body_util::{BodyExt, Empty, Full};

    #[track_caller]
    fn body<B: 'static>(with: &impl RejectResponse<B>) -> Option<B> {
        let response = metadata(URL, &[]).answer_as(&Method::GET, WELL_KNOWN, with)?;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        Some(response.into_body())
    }

    let expected = metadata(URL, &[]).json().clone();
    assert_eq!(body::<Bytes>(&EmptyBody), Some(expected.clone()));
    assert_eq!(body::<Vec<u8>>(&EmptyBody), Some(expected.to_vec()));
    let text = String::from_utf8(expected.to_vec()).unwrap();
    assert_eq!(body::<String>(&EmptyBody), Some(text));
    let full = body::<Full<Bytes>>(&EmptyBody).unwrap();
    assert_eq!(full.collect().await.unwrap().to_bytes(), expected);
    let full = body::<Full<Bytes>>(&closure::<Full<Bytes>>).unwrap();
    assert_eq!(full.collect().await.unwrap().to_bytes(), expected);
    #[cfg(feature = "axum")]
    {
        let full = body::<axum_core::body::Body>(&EmptyBody).unwrap();
        assert_eq!(full.collect().await.unwrap().to_bytes(), expected);
    }

    assert!(body::<()>(&EmptyBody).is_none());
    assert!(body::<Empty<Bytes>>(&EmptyBody).is_none());
    assert!(body::<Option<Bytes>>(&EmptyBody).is_none());
    assert_eq!(body::<Strange>(&EmptyBody), None);
    assert_eq!(body::<Strange>(&closure::<Strange>), None);
    // Those who can make every body that is made of text need not know it.
    assert_eq!(body(&JsonBody), Some(Strange(expected.clone())));
    assert_eq!(body(&ProblemJson), Some(Strange(expected)));
}
