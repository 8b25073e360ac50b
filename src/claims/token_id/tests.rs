use super::TokenId;

fn found<'a>(id: &str, other: &'a str) -> Option<&'a str> {
    TokenId::find(Some(id), Some(other)).in_text(other)
}

#[test]
fn an_id_is_found_in_the_text() {
    let long = "x".repeat(255);
    for id in ["j", "oat_0123", "mt_-._~/+=", &long] {
        for other in [
            format!(r#"{{"jti":"{id}"}}"#),
            format!(r#"{{"act":{{"jti":"{id}"}},"jti":"{id}"}}"#),
        ] {
            assert_eq!(found(id, &other), Some(id));
        }
    }
}

#[test]
fn what_cannot_be_shown_is_no_id() {
    let too_long = "x".repeat(256);
    for id in ["", "a b", "a\"b", "a\\b", "a\nb", "ä", "\u{7f}", &too_long] {
        let other = format!("{{\"jti\":\"{id}\"}}");
        assert_eq!(found(id, &other), None, "{id:?}");
    }
    assert_eq!(found("j1", r#"{"jti":"j2"}"#), None);
    assert_eq!(TokenId::find(None, Some("{}")).in_text("{}"), None);
    assert_eq!(TokenId::find(Some("j1"), None).in_text(""), None);
    // Further away than the place can say.
    let far = format!(r#"{{"a":"{}","jti":"j1"}}"#, " ".repeat(70_000));
    assert_eq!(found("j1", &far), None);
}
