//! Checks of the instance: that it is the intended one, and that clocks and network allow for its use.

use crate::{
    call::{Answer, Clerk},
    report::Report,
};

/// Checks that the metadata matches the layer's assumptions.
pub(crate) async fn examine(clerk: &Clerk, report: &mut Report) {
    let answer = match clerk.get("/.well-known/openid-configuration").await {
        Ok(answer) if answer.members().is_some() => answer,
        Ok(answer) => {
            let text = format!(
                "discovery answers {}, not with a JSON object",
                answer.status
            );
            return report.bad(
                &text,
                "CLERK_DOMAIN must be the Frontend API of the instance",
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
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        let expected = format!("{}{path}", clerk.frontend_url());
        match answer.text(member) {
            Some(url) if url == expected => report.good(&format!("{member} is {url}")),
            Some(url) => report.bad(
                &format!(
                    "{member} is {}, but the layer calls {expected}",
                    report.shown_text(url)
                ),
                "set CLERK_DOMAIN to the origin of that endpoint, if Clerk serves it",
            ),
            None => report.note(&format!(
                "{member} is not named; the layer calls {expected}"
            )),
        }
    }
    check_clock(&answer, report);
    check_latency(clerk, report).await;
}

fn check_issuer(clerk: &Clerk, issuer: Option<&str>, report: &mut Report) {
    if issuer.is_some_and(|issuer| issuer == clerk.issuer() || issuer == clerk.frontend_url()) {
        return report.good("the issuer is ours, byte for byte");
    }
    let found = issuer.map_or("not named".to_owned(), |issuer| report.shown_text(issuer));
    report.bad(
        &format!(
            "the issuer is {found}, not {}: tokens that name it are rejected",
            clerk.issuer()
        ),
        "set CLERK_DOMAIN to the issuer's host",
    );
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

/// The difference of clocks that the layer tolerates, in seconds.
const LEEWAY: u64 = 5;

/// In milliseconds: half of the time limit of an attempt.
const SLOW: u128 = 500;
