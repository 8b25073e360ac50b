// The official TypeScript SDK of MCP's first revision (2025-03-26), against the example `mcp`. It requests the
// metadata of the authorization server at the resource's host, and names no resource.

import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Provider } from "./typescript_provider.mjs";

const server = new URL(process.argv[2]);
const clerk = new URL(process.argv[3]);

const provider = new Provider("typescript of 2025", (url) => {
  // Clerk's own endpoint, which only the metadata names: the SDK's default is at the resource's host.
  assert.equal(url.origin, clerk.origin);
  assert.equal(url.searchParams.get("resource"), null);
});
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
