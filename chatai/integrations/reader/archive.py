"""Limits on ZIP archives (a DOCX is one), checked from the directory before anything is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from chatai.integrations.reader.protocol import ReadFailure

MAX_ENTRIES = 5_000
MAX_TOTAL_BYTES = 512 * 1024 * 1024
MAX_XML_BYTES = 160 * 1024 * 1024  # of one XML part: parsed as a whole, it takes several times that in memory
MAX_RATIO = 150  # of parts over RATIO_FROM_BYTES; ordinary Word XML packs to a tenth or twentieth
RATIO_FROM_BYTES = 8 * 1024 * 1024


def check_archive(path: Path) -> list[zipfile.ZipInfo]:
    """The archive's entries.

    The sizes are the directory's claims; `zipfile` reads no more than claimed, so lying makes a damaged file only.

    Raises:
        ReadFailure: Damaged, encrypted, or unpacks to more than any document needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise ReadFailure("damaged_file") from error
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_TOTAL_BYTES:
        raise ReadFailure("archive_bomb")
    for entry in entries:
        if entry.flag_bits & 1:
            raise ReadFailure("password_protected")
        if entry.filename.endswith((".xml", ".rels")) and entry.file_size > MAX_XML_BYTES:
            raise ReadFailure("archive_bomb")
        if entry.file_size > RATIO_FROM_BYTES and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
            raise ReadFailure("archive_bomb")
    return entries
