//! JSON objects with mistakes in them: a valid one is taken apart into the texts of its members, one or
//! two of them are spoiled, and it is put together again.

use fastrand::Rng;

use super::pick;

/// Members as texts: a name with its quotes, and a value.
pub type Members = Vec<(String, String)>;

/// Members out of names and values.
pub fn members(of: &[(&str, &str)]) -> Members {
    of.iter()
        .map(|(name, value)| (format!("\"{name}\""), (*value).to_owned()))
        .collect()
}

/// Puts an object together with up to three mistakes in it. `value_of` makes values that fit a name, good
/// ones and bad ones.
pub fn object(
    random: &mut Rng,
    mut members: Members,
    value_of: impl Fn(&mut Rng, &str) -> String,
) -> Vec<u8> {
    let mistakes = match random.u8(..16) {
        0 => 0,
        1..8 => 1,
        8..15 => 2,
        _ => 3,
    };
    let mut in_bytes: Vec<fn(&mut Rng, &mut Vec<u8>)> = Vec::new();
    for _ in 0..mistakes {
        match random.u8(..24) {
            0 => in_bytes.push(spoil),
            1 => in_bytes.push(wrap),
            _ if members.is_empty() => in_bytes.push(append),
            _ => in_one_member(random, &mut members, &value_of),
        }
    }
    let mut body = join(random, &members);
    for mistake in in_bytes {
        mistake(random, &mut body);
    }
    body
}

fn in_one_member(
    random: &mut Rng,
    members: &mut Members,
    value_of: &impl Fn(&mut Rng, &str) -> String,
) {
    let at = random.usize(..members.len());
    let (name, value) = &mut members[at];
    match random.u8(..16) {
        0 => _ = members.remove(at),
        1 => {
            // The same name again, perhaps in disguise, with the same value or another.
            let (mut name, mut value) = members[at].clone();
            if random.bool() {
                name = escaped(random, &name);
            }
            if random.bool() {
                value = value_of(random, name.trim_matches('"'));
            }
            let at = random.usize(..=members.len());
            members.insert(at, (name, value));
        }
        2 => {
            let (head, tail) = name.split_at(boundary(random, name));
            *name = match random.bool() {
                true => name.to_ascii_uppercase(),
                false => head.to_owned() + &tail.to_ascii_uppercase(),
            };
        }
        3 => *value = pick(random, OF_ANY_TYPE).to_owned(),
        4 => {
            *value = match random.u8(..4) {
                0 => format!("[{value}]"),
                1 => format!("{{\"value\":{value}}}"),
                2 => format!("[{value},{value}]"),
                _ => "[".repeat(200) + value + &"]".repeat(200),
            }
        }
        5 => *name = escaped(random, name),
        6 if value.starts_with('"') => *value = escaped(random, value),
        7 => value.truncate(boundary(random, value)),
        8 => {
            // Inside of a string or behind a number, as it comes.
            let piece = pick(
                random,
                &[
                    "\0", "\u{a0}", "\u{430}", " ", "/", "0", "\\u0000", "\\ud800",
                ],
            );
            value.insert_str(boundary(random, value), piece);
        }
        9 => {
            let unknown = pick(
                random,
                &[
                    "\"tenant\"",
                    "\"revoked\"",
                    "\"expired\"",
                    "\"cnf\"",
                    "\"\"",
                    "\"Active\"",
                ],
            );
            members.push((unknown.to_owned(), pick(random, OF_ANY_TYPE).to_owned()));
        }
        10 => {
            let other = random.usize(..members.len());
            members.swap(at, other);
        }
        _ => *value = value_of(random, name.trim_matches('"')),
    }
}

/// A place between two characters.
fn boundary(random: &mut Rng, text: &str) -> usize {
    let places = text.char_indices().map(|(at, _)| at);
    let nth = random.usize(..=text.chars().count());
    places.chain([text.len()]).nth(nth).unwrap_or_default()
}

/// One character, or all, of a text in quotes as `\u` escapes.
fn escaped(random: &mut Rng, text: &str) -> String {
    let Some(inside) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return text.to_owned();
    };
    let (all, one) = (random.bool(), random.usize(..inside.len().max(1)));
    let mut escaped = String::from('"');
    for (at, character) in inside.chars().enumerate() {
        // What is an escape already is left as it is.
        if (all || at == one) && !inside.contains('\\') {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped += &format!("\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped + "\""
}

/// With white space where JSON allows it, sometimes.
fn join(random: &mut Rng, members: &Members) -> Vec<u8> {
    let spaces: &[&str] = match random.u8(..8) {
        0 => &["", " ", "\n", "\t\r\n"],
        _ => &[""],
    };
    let mut body = String::new();
    body += pick(random, spaces);
    body.push('{');
    for (at, (name, value)) in members.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        for part in [comma, name, ":", value] {
            body += part;
            body += pick(random, spaces);
        }
    }
    body.push('}');
    body += pick(random, spaces);
    body.into_bytes()
}

/// One mistake that knows nothing of JSON.
fn spoil(random: &mut Rng, body: &mut Vec<u8>) {
    let at = random.usize(..body.len().max(1)).min(body.len());
    match random.u8(..6) {
        0 => body.truncate(at),
        1 => append(random, body),
        2 => body.insert(at, random.u8(..)),
        3 if at < body.len() => _ = body.remove(at),
        4 if at < body.len() => body[at] = random.u8(..),
        _ => {
            let to = random.usize(at..=body.len());
            let piece = body[at..to].to_vec();
            body.splice(at..at, piece);
        }
    }
}

fn append(random: &mut Rng, body: &mut Vec<u8>) {
    let (before, after) = *pick(
        random,
        &[
            &("\u{feff}", ""),
            &("", "}"),
            &("", "{\"active\":true}"),
            &("", " // comment"),
            &("/**/", ""),
            &("", "\0"),
            &(")]}'\n", ""),
            &("", "\r\n"),
        ],
    );
    body.splice(..0, before.bytes());
    body.extend_from_slice(after.as_bytes());
}

/// Another document around it.
fn wrap(random: &mut Rng, body: &mut Vec<u8>) {
    let (before, after) = *pick(
        random,
        &[
            &("{\"data\":", "}"),
            &("[", "]"),
            &("", ","),
            &("{\"active\":true,\"data\":", "}"),
        ],
    );
    body.splice(..0, before.bytes());
    body.extend_from_slice(after.as_bytes());
}

/// Values of every type, and some of none.
pub const OF_ANY_TYPE: &[&str] = &[
    "true",
    "false",
    "null",
    "0",
    "1",
    "-1",
    "1.5",
    "-0",
    "1e3",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "\"\"",
    "\"true\"",
    "\"false\"",
    "\"0\"",
    "\"1900000000\"",
    "[]",
    "{}",
    "[true]",
    "[null]",
    "[\"me\",1]",
    "[[\"me\"]]",
    "{\"a\":1,\"a\":2}",
    "True",
    "TRUE",
    "NaN",
    "Infinity",
    "01",
    "+1",
    ".5",
    "1.",
    "0x1",
    "'true'",
    "undefined",
    "",
    "\"\u{1}\"",
    "\"\\x\"",
    "\"\\ud83d\"",
    "\"\\ud83d\\ude00\"",
    "\"\\udc00\\ud83d\"",
];
