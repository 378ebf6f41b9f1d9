"""How documents come to the jobs process."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.models import Document

INGEST_TASK = "ingest_document"
PLACES_OF_A_WORKSPACE = 2


async def enqueue(uow: UnitOfWork, document: Document, *, at: datetime | None = None) -> None:
    """Has a document brought further, not before `at`."""
    await enqueue_named(uow, document.workspace_id, document.id, at=at)


async def enqueue_named(uow: UnitOfWork, workspace_id: UUID, document_id: UUID, *, at: datetime | None = None) -> None:
    """As `enqueue`, where the document's row is not at hand."""
    await uow.enqueue(
        INGEST_TASK,
        # One reading of a document at a time, and at most so many of a workspace: the rest of the jobs process's places
        # are for others, however much one workspace has to read.
        lock=f"ingest:{workspace_id}:{document_id.int % PLACES_OF_A_WORKSPACE}",
        at=at,
        workspace_id=workspace_id,
        document_id=document_id,
    )
