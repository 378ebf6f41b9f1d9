"""What a file is, by its content. The name only tells Markdown from plain text and betrays a mismatch."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePath

from chatai.integrations.reader.archive import check_archive
from chatai.integrations.reader.encodings import decode
from chatai.integrations.reader.protocol import DOCX, MARKDOWN, PDF, TEXT, ReadFailure

HEAD_BYTES = 64 * 1024
# Documents and templates, with macros or without: macros are never run, only text is taken.
WORD_MAIN = (
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    b"application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    b"application/vnd.ms-word.document.macroEnabled.main+xml",
)
CONTENT_TYPES_BYTES = 1024 * 1024
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # a password-protected DOCX lives in an OLE container
PDF_HEADER_WITHIN = 1024
# Formats that are or may look like text, or that carry something else in front of a PDF header.
FOREIGN = (
    *(b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"#!"),
    *(b"PK", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"SQLite format"),
    *(b"{\\rtf", b"%!PS", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"RIFF", b"OggS", b"ID3"),
)
PLAIN_NAMES = {".txt", ".text", ".log", ""}
MARKDOWN_NAMES = {".md", ".markdown"}


def identify(path: Path, name: str) -> str:
    """The media type of the file, one of those in `protocol`.

    Raises:
        ReadFailure: `unsupported_type`, `password_protected`, `archive_bomb`, `damaged_file`, `unreadable_encoding`.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if b"%PDF-" in head[:PDF_HEADER_WITHIN] and not head.startswith(FOREIGN):
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return _office(path)
    if head.startswith(OLE):
        raise ReadFailure("password_protected" if mentions(path, ENCRYPTED_PACKAGE) else "unsupported_type")
    suffix = PurePath(name).suffix.lower()
    if head.startswith(FOREIGN) or suffix not in PLAIN_NAMES | MARKDOWN_NAMES:
        raise ReadFailure("unsupported_type")
    if decode(head, cut=len(head) == HEAD_BYTES) is None:
        raise ReadFailure("unsupported_type" if b"\x00" in head else "unreadable_encoding")
    return MARKDOWN if suffix in MARKDOWN_NAMES else TEXT


def _office(path: Path) -> str:
    entries = {entry.filename: entry for entry in check_archive(path)}
    types = entries.get("[Content_Types].xml")
    if types is None or types.file_size > CONTENT_TYPES_BYTES:
        raise ReadFailure("unsupported_type")
    try:
        with zipfile.ZipFile(path) as archive:
            declared = archive.read(types)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError, zlib.error) as error:
        raise ReadFailure("damaged_file") from error
    if not any(kind in declared for kind in WORD_MAIN) or not any(name.endswith("document.xml") for name in entries):
        raise ReadFailure("unsupported_type")
    return DOCX


def mentions(path: Path, needle: bytes) -> bool:
    """Whether the file holds the bytes, read in pieces that overlap."""
    with path.open("rb") as file:
        before = b""
        while piece := file.read(1024 * 1024):
            if needle in before + piece:
                return True
            before = piece[-len(needle) :]
    return False
