//! The members that Clerk documents.

use super::shape::Shape;

/// A table that others name.
pub fn named(name: &str) -> Shape {
    match name {
        "key" => KEY,
        "email_address" => EMAIL_ADDRESS,
        "verification" => VERIFICATION,
        "error" => CLERK_ERROR,
        "user" => USER,
        "organization" => WEBHOOK_ORGANIZATION,
        "public_user_data" => PUBLIC_USER_DATA,
        "activity" => ACTIVITY,
        "attributes" => ATTRIBUTES,
        "http_request" => HTTP_REQUEST,
        other => panic!("there is no table {other}"),
    }
}

pub const CLERK_ERRORS: Shape = "
    errors!        list:error
    meta           object
    clerk_trace_id string
";

const CLERK_ERROR: Shape = "
    message!      string
    long_message! string
    code!         string
    meta          object
";

pub const OAUTH_ERROR: Shape = "
    error!            string
    error_description string
";

pub const INTROSPECTION: Shape = "
    active!   boolean
    client_id string?
    iat       integer?
    scope     string?
    sub       string?
    org_id    string?
";

pub const USERINFO: Shape = "
    object!            =oauth_user_info
    instance_id!       string
    user_id!           string
    sub!               string
    email              string?
    email_verified     boolean?
    family_name        string?
    given_name         string?
    name               string?
    username           string?
    preferred_username string?
    picture            string?
    public_metadata    object?
    private_metadata   object?
    unsafe_metadata    object?
    org_id             string?
    org_name           string?
    org_slug           string?
";

pub const OPENID_CONFIGURATION: Shape = "
    issuer!                                string
    authorization_endpoint!                string
    token_endpoint!                        string
    revocation_endpoint!                   string
    introspection_endpoint!                string
    userinfo_endpoint!                     string
    jwks_uri!                              string
    scopes_supported!                      strings
    response_types_supported!              strings
    response_modes_supported!              strings
    grant_types_supported!                 strings
    subject_types_supported!               strings
    id_token_signing_alg_values_supported! strings
    token_endpoint_auth_methods_supported! strings
    claims_supported!                      strings
    code_challenge_methods_supported!      strings
    backchannel_logout_supported!          boolean
    frontchannel_logout_supported!         boolean
    end_session_endpoint                   string
";

pub const AUTHORIZATION_SERVER: Shape = "
    issuer!                                string
    authorization_endpoint!                string
    token_endpoint!                        string
    revocation_endpoint!                   string
    registration_endpoint                  string
    jwks_uri!                              string
    scopes_supported!                      strings
    response_types_supported!              strings
    grant_types_supported!                 strings
    subject_types_supported!               strings
    id_token_signing_alg_values_supported! strings
    token_endpoint_auth_methods_supported! strings
    claims_supported!                      strings
    code_challenge_methods_supported!      strings
    service_documentation                  string
    ui_locales_supported                   strings
    op_tos_uri                             string
    client_id_metadata_document_supported  boolean
";

pub const KEY_SET: Shape = "
    keys! list:key
";

const KEY: Shape = "
    kid! string
    alg! =RS256
    use! =sig
    kty! =RSA
    n!   string
    e!   string
";

pub const REGISTRATION: Shape = "
    client_id!                  string
    client_secret               string
    client_id_issued_at!        integer
    client_secret_expires_at!   integer
    client_name!                string
    client_uri                  string
    logo_uri                    string
    redirect_uris!              strings
    grant_types!                strings
    response_types!             strings
    scope!                      string
    token_endpoint_auth_method! string
";

pub const TOKENS: Shape = "
    access_token! string
    token_type!   string
    expires_in    integer
    refresh_token string
    scope         string
    id_token      string
";

pub const NOT_ACTIVE: Shape = "
    active! boolean
";

pub const OAUTH_TOKEN: Shape = "
    object!            =clerk_idp_oauth_access_token
    id!                id:oat_
    client_id!         string
    subject!           string
    scopes!            strings
    revoked!           boolean
    revocation_reason! string?
    expired!           boolean
    expiration!        number?
    created_at!        number
    updated_at!        number
";

pub const MACHINE_TOKEN: Shape = "
    object!            =machine_to_machine_token
    id!                id:mt_
    subject!           string
    claims             any?
    scopes             strings
    revoked!           boolean
    revocation_reason! string?
    expired!           boolean
    expiration!        number?
    last_used_at!      number?
    created_at!        number
    updated_at!        number
";

pub const API_KEY: Shape = "
    object!            =api_key
    id!                id:ak_
    type!              string
    subject!           string
    name!              string
    description        string?
    claims!            any?
    scopes!            strings
    revoked!           boolean
    revocation_reason! string?
    expired!           boolean
    expiration!        number?
    created_by!        string?
    last_used_at!      number?
    created_at!        number
    updated_at!        number
";

/// Lists of which the fake has none are empty, so that they need no tables.
pub const USER: Shape = "
    id!                             string
    object!                         =user
    external_id!                    string?
    primary_email_address_id!       string?
    primary_phone_number_id!        string?
    primary_web3_wallet_id!         string?
    username!                       string?
    first_name!                     string?
    last_name!                      string?
    locale                          string?
    profile_image_url               string
    image_url                       string
    has_image!                      boolean
    public_metadata!                object
    private_metadata                object?
    unsafe_metadata                 object
    email_addresses!                list:email_address
    phone_numbers!                  empty
    web3_wallets!                   empty
    passkeys!                       empty
    external_accounts!              empty
    saml_accounts!                  empty
    enterprise_accounts!            empty
    organization_memberships        empty
    password_enabled!               boolean
    two_factor_enabled!             boolean
    totp_enabled!                   boolean
    backup_code_enabled!            boolean
    mfa_enabled_at!                 integer?
    mfa_disabled_at!                integer?
    password_last_updated_at        integer?
    last_sign_in_at!                integer?
    banned!                         boolean
    locked!                         boolean
    deprovisioned                   boolean
    lockout_expires_in_seconds!     integer?
    verification_attempts_remaining! integer?
    created_at!                     integer
    updated_at!                     integer
    delete_self_enabled!            boolean
    create_organization_enabled!    boolean
    create_organizations_limit      integer?
    last_active_at!                 integer?
    legal_accepted_at!              integer?
    bypass_client_trust             boolean
    scim                            any?
";

const EMAIL_ADDRESS: Shape = "
    id                     string
    object!                =email_address
    email_address!         string
    reserved!              boolean
    verification!          one:verification?
    linked_to!             empty
    matches_sso_connection boolean
    created_at!            integer
    updated_at!            integer
";

const VERIFICATION: Shape = "
    object             =verification_otp
    status!            string
    strategy!          =email_code
    attempts!          integer?
    expire_at!         integer?
    channel            string?
    verified_at_client string?
";

/// The envelope of an event (webhooks, version 2025-04-15).
pub const EVENT: Shape = "
    object!          =event
    type!            string
    instance_id!     string
    timestamp!       integer
    event_attributes one:attributes
    data!            any
";

const ATTRIBUTES: Shape = "
    http_request one:http_request
";

const HTTP_REQUEST: Shape = "
    client_ip  string
    user_agent string
";

pub const SESSION: Shape = "
    object!                     =session
    id!                         string
    user_id!                    string
    client_id!                  string
    actor                       object?
    status!                     string
    last_active_organization_id string?
    last_active_at!             integer
    latest_activity             one:activity?
    expire_at!                  integer
    abandon_at!                 integer
    updated_at!                 integer
    created_at!                 integer
    user!                       one:user
";

const ACTIVITY: Shape = "
    object!         string
    id!             string
    is_mobile!      boolean
    device_type     string
    browser_name    string
    browser_version string
    ip_address      string
    city            string
    country         string
";

pub const DELETED: Shape = "
    object!     string
    id          string
    slug        string
    deleted!    boolean
    external_id string
";

pub const WEBHOOK_ORGANIZATION: Shape = "
    object!                                =organization
    id!                                    string
    name!                                  string
    slug!                                  string
    image_url                              string
    has_image!                             boolean
    members_count                          integer
    missing_member_with_elevated_permissions boolean
    pending_invitations_count              integer
    max_allowed_memberships!               integer
    admin_delete_enabled!                  boolean
    public_metadata!                       object
    private_metadata                       object
    created_by                             string
    created_at!                            integer
    updated_at!                            integer
    last_active_at                         integer
    role_set_key                           string?
";

pub const ORGANIZATION_MEMBERSHIP: Shape = "
    object!          =organization_membership
    id!              string
    role!            string
    role_name        string
    permissions!     strings
    public_metadata! object
    private_metadata object
    organization!    one:organization
    public_user_data one:public_user_data
    created_at!      integer
    updated_at!      integer
";

const PUBLIC_USER_DATA: Shape = "
    user_id!           string
    first_name!        string?
    last_name!         string?
    profile_image_url! string?
    image_url!         string
    has_image!         boolean
    identifier         string?
    username           string?
    banned             boolean
    deprovisioned      boolean
";
