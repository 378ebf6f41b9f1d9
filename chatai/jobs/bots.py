"""Mails about bots, sent again for about a day while the mail server is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.channels import notices
from chatai.jobs.app import app

RETRY = procrastinate.RetryStrategy(max_attempts=12, exponential_wait=3)


@app.task(name=notices.MAIL_TASK, retry=RETRY)
async def mail_bot_revoked(account_id: str, bot_id: str) -> None:
    """Tells one of its owners that a bot's token is refused."""
    await notices.mail_revocation(get_database(), UUID(account_id), UUID(bot_id), get_settings().page_url)
