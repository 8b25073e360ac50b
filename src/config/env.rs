//! The configuration from the environment.
//!
//! The options that apply to all kinds are read immediately. The options of a kind are read by `build`, since a kind
//! that code accepts replaces the whole kind of the environment.

mod names;

use std::{collections::BTreeMap, time::Duration};

use self::names::{KNOWN, Known, Near};
use super::{JwtKeys, Resource};
#[cfg(feature = "jwt")]
use crate::kinds::SessionTokens;
use crate::{
    ClerkConfig, ClerkConfigBuilder, ConfigError, TokenKind,
    checks::{
        Flaw, Problems, may_be_secret,
        parse::{self, Named},
    },
    clerk::instance::Instance,
    kinds::{Accepted, ApiKeys, AudiencePolicy, MachineTokens, OAuthTokens, name_of},
    token::Kinds,
    verify::{Enrichment, JwtVerification},
};

impl ClerkConfig {
    /// Reads the configuration from the environment and checks it:
    /// [`ClerkConfigBuilder::from_env`], and [`build`](ClerkConfigBuilder::build).
    ///
    /// | variable | option | value |
    /// |---|---|---|
    /// | `CLERK_DOMAIN`, `CLERK_PUBLISHABLE_KEY` | [`builder`](Self::builder) | host, URL, or key; both set: of one instance |
    /// | `CLERK_PROXY_URL` | [`proxy_url`](ClerkConfigBuilder::proxy_url) | URL, not a path alone |
    /// | `CLERK_ACCEPT` | [`accept`](ClerkConfigBuilder::accept) | list of `oauth`, `session`, `api_key`, `machine`; unset: `oauth`, unless code accepts a kind |
    /// | `CLERK_OAUTH_ENDPOINT` | [`OAuthTokens`] | `introspection`, `backend-api` |
    /// | `CLERK_OAUTH_CLIENT_ID`, `CLERK_OAUTH_CLIENT_SECRET` | [`OAuthTokens::introspection`] | |
    /// | `CLERK_OAUTH_JWTS` | `OAuthTokens::jwts` | `introspect`, `local`, `local-then-introspect`; `local` without client credentials is `OAuthTokens::signature` |
    /// | `CLERK_REQUIRED_SCOPES` | [`OAuthTokens::required_scopes`], [`ApiKeys::required_scopes`] | list; other kinds must not be accepted then |
    /// | `CLERK_ALLOWED_CLIENTS` | [`OAuthTokens::allow_clients`] | list, or `*` for [any](OAuthTokens::allow_any_client) |
    /// | `CLERK_AUDIENCES` | `audiences` of OAuth and session tokens | list |
    /// | `CLERK_AUDIENCE_POLICY` | `audience_policy` of OAuth and session tokens | `observe`, `reject-foreign`, `require` |
    /// | `CLERK_OPAQUE_TOKENS` | [`OAuthTokens::unprefixed`] | `prefixed`, `any` |
    /// | `CLERK_AUTHORIZED_PARTIES` | `SessionTokens::authorized_parties` | list of origins |
    /// | `CLERK_SESSION_COOKIE` | `SessionTokens::cookie` | `1`, `true` |
    /// | `CLERK_MACHINES` | [`MachineTokens::addressed_to`] | list, or `*` for [any](MachineTokens::addressed_to_any) |
    /// | `CLERK_MACHINE_SECRET_KEY` | [`MachineTokens::machine_secret_key`] | |
    /// | `CLERK_MACHINE_JWTS` | `MachineTokens::jwts` | `1`, `true` |
    /// | `CLERK_SECRET_KEY` | [`secret_key`](ClerkConfigBuilder::secret_key) | |
    /// | `CLERK_API_URL` | [`backend_api_url`](ClerkConfigBuilder::backend_api_url) | URL |
    /// | `CLERK_JWT_KEY` | [`jwt_keys`](ClerkConfigBuilder::jwt_keys) | PEM; ignored without the feature `jwt` |
    /// | `CLERK_RESOURCE` | [`resource`](ClerkConfigBuilder::resource) | URI |
    /// | `CLERK_ENRICH` | [`OAuthTokens::userinfo`] | `off`, `best-effort`, `required` |
    /// | `CLERK_PROFILE_SOURCE` | [`users`](ClerkConfigBuilder::users) | `userinfo`; `backend-api`: `CLERK_ENRICH` sets `users` |
    /// | `CLERK_CACHE_TTL` | [`cache_ttl`](ClerkConfigBuilder::cache_ttl) | seconds or `30s`; `0` turns the cache off |
    /// | `CLERK_STALE_FOR` | [`stale_if_error`](ClerkConfigBuilder::stale_if_error) | seconds or `5m` |
    /// | `CLERK_TIMEOUT` | [`timeout`](ClerkConfigBuilder::timeout) | seconds or `500ms` |
    /// | `CLERK_RATE_LIMIT` | [`rate_limit`](ClerkConfigBuilder::rate_limit) | calls in ten seconds; `0` turns the limit off |
    /// | `CLERK_WEBHOOK_SIGNING_SECRET` | `webhook_secrets` | list; ignored without the feature `webhooks` |
    /// | `CLERK_FLEET_URL`, `CLERK_FLEET_SECRET` | `fleet` | URL of Redis; list of secrets, the first of which is `secret` and the others `other_secrets` |
    /// | `CLERK_DANGER_ALLOW_HTTP` | [`danger_allow_http`](ClerkConfigBuilder::danger_allow_http) | `1`, `true` |
    ///
    /// White space around a value is removed. Quotes are part of a value, and problems. An empty variable counts as not
    /// set.
    ///
    /// A variable is *restricting* if it sets scopes, clients, audiences, parties, machines, the resource or the
    /// accepted kinds. Such a variable is a problem if it is set but empty, if its kind is not accepted, or if a name
    /// that begins with `CLERK_` is almost its name: ignoring it would open the service. If a name is almost that of
    /// another variable, a warning is logged. Variables of Clerk's own SDKs are ignored.
    ///
    /// # Errors
    ///
    /// Those of [`build`](ClerkConfigBuilder::build).
    pub fn from_env() -> Result<Self, ConfigError> {
        ClerkConfigBuilder::from_env().build()
    }
}

impl ClerkConfigBuilder {
    /// Reads the variables of [`ClerkConfig::from_env`], to add to them in code. Cannot fail: [`build`](Self::build)
    /// reports the problems of the environment with all others.
    ///
    /// A kind that code accepts replaces the whole kind of the environment: the variables of that kind are then
    /// ignored.
    pub fn from_env() -> Self {
        // A value that is not Unicode is converted lossily and then rejected. Leaving it out could lift a restriction.
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Self::from_variables(variables)
    }

    pub(super) fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut builder = Self::default();
        let mut found = Environment::default();
        for (name, value) in variables {
            if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
                found.take(known, value.trim(), &mut builder.problems);
            } else {
                report_near_miss(&name, &mut builder.problems);
            }
        }
        builder.read(&found);
        builder.environment = Some(found);
        builder
    }

    /// Reads the options that apply to all kinds.
    fn read(&mut self, found: &Environment) {
        self.read_instance(found);
        let texts: [(_, Set<String>); 4] = [
            ("CLERK_SECRET_KEY", |it, key| it.secret_key = key.into()),
            ("CLERK_PROXY_URL", |it, url| it.proxy_url = url),
            ("CLERK_API_URL", |it, url| it.backend_api_url = url),
            ("CLERK_RESOURCE", |it, uri| {
                it.resource = Some(Resource::new(uri))
            }),
        ];
        for (name, set) in texts {
            if let Some(value) = found.text(name) {
                set(self, value);
                self.set_origin(name);
            }
        }
        // Clerk's SDKs define this variable, so it may be set for another program.
        if let Some(pem) = found
            .text("CLERK_JWT_KEY")
            .filter(|_| cfg!(feature = "jwt"))
        {
            self.jwt_keys = JwtKeys::pem(pem);
            self.set_origin("CLERK_JWT_KEY");
        }
        #[cfg(feature = "webhooks")]
        if let Some(secrets) = found.list(WEBHOOK_SECRETS) {
            self.webhook_secrets = secrets.into_iter().map(Into::into).collect();
            self.set_origin(WEBHOOK_SECRETS);
        }
        let durations: [(_, Set<Duration>); 3] = [
            ("CLERK_CACHE_TTL", |it, ttl| it.cache_ttl = ttl),
            ("CLERK_STALE_FOR", |it, limit| it.stale_if_error = limit),
            ("CLERK_TIMEOUT", |it, timeout| it.timeout = timeout),
        ];
        for (name, set) in durations {
            let read = found.parsed(name, parse::duration, SECONDS, &mut self.problems);
            if let Some(duration) = read {
                set(self, duration);
                self.set_origin(name);
            }
        }
        let number = |text: &str| text.parse().ok();
        let name = "CLERK_RATE_LIMIT";
        if let Some(calls) =
            found.parsed(name, number, "give a number of calls", &mut self.problems)
        {
            self.rate_limit = Some(calls);
            self.set_origin(name);
        }
        self.read_fleet(
            found.text("CLERK_FLEET_URL"),
            found.list("CLERK_FLEET_SECRET"),
        );
        self.danger_allow_http = found.switch("CLERK_DANGER_ALLOW_HTTP", &mut self.problems);
        let profiles = found.word("CLERK_PROFILE_SOURCE", &PROFILES, &mut self.problems);
        if profiles == Some(true) {
            let enrichment = found.word("CLERK_ENRICH", &ENRICHMENTS, &mut self.problems);
            self.users = enrichment.unwrap_or_default();
            self.origins.set("users", "CLERK_PROFILE_SOURCE");
        }
    }

    /// Reads the instance. If both variables are set, the key is used, since it contains the suffix of the cookie.
    fn read_instance(&mut self, found: &Environment) {
        let domain = found.text("CLERK_DOMAIN");
        let key = found.text("CLERK_PUBLISHABLE_KEY");
        if let (Some(domain), Some(key)) = (&domain, &key) {
            let issuer = |text: &str| Instance::parse(text, true);
            let (one, other) = (issuer(domain), issuer(key));
            if let (Ok(one), Ok(other)) = (one, other)
                && one.issuer() != other.issuer()
            {
                let flaw = Flaw::new(format!(
                    "is {:?}, but CLERK_PUBLISHABLE_KEY is the key of {:?}: set one of them, and the URL of a proxy \
                     in CLERK_PROXY_URL",
                    one.issuer(),
                    other.issuer()
                ));
                self.problems.add_variable("instance", "CLERK_DOMAIN", flaw);
            }
        }
        let is_key = key.is_some()
            && domain
                .as_deref()
                .is_none_or(|it| Instance::parse(it, true).is_ok());
        let (name, value) = match is_key {
            true => ("CLERK_PUBLISHABLE_KEY", key),
            false => ("CLERK_DOMAIN", domain),
        };
        if let Some(value) = value {
            self.instance = value;
            self.set_origin(name);
        }
    }

    fn set_origin(&mut self, name: &'static str) {
        if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
            self.origins.set(known.option, name);
        }
    }
}

/// The variables that are set, trimmed.
#[derive(Clone, Default)]
pub(super) struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    fn take(&mut self, known: &'static Known, value: &str, problems: &mut Problems) {
        if value.is_empty() {
            if known.kinds.is_some() {
                let flaw = Flaw::new(
                    "is set but empty, which would lift the restriction: give a value, or unset the variable",
                );
                problems.add_variable(known.option, known.name, flaw);
            }
            return;
        }
        let is_quote = |it: char| it == '"' || it == '\'';
        if !known.is_pem && (value.starts_with(is_quote) || value.ends_with(is_quote)) {
            let flaw =
                Flaw::hidden("it has quotes around it, which are part of the value: remove them");
            problems.add_variable(known.option, known.name, flaw);
            return;
        }
        if known.is_single && value.contains(char::is_whitespace) {
            let flaw = Flaw::hidden("it has spaces in it: remove them");
            problems.add_variable(known.option, known.name, flaw);
            return;
        }
        self.0.insert(known.name, value.to_owned());
    }

    /// Adds the kinds of the environment that code does not accept.
    pub(super) fn add_to(&self, code: Accepted, problems: &mut Problems) -> Accepted {
        let in_code = code.kinds();
        let named = self.parsed("CLERK_ACCEPT", kinds, KINDS, problems);
        let named = match named {
            Some(named) => named,
            None if in_code.is_empty() => Kinds::from_iter([TokenKind::OAuth]),
            None => Kinds::default(),
        };
        let is_added = |kind| named.contains(kind) && !in_code.contains(kind);
        let mut added = Accepted::default();
        if is_added(TokenKind::OAuth) {
            added.oauth = Some(self.oauth(problems));
        }
        if is_added(TokenKind::Session) {
            self.add_session(&mut added, problems);
        }
        if is_added(TokenKind::ApiKey) {
            self.origin(
                "accept.api_key.required_scopes",
                "CLERK_REQUIRED_SCOPES",
                problems,
            );
            let scopes = self.list("CLERK_REQUIRED_SCOPES");
            added.api_key = Some(ApiKeys::new().required_scopes(scopes.unwrap_or_default()));
        }
        if is_added(TokenKind::Machine) {
            added.machine = Some(self.machine(problems));
        }
        let accepted = code.or(added);
        let is_wrong = self.0.contains_key("CLERK_ACCEPT") && named.is_empty();
        if !is_wrong {
            self.check_restrictions(accepted.kinds(), problems);
        }
        accepted
    }

    fn oauth(&self, problems: &mut Problems) -> OAuthTokens {
        for known in KNOWN {
            if known.option.starts_with("accept.oauth.") {
                self.origin(known.option, known.name, problems);
            }
        }
        let is_backend_api = self.word("CLERK_OAUTH_ENDPOINT", &ENDPOINTS, problems);
        let jwts = self.word("CLERK_OAUTH_JWTS", &JWTS, problems);
        let mut oauth = OAuthTokens::from_environment(is_backend_api == Some(true), jwts)
            .credentials(
                self.text("CLERK_OAUTH_CLIENT_ID"),
                self.text("CLERK_OAUTH_CLIENT_SECRET"),
            )
            .required_scopes(self.list("CLERK_REQUIRED_SCOPES").unwrap_or_default())
            .audiences(self.list("CLERK_AUDIENCES").unwrap_or_default())
            .audience_policy(self.audience_policy(problems));
        if let Some(clients) = self.text("CLERK_ALLOWED_CLIENTS") {
            oauth = oauth.named_clients(parse::named(&clients));
        }
        if self.word("CLERK_OPAQUE_TOKENS", &OPAQUE_TOKENS, problems) == Some(true) {
            oauth = oauth.unprefixed();
        }
        let is_of_users = self.word("CLERK_PROFILE_SOURCE", &PROFILES, &mut Problems::default());
        match self.word("CLERK_ENRICH", &ENRICHMENTS, problems) {
            Some(enrichment) if is_of_users != Some(true) => oauth.userinfo(enrichment),
            _ => oauth,
        }
    }

    #[cfg(feature = "jwt")]
    fn add_session(&self, added: &mut Accepted, problems: &mut Problems) {
        let origins = [
            (
                "accept.session.authorized_parties",
                "CLERK_AUTHORIZED_PARTIES",
            ),
            ("accept.session.audiences", "CLERK_AUDIENCES"),
        ];
        for (option, name) in origins {
            self.origin(option, name, problems);
        }
        added.session = Some(SessionTokens {
            authorized_parties: self.list("CLERK_AUTHORIZED_PARTIES"),
            cookie: self.switch("CLERK_SESSION_COOKIE", problems),
            allow_pending: false,
            audiences: self.list("CLERK_AUDIENCES").unwrap_or_default(),
            audience_policy: self.audience_policy(problems),
        });
    }

    #[cfg(not(feature = "jwt"))]
    fn add_session(&self, _: &mut Accepted, problems: &mut Problems) {
        problems.add_variable("accept", "CLERK_ACCEPT", crate::kinds::without_jwt());
    }

    fn machine(&self, problems: &mut Problems) -> MachineTokens {
        for known in KNOWN {
            if known.option.starts_with("accept.machine.") {
                self.origin(known.option, known.name, problems);
            }
        }
        let machines = self.text("CLERK_MACHINES").map(|it| parse::named(&it));
        let mut machine = MachineTokens::of(machines.unwrap_or(Named::Listed(Vec::new())));
        machine.machine_secret_key = self.text("CLERK_MACHINE_SECRET_KEY").map(Into::into);
        machine.jwts = self.switch("CLERK_MACHINE_JWTS", problems);
        machine
    }

    /// Reports a restricting variable that does not restrict what is accepted.
    fn check_restrictions(&self, accepted: Kinds, problems: &mut Problems) {
        for known in KNOWN {
            let Some(kinds) = known.kinds.filter(|_| self.0.contains_key(known.name)) else {
                continue;
            };
            if kinds.is_empty() || kinds.iter().any(|kind| accepted.contains(*kind)) {
                continue;
            }
            let kinds: Vec<_> = kinds.iter().map(|kind| name_of(*kind)).collect();
            let flaw = Flaw::hidden(format_args!(
                "it restricts a kind that is not accepted: add {} to CLERK_ACCEPT, or unset the variable",
                kinds.join(" or ")
            ));
            problems.add_variable(known.option, known.name, flaw);
        }
        let others = [TokenKind::Session, TokenKind::Machine];
        let others: Vec<_> = others
            .into_iter()
            .filter(|kind| accepted.contains(*kind))
            .map(name_of)
            .collect();
        if self.0.contains_key("CLERK_REQUIRED_SCOPES") && !others.is_empty() {
            let flaw = Flaw::hidden(format_args!(
                "tokens of the kind {} have no scopes, so they would pass without them: require scopes by kind in \
                 code, or by route",
                others.join(" and ")
            ));
            let option = "accept.oauth.required_scopes";
            problems.add_variable(option, "CLERK_REQUIRED_SCOPES", flaw);
        }
    }

    fn audience_policy(&self, problems: &mut Problems) -> AudiencePolicy {
        let policy = self.word("CLERK_AUDIENCE_POLICY", &POLICIES, problems);
        policy.unwrap_or_default()
    }

    fn origin(&self, option: &'static str, name: &'static str, problems: &mut Problems) {
        if self.0.contains_key(name) {
            problems.origins().set(option, name);
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        self.0.get(name).map(|text| parse::list(text))
    }

    fn switch(&self, name: &'static str, problems: &mut Problems) -> bool {
        const SWITCH: Words<bool> = &[("1", true), ("true", true), ("0", false), ("false", false)];
        self.word(name, &SWITCH, problems).unwrap_or_default()
    }

    /// Reads one of several words.
    fn word<T: Copy>(
        &self,
        name: &'static str,
        words: &Words<T>,
        problems: &mut Problems,
    ) -> Option<T> {
        let named: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let reason = format!("give {}", named.join(" or "));
        let read = |text: &str| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, it)| *it)
        };
        self.parsed(name, read, &reason, problems)
    }

    /// Parses a text into another value.
    fn parsed<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
        reason: &str,
        problems: &mut Problems,
    ) -> Option<T> {
        let value = self.0.get(name)?;
        let read = read(value);
        if read.is_none() {
            let option = KNOWN.iter().find(|known| known.name == name);
            let option = option.map_or("", |known| known.option);
            problems.add_variable(option, name, Flaw::invalid(value, reason));
        }
        read
    }
}

/// Sets an option.
type Set<T> = fn(&mut ClerkConfigBuilder, T);

/// Values and the words for them.
type Words<T> = &'static [(&'static str, T)];

const ENRICHMENTS: Words<Enrichment> = &[
    ("off", Enrichment::Off),
    ("best-effort", Enrichment::BestEffort),
    ("required", Enrichment::Required),
];
const JWTS: Words<JwtVerification> = &[
    ("introspect", JwtVerification::Introspect),
    ("local", JwtVerification::Local),
    (
        "local-then-introspect",
        JwtVerification::LocalThenIntrospect,
    ),
];
const POLICIES: Words<AudiencePolicy> = &[
    ("observe", AudiencePolicy::Observe),
    ("reject-foreign", AudiencePolicy::RejectForeign),
    ("require", AudiencePolicy::Require),
];
const ENDPOINTS: Words<bool> = &[("introspection", false), ("backend-api", true)];
const PROFILES: Words<bool> = &[("userinfo", false), ("backend-api", true)];
const OPAQUE_TOKENS: Words<bool> = &[("prefixed", false), ("any", true)];
#[cfg(feature = "webhooks")]
const WEBHOOK_SECRETS: &str = "CLERK_WEBHOOK_SIGNING_SECRET";
const KINDS: &str = "give `oauth`, `session`, `api_key`, `machine`, or several of them";
const SECONDS: &str = "give a number of seconds, or a duration such as 30s";

/// Parses a list of the names of kinds.
fn kinds(text: &str) -> Option<Kinds> {
    let kinds: Option<Kinds> = parse::list(text)
        .iter()
        .map(|name| parse::word(name))
        .collect();
    kinds.filter(|kinds| !kinds.is_empty())
}

/// Reports a name that is almost the name of a known variable.
pub(super) fn report_near_miss(name: &str, problems: &mut Problems) {
    match names::near(name) {
        Some(Near { known, .. }) if known.kinds.is_some() && !may_be_secret(name) => {
            let flaw = Flaw::new(format!(
                "is not a known variable, and would be ignored: write {}",
                known.name
            ));
            problems.add_variable(known.option, name.to_owned(), flaw);
        }
        Some(Near { known, .. }) => tracing::warn!(
            variable = name,
            known = known.name,
            "unknown environment variable ignored: its name is almost that of a known one"
        ),
        None => {}
    }
}
