#!/usr/bin/env python3
"""Asks a running callscope over MCP (streamable HTTP) with the client of the official Python SDK."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main(url: str) -> None:
    async with streamablehttp_client(url) as (read, write, *_), ClientSession(read, write) as session:
        hello = await session.initialize()
        assert hello.serverInfo.name == "callscope", hello
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert {"list_calls", "search", "get_call", "aggregate", "service_map", "connections", "not_seen",
                "capture_status", "import_file"} <= tools, tools
        listed = await session.call_tool("list_calls", {"where": "http", "limit": 2})
        assert not listed.isError, listed
        lines = listed.content[0].text.splitlines()
        assert len(lines) == 4, lines
        call = await session.call_tool("get_call", {"id": lines[1].split("\t")[0]})
        assert '"protocol":"http"' in call.content[0].text, call
        wrong = await session.call_tool("list_calls", {"where": "nonsense =="})
        assert wrong.isError, wrong
        resources = (await session.list_resources()).resources
        fields = await session.read_resource(next(r.uri for r in resources if r.name == "fields"))
        assert "status.number" in fields.contents[0].text
        prompts = {prompt.name for prompt in (await session.list_prompts()).prompts}
        assert "find_errors" in prompts, prompts
    print("mcp: all right")


asyncio.run(main(sys.argv[1]))
