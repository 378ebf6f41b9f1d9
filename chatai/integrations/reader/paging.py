"""Pages of documents that have none: logical pages of about 3,000 characters that end where a paragraph ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chatai.integrations.reader.protocol import Heading, Page, Table

PAGE_CHARS = 3_000
CELL_SEPARATOR = " | "
LONGEST_REAL_PAGE = 12_000  # a document with longer pages between its breaks was not laid out by them


@dataclass
class Block:
    """A paragraph, a list item or a table row, without a line end.

    `gap` is what stands before it on its page; `breaks` is true where the document itself begins a new page;
    `level` is 1 and more for headings, `title` a heading's text where the block's has marks around it; `table_header`
    is the first row of the table that the block is a further row of.
    """

    text: str
    gap: str = "\n\n"
    breaks: bool = False
    level: int = 0
    title: str = ""
    table_header: str = ""


def paginate(blocks: Iterable[Block]) -> Iterator[Page]:
    """Pages by the document's own breaks where it has been laid out by them, else logical ones."""
    blocks = list(blocks)
    own = [list(group) for group in _by_breaks(blocks)]
    if len(own) > 1 and max(sum(len(block.text) for block in group) for group in own) <= LONGEST_REAL_PAGE:
        groups = own
    else:
        groups = [page for group in own for page in _logical(group)]
    for number, group in enumerate(groups, start=1):
        yield _page(number, group)


def _by_breaks(blocks: list[Block]) -> Iterator[list[Block]]:
    group: list[Block] = []
    for block in blocks:
        if block.breaks and group:
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _logical(blocks: list[Block]) -> Iterator[list[Block]]:
    group: list[Block] = []
    size = 0
    for block in (part for whole in blocks for part in _cut(whole)):
        full = size + len(block.text) > PAGE_CHARS and size > 0
        if full or (block.level and size > PAGE_CHARS * 0.8):  # a heading does not stay alone at a page's end
            yield group
            group, size = [], 0
        group.append(block)
        size += len(block.text)
    if group:
        yield group


def _cut(block: Block) -> Iterator[Block]:
    """A paragraph that is longer than two pages in pieces of at most a page, cut at a line, a sentence or a space."""
    text, start = block.text, 0
    while len(text) - start > PAGE_CHARS * 2:
        low, high = start + PAGE_CHARS // 2, start + PAGE_CHARS
        end = max(text.rfind("\n", low, high), text.rfind(". ", low, high) + 1)
        if end <= 0:
            end = text.rfind(" ", low, high)
        if end <= 0:
            end = high
        yield _piece(block, text[start:end].strip(), start == 0)
        start = end
    yield _piece(block, text[start:].strip() if start else text, start == 0)


def _piece(block: Block, text: str, first: bool) -> Block:
    return Block(
        text, block.gap if first else "\n", block.breaks and first, block.level, block.title, block.table_header
    )


def _page(number: int, blocks: list[Block]) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    tables: list[Table] = []
    length = 0
    for block in blocks:
        gap = block.gap if parts else ""
        if block.level:
            title = (block.title or block.text).replace("\n", " ")[:300]
            headings.append(Heading(length + len(gap), block.level, title))
        if block.table_header:
            start, end = length + len(gap), length + len(gap) + len(block.text)
            if tables and tables[-1].header == block.table_header[:300] and tables[-1].end + len(gap) == start:
                tables[-1] = Table(tables[-1].start, end, tables[-1].header)
            else:
                tables.append(Table(start, end, block.table_header[:300]))
        parts.append(gap + block.text)
        length += len(gap) + len(block.text)
    return Page(number, "".join(parts), tuple(headings), tables=tuple(tables))
