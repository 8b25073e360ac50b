//! No token, no secret and nothing that says who a person is in logs, `Debug` texts or errors.

use std::{
    error::Error,
    io,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tracing::{dispatcher::Dispatch, subscriber::NoSubscriber};

use tower_clerk::{
    AuthError, ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder, RequireLayer, TokenKind, Tokens,
    config::{JwtKeys, Resource},
    fake_clerk::{Endpoint, Fault},
    fleet::Fleet,
    kinds::{Enrichment, MachineTokens, OAuthTokens},
    verify::{BearerToken, TokenInfo, Verify, VerifyRequest},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::support::{App, Kinds, World};

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
    let config = |oauth| {
        world
            .accepting(oauth)
            .timeout(Duration::from_millis(300))
            .attempt_timeout(Duration::from_millis(100))
    };
    let wrong = OAuthTokens::introspection(world.clerk.client_id(), "wrongCanarySecret");
    let wrong = App::new(config(wrong));
    let app = App::new(config(world.oauth()));
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
            let token: BearerToken<'_> = verification.token();
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

    let shows: &'static Shows = Box::leak(Box::new(Shows(Mutex::default())));
    let oauth = OAuthTokens::verified_by(shows).allow_clients(["me"]);
    let builder = ClerkConfig::builder("clerk.example.com")
        .accept(oauth.userinfo(Enrichment::Off))
        .secret_key("sk_test_canarySecret");
    let mut texts = format!("{builder:#?}");
    let config = builder.build().unwrap();
    texts += &format!("{config:#?}");
    let layer = ClerkAuthLayer::new(config);
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
        .accept(OAuthTokens::introspection("me", secret))
        .build()
        .unwrap_err();
    assert_clean("the error", &format!("{error} {error:?}"), &["canary"]);
    assert!(error.to_string().contains("client_secret"));
}

/// Texts that are secrets, or hold one. Each has the canary in it.
const SECRETS: [&str; 10] = [
    "sk_live_canary",
    "https://user:canary@clerk.example.com",
    "https://user%40example.com:canary%40clerk.example.com",
    "ak_canary",
    "whsec_canary",
    "oat_canary",
    "eyJhbGciOiJSUzI1NiJ9.canary.c2ln",
    "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    "AAECAwQFBgcICQoLDA0ODxAREcanaryAGBkaGxwdHh8",
    "canary",
];

/// The secret of a fleet: 32 bytes.
const FLEET_SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Sets one option, by its name, in a configuration that accepts these kinds.
type Setter = (
    &'static str,
    fn(ClerkConfigBuilder, Kinds, &str) -> (ClerkConfigBuilder, Kinds),
);

/// An option of OAuth tokens.
fn oauth(
    (config, mut kinds): (ClerkConfigBuilder, Kinds),
    set: impl FnOnce(OAuthTokens) -> OAuthTokens,
) -> (ClerkConfigBuilder, Kinds) {
    kinds.oauth = set(kinds.oauth);
    (config, kinds)
}

/// An option of the resource.
fn resource(
    (config, kinds): (ClerkConfigBuilder, Kinds),
    set: impl FnOnce(Resource) -> Resource,
) -> (ClerkConfigBuilder, Kinds) {
    let resource = set(Resource::new("https://api.example.com"));
    (config.resource(resource), kinds)
}

/// All options that take a text.
const TEXTS: [Setter; 28] = [
    ("client_id", |it, mut kinds, text| {
        kinds.oauth = OAuthTokens::introspection(text, "secret");
        (it, kinds)
    }),
    ("client_secret", |it, mut kinds, text| {
        kinds.oauth = OAuthTokens::introspection("me", text);
        (it, kinds)
    }),
    ("required_scopes", |it, kinds, text| {
        oauth((it, kinds), |oauth| oauth.required_scopes([text]))
    }),
    ("allow_clients", |it, kinds, text| {
        oauth((it, kinds), |oauth| oauth.allow_clients(["me", text]))
    }),
    ("audiences", |it, kinds, text| {
        oauth((it, kinds), |oauth| oauth.audiences([text]))
    }),
    ("audiences of session tokens", |it, mut kinds, text| {
        kinds.session = kinds.session.audiences([text]);
        (it, kinds)
    }),
    ("required_scopes of API keys", |it, mut kinds, text| {
        kinds.api_key = kinds.api_key.required_scopes([text]);
        (it.accept(kinds.api_key.clone()), kinds)
    }),
    ("resource", |it, kinds, text| (it.resource(text), kinds)),
    ("a resource with a path", |it, kinds, text| {
        (
            it.resource(format!("https://api.example.com/{text}")),
            kinds,
        )
    }),
    ("resource_name", |it, kinds, text| {
        resource((it, kinds), |resource| resource.name(text))
    }),
    ("resource_documentation", |it, kinds, text| {
        resource((it, kinds), |resource| resource.documentation(text))
    }),
    ("scopes_supported", |it, kinds, text| {
        resource((it, kinds), |resource| resource.scopes_supported([text]))
    }),
    ("jwt_keys", |it, kinds, text| {
        (it.jwt_keys(JwtKeys::pem(text)), kinds)
    }),
    ("authorized_parties", |it, mut kinds, text| {
        kinds.session = kinds.session.authorized_parties([text]);
        (it, kinds)
    }),
    (
        "an authorized party with a scheme",
        |it, mut kinds, text| {
            let party = format!("https://{text}");
            kinds.session = kinds.session.authorized_parties([party]);
            (it, kinds)
        },
    ),
    ("secret_key", |it, kinds, text| (it.secret_key(text), kinds)),
    ("machine_secret_key", |it, mut kinds, text| {
        kinds.machine = kinds.machine.machine_secret_key(text);
        (it, kinds)
    }),
    ("backend_api_url", |it, kinds, text| {
        (it.backend_api_url(text), kinds)
    }),
    ("a Backend API behind a proxy", |it, kinds, text| {
        (
            it.backend_api_url(format!("https://api.example.com/{text}")),
            kinds,
        )
    }),
    ("backend_api_version", |it, kinds, text| {
        (it.backend_api_version(text), kinds)
    }),
    ("machines", |it, mut kinds, text| {
        kinds.machine = MachineTokens::addressed_to([text]);
        (it, kinds)
    }),
    ("machines with a prefix", |it, mut kinds, text| {
        kinds.machine = MachineTokens::addressed_to([format!("mch_{text}")]);
        (it, kinds)
    }),
    ("discover", |it, kinds, text| (it.discover([text]), kinds)),
    ("the URL of a fleet", |it, kinds, text| {
        (it.fleet(Fleet::redis(text, FLEET_SECRET)), kinds)
    }),
    ("the password of a fleet", |it, kinds, text| {
        let url = format!("rediss://:{text}@cache.internal");
        (it.fleet(Fleet::redis(url, FLEET_SECRET)), kinds)
    }),
    ("the secrets of a fleet", |it, kinds, text| {
        let fleet = Fleet::redis("redis://localhost", text).other_secrets([text]);
        (it.fleet(fleet), kinds)
    }),
    ("the certificates of a fleet", |it, kinds, text| {
        let fleet = Fleet::redis("rediss://localhost", FLEET_SECRET).root_certificates(text);
        (it.fleet(fleet), kinds)
    }),
    ("an origin that is discovered", |it, kinds, text| {
        (it.discover([format!("https://{text}")]), kinds)
    }),
];

#[test]
fn no_text_of_a_builder_shows_what_may_be_a_secret() {
    // fault D1
    let kinds = || Kinds::of(OAuthTokens::introspection("me", "secret"));
    let instance = |text: &str| ClerkConfig::builder(text);
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
            Err(error) => texts += &format!("{error} {error:?} {error:#?} {:?}", error.problems()),
        }
        // The issuer and the address of the metadata are public.
        let is_public = option.contains("resource") || (option == "instance" && is_a_word);
        if !is_public {
            assert_clean(&name, &texts, &["canary"]);
        }
        tried += 1;
    };
    for secret in SECRETS {
        check("instance", secret, instance(secret).accept(kinds().oauth));
        for (option, set) in TEXTS {
            let (config, chosen) = set(instance("clerk.example.com"), kinds(), secret);
            check(option, secret, chosen.accept(config, [TokenKind::OAuth]));
            let (config, chosen) = set(instance("clerk.example.com"), kinds(), secret);
            let all = [TokenKind::OAuth, TokenKind::Session, TokenKind::Machine];
            check(option, secret, chosen.accept(config, all));
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
            "instance",
            "backend_api_url",
            "timeout",
            "jwt_keys",
            "users",
            "resource",
            "fleet",
            "fleet.url",
            "fleet.secret",
            "fleet.other_secrets",
            "fleet.root_certificates",
        ] {
            let mut file = serde_json::json!({
                "instance": "clerk.example.com",
                "accept": { "oauth": { "client_id": "me", "client_secret": "secret" } },
            });
            let table = match member {
                "client_secret" => &mut file["accept"]["oauth"],
                _ if member.contains('.') => &mut file["fleet"],
                _ => &mut file,
            };
            let field = member.rsplit('.').next().unwrap();
            table[field] = secret.into();
            let error = serde_json::from_value::<ClerkConfig>(file).err();
            assert_clean(member, &format!("{error:?}"), &["canary"]);
        }
    }
}
