//! ID tokens (OpenID Connect Core §2), for clients that request `openid`.

use serde_json::{Value, json};

use crate::keys;
use crate::state::{Ledger, State};
use crate::tokens::Token;

/// Returns the ID token for this access token.
pub(super) fn of(state: &State, ledger: &Ledger, access: &Token, nonce: Option<&str>) -> String {
    let user = ledger.user(&access.subject);
    let mut claims = user.info(&state.instance_id, access);
    if let Value::Object(claims) = &mut claims {
        // They describe a userinfo answer, and are not claims.
        for member in ["object", "instance_id", "user_id"] {
            claims.remove(member);
        }
        claims.retain(|_, value| !value.is_null());
    }
    claims["iss"] = json!(state.issuer);
    claims["aud"] = json!(access.client_id);
    claims["iat"] = json!(access.life.issued_at);
    claims["exp"] = json!(access.life.expires_at);
    claims["jti"] = json!(keys::alphanumeric(20));
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    state.sign(keys::PLAIN, None, &claims)
}
