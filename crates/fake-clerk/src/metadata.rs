//! The metadata documents, of OpenID Connect Discovery and of RFC 8414.

use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::state::State;

pub(super) fn openid_configuration(state: &State) -> Value {
    let url = &state.url;
    let mut metadata = common(state);
    metadata["introspection_endpoint"] = json!(format!("{url}/oauth/token_info"));
    metadata["userinfo_endpoint"] = json!(format!("{url}/oauth/userinfo"));
    metadata["response_modes_supported"] = json!(["query"]);
    metadata["backchannel_logout_supported"] = json!(false);
    metadata["frontchannel_logout_supported"] = json!(false);
    metadata
}

pub(super) fn authorization_server(state: &State) -> Value {
    let mut metadata = common(state);
    metadata["service_documentation"] = json!("https://clerk.com/docs");
    metadata["ui_locales_supported"] = json!(["en-US"]);
    metadata["op_tos_uri"] = json!("https://clerk.com/legal/terms");
    if !state.lock().flow.rejects_registration {
        let path = Endpoint::Registration.path();
        metadata["registration_endpoint"] = json!(format!("{}{path}", state.url));
    }
    metadata
}

/// Returns the members that both metadata documents have.
fn common(state: &State) -> Value {
    let url = &state.url;
    let mut metadata = json!({
        "issuer": state.issuer,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "revocation_endpoint": format!("{url}/oauth/token/revoke"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "scopes_supported": [
            "openid", "profile", "email", "public_metadata", "private_metadata",
            "offline_access", "user:org:read",
        ],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "none", "client_secret_post",
        ],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "email", "name"],
        "code_challenge_methods_supported": ["S256"],
    });
    if state.lock().flow.names_issuer {
        metadata["authorization_response_iss_parameter_supported"] = json!(true);
    }
    metadata
}
