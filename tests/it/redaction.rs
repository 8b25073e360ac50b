//! No token, no secret and nothing that says who a person is in logs, `Debug` texts or errors.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tracing::{dispatcher::Dispatch, subscriber::NoSubscriber};

use tower_clerk::{
    AuthError, BearerToken, ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder, Enrichment,
    RequireLayer, TokenInfo, TokenKind, Tokens, Verify, VerifyRequest,
    fake_clerk::{Endpoint, Fault},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::support::{App, World};

/// Collects what is logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Logs everything of this thread, at every level, from every crate, until the guard is dropped.
    pub fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        let_every_subscriber_be_asked();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("trace"))
            .with_ansi(false)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

/// Keeps two subscribers of no interest for as long as the process lives.
///
/// Whether anybody wants a log statement is asked once, when the first thread comes upon it. Where `tracing`
/// knows of one subscriber at the most, it asks that thread's own: a test without a log, that runs beside,
/// would have the statement silenced in the log of ours. Where it knows of several, it asks them all.
pub fn let_every_subscriber_be_asked() {
    static KEPT: OnceLock<[Dispatch; 2]> = OnceLock::new();
    KEPT.get_or_init(|| [0, 1].map(|_| Dispatch::new(NoSubscriber::default())));
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a_statement_is_logged_though_a_thread_without_a_log_came_upon_it_first() {
    let say = || tracing::info!("said");
    let log = Log::default();
    let guard = log.subscribe();
    std::thread::spawn(say).join().unwrap();
    say();
    drop(guard);
    assert_eq!(log.text().matches("said").count(), 1);
}

#[track_caller]
pub fn assert_clean(what: &str, text: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!text.contains(secret), "{what} shows {secret:?}:\n{text}");
    }
}

#[tokio::test]
async fn logs_at_trace_show_no_token_no_secret_and_no_person() {
    // B27, C113, E14
    let log = Log::default();
    let guard = log.subscribe();
    let world = World::new();
    world
        .clerk
        .user("user_canary")
        .email("canary@example.com")
        .name("Canary Bird")
        .save();
    let good = world.clerk.token("user_canary").issue();
    let jwt = world.clerk.token("user_canary").jwt().issue();
    let refresh_token = world.clerk.refresh_token("user_canary");
    let secret = world.clerk.client_secret();
    let config = || {
        world
            .config()
            .timeout(Duration::from_millis(300))
            .attempt_timeout(Duration::from_millis(100))
    };
    let wrong = App::new(config().client_credentials(world.clerk.client_id(), "wrongCanarySecret"));
    let app = App::new(config());
    let mut texts = String::new();
    for (endpoint, fault) in [
        (Endpoint::Jwks, Fault::status(500)),
        (Endpoint::Userinfo, Fault::status(500)),
        (Endpoint::Introspection, Fault::status(500)),
        (Endpoint::Introspection, Fault::status(401)),
        (Endpoint::Introspection, Fault::malformed()),
        (Endpoint::Introspection, Fault::reset()),
        (Endpoint::Introspection, Fault::hang()),
        (
            Endpoint::Introspection,
            Fault::answer(
                200,
                "application/json",
                r#"{"active":"canary@example.com"}"#,
            ),
        ),
        (
            Endpoint::Introspection,
            Fault::status(302).header("location", "http://127.0.0.1:1/canary@example.com"),
        ),
    ] {
        world.clerk.fail(endpoint, fault);
        app.layer.authenticator().invalidate(Tokens::all());
        for token in [&*good, &*jwt, &*refresh_token, "oat_badCanaryToken"] {
            for app in [&app, &wrong] {
                let answer = app.bearer(token).await;
                texts += &format!("{answer:?}");
            }
        }
        world.clerk.heal_all();
    }
    texts += &format!("{:?}", app.bearer(&good).await);
    app.layer.authenticator().invalidate(Tokens::one(&good));
    app.layer
        .authenticator()
        .invalidate(Tokens::of_subject("user_canary"));
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("request to Clerk failed"),
        "the log is not empty:\n{log}"
    );
    let secrets = [
        &*good,
        &*jwt,
        &*refresh_token,
        &*secret,
        "badCanaryToken",
        "wrongCanarySecret",
        "canary",
        "Canary",
    ];
    assert_clean("the log", &log, &secrets);
    assert_clean("an answer", &texts, &secrets);
}

#[tokio::test]
async fn debug_texts_show_no_token_no_secret_and_no_person() {
    struct Shows(Mutex<String>);
    impl Verify for Shows {
        fn verify<'a>(
            &'a self,
            verification: VerifyRequest<'a>,
        ) -> futures_util::future::BoxFuture<'a, Result<TokenInfo, AuthError>> {
            let token: &BearerToken = verification.token();
            let answer = TokenInfo::from_introspection(
                br#"{"active":true,"client_id":"me","sub":"user_canary","x":"canary"}"#,
            );
            *self.0.lock().unwrap() = format!("{verification:?} {token:#?} {answer:#?}");
            Box::pin(async { answer })
        }
    }
    impl Verify for &'static Shows {
        fn verify<'a>(
            &'a self,
            verification: VerifyRequest<'a>,
        ) -> futures_util::future::BoxFuture<'a, Result<TokenInfo, AuthError>> {
            (**self).verify(verification)
        }
    }

    let builder = ClerkConfig::builder("clerk.example.com")
        .client_credentials("me", "canarySecret")
        .enrichment(Enrichment::Off);
    let mut texts = format!("{builder:#?}");
    let config = builder.build().unwrap();
    texts += &format!("{config:#?}");
    let shows: &'static Shows = Box::leak(Box::new(Shows(Mutex::default())));
    let layer = ClerkAuthLayer::with_verifier(config, shows);
    let answer = App::of(layer.clone()).bearer("oat_canary").await;
    texts += &format!("{layer:#?} {answer:#?} {:#?}", answer.claims());
    texts += &shows.0.lock().unwrap();
    assert_clean("a Debug text", &texts, &["canary"]);
    assert!(texts.contains("BearerToken([redacted])"));
}

#[tokio::test]
async fn errors_show_their_cause_and_nothing_else() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    for fault in [
        Fault::malformed(),
        Fault::reset(),
        Fault::status(500),
        Fault::oversized(70_000),
    ] {
        world.clerk.fail(Endpoint::Introspection, fault);
        let answer = world.app().bearer(&token).await;
        let error = answer.error();
        let mut text = format!("{error:?}");
        let mut next: Option<&dyn Error> = Some(error);
        while let Some(error) = next {
            text += &format!(" {error}");
            next = error.source();
        }
        assert_clean(
            "an error",
            &text,
            &[&token, &world.clerk.client_secret(), "127.0.0.1"],
        );
    }
}

#[test]
fn configuration_errors_show_no_secret() {
    let secret = "canary\u{7f}secret";
    let error = ClerkConfig::builder("clerk.example.com")
        .client_credentials("me", secret)
        .build()
        .unwrap_err();
    assert_clean("the error", &format!("{error} {error:?}"), &["canary"]);
    assert!(error.to_string().contains("client_secret"));
}

/// Texts that are secrets, or hold one. Each has the canary in it.
const SECRETS: [&str; 9] = [
    "sk_live_canary",
    "https://user:canary@clerk.example.com",
    "https://user%40example.com:canary%40clerk.example.com",
    "ak_canary",
    "whsec_canary",
    "oat_canary",
    "eyJhbGciOiJSUzI1NiJ9.canary.c2ln",
    "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    "canary",
];

/// A setter of one option, by its name.
type Setter = (
    &'static str,
    fn(ClerkConfigBuilder, &str) -> ClerkConfigBuilder,
);

/// All options that take a text.
const TEXTS: [Setter; 19] = [
    ("client_id", |it, text| {
        it.client_credentials(text, "secret")
    }),
    ("client_secret", |it, text| {
        it.client_credentials("me", text)
    }),
    ("required_scopes", |it, text| it.required_scopes([text])),
    ("allow_clients", |it, text| it.allow_clients(["me", text])),
    ("audiences", |it, text| it.audiences([text])),
    ("resource", |it, text| it.resource(text)),
    ("a resource with a path", |it, text| {
        it.resource(format!("https://api.example.com/{text}"))
    }),
    ("resource_name", |it, text| it.resource_name(text)),
    ("resource_documentation", |it, text| {
        it.resource_documentation(text)
    }),
    ("scopes_supported", |it, text| it.scopes_supported([text])),
    ("jwt_key", |it, text| it.jwt_key(text)),
    ("authorized_parties", |it, text| {
        it.authorized_parties([text])
    }),
    ("secret_key", |it, text| it.secret_key(text)),
    ("backend_api_url", |it, text| it.backend_api_url(text)),
    ("a Backend API behind a proxy", |it, text| {
        it.backend_api_url(format!("https://api.example.com/{text}"))
    }),
    ("backend_api_version", |it, text| {
        it.backend_api_version(text)
    }),
    ("machines", |it, text| it.machines([text])),
    ("machines with a prefix", |it, text| {
        it.machines([format!("mch_{text}")])
    }),
    ("discovery_origins", |it, text| {
        it.discover().discovery_origins([text])
    }),
];

#[test]
fn no_text_of_a_builder_shows_what_may_be_a_secret() {
    // fault D1
    let instance = |text: &str| ClerkConfig::builder(text).client_credentials("me", "secret");
    let mut tried = 0;
    let mut check = |option: &str, secret: &str, builder: ClerkConfigBuilder| {
        let name = format!("{option} = {secret}");
        let mut texts = format!("{builder:?} {builder:#?}");
        assert_clean(&name, &texts, &["canary"]);
        // What is only a word could be a name as well, and an error has to say what it is about.
        let is_a_word = secret == "canary";
        match builder.build() {
            Ok(config) => {
                texts += &format!("{config:?} {config:#?}");
                let layer = ClerkAuthLayer::new(config);
                let (stats, health) = (
                    layer.authenticator().stats(),
                    layer.authenticator().health(),
                );
                texts += &format!("{layer:?} {layer:#?} {stats:?} {health:?}");
                texts += &format!("{:#?}", tower::Layer::layer(&layer, "inner"));
            }
            Err(_) if is_a_word => {}
            Err(error) => texts += &format!("{error} {error:?} {error:#?}"),
        }
        // The issuer and the address of the metadata are public.
        let is_public = option.contains("resource") || (option == "instance" && is_a_word);
        if !is_public {
            assert_clean(&name, &texts, &["canary"]);
        }
        tried += 1;
    };
    for secret in SECRETS {
        check("instance", secret, instance(secret));
        for (option, set) in TEXTS {
            check(option, secret, set(instance("clerk.example.com"), secret));
            let all = instance("clerk.example.com")
                .accept([TokenKind::OAuth, TokenKind::Session, TokenKind::Machine])
                .allow_any_machine();
            check(option, secret, set(all, secret));
        }
    }
    assert_eq!(tried, SECRETS.len() * (1 + 2 * TEXTS.len()));
    // A single word may be a password: a builder does not show it as its instance.
    let shown = format!("{:?}", instance("canary"));
    assert_clean("a builder", &shown, &["canary"]);
    let shown = format!("{:?}", instance("clerk.example.com"));
    assert!(shown.contains("clerk.example.com"), "{shown}");
}

#[test]
fn no_text_of_a_rule_or_a_file_shows_what_may_be_a_secret() {
    // fault D1
    for secret in SECRETS.into_iter().filter(|secret| *secret != "canary") {
        let texts = format!(
            "{:?} {:?}",
            RequireLayer::permissions([secret]),
            RequireLayer::any_role([secret])
        );
        assert_clean(secret, &texts, &["canary"]);
        for member in [
            "cache_ttl",
            "leeway",
            "client_secret",
            "domain",
            "backend_api_url",
            "timeout",
        ] {
            let file = serde_json::json!({
                "client_id": "me", "client_secret": "secret", "domain": "clerk.example.com",
            });
            let mut file = file;
            file[member] = secret.into();
            let error = serde_json::from_value::<ClerkConfig>(file).err();
            assert_clean(member, &format!("{error:?}"), &["canary"]);
        }
    }
}
