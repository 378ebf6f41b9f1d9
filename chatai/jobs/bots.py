"""Mails about bots, and what Telegram is told of them: again for about a day while either is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.channels import notices, service
from chatai.jobs.app import app

RETRY = procrastinate.RetryStrategy(max_attempts=12, exponential_wait=3)


@app.task(name=notices.MAIL_TASK, retry=RETRY)
async def mail_bot_revoked(account_id: str, bot_id: str) -> None:
    """Tells one of its owners that a bot's token is refused."""
    await notices.mail_revocation(get_database(), UUID(account_id), UUID(bot_id), get_settings().page_url)


@app.task(name=service.COMMANDS_TASK, retry=RETRY)
async def list_bot_commands(bot_id: str) -> None:
    """Tells Telegram which commands a bot knows."""
    await service.list_commands(get_database(), UUID(bot_id))
