//! The keys of the instance: all are published, the newest signs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::error::Unspecified;
use serde_json::{Value, json};

use super::FakeClerk;
use super::keys::{self, SigningKey};

/// The length of an instance id, and of a key id, after `ins_`.
const KID_LEN: usize = 27;

/// All keys of the instance, oldest first.
pub(super) struct KeyRing {
    /// The first key has the instance's id, as with Clerk.
    first_kid: String,
    /// Empty until the first use of a key, because the generation takes a while.
    ///
    /// Lock order: the ledger first, then this lock.
    keys: Mutex<Vec<PublishedKey>>,
}

struct PublishedKey {
    kid: String,
    key: SigningKey,
}

impl KeyRing {
    pub(super) fn new(first_kid: String) -> Self {
        Self {
            first_kid,
            keys: Mutex::default(),
        }
    }

    /// Generates the first key if it is absent, before the ledger is locked for signing.
    pub(super) fn warm_up(&self) {
        // The signer gets the same error.
        drop(self.held());
    }

    /// Returns the payload as a JWT, signed with the newest key. The header has this `typ` and this `cat`.
    pub(super) fn sign(
        &self,
        typ: &str,
        category: Option<&str>,
        payload: &Value,
    ) -> Result<String, Unspecified> {
        let keys = self.held()?;
        let newest = keys.last().ok_or(Unspecified)?;
        let mut header = json!({"alg": "RS256", "kid": newest.kid, "typ": typ});
        if let Some(category) = category {
            header["cat"] = json!(category);
        }
        newest.key.sign(&header, payload)
    }

    fn sign_message(&self, message: &str) -> Result<String, Unspecified> {
        let keys = self.held()?;
        keys.last().ok_or(Unspecified)?.key.sign_message(message)
    }

    /// Returns the key set (RFC 7517 §5).
    pub(super) fn jwks(&self) -> Result<Value, Unspecified> {
        let keys = self.held()?;
        let keys: Vec<_> = keys.iter().map(|one| one.key.jwk(&one.kid)).collect();
        Ok(json!({"keys": keys}))
    }

    /// Returns the public half of the newest key, in PEM.
    fn pem(&self) -> Result<String, Unspecified> {
        let keys = self.held()?;
        keys.last().ok_or(Unspecified)?.key.pem()
    }

    pub(super) fn rotate(&self) -> Result<String, Unspecified> {
        let (kid, key) = (instance_id(), SigningKey::generate()?);
        let rotated = kid.clone();
        self.held()?.push(PublishedKey { kid, key });
        Ok(rotated)
    }

    pub(super) fn replace(&self) -> Result<(), Unspecified> {
        let key = SigningKey::generate()?;
        self.held()?.last_mut().ok_or(Unspecified)?.key = key;
        Ok(())
    }

    pub(super) fn retire(&self) -> Result<(), Unspecified> {
        let mut keys = self.held()?;
        let old = keys.len().saturating_sub(1);
        keys.drain(..old);
        Ok(())
    }

    /// Returns the names of the published keys, oldest first, without generating a key.
    pub(super) fn kids(&self) -> Vec<String> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.as_slice() {
            [] => vec![self.first_kid.clone()],
            keys => keys.iter().map(|one| one.kid.clone()).collect(),
        }
    }

    /// Returns the keys, of which there is at least one.
    fn held(&self) -> Result<MutexGuard<'_, Vec<PublishedKey>>, Unspecified> {
        // Every change to the keys is atomic, so a panic in another thread leaves them valid.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            keys.push(PublishedKey {
                kid: self.first_kid.clone(),
                key: SigningKey::generate()?,
            });
        }
        Ok(keys)
    }
}

/// Returns a new id of an instance, which is also the id of its key.
pub(super) fn instance_id() -> String {
    format!("ins_{}", keys::alphanumeric(KID_LEN))
}

impl FakeClerk {
    /// Signs all JWTs with a new key from now on, and returns its `kid`.
    ///
    /// The old keys stay published, so their signatures stay valid until
    /// [`retire_old_keys`](Self::retire_old_keys).
    ///
    /// # Panics
    ///
    /// If no key can be made.
    pub fn rotate_key(&self) -> String {
        self.state.keys.rotate().expect(KEY_MADE)
    }

    /// Replaces the newest key by a new one with the same `kid`. Signatures of the replaced key are no longer
    /// valid.
    ///
    /// Clerk names a key after its instance, so Clerk's rotation may look like this.
    ///
    /// # Panics
    ///
    /// If no key can be made.
    pub fn replace_key_under_same_kid(&self) {
        self.state.keys.replace().expect(KEY_MADE);
    }

    /// Removes all keys but the newest from the key set.
    ///
    /// # Panics
    ///
    /// If there is no key yet and none can be made.
    pub fn retire_old_keys(&self) {
        self.state.keys.retire().expect(KEY_MADE);
    }

    /// Appends a dot and the RS256 signature of the newest key to a message. Tests use it to sign tokens that
    /// Clerk would not issue, and that a service must reject for their content. A token's message is its
    /// encoded header and payload, separated by a dot (RFC 7515 §5.1).
    ///
    /// # Panics
    ///
    /// If there is no key yet and none can be made.
    #[must_use]
    pub fn sign_message(&self, message: &str) -> String {
        self.state.keys.sign_message(message).expect(KEY_MADE)
    }

    /// Returns the public half of the current signing key, in PEM (RFC 7468 §13), as Clerk's dashboard shows
    /// it.
    ///
    /// # Panics
    ///
    /// If there is no key yet and none can be made.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        self.state.keys.pem().expect(KEY_MADE)
    }
}

const KEY_MADE: &str = "the operating system gives random numbers for an RSA key";
