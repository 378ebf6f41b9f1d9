"""Text of DOCX documents by docx2python: paragraphs, lists, tables row by row, notes after what refers to them.

A DOCX has no pages until something lays it out. Where Word has left its page breaks (or the author set some) they
count; else logical pages are made, see `paging`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docx2python import docx2python
from lxml import etree

from chatai.integrations.reader import cleaning
from chatai.integrations.reader.docx_prepare import BREAK, MARKS, NOTE, RENDERED_BREAK, Prepared, W, prepare
from chatai.integrations.reader.paging import CELL_SEPARATOR, Block, paginate
from chatai.integrations.reader.protocol import MAX_TEXT_CHARS, Page, ReadFailure

NOTE_REFERENCE = re.compile(f"{NOTE}((?:footnote|endnote):-?\\d+){NOTE}")
NOTE_START = re.compile(r"^(footnote|endnote)(-?\d+)\)\t")


def read_docx(path: Path, progress: Callable[[int, int], None]) -> Iterator[Page]:
    """The pages with their text and headings.

    Raises:
        ReadFailure: `damaged_file`, `archive_bomb`, `password_protected`, `no_text`, `too_much_text`.
    """
    prepared = prepare(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with docx2python(prepared.file, duplicate_merged_cells=False) as content:
                body, notes = content.body_pars, _notes([*content.footnotes_pars, *content.endnotes_pars])
                head, foot = content.header_pars, content.footer_pars
    except (etree.XMLSyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ReadFailure("damaged_file") from error
    prepared.file.close()
    blocks = [*_running(head), *_blocks(body, prepared, notes), *_running(foot)]
    size = sum(len(block.text) for block in blocks)
    if size > MAX_TEXT_CHARS:
        raise ReadFailure("too_much_text")
    if not any(cleaning.has_text(block.text) for block in blocks):
        raise ReadFailure("no_text")
    pages = list(paginate(blocks))
    progress(len(pages), len(pages))
    yield from pages


def _blocks(tables: Any, prepared: Prepared, notes: dict[str, str]) -> Iterator[Block]:
    """The body in reading order. A pending break waits for the next block that has text."""
    pending = False
    filled = False  # there is text since the last break, so that a rendered break after an explicit one adds none
    for table in tables:
        in_table = _is_table(table)
        above: list[str] = []
        header = ""
        for number, row in enumerate(table):
            raw: list[tuple[str, Any]]
            if in_table:
                above = _row(row, above)
                raw = [(CELL_SEPARATOR.join(_without_empty_end(above)), None)]
            else:
                raw = [(_text_of(par), par) for cell in row for par in cell]
            for text, par in raw:
                style = par.style if par is not None else ""
                if style in prepared.contents:
                    continue
                for position, part in enumerate(re.split(f"([{BREAK}{RENDERED_BREAK}])", text)):
                    if part == BREAK or (part == RENDERED_BREAK and filled):
                        pending, filled = True, False
                        continue
                    shown = _shown(part)
                    if not shown:
                        continue
                    gap = "\n" if (in_table and number) or _is_list_item(par) or position else "\n\n"
                    level = prepared.levels.get(style, 0) if not in_table else 0
                    yield Block(shown, gap=gap, breaks=pending, level=level, table_header=header)
                    pending, filled = False, True
                    if in_table and not header:
                        header = shown
                    for key in NOTE_REFERENCE.findall(part):
                        if notes.get(key):
                            yield Block(f"[{notes[key]}]", gap="\n")


def _is_table(table: Any) -> bool:
    return any(par.lineage[1] == "tbl" for row in table for cell in row for par in cell)


def _is_list_item(par: Any) -> bool:
    return par is not None and bool(par.list_position[1])


def _text_of(par: Any) -> str:
    return "".join(run.text for run in par.runs)


def _row(cells: Any, above: list[str]) -> list[str]:
    """A table row's cells as one line each. A cell merged with the one above says what that one says."""
    row = []
    for column, cell in enumerate(cells):
        if cell and _continues_above(cell[0]) and column < len(above):
            row.append(above[column])
        else:
            row.append(" ".join(filter(None, (_text_of(par).strip() for par in cell))).replace("\n", " "))
    return row


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not MARKS.sub("", cells[-1]).strip():
        if cells[-1]:
            return cells  # holds a page break
        cells = cells[:-1]
    return cells


def _continues_above(par: Any) -> bool:
    cell = par.elem.getparent() if par.elem is not None else None
    merge = cell.find(f"{{{W}}}tcPr/{{{W}}}vMerge") if cell is not None else None
    return merge is not None and merge.get(f"{{{W}}}val") in {None, "continue"}


def _shown(part: str) -> str:
    text = MARKS.sub("", NOTE_REFERENCE.sub("", part))
    text = re.sub(r"^(\t*)--\t", r"\1- ", text)  # docx2python's bullet
    return cleaning.tidy_spaces(cleaning.normalise(text)).strip()


def _notes(tables: Any) -> dict[str, str]:
    """Texts of foot- and endnotes by "footnote:ID"."""
    notes: dict[str, str] = {}
    key = ""
    for par in (par for table in tables for row in table for cell in row for par in cell):
        text = _text_of(par)
        start = NOTE_START.match(text)
        if start:
            key = f"{start.group(1)}:{start.group(2)}"
            text = text[start.end() :]
        shown = _shown(text).replace("\n", " ")
        if key and shown:
            notes[key] = f"{notes[key]} {shown}" if key in notes else shown
    return notes


def _running(tables: Any) -> Iterator[Block]:
    """Running headers or footers, each once, if they say more than a page number."""
    seen: set[str] = set()
    for par in (par for table in tables for row in table for cell in row for par in cell):
        text = _shown(_text_of(par))
        if text and text not in seen and sum(character.isalpha() for character in text) >= 4:
            seen.add(text)
            yield Block(text)
