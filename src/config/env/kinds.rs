//! The kinds that the environment accepts, with their options.

use super::{
    ENRICHMENTS, PROFILES,
    names::KNOWN,
    variables::{Environment, Words},
};
#[cfg(feature = "jwt")]
use crate::kinds::SessionTokens;
use crate::{
    TokenKind,
    checks::{
        Flaw, Problems,
        parse::{self, Named},
    },
    kinds::{Accepted, ApiKeys, AudiencePolicy, MachineTokens, OAuthTokens, name_of},
    token::Kinds,
    verify::JwtVerification,
};

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
const OPAQUE_TOKENS: Words<bool> = &[("prefixed", false), ("any", true)];
const KINDS: &str = "give `oauth`, `session`, `api_key`, `machine`, or several of them";

impl Environment {
    /// Adds the kinds of the environment that code does not accept.
    pub(in crate::config) fn add_to(&self, code: Accepted, problems: &mut Problems) -> Accepted {
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
}

/// Parses a list of the names of kinds.
fn kinds(text: &str) -> Option<Kinds> {
    let kinds: Option<Kinds> = parse::list(text)
        .iter()
        .map(|name| parse::word(name))
        .collect();
    kinds.filter(|kinds| !kinds.is_empty())
}
