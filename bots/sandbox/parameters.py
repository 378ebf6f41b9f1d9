"""A call's parameters: from the query, a form, a multipart body or JSON, all seen alike."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web

from bots.sandbox.entities import Formatted, given_entities, tidy
from bots.sandbox.errors import ApiError, bad_request
from bots.sandbox.html_mode import parse_html
from bots.sandbox.markdown_mode import parse_markdown, parse_markdown_v2

LARGEST_BODY = 52 * 1024 * 1024  # bots may send files of 50 MB


@dataclass(slots=True)
class Upload:
    name: str
    media_type: str
    data: bytes


@dataclass(slots=True)
class Parameters:
    values: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else str(value)

    def integer(self, name: str, default: int = 0) -> int:
        """A number, or the default where it is missing or none: Telegram is as lenient."""
        value = self.values.get(name)
        if isinstance(value, int):
            return int(value)
        try:
            return int(float(value)) if value is not None else default
        except (TypeError, ValueError):
            return default

    def boolean(self, name: str) -> bool:
        return self.text(name).strip().lower() in {"true", "yes", "1"}

    def structure(self, name: str, what: str) -> Any:
        """A JSON value, given as such or as a string. None where it is missing.

        Raises:
            ApiError: It is not JSON. `what` is Telegram's name for it.
        """
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {what} JSON object") from None

    def formatted(self, name: str, entities_name: str) -> Formatted:
        """A text with its entities, from `parse_mode` or from the list that is given beside it.

        Raises:
            ApiError: The markup is wrong or the mode is unknown.
        """
        text = self.text(name)
        mode = self.text("parse_mode").lower()
        if not mode or mode == "none":
            raw = self.structure(entities_name, "entities")
            formatted = Formatted(text, given_entities(raw) if raw is not None else [])
        elif mode == "html":
            formatted = parse_html(text)
        elif mode == "markdownv2":
            formatted = parse_markdown_v2(text)
        elif mode == "markdown":
            formatted = parse_markdown(text)
        else:
            raise bad_request("unsupported parse_mode")
        return tidy(formatted)

    def upload(self, name: str) -> Upload | None:
        """The file that came under this name or that the value points at (`attach://…`)."""
        value = self.text(name)
        if value.startswith("attach://"):
            return self.uploads.get(value.removeprefix("attach://"))
        return self.uploads.get(name)


async def read_parameters(request: web.Request) -> Parameters:
    """Everything the call brought.

    Raises:
        ApiError: The body is too large or can't be read.
    """
    parameters = Parameters(dict(request.query) if request.query_string else {})
    if not request.body_exists:
        return parameters
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        raise ApiError(413, "Request Entity Too Large")
    kind = request.content_type
    if kind == "multipart/form-data":
        await _read_multipart(request, parameters)
        return parameters
    body = await request.read()
    if kind == "application/json":
        parameters.values.update(parse_json_object(body))
    elif kind == "application/x-www-form-urlencoded":
        parameters.values.update(parse_form(body))
    return parameters


def parse_form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise bad_request("strings must be encoded in UTF-8") from None


def parse_json_object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if body.strip() else {}
    except ValueError:
        raise bad_request("can't parse JSON object") from None
    if not isinstance(found, dict):
        raise bad_request("object expected as the request's body")
    return found


async def _read_multipart(request: web.Request, parameters: Parameters) -> None:
    total = 0
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        chunks = []
        while chunk := await part.read_chunk(65536):
            total += len(chunk)
            if total > LARGEST_BODY:
                raise ApiError(413, "Request Entity Too Large")
            chunks.append(chunk)
        data = b"".join(chunks)
        if part.filename is not None:
            media_type = part.headers.get("Content-Type", "application/octet-stream")
            parameters.uploads[part.name] = Upload(part.filename, media_type.partition(";")[0], data)
        else:
            try:
                parameters.values[part.name] = data.decode()
            except UnicodeDecodeError:
                raise bad_request("strings must be encoded in UTF-8") from None
