"""A document's chunks as their keeper mends them: seen, edited, put back, switched off and on.

An edit counts from the moment it is committed: the chunk gets a new number, so the postings of what it said before
name nothing, and a new digest, so the old vector is no longer its own. The new vector is made by the job that embeds
documents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import postings, repository
from chatai.domains.knowledge.access import require_keeper, require_reader
from chatai.domains.knowledge.errors import BadChunk, ChunkChanged, ChunkNotFound, ChunkOfAnswer, DocumentNotFound
from chatai.domains.knowledge.models import Document
from chatai.domains.knowledge.ports import embedder
from chatai.domains.knowledge.queueing import enqueue
from chatai.domains.knowledge.schemas import ChunkChange, ChunkDraft, ChunkList, ChunkView

MOST_CHARS = 4_000  # of a chunk's text: what every embedding model takes, in any language
MOST_AT_ONCE = 100
MOST_WORDS_CHARS = 200


async def list_chunks(
    uow: UnitOfWork, actor: Actor, document_id: UUID, *, words: str = "", first: int = 0, limit: int = 20
) -> ChunkList:
    """A document's chunks in their order, also those that are switched off.

    Args:
        uow: In the document's workspace.
        actor: Whoever may read.
        document_id: Which.
        words: Only chunks that hold all of them in any form, or this very piece of text.
        first: How many are left out before the first one.
        limit: How many at most.

    Raises:
        DocumentNotFound
    """
    require_reader(actor)
    if await repository.get(uow, document_id) is None:
        raise DocumentNotFound
    words = " ".join(words.replace("\x00", " ").split())[:MOST_WORDS_CHARS]
    return await repository.list_chunks(uow, document_id, words, max(first, 0), min(limit, MOST_AT_ONCE))


async def count_changes(uow: UnitOfWork, actor: Actor, document_id: UUID) -> tuple[int, int]:
    """How many of the document's chunks are edited, and how many are switched off."""
    require_reader(actor)
    return await repository.count_changes(uow, document_id)


async def edit_chunk(uow: UnitOfWork, actor: Actor, chunk_id: UUID, text: str, *, before: str) -> ChunkView:
    """Gives a chunk another text, which is found from now on, and the old one no longer.

    Args:
        uow: In the chunk's workspace.
        actor: Must be allowed to tend knowledge.
        chunk_id: Which.
        text: What it shall say. What was read makes it as it was.
        before: What it said when the person began to write.

    Raises:
        BadChunk: No word, or too many.
        ChunkChanged: It says something else by now.
        ChunkOfAnswer, ChunkNotFound, Forbidden
    """
    require_keeper(actor)
    document, chunk = await _find(uow, chunk_id)
    if document.kind == "answer":
        raise ChunkOfAnswer
    text = _checked(text)
    if text == chunk.text:
        return chunk
    if before != chunk.text:
        raise ChunkChanged
    return await _rewrite(uow, actor, document, chunk, text, "knowledge:chunk:edit")


async def restore_chunk(uow: UnitOfWork, actor: Actor, chunk_id: UUID) -> ChunkView:
    """Puts a chunk back to what was read. Raises: ChunkNotFound, Forbidden."""
    require_keeper(actor)
    document, chunk = await _find(uow, chunk_id)
    if chunk.original_text is None:
        return chunk
    return await _rewrite(uow, actor, document, chunk, chunk.original_text, "knowledge:chunk:restore")


async def switch_chunk(uow: UnitOfWork, actor: Actor, chunk_id: UUID, *, on: bool) -> ChunkView:
    """Has a chunk never found, or found again. Raises: ChunkNotFound, Forbidden."""
    require_keeper(actor)
    document, chunk = await _find(uow, chunk_id)
    if chunk.disabled != on:
        return chunk
    await repository.switch_chunk(uow, chunk_id, disabled=not on)
    await _after_change(uow, document)
    action = "knowledge:chunk:enable" if on else "knowledge:chunk:disable"
    await audit.record(uow, actor, action, chunk_id, document_id=document.id)
    return replace(chunk, disabled=not on)


def carried_over(drafts: Sequence[ChunkDraft], changes: Sequence[ChunkChange]) -> tuple[list[ChunkDraft], int]:
    """What people made of a document's chunks, for those that say the same now that it was read again.

    Returns:
        The chunks with the changes, and how many changes fit none and are lost.
    """
    waiting: dict[str, list[ChunkChange]] = defaultdict(list)
    for change in reversed(changes):
        waiting[change.read].append(change)
    made: list[ChunkDraft] = []
    for draft in drafts:
        if alike := waiting.get(draft.text):
            change = alike.pop()
            draft = replace(draft, disabled=change.disabled)
            if change.text is not None:
                draft = replace(draft, text=change.text, original_text=draft.text)
        made.append(draft)
    return made, sum(map(len, waiting.values()))


async def _find(uow: UnitOfWork, chunk_id: UUID) -> tuple[Document, ChunkView]:
    """The chunk with its document, which is locked: nobody reads it again or changes its chunks meanwhile."""
    found = await repository.get_chunk(uow, chunk_id)
    document = await repository.get(uow, found[0], lock=True) if found else None
    found = await repository.get_chunk(uow, chunk_id) if document else None
    if document is None or found is None:
        raise ChunkNotFound
    return document, found[1]


async def _rewrite(
    uow: UnitOfWork, actor: Actor, document: Document, chunk: ChunkView, text: str, action: str
) -> ChunkView:
    read = chunk.text if chunk.original_text is None else chunk.original_text
    original = None if text == read else read
    await repository.rewrite_chunk(uow, document, chunk, text, original)
    await _after_change(uow, document)
    await audit.record(uow, actor, action, chunk.id, document_id=document.id)
    return replace(chunk, text=text, original_text=original)


async def _after_change(uow: UnitOfWork, document: Document) -> None:
    """Has a new text embedded, as a document's are, and forgotten what is no longer said.

    A document that is being read is embedded afterwards in any case; one whose reading failed is found by its words.
    """
    if embedder.optional and document.state == "ready":
        document.state, document.updated_at = "embedding", now()
        await uow.session.flush()
        await enqueue(uow, document)
    await postings.enqueue_tending(uow, document.workspace_id, document.assistant_id)


def _checked(text: str) -> str:
    text = text.replace("\x00", "").replace("\r\n", "\n").encode("utf-8", "ignore").decode().strip()
    if len(text) > MOST_CHARS or not any(character.isalnum() for character in text):
        raise BadChunk(most=MOST_CHARS)
    return text
