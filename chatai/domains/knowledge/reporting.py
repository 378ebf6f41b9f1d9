"""What reading a document found, for its owner: whether the machine has seen what a person sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chatai.domains.knowledge.schemas import ReadPage

_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_LATIN = re.compile(r"[a-z]", re.IGNORECASE)
MOST_NAMED_PAGES = 200


def report_on(pages: Sequence[ReadPage]) -> dict[str, Any]:
    """Words, tables, the language that most letters are of (`ru`, `en`, `mixed` or empty), and the numbers of pages
    without readable text and of those whose text was recognised in a picture; `not_reached`: how many of the former the
    time for recognising left no time for.

    Ingestion adds `lost_changes` (edits that fitted no chunk when the document was read anew) and `read_at` (ISO 8601).
    """
    cyrillic = sum(len(_CYRILLIC.findall(page.text)) for page in pages)
    latin = sum(len(_LATIN.findall(page.text)) for page in pages)
    return {
        "words": sum(len(_WORD.findall(page.text)) for page in pages),
        "tables": sum(len({table.header for table in page.tables}) for page in pages),
        "language": _language(cyrillic, latin),
        "unreadable": [page.number for page in pages if page.unreadable][:MOST_NAMED_PAGES],
        "not_reached": sum(page.not_reached for page in pages),
        "recognised": [page.number for page in pages if page.recognised][:MOST_NAMED_PAGES],
    }


def _language(cyrillic: int, latin: int) -> str:
    letters = cyrillic + latin
    if not letters:
        return ""
    if cyrillic >= letters * 0.8:
        return "ru"
    return "en" if latin >= letters * 0.8 else "mixed"
