"""Spreadsheets: the first sheet's cells as people see them, and nothing that could hurt."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from chatai.domains.knowledge.errors import (
    ArchiveBomb,
    DamagedFile,
    PasswordProtected,
    TooMuchText,
    UnreadableDocument,
    UnsupportedType,
)
from chatai.integrations.reader.process import ChildReader
from tests.integrations.reader.test_limits import children
from tests.knowledge.documents import make_docx, make_xlsx, xlsx_of

STRINGS = (
    "<si><t>Вопрос</t></si><si><t>Ответ</t></si>"
    "<si><r><t>Сколько </t></r><r><rPr><b/></rPr><t>стоит?</t></r><rPh><t>reading aid</t></rPh></si>"
    "<si><t>Сто&#10;рублей_x000D_ &lt;b&gt;</t></si>"
)
STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="[Red]&quot;day&quot; dd\\.mm\\.yyyy"/>'
    '<numFmt numFmtId="165" formatCode="0.0&quot; %&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="10"/><xf numFmtId="165"/>'
    "</cellXfs>"
)
SHEET = """
<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>
<row r="3"><c r="B3"/></row>
<row r="4"><c r="A4" t="s"><v>2</v></c><c r="B4" t="s"><v>3</v></c></row>
<row r="5"><c r="B5" t="inlineStr"><is><t>only B</t></is></c></row>
<row r="6"><c r="A6" t="str"><f>"a"&amp;"b"</f><v>ab</v></c><c r="B6"><f>0.1+0.2</f><v>0.30000000000000004</v></c></row>
<row r="7"><c r="A7" s="1"><v>46354</v></c><c r="B7" s="2"><v>46354.75</v></c><c r="C7" s="3"><v>0.15</v></c></row>
<row r="8"><c r="A8" t="b"><v>1</v></c><c r="B8" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="C8" s="4"><v>3000</v></c></row>
<row r="9"><c r="A9"><f>NOW()</f></c><c r="ZZ9" t="str"><v>far away</v></c></row>
"""


async def test_the_first_sheet_is_told_as_people_see_it(reader: ChildReader, tmp_path: Path) -> None:
    path = make_xlsx(tmp_path / "a", SHEET, strings=STRINGS, styles=STYLES)
    assert await reader.read_rows(path) == [
        ["Вопрос", "Ответ"],
        ["Сколько стоит?", "Сто\nрублей\n <b>"],
        ["", "only B"],
        ["ab", "0.3"],
        ["2026-11-28", "2026-11-28 18:00", "15%"],
        ["TRUE", "", "3000"],
    ]


async def test_dates_may_count_from_1904(reader: ChildReader, tmp_path: Path) -> None:
    path = make_xlsx(
        tmp_path / "a", '<row><c s="1"><v>44892</v></c></row>', styles=STYLES, book='<workbookPr date1904="1"/>'
    )
    assert await reader.read_rows(path) == [["2026-11-28"]]


async def test_an_empty_sheet_has_no_rows(reader: ChildReader, tmp_path: Path) -> None:
    assert await reader.read_rows(make_xlsx(tmp_path / "a", "")) == []


async def test_entities_open_nothing(reader: ChildReader, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    for declared, used in ((f'<!ENTITY f SYSTEM "file://{secret}">', "&f;"), (f'<!ENTITY l0 "ha">{laughs}', "&l11;")):
        sheet = (
            f"<!DOCTYPE worksheet [{declared}]>"
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            f'<row><c t="inlineStr"><is><t>before {used}</t></is></c></row></sheetData></worksheet>'
        )
        path = make_xlsx(tmp_path / "a", "", xl__worksheets__sheet1_dot_xml=sheet)
        try:
            rows = await reader.read_rows(path)
        except DamagedFile:
            continue
        assert rows == [["before"]]


async def test_a_bomb_is_not_opened(reader: ChildReader, tmp_path: Path) -> None:
    path = make_xlsx(tmp_path / "a", "<row/>" * 2_000_000)
    assert path.stat().st_size < 1024 * 1024
    with pytest.raises(ArchiveBomb):
        await reader.read_rows(path)
    many = tmp_path / "many"
    with zipfile.ZipFile(make_xlsx(many, ""), "a") as archive:
        for number in range(5_001):
            archive.writestr(f"xl/media/{number}", b"")
    with pytest.raises(ArchiveBomb):
        await reader.read_rows(many)
    assert children() == []


async def test_endless_rows_are_refused(reader: ChildReader, tmp_path: Path) -> None:
    rows = "".join(f'<row><c t="str"><v>{number * 7919}</v></c></row>' for number in range(20_001))
    with pytest.raises(TooMuchText):
        await reader.read_rows(make_xlsx(tmp_path / "a", rows))


async def _refusal(reader: ChildReader, path: Path) -> type[UnreadableDocument]:
    with pytest.raises(UnreadableDocument) as caught:
        await reader.read_rows(path)
    return type(caught.value)


async def test_what_is_no_spreadsheet_is_said_to_be_none(reader: ChildReader, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("question,answer")
    ole = tmp_path / "ole"
    ole.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    protected = tmp_path / "protected"
    protected.write_bytes(ole.read_bytes() + "EncryptedPackage".encode("utf-16-le"))
    cut = tmp_path / "cut"
    cut.write_bytes(xlsx_of(tmp_path / "whole", ("a", "b")).read_bytes()[:-300])
    broken = make_xlsx(tmp_path / "broken", "<row><c></row>")
    assert await _refusal(reader, text) is UnsupportedType
    assert await _refusal(reader, make_docx(tmp_path / "docx")) is UnsupportedType
    assert await _refusal(reader, ole) is UnsupportedType
    assert await _refusal(reader, protected) is PasswordProtected
    assert await _refusal(reader, cut) is DamagedFile
    assert await _refusal(reader, broken) is DamagedFile
