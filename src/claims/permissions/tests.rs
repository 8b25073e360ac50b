use super::decode;

struct Case<'a> {
    name: &'a str,
    /// `fea`, `per`, `fpm`.
    input: (&'a str, &'a str, &'a str),
    expected: &'a [&'a str],
}

#[track_caller]
fn check(case: &Case<'_>) {
    let (features, names, masks) = case.input;
    let decoded = decode(features, names, masks);
    let decoded: Vec<&str> = decoded.iter().map(|permission| &**permission).collect();
    assert_eq!(decoded, case.expected, "{}", case.name);
}

#[test]
fn bits_are_permissions_of_the_feature_at_their_place() {
    let cases = [
        Case {
            name: "the example of the documentation",
            input: ("o:dashboard,o:teams", "manage,read", "3,2"),
            expected: &[
                "org:dashboard:manage",
                "org:dashboard:read",
                "org:teams:read",
            ],
        },
        Case {
            name: "one of each",
            input: ("o:billing", "read", "1"),
            expected: &["org:billing:read"],
        },
        Case {
            name: "no bit",
            input: ("o:billing", "read", "0"),
            expected: &[],
        },
        Case {
            name: "the first bit alone, and the last",
            input: ("o:a,o:b", "x,y,z", "1,4"),
            expected: &["org:a:x", "org:b:z"],
        },
        Case {
            name: "features of both",
            input: ("ou:a,uo:b", "x", "1,1"),
            expected: &["org:a:x", "org:b:x"],
        },
        Case {
            name: "leading zeros",
            input: ("o:a", "x,y", "0002"),
            expected: &["org:a:y"],
        },
        Case {
            name: "bits beyond the names",
            input: ("o:a", "x,y", "13"),
            expected: &["org:a:x"],
        },
        Case {
            name: "dashes, underscores, other letters",
            input: ("o:team-a_1", "lesen-ä", "1"),
            expected: &["org:team-a_1:lesen-ä"],
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn places_are_taken_where_all_readers_agree() {
    let cases = [
        Case {
            name: "the user's last, with a mask",
            input: ("o:a,u:b", "x,y", "3,0"),
            expected: &["org:a:x", "org:a:y"],
        },
        Case {
            name: "the user's last, with a mask that says something",
            input: ("o:a,u:b", "x,y", "1,2"),
            expected: &["org:a:x"],
        },
        Case {
            name: "the user's last, without a mask",
            input: ("o:a,u:b", "x,y", "3"),
            expected: &["org:a:x", "org:a:y"],
        },
        Case {
            name: "the user's first, without a mask",
            input: ("u:b,o:a", "x,y", "2"),
            expected: &["org:a:y"],
        },
        Case {
            name: "the user's in between, without masks",
            input: ("o:a,u:b,o:c,u:d", "x,y", "1,2"),
            expected: &["org:a:x", "org:c:y"],
        },
        Case {
            name: "the user's first, with a mask: either reading gives something else",
            input: ("u:b,o:a", "x", "0,1"),
            expected: &[],
        },
        Case {
            name: "the same the other way round",
            input: ("u:b,o:a", "x", "1,0"),
            expected: &[],
        },
        Case {
            name: "the user's first, with a mask: both readings agree",
            input: ("u:b,o:a", "x", "1,1"),
            expected: &["org:a:x"],
        },
        Case {
            name: "they agree on the first feature alone",
            input: ("o:a,u:b,o:c", "x", "1,0,1"),
            expected: &[],
        },
        Case {
            name: "they differ in bits that stand for nothing",
            input: ("u:b,o:a", "x", "3,1"),
            expected: &["org:a:x"],
        },
        Case {
            name: "features of the user alone, with a mask",
            input: ("u:b", "x", "1"),
            expected: &[],
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn what_cannot_be_read_gives_no_permission_at_all() {
    let cases = [
        // The first feature and mask of each are sound, and would give `org:a:x`.
        ("a mask too few", ("o:a,o:b", "x", "1")),
        ("a mask too many", ("o:a,o:b", "x", "1,1,1")),
        (
            "between both counts",
            ("o:a,u:b,u:c,o:d,o:e", "x", "1,1,1,1"),
        ),
        ("no mask", ("o:a", "x", "")),
        ("an empty mask", ("o:a,o:b", "x", "1,")),
        ("a sign", ("o:a,o:b", "x", "1,+1")),
        ("a negative mask", ("o:a,o:b", "x", "1,-1")),
        ("a hexadecimal mask", ("o:a,o:b", "x", "1,0x1")),
        ("a fraction", ("o:a,o:b", "x", "1,1.0")),
        ("an exponent", ("o:a,o:b", "x", "1,1e1")),
        ("a space", ("o:a,o:b", "x", "1, 1")),
        ("digits of another script", ("o:a,o:b", "x", "1,١")),
        ("no feature", ("", "x", "1")),
        ("a feature without a colon", ("o:a,b", "x", "1,1")),
        ("a feature without a scope", ("o:a,:b", "x", "1,1")),
        ("a feature without a name", ("o:a,o:", "x", "1,1")),
        ("a feature with two colons", ("o:a,o:b:c", "x", "1,1")),
        ("an empty feature", ("o:a,", "x", "1,1")),
        ("an unknown scope", ("o:a,x:b", "x", "1,1")),
        ("a capital", ("o:a,O:b", "x", "1,1")),
        ("a scope after a space", ("o:a, o:b", "x", "1,1")),
        ("a scope twice", ("o:a,oo:b", "x", "1,1")),
        ("a feature twice", ("o:a,o:a", "x", "1,0")),
        ("a feature twice, of both", ("o:a,uo:a", "x", "1,0")),
        ("no name", ("o:a", "", "1")),
        ("an empty name", ("o:a", "x,", "1")),
        ("an empty name in front", ("o:a", ",x", "2")),
        ("a name with a colon", ("o:a", "x,y:z", "1")),
        ("a name twice", ("o:a", "x,y,x", "1")),
    ];
    for (name, input) in cases {
        check(&Case {
            name,
            input,
            expected: &[],
        });
    }
}

/// Two to this power, in decimal.
fn power(exponent: usize) -> String {
    let mut digits = vec![1_u8];
    for _ in 0..exponent {
        let mut carry = 0;
        for digit in &mut digits {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let digits = digits.iter().rev();
    digits.map(|digit| char::from(b'0' + digit)).collect()
}

#[test]
fn masks_have_as_many_bits_as_there_are_names() {
    let names: Vec<String> = (0..400).map(|n| format!("p{n}")).collect();
    let names = names.join(",");
    // Around the ends of bytes, of what a double holds exactly, and of machine words.
    for bit in [
        0, 7, 8, 31, 32, 52, 53, 54, 63, 64, 65, 127, 128, 129, 255, 256, 399,
    ] {
        let expected = format!("org:a:p{bit}");
        check(&Case {
            name: &expected,
            input: ("o:a", &names, &power(bit)),
            expected: &[&expected],
        });
        // One less: all bits below.
        let mut digits = power(bit).into_bytes();
        *digits.last_mut().unwrap() -= u8::from(bit > 0);
        let below = String::from_utf8(digits).unwrap();
        let decoded = decode("o:a", &names, &below);
        assert_eq!(decoded.len(), bit.max(1), "{below}");
    }
    for beyond in [400, 401, 5_000] {
        check(&Case {
            name: "a bit that has no name",
            input: ("o:a", &names, &power(beyond)),
            expected: &[],
        });
    }
    // 2^64 + 1 is not 1, and what is more than 2^128 is not cut to a word either.
    assert_eq!(decode("o:a", &names, "18446744073709551617").len(), 2);
    let beyond_128 = "340282366920938463463374607431768211457";
    assert_eq!(decode("o:a", &names, beyond_128).len(), 2);
}
