use super::*;

#[test]
fn each_error_is_classified_once_for_retry_breaker_counts_and_caller() {
    // fault B1, B9
    struct Case {
        error: CallError,
        is_worth_a_retry: bool,
        evidence: Evidence,
        result: CallResult,
        kind: AuthErrorKind,
        retry_after: Option<u64>,
    }
    use AuthErrorKind::{
        CredentialsRejected, Inactive, InvalidUpstreamResponse, Overloaded, RateLimited,
        UpstreamUnavailable,
    };
    use Evidence::{Failure, Nothing, Success};
    let status = |code| CallError::Status(StatusCode::from_u16(code).unwrap(), None);
    let answer = |kind| CallError::Answer(AuthError::new(kind));
    let unreadable = |delay| CallError::Unreadable(AuthError::new(InvalidUpstreamResponse), delay);
    let second = Duration::from_secs(1);
    let minute = Duration::from_secs(60);
    let broken = || CallError::Transport(TransportError::unreachable("x"));
    let too_large = || CallError::Transport(TransportError::too_large());
    let slower = CallError::Status(StatusCode::TOO_MANY_REQUESTS, Some(second));
    for (error, is_worth_a_retry, evidence, result, kind, retry_after) in [
        (
            CallError::Paused(second),
            false,
            Nothing,
            CallResult::RateLimited,
            RateLimited,
            Some(1),
        ),
        (
            CallError::RateLimited(second),
            false,
            Nothing,
            CallResult::RateLimited,
            RateLimited,
            Some(1),
        ),
        (
            CallError::BreakerOpen(second),
            false,
            Nothing,
            CallResult::RateLimited,
            UpstreamUnavailable,
            Some(1),
        ),
        (
            CallError::Overloaded,
            false,
            Nothing,
            CallResult::RateLimited,
            Overloaded,
            None,
        ),
        (
            broken(),
            true,
            Failure,
            CallResult::Unreachable,
            UpstreamUnavailable,
            None,
        ),
        (
            CallError::Timeout,
            false,
            Failure,
            CallResult::Timeout,
            UpstreamUnavailable,
            None,
        ),
        (
            status(408),
            false,
            Failure,
            CallResult::Timeout,
            UpstreamUnavailable,
            None,
        ),
        (
            status(500),
            false,
            Failure,
            CallResult::ServerError,
            UpstreamUnavailable,
            None,
        ),
        (
            status(502),
            true,
            Failure,
            CallResult::ServerError,
            UpstreamUnavailable,
            None,
        ),
        (
            status(503),
            true,
            Failure,
            CallResult::ServerError,
            UpstreamUnavailable,
            None,
        ),
        (
            status(504),
            true,
            Failure,
            CallResult::ServerError,
            UpstreamUnavailable,
            None,
        ),
        (
            status(429),
            false,
            Success,
            CallResult::RateLimited,
            RateLimited,
            None,
        ),
        (
            slower,
            false,
            Success,
            CallResult::RateLimited,
            RateLimited,
            Some(1),
        ),
        (
            answer(CredentialsRejected),
            false,
            Success,
            CallResult::CredentialsRejected,
            CredentialsRejected,
            None,
        ),
        (
            answer(Inactive),
            false,
            Success,
            CallResult::Rejected,
            Inactive,
            None,
        ),
        // These say for how long, by a delay of Clerk's or a random one.
        (
            too_large(),
            false,
            Nothing,
            CallResult::Malformed,
            InvalidUpstreamResponse,
            None,
        ),
        (
            unreadable(None),
            false,
            Nothing,
            CallResult::Malformed,
            InvalidUpstreamResponse,
            None,
        ),
        (
            unreadable(Some(Duration::ZERO)),
            false,
            Nothing,
            CallResult::Malformed,
            InvalidUpstreamResponse,
            None,
        ),
        (
            unreadable(Some(minute)),
            false,
            Nothing,
            CallResult::Malformed,
            InvalidUpstreamResponse,
            Some(60),
        ),
    ] {
        let case = Case {
            error,
            is_worth_a_retry,
            evidence,
            result,
            kind,
            retry_after,
        };
        let name = format!("{:?}", case.error);
        assert_eq!(
            case.error.is_worth_a_retry(),
            case.is_worth_a_retry,
            "{name}"
        );
        assert_eq!(case.error.evidence(), case.evidence, "{name}");
        assert_eq!(case.error.result(), case.result, "{name}");
        let was_not_called = matches!(
            case.error,
            CallError::Paused(_)
                | CallError::RateLimited(_)
                | CallError::BreakerOpen(_)
                | CallError::Overloaded
        );
        let error = case.error.into_error(true);
        assert_eq!(error.kind(), case.kind, "{name}");
        assert_eq!(error.was_not_called(), was_not_called, "{name}");
        let is_token_provoked = case.kind == InvalidUpstreamResponse;
        assert_eq!(error.is_token_provoked(), is_token_provoked, "{name}");
        match error.retry_after() {
            Some(delay) if is_token_provoked && case.retry_after.is_none() => {
                assert!((second..=5 * second).contains(&delay), "{name}: {delay:?}");
            }
            delay => assert_eq!(delay, case.retry_after.map(Duration::from_secs), "{name}"),
        }
    }
}

#[test]
fn document_that_cannot_be_read_is_not_provoked_by_a_token() {
    for error in [
        CallError::Transport(TransportError::too_large()),
        CallError::Unreadable(AuthError::new(AuthErrorKind::InvalidUpstreamResponse), None),
    ] {
        let error = error.into_error(false);
        assert_eq!(error.kind(), AuthErrorKind::InvalidUpstreamResponse);
        assert!(!error.is_token_provoked());
    }
}
