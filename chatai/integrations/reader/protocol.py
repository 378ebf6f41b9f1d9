"""What the reading child tells its parent: one JSON object a line on standard output.

    {"kind": "progress", "pages_read": 3, "page_count": 117}
    {"kind": "page", "number": 1, "text": "…", "unreadable": false,
     "headings": [{"offset": 0, "level": 1, "title": "…"}],
     "tables": [{"start": 40, "end": 90, "header": "Model | Price"}]}
    {"kind": "row", "cells": ["Question", "Answer"]}
    {"kind": "done", "page_count": 117}
    {"kind": "error", "code": "damaged_file"}

Pages come in order, each once, after the progress of all of them: what is a repeated header shows only at the end.
Imported by the child, so nothing but the standard library belongs here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
MARKDOWN = "text/markdown"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""Never a document, only a table that is imported: told as rows instead of pages."""
HTML = "text/html"
"""Of web pages that were fetched; kept in UTF-8."""

MAX_PAGES = 20_000
MAX_TEXT_CHARS = 40_000_000  # of one document; a thousand-page book has about three million
MAX_PAGE_CHARS = 4_000_000
MAX_LINE_BYTES = 32 * 1024 * 1024  # a page of MAX_PAGE_CHARS in UTF-8, escaped

FailureCode = Literal[
    "password_protected",
    "damaged_file",
    "no_text",
    "unreadable_encoding",
    "archive_bomb",
    "too_much_text",
    "parser_memory",
    "unsupported_type",
]


@dataclass(frozen=True)
class Heading:
    """Where a heading stands in its page's text. Level 1 is the highest."""

    offset: int
    level: int
    title: str


@dataclass(frozen=True)
class Table:
    """Rows of a table in their page's text, one a line, without the first one, which is the header."""

    start: int
    end: int
    header: str


@dataclass(frozen=True)
class Page:
    """A page as it is kept. `unreadable`: there is something on it, but no text (a scan)."""

    number: int
    text: str
    headings: tuple[Heading, ...] = field(default=())
    unreadable: bool = False
    tables: tuple[Table, ...] = field(default=())


class ReadFailure(Exception):
    """The document cannot be read; the code says why."""

    def __init__(self, code: FailureCode) -> None:
        super().__init__(code)
        self.code: FailureCode = code
