//! The parameters of a request.

use super::Rejection;

/// The parameters of a request to the authorization or the token endpoint, in order.
///
/// A parameter without a value is ignored (RFC 6749 §3.1, §3.2).
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(encoded).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Returns the first value of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns the requested resources, the only parameter that may repeat (RFC 8707 §2).
    pub(super) fn resources(&self) -> Result<Vec<String>, Rejection> {
        let resources: Vec<_> = self.all("resource").map(str::to_owned).collect();
        let is_target = |text: &String| url::Url::parse(text).is_ok() && !text.contains('#');
        if resources.iter().all(is_target) {
            return Ok(resources);
        }
        Err(Rejection::new(
            "invalid_target",
            "A resource must be an absolute URI without a fragment.",
        ))
    }

    pub(super) fn is_repeated(&self, name: &str) -> bool {
        self.all(name).nth(1).is_some()
    }

    /// Rejects repeated parameters (RFC 6749 §3.1, §3.2).
    pub(super) fn reject_repetition(&self) -> Result<(), Rejection> {
        let repeated = |(name, _): &(String, String)| name != "resource" && self.is_repeated(name);
        if self.0.iter().any(repeated) {
            let description = "A parameter is there more than once.";
            return Err(Rejection::invalid_request(description));
        }
        Ok(())
    }
}
