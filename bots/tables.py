"""Tables of Markdown for a narrow screen: those that fit are set in columns, the others become lists.

A phone shows some forty letters of fixed width in a line. What is wider wraps, and then nobody sees which cell belongs
to which column.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pyromark

WIDEST = 40
"""Columns of fixed width that a phone shows in one line."""
MOST_ROWS = 200

_DIVIDER = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)


def without_wide_tables(markdown: str) -> str:
    """The same Markdown with each table that is too wide as a list: a bold first cell, the others under it by name."""
    if "|" not in markdown or _DIVIDER.search(markdown) is None:
        return markdown
    source = markdown.encode()
    kept, position = [], 0
    rows: list[list[str]] = []
    for event, where in pyromark.events_with_range(markdown, options=pyromark.Options.ENABLE_TABLES):
        if not isinstance(event, dict):
            continue
        start, end = event.get("Start"), event.get("End")
        if isinstance(start, dict) and "Table" in start:
            rows = []
        elif start in {"TableHead", "TableRow"}:
            rows.append([])
        elif start == "TableCell":
            rows[-1].append(source[where["start"] : where["end"]].decode().strip().replace("\\|", "|"))
        elif end == "Table" and _width(rows) > WIDEST and len(rows) <= MOST_ROWS:
            kept.append(source[position : where["start"]])
            kept.append(_as_list(rows).encode())
            position = where["end"]
    kept.append(source[position:])
    return b"".join(kept).decode()


def _as_list(rows: Sequence[Sequence[str]]) -> str:
    head, lines = rows[0], []
    for row in rows[1:]:
        first = row[0] if row else ""
        lines.append(f"**{first.replace('*', '')}**" if first else "–")
        for name, cell in zip(head[1:], row[1:], strict=False):
            if cell:
                lines.append(f"- {name}: {cell}" if name else f"- {cell}")
        lines.append("")
    return "\n".join(lines) + "\n"


def _width(rows: Sequence[Sequence[str]]) -> int:
    columns = max(map(len, rows), default=0)
    widths = [max(_columns(row[index]) for row in rows if index < len(row)) for index in range(columns)]
    return sum(widths) + 3 * max(0, columns - 1)


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
