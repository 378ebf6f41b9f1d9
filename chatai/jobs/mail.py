"""Mails, sent again for about a day while the mail server is away."""

from __future__ import annotations

from uuid import UUID

import procrastinate

from chatai.core.database import get_database
from chatai.core.settings import get_settings
from chatai.domains.accounts import service as accounts
from chatai.domains.accounts.mails import MailPurpose
from chatai.jobs.app import app

RETRY = procrastinate.RetryStrategy(max_attempts=12, exponential_wait=3)


@app.task(name="send_account_mail", retry=RETRY)
async def send_account_mail(account_id: str, purpose: MailPurpose) -> None:
    """Makes a link for the account and mails it."""
    async with get_database().person() as uow:
        await accounts.send_mail(uow, UUID(account_id), purpose, get_settings().page_url)
