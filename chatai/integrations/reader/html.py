"""Text of web pages: what a person came to read, without menus, scripts and what is hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree, html

from chatai.integrations.reader import cleaning
from chatai.integrations.reader.encodings import decode
from chatai.integrations.reader.paging import CELL_SEPARATOR, Block, paginate
from chatai.integrations.reader.protocol import MAX_TEXT_CHARS, Page, ReadFailure

MAX_DEPTH = 400
SKIPPED = {
    "script", "style", "noscript", "template", "svg", "math", "canvas", "iframe", "object", "embed", "audio",
    "video", "map", "form", "button", "select", "input", "textarea", "dialog", "nav", "footer", "aside", "menu",
    "head",
}  # fmt: skip
SKIPPED_ROLES = {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu"}
SKIPPED_NAMES = re.compile(
    r"(?:^|[-_ ])(?:cookies?|consent|breadcrumbs?|share|social|popup|skip-link)(?:$|[-_ ])", re.I
)
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
BLOCKS = {
    "address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "header", "hgroup", "html", "li", "main", "ol", "p", "pre", "section", "summary",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
ENOUGH = 200  # characters that a main part must have, to be taken for the whole page


def read_html(path: Path, progress: Callable[[int, int], None]) -> Iterator[Page]:
    """The page in logical pages, with its headings.

    Raises:
        ReadFailure: `unreadable_encoding`, `damaged_file`, `too_much_text`, `no_text`.
    """
    text = decode(path.read_bytes())
    if text is None:
        raise ReadFailure("unreadable_encoding")
    try:
        parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, TypeError) as error:
        raise ReadFailure("no_text") from error
    blocks = list(_Walk().blocks(_main_part(root)))
    title = cleaning.tidy_spaces(cleaning.normalise(root.findtext(".//title") or "")).replace("\n", " ")
    if title and not any(block.level == 1 for block in blocks):
        blocks.insert(0, Block(title, level=1))
    if sum(len(block.text) for block in blocks) > MAX_TEXT_CHARS:
        raise ReadFailure("too_much_text")
    if not any(cleaning.has_text(block.text) for block in blocks):
        raise ReadFailure("no_text")
    pages = list(paginate(blocks))
    progress(len(pages), len(pages))
    yield from pages


def _main_part(root: Any) -> Any:
    """The element that the page itself says is its content, if there is enough in it."""
    for query in (".//main", './/*[@role="main"]', ".//article"):
        found = root.findall(query)
        if len(found) == 1 and len("".join(found[0].itertext()).strip()) >= ENOUGH:
            return found[0]
    return root.find("body") if root.find("body") is not None else root


@dataclass
class _Walk:
    """Goes through the tree in reading order and cuts it into blocks."""

    _pieces: list[str] = field(default_factory=list)
    _mark: str = ""  # of the list item that the next words belong to
    _in_list: bool = False  # the block before was an item too

    def blocks(self, root: Any) -> Iterator[Block]:
        yield from self._element(root, 0)
        yield from self._flush()

    def _element(self, element: Any, depth: int) -> Iterator[Block]:
        tag = element.tag
        if not isinstance(tag, str) or depth > MAX_DEPTH or _is_skipped(element):
            return
        if tag in HEADINGS:
            yield from self._flush()
            title = _line("".join(element.itertext()))
            if title:
                yield Block(title, level=HEADINGS[tag])
            return
        if tag == "table" and _is_data(element):
            yield from self._flush()
            yield from _rows(element)
            return
        if tag == "br":
            self._pieces.append("\n")
            return
        if tag == "img":
            return
        block = tag in BLOCKS
        if block:
            yield from self._flush()
        if tag == "li":
            self._mark = _list_mark(element)
        if tag == "pre":
            self._pieces.append("".join(element.itertext()))
            yield from self._flush(keep_lines=True)
            return
        if element.text:
            self._pieces.append(_spaces(element.text))
        for child in element:
            yield from self._element(child, depth + 1)
            if child.tail:
                self._pieces.append(_spaces(child.tail))
        if block:
            yield from self._flush()

    def _flush(self, *, keep_lines: bool = False) -> Iterator[Block]:
        joined = cleaning.normalise("".join(self._pieces))
        self._pieces.clear()
        text = joined.strip("\n") if keep_lines else cleaning.tidy_spaces(joined).strip()
        if not text.strip():
            return
        mark, self._mark = self._mark, ""
        yield Block(mark + text, gap="\n" if mark and self._in_list else "\n\n")
        self._in_list = bool(mark)


def _is_skipped(element: Any) -> bool:
    if element.tag in SKIPPED or element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    if (element.get("role") or "").lower() in SKIPPED_ROLES or HIDDEN_STYLE.search(element.get("style") or ""):
        return True
    names = f"{element.get('id') or ''} {element.get('class') or ''}"
    return element.tag not in {"html", "body", "main", "article"} and SKIPPED_NAMES.search(names) is not None


def _is_data(table: Any) -> bool:
    """Whether a table holds data: old pages use tables for their layout, one around the other."""
    if table.find(".//table") is not None:
        return False
    rows = table.findall(".//tr")
    return len(rows) >= 2 and max(len(_cells(row)) for row in rows) >= 2


def _rows(table: Any) -> Iterator[Block]:
    caption = _line("".join(table.find("caption").itertext())) if table.find("caption") is not None else ""
    if caption:
        yield Block(caption)
    header = ""
    for number, row in enumerate(table.findall(".//tr")):
        cells = _cells(row)
        text = CELL_SEPARATOR.join(_line(" ".join(cell.itertext())) for cell in cells).strip()
        if not text.strip(" |"):
            continue
        yield Block(text, gap="\n" if number else "\n\n", table_header=header)
        if not header:
            header = text


def _cells(row: Any) -> list[Any]:
    return [cell for cell in row if cell.tag in {"td", "th"}]


def _list_mark(element: Any) -> str:
    parent = element.getparent()
    depth = sum(ancestor.tag in {"ul", "ol"} for ancestor in element.iterancestors()) - 1
    indent = "\t" * max(0, min(depth, 6))
    if parent is not None and parent.tag == "ol":
        first = parent.get("start") or "1"
        start = int(first) if first.isdecimal() and len(first) < 6 else 1
        before = sum(1 for sibling in element.itersiblings("li", preceding=True))
        return f"{indent}{start + before}. "
    return f"{indent}- "


def _spaces(text: str) -> str:
    """In HTML a line end is a space."""
    return re.sub(r"\s+", " ", text)


def _line(text: str) -> str:
    return cleaning.tidy_spaces(cleaning.normalise(_spaces(text))).replace("\n", " ").strip()
