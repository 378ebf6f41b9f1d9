"""Pages of text to chunks: along headings first, then paragraphs, lines, sentences.

The document's whole text is its pages with `PAGE_JOINT` between them, so a sentence that runs over a page's end stays
in one chunk. For chunk `c`, `whole[start of c.page + c.char_start : start of c.page_end + c.char_end] == c.text`; on
one page that is `page_text[c.char_start : c.char_end]`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chatai.domains.knowledge.schemas import ChunkDraft, ReadPage

PAGE_JOINT = "\n"
CHUNK_CHARS = 1_200  # about 300 tokens of Russian, a bit more of English
FULL_ENOUGH = 800  # a chunk this long is not filled up further
SMALL_SECTION = 400  # shorter sections are put together with what follows
HEADING_CHARS = 500  # the column's length
HEADING_JOINT = " › "


def page_starts(pages: Sequence[ReadPage]) -> list[int]:
    """Offset of each page in the whole text."""
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page.text) + len(PAGE_JOINT)
    return starts


def chunk(pages: Sequence[ReadPage], *, size: int = CHUNK_CHARS) -> Iterator[ChunkDraft]:
    """The chunks in order. No text but white space is left out, and none is in two chunks."""
    from semantic_text_splitter import TextSplitter

    splitter = TextSplitter((min(FULL_ENOUGH, size), size))
    whole = PAGE_JOINT.join(page.text for page in pages)
    starts = page_starts(pages)
    ordinal = 0
    for section in _sections(pages, starts, len(whole), size):
        text = whole[section.start : section.end]
        for offset, piece in splitter.chunk_indices(text):
            start, end = section.start + offset, section.start + offset + len(piece)
            first, last = bisect_right(starts, start) - 1, bisect_right(starts, end - 1) - 1
            yield ChunkDraft(
                ordinal=ordinal,
                page=pages[first].number,
                page_end=pages[last].number,
                char_start=start - starts[first],
                char_end=end - starts[last],
                heading=_joined([section.heading, _header_over(pages[first], start - starts[first])]),
                text=piece,
            )
            ordinal += 1


def _header_over(page: ReadPage, offset: int) -> str:
    """The header of the table whose further rows begin a chunk: what the columns are is said there, not here."""
    return next((table.header for table in page.tables if table.start <= offset < table.end), "")


@dataclass
class Section:
    start: int
    end: int
    heading: str


def _sections(pages: Sequence[ReadPage], starts: Sequence[int], length: int, size: int) -> Iterator[Section]:
    """The text between headings; small neighbours together, under the heading that most of their text belongs to."""
    waiting: list[Section] = []
    for section in _raw_sections(pages, starts, length):
        together = section.end - (waiting[0].start if waiting else section.start)
        if waiting and (together > size or waiting[-1].end - waiting[0].start >= SMALL_SECTION):
            yield _merged(waiting)
            waiting = []
        waiting.append(section)
    if waiting:
        yield _merged(waiting)


def _merged(sections: Sequence[Section]) -> Section:
    longest = max(sections, key=lambda section: section.end - section.start)
    return Section(sections[0].start, sections[-1].end, longest.heading)


def _raw_sections(pages: Sequence[ReadPage], starts: Sequence[int], length: int) -> Iterator[Section]:
    path: list[tuple[int, str]] = []
    begin, heading = 0, ""
    for page, start in zip(pages, starts, strict=True):
        for mark in page.headings:
            offset = start + min(max(mark.offset, 0), len(page.text))
            if offset > begin:
                yield Section(begin, offset, heading)
                begin = offset
            path = [entry for entry in path if entry[0] < mark.level] + [(mark.level, mark.title.strip())]
            heading = _joined([title for _, title in path])
    if length > begin:
        yield Section(begin, length, heading)


def _joined(titles: Sequence[str]) -> str:
    """The path of titles, shortened from the left if it is too long: the nearest heading says most."""
    text = HEADING_JOINT.join(title for title in titles if title)
    return text if len(text) <= HEADING_CHARS else "…" + text[-(HEADING_CHARS - 1) :]
