//! A JSON reader for the oracles. It shares no code with what it checks, nor a library: RFC 8259 by
//! hand, strict in all that the RFC leaves open.

/// A value; numbers as they were written.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// The value that a document is, and nothing else.
pub fn document(document: &[u8]) -> Option<Json> {
    let mut reader = Reader {
        rest: document,
        depth: 0,
    };
    reader.skip_space();
    let value = reader.value()?;
    reader.skip_space();
    reader.rest.is_empty().then_some(value)
}

/// The members of a document that is one object and nothing else, none of them twice.
pub fn members(bytes: &[u8]) -> Option<Vec<(String, Json)>> {
    let Json::Object(members) = document(bytes)? else {
        return None;
    };
    let is_unique = members
        .iter()
        .enumerate()
        .all(|(at, (name, _))| members[..at].iter().all(|(other, _)| other != name));
    is_unique.then_some(members)
}

/// A time: rounded down, and cut off at what fits.
pub fn seconds(number: &str) -> i64 {
    let digits = number.strip_prefix('-').unwrap_or(number);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let least_or_most = if digits.len() < number.len() {
            i64::MIN
        } else {
            i64::MAX
        };
        return number.parse().unwrap_or(least_or_most);
    }
    let number: f64 = number.parse().unwrap_or(f64::NAN);
    #[expect(
        clippy::as_conversions,
        reason = "from float to integer, `as` saturates"
    )]
    let seconds = number.floor() as i64;
    seconds
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn take(&mut self, expected: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn value(&mut self) -> Option<Json> {
        match self.rest.first()? {
            b'n' => self.take(b"null").map(|()| Json::Null),
            b't' => self.take(b"true").map(|()| Json::Bool(true)),
            b'f' => self.take(b"false").map(|()| Json::Bool(false)),
            b'"' => self.text().map(Json::Text),
            b'[' => self.deeper(Self::array),
            b'{' => self.deeper(Self::object),
            _ => self.number(),
        }
    }

    /// No deeper than a reader may go that is written with recursion.
    fn deeper(&mut self, read: fn(&mut Self) -> Option<Json>) -> Option<Json> {
        self.depth += 1;
        let value = (self.depth <= DEEPEST).then(|| read(self)).flatten();
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Option<Json> {
        self.take(b"[")?;
        let mut entries = Vec::new();
        self.skip_space();
        if self.take(b"]").is_some() {
            return Some(Json::Array(entries));
        }
        loop {
            self.skip_space();
            entries.push(self.value()?);
            self.skip_space();
            match self.next()? {
                b',' => {}
                b']' => return Some(Json::Array(entries)),
                _ => return None,
            }
        }
    }

    fn object(&mut self) -> Option<Json> {
        self.take(b"{")?;
        let mut members = Vec::new();
        self.skip_space();
        if self.take(b"}").is_some() {
            return Some(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            self.skip_space();
            self.take(b":")?;
            self.skip_space();
            members.push((name, self.value()?));
            self.skip_space();
            match self.next()? {
                b',' => {}
                b'}' => return Some(Json::Object(members)),
                _ => return None,
            }
        }
    }

    fn text(&mut self) -> Option<String> {
        self.take(b"\"")?;
        let mut text = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(text).ok(),
                b'\\' => {
                    let character = self.escape()?;
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                byte => text.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            character @ (b'"' | b'\\' | b'/') => char::from(character),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex()?;
                if !(0xd800..0xe000).contains(&high) {
                    return char::from_u32(high);
                }
                // Half of a pair: the other half must follow.
                self.take(b"\\u")?;
                let low = self.hex()?;
                if high >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
                    return None;
                }
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + char::from(self.next()?).to_digit(16)?;
        }
        Some(code)
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.rest;
        _ = self.take(b"-");
        if self.take(b"0").is_none() {
            self.digits()?;
        }
        if self.take(b".").is_some() {
            self.digits()?;
        }
        if self.take(b"e").or_else(|| self.take(b"E")).is_some() {
            _ = self.take(b"+").or_else(|| self.take(b"-"));
            self.digits()?;
        }
        let number = &start[..start.len() - self.rest.len()];
        let number = String::from_utf8(number.to_vec()).ok()?;
        // What no float can hold is no number that anybody means.
        let is_finite = number.parse::<f64>().is_ok_and(f64::is_finite);
        is_finite.then_some(Json::Number(number))
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let count = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        self.rest = &self.rest[count..];
        (count > 0).then_some(())
    }
}

/// Beyond this, a document is rejected as too deep.
const DEEPEST: usize = 127;
