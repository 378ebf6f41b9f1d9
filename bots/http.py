"""HTTP as a bot's process needs it: small requests to one server over few connections that are kept.

A general client touches so much of the memory that the processes share that each would own 1.3 MB more of it (see
docs/decisions/0012-a-small-http-client-in-the-bots-processes.md). This one knows POST, keep-alive, TLS and chunks.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 8 * 1024 * 1024
KEPT_SECONDS = 15.0
"""A connection that was not used for so long is not used again: the server may be about to close it."""
CONNECT_SECONDS = 10.0


class HttpError(Exception):
    """No answer came. What was asked for may have been done all the same."""


class NotReached(HttpError):
    """The server was not reached: what was asked for has certainly not been done."""


@dataclass(eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = 0.0

    @property
    def is_usable(self) -> bool:
        fresh = time.monotonic() - self.used < KEPT_SECONDS
        return fresh and not self.writer.is_closing() and not self.reader.at_eof()


class HttpClient:
    """Connections to servers, for one event loop."""

    def __init__(self, tls: ssl.SSLContext, headers: Mapping[str, str]) -> None:
        self._tls = tls
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._idle: dict[tuple[str, int], list[_Connection]] = {}

    async def post(self, url: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """The status and the body of the answer.

        Raises:
            HttpError: Whatever came in between; its text holds no part of the address but the server's name.
        """
        parts = urlsplit(url)
        host, tls = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n{self._headers}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        if "\r" in parts.path or "\n" in parts.path or not parts.path.isascii():
            raise NotReached("the address is not one")
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(host, port, tls)
                connection.writer.write(head.encode("ascii") + body)
                await connection.writer.drain()
                status, answer, keep = await _answer(connection.reader)
        except TimeoutError:
            raise _error(connection, "the request took too long") from None
        except OSError as error:  # before ValueError: a refused certificate is both
            # TLS says why in its own words, which name no address; the others have a number.
            why = f"{type(error).__name__}: {error.strerror or error.args[-1:]}"
            raise _error(connection, why) from None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            raise HttpError("the answer is not HTTP, or it broke off") from None
        else:
            if keep:
                connection.used = time.monotonic()
                self._idle.setdefault((host, port), []).append(connection)
                connection = None  # it is not ours any more
            return status, answer
        finally:
            if connection is not None:
                connection.writer.close()

    def close_idle(self) -> None:
        """Closes the connections that are not in use."""
        for connections in self._idle.values():
            for connection in connections:
                connection.writer.close()
        self._idle.clear()

    async def _connect(self, host: str, port: int, tls: bool) -> _Connection:
        """One that is kept, or a new one. Raises OSError, TimeoutError."""
        idle = self._idle.get((host, port), [])
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                return connection
            connection.writer.close()
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=self._tls if tls else None)
        return _Connection(reader, writer)


def _error(connection: _Connection | None, why: str) -> HttpError:
    return NotReached(why) if connection is None else HttpError(why)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection may be used again. Raises ValueError and what the reader raises."""
    status = 100
    while 100 <= status < 200:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        version, _, rest = lines[0].partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP/1")
        status = int(rest[:3])
    length, chunked, keep = None, False, version != "HTTP/1.0"
    for line in lines[1:]:
        name, _, value = line.partition(":")
        match name.lower():
            case "content-length":
                length = int(value)
            case "transfer-encoding":
                chunked = "chunked" in value.lower()
            case "connection":
                keep = keep and "close" not in value.lower()
    if chunked:
        return status, await _chunks(reader), keep
    if length is None:
        return status, await _to_the_end(reader), False
    if not 0 <= length <= MAX_ANSWER_BYTES:
        raise ValueError("too much")
    return status, await reader.readexactly(length), keep


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while piece := await reader.read(65_536):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("too much")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if size < 0 or len(body) + size > MAX_ANSWER_BYTES:
            raise ValueError("too much")
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers, which say nothing to us
    return bytes(body)
