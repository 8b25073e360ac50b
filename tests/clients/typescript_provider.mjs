// The login of a client with the official TypeScript SDK.

import assert from "node:assert/strict";

/** Plays the browser: the consent is given by itself, so that one redirection leads back. */
export class Provider {
  redirectUrl = "http://127.0.0.1:8976/callback";
  scopes = [];
  registrations = 0;
  #checkAuthorization;

  /** `checkAuthorization` gets the URL of each authorization request. */
  constructor(name, checkAuthorization) {
    this.clientMetadata = {
      client_name: name,
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
    this.#checkAuthorization = checkAuthorization;
  }

  clientInformation() {
    return this.client;
  }
  saveClientInformation(client) {
    this.registrations += 1;
    this.client = client;
  }
  tokens() {
    return this.saved;
  }
  saveTokens(tokens) {
    this.saved = tokens;
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
  async redirectToAuthorization(url) {
    this.#checkAuthorization(url);
    this.scopes.push(url.searchParams.get("scope"));
    const response = await fetch(url, { redirect: "manual" });
    assert.equal(response.status, 302);
    this.code = new URL(response.headers.get("location")).searchParams.get("code");
  }
}
