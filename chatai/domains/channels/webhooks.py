"""How Telegram fares with the bots' webhooks, as their pages show it. Written by the bot manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from chatai.core.statements import Runs, array_of
from chatai.domains.channels.schemas import WebhookInfo
from chatai.domains.channels.states import storable

MOST_PENDING = 2**31 - 1  # as the column holds

# By keys from the first row on, as in `inbox`; locked as in `states`. Most webhooks are as they were, and not written.
_WRITE: LiteralString = """
WITH news AS (
    SELECT seen.*
    FROM (
        SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(errors)s AS text[]), CAST(%(errors_at)s AS timestamptz[]),
                             CAST(%(pending)s AS int[]))
             AS seen (bot_id, error, error_at, pending) LIMIT %(number)s
    ) AS seen
    JOIN bot ON bot.id = seen.bot_id
    WHERE (bot.webhook_error, bot.webhook_error_at, bot.webhook_pending)
          IS DISTINCT FROM (seen.error, seen.error_at, seen.pending)
    ORDER BY bot.id FOR NO KEY UPDATE OF bot
)
UPDATE bot SET webhook_error = news.error, webhook_error_at = news.error_at, webhook_pending = news.pending
FROM news WHERE bot.id = news.bot_id
"""


async def write(uow: Runs, seen: Mapping[UUID, WebhookInfo]) -> None:
    """Writes what Telegram says of these bots' webhooks. `uow`: the system's."""
    await uow.run(
        _WRITE,
        {
            "bots": array_of(seen),
            "errors": [storable(info.error) for info in seen.values()],
            "errors_at": [info.error_at for info in seen.values()],
            "pending": array_of(min(info.pending, MOST_PENDING) for info in seen.values()),
            "number": len(seen),
        },
    )
