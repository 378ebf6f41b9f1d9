"""Formatted text as Telegram keeps it: plain text and entities with offsets in UTF-16 code units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bots.sandbox.errors import bad_request

Entity = dict[str, Any]

TEXT_LIMIT = 4096  # UTF-16 code units: the strictest reading of Telegram's "4096 characters after entities parsing"
CAPTION_LIMIT = 1024
ENTITY_LIMIT = 100

GIVEN_TYPES = {
    "bold", "italic", "underline", "strikethrough", "spoiler", "blockquote", "expandable_blockquote",
    "code", "pre", "text_link", "text_mention", "custom_emoji",
}  # fmt: skip
FOUND_TYPES = {"mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bank_card_number"}
CODE_TYPES = {"code", "pre"}
FOUND = re.compile(
    r"(?P<email>(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]*\w)"
    r"|(?P<url>(?:https?|tg|ftp)://[^\s<>\"']*[^\s<>\"'.,;:!?)\]}]"
    r"|(?<![\w@./-])(?:[a-z0-9-]+\.)+(?:com|org|net|ru|io|dev|info|me|рф)(?:/[^\s<>\"']*[^\s<>\"'.,;:!?)\]}])?(?!\w))"
    r"|(?P<bot_command>(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/]))"
    r"|(?P<mention>(?<!\w)@[A-Za-z0-9_]{3,32}(?!\w))"
    r"|(?P<hashtag>(?<!\w)#\w*[^\W\d_]\w*)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Formatted:
    text: str
    entities: list[Entity] = field(default_factory=list)


def utf16_length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)


def byte_offset(text: str, index: int) -> int:
    """Telegram's parse errors count bytes of UTF-8."""
    return len(text[:index].encode())


def checked_link(url: str) -> str:
    """The address as Telegram keeps it; empty when it is none: the link is then dropped, the text stays."""
    url = url.strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "http", url
    if scheme.lower() not in {"http", "https", "tg", "ftp", "tonsite"}:
        return ""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not host or any(character.isspace() for character in host):
        return ""
    if scheme.lower() != "tg" and "." not in host and not host.startswith("localhost") and ":" not in host:
        return ""
    if "/" not in rest and "?" not in rest and "#" not in rest and scheme.lower() != "tg":
        rest += "/"
    return f"{scheme.lower()}://{rest}"


def link_entity(offset: int, length: int, url: str) -> Entity | None:
    """A link, or a mention by `tg://user?id=…`; None when the address is none."""
    person = re.fullmatch(r"tg://user\?id=(\d+)", url.strip())
    if person:
        user = {"id": int(person[1]), "is_bot": False, "first_name": ""}
        return {"type": "text_mention", "offset": offset, "length": length, "user": user}
    link = checked_link(url)
    return {"type": "text_link", "offset": offset, "length": length, "url": link} if link else None


def given_entities(raw: Any) -> list[Entity]:
    """The `entities` parameter. Offsets outside the text are mended later, as by Telegram; wrong shapes are errors."""
    if not isinstance(raw, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    entities: list[Entity] = []
    for item in raw:
        if not isinstance(item, dict):
            raise bad_request("can't parse MessageEntity: expected an Object")
        kind, offset, length = item.get("type"), item.get("offset"), item.get("length")
        if not isinstance(offset, int) or not isinstance(length, int):
            raise bad_request('can\'t parse MessageEntity: field "offset" or "length" must be of type Number')
        if kind in FOUND_TYPES:
            continue  # Telegram finds these itself
        if kind not in GIVEN_TYPES:
            raise bad_request("can't parse MessageEntity: unsupported type specified")
        entity: Entity = {"type": kind, "offset": offset, "length": length}
        if kind == "text_link":
            link = link_entity(offset, length, str(item.get("url") or ""))
            if link is None:
                continue
            entity = link
        elif kind == "pre" and item.get("language"):
            entity["language"] = str(item["language"])
        elif kind == "text_mention" and isinstance(item.get("user"), dict):
            entity["user"] = item["user"]
        elif kind == "custom_emoji":
            entity["custom_emoji_id"] = str(item.get("custom_emoji_id") or "")
        entities.append(entity)
    return entities


def tidy(formatted: Formatted) -> Formatted:
    """Cleans control characters, trims the ends, mends the entities and finds links, mentions and commands."""
    text = formatted.text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    entities = formatted.entities
    if "\r" in text:
        entities = _without_carriage_returns(text, entities)
        text = text.replace("\r", "")
    if not text.isprintable():
        text = "".join(" " if c < " " and c not in "\n\t" else c for c in text)
    trimmed = text.rstrip(" \n\t")
    total = utf16_length(trimmed)
    first = min((entity["offset"] for entity in entities), default=total)
    lead = 0
    while lead < len(trimmed) and lead < first and trimmed[lead] in " \n":
        lead += 1
    trimmed = trimmed[lead:]
    total -= lead
    kept = _mended(entities, lead, total)
    found = _found(trimmed, kept) if _may_hold_links(trimmed) else []
    return Formatted(trimmed, _sorted([*kept, *found])[:ENTITY_LIMIT])


def _mended(entities: Iterable[Entity], lead: int, total: int) -> list[Entity]:
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - lead)
        end = min(total, entity["offset"] + entity["length"] - lead)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    codes = [entity for entity in kept if entity["type"] in CODE_TYPES]
    if not codes:
        return kept
    # Nothing else may be set inside code: Telegram drops it.
    return [
        entity
        for entity in kept
        if entity["type"] in CODE_TYPES
        or "blockquote" in entity["type"]
        or not any(_overlap(entity, code) for code in codes)
    ]


def _without_carriage_returns(text: str, entities: list[Entity]) -> list[Entity]:
    """Entities moved left over the carriage returns before them."""
    units = text.encode("utf-16-le")
    places = [i // 2 for i in range(0, len(units), 2) if units[i : i + 2] == b"\r\0"]
    moved = []
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        before = sum(place < start for place in places)
        inside = sum(start <= place < end for place in places)
        moved.append({**entity, "offset": start - before, "length": end - start - inside})
    return moved


def _overlap(one: Entity, other: Entity) -> bool:
    return bool(one["offset"] < other["offset"] + other["length"] and other["offset"] < one["offset"] + one["length"])


def _may_hold_links(text: str) -> bool:
    return "/" in text or "@" in text or "#" in text or "." in text


def _found(text: str, taken: list[Entity]) -> list[Entity]:
    closed = [entity for entity in taken if entity["type"] in CODE_TYPES | {"text_link", "text_mention"}]
    found = []
    for match in FOUND.finditer(text):
        kind = str(match.lastgroup)
        entity = {"type": kind, "offset": utf16_length(text[: match.start()]), "length": utf16_length(match[0])}
        if not any(_overlap(entity, other) for other in closed):
            found.append(entity)
    return found


def _sorted(entities: list[Entity]) -> list[Entity]:
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"], entity["type"]))
