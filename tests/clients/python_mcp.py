"""The official Python SDK against the example `mcp`: all that it is told is the address."""

import asyncio
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
from mcp.client import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

SERVER = sys.argv[1]


class Storage:
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Browser:
    """The consent is given by itself, so that one redirection leads back."""

    def __init__(self):
        self.scopes = []
        self.answer = None

    async def go(self, url):
        query = parse_qs(urlsplit(url).query)
        self.scopes.append(query["scope"][0])
        assert query["resource"] == [SERVER], query
        assert query["code_challenge_method"] == ["S256"], query
        async with httpx2.AsyncClient() as http:
            response = await http.get(url, follow_redirects=False)
        assert response.status_code == 302, response.text
        self.answer = parse_qs(urlsplit(response.headers["location"]).query)

    async def come_back(self):
        answer = {name: values[0] for name, values in self.answer.items()}
        return AuthorizationCodeResult(
            code=answer["code"], state=answer["state"], iss=answer.get("iss")
        )


async def run(mode, version):
    browser, storage = Browser(), Storage()
    provider = OAuthClientProvider(
        SERVER,
        OAuthClientMetadata(
            client_name="python",
            redirect_uris=["http://127.0.0.1:8976/callback"],
            token_endpoint_auth_method="none",
        ),
        storage,
        browser.go,
        browser.come_back,
    )
    async with httpx2.AsyncClient(auth=provider) as http:
        async with Client(streamable_http_client(SERVER, http_client=http), mode=mode) as client:
            assert client.protocol_version == version, client.protocol_version
            # It asks for a refresh token of its own accord.
            assert browser.scopes == ["mcp:tools offline_access"], browser.scopes
            version = await client.call_tool("version")
            assert version.content[0].text.count(".") == 2, version
            me = (await client.call_tool("whoami")).structured_content
            assert me["client_id"] == storage.client.client_id, me
            assert "mcp:tools" in me["scopes"] and "mcp:admin" not in me["scopes"], me
            assert me["aud"] == [SERVER], me

            # The client steps up by itself.
            admin = await client.call_tool("admin")
            assert not admin.is_error, admin
            assert admin.content[0].text == "Welcome, administrator.", admin
            assert len(browser.scopes) == 2, browser.scopes
            assert {"mcp:tools", "mcp:admin"} <= set(browser.scopes[1].split()), browser.scopes


# With a session, and without one.
asyncio.run(run("legacy", "2025-11-25"))
asyncio.run(run("auto", "2026-07-28"))
print("python: ok")
