"""How documents come to the jobs process."""

from __future__ import annotations

from datetime import datetime

from chatai.core.database import UnitOfWork
from chatai.domains.knowledge.models import Document

INGEST_TASK = "ingest_document"


async def enqueue(uow: UnitOfWork, document: Document, *, at: datetime | None = None) -> None:
    """Has a document brought further, not before `at`."""
    await uow.enqueue(
        INGEST_TASK,
        lock=f"document:{document.id}",  # one reading of a document at a time
        at=at,
        workspace_id=document.workspace_id,
        document_id=document.id,
    )
