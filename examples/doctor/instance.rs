//! Checks of the instance: that it is the intended one, works, and accepts the credentials.

use reqwest::StatusCode;
use serde_json::Value;

use crate::{
    NO_TOKEN,
    ask::{Answer, Clerk},
    report::Report,
};

/// Checks that the metadata matches the layer's assumptions.
pub(crate) async fn check_discovery(clerk: &Clerk, report: &mut Report) {
    let answer = match clerk.get("/.well-known/openid-configuration").await {
        Ok(answer) if answer.status == StatusCode::OK && answer.json.is_some() => answer,
        Ok(answer) => {
            let text = format!("discovery answers {} or no JSON", answer.status);
            return report.bad(
                &text,
                "CLERK_DOMAIN must be the frontend API of the instance",
            );
        }
        Err(error) => {
            let advice =
                "check CLERK_DOMAIN, the network, and what stands in between (no proxy is used)";
            return report.bad(&format!("Clerk cannot be reached: {error}"), advice);
        }
    };
    report.good(&format!("discovery answers ({} ms)", answer.millis()));
    check_issuer(clerk, answer.text("issuer"), report);
    for (member, path) in [
        ("introspection_endpoint", "/oauth/token_info"),
        ("userinfo_endpoint", "/oauth/userinfo"),
    ] {
        let expected = format!("{}{path}", clerk.issuer());
        match answer.text(member) {
            Some(url) if url == expected => report.good(&format!("{member} is {url}")),
            Some(url) => report.bad(
                &format!("{member} is {url}, but the layer asks {expected}"),
                "set CLERK_DOMAIN to the origin of that endpoint, if it is Clerk's",
            ),
            None => report.note(&format!("{member} is not named; the layer asks {expected}")),
        }
    }
    check_clock(&answer, report);
    check_latency(clerk, report).await;
}

fn check_issuer(clerk: &Clerk, issuer: Option<&str>, report: &mut Report) {
    match issuer {
        Some(issuer) if issuer == clerk.issuer() => {
            report.good("the issuer is ours, byte for byte");
        }
        issuer => report.bad(
            &format!(
                "the issuer is {}, not {}: tokens that name it are rejected",
                issuer.unwrap_or("not named"),
                clerk.issuer()
            ),
            "set CLERK_DOMAIN to the issuer's host",
        ),
    }
}

fn check_clock(answer: &Answer, report: &mut Report) {
    match answer.clock_ahead {
        // The header has a resolution of whole seconds.
        Some(ahead) if ahead.unsigned_abs() <= LEEWAY => {
            report.good(&format!("the clocks agree within {LEEWAY} s"));
        }
        Some(ahead) if ahead > 0 => report.bad(
            &format!("this machine's clock is {ahead} s behind Clerk's"),
            "set the clock (NTP): new tokens are rejected as not valid yet, and old ones live longer",
        ),
        Some(ahead) => report.bad(
            &format!("this machine's clock is {} s ahead of Clerk's", -ahead),
            "set the clock (NTP): tokens end too early",
        ),
        None => report.note("there is no Date header to compare the clocks by"),
    }
}

/// Measures a call on an open connection, which is the cost of a cache miss.
async fn check_latency(clerk: &Clerk, report: &mut Report) {
    let mut times = Vec::new();
    for _ in 0..3 {
        if let Ok(answer) = clerk.get("/.well-known/openid-configuration").await {
            times.push(answer.millis());
        }
    }
    times.sort_unstable();
    match times.get(times.len() / 2) {
        Some(&median) if median <= SLOW => report.good(&format!("a call takes {median} ms")),
        Some(&median) => report.bad(
            &format!("a call takes {median} ms"),
            "the layer gives up an attempt after 1000 ms: run the service nearer to Clerk, or raise \
             `attempt_timeout` and `timeout`",
        ),
        None => {}
    }
}

/// Checks that introspection accepts the client id and secret.
pub(crate) async fn check_credentials(clerk: &Clerk, report: &mut Report) {
    let answer = match clerk.introspect(NO_TOKEN).await {
        Ok(answer) => answer,
        Err(error) => {
            let advice = "no token can be verified: see above";
            return report.bad(&format!("introspection cannot be reached: {error}"), advice);
        }
    };
    let active = answer.json.as_ref().and_then(|json| json.get("active"));
    match (answer.status, active) {
        (StatusCode::OK, Some(Value::Bool(false))) => report.good(&format!(
            "introspection takes our credentials ({} ms)",
            answer.millis()
        )),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => report.bad(
            &format!("introspection rejects our credentials ({})", answer.status),
            "check CLERK_OAUTH_CLIENT_ID and CLERK_OAUTH_CLIENT_SECRET: those of a confidential OAuth \
             application of this very instance",
        ),
        (StatusCode::UNPROCESSABLE_ENTITY, _) => report.bad(
            "introspection responds with 422: the instance has Clerk's legacy OAuth provider",
            "migrate the instance to the current OAuth provider in Clerk's dashboard; until then the layer \
             answers 503 to every new token",
        ),
        (status, _) => report.bad(
            &format!("introspection answers {status} to a token that cannot be, not `active: false`"),
            "if it goes on, ask Clerk: the layer answers 503 to every new token",
        ),
    }
}

/// Checks that userinfo works, and rejects a token that cannot exist.
pub(crate) async fn check_userinfo(clerk: &Clerk, report: &mut Report) {
    match clerk.userinfo(NO_TOKEN).await {
        Ok(answer) if matches!(answer.status.as_u16(), 400 | 401 | 403) => {
            report.good(&format!("userinfo answers ({} ms)", answer.millis()));
        }
        Ok(answer) => report.bad(
            &format!(
                "userinfo answers {} to a token that cannot be",
                answer.status
            ),
            "claims have no profile meanwhile; CLERK_ENRICH=off leaves it alone",
        ),
        Err(error) => report.bad(
            &format!("userinfo cannot be reached: {error}"),
            "claims have no profile meanwhile; CLERK_ENRICH=off leaves it alone",
        ),
    }
}

/// The difference of clocks that the layer tolerates, in seconds.
const LEEWAY: u64 = 5;

/// In milliseconds: half of the time limit of an attempt.
const SLOW: u128 = 500;
