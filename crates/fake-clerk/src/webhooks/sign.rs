//! Endpoints, and the signature of Svix: HMAC-SHA256 over `id.timestamp.body`.

use std::error::Error;
use std::fmt;

use aws_lc_rs::hmac::{self, HMAC_SHA256, Key};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Uri};

use super::Delivery;
use crate::keys;

/// A URL and the secret that signs what is sent there.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) uri: Uri,
    key: Key,
}

/// The URL or the secret of a webhook endpoint cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidWebhook(&'static str);

impl Endpoint {
    pub(super) fn new(url: &str, secret: &str) -> Result<Self, InvalidWebhook> {
        let uri: Uri = url
            .parse()
            .map_err(|_| InvalidWebhook("the URL of a webhook endpoint is malformed"))?;
        if uri.scheme_str() != Some("http") || uri.authority().is_none() {
            return Err(InvalidWebhook(
                "the URL of a webhook endpoint begins with http:// and a host",
            ));
        }
        let secret = secret.strip_prefix("whsec_");
        let secret = secret.and_then(|text| STANDARD.decode(text).ok());
        let secret = secret.filter(|bytes| !bytes.is_empty());
        let secret = secret.ok_or(InvalidWebhook(
            "the secret of a webhook endpoint is whsec_ and base64",
        ))?;
        Ok(Self {
            uri,
            key: Key::new(HMAC_SHA256, &secret),
        })
    }
}

impl Delivery {
    /// Returns the signed request of an attempt at this time, in Unix seconds.
    pub(super) fn request(&self, now: u64) -> Request<Bytes> {
        let signed = format!("{}.{now}.", self.id);
        let message = [signed.as_bytes(), &self.body].concat();
        let signature = hmac::sign(&self.endpoint.key, &message);
        let signature = format!("v1,{}", STANDARD.encode(signature));
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.uri.clone();
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", "Svix-Webhooks/fake-clerk".to_owned()),
            ("svix-id", self.id.clone()),
            ("svix-timestamp", now.to_string()),
            ("svix-signature", signature),
        ];
        for (name, value) in headers {
            let value = value.parse().expect("ids and signatures are visible ASCII");
            request.headers_mut().insert(name, value);
        }
        request
    }
}

/// Returns an id in the form of Svix.
pub(super) fn message_id() -> String {
    format!("msg_{}", keys::alphanumeric(27))
}

/// Shows the URL and no secret.
impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for InvalidWebhook {}
