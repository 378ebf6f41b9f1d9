"""What is cleaned up from time to time."""

from __future__ import annotations

import procrastinate
import structlog

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.channels.retention import Retention, clean_up
from chatai.domains.conversations import service as conversations
from chatai.domains.knowledge import service as knowledge
from chatai.jobs.app import app

_log = structlog.get_logger(__name__)

RETRY = procrastinate.RetryStrategy(max_attempts=3, wait=600)


@app.periodic(cron="17 3 * * *")
@app.task(name="remove_orphans", queueing_lock="remove_orphans", retry=RETRY)
async def remove_orphans(timestamp: int) -> None:
    """Files that belong to no document. `timestamp` is when it was due, in seconds since 1970."""
    await knowledge.remove_orphans(get_database(), dry_run=False)


@app.periodic(cron="23 * * * *")
@app.task(name="clean_up_bots", queueing_lock="clean_up_bots", lock="clean_up_bots")
async def clean_up_bots(timestamp: int) -> None:
    """Removes what the bots settled and logged long ago: hourly, so that there is never much."""
    settings = get_settings()
    kept = Retention(
        settings.bot_update_retention_days, settings.bot_set_aside_retention_days, settings.bot_event_retention_days
    )
    removed = await clean_up(get_database(), kept)
    if any(removed.values()):
        _log.info("removed what the bots no longer need", **removed)


@app.periodic(cron="41 3 * * *")
@app.task(name="remove_old_unanswered", queueing_lock="remove_old_unanswered", retry=RETRY)
async def remove_old_unanswered(timestamp: int) -> None:
    """Questions that the documents did not answer, after their days."""
    removed = await conversations.remove_old_unanswered(get_database(), get_settings().unanswered_retention_days)
    if removed:
        _log.info("removed old unanswered questions", questions=removed)
