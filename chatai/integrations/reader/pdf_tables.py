"""Tables of PDF pages: their rows put together, which a page's text as it is drawn holds in any order, or as prose.

A PDF has no tables, only text at places. pypdf's layout mode sets a page as on a typewriter; lines of several short
cells under each other are taken for a table. It replaces the page's own lines only where these say the very same words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chatai.integrations.reader.paging import CELL_SEPARATOR
from chatai.integrations.reader.protocol import Table

FEWEST_ROWS = 3  # the header with them
FEWEST_CELLS = 3  # two are as often a page of two columns
LONGEST_CELL = 60
USUAL_CELL = 25  # on average; newspapers' columns are longer
MOST_LINES = 400  # of a page that is looked at
HEADER_CHARS = 300
SHORT_LINES = 6
_LETTER = re.compile(r"[^\W\d_]")
_TELLING = re.compile(r"[^\W\d_]{3}|\d\d")
_CELL = re.compile(r"\S+(?: \S+)*")
_NUMBER = re.compile(r"(?<!\S)[^\w\s]?\d[\d.,]*[^\w\s]?(?!\S)")  # alone, perhaps with a sign: € 1,200


class Cell(NamedTuple):
    start: int
    end: int
    text: str


def may_hold_table(text: str) -> bool:
    """Whether it is worth the time to lay the page out: neighbouring lines with a word and several numbers, or a run of
    short lines, as cells are. Formulas and plots have neither as a rule."""
    numbered = short = 0
    for line in filter(None, text.split("\n")):
        says = _TELLING.search(line) is not None
        numbered = numbered + 1 if says and len(line) <= 120 and len(_NUMBER.findall(line)) >= 2 else 0
        short = short + 1 if says and len(line) <= 30 else 0
        if numbered >= 2 or short >= SHORT_LINES:
            return True
    return False


def with_tables(text: str, laid_out: str, clean: Callable[[str], str], *, goes_on: bool = False) -> str:
    """The page's text with the rows of its tables, one a line, their cells separated.

    Args:
        text: The page's, cleaned.
        laid_out: The page in pypdf's layout mode.
        clean: What was done to `text`, for a line.
        goes_on: The page before ended with a table, so that this page's first one may have no header.
    """
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        return text
    for number, rows in enumerate(_tables(laid_out.split("\n"))):
        if not _has_header(rows) and not (goes_on and number == 0):
            continue
        written = [CELL_SEPARATOR.join(clean(cell) for cell in row) for row in rows]
        place = _place_of(written, lines)
        if place is not None:
            lines[place.start : place.stop] = ["", *written, ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


class Found(NamedTuple):
    """Tables of a page. `open_header`: of the table that goes on to the page's end, and perhaps on the next page."""

    tables: tuple[Table, ...]
    open_header: str


def tables_in(text: str, open_header: str = "") -> Found:
    """Where a page's text holds rows, after the first one of each table, which is its header.

    Rows at the page's beginning go on with the table that the page before ended with, if they have no more cells.
    """
    found: list[Table] = []
    position = 0
    rows: list[tuple[int, int, str]] = []
    header = ""
    for line in [*text.split("\n"), None]:
        cells = _cells(line) if line is not None else 0
        if rows and (cells < FEWEST_CELLS or cells != _cells(rows[0][2])):
            at_top = rows[0][0] == 0 and _cells(open_header) >= _cells(rows[0][2]) and rows[0][2] != open_header
            if at_top or len(rows) >= FEWEST_ROWS:
                header = open_header if at_top else rows[0][2][:HEADER_CHARS]
                found.append(Table(rows[0 if at_top else 1][0], rows[-1][1], header))
            rows = []
        if line is None:
            break
        if cells >= FEWEST_CELLS:
            rows.append((position, position + len(line), line))
        position += len(line) + 1
    return Found(tuple(found), header if found and found[-1].end == len(text) else "")


def _cells(line: str) -> int:
    return line.count(CELL_SEPARATOR) + 1


def _tables(laid_out: Sequence[str]) -> list[list[list[str]]]:
    """Rows of cells, by table. Rows of a table follow each other, with at most one empty line between."""
    found: list[list[list[str]]] = []
    rows: list[list[Cell]] = []
    empty = 0
    for line in [*laid_out, "", ""]:
        cells = [Cell(match.start(), match.end(), match.group()) for match in _CELL.finditer(line)]
        if not cells:
            empty += 1
        if empty > 1 or (cells and not _is_row(cells, rows)):
            if (table := _as_table(rows)) is not None:
                found.append(table)
            rows = []
        if cells:
            empty = 0
            if len(cells) >= FEWEST_CELLS:
                rows.append(cells)
    return found


def _is_row(cells: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> bool:
    if len(cells) < FEWEST_CELLS or max(len(cell.text) for cell in cells) > LONGEST_CELL:
        return False
    return not rows or abs(len(cells) - max(len(row) for row in rows)) <= 2


def _as_table(rows: Sequence[Sequence[Cell]]) -> list[list[str]] | None:
    """Each row with a cell for each column, empty where it has none; None if it is no table."""
    if len(rows) < FEWEST_ROWS:
        return None
    count = max(len(row) for row in rows)
    full = [row for row in rows if len(row) == count]
    cells = [cell for row in rows for cell in row]
    if sum(len(cell.text) for cell in cells) > USUAL_CELL * len(cells):
        return None
    spans = [(min(row[column].start for row in full), max(row[column].end for row in full)) for column in range(count)]
    table: list[list[str]] = []
    for row in rows:
        if len(row) == count:
            table.append([cell.text for cell in row])
            continue
        placed = [""] * count
        for cell in row:
            column = max(range(count), key=lambda number: _overlap(cell, spans[number]))
            if placed[column] or not _overlap(cell, spans[column]):
                return None
            placed[column] = cell.text
        table.append(placed)
    return table


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """A header has words; mostly numbers are a list of contents, a formula or a plot."""
    return sum(_LETTER.search(cell) is not None for cell in rows[0]) * 2 >= len(rows[0])


def _overlap(cell: Cell, span: tuple[int, int]) -> int:
    return max(0, min(cell.end, span[1]) - max(cell.start, span[0]))


def _place_of(written: Sequence[str], lines: Sequence[str]) -> range | None:
    """The lines that say the words of these rows and nothing else, in whatever order."""
    words = Counter(word for row in written for cell in row.split(CELL_SEPARATOR) for word in cell.split())
    amount = words.total()
    counts = [Counter(line.split()) for line in lines]
    for start in range(len(lines)):
        if not counts[start] or not counts[start] <= words:
            continue
        seen: Counter[str] = Counter()
        for stop in range(start, len(lines)):
            seen += counts[stop]
            if seen.total() >= amount:
                if seen == words:
                    return range(start, stop + 1)
                break
    return None
