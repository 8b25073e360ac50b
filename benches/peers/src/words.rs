//! What each peer does and does not do, in words. Read in the sources of the versions in the lockfile;
//! what can be measured is measured elsewhere.

/// One line of the table: a question, and the answers in the order of
/// [`PEERS`](crate::peers::PEERS).
pub type Line = (&'static str, [&'static str; 5]);

/// The table.
pub const LINES: &[Line] = &[
    (
        "where it stands",
        [
            "a layer around any tower service, with any body",
            "a layer around any tower service",
            "an argument of an axum handler; a handler without it is open",
            "a layer around any tower service",
            "a layer of axum's",
        ],
    ),
    (
        "what it does for each request",
        [
            "looks up what introspection said",
            "looks up what introspection said",
            "looks up what introspection said, and copies it",
            "checks the token's signature",
            "checks the token's signature, and reads the key anew each time",
        ],
    ),
    ("opaque tokens", ["yes", "yes", "yes", "no: 401", "no: 401"]),
    (
        "a revoked token passes",
        [
            "for 30 s by default (at most 5 min, longer only in an outage and if `stale_if_error` says so); \
             `invalidate` ends it at once",
            "for as long as one chose to cache",
            "for 15 min by default",
            "until it expires by itself",
            "until it expires by itself",
        ],
    ),
    (
        "what has no `exp` in the answer",
        [
            "is cached",
            "is cached",
            "is never cached",
            "(JWTs only)",
            "(JWTs only)",
        ],
    ),
    (
        "many requests with one new token",
        [
            "one call; a caller that hangs up takes nobody with it",
            "one call; begun anew if the caller hangs up that made it",
            "each makes a call",
            "no call",
            "no call for a token; each makes a call while there are no keys",
        ],
    ),
    (
        "known bad tokens",
        [
            "are rejected without a call for 5 s, apart from the good ones",
            "are asked about again",
            "are asked about again",
            "no call",
            "no call; for a key that nobody knows, at most one in 5 min",
        ],
    ),
    (
        "what a token is known by",
        [
            "a keyed digest",
            "the token itself",
            "the token itself",
            "(not kept)",
            "(not kept)",
        ],
    ),
    (
        "its limits towards the server",
        [
            "2 s in all, 64 calls at a time, a breaker, Clerk's rate limits",
            "2 s for a call, as written here",
            "none; a new client and connection for each call",
            "none; asks for keys every 60 s",
            "none",
        ],
    ),
    (
        "starts while the server is down",
        ["yes", "yes", "no", "no (with `jwks_url`: yes)", "yes"],
    ),
    (
        "which tokens it takes from a server",
        [
            "those for its own client, audience and issuer, with the scopes asked for",
            "all, until one writes it",
            "all that are active",
            "those of its issuer, and of its audience if one is set",
            "all that are signed by it and have no `aud`",
        ],
    ),
    (
        "who the user is",
        [
            "userinfo, as a second call per verification",
            "what introspection said",
            "what introspection said",
            "what the token says",
            "what the token says",
        ],
    ),
];

/// What is in somebody's favour.
pub const FAIRNESS: &[&str] = &[
    "A signature check is not a cached introspection. It needs no server, and it does not notice that a \
     token was revoked. Which of the two is wanted comes before which is faster. For opaque tokens there \
     is no choice.",
    "For zitadel: it is called as axum calls it, but without the router and the boxes around a handler. \
     Its floor is a request that is taken apart and put together. The server sends `exp`, which Clerk does \
     not document; without it zitadel would cache nothing.",
    "For tower-oauth2-resource-server: it has its faster crypto backend, aws-lc-rs, which is not its \
     default.",
    "For clerk-rs: the JWT has no `aud`. Its keys are in memory (`MemoryCacheJwksProvider`) and known \
     before hits are measured.",
    "With session tokens: all of them check the same signature by RS256, clerk-rs by ring, jsonwebtoken alone and \
     we by aws-lc-rs. jsonwebtoken alone has its key from the start, read beforehand, and tells nobody what it \
     read. Our first request is one of a layer that remembers nothing (`cache_ttl` of zero); it is driven by a \
     runtime of one thread.",
    "For what is written by hand: no digest is made, the token itself is the key. It has a time limit and \
     one call for many requests, which not everybody writes.",
    "For us: the rate limiter is off, so that a flood is counted whole; the time to live is 300 s instead of \
     30 s, so that hits are measured and nothing else. The handler drops the request unread: with a layer, a \
     handler that reads the claims looks them up among the extensions, where zitadel hands them over.",
    "Against us: a verification is two calls, introspection and userinfo; the others make one.",
    "The server is on loopback, without TLS. Over TLS each call costs more, most of all where each \
     opens a connection of its own.",
];
