"""The stream of a chat completion: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Only their data counts here. Events that arrive together are handed on together, so that a fast endpoint does not cost
a turn of everything behind it for each word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import aiohttp

DONE = b"[DONE]"
DRAIN_SECONDS = 0.5
MAX_LINE_BYTES = 1024 * 1024


async def events(pieces: AsyncIterator[bytes]) -> AsyncGenerator[list[bytes], None]:
    """The data of the events, in the batches in which they come, up to `[DONE]` or the stream's end.

    Raises:
        aiohttp.ClientPayloadError: A line never ends: this is no such stream.
    """
    held, data = b"", []
    async for piece in pieces:
        *lines, held = (held + piece).split(b"\n")
        if len(held) > MAX_LINE_BYTES:
            raise aiohttp.ClientPayloadError("a line of the stream is too long")
        batch: list[bytes] = []
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                batch.append(b"\n".join(data))
                data = []
        done = bool(batch) and batch[-1].startswith(DONE)
        if done:
            batch.pop()
        if batch:
            yield batch
        if done:
            await _drain(pieces)
            return
    if data:  # the connection ended where a blank line would have come
        yield [b"\n".join(data)]


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    """Reads the body's end, which is there already or nearly: only then can the connection be used again."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in pieces:
                continue
