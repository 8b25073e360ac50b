use secrecy::ExposeSecret;

use crate::fleet::redis::Address;

#[test]
fn a_url_is_read() {
    struct Case {
        input: &'static str,
        expected: (
            bool,
            &'static str,
            u16,
            Option<&'static str>,
            Option<&'static str>,
            i64,
        ),
    }
    for Case { input, expected } in [
        Case {
            input: "redis://cache.internal",
            expected: (false, "cache.internal", 6379, None, None, 0),
        },
        Case {
            input: "rediss://cache.internal:6380/",
            expected: (true, "cache.internal", 6380, None, None, 0),
        },
        Case {
            input: "redis://127.0.0.1/15",
            expected: (false, "127.0.0.1", 6379, None, None, 15),
        },
        Case {
            input: "redis://[::1]:7000",
            expected: (false, "::1", 7000, None, None, 0),
        },
        Case {
            input: "redis://:secret@h",
            expected: (false, "h", 6379, None, Some("secret"), 0),
        },
        Case {
            input: "redis://us%40er:p%2Fw%2B+@h",
            expected: (false, "h", 6379, Some("us@er"), Some("p/w++"), 0),
        },
    ] {
        let address = Address::parse(input).unwrap();
        let password = address.password.as_ref().map(ExposeSecret::expose_secret);
        let user = address.user.as_deref();
        let found = (
            address.tls,
            &*address.host,
            address.port,
            user,
            password,
            address.database,
        );
        assert_eq!(found, expected, "{input}");
    }
}

#[test]
fn a_url_with_a_problem_is_rejected_without_repeating_it() {
    struct Case {
        name: &'static str,
        input: &'static str,
        expected: &'static str,
    }
    for Case {
        name,
        input,
        expected,
    } in [
        Case {
            name: "empty",
            input: "",
            expected: "not a URL",
        },
        Case {
            name: "an address",
            input: "cache.internal:6379",
            expected: "scheme",
        },
        Case {
            name: "http",
            input: "https://user:hunter2@h",
            expected: "scheme",
        },
        Case {
            name: "a socket file",
            input: "redis+unix:///run/redis.sock",
            expected: "scheme",
        },
        Case {
            name: "no host",
            input: "redis:///1",
            expected: "no host",
        },
        Case {
            name: "no host, only a password",
            input: "redis://:hunter2@/1",
            expected: "not a URL",
        },
        Case {
            name: "an encoded host",
            input: "redis://a%2fb",
            expected: "not a name",
        },
        Case {
            name: "a port beyond the last",
            input: "redis://:hunter2@h:65536",
            expected: "not a URL",
        },
        Case {
            name: "a name as database",
            input: "redis://h/hunter2",
            expected: "number of the database",
        },
        Case {
            name: "two databases",
            input: "redis://h/1/2",
            expected: "number of the database",
        },
        Case {
            name: "a negative database",
            input: "redis://h/-1",
            expected: "number of the database",
        },
        Case {
            name: "an option",
            input: "redis://h/1?protocol=resp3",
            expected: "must end",
        },
        Case {
            name: "without verification",
            input: "rediss://h/1#insecure",
            expected: "must end",
        },
        Case {
            name: "a user alone",
            input: "redis://hunter2@h",
            expected: "without a password",
        },
        Case {
            name: "an empty password",
            input: "redis://hunter2:@h",
            expected: "without a password",
        },
        Case {
            name: "no UTF-8",
            input: "redis://:%ff@h",
            expected: "UTF-8",
        },
    ] {
        let problem = Address::parse(input).err().unwrap_or("none");
        assert!(problem.contains(expected), "{name}: {problem}");
        assert!(!problem.contains("hunter2"), "{name}");
    }
}
