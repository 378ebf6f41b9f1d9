"""The first sheet of an XLSX file, row by row, as people see it.

Read straight from its XML by lxml, which the reader has anyway: of a whole library for spreadsheets only this much
would be used. Nothing is computed and no macro is looked at; of a formula the result counts that was stored with it.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import etree

from chatai.integrations.reader.archive import check_archive
from chatai.integrations.reader.identify import ENCRYPTED_PACKAGE, OLE, mentions
from chatai.integrations.reader.protocol import MAX_TEXT_CHARS, ReadFailure

MAX_ROWS = 20_000  # what is longer is refused by whoever imports it
MAX_COLUMNS = 20
MAX_CELL_CHARS = 32_767  # Excel's own limit

_MAIN = (b"spreadsheetml.sheet.main+xml", b"spreadsheetml.template.main+xml", b"ms-excel.sheet.macroEnabled.main+xml")
_COLUMN = re.compile(r"([A-Z]{1,3})\d+")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.')  # of a number format: quoted, escaped, colours, spaces
_DATE_FORMATS = {*range(14, 23), 45, 46, 47}  # ECMA-376, 18.8.30
_PERCENT_FORMATS = {9, 10}
_DAMAGE = (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError, NotImplementedError, EOFError, KeyError, ValueError)


def read_xlsx(path: Path) -> Iterator[list[str]]:
    """The cells of each row that is not empty, from the first column on.

    Raises:
        ReadFailure: `unsupported_type`, `password_protected`, `archive_bomb`, `damaged_file`, `too_much_text`.
    """
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(OLE):
        raise ReadFailure("password_protected" if mentions(path, ENCRYPTED_PACKAGE) else "unsupported_type")
    if not head.startswith(b"PK\x03\x04"):
        raise ReadFailure("unsupported_type")
    check_archive(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _Workbook(archive).rows()
    except _DAMAGE as error:
        raise ReadFailure("damaged_file") from error


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        if "[Content_Types].xml" not in archive.namelist() or not any(
            kind in archive.read("[Content_Types].xml") for kind in _MAIN
        ):
            raise ReadFailure("unsupported_type")
        self._book = next(iter(self._related("", "/officeDocument").values()), "")
        parts = {name: next(iter(self._related(self._book, f"/{name}").values()), "")
                 for name in ("sharedStrings", "styles")}  # fmt: skip
        self._strings = self._shared_strings(parts["sharedStrings"])
        self._dates, self._percents = self._styles(parts["styles"])
        self._epoch = datetime(1899, 12, 30)

    def rows(self) -> Iterator[list[str]]:
        sheets = self._related(self._book, "/worksheet")
        first = ""
        for element in self._elements(self._book, "sheet", "workbookPr"):
            name = etree.QName(element).localname
            if name == "workbookPr" and element.get("date1904") in {"1", "true"}:
                self._epoch = datetime(1904, 1, 1)
            if name == "sheet" and not first:
                identifier = next((value for key, value in element.items() if key.endswith("}id")), "")
                first = sheets.get(identifier, "")
        if not first:
            return
        size = count = 0
        for row in self._elements(first, "row"):
            cells = self._cells(row)
            if not any(cells):
                continue
            size, count = size + sum(map(len, cells)), count + 1
            if size > MAX_TEXT_CHARS or count > MAX_ROWS:
                raise ReadFailure("too_much_text")
            yield cells

    def _cells(self, row: Any) -> list[str]:
        cells: list[str] = []
        for cell in row:
            if etree.QName(cell).localname != "c":
                continue
            named = _COLUMN.fullmatch(cell.get("r") or "")
            at = _column(named[1]) if named else len(cells)
            if len(cells) <= at < MAX_COLUMNS:
                cells += [""] * (at - len(cells))
                cells.append(_tidy(self._shown(cell)))
        while cells and not cells[-1]:
            cells.pop()
        return cells

    def _shown(self, cell: Any) -> str:
        kind = cell.get("t") or "n"
        if kind == "inlineStr":
            return _text(cell)
        value = next((child.text or "" for child in cell if etree.QName(child).localname == "v"), "").strip("\n")
        if not value or kind == "e":  # a formula's error is nothing to tell people
            return ""
        if kind == "s":
            place = int(value)
            return self._strings[place] if 0 <= place < len(self._strings) else ""
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        return self._number(value, int(cell.get("s") or 0)) if kind == "n" else value

    def _number(self, value: str, style: int) -> str:
        number = float(value)
        if style in self._dates and 0 <= number < 2_958_466:  # the end of the year 9999
            moment = self._epoch + timedelta(days=number, microseconds=500_000)
            if number < 1:
                return f"{moment:%H:%M}"
            return f"{moment:%Y-%m-%d}" if number == int(number) else f"{moment:%Y-%m-%d %H:%M}"
        # Excel shows fifteen digits, too: 0.1 + 0.2 is stored as 0.30000000000000004.
        return f"{number * 100:.15g}%" if style in self._percents else f"{number:.15g}"

    def _shared_strings(self, part: str) -> list[str]:
        strings: list[str] = []
        size = 0
        for item in self._elements(part, "si"):
            strings.append(_text(item))
            size += len(strings[-1])
            if size > MAX_TEXT_CHARS:
                raise ReadFailure("too_much_text")
        return strings

    def _styles(self, part: str) -> tuple[set[int], set[int]]:
        """Which of the cells' styles show dates, and which percents."""
        dates, percents = set(_DATE_FORMATS), set(_PERCENT_FORMATS)
        styles: list[int] = []
        for element in self._elements(part, "numFmt", "cellXfs"):
            if etree.QName(element).localname == "cellXfs":
                styles = [int(style.get("numFmtId") or 0) for style in element]
                continue
            code, number = _LITERAL.sub("", element.get("formatCode") or "").lower(), int(element.get("numFmtId") or 0)
            if re.search("[ymdhs]", code):
                dates.add(number)
            elif "%" in code:
                percents.add(number)
        return (
            {place for place, number in enumerate(styles) if number in dates},
            {place for place, number in enumerate(styles) if number in percents},
        )

    def _related(self, part: str, kind: str) -> dict[str, str]:
        """The parts that a part (empty: the package) refers to as this kind, by the reference's identifier."""
        folder, name = posixpath.split(part)
        found: dict[str, str] = {}
        for reference in self._elements(posixpath.join(folder, "_rels", f"{name}.rels"), "Relationship"):
            target = reference.get("Target") or ""
            if (reference.get("Type") or "").endswith(kind) and reference.get("TargetMode") != "External":
                place = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
                found[reference.get("Id") or ""] = place
        return found

    def _elements(self, part: str, *names: str) -> Iterator[Any]:
        """Elements of a part by their local names, each forgotten after it was looked at; none if there is no part."""
        if part not in self._archive.namelist():
            return
        with self._archive.open(part) as file:
            tags = [f"{{*}}{name}" for name in names]
            options = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
            for _, element in etree.iterparse(file, events=("end",), tag=tags, **options):
                yield element
                element.clear(keep_tail=False)
                while element.getprevious() is not None:
                    del element.getparent()[0]


def _column(letters: str) -> int:
    """The place of a column, from 0: A is 0, AA is 26."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _text(item: Any) -> str:
    """The text of a string item, all its runs, without the reading aid of Asian scripts."""
    return "".join(
        run.text or ""
        for run in item.iter("{*}t")
        if etree.QName(run.getparent()).localname != "rPh"
    )  # fmt: skip


def _tidy(text: str) -> str:
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", text).strip()[:MAX_CELL_CHARS]
