//! Tests that need another environment than this process has: they run once more, in a process of
//! their own. And the certificates that such a process is made to trust.
#![expect(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use std::{
    env,
    ffi::OsStr,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// Whether this process is the one that [`again`] has started.
pub fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs the test of this name once more, in another environment, and expects it to pass there.
pub fn again(test: &str, variables: &[(&str, impl AsRef<OsStr>)]) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{trouble}");
    assert!(told.contains("1 passed"), "{told}\n{trouble}");
}

/// Runs the test once more, in a process that trusts the authority of [`authority`].
pub fn again_with_authority(test: &str) {
    let key = KeyPair::generate().unwrap();
    let certificate = authority_params().self_signed(&key).unwrap();
    let name = format!("{}-{}.pem", test.replace(':', "-"), std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, certificate.pem()).unwrap();
    let variables = [
        ("SSL_CERT_FILE", path.to_str().unwrap()),
        (KEY, &key.serialize_pem()),
    ];
    again(test, &variables);
    fs::remove_file(path).unwrap();
}

/// In such a process, who is trusted.
pub fn authority() -> Issuer<'static, KeyPair> {
    let key = KeyPair::from_pem(&env::var(KEY).unwrap()).unwrap();
    Issuer::new(authority_params(), key)
}

/// Somebody who calls himself the same, and whom nobody trusts.
pub fn impostor() -> Issuer<'static, KeyPair> {
    Issuer::new(authority_params(), KeyPair::generate().unwrap())
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    params
}

/// The certificate of a server, for the names given.
pub fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// TLS with such a certificate; signed by itself if by nobody else. The protocol is `http/1.1` or
/// `h2`.
pub fn tls(
    params: &CertificateParams,
    issuer: Option<&Issuer<'_, KeyPair>>,
    protocol: &str,
) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.unwrap().der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.into()];
    TlsAcceptor::from(Arc::new(config))
}

const CHILD: &str = "TOWER_CLERK_TEST_CHILD";
const KEY: &str = "TOWER_CLERK_TEST_KEY";
