use super::Command;

#[test]
fn arguments_are_read() {
    let serve = |listen: Option<&str>| {
        Ok(Command::Serve {
            listen: listen.map(|address| address.parse().unwrap()),
        })
    };
    let error = |message: &str| Err(message.to_owned());
    for (arguments, expected) in [
        ("", serve(None)),
        ("--listen 127.0.0.1:1", serve(Some("127.0.0.1:1"))),
        ("--listen=[::1]:1", serve(Some("[::1]:1"))),
        (
            "--listen 127.0.0.1:1 --listen 127.0.0.1:2",
            serve(Some("127.0.0.1:2")),
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
        ("--port 1", error("unknown argument `--port`")),
        ("4000", error("unknown argument `4000`")),
    ] {
        let words = arguments.split_whitespace().map(str::to_owned);
        assert_eq!(Command::parse(words), expected, "{arguments}");
    }
}
