use super::{ClerkClaims, full, split_scope};

#[test]
fn scope_is_split_at_the_space_alone() {
    let cases: &[(&str, &str, &[&str])] = &[
        // C069
        ("empty", "", &[]),
        ("a space", " ", &[]),
        ("one", "email", &["email"]),
        ("two", "email profile", &["email", "profile"]),
        ("double spaces", "email  profile", &["email", "profile"]),
        ("a space in front", " email", &["email"]),
        ("a space behind", "email ", &["email"]),
        ("a tab", "email\tprofile", &["email\tprofile"]),
        ("a newline", "email\nprofile", &["email\nprofile"]),
        (
            "a no-break space",
            "email\u{a0}profile",
            &["email\u{a0}profile"],
        ),
        (
            "an ideographic space",
            "email\u{3000}profile",
            &["email\u{3000}profile"],
        ),
        ("a comma", "email,profile", &["email,profile"]),
        ("twice the same", "email email", &["email", "email"]),
    ];
    for (name, input, expected) in cases {
        assert_eq!(split_scope(input).collect::<Vec<_>>(), *expected, "{name}");
    }
}

#[test]
fn scope_is_granted_as_a_whole_or_not() {
    let claims = ClerkClaims::new(full());
    for (name, scope, expected) in [
        ("granted first", "email", true),
        ("granted last", "profile", true),
        // C071
        ("a part", "mail", false),
        ("a beginning", "emai", false),
        ("more", "email2", false),
        ("another case", "Email", false),
        ("both", "email profile", false),
        ("none", "", false),
    ] {
        assert_eq!(claims.has_scope(scope), expected, "{name}");
    }
}
