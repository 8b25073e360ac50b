//! The profile of the token's subject: userinfo, and the user of the Backend API, as far as the configuration uses
//! them.

use reqwest::StatusCode;
use serde_json::Value;
use tower_clerk::TokenKind;

use crate::{call::Clerk, claims::Claims, report::Report, settings::Settings, token::Token};

pub(crate) async fn examine(
    token: &Token<'_>,
    claims: &Claims,
    clerk: &Clerk,
    settings: &Settings,
    report: &mut Report,
) {
    let subject = claims.text("sub");
    if settings.uses_userinfo && matches!(token.kind, Some(TokenKind::OAuth) | None) {
        check_userinfo(clerk, token, subject, report).await;
    }
    let key = settings.secret_key.as_deref();
    if let (true, Some(key), Some(subject)) = (settings.uses_users, key, subject)
        && subject.starts_with("user_")
    {
        check_user(clerk, key, subject, report).await;
    }
}

async fn check_userinfo(
    clerk: &Clerk,
    token: &Token<'_>,
    subject: Option<&str>,
    report: &mut Report,
) {
    report.section("The profile");
    let answer = match clerk.userinfo(token.text).await {
        Ok(answer) => answer,
        Err(error) => {
            return report.bad(
                &format!("userinfo cannot be reached: {error}"),
                WITHOUT_PROFILE,
            );
        }
    };
    match (answer.status, answer.text("sub")) {
        (StatusCode::OK, Some(sub)) if subject.is_none_or(|known| known == sub) => {
            report.good(&format!(
                "userinfo answers for the same subject ({} ms)",
                answer.millis()
            ));
        }
        (StatusCode::OK, _) => report.bad(
            "userinfo answers for another subject, or for none",
            "the layer ignores that profile; with CLERK_ENRICH=required it rejects the token, and \
             CLERK_ENRICH=best-effort does without the profile",
        ),
        (status, _) if answer.rejects_credentials() => report.bad(
            &format!("userinfo rejects the token ({status}), so that its claims have no profile"),
            "have the client request the scopes `profile` and `email`, and a token for no other resource; with \
             CLERK_ENRICH=required the layer rejects the token, and CLERK_ENRICH=best-effort does without the profile",
        ),
        (status, _) => report.bad(&format!("userinfo answers {status}"), WITHOUT_PROFILE),
    }
}

async fn check_user(clerk: &Clerk, key: &str, subject: &str, report: &mut Report) {
    report.section("The user");
    let answer = match clerk.user(key, subject).await {
        Ok(answer) => answer,
        Err(error) => {
            let text = format!("the user cannot be fetched from the Backend API: {error}");
            return report.bad(&text, WITHOUT_PROFILE);
        }
    };
    let is = |name: &str| {
        answer.json.as_ref().and_then(|user| user.get(name)) == Some(&Value::Bool(true))
    };
    if answer.is_unknown() {
        report.bad(
            "the Backend API does not know the user, so that the layer rejects the token",
            "the user is deleted, or CLERK_SECRET_KEY is of another instance",
        );
    } else if answer.members().is_none() {
        let text = format!(
            "the Backend API answers {} to a request for the user",
            answer.status
        );
        report.bad(&text, WITHOUT_PROFILE);
    } else if is("banned") || is("deprovisioned") {
        report.bad(
            "the user is banned or deprovisioned, so that the layer rejects the token",
            "lift the ban in Clerk's dashboard, if the user should have access",
        );
    } else {
        report.good(&format!(
            "the Backend API has the user ({} ms)",
            answer.millis()
        ));
    }
}

const WITHOUT_PROFILE: &str = "the claims have no profile; with CLERK_ENRICH=required the layer responds with a 503, and \
                               CLERK_ENRICH=best-effort does without the profile";
