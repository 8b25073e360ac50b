use super::*;

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().copied().map(str::to_owned).collect()
}

#[test]
fn permissions_are_encoded_by_feature_and_mask() {
    struct Case {
        name: &'static str,
        permissions: &'static [&'static str],
        further: &'static [&'static str],
        expected: [&'static str; 3],
    }

    let cases = [
        Case {
            name: "none",
            permissions: &[],
            further: &[],
            expected: ["", "", ""],
        },
        Case {
            name: "the documented example",
            permissions: &[
                "org:dashboard:manage",
                "org:dashboard:read",
                "org:teams:read",
            ],
            further: &[],
            expected: ["o:dashboard,o:teams", "manage,read", "3,2"],
        },
        Case {
            name: "a feature without permissions",
            permissions: &["org:a:read"],
            further: &["o:b"],
            expected: ["o:a,o:b", "read", "1,0"],
        },
        Case {
            name: "features of users come last",
            permissions: &["org:a:read"],
            further: &["u:x", "o:b", "ou:c"],
            expected: ["o:a,o:b,ou:c,u:x", "read", "1,0,0,0"],
        },
        Case {
            name: "features alone",
            permissions: &[],
            further: &["u:x"],
            expected: ["u:x", "", ""],
        },
        Case {
            name: "twice the same",
            permissions: &["org:a:read", "org:a:read"],
            further: &["o:a"],
            expected: ["o:a", "read", "1"],
        },
    ];
    for case in cases {
        let encoded = encode(&owned(case.permissions), &owned(case.further));
        let [features, permissions, masks] = case.expected.map(str::to_owned);
        let expected = Encoded {
            features,
            permissions,
            masks,
        };
        assert_eq!(encoded, expected, "{}", case.name);
    }
}

#[test]
fn a_mask_is_a_decimal_number_of_any_size() {
    for bit in 0..128_usize {
        assert_eq!(mask(&[bit]), (1_u128 << bit).to_string());
        let all: Vec<_> = (0..=bit).collect();
        assert_eq!(mask(&all), (u128::MAX >> (127 - bit)).to_string());
    }
    assert_eq!(mask(&[]), "0");
    assert_eq!(
        mask(&[200]),
        "1606938044258990275541962092341162602522202993782792835301376"
    );
}

#[test]
fn what_is_no_permission_has_no_parts() {
    assert_eq!(parts("org:a:read"), Some(("a", "read")));
    for text in [
        "",
        "org:",
        "org:a",
        "org:a:",
        "org::read",
        "a:read",
        "org:a:b:c",
        "org:a:b,c",
        "user:a:b",
    ] {
        assert_eq!(parts(text), None, "{text}");
    }
}
