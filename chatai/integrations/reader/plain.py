"""Plain text and Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from chatai.integrations.reader import cleaning
from chatai.integrations.reader.encodings import decode
from chatai.integrations.reader.paging import Block, paginate
from chatai.integrations.reader.protocol import MARKDOWN, MAX_TEXT_CHARS, Page, ReadFailure

ATX_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


def read_plain(path: Path, media_type: str, progress: Callable[[int, int], None]) -> Iterator[Page]:
    """The text in logical pages; form feeds begin a new one. Headings of Markdown are found outside code.

    Raises:
        ReadFailure: No encoding makes sense of the bytes, there is too much text, or none.
    """
    text = decode(path.read_bytes())
    if text is None:
        raise ReadFailure("unreadable_encoding")
    if len(text) > MAX_TEXT_CHARS:
        raise ReadFailure("too_much_text")
    sheets = [cleaning.normalise(sheet) for sheet in text.split("\f")]
    if not any(cleaning.has_text(sheet) for sheet in sheets):
        raise ReadFailure("no_text")
    blocks: list[Block] = []
    for sheet in sheets:
        new = list(_markdown(sheet) if media_type == MARKDOWN else _paragraphs(sheet))
        if new and blocks:
            new[0].breaks = True
        blocks.extend(new)
    pages = list(paginate(blocks))
    progress(len(pages), len(pages))
    yield from pages


def _paragraphs(text: str) -> Iterator[Block]:
    """Paragraphs between empty lines; a text without any is taken line by line."""
    parts = [part.strip("\n") for part in re.split(r"\n[ \t]*\n", text)]
    for part in parts:
        lines = [line.rstrip() for line in part.split("\n")]
        if not any(lines):
            continue
        if len(part) < 6_000:
            yield Block("\n".join(lines).strip("\n"))
        else:
            for number, line in enumerate(line for line in lines if line):
                yield Block(line, gap="\n" if number else "\n\n")


def _markdown(text: str) -> Iterator[Block]:
    fence = ""
    paragraph: list[str] = []
    for line in [*text.split("\n"), ""]:
        line = line.rstrip()
        mark = FENCE.match(line)
        if mark and (not fence or mark.group(1).startswith(fence)):
            fence = "" if fence else mark.group(1)
        heading = None if fence or mark else ATX_HEADING.match(line)
        if (heading or (not line and not fence)) and paragraph:
            yield Block("\n".join(paragraph))
            paragraph = []
        if heading:
            yield Block(line.strip(), level=len(heading.group(1)), title=heading.group(2))
        elif line or fence:
            paragraph.append(line)
    if paragraph:
        yield Block("\n".join(paragraph))
