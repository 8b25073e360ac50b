use std::{error::Error, time::Duration};

use http::StatusCode;

use super::{AuthError, AuthErrorKind, MAX_RETRY_AFTER, UnexpectedStatus, unexpected_status};

#[test]
fn longest_delay_saturates() {
    // fault D2
    for (delay, expected) in [
        (Duration::ZERO, Duration::ZERO),
        (Duration::from_millis(59_999), Duration::from_millis(59_999)),
        (MAX_RETRY_AFTER, MAX_RETRY_AFTER),
        (Duration::from_secs(61), MAX_RETRY_AFTER),
        (Duration::new(u64::MAX, 1), MAX_RETRY_AFTER),
        (Duration::MAX, MAX_RETRY_AFTER),
    ] {
        let error = AuthError::new(AuthErrorKind::Overloaded).with_retry_after(delay);
        assert_eq!(error.retry_after(), Some(expected), "{delay:?}");
    }
}

#[test]
fn cause_hands_on_its_origin_and_its_delay() {
    let error = AuthError::new(AuthErrorKind::InvalidUpstreamResponse).into_token_provoked();
    let delay = error.retry_after().unwrap();
    assert!((Duration::from_secs(1)..=Duration::from_secs(5)).contains(&delay));

    let delay = Duration::from_secs(3);
    let cause = AuthError::new(AuthErrorKind::InvalidUpstreamResponse)
        .with_retry_after(delay)
        .into_token_provoked();
    let error = AuthError::new(AuthErrorKind::ProfileUnavailable).caused_by(cause);
    assert_eq!(error.retry_after(), Some(delay));
    assert!(error.is_token_provoked() && !error.was_not_called());
    let cause = AuthError::new(AuthErrorKind::Overloaded).into_not_called();
    let error = AuthError::new(AuthErrorKind::ProfileUnavailable).caused_by(cause);
    assert_eq!(error.retry_after(), None);
    assert!(error.was_not_called() && !error.is_token_provoked());
}

#[test]
fn cause_is_an_error_or_a_text() {
    let error = AuthError::new(AuthErrorKind::UpstreamUnavailable);
    assert!(error.source().is_none());
    let with_text = error.clone().with_source("no route to the server");
    let cause = with_text.source().map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("no route to the server"));
    // The type of an error is kept, so that callers can find it.
    let with_error = error.with_source(UnexpectedStatus(StatusCode::IM_A_TEAPOT));
    assert_eq!(
        unexpected_status(&with_error),
        Some(StatusCode::IM_A_TEAPOT)
    );
}
