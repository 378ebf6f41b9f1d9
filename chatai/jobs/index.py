"""Keeping the search index of an assistant in order, tried again while the embedding model is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate

from chatai.core.database import get_database
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app
from chatai.jobs.ingest import RETRY, TRIES


@app.task(name=knowledge.TEND_TASK, retry=RETRY, pass_context=True)
async def tend_index(context: procrastinate.JobContext, workspace_id: str, assistant_id: str) -> None:
    last_try = context.job is not None and context.job.attempts >= TRIES
    await knowledge.tend(get_database(), UUID(workspace_id), UUID(assistant_id), last_try=last_try)
