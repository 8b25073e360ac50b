use super::may_be_secret;
use crate::checks::Flaw;

#[test]
fn what_has_the_form_of_a_secret_is_one() {
    // fault D1
    for text in [
        "sk_live_abc",
        "sk_test_abc",
        " sk_live_abc",
        "https://sk_live_abc",
        "https://api.example.com/sk_live_abc",
        "CLERK_SECRET_KEY=sk_live_abc",
        "ak_abc",
        "oat_abc",
        "mt_abc",
        "whsec_abc",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2ln",
        "-----BEGIN PRIVATE KEY-----",
        "Bearer abc",
        "Basic abc",
        "https://user:password@host",
        "user:password@host",
        "user@host",
        "https://user%40host",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "__77__77__77__77__77__77__77__77__77__77_-8=",
        "https://AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "mch_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        " __77__77__77__77__77__77__77__77__77__77_-8\n",
    ] {
        assert!(may_be_secret(text), "{text}");
        let flaw = Flaw::invalid(text, "reason");
        assert_eq!(flaw.message(), "cannot be used: reason", "{text}");
    }
    for text in [
        "",
        "clerk.example.com",
        "https://clerk.example.com",
        "https://clerk.example.com:8080/path?query#fragment",
        "http://[::1]:3000",
        "http://[::1]",
        "urn:example:api",
        "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k",
        "task_list",
        "desk_read",
        "email profile",
        "2026-05-12",
        "org:admin",
        "a-host-with-a-name-of-44-letters.example.com",
        "https://a-host-with-a-name-of-more-than-43-letters.ex",
    ] {
        assert!(!may_be_secret(text), "{text}");
        let flaw = Flaw::invalid(text, "reason");
        assert_eq!(flaw.message(), format!("cannot be {text:?}: reason"));
    }
}
