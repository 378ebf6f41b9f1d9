"""Pages of text to chunks: along headings first, then paragraphs, lines, sentences.

The document's whole text is its pages with `PAGE_JOINT` between them, so a sentence that runs over a page's end stays
in one chunk. For chunk `c`, `whole[start of c.page + c.char_start : start of c.page_end + c.char_end] == c.text`; on
one page that is `page_text[c.char_start : c.char_end]`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from chatai.domains.knowledge.schemas import ChunkDraft, ReadPage
from chatai.domains.knowledge.sizing import Ruler

PAGE_JOINT = "\n"
FULL_ENOUGH = 2 / 3  # of a chunk's size: one this long is not filled up further
SMALL_SECTION = 1 / 3  # of it: shorter sections are put together with what follows
HEADING_CHARS = 500  # the column's length
HEADING_JOINT = " › "


def page_starts(pages: Sequence[ReadPage]) -> list[int]:
    """Offset of each page in the whole text."""
    starts, position = [], 0
    for page in pages:
        starts.append(position)
        position += len(page.text) + len(PAGE_JOINT)
    return starts


def chunk(pages: Sequence[ReadPage], ruler: Ruler) -> Iterator[ChunkDraft]:
    """The chunks in order. No text but white space is left out, and none is in two chunks."""
    split = _splitter(ruler)
    whole = PAGE_JOINT.join(page.text for page in pages)
    starts = page_starts(pages)
    ordinal = 0
    for section in _sections(pages, starts, whole, ruler):
        text = whole[section.start : section.end]
        for offset, piece in split(text, ruler.capacity_under(_headings_in(pages, starts, section))):
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


def _splitter(ruler: Ruler) -> Callable[[str, int], Iterable[tuple[int, str]]]:
    """Cuts a text into pieces of at most so many tokens, with their offsets."""
    from semantic_text_splitter import TextSplitter

    made: dict[int, TextSplitter] = {}

    def split(text: str, capacity: int) -> Iterable[tuple[int, str]]:
        if capacity not in made:
            made[capacity] = TextSplitter.from_callback(ruler.size, (max(1, int(capacity * FULL_ENOUGH)), capacity))
        return made[capacity].chunk_indices(text)

    return split


def _headings_in(pages: Sequence[ReadPage], starts: Sequence[int], section: Section) -> list[str]:
    """What may stand over the section's chunks: its heading, with the header of each table in it."""
    first, last = bisect_right(starts, section.start) - 1, bisect_right(starts, section.end - 1) - 1
    headers = {
        table.header
        for page, start in zip(pages[first : last + 1], starts[first : last + 1], strict=True)
        for table in page.tables
        if start + table.start < section.end and start + table.end > section.start
    }
    return [section.heading, *(_joined([section.heading, header]) for header in sorted(headers))]


def _header_over(page: ReadPage, offset: int) -> str:
    """The header of the table whose further rows begin a chunk: what the columns are is said there, not here."""
    return next((table.header for table in page.tables if table.start <= offset < table.end), "")


@dataclass
class Section:
    start: int
    end: int
    heading: str


def _sections(pages: Sequence[ReadPage], starts: Sequence[int], whole: str, ruler: Ruler) -> Iterator[Section]:
    """The text between headings; small neighbours together, under the heading that most of their text belongs to."""
    waiting: list[Section] = []
    waiting_size = 0
    for section in _raw_sections(pages, starts, len(whole)):
        size = ruler.size(whole[section.start : section.end])
        if waiting and (waiting_size + size > ruler.capacity or waiting_size >= ruler.capacity * SMALL_SECTION):
            yield _merged(waiting)
            waiting, waiting_size = [], 0
        waiting.append(section)
        waiting_size += size
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
