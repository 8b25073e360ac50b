//! Checks of the endpoints that the configuration uses: that each answers, and accepts the credentials. Each gets a
//! token or an id that cannot exist.

use reqwest::StatusCode;
use serde_json::Value;
use tower_clerk::TokenKind;

use crate::{
    call::{Answer, Clerk},
    report::Report,
    settings::Settings,
};

pub(crate) async fn examine(clerk: &Clerk, settings: &Settings, report: &mut Report) {
    if let Some(client) = &settings.client {
        let answer = clerk.introspect(client, "oat_00000000000000000000000000000000");
        check_introspection(answer.await, report);
    }
    if settings.uses_userinfo {
        let answer = clerk.userinfo("oat_00000000000000000000000000000000");
        check_userinfo(answer.await, report);
    }
    if settings.uses_key_set() {
        check_key_set(clerk.get("/.well-known/jwks.json").await, report);
    }
    for (kind, what, token, is_used) in [
        (
            TokenKind::OAuth,
            "OAuth tokens",
            "oat_00000000000000000000000000000000",
            settings.oauth_by_backend,
        ),
        (
            TokenKind::ApiKey,
            "API keys",
            "ak_00000000000000000000000000000000",
            settings.accepts(TokenKind::ApiKey),
        ),
        (
            TokenKind::Machine,
            "machine tokens",
            "mt_00000000000000000000000000000000",
            settings.accepts(TokenKind::Machine),
        ),
    ] {
        // Without a key, only JWTs of machines are accepted.
        let key = settings.key_of(kind).filter(|_| is_used);
        if let Some((key, variable)) = key {
            let answer = clerk.verify(kind, key, token).await;
            let what = format!("the verification of {what} by the Backend API");
            check_backend(&what, variable, answer, report);
        }
    }
    let key = settings.secret_key.as_deref();
    if let Some(key) = key.filter(|_| settings.uses_users) {
        let answer = clerk.user(key, "user_000000000000000000000000000").await;
        check_backend(
            "the users of the Backend API",
            "CLERK_SECRET_KEY",
            answer,
            report,
        );
    }
}

fn check_introspection(answer: Result<Answer, String>, report: &mut Report) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let text = format!("introspection cannot be reached: {error}");
            return report.bad(&text, UNREACHABLE);
        }
    };
    let active = answer.json.as_ref().and_then(|json| json.get("active"));
    match (answer.status, active) {
        (StatusCode::OK, Some(Value::Bool(false))) => report.good(&format!(
            "introspection accepts the client credentials ({} ms)",
            answer.millis()
        )),
        _ if answer.rejects_credentials() => report.bad(
            &format!(
                "introspection rejects the client credentials ({})",
                answer.status
            ),
            "check CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET: those of a confidential OAuth \
             application of this very instance",
        ),
        (StatusCode::UNPROCESSABLE_ENTITY, _) => report.bad(
            "introspection responds with 422: the instance has Clerk's legacy OAuth provider",
            "migrate the instance to the current OAuth provider in Clerk's dashboard; until then the layer \
             answers 503 to every new token",
        ),
        (status, _) => report.bad(
            &format!("introspection answers {status} to a token that cannot exist, not `active: false`"),
            "look for a firewall on the way, and at Clerk's status page: the layer answers 503 to every new token",
        ),
    }
}

fn check_userinfo(answer: Result<Answer, String>, report: &mut Report) {
    let text = match answer {
        Ok(answer) if matches!(answer.status.as_u16(), 400 | 401 | 403) => {
            return report.good(&format!("userinfo answers ({} ms)", answer.millis()));
        }
        Ok(answer) => format!(
            "userinfo answers {} to a token that cannot exist",
            answer.status
        ),
        Err(error) => format!("userinfo cannot be reached: {error}"),
    };
    report.bad(
        &text,
        "the claims of OAuth tokens have no profile meanwhile; CLERK_ENRICH=off does without userinfo",
    );
}

fn check_key_set(answer: Result<Answer, String>, report: &mut Report) {
    let text = match answer {
        Ok(answer) => match answer.members().and_then(|members| members.get("keys")) {
            Some(Value::Array(keys)) if !keys.is_empty() => {
                let (keys, millis) = (keys.len(), answer.millis());
                return report.good(&format!("the key set has {keys} key(s) ({millis} ms)"));
            }
            _ => format!("the key set answers {}, without keys", answer.status),
        },
        Err(error) => format!("the key set cannot be reached: {error}"),
    };
    report.bad(
        &text,
        "JWTs cannot be verified: check CLERK_DOMAIN and the network, or give the key itself in CLERK_JWT_KEY",
    );
}

fn check_backend(what: &str, variable: &str, answer: Result<Answer, String>, report: &mut Report) {
    match answer {
        Ok(answer) if answer.is_unknown() => report.good(&format!(
            "{what} accepts {variable} ({} ms)",
            answer.millis()
        )),
        Ok(answer) if answer.rejects_credentials() => report.bad(
            &format!("{what} rejects {variable} ({})", answer.status),
            &format!("check that {variable} is complete, not revoked, and of this very instance"),
        ),
        Ok(answer) => report.bad(
            &format!("{what} answers {} to an id that cannot exist", answer.status),
            "check that CLERK_API_URL is Clerk's Backend API (default: https://api.clerk.com/v1)",
        ),
        Err(error) => report.bad(
            &format!("{what} cannot be reached: {error}"),
            "check CLERK_API_URL (default: https://api.clerk.com/v1) and the network (no proxy is used)",
        ),
    }
}

const UNREACHABLE: &str =
    "no token can be introspected: check CLERK_DOMAIN and the network (no proxy is used)";
