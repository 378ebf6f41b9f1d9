"""Mails about bots, and what Telegram is told of them: again for about a day while either is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate
import structlog

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.channels import commands, listing, notices
from chatai.jobs.app import app

_log = structlog.get_logger(__name__)

RETRY = procrastinate.RetryStrategy(max_attempts=12, exponential_wait=3)


@app.task(name=notices.MAIL_TASK, retry=RETRY)
async def mail_bot_revoked(account_id: str, bot_id: str) -> None:
    """Tells one of its owners that a bot's token is refused."""
    await notices.mail_revocation(get_database(), UUID(account_id), UUID(bot_id), get_settings().page_url)


@app.task(name=commands.LIST_TASK, retry=RETRY)
async def list_bot_commands(bot_id: str) -> None:
    """Tells Telegram which commands a bot knows."""
    await listing.tell(get_database(), UUID(bot_id))


@app.periodic(cron="7 * * * *")
@app.task(name="renew_bot_commands", queueing_lock="renew_bot_commands")
async def renew_bot_commands(timestamp: int) -> None:
    """After an upgrade with other commands. `timestamp` is when it was due, in seconds since 1970."""
    number = await listing.enqueue_outdated(get_database())
    if number:
        _log.info("bots are told of new commands", bots=number)
