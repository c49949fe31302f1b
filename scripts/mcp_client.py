#!/usr/bin/env python3
"""Asks a running callscope over MCP (streamable HTTP) with the client of the official Python SDK."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client import streamable_http

# The SDK renamed it in version 2.
connect = getattr(streamable_http, "streamable_http_client", None) or streamable_http.streamablehttp_client


def said(of, *names):
    """Version 2 writes names as Python does, version 1 as the protocol."""
    return next(getattr(of, name) for name in names if hasattr(of, name))


async def main(url: str) -> None:
    async with connect(url) as (read, write, *_), ClientSession(read, write) as session:
        hello = await session.initialize()
        assert said(hello, "server_info", "serverInfo").name == "callscope", hello
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert {"list_calls", "search", "get_call", "aggregate", "service_map", "connections", "not_seen",
                "capture_status", "import_file"} <= tools, tools
        listed = await session.call_tool("list_calls", {"where": "http", "limit": 2})
        assert not said(listed, "is_error", "isError"), listed
        lines = listed.content[0].text.splitlines()
        assert len(lines) == 4, lines
        call = await session.call_tool("get_call", {"id": lines[1].split("\t")[0]})
        assert '"protocol":"http"' in call.content[0].text, call
        wrong = await session.call_tool("list_calls", {"where": "nonsense =="})
        assert said(wrong, "is_error", "isError"), wrong
        resources = (await session.list_resources()).resources
        fields = await session.read_resource(next(r.uri for r in resources if r.name == "fields"))
        assert "status.number" in fields.contents[0].text
        prompts = {prompt.name for prompt in (await session.list_prompts()).prompts}
        assert "find_errors" in prompts, prompts
    print("mcp: all right")


asyncio.run(main(sys.argv[1]))
