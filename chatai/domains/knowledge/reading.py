"""Reading a file that is no document of an assistant: one that somebody sends along with a question."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from chatai.domains.knowledge.errors import MalwareFound, NoText, ParserTimeout, UnsupportedTable, UnsupportedType
from chatai.domains.knowledge.pair_tables import table_of
from chatai.domains.knowledge.ports import document_reader, malware_scanner, table_reader
from chatai.domains.knowledge.schemas import ReadPage

PATIENCE_SECONDS = 60
"""Somebody waits for the answer."""
AT_ONCE = 2
"""Readers of one process: each may take as much memory as the settings allow one."""

TABLE_SUFFIXES = {".csv", ".tsv", ".txt"}

_slots: asyncio.Semaphore | None = None


async def read_text(path: Path, name: str, most: int) -> str:
    """The text of a PDF, DOCX, TXT or MD file, up to `most` characters; what is cut off is marked.

    It is read as documents are: by a child process that is limited in time and memory, and killed when there is enough.

    Raises:
        UnreadableDocument: Of another type, damaged, protected, without text, with malware in it, or it took too long.
        ScannerAway: A malware scanner is configured and does not answer; the file was not read.
    """
    reader, text = document_reader(), ""
    async with _free_slot():
        await _scan(path)
        media_type = await reader.identify(path, name)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), aclosing(reader.read(path, media_type)) as events:
                async for event in events:
                    if isinstance(event, ReadPage):
                        text += f"{event.text}\n\n"
                        if len(text) > most:
                            return f"{text[: most - 4].rstrip()}\n[…]"
        except TimeoutError:
            raise ParserTimeout(seconds=PATIENCE_SECONDS) from None
    if not text.strip():
        raise NoText
    return text.strip()


async def read_table(path: Path, name: str) -> list[list[str]]:
    """The rows of a CSV file or of an XLSX file's first sheet. What is XLSX is read by a limited child process.

    Raises:
        UnreadableDocument, UnsupportedTable, BadTable: It can't be read.
        ScannerAway: As of `read_text`.
    """
    async with _free_slot():
        await _scan(path)
        if Path(name).suffix.lower() in TABLE_SUFFIXES:
            return await asyncio.to_thread(lambda: table_of(path.read_bytes()))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await table_reader().read_rows(path)
        except UnsupportedType:
            raise UnsupportedTable from None
        except TimeoutError:
            raise ParserTimeout(seconds=PATIENCE_SECONDS) from None


def _free_slot() -> asyncio.Semaphore:
    global _slots
    _slots = _slots or asyncio.Semaphore(AT_ONCE)
    return _slots


async def _scan(path: Path) -> None:
    """Raises: MalwareFound, ScannerAway."""
    scanner = malware_scanner.optional
    if scanner is not None and (finding := await scanner.scan(path)):
        raise MalwareFound(finding=finding)
