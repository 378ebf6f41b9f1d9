"""Reads the files of a `multipart/form-data` request as they come, so that nothing is kept in memory or spooled.

Starlette's own parser writes whole files to temporary ones before a route sees them; here the route takes each piece
from the network itself and may stop at any. Fields that are no files are passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from email.header import decode_header
from typing import Any
from urllib.parse import unquote

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from chatai.core.errors import Invalid

MAX_PARTS = 100
_FILE = {"type": "string", "format": "binary"}


def described(*, several: bool = False) -> dict[str, Any]:
    """`openapi_extra` of a route that takes a file, or several, by reading the request itself."""
    schema = {"type": "object", "properties": {"file": {"type": "array", "items": _FILE} if several else _FILE}}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


class BadUpload(Invalid):
    code = "bad_upload"
    en = "The upload came in a form that could not be read. Choose the files again and repeat it."
    ru = "Загрузка пришла в виде, который не удалось прочитать. Выберите файлы снова и повторите."


class FilePart:
    """One file of the request: read `pieces` to its end, or close the request."""

    def __init__(self, reader: MultipartFiles, name: str) -> None:
        self.name = name
        self._reader = reader

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file's bytes. Raises: BadUpload: the request ends within the file."""
        while (data := await self._reader.next_data()) is not None:
            yield data


class MultipartFiles:
    """The files of a request, one after the other.

    async for part in MultipartFiles(request): async for piece in part.pieces(): …
    """

    def __init__(self, request: Request) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise BadUpload
        self._stream = request.stream()
        self._events: deque[tuple[str, bytes]] = deque()
        self._field, self._value = b"", b""
        self._disposition = b""
        self._parts = 0
        self._in_part = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": lambda: self._events.append(("part", self._disposition)),
                    "on_part_data": lambda data, start, end: self._events.append(("data", data[start:end])),
                    "on_part_end": lambda: self._events.append(("end", b"")),
                    "on_end": lambda: self._events.append(("done", b"")),
                },
            )
        except FormParserError as error:
            raise BadUpload from error

    async def __aiter__(self) -> AsyncIterator[FilePart]:
        while (event := await self._next())[0] != "done":
            kind, disposition = event
            if kind != "part":
                continue  # the rest of a part that nobody read
            name = file_name(disposition)
            if name is not None:
                self._in_part = True
                yield FilePart(self, name)

    async def next_data(self) -> bytes | None:
        """The next bytes of the part at hand; None at its end."""
        if not self._in_part:
            return None
        kind, data = await self._next()
        if kind == "data":
            return data
        self._in_part = False
        return None

    async def _next(self) -> tuple[str, bytes]:
        while not self._events:
            try:
                data = await anext(self._stream, b"")
            except ClientDisconnect as error:
                raise BadUpload from error
            if not data:
                raise BadUpload  # the request ended before its last boundary
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise BadUpload from error
        return self._events.popleft()

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise FormParserError("too many parts")
        self._disposition = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""


def file_name(disposition: bytes) -> str | None:
    """The file's name in a Content-Disposition header (RFC 7578: UTF-8; RFC 5987 where a client sends that); None for
    a field that is no file."""
    _, options = parse_options_header(disposition)
    extended = options.get(b"filename*")
    if extended:
        charset, _, encoded = extended.decode("latin-1").partition("''")
        try:
            return unquote(encoded, encoding=charset or "utf-8", errors="replace")
        except LookupError:
            return unquote(encoded, errors="replace")
    name = options.get(b"filename")
    if name is None:
        return None
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        text = name.decode("cp1251", errors="replace")
    if text.startswith("=?"):  # some old clients write mail's encoded words
        return "".join(
            part.decode(charset or "utf-8", errors="replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(text)
        )
    return text
