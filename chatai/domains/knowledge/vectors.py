"""Vectors by what a chunk says: one a text, assistant and model, however many chunks say it.

So a document that is read again, or comes in a new version, has only its new texts embedded. Vectors of several models
stand side by side: `knowledge_index` says whose serve, until those of the model that is set now are all there.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlmodel import col

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.models import Chunk, ChunkVector, KnowledgeIndex

EXACT_VECTORS = 5_000  # up to so many, comparing with each is as fast as an index and misses nothing
MOST_INDEXED_DIMENSIONS = 4_000  # of a halfvec under HNSW (pgvector's README); longer ones are compared exactly

_MISSING = """
    SELECT DISTINCT ON (content) content, heading, text FROM chunk
    WHERE {whose} AND NOT disabled AND NOT EXISTS (
        SELECT FROM chunk_vector AS made
        WHERE made.workspace_id = chunk.workspace_id AND made.assistant_id = chunk.assistant_id
          AND made.model = :model AND made.content = chunk.content
    )
    ORDER BY content LIMIT :limit
"""
_MISSING_OF_DOCUMENT = text(_MISSING.format(whose="document_id = :owner"))
_MISSING_OF_ASSISTANT = text(_MISSING.format(whose="assistant_id = :owner"))

_STORE = text(
    """
    INSERT INTO chunk_vector (workspace_id, assistant_id, model, content, embedding)
    SELECT :workspace_id, :assistant_id, :model, content, CAST(vector AS halfvec)
    FROM unnest(CAST(:contents AS uuid[]), CAST(:vectors AS text[])) AS row(content, vector)
    ON CONFLICT DO NOTHING
    """
)

_COPY = text(
    """
    INSERT INTO chunk_vector (workspace_id, assistant_id, model, content, embedding)
    SELECT workspace_id, :target, model, content, embedding FROM chunk_vector
    WHERE workspace_id = :workspace_id AND assistant_id = :source
    ON CONFLICT DO NOTHING
    """
)

_DIMENSION = text(
    "SELECT vector_dims(embedding) FROM chunk_vector"
    " WHERE workspace_id = :workspace_id AND assistant_id = :assistant_id AND model = :model LIMIT 1"
)
_FORGET_OTHERS = text(
    "DELETE FROM chunk_vector WHERE workspace_id = :workspace_id AND assistant_id = :assistant_id AND model <> :model"
)
_FORGET_UNUSED = text(
    """
    DELETE FROM chunk_vector AS vector
    WHERE workspace_id = :workspace_id AND assistant_id = :assistant_id AND NOT EXISTS (
        SELECT FROM chunk
        WHERE chunk.assistant_id = vector.assistant_id AND chunk.content = vector.content AND NOT disabled
    )
    """
)


async def missing(
    uow: UnitOfWork, model: str, limit: int, *, document_id: UUID | None = None, assistant_id: UUID | None = None
) -> Sequence[Row[UUID, str, str]]:
    """Texts (content, heading, text) of a document or a whole assistant that the model has not embedded yet."""
    statement = _MISSING_OF_DOCUMENT if document_id else _MISSING_OF_ASSISTANT
    values = {"owner": document_id or assistant_id, "model": model, "limit": limit}
    return (await uow.session.execute(statement, values)).all()


async def store(
    uow: UnitOfWork,
    workspace_id: UUID,
    assistant_id: UUID,
    model: str,
    contents: Sequence[UUID],
    vectors: Sequence[Sequence[float]],
) -> None:
    written = ["[" + ",".join(f"{value:.6g}" for value in vector) + "]" for vector in vectors]
    values = {
        "workspace_id": workspace_id, "assistant_id": assistant_id, "model": model, "contents": list(contents),
        "vectors": written,
    }  # fmt: skip
    await uow.session.execute(_STORE, values)


async def embedded_chunks(uow: UnitOfWork, model: str, document_id: UUID) -> int:
    """How many of the document's chunks the model has a vector for."""
    statement = (
        select(func.count())
        .select_from(Chunk)
        .join(
            ChunkVector,
            (col(ChunkVector.workspace_id) == col(Chunk.workspace_id))
            & (col(ChunkVector.assistant_id) == col(Chunk.assistant_id))
            & (col(ChunkVector.content) == col(Chunk.content))
            & (col(ChunkVector.model) == model),
        )
        .where(col(Chunk.document_id) == document_id)
    )
    return (await uow.session.execute(statement)).scalar_one()


async def count(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID, model: str) -> int:
    statement = (
        select(func.count())
        .select_from(ChunkVector)
        .where(
            col(ChunkVector.workspace_id) == workspace_id,
            col(ChunkVector.assistant_id) == assistant_id,
            col(ChunkVector.model) == model,
        )
    )
    return (await uow.session.execute(statement)).scalar_one()


async def texts(uow: UnitOfWork, assistant_id: UUID) -> int:
    """How many different texts the assistant's chunks hold that search may find."""
    statement = select(func.count(col(Chunk.content).distinct())).where(
        col(Chunk.assistant_id) == assistant_id, ~col(Chunk.disabled)
    )
    return (await uow.session.execute(statement)).scalar_one()


async def serve(uow: UnitOfWork, index: KnowledgeIndex, model: str) -> None:
    """From now on this model's vectors are searched, if there are any. Those of another model go, with their index."""
    before = index.embedding_model
    whose = {"workspace_id": index.workspace_id, "assistant_id": index.assistant_id, "model": model}
    dimension = (await uow.session.execute(_DIMENSION, whose)).scalar()
    if dimension is None:
        return
    index.embedding_model, index.dimension, index.near_index = model, dimension, False
    await uow.session.flush()
    await index_if_many(uow, index)
    if before and before != model:
        await uow.session.execute(_FORGET_OTHERS, whose)
        await forget_index(uow, index.assistant_id, before)


async def index_if_many(uow: UnitOfWork, index: KnowledgeIndex) -> None:
    """Makes the index of nearest neighbours once the serving vectors are too many to compare with each."""
    if index.near_index or not index.embedding_model or index.dimension > MOST_INDEXED_DIMENSIONS:
        return
    if await count(uow, index.workspace_id, index.assistant_id, index.embedding_model) <= EXACT_VECTORS:
        return
    values = {"assistant_id": index.assistant_id, "model": index.embedding_model, "dimension": index.dimension}
    await uow.session.execute(text("SELECT chatai_index_vectors(:assistant_id, :model, :dimension)"), values)
    index.near_index = True
    await uow.session.flush()


async def forget_index(uow: UnitOfWork, assistant_id: UUID, model: str) -> None:
    values = {"assistant_id": assistant_id, "model": model}
    await uow.session.execute(text("SELECT chatai_forget_vector_index(:assistant_id, :model)"), values)


async def copy(uow: UnitOfWork, workspace_id: UUID, source: UUID, target: UUID) -> None:
    """Gives an assistant the vectors of another one of its workspace."""
    await uow.session.execute(_COPY, {"workspace_id": workspace_id, "source": source, "target": target})


async def forget_unused(uow: UnitOfWork, workspace_id: UUID, assistant_id: UUID) -> None:
    """Deletes the vectors of texts that no chunk holds any more, or only one that is switched off."""
    await uow.session.execute(_FORGET_UNUSED, {"workspace_id": workspace_id, "assistant_id": assistant_id})
