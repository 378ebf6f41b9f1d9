"""How documents come to the jobs process."""

from __future__ import annotations

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.models import Document

INGEST_TASK = "ingest_document"
PLACES_OF_A_WORKSPACE = 2

# Nothing that waits in its place holds it up: all that does has a lower priority.
_HASTEN: LiteralString = """
    UPDATE procrastinate_jobs SET scheduled_at = NULL, priority = 1
    WHERE lock = %(lock)s AND status = 'todo' AND args ->> 'document_id' = %(document)s
    RETURNING id
"""


async def enqueue(uow: UnitOfWork, document: Document, *, at: datetime | None = None) -> None:
    """Has a document brought further, not before `at`."""
    await enqueue_named(uow, document.workspace_id, document.id, at=at)


async def enqueue_named(uow: UnitOfWork, workspace_id: UUID, document_id: UUID, *, at: datetime | None = None) -> None:
    """As `enqueue`, where the document's row is not at hand."""
    await uow.enqueue(
        INGEST_TASK,
        lock=_place(workspace_id, document_id),
        at=at,
        workspace_id=workspace_id,
        document_id=document_id,
    )


async def hasten(uow: UnitOfWork, document: Document) -> None:
    """Has a document brought further now whose job waits for a better time."""
    values = {"lock": _place(document.workspace_id, document.id), "document": str(document.id)}
    if not await uow.run(_HASTEN, values):  # its job runs at this moment, or is lost
        await enqueue(uow, document)


def _place(workspace_id: UUID, document_id: UUID) -> str:
    """Jobs of one place run one after the other: so a document is read once at a time, and at most so many of a
    workspace. The rest of the jobs process's places are for others, however much one workspace has to read."""
    return f"ingest:{workspace_id}:{document_id.int % PLACES_OF_A_WORKSPACE}"
