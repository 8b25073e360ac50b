// The official TypeScript SDK of MCP's first revision (2025-03-26), against the example `mcp`. It requests the
// metadata of the authorization server at the resource's host, and names no resource.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const server = new URL(process.argv[2]);
const clerk = new URL(process.argv[3]);

/** Plays the browser: the consent is given by itself. */
class Provider {
  redirectUrl = "http://127.0.0.1:8977/callback";
  clientMetadata = {
    client_name: "typescript of 2025",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };

  clientInformation() {
    return this.client;
  }
  saveClientInformation(client) {
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
    // Clerk's own endpoint, which only the metadata names: the SDK's default is at the resource's host.
    assert.equal(url.origin, clerk.origin);
    assert.equal(url.searchParams.get("resource"), null);
    const response = await fetch(url, { redirect: "manual" });
    assert.equal(response.status, 302);
    this.code = new URL(response.headers.get("location")).searchParams.get("code");
  }
}

const provider = new Provider();
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(server, { authProvider: provider });
  const client = new Client({ name: "typescript", version: "1.0.0" });
  await client.connect(transport);
  return client;
};

await assert.rejects(connect(), UnauthorizedError);
const transport = new StreamableHTTPClientTransport(server, { authProvider: provider });
await transport.finishAuth(provider.code);
const client = await connect();
// A public tool, and one that needs the token.
const version = await client.callTool({ name: "version" });
assert.match(version.content[0].text, /^\d+\.\d+/);
const me = await client.callTool({ name: "whoami" });
assert.ok(JSON.stringify(me).includes(provider.client.client_id));
await client.close();
console.log("typescript of 2025: ok");
