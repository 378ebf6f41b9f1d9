"""An update as it comes from Telegram, or from somebody who pretends: checked before it is stored."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 32
MAX_BODY_BYTES = 1024 * 1024
HIGHEST_NUMBER = 2**63 - 1
"""The number after it is a polled bot's offset, which PostgreSQL's bigint must hold too."""


class BadUpdate(Exception):
    """Not an update: it says why, and nothing of the content."""


def parse(body: bytes) -> dict[str, Any]:
    """The update in a webhook's body, fit for PostgreSQL. Raises: BadUpdate."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadUpdate("the body is not JSON") from None
    return check(payload)


def check(payload: object) -> dict[str, Any]:
    """The update without what JSONB does not take: NUL, lone surrogates. Raises: BadUpdate."""
    clean = _clean(payload, MAX_DEPTH)
    if not isinstance(clean, dict):
        raise BadUpdate("not a JSON object")
    if number_of(clean) < 0:
        raise BadUpdate("no update_id")
    return clean


def number_of(payload: object) -> int:
    """The update_id; -1 where there is none that can be one."""
    number = payload.get("update_id") if isinstance(payload, dict) else None
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < HIGHEST_NUMBER:
        return number
    return -1


def chat_of(payload: dict[str, Any]) -> int:
    """The chat whose order must be kept; 0 where the update belongs to none."""
    for content in payload.values():
        if not isinstance(content, dict):
            continue
        message = content.get("message")
        for holder, key in ((content, "chat"), (message, "chat"), (content, "from")):
            chat = holder.get(key) if isinstance(holder, dict) else None
            number = chat.get("id") if isinstance(chat, dict) else None
            if isinstance(number, int) and -(2**63) <= number < 2**63:
                return number
    return 0


def message_in(payload: dict[str, Any], business: str | None = None) -> dict[str, Any] | None:
    """The message of an update, new or changed; of a business account where one is named, else the bot's own."""
    kinds = ("business_message", "edited_business_message") if business else ("message", "edited_message")
    for kind in kinds:
        message = payload.get(kind)
        if isinstance(message, dict) and message.get("business_connection_id") == business:
            return message
    return None


def _clean(value: object, depth: int) -> object:
    if depth == 0:
        raise BadUpdate("nested too deeply")
    if isinstance(value, str):
        if "\0" in value or not value.isascii():
            return value.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if isinstance(value, dict):
        return {_clean(key, depth): _clean(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise BadUpdate("a number is out of range")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise BadUpdate("a number is out of range")
    return value
