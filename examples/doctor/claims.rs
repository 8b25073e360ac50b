//! The claims of the token, as Clerk's answer or the payload of the JWT states them.

use serde_json::{Map, Value};
use tower_clerk::TokenKind;

use crate::{
    call::{Answer, Clerk},
    report::Report,
    settings::Settings,
    token::Token,
};

/// The statements about a token. The first one counts where only one can.
pub(crate) struct Claims {
    statements: Vec<Statement>,
}

/// The claims from one source, under their names in JWTs.
pub(crate) struct Statement {
    /// The name of the source, in a sentence.
    pub(crate) source: &'static str,
    pub(crate) is_payload: bool,
    members: Map<String, Value>,
}

impl Claims {
    /// Fetches Clerk's answer with the credentials of the configuration, and prints all claims. `None` without any.
    pub(crate) async fn fetch(
        token: &Token<'_>,
        clerk: &Clerk,
        settings: &Settings,
        report: &mut Report,
    ) -> Option<Self> {
        let mut statements = Vec::new();
        let kind = token.kind.unwrap_or(TokenKind::OAuth);
        let answer = match (kind, &settings.client) {
            (TokenKind::Session, _) => None,
            (TokenKind::OAuth, Some(client)) => {
                let answer = clerk.introspect(client, token.text).await;
                Some(("introspection", answer))
            }
            (TokenKind::OAuth, None) if !settings.oauth_by_backend => None,
            // Clerk verifies only opaque machine tokens.
            (TokenKind::Machine, _) if token.jwt.is_some() => None,
            (kind, _) => match settings.key_of(kind) {
                Some((key, _)) => {
                    let answer = clerk.verify(kind, key, token.text).await;
                    Some(("the Backend API", answer))
                }
                None => None,
            },
        };
        if let Some((source, answer)) = answer {
            let members = read(source, kind, answer, settings, report)?;
            statements.push(Statement {
                source,
                is_payload: false,
                members: in_names_of_jwts(members),
            });
        }
        if let Some(jwt) = &token.jwt {
            report.note("the payload of the JWT, whose signature is not verified here:");
            print(&jwt.payload, report);
            statements.push(Statement {
                source: "the payload",
                is_payload: true,
                members: jwt.payload.clone(),
            });
        }
        if statements.is_empty() {
            report.note("its claims are not known: there are no credentials to verify this kind");
        }
        (!statements.is_empty()).then_some(Self { statements })
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Returns the first statement of a text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let mut texts = self
            .statements
            .iter()
            .filter_map(|it| it.get(name)?.as_str());
        texts.find(|text| !text.is_empty())
    }

    /// Returns the scopes. Only an answer, or a payload alone, states them.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let first = self.statements.first();
        first.and_then(|it| it.list("scope")).unwrap_or_default()
    }
}

impl Statement {
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// Returns a list: an array, or a text with spaces.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        let owned = |text: &str| text.to_owned();
        Some(match self.get(name)? {
            Value::String(text) if name == "scope" => text.split(' ').map(owned).collect(),
            Value::Array(entries) => entries
                .iter()
                .filter_map(Value::as_str)
                .map(owned)
                .collect(),
            value => value.as_str().map(owned).into_iter().collect(),
        })
    }
}

/// Returns the members of an answer about a token that is valid at Clerk, and prints them.
fn read(
    source: &str,
    kind: TokenKind,
    answer: Result<Answer, String>,
    settings: &Settings,
    report: &mut Report,
) -> Option<Map<String, Value>> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let text = format!("{source} cannot be reached: {error}");
            report.bad(&text, "without its answer, the layer responds with a 503");
            return None;
        }
    };
    if answer.is_unknown() {
        let of_machine = settings.machine_secret_key.is_some() && kind == TokenKind::Machine;
        let advice = match of_machine {
            true => {
                "it is revoked, mistyped, of another instance, or for another machine than that of \
                 CLERK_MACHINE_SECRET_KEY"
            }
            false => "it is revoked, mistyped, or of another instance: get a new one",
        };
        report.bad(&format!("{source} does not know the token"), advice);
        return None;
    }
    let Some(members) = answer.members() else {
        let text = format!("{source} answers {}, not with a JSON object", answer.status);
        let advice = match answer.rejects_credentials() {
            true => "check the credentials of this service",
            false => "without a valid answer, the layer responds with a 503",
        };
        report.bad(&text, advice);
        return None;
    };
    let is = |name: &str, value: bool| members.get(name) == Some(&Value::Bool(value));
    let is_inactive = is("active", false) || is("revoked", true) || is("expired", true);
    if is_inactive {
        report.bad(
            &format!("{source} reports that the token is not active"),
            "it is expired, revoked, mistyped, of another instance, or no access token: get a new one, and check \
             that CLERK_DOMAIN is the instance that issued it",
        );
        return None;
    }
    let is_valid = is("active", true) || (is("revoked", false) && is("expired", false));
    if !is_valid {
        let text = format!("{source} does not state that the token is valid");
        report.bad(&text, "the layer responds to such an answer with a 503");
        return None;
    }
    report.good(&format!("{source} reports that the token is active:"));
    print(members, report);
    Some(members.clone())
}

fn print(members: &Map<String, Value>, report: &Report) {
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let (name, value) = (report.shown_text(name), report.shown(value));
        report.note(&format!("  {name}: {value}"));
    }
}

/// Renames the members of the Backend API, and converts its milliseconds.
fn in_names_of_jwts(members: Map<String, Value>) -> Map<String, Value> {
    let renamed = members.into_iter().map(|(name, value)| match &*name {
        "subject" => ("sub".to_owned(), value),
        "scopes" => ("scope".to_owned(), value),
        "expiration" => ("exp".to_owned(), in_seconds(value)),
        "created_at" => ("iat".to_owned(), in_seconds(value)),
        _ => (name, value),
    });
    renamed.collect()
}

fn in_seconds(value: Value) -> Value {
    match value.as_i64() {
        Some(time) if time > LATEST_SECONDS => (time / 1000).into(),
        _ => value,
    }
}

/// The year 5138, in seconds, or 1973 in milliseconds.
const LATEST_SECONDS: i64 = 99_999_999_999;
