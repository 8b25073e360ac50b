use super::*;

#[test]
fn retry_after_has_two_forms_and_a_cap() {
    // C094, D04
    struct Case {
        value: &'static str,
        expected: Option<u64>,
    }
    // 1994-11-06 08:49:37 GMT
    const NOW: i64 = 784_111_777;
    for Case { value, expected } in [
        ("0", Some(0)),
        ("7", Some(7)),
        (" 7 ", Some(7)),
        ("60", Some(60)),
        ("61", Some(60)),
        ("99999999999999999999999", Some(60)),
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
        ("Sat, 06 Nov 2094 08:49:37 GMT", Some(60)),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
    ]
    .map(|(value, expected)| Case { value, expected })
    {
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        assert_eq!(
            retry_after(&headers, NOW),
            expected.map(Duration::from_secs),
            "{value:?}"
        );
    }
    assert_eq!(retry_after(&HeaderMap::new(), NOW), None);
}

#[test]
fn trouble_is_judged_once_for_retry_breaker_and_caller() {
    struct Case {
        trouble: Trouble,
        is_worth_a_retry: bool,
        is_failure: bool,
        kind: AuthErrorKind,
        retry_after: Option<u64>,
    }
    let status = |code| Trouble::Status(StatusCode::from_u16(code).unwrap(), None);
    let answer = |kind| Trouble::Answer(AuthError::new(kind));
    let second = Duration::from_secs(1);
    for Case {
        trouble,
        is_worth_a_retry,
        is_failure,
        kind,
        retry_after,
    } in [
        (
            Trouble::RateLimited(second),
            false,
            false,
            AuthErrorKind::RateLimited,
            Some(1),
        ),
        (
            Trouble::BreakerOpen(second),
            false,
            false,
            AuthErrorKind::UpstreamUnavailable,
            Some(1),
        ),
        (
            Trouble::Transport(TransportError::unreachable("x")),
            true,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (
            Trouble::Transport(TransportError::too_large()),
            false,
            true,
            AuthErrorKind::UpstreamProtocol,
            None,
        ),
        (
            Trouble::Timeout,
            false,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (
            status(500),
            false,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (
            status(502),
            true,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (
            status(503),
            true,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (
            status(504),
            true,
            true,
            AuthErrorKind::UpstreamUnavailable,
            None,
        ),
        (status(429), false, false, AuthErrorKind::RateLimited, None),
        (
            Trouble::Status(StatusCode::TOO_MANY_REQUESTS, Some(second)),
            false,
            false,
            AuthErrorKind::RateLimited,
            Some(1),
        ),
        (
            answer(AuthErrorKind::UpstreamProtocol),
            false,
            true,
            AuthErrorKind::UpstreamProtocol,
            None,
        ),
        (
            answer(AuthErrorKind::CredentialsRejected),
            false,
            false,
            AuthErrorKind::CredentialsRejected,
            None,
        ),
        (
            answer(AuthErrorKind::Inactive),
            false,
            false,
            AuthErrorKind::Inactive,
            None,
        ),
    ]
    .map(
        |(trouble, is_worth_a_retry, is_failure, kind, retry_after)| Case {
            trouble,
            is_worth_a_retry,
            is_failure,
            kind,
            retry_after,
        },
    ) {
        let name = format!("{trouble:?}");
        let was_not_called = matches!(trouble, Trouble::RateLimited(_) | Trouble::BreakerOpen(_));
        assert_eq!(trouble.is_worth_a_retry(), is_worth_a_retry, "{name}");
        assert_eq!(trouble.is_failure(), is_failure, "{name}");
        let error = trouble.into_error();
        assert_eq!(error.kind(), kind, "{name}");
        // fault B1, B9
        let is_token_provoked = kind == AuthErrorKind::UpstreamProtocol;
        assert_eq!(error.is_token_provoked(), is_token_provoked, "{name}");
        assert_eq!(error.was_not_called(), was_not_called, "{name}");
        if is_token_provoked {
            let delay = error.retry_after().unwrap();
            let bounds = second..=Duration::from_secs(5);
            assert!(bounds.contains(&delay), "{name}: {delay:?}");
            continue;
        }
        assert_eq!(
            error.retry_after(),
            retry_after.map(Duration::from_secs),
            "{name}"
        );
    }
}
