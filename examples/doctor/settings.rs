//! The variables that the configuration was read from, as far as the checks need them. `ClerkConfig::from_env` has
//! checked the variables before.

use std::env;

use tower_clerk::TokenKind;

/// The endpoints and the rules of the configuration.
pub(crate) struct Settings {
    pub(crate) kinds: Vec<TokenKind>,
    /// Client id and secret for introspection. `None` if tokens are not introspected.
    pub(crate) client: Option<(String, String)>,
    pub(crate) secret_key: Option<String>,
    pub(crate) machine_secret_key: Option<String>,
    /// The URL of a proxy in front of the Frontend API.
    pub(crate) proxy_url: Option<String>,
    pub(crate) backend_url: String,
    /// True if the Backend API verifies OAuth tokens.
    pub(crate) oauth_by_backend: bool,
    /// True if OAuth JWTs are verified by their signature, maybe among other things.
    pub(crate) oauth_jwts_locally: bool,
    pub(crate) machine_jwts: bool,
    /// True if JWTs are verified with a key of the configuration, without the key set.
    pub(crate) has_jwt_key: bool,
    pub(crate) uses_userinfo: bool,
    pub(crate) uses_users: bool,
    pub(crate) scopes: Vec<String>,
    pub(crate) clients: Allowed,
    pub(crate) machines: Allowed,
    pub(crate) audiences: Vec<String>,
    pub(crate) resource: Option<String>,
    pub(crate) requires_audience: bool,
    /// True if a foreign audience is only counted.
    pub(crate) observes_audience: bool,
    /// True if texts that are of no known kind are introspected.
    pub(crate) accepts_unprefixed: bool,
    /// `None` if session tokens of every origin are accepted.
    pub(crate) parties: Option<Vec<String>>,
}

/// The entries that a rule allows.
pub(crate) enum Allowed {
    Any,
    Only(Vec<String>),
}

impl Settings {
    pub(crate) fn from_env() -> Self {
        let id = variable("CLERK_OAUTH_CLIENT_ID");
        let secret = variable("CLERK_OAUTH_CLIENT_SECRET");
        let kinds = kinds();
        let accepts_oauth = kinds.contains(&TokenKind::OAuth);
        let oauth_by_backend = accepts_oauth && is("CLERK_OAUTH_ENDPOINT", "backend-api");
        let profiles_are_users = is("CLERK_PROFILE_SOURCE", "backend-api");
        let enriches = !is("CLERK_ENRICH", "off");
        let clients = match allowed("CLERK_ALLOWED_CLIENTS") {
            Allowed::Only(none) if none.is_empty() => Allowed::Only(id.iter().cloned().collect()),
            clients => clients,
        };
        Self {
            client: id
                .zip(secret)
                .filter(|_| accepts_oauth && !oauth_by_backend),
            secret_key: variable("CLERK_SECRET_KEY"),
            machine_secret_key: variable("CLERK_MACHINE_SECRET_KEY"),
            proxy_url: variable("CLERK_PROXY_URL").map(|url| url.trim_end_matches('/').to_owned()),
            backend_url: backend_url(),
            oauth_by_backend,
            oauth_jwts_locally: accepts_oauth
                && variable("CLERK_OAUTH_JWTS").is_some_and(|mode| mode.starts_with("local")),
            machine_jwts: kinds.contains(&TokenKind::Machine) && is_on("CLERK_MACHINE_JWTS"),
            has_jwt_key: variable("CLERK_JWT_KEY").is_some(),
            // Where users are off, their absence leaves userinfo on.
            uses_userinfo: accepts_oauth && profiles_are_users != enriches,
            uses_users: profiles_are_users && enriches,
            scopes: list("CLERK_REQUIRED_SCOPES"),
            clients,
            machines: allowed("CLERK_MACHINES"),
            audiences: list("CLERK_AUDIENCES"),
            resource: variable("CLERK_RESOURCE"),
            observes_audience: is("CLERK_AUDIENCE_POLICY", "observe"),
            requires_audience: is("CLERK_AUDIENCE_POLICY", "require"),
            accepts_unprefixed: accepts_oauth && is("CLERK_OPAQUE_TOKENS", "any"),
            parties: variable("CLERK_AUTHORIZED_PARTIES").map(|_| list("CLERK_AUTHORIZED_PARTIES")),
            kinds,
        }
    }

    /// Returns all secrets, also those that are not used.
    pub(crate) fn secrets() -> impl Iterator<Item = String> {
        let names = [
            "CLERK_OAUTH_CLIENT_SECRET",
            "CLERK_SECRET_KEY",
            "CLERK_MACHINE_SECRET_KEY",
        ];
        names.into_iter().filter_map(variable)
    }

    pub(crate) fn accepts(&self, kind: TokenKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Returns true if a JWT of an accepted kind is verified with the keys of the key set.
    pub(crate) fn uses_key_set(&self) -> bool {
        let verifies =
            self.accepts(TokenKind::Session) || self.oauth_jwts_locally || self.machine_jwts;
        verifies && !self.has_jwt_key
    }

    /// Returns the secret key with which a kind is verified by the Backend API, and its variable.
    pub(crate) fn key_of(&self, kind: TokenKind) -> Option<(&str, &'static str)> {
        let of_machine = self.machine_secret_key.as_deref();
        let of_machine = of_machine.filter(|_| kind == TokenKind::Machine);
        of_machine
            .map(|key| (key, "CLERK_MACHINE_SECRET_KEY"))
            .or_else(|| Some((self.secret_key.as_deref()?, "CLERK_SECRET_KEY")))
    }
}

impl Allowed {
    pub(crate) fn allows(&self, entry: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(entries) => entries.iter().any(|allowed| allowed == entry),
        }
    }
}

/// Returns a variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    let value = env::var(name).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn is(name: &str, value: &str) -> bool {
    variable(name).as_deref() == Some(value)
}

fn is_on(name: &str) -> bool {
    is(name, "1") || is(name, "true")
}

fn list(name: &str) -> Vec<String> {
    let text = variable(name).unwrap_or_default();
    let entries = text.split(|it: char| it == ',' || it.is_whitespace());
    let entries = entries.filter(|entry| !entry.is_empty());
    entries.map(ToOwned::to_owned).collect()
}

fn allowed(name: &str) -> Allowed {
    match list(name) {
        entries if entries == ["*"] => Allowed::Any,
        entries => Allowed::Only(entries),
    }
}

fn kinds() -> Vec<TokenKind> {
    let names = list("CLERK_ACCEPT");
    if names.is_empty() {
        return vec![TokenKind::OAuth];
    }
    let known = [
        ("oauth", TokenKind::OAuth),
        ("session", TokenKind::Session),
        ("api_key", TokenKind::ApiKey),
        ("machine", TokenKind::Machine),
    ];
    let named = known.into_iter().filter(|(name, kind)| {
        // Both the short name and the name in JSON are accepted.
        let long = serde_json::to_value(kind).unwrap_or_default();
        names.iter().any(|it| it == name || long == it.as_str())
    });
    named.map(|(_, kind)| kind).collect()
}

/// Returns the URL of the Backend API. A URL without a path means its first version.
fn backend_url() -> String {
    let url = variable("CLERK_API_URL").unwrap_or_else(|| "https://api.clerk.com/v1".to_owned());
    let url = url.trim_end_matches('/').to_owned();
    match url.split_once("://") {
        Some((_, rest)) if !rest.contains('/') => format!("{url}/v1"),
        _ => url,
    }
}
