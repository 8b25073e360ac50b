//! `GET /v1/users/{id}`.

use serde_json::{Value, json};

use super::Rejection;
use crate::record::RecordedRequest;
use crate::state::State;
use crate::users::User;

/// Returns the user of the path, if the user exists.
pub(super) fn answer(state: &State, request: &RecordedRequest) -> Result<Value, Rejection> {
    let id = request.path.rsplit('/').next().unwrap_or_default();
    let ledger = state.lock();
    let user = ledger.users.get(id).filter(|user| !user.deleted);
    let user = user.ok_or_else(Rejection::not_found)?;
    Ok(object(id, user, state.started))
}

/// Returns the user in the form of the Backend API. Times are in milliseconds; users are as old as the fake.
pub(crate) fn object(id: &str, user: &User, created_at: u64) -> Value {
    let address = |(text, verified): (&String, bool)| {
        let status = match verified {
            true => "verified",
            false => "unverified",
        };
        json!({
            "id": address_id(text),
            "object": "email_address",
            "email_address": text,
            "reserved": false,
            "verification": {
                "object": "verification_otp",
                "status": status,
                "strategy": "email_code",
                "attempts": 1,
                "expire_at": created_at,
            },
            "linked_to": [],
            "created_at": created_at,
            "updated_at": created_at,
        })
    };
    let others = user.other_emails.iter().map(|text| (text, true));
    let primary = user.email.iter().map(|text| (text, user.email_verified));
    // Last, to detect readers that take the first address for the primary one.
    let addresses: Vec<_> = others.chain(primary).map(address).collect();
    let mut object = json!({
        "id": id,
        "object": "user",
        "username": user.preferred_username,
        "first_name": user.given_name,
        "last_name": user.family_name,
        "has_image": user.picture.is_some(),
        "primary_email_address_id": user.email.as_deref().map(address_id),
        "primary_phone_number_id": null,
        "primary_web3_wallet_id": null,
        "password_enabled": false,
        "two_factor_enabled": false,
        "totp_enabled": false,
        "backup_code_enabled": false,
        "mfa_enabled_at": null,
        "mfa_disabled_at": null,
        "email_addresses": addresses,
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "external_id": null,
        "public_metadata": user.public_metadata,
        "private_metadata": user.private_metadata,
        "unsafe_metadata": user.unsafe_metadata,
        "banned": user.banned,
        "locked": false,
        "deprovisioned": user.deprovisioned,
        "lockout_expires_in_seconds": null,
        "verification_attempts_remaining": 100,
        "delete_self_enabled": true,
        "create_organization_enabled": true,
        "legal_accepted_at": null,
        "last_sign_in_at": null,
        "last_active_at": created_at,
        "created_at": created_at,
        "updated_at": created_at,
    });
    // Clerk does not allow null here.
    if let Some(picture) = &user.picture {
        object["image_url"] = json!(picture);
    }
    object
}

/// Returns an id that is always the same for the same address.
fn address_id(address: &str) -> String {
    let letters = address.bytes().map(|byte| format!("{byte:02x}"));
    format!("idn_{}", letters.collect::<String>())
}
