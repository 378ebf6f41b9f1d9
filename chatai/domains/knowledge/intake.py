"""What a document's pages are, by its kind: read from a file, fetched and read, or written by a person.

A file is scanned for malware before it is read, where a scanner is configured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

from chatai.core.database import Database
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import pairs, repository, web_sources
from chatai.domains.knowledge.errors import FileMissing, MalwareFound
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.ports import document_reader, file_store, malware_scanner
from chatai.domains.knowledge.schemas import ReadPage

Tell = Callable[[int, int], Awaitable[None]]
"""(pages read, pages in all)"""


class Gone(Exception):
    """The document was deleted, or somebody else has brought it further. There is nothing left to do."""


async def pages_of(database: Database, workspace_id: UUID, document_id: UUID, tell: Tell) -> list[ReadPage]:
    """The document's pages. No transaction is open while they are fetched, scanned or read.

    Raises:
        Gone: The document is gone.
        UnreadableDocument: It can't be read; the subclass says why.
        AddressRefused, SiteAway: Of a web page.
        ScannerAway
    """
    document = await _find(database, workspace_id, document_id)
    if document.kind == "answer":
        async with database.workspace(workspace_id) as uow:
            return await pairs.pages_of(uow, document_id)
    if document.kind == "web_page":
        if not await web_sources.fetch(database, document):
            raise Gone
        document = await _find(database, workspace_id, document_id)
    if not document.storage_name:
        raise FileMissing
    path = file_store().path(document.uploaded_by, document.storage_name)
    await _scan(database, document, path)
    pages: list[ReadPage] = []
    async with aclosing(document_reader().read(path, document.media_type)) as events:
        async for event in events:
            if isinstance(event, ReadPage):
                pages.append(event)
            else:
                await tell(event.pages_read, event.page_count)
    return pages


async def _find(database: Database, workspace_id: UUID, document_id: UUID) -> Document:
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id)
    if document is None:
        raise Gone
    return document


async def _scan(database: Database, document: Document, path: Path) -> None:
    """Raises: ScannerAway, MalwareFound, FileMissing."""
    scanner = malware_scanner.optional
    if scanner is None:
        return
    if not await asyncio.to_thread(path.is_file):
        raise FileMissing
    finding = await scanner.scan(path)
    if not finding:
        return
    await asyncio.to_thread(file_store().quarantine, document.uploaded_by, document.storage_name)
    async with database.workspace(document.workspace_id) as uow:
        await audit.record(uow, None, "knowledge:document:quarantine", document.id, finding=finding)
    raise MalwareFound(finding=finding)
