"""HTTP as a bot's process needs it: small requests to one server over few connections that are kept.

A general client touches so much of the memory that the processes share that each would own 1.3 MB more of it (see
docs/decisions/0012-a-small-http-client-in-the-bots-processes.md). This one knows POST, keep-alive, TLS and chunks, and
to fetch a file.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from asyncio import selector_events, sslproto
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chatai.core.patience import within

MAX_ANSWER_BYTES = 8 * 1024 * 1024
PIECE_BYTES = 64 * 1024
KEPT_SECONDS = 15.0
"""A connection that was not used for so long is not used again: the server may be about to close it."""
CONNECT_SECONDS = 10.0
RECEIVED_BYTES = 32 * 1024
"""Room for one read; a record of TLS takes 16 kB."""


def read_by_less() -> None:
    """Has asyncio take 32 kB at a time instead of 256: that much comes from the system for each read and goes back
    after it, and a TLS connection holds as much for good, in each of a thousand processes."""
    for reader in (selector_events._SelectorTransport, sslproto.SSLProtocol):  # type: ignore[attr-defined]
        assert reader.max_size >= RECEIVED_BYTES  # noqa: S101 - it is still what says how much
        reader.max_size = RECEIVED_BYTES


class HttpError(Exception):
    """No answer came. What was asked for may have been done all the same."""


class Refused(HttpError):
    """The server does not give the file out."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answers {status}")
        self.status = status


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
        host, port, tls = _server(url)
        head = self._head("POST", url) + f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(host, port, tls)
                connection.writer.write(head.encode("ascii") + body)
                await connection.writer.drain()
                status, answer, keep = await _answer(connection.reader)
        except _TROUBLE as error:
            raise _explained(error, connection) from None
        else:
            if keep:
                connection.used = time.monotonic()
                self._idle.setdefault((host, port), []).append(connection)
                connection = None  # it is not ours any more
            return status, answer
        finally:
            if connection is not None:
                connection.writer.close()

    async def fetch(self, url: str, seconds: float) -> AsyncGenerator[bytes, None]:
        """A file, in pieces; `seconds` is the patience for each of them.

        Raises:
            Refused: The server does not give it out.
            HttpError: Whatever came in between.
        """
        host, port, tls = _server(url)
        connection: _Connection | None = None
        try:
            connection = await self._connect(host, port, tls)
            connection.writer.write(f"{self._head('GET', url)}Connection: close\r\n\r\n".encode("ascii"))
            head = await within(seconds, _read_head(connection.reader))
            if head.status != 200:
                raise Refused(head.status)
            async for piece in _pieces(connection.reader, head, seconds):
                yield piece
        except _TROUBLE as error:
            raise _explained(error, connection) from None
        finally:
            if connection is not None:
                connection.writer.close()

    def _head(self, method: str, url: str) -> str:
        """The request's first lines. Raises: NotReached: it is no address."""
        parts = urlsplit(url)
        if "\r" in parts.path or "\n" in parts.path or " " in parts.path or not parts.path.isascii():
            raise NotReached("the address is not one")
        return f"{method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n{self._headers}"

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


_TROUBLE = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError)


def _server(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is spoken."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return parts.hostname or "", parts.port or (443 if tls else 80), tls


def _explained(error: Exception, connection: _Connection | None) -> HttpError:
    if isinstance(error, TimeoutError):
        return _error(connection, "the request took too long")
    if isinstance(error, OSError):  # before ValueError: a refused certificate is both
        # TLS says why in its own words, which name no address; the others have a number.
        return _error(connection, f"{type(error).__name__}: {error.strerror or error.args[-1:]}")
    return HttpError("the answer is not HTTP, or it broke off")


def _error(connection: _Connection | None, why: str) -> HttpError:
    return NotReached(why) if connection is None else HttpError(why)


@dataclass(frozen=True, slots=True)
class _Head:
    """What comes before a body. `keep`: the connection may be used again."""

    status: int
    length: int | None
    chunked: bool
    keep: bool


async def _read_head(reader: asyncio.StreamReader) -> _Head:
    """Raises ValueError and what the reader raises."""
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
    if length is not None and length < 0:
        raise ValueError("no length")
    return _Head(status, length, chunked, keep)


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection may be used again. Raises ValueError and what the reader raises."""
    head = await _read_head(reader)
    if head.chunked:
        return head.status, await _chunks(reader), head.keep
    if head.length is None:
        return head.status, await _to_the_end(reader), False
    if head.length > MAX_ANSWER_BYTES:
        raise ValueError("too much")
    return head.status, await reader.readexactly(head.length), head.keep


async def _pieces(reader: asyncio.StreamReader, head: _Head, seconds: float) -> AsyncGenerator[bytes, None]:
    """A body of any length. Raises TimeoutError and as `_read_head`."""
    if head.chunked:
        while size := await within(seconds, _chunk_size(reader)):
            async for piece in _exactly(reader, size, seconds):
                yield piece
            await within(seconds, reader.readexactly(2))
    elif head.length is not None:
        async for piece in _exactly(reader, head.length, seconds):
            yield piece
    else:
        while piece := await within(seconds, reader.read(PIECE_BYTES)):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int, seconds: float) -> AsyncGenerator[bytes, None]:
    while size:
        piece = await within(seconds, reader.read(min(size, PIECE_BYTES)))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        yield piece
        size -= len(piece)


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
    if size < 0:
        raise ValueError("no size")
    return size


async def _to_the_end(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while piece := await reader.read(65_536):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ValueError("too much")
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := await _chunk_size(reader):
        if len(body) + size > MAX_ANSWER_BYTES:
            raise ValueError("too much")
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers, which say nothing to us
    return bytes(body)
