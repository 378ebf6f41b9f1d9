"""From a file on disk to chunks that search finds: queued → reading → (embedding) → ready, or failed.

Every step is kept in the database before the next begins, and every step may be repeated: whoever takes the job up
after a crash goes on where it stands. Pages and chunks are put in their place in one transaction, so there are never
half of them and never any twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import structlog

from chatai.core.clock import now
from chatai.core.database import Database, UnitOfWork
from chatai.core.errors import ChatAIError
from chatai.core.outgoing import AddressRefused, SiteAway
from chatai.domains.knowledge import intake, postings, repository, vectors
from chatai.domains.knowledge.chunking import chunk, page_starts
from chatai.domains.knowledge.chunks import carried_over
from chatai.domains.knowledge.errors import (
    EmbeddingsAway,
    EmbeddingsRefused,
    NoText,
    QuotaExceeded,
    ReadingFailed,
    ScannerAway,
    UnreadableDocument,
)
from chatai.domains.knowledge.intake import Gone
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.ports import Embedder, embedder
from chatai.domains.knowledge.queueing import enqueue
from chatai.domains.knowledge.reporting import report_on
from chatai.domains.knowledge.sizing import ruler_for

log = structlog.get_logger(__name__)

PROGRESS_EVERY_SECONDS = 0.4
SCANNER_PAUSE = timedelta(minutes=1)  # before a scanner that is away is asked again
EMBEDDING_BATCH = 64  # texts of one request; an endpoint's own limit is 2048 inputs and some 300,000 tokens


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
    except (AddressRefused, QuotaExceeded) as error:
        log.info("page_refused", document_id=str(document_id), code=error.code)
        await _settle(database, workspace_id, document_id, "failed", error)
    except SiteAway as error:
        if not last_try:
            raise
        await _settle(database, workspace_id, document_id, "failed", error)
    except ScannerAway as error:
        # It waits for as long as it takes: the queue's tries are for what may be the document's own fault.
        await _postpone(database, workspace_id, document_id, error)
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


async def _postpone(database: Database, workspace_id: UUID, document_id: UUID, error: ScannerAway) -> None:
    """Puts the document back into the queue, for another look in a while, and says why it waits."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is None or document.state != "reading":
            raise Gone
        document.state = "queued"
        _blame(document, error)
        await uow.session.flush()
        await enqueue(uow, document, at=now() + SCANNER_PAUSE)


async def _read(database: Database, workspace_id: UUID, document_id: UUID) -> str:
    """Reads the document and puts its pages and chunks in place; returns the next state."""

    async def tell(pages_read: int, page_count: int) -> None:
        async with database.workspace(workspace_id) as uow:
            if not await repository.set_progress(uow, document_id, pages_read, page_count):
                raise Gone

    pages = await intake.pages_of(database, workspace_id, document_id, Throttle(tell))
    ruler = await ruler_for(pages)
    chunks = await asyncio.to_thread(lambda: list(chunk(pages, ruler)))
    if not chunks:
        raise NoText

    async with database.workspace(workspace_id) as uow:
        found = await repository.get(uow, document_id, lock=True)
        if found is None or found.state != "reading":
            raise Gone
        chunks, lost = carried_over(chunks, await repository.changed_chunks(uow, document_id))
        await repository.replace_content(uow, found, pages, page_starts(pages), chunks)
        await postings.enqueue_tending(uow, found.workspace_id, found.assistant_id)
        found.page_count = found.pages_read = len(pages)
        found.unreadable_pages = sum(page.unreadable for page in pages)
        found.report = report_on(pages) | {"lost_changes": lost, "read_at": now().isoformat()}
        found.chunk_count, found.chunks_embedded = len(chunks), 0
        _enter(found, "embedding" if embedder.optional else "ready")
        return found.state


async def _embed(database: Database, workspace_id: UUID, document_id: UUID) -> None:
    """Embeds what is not embedded yet, batch by batch, each kept as soon as it is there."""
    model = embedder.optional
    done = False
    while not done:
        while model is not None and await _embed_batch(database, workspace_id, document_id, model):
            continue
        done = await _finish(database, workspace_id, document_id, model)


async def _finish(database: Database, workspace_id: UUID, document_id: UUID, model: Embedder | None) -> bool:
    """Whether the document is ready; it is not when a chunk was edited since the last batch."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id, lock=True)
        if document is None or document.state != "embedding":
            raise Gone
        if model is not None:
            if await vectors.missing(uow, model.model, 1, document_id=document_id):
                return False
            document.chunks_embedded = await vectors.embedded_chunks(uow, model.model, document_id)
            await _serve(uow, document, model.model)
        document.error_code, document.error_detail = "", {}
        _enter(document, "ready")
        return True


async def _serve(uow: UnitOfWork, document: Document, model: str) -> None:
    """The first model of an assistant serves at once; a later one when it has embedded everything."""
    index = await postings.locked(uow, document.workspace_id, document.assistant_id)
    if not index.embedding_model:
        await vectors.serve(uow, index, model)
    else:
        await vectors.index_if_many(uow, index)


async def _embed_batch(database: Database, workspace_id: UUID, document_id: UUID, model: Embedder) -> bool:
    """Whether there was anything left to embed."""
    async with database.workspace(workspace_id) as uow:
        document = await repository.get(uow, document_id)
        if document is None:
            raise Gone
        rows = await vectors.missing(uow, model.model, EMBEDDING_BATCH, document_id=document_id)
    if not rows:
        return False
    made = await model.embed([as_embedded(row.heading, row.text) for row in rows], "passage")
    async with database.workspace(workspace_id) as uow:
        await vectors.store(uow, workspace_id, document.assistant_id, model.model, [row.content for row in rows], made)
        done = await vectors.embedded_chunks(uow, model.model, document_id)
        if not await repository.set_embedded(uow, document_id, done):
            raise Gone
    return True


def as_embedded(heading: str, text: str) -> str:
    return f"{heading}\n{text}" if heading else text


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
