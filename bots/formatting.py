"""What a model writes (Markdown) → what Telegram takes (plain text and entities), in parts that fit.

Telegram counts in UTF-16 code units: offsets and lengths of entities, and the 4096 of a message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyromark
from telegramify_markdown import MessageEntity as Entity
from telegramify_markdown import RenderConfig, convert, utf16_len

from chatai.core.i18n import Language, language_of_text

MAX_MESSAGE_UNITS = 4096
"""The longest message that Telegram takes, in UTF-16 code units after entities are parsed."""

_LINKS = re.compile(r"(?:https?|tg|mailto|tel):", re.IGNORECASE)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…;])\s"), re.compile(r"\s"))
_SOURCES = {"en": ("Sources", "p."), "ru": ("Источники", "с.")}


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. `data`, at most 64 bytes, comes back when it is pressed."""

    text: str
    data: str


@dataclass(frozen=True, slots=True)
class Part:
    """One message: its text, where in it which style holds, and a row of buttons under it."""

    text: str
    entities: tuple[Entity, ...] = ()
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """What a `[number]` in an answer refers to. Pages count from 1; a document without pages has page 0."""

    number: int
    name: str
    page: int
    page_end: int


def _config() -> RenderConfig:
    config = RenderConfig.isolated()
    symbols = config.markdown_symbol
    symbols.heading_level_1 = symbols.heading_level_2 = symbols.heading_level_3 = symbols.heading_level_4 = ""
    symbols.unordered_list_item = "•"
    symbols.image = symbols.link = ""
    return config


_CONFIG = _config()
_OPTIONS = pyromark.Options.ENABLE_TABLES | pyromark.Options.ENABLE_STRIKETHROUGH | pyromark.Options.ENABLE_MATH


def render(markdown: str, *, sources: Sequence[Source] = (), language: Language = "en") -> list[Part]:
    """The messages that show an answer, at least one unless there is nothing to show.

    The sources stand at the end as a quotation that unfolds, in the language of the answer; `language` is for an
    answer without letters.
    """
    text, entities = _styled(markdown)
    parts = split(text, entities)
    if not sources:
        return parts
    block = _sources_block(sources, language_of_text(markdown, language))
    if parts and utf16_len(parts[-1].text) + 2 + utf16_len(block) <= MAX_MESSAGE_UNITS:
        last = parts.pop()
        start = utf16_len(last.text) + 2
        quote = Entity(type="expandable_blockquote", offset=start, length=utf16_len(block))
        return [*parts, Part(f"{last.text}\n\n{block}", (*last.entities, quote))]
    quote = Entity(type="expandable_blockquote", offset=0, length=utf16_len(block))
    return [*parts, *split(block, [quote])]


def quoted(head: str, words: str) -> list[Part]:
    """A line, and somebody's words under it as a quotation that unfolds."""
    quote = Entity(type="expandable_blockquote", offset=utf16_len(head) + 1, length=utf16_len(words))
    return split(f"{head}\n{words}", [quote])


def split(text: str, entities: Sequence[Entity] = (), limit: int = MAX_MESSAGE_UNITS) -> list[Part]:
    """Cuts a text into parts of at most `limit` UTF-16 units, at a paragraph, a line, a sentence or a space.

    Nothing but white space at the cuts is lost; an entity over a cut goes on in the next part.
    """
    units = _unit_offsets(text)
    parts: list[Part] = []
    start = 0
    while start < len(text):
        end = _cut(text, units, start, limit)
        first, last = _trimmed(text, start, end)
        if first < last:
            parts.append(Part(text[first:last], _clip(entities, units[first], units[last])))
        start = end
    return parts


def _cut(text: str, units: list[int], start: int, limit: int) -> int:
    """Where the part that begins at `start` ends: all that is left, or the best place in the window's later half."""
    if units[-1] - units[start] <= limit:
        return len(text)
    end = start
    while units[end + 1] - units[start] <= limit:
        end += 1
    end = max(end, start + 1)
    middle = start + (end - start) // 2
    for pattern in _BREAKS:
        found = [match.end() for match in pattern.finditer(text, middle, end)]
        if found:
            return found[-1]
    return end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _clip(entities: Sequence[Entity], start: int, end: int) -> tuple[Entity, ...]:
    clipped = []
    for entity in entities:
        first, last = max(entity.offset, start), min(entity.offset + entity.length, end)
        if first < last:
            clipped.append(entity.copy_with(offset=first - start, length=last - first))
    return tuple(clipped)


def _unit_offsets(text: str) -> list[int]:
    offsets = [0] * (len(text) + 1)
    total = 0
    for index, character in enumerate(text):
        total += 2 if ord(character) > 0xFFFF else 1
        offsets[index + 1] = total
    return offsets


def _styled(markdown: str) -> tuple[str, list[Entity]]:
    """Text and entities; the Markdown as it stands if no sense can be made of it."""
    # A lone surrogate cannot leave as UTF-8, and the parser does not take one.
    clean = markdown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")
    try:
        text, entities = convert(_keep_tags(clean), config=_CONFIG, latex_escape=False)
    except Exception:  # the parser is native code on text from a model: whatever it raises, the words still go out
        return clean, []
    if clean.strip() and not text.strip():
        return clean, []
    return text, _allowed(entities)


def _keep_tags(markdown: str) -> str:
    """`List<String>` in prose would be dropped as an unknown HTML tag: written as `&lt;` it is shown."""
    if "<" not in markdown:
        return markdown
    source = markdown.encode()
    kept, position = [], 0
    for event, where in pyromark.events_with_range(markdown, options=_OPTIONS):
        if isinstance(event, dict) and ("Code" in event or "CodeBlock" in str(event.get("Start"))):
            kept.append(source[position : where["start"]].replace(b"<", b"&lt;"))
            kept.append(source[where["start"] : where["end"]])
            position = max(position, where["end"])
    kept.append(source[position:].replace(b"<", b"&lt;"))
    return b"".join(kept).decode()


def _allowed(entities: Sequence[Entity]) -> list[Entity]:
    """Telegram refuses quotations in quotations, styles inside code, and links that are no addresses."""
    quotes = [entity for entity in entities if "blockquote" in entity.type]
    codes = [entity for entity in entities if entity.type in {"code", "pre"}]
    allowed = []
    for entity in entities:
        if entity.type == "text_link" and not _LINKS.match(entity.url or ""):
            continue
        if "blockquote" in entity.type and any(_inside(entity, quote) for quote in quotes):
            continue
        if "blockquote" in entity.type or entity.type in {"code", "pre"}:
            allowed.append(entity)
        else:
            allowed.extend(_around(entity, codes))
    return allowed


def _around(entity: Entity, codes: Sequence[Entity]) -> list[Entity]:
    """What is left of a style when the code within it is taken out."""
    pieces, start, end = [], entity.offset, entity.offset + entity.length
    for code in sorted(codes, key=lambda code: code.offset):
        if code.offset + code.length <= start or code.offset >= end:
            continue
        if code.offset > start:
            pieces.append(entity.copy_with(offset=start, length=code.offset - start))
        start = code.offset + code.length
    if start < end:
        pieces.append(entity.copy_with(offset=start, length=end - start))
    return pieces


def _inside(inner: Entity, outer: Entity) -> bool:
    return (
        inner is not outer
        and outer.offset <= inner.offset
        and inner.offset + inner.length <= outer.offset + outer.length
        and (inner.length, -inner.offset) < (outer.length, -outer.offset)
    )


def _sources_block(sources: Sequence[Source], language: Language) -> str:
    heading, page = _SOURCES[language]
    lines = [heading]
    for source in sources:
        where = f", {page} {source.page}" if source.page else ""
        if source.page and source.page_end > source.page:
            where += f"–{source.page_end}"
        lines.append(f"[{source.number}] {' '.join(source.name.split())}{where}")
    return "\n".join(lines)
