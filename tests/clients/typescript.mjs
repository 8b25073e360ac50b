// The official TypeScript SDK against the example `mcp`: all that it is told is the address.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const server = new URL(process.argv[2]);

/** Plays the browser: the consent is given by itself, so that one redirection leads back. */
class Provider {
  redirectUrl = "http://127.0.0.1:8976/callback";
  clientMetadata = {
    client_name: "typescript",
    redirect_uris: [this.redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  };
  scopes = [];
  registrations = 0;

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
    this.scopes.push(url.searchParams.get("scope"));
    assert.equal(url.searchParams.get("resource"), server.href);
    assert.equal(url.searchParams.get("code_challenge_method"), "S256");
    const response = await fetch(url, { redirect: "manual" });
    assert.equal(response.status, 302);
    this.code = new URL(response.headers.get("location")).searchParams.get("code");
  }
}

const provider = new Provider();

/** Connects; where the user is asked to consent, once more with what came of that. */
async function connect() {
  for (const finish of [true, false]) {
    const transport = new StreamableHTTPClientTransport(server, { authProvider: provider });
    const client = new Client({ name: "typescript", version: "1.0.0" });
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (!finish || !(error instanceof UnauthorizedError)) throw error;
      await transport.finishAuth(provider.code);
    }
  }
}

const { client, transport } = await connect();
assert.equal(provider.registrations, 1);
assert.equal(provider.scopes[0], "mcp:tools");
const { tools } = await client.listTools();
assert.deepEqual(tools.map((tool) => tool.name).sort(), ["admin", "whoami"]);

const me = await client.callTool({ name: "whoami" });
assert.equal(me.structuredContent.client_id, provider.client.client_id);
assert.deepEqual(me.structuredContent.scopes, ["mcp:tools"]);
assert.deepEqual(me.structuredContent.aud, [server.href]);
assert.ok(transport.sessionId);

// The step up: the client asks for what the challenge names, within the same session.
await assert.rejects(client.callTool({ name: "admin" }), UnauthorizedError);
assert.equal(provider.scopes[1], "mcp:tools mcp:admin");
await transport.finishAuth(provider.code);
const admin = await client.callTool({ name: "admin" });
assert.equal(admin.content[0].text, "Welcome, administrator.");
assert.equal(provider.registrations, 1);

await transport.terminateSession();
await client.close();
console.log("typescript: ok");
