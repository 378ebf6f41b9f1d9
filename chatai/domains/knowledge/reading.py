"""Reading a file that is no document of an assistant: one that somebody sends along with a question."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from chatai.domains.knowledge.errors import MalwareFound, NoText, ParserTimeout
from chatai.domains.knowledge.ports import document_reader, malware_scanner
from chatai.domains.knowledge.schemas import ReadPage

PATIENCE_SECONDS = 60
"""Somebody waits for the answer."""
AT_ONCE = 2
"""Readers of one process: each may take as much memory as the settings allow one."""

_slots: asyncio.Semaphore | None = None


async def read_text(path: Path, name: str, most: int) -> str:
    """The text of a PDF, DOCX, TXT or MD file, up to `most` characters; what is cut off is marked.

    It is read as documents are: by a child process that is limited in time and memory, and killed when there is enough.

    Raises:
        UnreadableDocument: Of another type, damaged, protected, without text, with malware in it, or it took too long.
        ScannerAway: A malware scanner is configured and does not answer; the file was not read.
    """
    global _slots
    _slots = _slots or asyncio.Semaphore(AT_ONCE)
    reader, text = document_reader(), ""
    scanner = malware_scanner.optional
    async with _slots:
        if scanner is not None and (finding := await scanner.scan(path)):
            raise MalwareFound(finding=finding)
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
