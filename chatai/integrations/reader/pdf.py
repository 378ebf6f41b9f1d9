"""Text of PDF documents, page by page, by pypdf."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, PdfReadError, PyPdfError

from chatai.integrations.reader import cleaning, pdf_tables
from chatai.integrations.reader.protocol import MAX_PAGE_CHARS, MAX_PAGES, MAX_TEXT_CHARS, Heading, Page, ReadFailure

MAX_HEADINGS = 20_000
MOST_LAYOUT_SECONDS = 60  # of processor time for finding tables, so that a very long document is still read in its time
# Operators that fill or stroke a path, or show an inline image: letters drawn as outlines have no text either.
PAINTING = re.compile(rb"(?:^|\s)(?:f|F|f\*|S|s|B|b|B\*|b\*|EI)(?:\s|$)")


def read_pdf(path: Path, progress: Callable[[int, int], None]) -> Iterator[Page]:
    """The pages with their text and the headings that the document's outline names.

    Raises:
        ReadFailure: Password-protected (unless the empty password opens it), damaged, or far too long.
    """
    try:
        reader = PdfReader(path, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ReadFailure("password_protected")
        page_count = len(reader.pages)
    except DependencyError as error:
        raise ReadFailure("password_protected") from error
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        raise ReadFailure("damaged_file") from error
    if page_count == 0:
        raise ReadFailure("damaged_file")
    if page_count > MAX_PAGES:
        raise ReadFailure("too_much_text")

    progress(0, page_count)
    texts: list[str] = []
    looks: list[Look] = []
    broken = total = 0
    layout_seconds = 0.0
    for index in range(page_count):
        try:
            page = reader.pages[index]
            text = _tidied(page.extract_text())
            if layout_seconds < MOST_LAYOUT_SECONDS and pdf_tables.may_hold_table(text):
                began = time.process_time()
                goes_on = bool(texts) and any(cleaning.CELLS in line for line in texts[-1].split("\n")[-2:])
                text = pdf_tables.with_tables(text, _laid_out(page), _tidied, goes_on=goes_on)
                layout_seconds += time.process_time() - began
            look = _look(page)
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            if isinstance(error, PdfReadError) and "not been decrypted" in str(error):
                raise ReadFailure("password_protected") from error
            text, look = "", Look(image=True, painted=True)
            broken += 1
        total += len(text)
        if len(text) > MAX_PAGE_CHARS or total > MAX_TEXT_CHARS:
            raise ReadFailure("too_much_text")
        texts.append(text)
        looks.append(look)
        progress(index + 1, page_count)
    if broken == page_count:
        raise ReadFailure("damaged_file")

    stripped = cleaning.strip_repeated(texts)
    for index, text in enumerate(texts):
        # A page that says nothing but a running line is a scan under a watermark, if it has an image; else it is as is.
        if not cleaning.has_text(stripped[index]) and cleaning.has_text(text) and not looks[index].image:
            stripped[index] = text
    if broken and not any(cleaning.has_text(text) for text in stripped):
        raise ReadFailure("damaged_file")
    vocabulary = cleaning.vocabulary_of(stripped)
    outline = _outline(reader)
    open_header = ""
    for index, text in enumerate(stripped):
        width = cleaning.line_width(text)
        text = cleaning.reflow(cleaning.join_hyphens(text, vocabulary), width)
        readable = cleaning.has_text(text)
        tables, open_header = pdf_tables.tables_in(text if readable else "", open_header)
        yield Page(
            number=index + 1,
            text=text if readable else "",
            headings=_placed(outline.get(index, ()), text) if readable else (),
            unreadable=not readable and (looks[index].image or looks[index].painted),
            tables=tables,
        )


def _tidied(text: str) -> str:
    return cleaning.tidy_spaces(cleaning.short_leaders(cleaning.normalise(text)))


def _laid_out(page: PageObject) -> str:
    """The page set as on a typewriter; empty where pypdf can't, which spoils nothing but its tables."""
    try:
        return page.extract_text(extraction_mode="layout")
    except Exception:  # of any kind: that mode is younger, and the page's text is here already
        return ""


class Look(NamedTuple):
    """What a page shows besides its text."""

    image: bool
    painted: bool


def _look(page: PageObject) -> Look:
    resources = page.get("/Resources")
    resources = resources.get_object() if resources is not None else None
    objects = resources.get("/XObject") if isinstance(resources, dict) else None
    contents = page.get_contents()
    return Look(image=bool(objects), painted=contents is not None and PAINTING.search(contents.get_data()) is not None)


def _outline(reader: PdfReader) -> dict[int, list[tuple[int, str]]]:
    """The outline's entries as level and title, by the index of the page that they point to."""
    entries: dict[int, list[tuple[int, str]]] = {}
    count = 0

    def walk(items: list[Any], level: int) -> None:
        nonlocal count
        for item in items:
            if isinstance(item, list):
                walk(item, level + 1)
                continue
            count += 1
            if count > MAX_HEADINGS:
                return
            try:
                index = reader.get_destination_page_number(item)
            except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):
                continue
            title = cleaning.tidy_spaces(cleaning.normalise(str(item.title or ""))).replace("\n", " ")
            if index is not None and index >= 0 and title:
                entries.setdefault(index, []).append((level, title[:300]))

    try:
        walk(reader.outline, 1)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return entries  # an outline that cannot be followed to its end: what was found stands, the text counts
    return entries


def _placed(entries: list[tuple[int, str]] | tuple[()], text: str) -> tuple[Heading, ...]:
    """The entries at the places where the page writes them; at the last place before, where it does not."""
    headings = []
    position = 0
    for level, title in entries:
        pattern = r"\s+".join(re.escape(word) for word in title.split())
        match = re.compile(pattern, re.IGNORECASE).search(text, position)
        if match:
            # The number that stands before the title on the page ("1.2 ") belongs to the heading's line.
            position = text.rfind("\n", 0, match.start()) + 1
        headings.append(Heading(position, level, title))
        if match:
            position = match.end()
    return tuple(headings)
