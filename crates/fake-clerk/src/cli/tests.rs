use super::{Command, Options};

#[test]
fn arguments_are_read() {
    let below = |listen: Option<&str>, path: Option<&str>| {
        Ok(Command::Serve(Options {
            listen: listen.map(|address| address.parse().unwrap()),
            path: path.map(str::to_owned),
            ..Options::default()
        }))
    };
    let webhooks = |url: &str, secret: Option<&str>| {
        Ok(Command::Serve(Options {
            webhook_url: Some(url.to_owned()),
            webhook_secret: secret.map(str::to_owned),
            ..Options::default()
        }))
    };
    let serve = |listen| below(listen, None);
    let error = |message: &str| Err(message.to_owned());
    for (arguments, expected) in [
        ("", serve(None)),
        ("--listen 127.0.0.1:1", serve(Some("127.0.0.1:1"))),
        ("--listen=[::1]:1", serve(Some("[::1]:1"))),
        (
            "--listen 127.0.0.1:1 --listen 127.0.0.1:2",
            serve(Some("127.0.0.1:2")),
        ),
        ("--path /__clerk", below(None, Some("/__clerk"))),
        (
            "--listen=127.0.0.1:1 --path=/api/__clerk",
            below(Some("127.0.0.1:1"), Some("/api/__clerk")),
        ),
        ("--help", Ok(Command::Help)),
        ("--listen 127.0.0.1:1 -h", Ok(Command::Help)),
        ("-V", Ok(Command::Version)),
        ("--version", Ok(Command::Version)),
        ("--listen", error("--listen lacks its address")),
        (
            "--listen x",
            error("`x` is not an address such as 127.0.0.1:4000"),
        ),
        (
            "--listen=",
            error("`` is not an address such as 127.0.0.1:4000"),
        ),
        ("--path", error("--path lacks its path")),
        ("--path=", error("`` is not a path such as /__clerk")),
        ("--path /", error("`/` is not a path such as /__clerk")),
        (
            "--path __clerk",
            error("`__clerk` is not a path such as /__clerk"),
        ),
        (
            "--path /__clerk/",
            error("`/__clerk/` is not a path such as /__clerk"),
        ),
        (
            "--path /../a",
            error("`/../a` is not a path such as /__clerk"),
        ),
        (
            "--webhook-url http://a/b?c=d",
            webhooks("http://a/b?c=d", None),
        ),
        (
            "--webhook-url=http://a/b?c=d",
            webhooks("http://a/b?c=d", None),
        ),
        (
            "--webhook-url http://a --webhook-secret whsec_AA==",
            webhooks("http://a", Some("whsec_AA==")),
        ),
        (
            "--webhook-url http://a --webhook-secret=whsec_AA==",
            webhooks("http://a", Some("whsec_AA==")),
        ),
        ("--webhook-url", error("--webhook-url lacks its URL")),
        (
            "--webhook-secret whsec_AA==",
            error("--webhook-secret needs --webhook-url"),
        ),
        ("--port 1", error("unknown argument `--port`")),
        ("4000", error("unknown argument `4000`")),
    ] {
        let words = arguments.split_whitespace().map(str::to_owned);
        assert_eq!(Command::parse(words), expected, "{arguments}");
    }
}
