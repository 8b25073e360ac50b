use super::near;

#[test]
fn a_name_made_from_an_option_leads_to_its_variable() {
    for (name, expected) in [
        ("CLERK_STALE_IF_ERROR", Some("CLERK_STALE_FOR")),
        ("CLERK_STALE_FORR", Some("CLERK_STALE_FOR")),
        ("CLERK_BACKEND_API_URL", Some("CLERK_API_URL")),
        ("CLERK_CLIENT_ID", Some("CLERK_OAUTH_CLIENT_ID")),
        ("CLERK_CLIENT_SECRET", Some("CLERK_OAUTH_CLIENT_SECRET")),
        ("CLERK_ADDRESSED_TO", Some("CLERK_MACHINES")),
        ("CLERK_INSTANCE", Some("CLERK_DOMAIN")),
        ("CLERK_STALE", None),
        ("STALE_IF_ERROR", None),
        ("CLERK_", None),
    ] {
        let found = near(name).map(|near| near.known.name);
        assert_eq!(found, expected, "{name}");
    }
}
