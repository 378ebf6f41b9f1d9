"""Keeping the search index of an assistant in order, tried again while the embedding model is away."""

from __future__ import annotations

from uuid import UUID

from chatai.core.database import get_database
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app
from chatai.jobs.ingest import RETRY


@app.task(name=knowledge.TEND_TASK, retry=RETRY)
async def tend_index(workspace_id: str, assistant_id: str) -> None:
    await knowledge.tend(get_database(), UUID(workspace_id), UUID(assistant_id))
