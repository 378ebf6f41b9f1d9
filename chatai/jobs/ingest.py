"""Reading documents, tried again for some hours while something on our side (or the embedding model) is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate

from chatai.core.database import get_database
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app
from chatai.jobs.retrying import StepBack

TRIES = 8
RETRY = StepBack(max_attempts=TRIES, exponential_wait=3)  # after 3, 9, 27, … seconds: 3 hours


@app.task(name=knowledge.INGEST_TASK, retry=RETRY, pass_context=True)
async def ingest_document(context: procrastinate.JobContext, workspace_id: str, document_id: str) -> None:
    """Goes on with the document wherever it stands."""
    last_try = context.job is not None and context.job.attempts >= TRIES
    await knowledge.ingest(get_database(), UUID(workspace_id), UUID(document_id), last_try=last_try)
