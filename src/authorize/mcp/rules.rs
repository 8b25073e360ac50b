//! The rules of a layer, and what a call needs by them. Pure: no I/O, no lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use http::{HeaderMap, Method, header::CONTENT_ENCODING};

use super::{
    headers::{self, ByHeaders},
    message::{self, Call},
};
use crate::authorize::rule::shown;

/// The rules by method and tool.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) public_methods: BTreeSet<Box<str>>,
    pub(crate) public_tools: BTreeSet<Box<str>>,
    /// The scopes that a tool needs instead of the default scopes. They take precedence over `public_tools`.
    pub(crate) tools: BTreeMap<Box<str>, Vec<Box<str>>>,
    pub(crate) default_scopes: Vec<Box<str>>,
    /// True if the server compares the headers of a request with its body.
    pub(crate) trusts_headers: bool,
    /// The largest body that is read, in bytes.
    pub(crate) max_body: usize,
}

/// What a request needs. The default needs nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Need<'a> {
    /// True if a token is necessary, with or without scopes.
    pub(super) token: bool,
    /// All of these scopes, each once, in the order in which the calls name them.
    pub(super) scopes: Vec<&'a str>,
}

// === impl Rules ===

impl Default for Rules {
    fn default() -> Self {
        Self {
            public_methods: BTreeSet::new(),
            public_tools: BTreeSet::new(),
            tools: BTreeMap::new(),
            default_scopes: Vec::new(),
            trusts_headers: false,
            max_body: 1 << 20,
        }
    }
}

impl Rules {
    /// Returns what a request needs by its head alone. `None` if the body decides.
    ///
    /// Only a `POST` carries a message. `GET` opens a stream of messages from the server and `DELETE` ends a session, so
    /// both are never public. MCP has no other method, so the strictest rule applies to them.
    pub(super) fn of_head(&self, method: &Method, headers: &HeaderMap) -> Option<Need<'_>> {
        match *method {
            Method::POST => {}
            Method::GET | Method::HEAD | Method::DELETE => return Some(self.without_rule()),
            _ => return Some(self.strictest()),
        }
        if self.trusts_headers {
            match headers::read(headers) {
                ByHeaders::Call(call) => return Some(self.of_call(call.as_call())),
                ByHeaders::Undecodable => return Some(self.strictest()),
                ByHeaders::Unknown => {}
            }
        }
        // The message is the decoded body. Some encodings could decode text that is valid JSON into another message.
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        let is_plain = encodings.all(|it| it.as_bytes().eq_ignore_ascii_case(b"identity"));
        (!is_plain).then(|| self.strictest())
    }

    /// Returns what the calls in a body need together.
    pub(super) fn of_body(&self, body: &[u8]) -> Need<'_> {
        let mut need = Need::default();
        match message::read(body, |call| need.add(self.of_call(call))) {
            Ok(()) => need,
            Err(message::Ambiguous) => self.strictest(),
        }
    }

    fn of_call(&self, call: Call<'_>) -> Need<'_> {
        match call {
            Call::Tool(name) => match self.tools.get(name) {
                Some(scopes) => Need::scopes(scopes),
                None if self.public_tools.contains(name) => Need::default(),
                None => self.without_rule(),
            },
            Call::Method(name) if self.public_methods.contains(name) => Need::default(),
            // A response answers a request that the server sent to the principal of a session.
            Call::Method(_) | Call::Response => self.without_rule(),
        }
    }

    /// Returns what a call without a rule needs.
    fn without_rule(&self) -> Need<'_> {
        Need::scopes(&self.default_scopes)
    }

    /// Returns a token with every scope that any rule names. It is the need of a request whose calls are unknown: no
    /// call needs more.
    fn strictest(&self) -> Need<'_> {
        let mut need = self.without_rule();
        for scopes in self.tools.values() {
            need.add(Need::scopes(scopes));
        }
        need
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &BTreeSet<Box<str>>| -> Vec<_> {
            names.iter().map(|name| shown(name).to_owned()).collect()
        };
        let scopes = |scopes: &Vec<Box<str>>| -> Vec<_> {
            scopes.iter().map(|scope| shown(scope).to_owned()).collect()
        };
        let tools = self.tools.iter();
        let tools = tools.map(|(name, needed)| (shown(name), scopes(needed)));
        f.debug_struct("Rules")
            .field("public_methods", &names(&self.public_methods))
            .field("public_tools", &names(&self.public_tools))
            .field("tools", &tools.collect::<BTreeMap<_, _>>())
            .field("default_scopes", &scopes(&self.default_scopes))
            .field("trusts_headers", &self.trusts_headers)
            .field("max_body", &self.max_body)
            .finish()
    }
}

// === impl Need ===

impl<'a> Need<'a> {
    /// Needs a token with all of these scopes.
    fn scopes(scopes: &'a [Box<str>]) -> Self {
        Self {
            token: true,
            scopes: scopes.iter().map(|scope| &**scope).collect(),
        }
    }

    /// Also needs what another call needs.
    fn add(&mut self, other: Self) {
        self.token |= other.token;
        for scope in other.scopes {
            if !self.scopes.contains(&scope) {
                self.scopes.push(scope);
            }
        }
    }
}

#[cfg(test)]
mod tests;
