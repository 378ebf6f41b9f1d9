"""An assistant's documents for another assistant: files, pages, passages and vectors as they are, read once only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Table, text

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.core.ids import new_id
from chatai.domains.audit import service as audit
from chatai.domains.knowledge import postings, repository, vectors
from chatai.domains.knowledge.access import require_copier
from chatai.domains.knowledge.models import Document, DocumentPage, KnowledgeIndex, QAPair
from chatai.domains.knowledge.ports import file_store
from chatai.domains.knowledge.quota import require_room

_UNDER_WAY = {"queued", "reading", "embedding"}


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file that was made for a copy. Whoever copies discards it when the copy does not come about."""

    account_id: UUID
    storage_name: str


async def copy_documents(
    uow: UnitOfWork, actor: Actor, source: UUID, target: UUID, made: list[CopiedFile]
) -> list[Document]:
    """Gives the target assistant a copy of each document of the source.

    Args:
        uow: In the workspace of both.
        actor: Must be allowed to tend knowledge.
        source: An assistant.
        target: Another one of the same workspace, without these documents.
        made: The files that were made are added to it as they come, so that a failure can be cleaned up.

    Returns:
        The copies that are still to be read, because their originals are.
    """
    require_copier(actor)
    to_read: list[Document] = []
    index = await postings.locked(uow, actor.workspace_id, target)
    first_number = index.last_number + 1
    originals = await repository.of_assistant(uow, source)
    await require_room(uow, sum(original.size_bytes for original in originals))
    for original in originals:
        name = original.storage_name
        if name:  # else it was written by a person, or was not fetched yet
            copy = await asyncio.to_thread(file_store().copy, original.uploaded_by, name)
            if copy is None:
                continue  # its file is gone: there is nothing that a copy could show
            name = copy
            made.append(CopiedFile(original.uploaded_by, name))
        values: dict[str, Any] = original.model_dump(exclude={"id", "created_at", "assistant_id", "storage_name"})
        copied = Document(**values, id=new_id(), assistant_id=target, storage_name=name)
        if original.state in _UNDER_WAY:
            copied.state, copied.pages_read, copied.chunks_embedded = "queued", 0, 0
            to_read.append(copied)
        uow.session.add(copied)
        await uow.session.flush()
        if original.kind == "answer":
            await _copy_rows(uow, _table(QAPair), original.id, {"document_id": copied.id, "assistant_id": target})
        if original.state not in _UNDER_WAY:
            await _copy_rows(uow, _table(DocumentPage), original.id, {"document_id": copied.id})
            await postings.copy_chunks(uow, index, original.id, copied.id)
    if index.last_number >= first_number:
        await uow.session.flush()
        await postings.add_segment(uow, index, first_number)
        await vectors.copy(uow, actor.workspace_id, source, target)
        if served := await uow.session.get(KnowledgeIndex, source):
            index.terms_version = min(index.terms_version, served.terms_version)
            await vectors.serve(uow, index, served.embedding_model)
    await audit.record(uow, actor, "knowledge:document:copy", target, source=source)
    return to_read


async def discard_copies(made: list[CopiedFile]) -> None:
    """Removes the files of a copy that did not come about."""
    for file in made:
        await asyncio.to_thread(file_store().delete, file.account_id, file.storage_name)


async def _copy_rows(uow: UnitOfWork, table: Table, document_id: UUID, changed: dict[str, UUID]) -> None:
    """Copies a document's rows with other owners. Columns that PostgreSQL computes are left to it."""
    names = [column.name for column in table.columns if column.computed is None]
    given = {name: f"CAST(:{name} AS uuid)" for name in changed} | {"id": "gen_random_uuid()", "created_at": "now()"}
    chosen = ", ".join(given.get(name, name) for name in names)
    statement = text(
        f"INSERT INTO {table.name} ({', '.join(names)}) "  # noqa: S608  names of our own tables
        f"SELECT {chosen} FROM {table.name} WHERE document_id = :original"
    )
    await uow.session.execute(statement, {**changed, "original": document_id})


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table
