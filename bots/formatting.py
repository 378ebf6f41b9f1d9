"""What a model writes (Markdown) → what Telegram takes (plain text and entities), in parts that fit.

Telegram counts in UTF-16 code units: offsets and lengths of entities, and the 4096 of a message.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyromark
from telegramify_markdown import MessageEntity as Entity
from telegramify_markdown import RenderConfig, convert, utf16_len

from bots.tables import without_wide_tables
from chatai.core.i18n import Language, language_of_text

MAX_MESSAGE_UNITS = 4096
"""The longest message that Telegram takes, in UTF-16 code units after entities are parsed."""

SOURCE_BUTTON = "source:"
"""What the data of a source's button begins with; the answer's id and the source's number follow."""
MOST_BUTTONS = 60

_LINKS = re.compile(r"(?:https?|tg|mailto|tel):", re.IGNORECASE)
_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?…;])\s"), re.compile(r"\s"))
_CONTROLS = {code: " " for code in range(32) if chr(code) not in "\n\t\r\0"} | {0: None, ord("\r"): "\n"}
_WHOLE = {"pre", "code", "text_link", "custom_emoji"}
_JOINER = "\u200d"
_JOINED = (_JOINER, "\ufe0f", *map(chr, range(0x1F3FB, 0x1F400)))
_FLAGS = ("\U0001f1e6", "\U0001f1ff")
LONGEST_LETTER = 64
"""So many characters may make up one letter or emoji."""
_SOURCES = {"en": ("Sources", "p."), "ru": ("Источники", "с.")}


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message. `data`, at most 64 bytes, comes back when it is pressed; or `url` is opened."""

    text: str
    data: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Making:
    """What is on the button, and the user name that is suggested for the bot."""

    text: str
    username: str


@dataclass(frozen=True, slots=True)
class Part:
    """One message: its text, where in it which style holds, and the buttons under it.

    `making`: a button below the field where people write, by which they make a bot for this one.
    """

    text: str
    entities: tuple[Entity, ...] = ()
    buttons: tuple[Button, ...] = ()
    making: Making | None = None


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


def render(markdown: str, *, sources: Sequence[Source] = (), language: Language = "en", answer: str = "") -> list[Part]:
    """The messages that show an answer, at least one unless there is nothing to show.

    Args:
        markdown: What the model wrote.
        sources: They stand at the end as a quotation that unfolds, in the language of the answer.
        language: For an answer without letters.
        answer: The answer's id, 32 hexadecimal digits: each source then gets a button that shows its passage.
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
        parts.append(Part(f"{last.text}\n\n{block}", (*last.entities, quote)))
    else:
        quote = Entity(type="expandable_blockquote", offset=0, length=utf16_len(block))
        parts += split(block, [quote])
    if answer:
        buttons = [Button(f"[{one.number}]", f"{SOURCE_BUTTON}{answer}:{one.number}") for one in sources]
        parts[-1] = replace(parts[-1], buttons=tuple(buttons[:MOST_BUTTONS]))
    return parts


def quoted(head: str, words: str) -> list[Part]:
    """A line, and somebody's words under it as a quotation that unfolds."""
    head, words = _sendable(head), _sendable(words)
    quote = Entity(type="expandable_blockquote", offset=utf16_len(head) + 1, length=utf16_len(words))
    return split(f"{head}\n{words}", [quote])


def shortened(text: str, units: int) -> str:
    """The text, cut to so many UTF-16 units; what was cut shows."""
    if utf16_len(text) <= units:
        return text
    return split(text, limit=units - 1)[0].text + "…"


def split(text: str, entities: Sequence[Entity] = (), limit: int = MAX_MESSAGE_UNITS) -> list[Part]:
    """Cuts a text into parts of at most `limit` UTF-16 units, at a paragraph, a line, a sentence or a space.

    Code and links stay whole where they fit into a part. Nothing but white space at the cuts is lost, and parts that
    nobody would see; an entity over a cut goes on in the next part.
    """
    units = _unit_offsets(text)
    wholes = _wholes(units, entities, limit)
    parts: list[Part] = []
    start = 0
    while start < len(text):
        end = _cut(text, units, wholes, start, limit)
        first, last = _trimmed(text, start, end)
        if any(_is_visible(character) for character in text[first:last]):
            parts.append(Part(text[first:last], _clip(entities, units[first], units[last])))
        start = end
    return parts


def _wholes(units: list[int], entities: Sequence[Entity], limit: int) -> list[tuple[int, int]]:
    """Where the text must not be cut: from which character to which."""
    return [
        (bisect_left(units, entity.offset), bisect_left(units, entity.offset + entity.length))
        for entity in entities
        if entity.type in _WHOLE and entity.length <= limit
    ]


def _cut(text: str, units: list[int], wholes: Sequence[tuple[int, int]], start: int, limit: int) -> int:
    """Where the part that begins at `start` ends: all that is left, or the best place in the window's later half.

    A window whose later half is all code is cut before that code.
    """
    if units[-1] - units[start] <= limit:
        return len(text)
    end = max(bisect_right(units, units[start] + limit) - 1, start + 1)
    middle = start + (end - start) // 2
    for pattern in _BREAKS:
        for place in reversed([match.end() for match in pattern.finditer(text, middle, end)]):
            if not any(first < place < last for first, last in wholes):
                return place
    over = [first for first, last in wholes if start < first < end < last]
    return _between_letters(text, start, min(over, default=end))


def _between_letters(text: str, start: int, end: int) -> int:
    """The last place up to `end` that parts no letter from its marks and no emoji from what it is joined with."""
    for place in range(end, max(start, end - LONGEST_LETTER), -1):
        after, before = text[place : place + 1], text[place - 1]
        flags = all(_FLAGS[0] <= letter <= _FLAGS[1] for letter in (before, after)) if after else False
        if not (flags or before == _JOINER or after in _JOINED or (after and unicodedata.combining(after))):
            return place
    return end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _is_visible(character: str) -> bool:
    """Whether it alone makes a message: Telegram takes none of white space and marks without width."""
    return not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf", "Mn", "Zl", "Zp"}


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
    clean = _sendable(markdown)
    try:
        text, entities = convert(_keep_tags(without_wide_tables(clean)), config=_CONFIG, latex_escape=False)
    except Exception:  # the parser is native code on text from a model: whatever it raises, the words still go out
        return clean, []
    if clean.strip() and not text.strip():
        return clean, []
    return text, _allowed(entities)


def _sendable(text: str) -> str:
    """Without what Telegram would change or not take: lone surrogates, and control characters but tab and new line."""
    mended = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\r\n", "\n")
    return mended.translate(_CONTROLS)


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
    quotes = _outermost([entity for entity in entities if "blockquote" in entity.type])
    codes = [entity for entity in entities if entity.type in {"code", "pre"}]
    allowed = []
    for entity in entities:
        if entity.type == "text_link" and not _LINKS.match(entity.url or ""):
            continue
        if "blockquote" in entity.type and not any(entity is quote for quote in quotes):
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


def _outermost(quotes: Sequence[Entity]) -> list[Entity]:
    """Those that begin in no other one."""
    kept: list[Entity] = []
    for quote in sorted(quotes, key=lambda quote: (quote.offset, -quote.length)):
        if not kept or quote.offset >= kept[-1].offset + kept[-1].length:
            kept.append(quote)
    return kept


def line_of(source: Source, language: Language) -> str:
    """How a source is named: its number, document and pages."""
    page = _SOURCES[language][1]
    where = f", {page} {source.page}" if source.page else ""
    if source.page and source.page_end > source.page:
        where += f"–{source.page_end}"
    return f"[{source.number}] {' '.join(_sendable(source.name).split())}{where}"


def _sources_block(sources: Sequence[Source], language: Language) -> str:
    return "\n".join([_SOURCES[language][0], *(line_of(source, language) for source in sources)])
