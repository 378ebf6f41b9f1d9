"""`parse_mode=HTML`, with Telegram's rules and error texts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bots.sandbox.entities import Entity, Formatted, byte_offset, link_entity, utf16_length
from bots.sandbox.errors import ApiError, bad_request

TYPES = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
    "span": "spoiler", "code": "code", "pre": "pre", "blockquote": "blockquote", "a": "text_link",
    "tg-emoji": "custom_emoji",
}  # fmt: skip
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(lt|gt|amp|quot));?")
SPACE = " \t\n\r\0\v"


@dataclass(slots=True)
class _Open:
    tag: str
    argument: str
    offset: int
    start: int


def parse_html(source: str) -> Formatted:
    """Text and entities of Telegram's HTML.

    Raises:
        ApiError: `can't parse entities: …` with the byte offset, in Telegram's words.
    """
    return _Parser(source).parse()


def _unescape(text: str) -> str:
    return REFERENCE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return NAMED[match[3]]
    code = int(match[1]) if match[1] else int(match[2], 16)
    return chr(code) if 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF else match[0]


class _Parser:
    def __init__(self, source: str) -> None:
        self.source = source
        self.place = 0
        self.out: list[str] = []
        self.offset = 0  # UTF-16 units written
        self.open: list[_Open] = []
        self.entities: list[Entity] = []

    def parse(self) -> Formatted:
        source = self.source
        while self.place < len(source):
            tag = source.find("<", self.place)
            if tag < 0:
                tag = len(source)
            if tag > self.place:
                text = _unescape(source[self.place : tag])
                self.out.append(text)
                self.offset += utf16_length(text)
                self.place = tag
            if self.place < len(source):
                if source.startswith("</", self.place):
                    self._end_tag()
                else:
                    self._start_tag()
        if self.open:
            raise bad_request(
                f"can't parse entities: Can't find end tag corresponding to start tag \"{self.open[-1].tag}\""
            )
        return Formatted("".join(self.out), self.entities)

    def _error(self, text: str, place: int) -> ApiError:
        return bad_request(f"can't parse entities: {text.format(at=byte_offset(self.source, place))}")

    def _at(self, place: int) -> str:
        return self.source[place] if place < len(self.source) else ""

    def _skip(self, place: int, stop: str) -> int:
        while place < len(self.source) and self.source[place] not in stop:
            place += 1
        return place

    def _skip_space(self, place: int) -> int:
        while place < len(self.source) and self.source[place] in SPACE:
            place += 1
        return place

    def _start_tag(self) -> None:
        begin = self.place
        place = self._skip(begin + 1, SPACE + ">")
        if place == len(self.source):
            raise self._error("Unclosed start tag at byte offset {at}", begin)
        tag = self.source[begin + 1 : place].lower()
        if tag not in TYPES:
            shown = tag.replace("{", "{{").replace("}", "}}")
            raise self._error(f'Unsupported start tag "{shown}" at byte offset {{at}}', begin)
        argument = ""
        while True:
            place = self._skip_space(place)
            if place == len(self.source):
                raise self._error("Unclosed start tag at byte offset {at}", begin)
            if self.source[place] == ">":
                break
            name_at = place
            place = self._skip(place, SPACE + "=>")
            name = self.source[name_at:place]
            if not name:
                raise self._error(f'Empty attribute name in the tag "{tag}" at byte offset {{at}}', begin)
            place = self._skip_space(place)
            if self._at(place) != "=":
                if tag == "blockquote" and name.lower() == "expandable":
                    argument = "expandable"
                    continue
                text = f'Expected equal sign in declaration of an attribute of the tag "{tag}" at byte offset {{at}}'
                raise self._error(text, begin)
            place, value = self._attribute_value(self._skip_space(place + 1), begin)
            argument = self._argument(tag, name.lower(), value) or argument
        if tag == "span" and argument != "spoiler":
            raise self._error('Tag "span" must have class "tg-spoiler" at byte offset {at}', begin)
        self.open.append(_Open(tag, argument, self.offset, len(self.out)))
        self.place = place + 1

    def _attribute_value(self, place: int, begin: int) -> tuple[int, str]:
        quote = self._at(place)
        if not quote:
            raise self._error("Unclosed start tag at byte offset {at}", begin)
        if quote in "'\"":
            end = self.source.find(quote, place + 1)
            if end < 0:
                raise self._error("Unclosed start tag at byte offset {at}", begin)
            return end + 1, _unescape(self.source[place + 1 : end])
        token = re.compile(r"[A-Za-z0-9.-]*").match(self.source, place)
        end = token.end() if token else place
        if self._at(end) not in (*SPACE, ">"):
            raise self._error("Unexpected end of name token at byte offset {at}", place)
        return end, self.source[place:end].lower()

    @staticmethod
    def _argument(tag: str, name: str, value: str) -> str:
        if (tag, name) in {("a", "href"), ("tg-emoji", "emoji-id")}:
            return value
        if (tag, name) == ("code", "class") and value.startswith("language-"):
            return value.removeprefix("language-")
        if (tag, name) == ("span", "class") and value.startswith("tg-"):
            return value.removeprefix("tg-")
        if (tag, name) == ("blockquote", "expandable"):
            return "expandable"
        return ""

    def _end_tag(self) -> None:
        begin = self.place
        if not self.open:
            raise self._error("Unexpected end tag at byte offset {at}", begin)
        place = self._skip(begin + 2, SPACE + ">")
        tag = self.source[begin + 2 : place].lower()
        place = self._skip_space(place)
        if self._at(place) != ">":
            raise self._error("Unclosed end tag at byte offset {at}", begin)
        opened = self.open[-1]
        if tag and tag != opened.tag:
            shown = tag.replace("{", "{{").replace("}", "}}")
            raise self._error(
                f'Unmatched end tag at byte offset {{at}}, expected "</{opened.tag}>", found "</{shown}>"', begin
            )
        self.open.pop()
        self.place = place + 1
        if self.offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        kind, offset, length = TYPES[opened.tag], opened.offset, self.offset - opened.offset
        entity: Entity = {"type": kind, "offset": offset, "length": length}
        if opened.tag == "a":
            link = link_entity(offset, length, opened.argument or "".join(self.out[opened.start :]))
            if link is None:
                return
            entity = link
        elif opened.tag == "tg-emoji":
            if not opened.argument.isdecimal():
                raise bad_request("can't parse entities: Invalid custom emoji identifier specified")
            entity["custom_emoji_id"] = opened.argument
        elif opened.tag == "blockquote" and opened.argument:
            entity["type"] = "expandable_blockquote"
        elif opened.tag in {"pre", "code"}:
            inner = self.entities[-1] if self.entities else {}
            if inner.get("type") in {"pre", "code"} and inner["offset"] == offset and inner["length"] == length:
                # <pre><code class="language-x">: one entity, with the language where there is one
                inner["type"] = "pre"
                if opened.argument:
                    inner["language"] = opened.argument
                return
            if opened.tag == "code" and opened.argument and self.open and self.open[-1].tag == "pre":
                entity["language"] = opened.argument
        self.entities.append(entity)
