"""How Telegram fares with the bots' webhooks, as their pages show it. Written by the bot manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID

from chatai.core.statements import Runs, array_of
from chatai.domains.channels.schemas import WebhookInfo

MOST_ERROR = 500  # characters, as the column holds

# By keys from the first row on, as in `inbox`; most webhooks are as they were, and are not written.
_WRITE: LiteralString = """
UPDATE bot SET webhook_error = seen.error, webhook_error_at = seen.error_at, webhook_pending = seen.pending
FROM (
    SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(errors)s AS text[]), CAST(%(errors_at)s AS timestamptz[]),
                         CAST(%(pending)s AS int[]))
         AS seen (bot_id, error, error_at, pending) LIMIT %(number)s
) AS seen
WHERE bot.id = seen.bot_id
  AND (bot.webhook_error, bot.webhook_error_at, bot.webhook_pending)
      IS DISTINCT FROM (seen.error, seen.error_at, seen.pending)
"""


async def write(uow: Runs, seen: Mapping[UUID, WebhookInfo]) -> None:
    """Writes what Telegram says of these bots' webhooks. `uow`: the system's."""
    await uow.run(
        _WRITE,
        {
            "bots": array_of(seen),
            "errors": [info.error[:MOST_ERROR] for info in seen.values()],
            "errors_at": [info.error_at for info in seen.values()],
            "pending": array_of(info.pending for info in seen.values()),
            "number": len(seen),
        },
    )
