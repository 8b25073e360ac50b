//! The key and the algorithms of JWTs.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{accepting, builder, check_all, oauth};
use crate::{
    config::{JwtKeys, keys::CheckedKeys},
    kinds::{OAuthTokens, SessionTokens},
    verify::{JwtAlgorithm, JwtVerification},
};

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
    let invalid = Some(("invalid secret", "jwt_keys"));
    let with = |pem: &str| builder().jwt_keys(JwtKeys::pem(pem));
    check_all([
        ("none", builder(), None),
        (
            "of the instance",
            builder().jwt_keys(JwtKeys::instance()),
            None,
        ),
        (
            "of the Backend API",
            builder()
                .jwt_keys(JwtKeys::backend_api())
                .secret_key("sk_test_1"),
            None,
        ),
        (
            "of the Backend API, without its secret key",
            builder().jwt_keys(JwtKeys::backend_api()),
            Some(("missing", "secret_key")),
        ),
        (
            "of the Backend API, with another key",
            builder()
                .jwt_keys(JwtKeys::backend_api())
                .secret_key("pk_test_1"),
            Some(("invalid secret", "secret_key")),
        ),
        ("in PEM", with(PEM), None),
        ("empty", with(""), invalid),
        ("no key", with("canary"), invalid),
        ("a secret key", with("sk_test_canary"), invalid),
        (
            "a private key",
            with(&PEM.replace("PUBLIC", "PRIVATE")),
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
fn a_pem_is_read_in_the_forms_of_env_files() {
    // fault E8
    let one_line = |newline: &str| PEM.trim_end().replace('\n', newline);
    let body: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
    for (name, input) in [
        ("as it is", PEM.to_owned()),
        ("with CRLF", one_line("\r\n")),
        ("escaped", one_line("\\n")),
        ("escaped CRLF", one_line("\\r\\n")),
        ("without line breaks", one_line("")),
        ("in quotes", format!("\"{PEM}\"")),
        ("in single quotes", format!("'{}'", one_line("\\n"))),
        (
            "in quotes, escaped",
            format!(" \"{}\" ", one_line("\\r\\n")),
        ),
        ("base64 of it", STANDARD.encode(PEM)),
        ("base64 of it in lines", {
            let encoded = STANDARD.encode(PEM);
            format!("{}\n{}", &encoded[..64], &encoded[64..])
        }),
        ("its body", body.clone()),
    ] {
        let config = builder().jwt_keys(JwtKeys::pem(input)).build();
        let keys = config.unwrap().jwt_keys;
        assert!(matches!(keys, CheckedKeys::Key(_)), "{name}");
    }
    let of = |label: &str| PEM.replace("PUBLIC KEY", label);
    for (name, input, expected) in [
        ("nothing", String::new(), "empty"),
        ("a private key", of("PRIVATE KEY"), "private key"),
        ("another private key", of("RSA PRIVATE KEY"), "private key"),
        ("PKCS #1", of("RSA PUBLIC KEY"), "PKCS #1"),
        ("a certificate", of("CERTIFICATE"), "certificate"),
        ("a secret key", "sk_test_canary".to_owned(), "secret key"),
        (
            "a publishable key",
            "pk_test_canary".to_owned(),
            "publishable key",
        ),
        (
            "the address of a key set",
            "https://canary.example/jwks.json".to_owned(),
            "an address",
        ),
        ("a key set", r#"{"keys":[]}"#.to_owned(), "key set"),
        (
            "its first line",
            PEM.lines().next().unwrap().to_owned(),
            "last line is missing",
        ),
        (
            "a part",
            PEM.replace("MIIB", "MIIC"),
            "between its first and last line",
        ),
        ("a word", "canary".to_owned(), "not a PEM"),
    ] {
        let error = builder().jwt_keys(JwtKeys::pem(input)).build().unwrap_err();
        let [problem] = error.problems() else {
            panic!("{name}: {error}");
        };
        assert!(problem.message().contains(expected), "{name}: {error}");
        assert!(
            problem.message().contains("BEGIN PUBLIC KEY"),
            "{name}: {error}"
        );
        assert!(!error.to_string().contains("canary"), "{name}: {error}");
    }
}

#[test]
fn credentials_are_for_introspection() {
    let clients = Some(("missing", "accept.oauth.allowed_clients"));
    let local = OAuthTokens::signature;
    check_all([
        ("sessions alone", accepting(SessionTokens::new()), None),
        ("no call", accepting(local().allow_any_client()), None),
        (
            "a client is named",
            accepting(local().allow_clients(["client_1"])),
            None,
        ),
        ("no client is named", accepting(local()), clients),
        (
            "a call, too",
            accepting(
                local()
                    .allow_any_client()
                    .jwts(JwtVerification::LocalThenIntrospect),
            ),
            Some(("invalid secret", "accept.oauth.jwts")),
        ),
        (
            "a call instead",
            accepting(local().allow_any_client().jwts(JwtVerification::Introspect)),
            Some(("invalid secret", "accept.oauth.jwts")),
        ),
        (
            "a verifier of one's own",
            accepting(OAuthTokens::verified_by(super::Never)),
            clients,
        ),
        (
            "an own client that is not needed",
            accepting(oauth().jwts(JwtVerification::Local)),
            None,
        ),
    ]);
}
