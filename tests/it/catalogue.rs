//! The catalogue of what must not get through, and the proof that a test names every row of it.
//!
//! B are faults that others had, C are hostile inputs and faults by kind. A test covers a row by naming
//! it, in a comment or in the name of a case. Rows about what this crate does not have say so here.

use std::{collections::BTreeSet, fs, path::Path};

use crate::docs::files;

/// Whether a row asks anything of us.
enum Row {
    /// A test must name it.
    Due(&'static str, &'static str),
    /// It does not apply, and why.
    Not(&'static str, &'static str, &'static str),
}

use Row::{Due, Not};

#[test]
fn every_row_of_the_catalogue_is_named_by_a_test() {
    let named = named();
    let missing: Vec<_> = ROWS
        .iter()
        .filter_map(|row| match row {
            Due(id, what) if !named.contains(*id) => Some(format!("{id} {what}")),
            Due(..) | Not(..) => None,
        })
        .collect();
    assert!(missing.is_empty(), "no test names:\n{}", missing.join("\n"));
}

#[test]
fn the_catalogue_has_every_row_once_and_no_test_names_another() {
    let ids: Vec<_> = ROWS
        .iter()
        .map(|(Due(id, _) | Not(id, _, _))| *id)
        .collect();
    let expected: Vec<_> = (1..=47)
        .map(|n| format!("B{n:02}"))
        .chain((1..=132).map(|n| format!("C{n:03}")))
        .collect();
    assert_eq!(ids, expected);
    for row in ROWS {
        match row {
            Due(_, what) => assert!(!what.is_empty()),
            Not(id, what, why) => assert!(!what.is_empty() && !why.is_empty(), "{id}"),
        }
    }
    let unknown: Vec<_> = named()
        .into_iter()
        .filter(|id| !expected.contains(id))
        .collect();
    assert!(unknown.is_empty(), "no rows: {unknown:?}");
}

/// All ids that tests name.
fn named() -> BTreeSet<String> {
    let files: Vec<_> = ["src", "tests"].into_iter().flat_map(files).collect();
    assert!(files.len() > 10, "the sources are there: {files:?}");
    let this = Path::new(file!()).file_name();
    files
        .iter()
        .filter(|file| file.file_name() != this)
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a source is text");
            text.lines().flat_map(ids_of).collect::<Vec<_>>()
        })
        .collect()
}

/// The ids in a comment or a string of a line. Both ends of a range are none: whoever writes "to" has
/// not looked at each.
fn ids_of(line: &str) -> Vec<String> {
    let Some(start) = [line.find("//"), line.find('"')]
        .into_iter()
        .flatten()
        .min()
    else {
        return Vec::new();
    };
    let words: Vec<_> = line[start..]
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| !word.is_empty())
        .collect();
    let is_to = |at: Option<usize>| {
        at.and_then(|at| words.get(at))
            .is_some_and(|word| *word == "to")
    };
    words
        .iter()
        .enumerate()
        .filter(|(at, word)| is_id(word) && !is_to(at.checked_sub(1)) && !is_to(Some(at + 1)))
        .map(|(_, word)| (*word).to_owned())
        .collect()
}

fn is_id(word: &str) -> bool {
    let digits = match word.as_bytes() {
        [b'B', digits @ ..] if digits.len() == 2 => digits,
        [b'C', digits @ ..] if digits.len() == 3 => digits,
        _ => return false,
    };
    digits.iter().all(u8::is_ascii_digit)
}

#[test]
fn ids_are_found_in_comments_and_names_alone() {
    for (line, expected) in [
        ("// B01, B02", &["B01", "B02"][..]),
        ("row(\"C009 no space\", x), // C010", &["C009", "C010"]),
        ("//! C120: a row.", &["C120"]),
        ("let C001 = B01;", &[]),
        ("// C038-C044, and C001 to C025", &[]),
        ("// C0011 B1 XB01", &[]),
    ] {
        assert_eq!(ids_of(line), expected, "{line}");
    }
}

const ROWS: &[Row] = &[
    Due(
        "B01",
        "a cached token passes a route that needs another scope",
    ),
    Due("B02", "one instance's answer counts for another"),
    Due(
        "B03",
        "layers of one name share answers or verifications under way",
    ),
    Due("B04", "stricter rules are skipped on a hit"),
    Due("B05", "userinfo of one realm is served in another"),
    Due("B06", "a hit skips issuer and audience of another place"),
    Due(
        "B07",
        "the second answer to a bad token differs from the first",
    ),
    Due("B08", "two inputs make one cache key"),
    Due("B09", "bad credentials pass as missing ones"),
    Due(
        "B10",
        "two headers and a failing server bring the filter down",
    ),
    Due(
        "B11",
        "a request that goes away during a fetch brings the filter down",
    ),
    Due("B12", "a request passes though nothing was introspected"),
    Due(
        "B13",
        "a built-in default verdict when the server fails at start",
    ),
    Not(
        "B14",
        "a flooded replay store forgets proofs",
        "there are no DPoP proofs: bound tokens are rejected",
    ),
    Due("B15", "certificates are not checked by default"),
    Due("B16", "identity from outside is believed"),
    Due("B17", "a forwarded header turns the check off"),
    Due(
        "B18",
        "a user agent, a path or a query passes for a health check",
    ),
    Not(
        "B19",
        "crafted paths slip past a path matcher",
        "there is no path matcher: open routes stand outside of the layer",
    ),
    Not(
        "B20",
        "a webhook with a wrong signature is believed",
        "there is no webhook",
    ),
    Due("B21", "no audience is checked unless asked for"),
    Due("B22", "an issuer list that introspection ignores"),
    Not(
        "B23",
        "without metadata, a check is relaxed",
        "no metadata is fetched: all endpoints follow from the configured origin",
    ),
    Due("B24", "a verdict outlives the token's end"),
    Due("B25", "a token is formatted into commands of a store"),
    Due("B26", "an inactive token ends in a 500 or passes"),
    Due("B27", "claims get into response headers"),
    Due("B28", "introspection follows redirects"),
    Not(
        "B29",
        "nonces of an encrypted entry repeat",
        "entries stay in the process, unencrypted",
    ),
    Due("B30", "a time limit in the wrong unit, or not applied"),
    Due("B31", "the body null brings the decoder down"),
    Due("B32", "one layer's TTL overwrites another's"),
    Due(
        "B33",
        "the text \"false\" is true, and zero as the end is none",
    ),
    Due("B34", "null, zero and texts are true"),
    Due("B35", "a token is pasted into a form"),
    Due("B36", "many spellings of one token fill the cache"),
    Due("B37", "an empty 200 is an empty set of claims"),
    Due("B38", "now plus a huge TTL overflows"),
    Due("B39", "memory grows by bad tokens"),
    Due(
        "B40",
        "a full cache is emptied, or entries end by a timer only",
    ),
    Due(
        "B41",
        "a revoked token is served from the cache after its invalidation",
    ),
    Due("B42", "a refresh adds to what was there"),
    Due("B43", "dots by the thousand cost memory"),
    Due("B44", "a missing secret becomes an empty one"),
    Not(
        "B45",
        "an address with two at-signs passes a check of its domain",
        "no address is judged here",
    ),
    Due("B46", "an answer about another client's token counts"),
    Not(
        "B47",
        "signed answers with unknown critical headers",
        "signed answers are rejected altogether",
    ),
    Due("C001", "no header"),
    Due("C002", "an empty header"),
    Due("C003", "the scheme alone"),
    Due("C004", "the scheme and a space"),
    Due("C005", "the scheme in any case"),
    Due("C006", "two spaces"),
    Due("C007", "a tab for a space"),
    Due("C008", "white space around the value"),
    Due("C009", "schemes that begin or end alike"),
    Due("C010", "the same header twice"),
    Due("C011", "basic and bearer at once"),
    Due("C012", "two credentials in one header"),
    Due("C013", "a comma in the token"),
    Due("C014", "other schemes"),
    Due("C015", "a word behind the token"),
    Due("C016", "a token in quotes"),
    Due("C017", "every byte outside of the alphabet"),
    Due("C018", "padding in the middle"),
    Due("C019", "padding alone"),
    Due("C020", "padding at the end"),
    Due("C021", "bytes beyond ASCII"),
    Due("C022", "control characters"),
    Due("C023", "a folded line"),
    Due("C024", "the longest token, and longer ones"),
    Due("C025", "a million dots"),
    Due("C026", "ten thousand headers"),
    Due("C027", "a token in the query"),
    Due("C028", "a token in a form"),
    Due("C029", "a header and a query"),
    Not(
        "C030",
        "two tokens in the query",
        "the query is not looked at",
    ),
    Due("C031", "a cookie, or credentials for a proxy"),
    Due("C032", "forwarded credentials"),
    Due("C033", "names of headers in any case"),
    Due("C034", "preflight requests"),
    Due("C035", "all methods"),
    Due("C036", "gRPC content types"),
    Due("C037", "a bound token sent as a bearer's"),
    Due("C038", "active is missing"),
    Due("C039", "active of another type"),
    Due("C040", "active twice"),
    Due("C041", "Active in another case"),
    Due("C042", "an envelope around the answer"),
    Due("C043", "escaped names, byte order marks, trailing text"),
    Due("C044", "no object at the top"),
    Due("C045", "broken Unicode, and NUL"),
    Due("C046", "nesting without end"),
    Due("C047", "a million members"),
    Due("C048", "a body without end"),
    Due("C049", "numbers that nothing can hold"),
    Due("C050", "other content types"),
    Due("C051", "compression that was not asked for"),
    Due("C052", "a signed answer that was not asked for"),
    Due("C053", "members of Clerk's Backend API"),
    Due("C054", "inactive, with claims"),
    Due("C055", "active, and nothing else"),
    Due("C056", "the end is now, or a second ago"),
    Due("C057", "the end is zero or negative"),
    Due("C058", "the end has a fraction"),
    Due("C059", "the end is a text"),
    Due("C060", "the end is beyond all bounds"),
    Due("C061", "the end is null"),
    Due("C062", "not yet valid"),
    Due("C063", "issued in the future"),
    Due("C064", "over before it begins"),
    Due("C065", "every type of audience"),
    Due("C066", "audiences that are nearly ours"),
    Due("C067", "issuers that are nearly ours"),
    Due("C068", "no issuer"),
    Due("C069", "white space in scopes"),
    Due("C070", "scopes of another type"),
    Due("C071", "a scope that begins like another"),
    Due("C072", "scp beside scope"),
    Due("C073", "unusable subjects"),
    Due("C074", "userinfo of somebody else"),
    Due("C075", "userinfo that fails"),
    Due("C076", "userinfo of many at once"),
    Due("C077", "other kinds of tokens"),
    Due("C078", "a confirmation claim"),
    Due("C079", "clients on the list, and off it"),
    Due("C080", "a thousand unknown members"),
    Due("C081", "delegation"),
    Due("C082", "names that do not resolve"),
    Due("C083", "rejected and reset connections"),
    Due("C084", "bad certificates"),
    Due("C085", "silence"),
    Due("C086", "a byte a second"),
    Due("C087", "an answer that breaks off"),
    Due("C088", "a connection closed between requests"),
    Due("C089", "HTTP/2 that goes away"),
    Due("C090", "other statuses of success"),
    Due("C091", "redirects"),
    Due("C092", "statuses of misconfiguration"),
    Due("C093", "our credentials are rejected"),
    Due("C094", "too many requests"),
    Due("C095", "server errors"),
    Due("C096", "every other request fails"),
    Due("C097", "an answer that is not to be stored"),
    Not(
        "C098",
        "a server whose clock is off",
        "nothing is measured by `Date`; times of tokens have a leeway",
    ),
    Due("C099", "answers in the wrong order"),
    Due("C100", "an answer about somebody else"),
    Due("C101", "a flood of unknown tokens"),
    Due("C102", "one token in many spellings"),
    Due("C103", "tokens chosen to collide"),
    Due("C104", "a flood of good tokens"),
    Due("C105", "bad tokens evict good ones"),
    Due("C106", "inactive now, active in a second"),
    Due("C107", "trouble becomes a rejection"),
    Due("C108", "clocks that are set"),
    Due("C109", "a refresh that learns of a revocation"),
    Due("C110", "revoked during an outage"),
    Due("C111", "an invalidation during a verification"),
    Not(
        "C112",
        "time tells how much of a token is right",
        "no token is compared with another: keys are digests under a secret, looked up in a table",
    ),
    Due("C113", "a token is left in logs"),
    Due("C114", "claims are changed by a handler"),
    Due("C115", "ten thousand first requests"),
    Due("C116", "the first of many hangs up"),
    Due("C117", "all hang up"),
    Due("C118", "the verification fails for all"),
    Due("C119", "the verification panics"),
    Due("C120", "one token, two layers"),
    Due("C121", "the runtime shuts down"),
    Due("C122", "two runtimes"),
    Due("C123", "readiness of the inner service"),
    Due("C124", "waiting requests hold permits"),
    Due("C125", "rejected requests hold permits"),
    Due("C126", "clones share, layers do not"),
    Due("C127", "the inner service panics"),
    Due("C128", "errors of the inner service"),
    Due("C129", "a layer within itself"),
    Due("C130", "what can be sent and shared"),
    Due("C131", "hanging up between verdict and call"),
    Due("C132", "random schedules"),
];
