"""`parse_mode=MarkdownV2` and the older `Markdown`, with Telegram's rules and error texts."""

from __future__ import annotations

from dataclasses import dataclass

from bots.sandbox.entities import Entity, Formatted, byte_offset, link_entity, utf16_length
from bots.sandbox.errors import ApiError, bad_request

RESERVED = frozenset("_*[]()~`>#+-=|{}.!\n")
NAMES = {
    "bold": "Bold", "italic": "Italic", "underline": "Underline", "strikethrough": "Strikethrough",
    "spoiler": "Spoiler", "code": "Code", "pre": "Pre", "text_link": "TextUrl", "custom_emoji": "CustomEmoji",
    "blockquote": "BlockQuote",
}  # fmt: skip
QUOTES = ("blockquote", "expandable_blockquote")


@dataclass(slots=True)
class _Open:
    kind: str
    language: str
    offset: int
    at: int
    start: int


def parse_markdown_v2(source: str) -> Formatted:
    """Text and entities of MarkdownV2.

    Raises:
        ApiError: `can't parse entities: …` with the byte offset, in Telegram's words.
    """
    return _MarkdownV2(source).parse()


class _MarkdownV2:
    def __init__(self, source: str) -> None:
        self.source = source
        self.place = 0
        self.out: list[str] = []
        self.offset = 0  # UTF-16 units written
        self.open: list[_Open] = []
        self.entities: list[Entity] = []
        self.in_quote = False

    def parse(self) -> Formatted:
        while self.place < len(self.source):
            self._step()
        if self.in_quote and self.open and self.open[-1].kind in QUOTES:
            self._keep(self.open.pop())
        if self.open:
            raise self._unclosed()
        return Formatted("".join(self.out), self.entities)

    def _step(self) -> None:
        character = self.source[self.place]
        following = self._at(self.place + 1)
        if character == "\\" and following and "\x00" < following <= "~":
            self._write(following)
            self.place += 2
        elif self.open and self.open[-1].kind in ("code", "pre"):
            if character == "`" and (self.open[-1].kind == "code" or self.source.startswith("```", self.place)):
                self._end(character)
            elif character == "`":
                self._start(character)  # a lone ` in a block opens code: it had to be escaped
            else:
                self._write(character)
                self.place += 1
        elif character not in RESERVED:
            self._write(character)
            self.place += 1
        elif self._ends(character):
            self._end(character)
        else:
            self._start(character)

    def _at(self, place: int) -> str:
        return self.source[place] if place < len(self.source) else ""

    def _write(self, text: str) -> None:
        self.out.append(text)
        self.offset += utf16_length(text)

    def _error(self, text: str) -> ApiError:
        return bad_request(f"can't parse entities: {text}")

    def _reserved(self, character: str) -> ApiError:
        return self._error(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")

    def _unclosed(self) -> ApiError:
        last = self.open[-1]
        at = byte_offset(self.source, last.at)
        return self._error(f"Can't find end of {NAMES[last.kind]} entity at byte offset {at}")

    def _quote_ends_here(self) -> bool:
        return self.in_quote and self._at(self.place + 1) != ">"

    def _ends(self, character: str) -> bool:
        if not self.open:
            return False
        if character == "\n" and self._quote_ends_here():
            return True
        double = self._at(self.place + 1) == character
        match self.open[-1].kind:
            case "bold":
                return character == "*"
            case "italic":
                return character == "_" and not double
            case "underline":
                return character == "_" and double
            case "strikethrough":
                return character == "~"
            case "spoiler":
                return character == "|" and double
            case "text_link" | "custom_emoji":
                return character == "]"
            case _:
                return False

    def _start(self, character: str) -> None:
        at = self.place
        double = self._at(at + 1) == character
        line_start = at == 0 or self.source[at - 1] == "\n"
        kind, language = "", ""
        match character:
            case "_":
                kind = "underline" if double else "italic"
                self.place += 2 if double else 1
            case "*" if double and line_start and self._at(at + 2) == ">" and not self.in_quote:
                kind, self.in_quote = "blockquote", True
                self.place += 3
            case "*":
                kind = "bold"
                self.place += 1
            case "~":
                kind = "strikethrough"
                self.place += 1
            case "|" if double and self._expands_quote():
                self.open[-1].kind = "expandable_blockquote"
                self.place += 2
                return
            case "|" if double:
                kind = "spoiler"
                self.place += 2
            case "[":
                kind = "text_link"
                self.place += 1
            case "!" if self._at(at + 1) == "[":
                kind = "custom_emoji"
                self.place += 2
            case "`":
                kind, language = self._start_code()
            case "\n":
                self._write("\n")
                self.place += 1
                if self._at(self.place) == ">":
                    self.place += 1
                    if not self.in_quote:
                        kind, self.in_quote = "blockquote", True
            case ">" if at == 0:
                kind, self.in_quote = "blockquote", True
                self.place += 1
            case _:
                raise self._reserved(character)
        if kind:
            self.open.append(_Open(kind, language, self.offset, at, len(self.out)))

    def _expands_quote(self) -> bool:
        after = self._at(self.place + 2)
        ends = after == "" or (after == "\n" and self._at(self.place + 3) != ">")
        return bool(self.open) and self.open[-1].kind == "blockquote" and ends

    def _start_code(self) -> tuple[str, str]:
        if not self.source.startswith("```", self.place):
            self.place += 1
            return "code", ""
        self.place, language = _pre_language(self.source, self.place + 3)
        return "pre", language

    def _end(self, character: str) -> None:
        opened = self.open[-1]
        if character == "\n" and opened.kind not in QUOTES:
            raise self._unclosed()
        match opened.kind:
            case "underline" | "spoiler":
                self.place += 2
            case "pre":
                self.place += 3
            case "text_link" | "custom_emoji":
                self._end_link(opened)
                return
            case "blockquote" | "expandable_blockquote":
                self.in_quote = False
                self._write("\n")
                self.place += 1
            case _:
                self.place += 1
        self._keep(self.open.pop())

    def _end_link(self, opened: _Open) -> None:
        if self._at(self.place + 1) == "(":
            url = self._url(self.place + 2, "a custom emoji URL" if opened.kind == "custom_emoji" else "a URL")
        elif opened.kind == "custom_emoji":
            raise self._error("Custom emoji entity must contain a tg://emoji URL")
        else:
            url = "".join(self.out[opened.start :])
            self.place += 1
        self.open.pop()
        length = self.offset - opened.offset
        if not length:
            return
        if opened.kind == "custom_emoji":
            number = url.removeprefix("tg://emoji?id=")
            if not number.isdecimal():
                raise self._error("Custom emoji URL must have an emoji identifier")
            entity: Entity | None = {
                "type": "custom_emoji",
                "offset": opened.offset,
                "length": length,
                "custom_emoji_id": number,
            }
        else:
            entity = link_entity(opened.offset, length, url)
        if entity:
            self.entities.append(entity)

    def _url(self, begin: int, what: str) -> str:
        place, url = begin, []
        while place < len(self.source) and self.source[place] != ")":
            if self.source[place] == "\\" and self._at(place + 1):
                place += 1
            url.append(self.source[place])
            place += 1
        if place >= len(self.source):
            raise self._error(f"Can't find end of {what} at byte offset {byte_offset(self.source, begin)}")
        self.place = place + 1
        return "".join(url)

    def _keep(self, opened: _Open) -> None:
        length = self.offset - opened.offset
        if length:
            entity: Entity = {"type": opened.kind, "offset": opened.offset, "length": length}
            if opened.language:
                entity["language"] = opened.language
            self.entities.append(entity)


def _pre_language(source: str, place: int) -> tuple[int, str]:
    """Where the code begins after ``` and its language; one line break before the code is not part of it."""
    end = place
    while end < len(source) and not source[end].isspace() and source[end] != "`":
        end += 1
    language = ""
    if end > place and end < len(source) and source[end] != "`":
        language, place = source[place:end], end
    if source.startswith(("\r\n", "\n\r"), place):
        place += 2
    elif source.startswith(("\n", "\r"), place):
        place += 1
    return place, language


def parse_markdown(source: str) -> Formatted:
    """Text and entities of the older Markdown mode, which knows no nesting.

    Raises:
        ApiError: `can't parse entities: …` with the byte offset, in Telegram's words.
    """
    out: list[str] = []
    offset, place = 0, 0
    entities: list[Entity] = []
    while place < len(source):
        character = source[place]
        if character == "\\" and source[place + 1 : place + 2] in ("_", "*", "`", "["):
            out.append(source[place + 1])
            offset += 1
            place += 2
            continue
        if character not in "_*`[":
            out.append(character)
            offset += utf16_length(character)
            place += 1
            continue
        begin, language = place, ""
        closing = {"[": "]"}.get(character, character)
        if source.startswith("```", place):
            closing = "```"
            place, language = _pre_language(source, place + 3)
        else:
            place += 1
        end = source.find(closing, place)
        if end < 0:
            at = byte_offset(source, begin)
            raise bad_request(f"can't parse entities: Can't find end of the entity starting at byte offset {at}")
        inner = source[place:end]
        length = utf16_length(inner)
        place = end + len(closing)
        entity: Entity | None
        if character == "[":
            url = inner
            if source.startswith("(", place):
                close = source.find(")", place)
                close = len(source) if close < 0 else close
                url, place = source[place + 1 : close], close + 1
            entity = link_entity(offset, length, url)
        else:
            kind = {"_": "italic", "*": "bold", "`": "pre" if closing == "```" else "code"}[character]
            entity = {"type": kind, "offset": offset, "length": length}
            if language:
                entity["language"] = language
        if entity and length:
            entities.append(entity)
        out.append(inner)
        offset += length
    return Formatted("".join(out), entities)
