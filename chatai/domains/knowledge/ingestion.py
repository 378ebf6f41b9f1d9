"""From a file on disk to chunks that search finds: queued → reading → (embedding) → ready, or failed.

Every step is kept in the database before the next begins, and every step may be repeated: whoever takes the job up
after a crash goes on where it stands. Pages and chunks are put in their place in one transaction, so there are never
half of them and never any twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from uuid import UUID

import structlog

from chatai.core.clock import now
from chatai.core.database import Database
from chatai.core.errors import ChatAIError
from chatai.domains.knowledge import repository
from chatai.domains.knowledge.chunking import chunk, page_starts
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused, NoText, ReadingFailed, UnreadableDocument
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.ports import Embedder, document_reader, embedder, file_store
from chatai.domains.knowledge.schemas import ReadPage

log = structlog.get_logger(__name__)

PROGRESS_EVERY_SECONDS = 0.4
EMBEDDING_BATCH = 64  # texts of one request; an endpoint's own limit is 2048 inputs and some 300,000 tokens


class Gone(Exception):
    """The document was deleted, or somebody else has brought it further. There is nothing left to do."""


async def ingest(database: Database, workspace_id: UUID, document_id: UUID, *, last_try: bool = False) -> None:
    """Brings a document as far as it goes. Does nothing if it is gone, ready or failed.

    Args:
        database: Opened in short units of work; none is held while a document is read or embedded.
        workspace_id: The document's.
        document_id: Which.
        last_try: No retry follows, so what would be worth one becomes the document's own state.

    Raises:
        EmbeddingsAway: Try again later; the document is found by its words meanwhile.
        Exception: What went wrong on our side; worth a retry.
    """
    try:
        state = await _take(database, workspace_id, document_id)
        if state == "reading":
            state = await _read(database, workspace_id, document_id)
        if state == "embedding":
            await _embed(database, workspace_id, document_id)
    except Gone:
        log.info("document_gone", document_id=str(document_id))
    except UnreadableDocument as error:
        log.info("document_unreadable", document_id=str(document_id), code=error.code)
        await _settle(database, workspace_id, document_id, "failed", error)
    except EmbeddingsRefused as error:
        await _settle(database, workspace_id, document_id, "ready", error)
    except EmbeddingsAway as error:
        if not last_try:
            await _note(database, workspace_id, document_id, error)
            raise
        await _settle(database, workspace_id, document_id, "ready", error)
    except Exception:
        if last_try:
            await _settle(database, workspace_id, document_id, "failed", ReadingFailed())
        raise


async def _take(database: Database, workspace_id: UUID, document_id: UUID) -> str:
    """The state to go on from. A reading that was cut off begins anew."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is None or document.state not in {"queued", "reading", "embedding"}:
            raise Gone
        if document.state != "embedding":
            document.state, document.pages_read = "reading", 0
            document.error_code, document.error_detail = "", {}
        document.updated_at = now()
        return document.state


async def _read(database: Database, workspace_id: UUID, document_id: UUID) -> str:
    """Reads the file and puts its pages and chunks in place; returns the next state."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id)
        if document is None:
            raise Gone
        path = file_store().path(document.uploaded_by, document.storage_name)
        media_type = document.media_type

    async def tell(pages_read: int, page_count: int) -> None:
        async with database.workspace(workspace_id) as uow:
            if not await repository.set_progress(uow, document_id, pages_read, page_count):
                raise Gone

    pages: list[ReadPage] = []
    progress = Throttle(tell)
    async with aclosing(document_reader().read(path, media_type)) as events:
        async for event in events:
            if isinstance(event, ReadPage):
                pages.append(event)
            else:
                await progress(event.pages_read, event.page_count)
    chunks = await asyncio.to_thread(lambda: list(chunk(pages)))
    if not chunks:
        raise NoText

    async with database.workspace(workspace_id) as uow:
        found = await repository.get(uow, document_id, lock=True)
        if found is None or found.state != "reading":
            raise Gone
        await repository.replace_content(uow, found, pages, page_starts(pages), chunks)
        found.page_count = found.pages_read = len(pages)
        found.unreadable_pages = sum(page.unreadable for page in pages)
        found.chunk_count, found.chunks_embedded = len(chunks), 0
        _enter(found, "embedding" if embedder.optional else "ready")
        return found.state


async def _embed(database: Database, workspace_id: UUID, document_id: UUID) -> None:
    """Embeds what is not embedded yet, batch by batch, each kept as soon as it is there."""
    model = embedder.optional
    while model is not None and await _embed_batch(database, workspace_id, document_id, model):
        continue
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is None or document.state != "embedding":
            raise Gone
        document.error_code, document.error_detail = "", {}
        _enter(document, "ready")


async def _embed_batch(database: Database, workspace_id: UUID, document_id: UUID, model: Embedder) -> bool:
    """Whether there was anything left to embed."""
    async with database.workspace(workspace_id) as uow:
        rows = await repository.without_vectors(uow, document_id, model.model, EMBEDDING_BATCH)
    if not rows:
        return False
    vectors = await model.embed([f"{row.heading}\n{row.text}" if row.heading else row.text for row in rows])
    async with database.workspace(workspace_id) as uow:
        if not await repository.store_vectors(uow, document_id, model.model, [row.id for row in rows], vectors):
            raise Gone
    return True


async def _note(database: Database, workspace_id: UUID, document_id: UUID, error: ChatAIError) -> None:
    """Tells people why the document is still being embedded."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is not None and document.state == "embedding":
            _blame(document, error)


async def _settle(database: Database, workspace_id: UUID, document_id: UUID, state: str, error: ChatAIError) -> None:
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is not None and document.state in {"queued", "reading", "embedding"}:
            _enter(document, state)
            _blame(document, error)


def _enter(document: Document, state: str) -> None:
    document.state, document.updated_at = state, now()
    if state == "ready":
        document.ready_at = now()


def _blame(document: Document, error: ChatAIError) -> None:
    document.error_code, document.error_detail = error.code, dict(error.fields)
    document.updated_at = now()


class Throttle:
    """Passes the first and the last progress on, and in between not more often than people can see."""

    def __init__(self, tell: Callable[[int, int], Awaitable[None]]) -> None:
        self._tell = tell
        self._told_at = 0.0

    async def __call__(self, pages_read: int, page_count: int) -> None:
        moment = time.monotonic()
        if moment - self._told_at >= PROGRESS_EVERY_SECONDS or pages_read == page_count:
            await self._tell(pages_read, page_count)
            self._told_at = moment
