"""The type by content, whatever the name says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from chatai.domains.knowledge.errors import (
    DamagedFile,
    EmptyFile,
    FileMissing,
    PasswordProtected,
    UnreadableDocument,
    UnreadableEncoding,
    UnsupportedType,
)
from chatai.integrations.reader.process import ChildReader
from chatai.integrations.reader.protocol import DOCX, MARKDOWN, PDF, TEXT
from tests.knowledge.documents import make_docx, make_pdf

EXE = b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200) + b"This program cannot be run in DOS mode."
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


async def test_content_wins_over_the_name(reader: ChildReader, tmp_path: Path) -> None:
    pdf, docx = make_pdf(tmp_path / "a.docx", ["text"]), make_docx(tmp_path / "b.txt")
    assert await reader.identify(pdf, "a.docx") == PDF
    assert await reader.identify(docx, "b.txt") == DOCX


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", "Привет".encode(), TEXT),
        ("a.TXT", "Привет, мир".encode("cp1251"), TEXT),
        ("readme.md", b"# Title", MARKDOWN),
        ("README", b"plain", TEXT),
        ("a.txt", "да".encode("utf-16"), TEXT),
        ("cut.txt", ("x" + "я" * 40_000).encode(), TEXT),
        ("a.pdf", b"\xef\xbb\xbf%PDF-1.4\n", PDF),
    ],
)
async def test_what_is_accepted(reader: ChildReader, tmp_path: Path, name: str, data: bytes, expected: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert await reader.identify(path, name) == expected


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("a.pdf", EXE, UnsupportedType),
        ("a.txt", EXE, UnsupportedType),
        ("a.docx", EXE, UnsupportedType),
        ("a.pdf", EXE[:100] + b"%PDF-1.4", UnsupportedType),  # a program with a PDF's mark inside
        ("a.txt", b"\x7fELF\x02\x01\x01", UnsupportedType),
        ("a.txt", b"{\\rtf1\\ansi text}", UnsupportedType),
        ("a.txt", b"\x89PNG\r\n\x1a\n", UnsupportedType),
        ("a.pdf", b"just words", UnsupportedType),
        ("a.html", b"<p>words</p>", UnsupportedType),
        ("a.doc", OLE, UnsupportedType),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le") + bytes(50), PasswordProtected),
        ("a.docx", b"PK\x03\x04" + bytes(50), DamagedFile),
        ("a.txt", b"", EmptyFile),
        ("a.txt", bytes(range(128, 256)) * 20, UnreadableEncoding),
    ],
)
async def test_what_is_refused(
    reader: ChildReader, tmp_path: Path, name: str, data: bytes, error: type[UnreadableDocument]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(error) as caught:
        await reader.identify(path, name)
    assert type(caught.value) is error
    assert caught.value.sentence("ru") != caught.value.sentence("en")


async def test_other_archives_are_refused(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types>spreadsheetml.sheet.main+xml</Types>")
        archive.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(UnsupportedType):
        await reader.identify(path, "a.docx")


async def test_too_many_entries_and_lies_about_size(reader: ChildReader, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5_001):
            archive.writestr(f"word/{number}.xml", "")
    with pytest.raises(UnreadableDocument) as caught:
        await reader.identify(path, "a.docx")
    assert caught.value.code == "archive_bomb"


async def test_missing_file(reader: ChildReader, tmp_path: Path) -> None:
    with pytest.raises(FileMissing):
        await reader.identify(tmp_path / "none", "a.txt")
