"""FastMCP's client against the example `mcp`: all that it is told is the address."""

import asyncio
import sys
import webbrowser
from threading import Thread
from time import sleep
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

from fastmcp import Client

SERVER = sys.argv[1]
scopes = []


def browse(url):
    """Plays the browser: the consent is given by itself, and redirects to the client's own server."""
    scopes.append(parse_qs(urlsplit(url).query)["scope"][0])
    Thread(target=visit, args=[url], daemon=True).start()
    return True


def visit(url):
    # The client's server is started after the browser.
    for _ in range(100):
        try:
            return urlopen(url).read()
        except URLError:
            sleep(0.1)


async def main():
    webbrowser.open = browse
    async with Client(SERVER, auth="oauth") as client:
        tools = sorted(tool.name for tool in await client.list_tools())
        assert tools == ["admin", "version", "whoami"], tools
        version = await client.call_tool("version")
        assert version.content[0].text.count(".") == 2, version
        me = (await client.call_tool("whoami")).structured_content
        assert "mcp:tools" in me["scopes"] and "mcp:admin" not in me["scopes"], me
        assert me["aud"] == [SERVER], me
        admin = await client.call_tool("admin")
        assert admin.content[0].text == "Welcome, administrator.", admin
        assert len(scopes) == 2, scopes
        assert {"mcp:tools", "mcp:admin"} <= set(scopes[1].split()), scopes


asyncio.run(main())
print("fastmcp: ok")
