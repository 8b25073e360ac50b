//! The keys that the instance publishes, of which the newest signs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::error::Unspecified;
use serde_json::{Value, json};

use super::FakeClerk;
use super::keys::{self, SigningKey};

/// The length of what follows `ins_` in the id of an instance, and in that of a key.
const KID_LEN: usize = 27;

/// All keys of the instance, oldest first.
pub(super) struct KeyRing {
    /// The first key bears the instance's id, as with Clerk.
    first_kid: String,
    /// Empty until a key is needed for the first time, because making one takes a while.
    ///
    /// Ordering: taken while the ledger is held, never the other way round.
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

    /// Makes the first key where there is none yet, before the ledger is held for signing.
    pub(super) fn warm_up(&self) {
        // What went wrong is told again to whoever signs.
        drop(self.held());
    }

    /// The payload as a JWT, signed with the newest key. The header has this `typ`, and this `cat`.
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

    /// The key set (RFC 7517 §5).
    pub(super) fn jwks(&self) -> Result<Value, Unspecified> {
        let keys = self.held()?;
        let keys: Vec<_> = keys.iter().map(|one| one.key.jwk(&one.kid)).collect();
        Ok(json!({"keys": keys}))
    }

    /// The public half of the newest key, in PEM.
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

    /// The names of the published keys, oldest first. No key is made to tell them.
    pub(super) fn kids(&self) -> Vec<String> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.as_slice() {
            [] => vec![self.first_kid.clone()],
            keys => keys.iter().map(|one| one.kid.clone()).collect(),
        }
    }

    /// The keys, of which there is one at least.
    fn held(&self) -> Result<MutexGuard<'_, Vec<PublishedKey>>, Unspecified> {
        // No change leaves the keys half done, so a panic elsewhere does not spoil them.
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

/// The id of an instance, which is that of its key, too.
pub(super) fn instance_id() -> String {
    format!("ins_{}", keys::alphanumeric(KID_LEN))
}

impl FakeClerk {
    /// Has all JWTs signed with a new key from now on, and returns its `kid`.
    ///
    /// The keys from before stay published, so that what they signed goes on verifying, until
    /// [`retire_old_keys`](Self::retire_old_keys).
    ///
    /// # Panics
    ///
    /// If no key can be made.
    pub fn rotate_key(&self) -> String {
        self.state.keys.rotate().expect(KEY_MADE)
    }

    /// Puts a new key in the place of the newest one, under the same `kid`. What the replaced key
    /// signed verifies no more.
    ///
    /// Clerk names a key after its instance, so that this is what its rotation may look like.
    ///
    /// # Panics
    ///
    /// If no key can be made.
    pub fn replace_key_under_same_kid(&self) {
        self.state.keys.replace().expect(KEY_MADE);
    }

    /// Takes all keys but the newest from the key set.
    ///
    /// # Panics
    ///
    /// If there is no key yet and none can be made.
    pub fn retire_old_keys(&self) {
        self.state.keys.retire().expect(KEY_MADE);
    }

    /// Puts a dot and the signature of the newest key, RS256, behind a message, whatever it says: tokens that
    /// Clerk would not issue are to be rejected for what is in them. A token's message is its header and its
    /// payload, encoded, with a dot between them (RFC 7515 §5.1).
    ///
    /// # Panics
    ///
    /// If there is no key yet and none can be made.
    #[must_use]
    pub fn sign_message(&self, message: &str) -> String {
        self.state.keys.sign_message(message).expect(KEY_MADE)
    }

    /// The public half of the key that signs now, in PEM (RFC 7468 §13), as Clerk's dashboard shows it.
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
