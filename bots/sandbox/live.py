"""What happens in a bot's chats, as server-sent events for the page."""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from bots.sandbox.control import SANDBOX, the_bot
from bots.sandbox.state import Wire

QUEUED_EVENTS = 1000  # for one page; one that falls behind further is told to load anew
PULSE = 15.0  # seconds between two signs of life, so that a dead page is noticed

routes = web.RouteTableDef()


@routes.get("/sandbox/bots/{bot}/events")
async def events(request: web.Request) -> web.StreamResponse:
    sandbox, bot = request.app[SANDBOX], the_bot(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    queue: asyncio.Queue[Wire] = asyncio.Queue(QUEUED_EVENTS)
    listeners = sandbox.listeners.setdefault(bot.id, set())
    listeners.add(queue)
    try:
        await response.prepare(request)
        await response.write(b"event: open\ndata: {}\n\n")
        while True:
            try:
                async with asyncio.timeout(PULSE):
                    event = await queue.get()
            except TimeoutError:
                await response.write(b": here\n\n")
                continue
            data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            await response.write(f"data: {data}\n\n".encode())
    except ConnectionResetError:
        return response  # the page was closed
    finally:
        listeners.discard(queue)
        if not listeners:
            sandbox.listeners.pop(bot.id, None)
