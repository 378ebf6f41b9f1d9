"""DOCX documents through the real child process."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from chatai.domains.knowledge.errors import ArchiveBomb, DamagedFile, NoText
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import DOCX
from tests.integrations.reader.reading import read_all
from tests.knowledge.documents import make_docx


async def test_structure_is_kept(reader: ChildReader, tmp_path: Path) -> None:
    pages, progress = await read_all(reader, make_docx(tmp_path / "a.docx"), DOCX)
    assert len(pages) == 2
    assert progress[-1].pages_read == progress[-1].page_count == 2
    first, second = pages
    assert "Насос ППР-9087 работает от сети 220 В." in first.text
    assert "- Сохраните чек\n1) Не вскрывайте корпус" in first.text
    assert "Модель | Цена | Срок\nАльфа | 100 ₽ | 2 дня\nАльфа | 200 ₽ | 3 дня" in first.text
    assert [(heading.level, heading.title) for heading in first.headings] == [(1, "Инструкция"), (2, "Гарантия")]
    for page in pages:
        for heading in page.headings:
            assert page.text[heading.offset :].startswith(heading.title)
    assert second.text == "Доставка\n\nДоставляем по всей стране за пять дней."


async def test_links_notes_breaks_and_deletions(reader: ChildReader, tmp_path: Path) -> None:
    document = Document()
    paragraph = document.add_paragraph("До ")
    paragraph._p.append(
        parse_xml(f'<w:hyperlink {nsdecls("w")} w:anchor="a"><w:r><w:t>ссылка</w:t></w:r></w:hyperlink>')
    )
    paragraph._p.append(parse_xml(f'<w:del {nsdecls("w")} w:id="1"><w:r><w:delText>удалено</w:delText></w:r></w:del>'))
    paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:t> конец</w:t><w:br/><w:t>строка</w:t></w:r>"))
    document.add_paragraph()._p.append(
        parse_xml(f"<w:r {nsdecls('w')}><w:t>первая</w:t><w:lastRenderedPageBreak/><w:t>вторая</w:t></w:r>")
    )
    document.save(str(tmp_path / "a.docx"))
    pages, _ = await read_all(reader, tmp_path / "a.docx", DOCX)
    assert [page.text for page in pages] == ["До ссылка конец\nстрока\n\nпервая", "вторая"]


async def test_long_document_without_breaks_gets_logical_pages(reader: ChildReader, tmp_path: Path) -> None:
    document = Document()
    for number in range(60):
        document.add_paragraph(f"Абзац {number}. " + "Слово за словом. " * 15)
    document.save(str(tmp_path / "a.docx"))
    pages, _ = await read_all(reader, tmp_path / "a.docx", DOCX)
    assert len(pages) == 6
    assert all(len(page.text) <= 3_100 for page in pages)
    assert all(page.text.startswith("Абзац") for page in pages)


async def test_empty_docx_has_no_text(reader: ChildReader, tmp_path: Path) -> None:
    Document().save(str(tmp_path / "a.docx"))
    with pytest.raises(NoText):
        await read_all(reader, tmp_path / "a.docx", DOCX)


async def test_broken_xml_is_damaged(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    _replace_document(make_docx(tmp_path / "whole.docx"), path, b"<w:document><w:body>")
    with pytest.raises(DamagedFile):
        await read_all(reader, path, DOCX)


async def test_bomb_is_refused_before_unpacking(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    _replace_document(make_docx(tmp_path / "whole.docx"), path, b" " * (120 * 1024 * 1024))
    assert path.stat().st_size < 1024 * 1024
    with pytest.raises(ArchiveBomb):
        await read_all(reader, path, DOCX)
    with pytest.raises(ArchiveBomb):
        await reader.identify(path, "a.docx")


async def test_entities_are_not_expanded(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "x" * 10}">' for n in range(9))
    xml = (
        f'<?xml version="1.0"?><!DOCTYPE d [{entities}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>&a8;</w:t></w:r></w:p></w:body></w:document>"
    )
    _replace_document(make_docx(tmp_path / "whole.docx"), path, xml.encode())
    with pytest.raises((DamagedFile, NoText)):
        await read_all(reader, path, DOCX)


def _replace_document(source: Path, target: Path, xml: bytes) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, xml if entry.filename == "word/document.xml" else old.read(entry))
