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
