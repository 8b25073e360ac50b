use super::{builder, check_all};

#[test]
fn origins_are_https_and_nothing_but_origins() {
    let with = |origin: &str| builder().discover([origin]);
    let invalid = Some(("invalid", "discover"));
    let secret = Some(("invalid secret", "discover"));
    check_all([
        ("an origin", with("https://auth.example.com"), None),
        ("with a slash", with("https://auth.example.com/"), None),
        ("with a port", with("https://auth.example.com:8443"), None),
        ("loopback by http", with("http://127.0.0.1:4000"), None),
        ("plain http", with("http://auth.example.com"), invalid),
        ("a host", with("auth.example.com"), invalid),
        ("a path", with("https://auth.example.com/x"), invalid),
        ("a query", with("https://auth.example.com?x"), invalid),
        ("capitals", with("https://AUTH.example.com"), invalid),
        (
            "the usual port",
            with("https://auth.example.com:443"),
            invalid,
        ),
        ("another scheme", with("ftp://auth.example.com"), invalid),
        ("no origin", with("data:text/plain,x"), invalid),
        ("nothing", with(""), invalid),
        (
            "user info",
            with("https://a:canary@auth.example.com"),
            secret,
        ),
    ]);
}

#[test]
fn the_instance_is_always_named_and_nothing_is_without_discovery() {
    let config = builder().build().unwrap();
    assert_eq!(config.discovery_bases, None);
    let config = builder()
        .discover(["https://auth.example.com/"])
        .build()
        .unwrap();
    let expected = ["https://clerk.example.com", "https://auth.example.com"];
    assert_eq!(config.discovery_bases.unwrap(), expected);
}
