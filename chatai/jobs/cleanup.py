"""What is cleaned up each night."""

from __future__ import annotations

import procrastinate

from chatai.core.database import get_database
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app

RETRY = procrastinate.RetryStrategy(max_attempts=3, wait=600)


@app.periodic(cron="17 3 * * *")
@app.task(name="remove_orphans", queueing_lock="remove_orphans", retry=RETRY)
async def remove_orphans(timestamp: int) -> None:
    """Files that belong to no document. `timestamp` is when it was due, in seconds since 1970."""
    await knowledge.remove_orphans(get_database(), dry_run=False)
