use super::*;

fn response(content_type: &str, body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    if !content_type.is_empty() {
        let content_type = content_type.parse().unwrap();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
    response
}

#[test]
fn who_answers_is_told_by_the_form() {
    // fault B2, B4
    struct Case {
        name: &'static str,
        input: (&'static str, &'static str),
        /// An error, about our credentials, HTML.
        expected: (bool, bool, bool),
    }
    const JSON: &str = "application/json";
    for (name, input, expected) in [
        ("nothing", ("", ""), (false, false, false)),
        (
            "OAuth",
            (JSON, r#"{"error":"invalid_token"}"#),
            (true, false, false),
        ),
        (
            "our client",
            (JSON, r#"{"error":"invalid_client"}"#),
            (true, true, false),
        ),
        (
            "an object",
            (JSON, r#"{"error":{"code":403}}"#),
            (false, false, false),
        ),
        (
            "Clerk",
            (JSON, r#"{"errors":[{"code":"x"}]}"#),
            (true, false, false),
        ),
        (
            "Clerk, without codes",
            (JSON, r#"{"errors":[]}"#),
            (true, false, false),
        ),
        (
            "our key",
            (
                JSON,
                r#"{"errors":[{"code":"x"},{"code":"clerk_key_invalid"}]}"#,
            ),
            (true, true, false),
        ),
        (
            "no list",
            (JSON, r#"{"errors":"clerk_key_invalid"}"#),
            (false, false, false),
        ),
        (
            "not JSON by its type",
            ("text/plain", r#"{"error":"invalid_client"}"#),
            (false, false, false),
        ),
        (
            "without a type",
            ("", r#"{"error":"invalid_client"}"#),
            (false, false, false),
        ),
        (
            "a member twice",
            (JSON, r#"{"error":"a","error":"invalid_client"}"#),
            (false, false, false),
        ),
        ("empty JSON", (JSON, "{}"), (false, false, false)),
        (
            "HTML",
            ("text/html; charset=utf-8", "<h1>no</h1>"),
            (false, false, true),
        ),
        (
            "HTML in capitals",
            ("Text/HTML", "no"),
            (false, false, true),
        ),
        (
            "HTML by its look",
            ("", "\u{feff}\r\n <!doctype html>"),
            (false, false, true),
        ),
        ("HTML as JSON", (JSON, "<html>"), (false, false, true)),
        (
            "XHTML",
            ("application/xhtml+xml", "<?xml"),
            (false, false, true),
        ),
        (
            "no page after all",
            ("text/html", ""),
            (false, false, false),
        ),
        ("text", ("text/plain", "no"), (false, false, false)),
    ]
    .map(|(name, input, expected)| (name, input, expected))
    {
        let case = Case {
            name,
            input,
            expected,
        };
        let response = response(case.input.0, case.input.1);
        let found = (
            is_error(&response),
            is_about_our_credentials(&response),
            is_html(&response),
        );
        assert_eq!(found, case.expected, "{}", case.name);
    }
}

#[test]
fn challenge_is_about_the_token_if_it_names_such_an_error() {
    // fault B4
    for (challenge, expected) in [
        (r#"Bearer error="invalid_token""#, true),
        (
            r#"bearer realm="x", error="invalid_token", error_description="no""#,
            true,
        ),
        ("Bearer error=insufficient_scope", true),
        (r#"Bearer realm="x""#, false),
        ("Bearer", false),
        (r#"Bearer error="invalid_request""#, false),
        (r#"Bearer error_description="error=invalid_token""#, false),
        (r#"Basic error="invalid_token""#, false),
        ("", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, challenge.parse().unwrap());
        assert_eq!(is_token_challenge(&headers), expected, "{challenge}");
    }
}
