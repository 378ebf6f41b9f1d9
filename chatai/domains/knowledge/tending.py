"""What keeps an assistant's index in order behind the scenes: merging segments, indexing anew what an earlier version
indexed, and embedding anew for another model.

Everything is kept step by step and may be repeated. Search goes on meanwhile with what there is: the segments as they
are, the vectors of the model before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.clock import now
from chatai.core.database import Database, UnitOfWork
from chatai.core.errors import ChatAIError
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import postings, vectors
from chatai.domains.knowledge.access import require_keeper, require_reader
from chatai.domains.knowledge.errors import EmbeddingsAway, EmbeddingsRefused
from chatai.domains.knowledge.ingestion import EMBEDDING_BATCH, as_embedded
from chatai.domains.knowledge.models import KnowledgeIndex
from chatai.domains.knowledge.ports import Embedder, embedder
from chatai.domains.knowledge.reindexing import index_anew
from chatai.domains.knowledge.terms import VERSION

log = structlog.get_logger(__name__)

_RECOVERED: LiteralString = """
    UPDATE knowledge_index SET trouble = '', trouble_at = NULL, retrying = false
    WHERE assistant_id = %(assistant_id)s AND trouble <> ''
"""


@dataclass(frozen=True, slots=True)
class IndexView:
    """How an assistant's passages are searched.

    Attributes:
        chunks: Passages.
        serving_model: Whose vectors are searched; empty: by words only.
        coming_model: The one that is set now, if its vectors are not all there yet; else empty.
        embedded, to_embed: Of different texts, for the coming model.
        trouble: Why that does not go on: an error's code, or empty.
        retrying: It is tried again by itself.
    """

    chunks: int
    serving_model: str
    coming_model: str
    embedded: int
    to_embed: int
    trouble: str = ""
    retrying: bool = False


async def enqueue_all(database: Database) -> int:
    """Called when the worker starts: every assistant is tended whose vectors are not the set model's, or whose chunks
    are indexed by words as an earlier version did it. How many."""
    model = embedder.optional
    behind = col(KnowledgeIndex.terms_version) < VERSION
    if model is not None:
        behind |= col(KnowledgeIndex.embedding_model) != model.model
    statement = select(col(KnowledgeIndex.workspace_id), col(KnowledgeIndex.assistant_id)).where(
        behind, col(KnowledgeIndex.chunks) > 0
    )
    async with database.system() as uow:
        found = (await uow.session.execute(statement)).all()
    for workspace_id, assistant_id in found:
        async with database.workspace(workspace_id) as uow:
            await postings.enqueue_tending(uow, workspace_id, assistant_id)
    return len(found)


async def tend(database: Database, workspace_id: UUID, assistant_id: UUID, *, last_try: bool = False) -> None:
    """Brings the index by words to this version, merges segments, forgets the vectors of texts that are gone, and
    embeds what the set model has not embedded.

    Only one may run for an assistant.

    Args:
        database: Where the knowledge is.
        workspace_id: Whose.
        assistant_id: Which one's.
        last_try: Nobody tries again if it fails.

    Raises:
        EmbeddingsAway: Try again later.
    """
    await index_anew(database, workspace_id, assistant_id)
    merged = True
    while merged:
        async with database.workspace(workspace_id) as uow:
            merged = await postings.merge(uow, workspace_id, assistant_id)
    async with database.workspace(workspace_id) as uow:
        await vectors.forget_unused(uow, workspace_id, assistant_id)
        index = await uow.session.get(KnowledgeIndex, assistant_id)
    model = embedder.optional
    if index is None or not index.chunks or model is None or index.embedding_model == model.model:
        return
    try:
        while await _embed_batch(database, workspace_id, assistant_id, model):
            continue
    except EmbeddingsRefused as error:
        log.warning("not_embedded_anew", assistant_id=str(assistant_id), model=model.model)
        await _note(database, workspace_id, assistant_id, error, retrying=False)
        return
    except EmbeddingsAway as error:
        await _note(database, workspace_id, assistant_id, error, retrying=not last_try)
        raise
    async with database.workspace(workspace_id) as uow:
        locked = await postings.locked(uow, workspace_id, assistant_id)
        if await vectors.missing(uow, model.model, 1, assistant_id=assistant_id):
            await postings.enqueue_tending(uow, workspace_id, assistant_id)  # a document came in between
        else:
            await vectors.serve(uow, locked, model.model)
            locked.trouble, locked.trouble_at, locked.retrying = "", None, False


async def status(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> IndexView:
    """How the assistant's passages are searched, and how far a new model is."""
    require_reader(actor)
    index = await uow.session.get(KnowledgeIndex, assistant_id, populate_existing=True)
    if index is None:
        return IndexView(0, "", "", 0, 0)
    model = embedder.optional
    coming = model.model if model and model.model != index.embedding_model and index.chunks else ""
    embedded, texts = 0, 0
    if coming:
        embedded = await vectors.count(uow, index.workspace_id, assistant_id, coming)
        texts = await vectors.texts(uow, assistant_id)
    trouble, retrying = (index.trouble, index.retrying) if coming else ("", False)
    return IndexView(index.chunks, index.embedding_model, coming, embedded, max(texts - embedded, 0), trouble, retrying)


async def embed_anew(uow: UnitOfWork, actor: Actor, assistant_id: UUID) -> None:
    """Has what the set model has not embedded embedded now, whatever went wrong before. Raises: Forbidden."""
    require_keeper(actor)
    index = await uow.session.get(KnowledgeIndex, assistant_id, with_for_update=True, populate_existing=True)
    if index is None:
        return
    index.trouble, index.trouble_at, index.retrying = "", None, False
    await uow.session.flush()
    await postings.enqueue_tending(uow, index.workspace_id, assistant_id)
    await audit.record(uow, actor, "knowledge:index:embed", assistant_id)


async def _note(
    database: Database, workspace_id: UUID, assistant_id: UUID, error: ChatAIError, *, retrying: bool
) -> None:
    """Tells people why it does not go on."""
    async with database.workspace(workspace_id) as uow:
        index = await postings.locked(uow, workspace_id, assistant_id)
        index.trouble, index.trouble_at, index.retrying = error.code, now(), retrying


async def _embed_batch(database: Database, workspace_id: UUID, assistant_id: UUID, model: Embedder) -> bool:
    async with database.workspace(workspace_id) as uow:
        rows = await vectors.missing(uow, model.model, EMBEDDING_BATCH, assistant_id=assistant_id)
    if not rows:
        return False
    made = await model.embed([as_embedded(row.heading, row.text) for row in rows], "passage")
    async with database.workspace(workspace_id) as uow:
        contents = [row.content for row in rows]
        await vectors.store(uow, workspace_id, assistant_id, model.model, contents, made)
        await uow.run(_RECOVERED, {"assistant_id": assistant_id})
    return True
