//! The key and the algorithms of JWTs.

use super::{builder, check_all};
use crate::{JwtAlgorithm, JwtVerification, TokenKind};

/// A public key, 2048 bits, whose other half nobody has.
const PEM: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArSImpo4YZTEMyuV/HGq8
3LKDVBdr+U5dYWh4x95yVs2YyKeaIM4PGnL58y8tB0PJhzIwK2qq5hDXZ6lG1Y5t
UBTPGB7TF40NrtOZQupRgfITQr3Vlq3+6Xwh3ZS1RPCxYlXo6z3ZFY/iLrRccfL2
LmclT1uwPm4BJmnl9YM5V2UDokw2cvXGFkduCpkXNliN3xAMydT5CpMb3zkrHyUQ
YZG/kCPUM4fhX2YvQ9mh1M+loh4ju1NhVfN81HFeIYhxZ0LpfvLL6wlLLF8nWeh6
qGESZHfR82wRPcNvPCruY0UIR3MNqaeqJLUYgwCJYrQS+g2FZ634R3WCUPfswKrf
FQIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn a_key_is_checked_before_a_token_comes() {
    let invalid = Some(("invalid secret", "jwt_key"));
    check_all([
        ("none", builder(), None),
        ("in PEM", builder().jwt_key(PEM), None),
        ("empty", builder().jwt_key(""), invalid),
        ("no key", builder().jwt_key("canary"), invalid),
        ("a secret key", builder().jwt_key("sk_test_canary"), invalid),
        (
            "a private key",
            builder().jwt_key(PEM.replace("PUBLIC", "PRIVATE")),
            invalid,
        ),
    ]);
}

#[test]
fn algorithms_are_listed() {
    let none: [JwtAlgorithm; 0] = [];
    check_all([
        ("one", builder().jwt_algorithms([JwtAlgorithm::Rs512]), None),
        (
            "none",
            builder().jwt_algorithms(none),
            Some(("missing", "jwt_algorithms")),
        ),
    ]);
}

#[test]
fn credentials_are_for_introspection() {
    let bare = || crate::ClerkConfig::builder("clerk.example.com").transport(super::Silent);
    let local = || bare().oauth_jwts(JwtVerification::Local);
    check_all([
        ("sessions alone", bare().accept([TokenKind::Session]), None),
        ("nobody is asked", local().allow_any_client(), None),
        (
            "a client is named",
            local().allow_clients(["client_1"]),
            None,
        ),
        (
            "nobody says whose tokens",
            local(),
            Some(("missing", "allowed_clients")),
        ),
        (
            "Clerk is asked, too",
            bare()
                .oauth_jwts(JwtVerification::LocalThenIntrospect)
                .allow_any_client(),
            Some(("missing", "client_id")),
        ),
    ]);
}
