//! The rules of the configuration, applied to the claims. Each rule prints its decision and the reason.

use tower_clerk::TokenKind;
use url::Url;

use crate::{
    claims::{Claims, Statement},
    report::Report,
    settings::{Allowed, Settings},
};

/// The values that the rules depend on.
pub(crate) struct Rules<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) claims: &'a Claims,
    pub(crate) settings: &'a Settings,
    pub(crate) issuer: &'a str,
    /// A proxy in front of the Frontend API is an issuer, too.
    pub(crate) proxy: &'a str,
    /// In Unix seconds.
    pub(crate) now: i64,
}

/// The decision of a rule, with the reason.
enum Decision {
    Passes(String),
    Fails(String, &'static str),
}

use Decision::{Fails, Passes};

impl<'a> Rules<'a> {
    pub(crate) fn examine(&self, report: &mut Report) {
        let of_all: [(&str, Rule<'a>); 4] = [
            ("bearer", Self::bearer),
            ("expiry", Self::expiry),
            ("start", Self::start),
            ("issuer", Self::issuer),
        ];
        let of_kind: &[(&str, Rule<'a>)] = match self.kind {
            TokenKind::OAuth => &[
                ("client", Self::client),
                ("audience", Self::audience),
                ("scopes", Self::scopes),
            ],
            TokenKind::Session => &[
                ("subject", Self::subject),
                ("session", Self::session),
                ("authorized party", Self::party),
                ("status", Self::status),
                ("audience", Self::audience),
            ],
            TokenKind::ApiKey => &[("subject", Self::subject), ("scopes", Self::scopes)],
            _ => &[("subject", Self::subject), ("machine", Self::machine)],
        };
        for (name, rule) in of_all.iter().chain(of_kind) {
            match rule(self, report) {
                Passes(reason) => report.good(&format!("{name}: {reason}")),
                Fails(reason, advice) => report.bad(&format!("{name}: {reason}"), advice),
            }
        }
    }

    fn bearer(&self, _: &Report) -> Decision {
        let is_bound = self.statements().iter().any(|it| it.get("cnf").is_some());
        match is_bound {
            true => Fails(
                "it is bound to a key of its sender (`cnf`)".to_owned(),
                "request a token of the type Bearer",
            ),
            false => Passes("it is not bound to a key of its sender".to_owned()),
        }
    }

    fn expiry(&self, _: &Report) -> Decision {
        let ends = self.statements().iter().filter_map(|it| it.seconds("exp"));
        match ends.min() {
            Some(end) if end <= self.now => Fails(
                format!("it expired {} s ago", self.now - end),
                "get a new token; a session token lives for a minute, and getToken() renews it",
            ),
            Some(end) => Passes(format!("it expires in {} s", end - self.now)),
            None if self.is_verified_locally() => Fails(
                "it names no expiry (`exp`)".to_owned(),
                "Clerk issues no such token: get a new one",
            ),
            None => Passes("no expiry is stated, and Clerk reports that it is active".to_owned()),
        }
    }

    fn start(&self, _: &Report) -> Decision {
        let starts = self.statements().iter();
        let starts = starts.flat_map(|it| [it.seconds("nbf"), it.seconds("iat")]);
        match starts.flatten().max() {
            Some(start) if start > self.now + LEEWAY => Fails(
                format!("it becomes valid in {} s", start - self.now),
                "compare the clock of this machine with Clerk's (NTP)",
            ),
            Some(start) => Passes(format!("it was issued {} s ago", self.now - start)),
            None => Passes("no time of issue is stated".to_owned()),
        }
    }

    fn issuer(&self, report: &Report) -> Decision {
        let named: Vec<_> = self
            .statements()
            .iter()
            .filter_map(|it| it.get("iss"))
            .collect();
        let ours = [Some(self.issuer), Some(self.proxy)];
        match named.iter().find(|named| !ours.contains(&named.as_str())) {
            Some(other) => Fails(
                format!("it is {}, not {}", report.shown(other), self.issuer),
                "set CLERK_DOMAIN to that host, if it is the instance; otherwise get a token of this one",
            ),
            None if named.is_empty() && self.is_verified_locally() => Fails(
                "it is not named".to_owned(),
                "Clerk issues no such token: get a new one",
            ),
            None if named.is_empty() => Passes("it is not named, and need not be".to_owned()),
            None if named.iter().any(|it| it.as_str() == Some(self.issuer)) => {
                Passes("it is the instance".to_owned())
            }
            None => Passes(format!("it is the proxy of the instance, {}", self.proxy)),
        }
    }

    fn client(&self, report: &Report) -> Decision {
        let advice = "set CLERK_ALLOWED_CLIENTS to a list with it (`allow_clients`), or to * (`allow_any_client`), and \
                      then CLERK_RESOURCE, if clients register themselves";
        match (self.claims.text("client_id"), &self.settings.clients) {
            (Some(client), allowed) if allowed.allows(client) => {
                Passes(format!("{} is allowed", report.shown_text(client)))
            }
            (Some(client), _) => Fails(
                format!("{} is not allowed", report.shown_text(client)),
                advice,
            ),
            (None, allowed) => {
                let audience = self.statements().first().and_then(|it| it.list("aud"));
                let audience = audience.unwrap_or_default();
                match audience.iter().find(|entry| allowed.allows(entry)) {
                    Some(entry) => Passes(format!(
                        "none is named, but the audience {} is allowed",
                        report.shown_text(entry)
                    )),
                    None => Fails("none is named".to_owned(), advice),
                }
            }
        }
    }

    fn audience(&self, report: &Report) -> Decision {
        let (mut passed, mut unsigned) = (None, None);
        for statement in self.statements() {
            let Some(named) = statement.list("aud") else {
                continue;
            };
            let entry = named.iter().find(|entry| self.is_ours(entry));
            match entry {
                Some(entry) if statement.is_payload && !self.has_verified_signature() => {
                    unsigned = Some(report.shown_text(entry));
                }
                Some(entry) => passed = Some(report.shown_text(entry)),
                None if self.settings.observes_audience => {
                    let named = report.shown_text(&named.join(" "));
                    return Passes(format!(
                        "{named} is not this service, but CLERK_AUDIENCE_POLICY is `observe`"
                    ));
                }
                None => {
                    let named = report.shown_text(&named.join(" "));
                    return Fails(
                        format!(
                            "{} names {named}, which is not this service",
                            statement.source
                        ),
                        "set CLERK_RESOURCE or CLERK_AUDIENCES to it (`resource`, `audiences`), if that is this service",
                    );
                }
            }
        }
        match passed {
            Some(entry) => Passes(format!("{entry} is this service")),
            None if self.settings.requires_audience => Fails(
                match unsigned {
                    Some(entry) => format!(
                        "only the payload names {entry}, whose signature is not verified, and CLERK_AUDIENCE_POLICY \
                         is `require`"
                    ),
                    None => "none is named, and CLERK_AUDIENCE_POLICY is `require`".to_owned(),
                },
                "the client must send `resource` when it requests a token; introspection answers have no audience: \
                 CLERK_OAUTH_JWTS=local-then-introspect reads that of JWTs, CLERK_OAUTH_ENDPOINT=backend-api that of \
                 opaque tokens",
            ),
            None => match unsigned {
                Some(entry) => Passes(format!("{entry} is this service, as the payload states")),
                None => Passes("none is named, and none is required".to_owned()),
            },
        }
    }

    fn scopes(&self, report: &Report) -> Decision {
        let granted = self.claims.scopes();
        let required = &self.settings.scopes;
        let missing = required
            .iter()
            .filter(|scope| !granted.contains(scope))
            .count();
        let granted = report.shown_text(&granted.join(" "));
        match (required.len(), missing) {
            (0, _) => Passes(format!("none is required; granted: {granted}")),
            (_, 0) => Passes(format!("all required ones are granted: {granted}")),
            (all, missing) => Fails(
                format!(
                    "{missing} of the {all} in CLERK_REQUIRED_SCOPES are missing; granted: {granted}"
                ),
                "have the client request them, or do not require them",
            ),
        }
    }

    fn subject(&self, report: &Report) -> Decision {
        let prefixes: &[&str] = match self.kind {
            TokenKind::Session => &["user_"],
            TokenKind::ApiKey => &["user_", "org_", "mch_"],
            _ => &["mch_"],
        };
        let subject = self.claims.text("sub").unwrap_or_default();
        match prefixes.iter().any(|prefix| subject.starts_with(prefix)) {
            true => Passes(format!("it is {}", report.shown_text(subject))),
            false => Fails(
                format!("it is {:?}", report.shown_text(subject)),
                "no token of this kind has such a subject: get a new one",
            ),
        }
    }

    fn session(&self, report: &Report) -> Decision {
        let id = self.claims.text("sid").unwrap_or_default();
        match id.starts_with("sess_") {
            true => Passes(format!("it is {}", report.shown_text(id))),
            false => Fails(
                "it belongs to no session (`sid`)".to_owned(),
                "it is an ID token, or of a JWT template: have the front end call getToken() without a template",
            ),
        }
    }

    fn party(&self, report: &Report) -> Decision {
        let party = self.claims.text("azp");
        let shown = party.map_or("not named".to_owned(), |party| report.shown_text(party));
        match (&self.settings.parties, party) {
            (None, _) => Passes(format!(
                "it is {shown}; CLERK_AUTHORIZED_PARTIES is not set, so any is accepted"
            )),
            (Some(parties), Some(party)) if parties.iter().any(|it| it == party) => {
                Passes(format!("{shown} is authorized"))
            }
            (Some(_), _) => Fails(
                format!("it is {shown}, which is not in CLERK_AUTHORIZED_PARTIES"),
                "add the origin of the front end, if it is yours (`authorized_parties`)",
            ),
        }
    }

    fn status(&self, _: &Report) -> Decision {
        match self.claims.text("sts") {
            None | Some("active") => Passes("the session is active".to_owned()),
            Some(_) => Fails(
                "the session is pending: its user has a task left, such as to choose an organization".to_owned(),
                "have the front end complete the task; `SessionTokens::allow_pending` accepts such sessions",
            ),
        }
    }

    fn machine(&self, report: &Report) -> Decision {
        let first = self.statements().first();
        let audience = first.and_then(|it| it.list("aud"));
        let machines = audience.unwrap_or_else(|| self.claims.scopes());
        let shown = report.shown_text(&machines.join(" "));
        match &self.settings.machines {
            Allowed::Any => Passes(format!("it is addressed to {shown}, and any is accepted")),
            allowed if machines.iter().any(|it| allowed.allows(it)) => {
                Passes(format!("it is addressed to {shown}"))
            }
            Allowed::Only(_) => Fails(
                format!("it is addressed to \"{shown}\", which is not in CLERK_MACHINES"),
                "set CLERK_MACHINES (`MachineTokens::addressed_to`) to the id of the machine that this service is; the \
                 sender must be connected to that machine in Clerk's dashboard",
            ),
        }
    }

    /// Returns true if an audience is this service. The resource is compared without a final slash.
    fn is_ours(&self, entry: &str) -> bool {
        let url = |text: &str| Url::parse(text.strip_suffix('/').unwrap_or(text)).ok();
        let settings = self.settings;
        let resource = settings.resource.as_deref();
        let client = settings.client.as_ref().map(|(id, _)| id.as_str());
        settings.audiences.iter().any(|audience| audience == entry)
            || resource.is_some_and(|it| it == entry || url(it).is_some() && url(it) == url(entry))
            || client.is_some_and(|id| id == entry && self.kind == TokenKind::OAuth)
    }

    /// Returns true if the layer verifies the signature of a JWT, so that its payload can show that it is for us.
    fn has_verified_signature(&self) -> bool {
        self.is_verified_locally() || self.settings.oauth_jwts_locally
    }

    fn is_verified_locally(&self) -> bool {
        self.statements().first().is_some_and(|it| it.is_payload)
    }

    fn statements(&self) -> &[Statement] {
        self.claims.statements()
    }
}

type Rule<'a> = fn(&Rules<'a>, &Report) -> Decision;

/// The difference of clocks that the layer tolerates, in seconds.
const LEEWAY: i64 = 5;
