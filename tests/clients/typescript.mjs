// The official TypeScript SDK against the example `mcp`: all that it is told is the address. The arguments are the
// address and the version of the SDK, as in package.json. SDKs before 1.12 do not find Clerk by RFC 9728: see
// typescript_early.mjs.

import assert from "node:assert/strict";
import { Provider } from "./typescript_provider.mjs";

const server = new URL(process.argv[2]);
const sdk = `sdk-${process.argv[3]}`;
const minor = Number(process.argv[3].split(".")[1]);
// Earlier versions request no resource, so that their tokens have no audience.
const requestsResource = minor >= 13;
// Earlier versions request the scopes that the client names.
const readsScopeOfChallenge = minor >= 21;
// Earlier versions report a 403 as an error, and the user connects again.
const stepsUp = minor >= 25;
const { Client } = await import(`${sdk}/client/index.js`);
const { UnauthorizedError } = await import(`${sdk}/client/auth.js`);
const { StreamableHTTPClientTransport } = await import(`${sdk}/client/streamableHttp.js`);

const provider = new Provider("typescript", (url) => {
  assert.equal(url.searchParams.get("resource"), requestsResource ? server.href : null);
  assert.equal(url.searchParams.get("code_challenge_method"), "S256");
});
if (!readsScopeOfChallenge) provider.clientMetadata.scope = "mcp:tools";

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
assert.deepEqual(tools.map((tool) => tool.name).sort(), ["admin", "version", "whoami"]);

// A public tool.
const version = await client.callTool({ name: "version" });
assert.match(version.content[0].text, /^\d+\.\d+/);

const me = await client.callTool({ name: "whoami" });
assert.equal(me.structuredContent.client_id, provider.client.client_id);
assert.deepEqual(me.structuredContent.scopes, ["mcp:tools"]);
assert.deepEqual(me.structuredContent.aud, requestsResource ? [server.href] : []);
assert.ok(transport.sessionId);

// The step up.
let last = { client, transport };
if (stepsUp) {
  // The client asks for what the challenge names, within the same session.
  await assert.rejects(client.callTool({ name: "admin" }), UnauthorizedError);
  await transport.finishAuth(provider.code);
} else {
  await assert.rejects(client.callTool({ name: "admin" }), /403/);
}
if (!readsScopeOfChallenge) {
  await transport.terminateSession();
  await client.close();
  provider.clientMetadata.scope = "mcp:tools mcp:admin";
  provider.saved = undefined;
  last = await connect();
}
// The versions between the two always request what the first challenge names.
if (stepsUp || !readsScopeOfChallenge) {
  assert.equal(provider.scopes[1], "mcp:tools mcp:admin");
  const admin = await last.client.callTool({ name: "admin" });
  assert.equal(admin.content[0].text, "Welcome, administrator.");
}
assert.equal(provider.registrations, 1);

await last.transport.terminateSession();
await last.client.close();
console.log(`typescript ${process.argv[3]}: ok`);
