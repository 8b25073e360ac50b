use super::{listed, quoted};

#[test]
fn a_text_of_others_is_fit_for_a_line() {
    let long = "a".repeat(100_000);
    for (name, text, expected) in [
        (
            "an address",
            "https://h/mcp",
            r#""https://h/mcp""#.to_owned(),
        ),
        ("nothing", "", r#""""#.to_owned()),
        ("a line break", "a\nWARN b", r#""a\nWARN b""#.to_owned()),
        ("a return", "a\rb", r#""a\rb""#.to_owned()),
        ("a quote", "a\" b=\"c", r#""a\" b=\"c""#.to_owned()),
        ("a backslash", "a\\n", r#""a\\n""#.to_owned()),
        (
            "an escape sequence",
            "\u{1b}[31m",
            r#""\u{1b}[31m""#.to_owned(),
        ),
        ("a null byte", "\0", r#""\0""#.to_owned()),
        (
            "another line break",
            "\u{2028}\u{85}",
            r#""\u{2028}\u{85}""#.to_owned(),
        ),
        ("right to left", "\u{202e}a", r#""\u{202e}a""#.to_owned()),
        ("letters beyond ASCII", "é", r#""é""#.to_owned()),
        ("a long one", &long, format!("\"{}\"…", &long[..200])),
        (
            "a long one beyond ASCII",
            &"é".repeat(300),
            format!("\"{}\"…", "é".repeat(200)),
        ),
    ] {
        assert_eq!(quoted(text), expected, "{name}");
    }
}

#[test]
fn a_list_has_an_end() {
    let many = vec!["a"; 1000];
    for (name, texts, expected) in [
        ("none", &many[..0], ""),
        ("one", &many[..1], r#""a""#),
        ("two", &many[..2], r#""a", "a""#),
        ("all", &many[..], r#""a", "a", "a", "a", and 996 more"#),
    ] {
        assert_eq!(listed(texts), expected, "{name}");
    }
}
