//! [`build`](ClerkConfigBuilder::build): checks all options and makes the configuration.

use std::{error::Error, mem, sync::Arc, time::Duration};

use super::{
    bounds::check_audience_can_be_shown, builder::ClerkConfigBuilder, checked::ClerkConfig,
};
use crate::{
    checks::{Flaw, Problems, problem::ConfigError},
    clerk::{
        http::{HttpClient, Transport, default_rate_limit},
        instance::Instance,
    },
    clock::SystemClock,
    extract::CookieNames,
    kinds::{self, Accepted, Checked, OAuthSource},
    token::resource_uri::ResourceUri,
    verify::{
        Enrichment, JwtVerification,
        policy::{AudiencePolicies, Audiences, Rules},
    },
};

impl ClerkConfigBuilder {
    /// Checks all options and makes the configuration. It sends nothing over the network. It reads the certificates
    /// that the platform trusts, if `https` is used without a [`transport`](Self::transport).
    ///
    /// # Errors
    ///
    /// All [problems](crate::config::ConfigProblem) of the configuration. Each has the option, the variable if the
    /// value came from the environment, and what to write instead.
    pub fn build(mut self) -> Result<ClerkConfig, ConfigError> {
        if let Some(error) = self.file_error {
            return Err(error);
        }
        let mut problems = Problems::new(mem::take(&mut self.origins));
        problems.extend(&self.problems);
        let instance = Instance::parse(&self.instance, self.danger_allow_http);
        let instance = problems.check("instance", instance);
        let proxy = self.check_proxy(instance.as_ref(), &mut problems);
        let accepted = self.accepted(&mut problems);
        self.check_bounds(&mut problems);
        self.check_secret_key(&accepted, &mut problems);
        let accept = accepted.kinds();

        let oauth = accepted.oauth.clone().map(|kind| kind.check(&mut problems));
        let (client_id, required_scopes) = oauth.as_ref().map_or_else(Default::default, |oauth| {
            (oauth.client_id.clone(), oauth.required_scopes.clone())
        });
        let oauth = oauth.unwrap_or_else(not_accepted);
        check_audience_can_be_shown(&oauth, cfg!(feature = "jwt"), &mut problems);
        let api_key = accepted.api_key.unwrap_or_default();
        api_key.check(&mut problems);
        let session = SessionRules::check(accepted.session, &mut problems);
        let machine = accepted.machine;
        let machines = machine
            .as_ref()
            .map_or(Some(Vec::new()), |machine| machine.check(&mut problems));
        let machine_key = machine
            .as_ref()
            .and_then(|machine| machine.machine_secret_key.as_ref());
        let (backend, machine_backend) = self.check_backend(machine_key, &mut problems);

        let issuer = instance.as_ref().map_or("", Instance::issuer);
        let proxy_issuer = proxy.as_ref().map(Instance::issuer);
        let issuers = [issuer].into_iter().chain(proxy_issuer);
        let discovery_bases = self.check_discovery(issuers, &mut problems);
        let resource = self.resource.take();
        // Clients have to reach the authorization server, and the host of the instance may not exist beside a proxy.
        let server = proxy_issuer.unwrap_or(issuer);
        let serves_server_metadata = resource
            .as_ref()
            .is_some_and(|it| it.serve_authorization_server_metadata);
        let resource_metadata = resource
            .as_ref()
            .and_then(|resource| resource.check(server, &required_scopes, &mut problems));
        #[cfg(feature = "jwt")]
        let jwt_keys = problems.check("jwt_keys", self.jwt_keys.check(backend.as_ref()));
        if cfg!(not(feature = "jwt")) && self.jwt_keys.need_jwt() {
            problems.add("jwt_keys", kinds::without_jwt());
        }

        #[cfg(feature = "webhooks")]
        let webhook_keys = self.check_webhook_secrets(&mut problems);

        let rules = Rules {
            accept,
            authorized_parties: session.authorized_parties,
            allow_pending: session.allow_pending,
            machines,
            allowed_clients: oauth.allowed_clients,
            audiences: Audiences {
                oauth: oauth.audiences,
                session: session.audiences,
                resource: resource.map(|resource| ResourceUri::new(resource.uri)),
                client_id: client_id.clone(),
            },
            audience_policies: AudiencePolicies {
                oauth: oauth.audience_policy,
                session: session.audience_policy,
            },
            issuer: issuer.to_owned(),
            proxy_issuer: proxy_issuer.map(ToOwned::to_owned),
            required_scopes,
            api_key_scopes: api_key.required_scopes,
            scope_implies: self.scope_implies.take(),
            leeway: i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX),
        };
        let attempt_timeout = self.time_of_attempt();
        let transport = self.transport.take().or_else(|| {
            let backends = [&backend, &machine_backend].into_iter().flatten();
            let frontend = proxy.as_ref().or(instance.as_ref());
            let called = frontend.into_iter().map(Instance::is_https);
            let called = called.chain(backends.map(|backend| backend.is_https));
            let discovered = discovery_bases.iter().flatten();
            let discovered = discovered.map(|base| base.starts_with("https:"));
            let called: Vec<_> = called.chain(discovered).collect();
            problems.check("transport", default_transport(&called, attempt_timeout))
        });
        let userinfo = match self.users {
            Enrichment::Off => Enrichment::BestEffort,
            Enrichment::BestEffort | Enrichment::Required => Enrichment::Off,
        };
        #[cfg(feature = "fleet")]
        let fleet = self.check_fleet(&mut problems);
        #[cfg(not(feature = "fleet"))]
        self.check_fleet(&mut problems);
        problems.into_result()?;
        #[cfg(feature = "jwt")]
        let Some(jwt_keys) = jwt_keys.flatten() else {
            unreachable!("keys that are missing have a problem");
        };
        let (Some(instance), Some(transport)) = (instance, transport) else {
            unreachable!("a part that is missing has a problem");
        };
        let rate_limit = match self.rate_limit {
            Some(calls) => calls,
            None if proxy.as_ref().unwrap_or(&instance).is_loopback() => 0,
            None => default_rate_limit(instance.host()),
        };
        Ok(ClerkConfig {
            client_id,
            oauth: oauth.source,
            oauth_jwts: oauth.jwts,
            machine_jwts: machine.is_some_and(|machine| machine.jwts),
            requires_what_is_not_shown: oauth.requires_what_is_not_shown,
            discovery_bases,
            #[cfg(feature = "jwt")]
            jwt_keys,
            #[cfg(feature = "jwt")]
            jwt_algorithms: self.jwt_algorithms,
            backend,
            machine_backend,
            instance,
            proxy,
            rules: Arc::new(rules),
            log_token_ids: self.log_token_ids,
            resource_metadata,
            serves_server_metadata,
            userinfo: oauth.userinfo.unwrap_or(userinfo),
            users: self.users,
            accept_unprefixed: oauth.unprefixed,
            session_cookie: session.cookie.then(|| CookieNames::of(&self.instance)),
            max_token_length: self.max_token_length,
            cache_ttl: self.cache_ttl,
            cache_capacity: self.cache_capacity,
            stale_if_error: self.stale_if_error,
            timeout: self.timeout,
            attempt_timeout,
            rate_limit: (rate_limit > 0).then_some(rate_limit),
            #[cfg(feature = "webhooks")]
            webhook_keys,
            #[cfg(feature = "fleet")]
            fleet,
            transport,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
        })
    }

    /// Returns the kinds from code, which replace those of a file or the environment.
    fn accepted(&self, problems: &mut Problems) -> Accepted {
        for kind in &self.accepted_twice {
            let flaw = Flaw::hidden("it is accepted twice: put all options on one value");
            problems.add(kinds::option_of(*kind), flaw);
        }
        let mut accepted = self.accept_in_code.clone().or(self.accept.clone());
        if let Some(environment) = &self.environment {
            accepted = environment.add_to(accepted, problems);
        }
        accepted.check(problems);
        accepted
    }

    fn time_of_attempt(&self) -> Duration {
        self.attempt_timeout
            .unwrap_or(Duration::from_secs(1).min(self.timeout))
    }
}

/// The options of session tokens.
#[derive(Default)]
struct SessionRules {
    authorized_parties: Option<Vec<String>>,
    cookie: bool,
    allow_pending: bool,
    audiences: Vec<String>,
    audience_policy: kinds::AudiencePolicy,
}

impl SessionRules {
    #[cfg(feature = "jwt")]
    fn check(session: Option<kinds::SessionTokens>, problems: &mut Problems) -> Self {
        session.map_or_else(Self::default, |session| {
            session.check(problems);
            Self {
                authorized_parties: session.authorized_parties,
                cookie: session.cookie,
                allow_pending: session.allow_pending,
                audiences: session.audiences,
                audience_policy: session.audience_policy,
            }
        })
    }

    #[cfg(not(feature = "jwt"))]
    fn check<T>(_: Option<T>, _: &mut Problems) -> Self {
        Self::default()
    }
}

/// Returns the options of OAuth tokens for a configuration that does not accept them.
fn not_accepted() -> Checked {
    Checked {
        source: OAuthSource::None,
        client_id: None,
        required_scopes: Vec::new(),
        allowed_clients: Some(Vec::new()),
        audiences: Vec::new(),
        audience_policy: kinds::AudiencePolicy::default(),
        requires_what_is_not_shown: false,
        jwts: JwtVerification::Introspect,
        userinfo: None,
        unprefixed: false,
    }
}

/// Makes the default transport. `called`: for each host that is called, true if the URL is https.
fn default_transport(
    called: &[bool],
    connect_timeout: Duration,
) -> Result<Arc<dyn Transport>, Flaw> {
    let uses_https = called.contains(&true);
    if uses_https && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(Flaw::missing(
            "https needs the feature `rustls` or `native-tls`, or a `transport` of your own",
        ));
    }
    let https_only = !called.contains(&false);
    match HttpClient::new(uses_https, https_only, connect_timeout) {
        Ok(client) => Ok(Arc::new(client)),
        Err(error) if uses_https => Err(Flaw::hidden(format_args!(
            "the HTTP client cannot be made: {}. https needs the certificates that the platform trusts: install them \
             (on Debian the package `ca-certificates`), or give a `transport` of your own",
            chain(&error)
        ))),
        Err(error) => Err(Flaw::hidden(format_args!(
            "the HTTP client cannot be made: {}",
            chain(&error)
        ))),
    }
}

/// Formats an error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text += ": ";
        text += &cause.to_string();
        next = cause.source();
    }
    text
}
