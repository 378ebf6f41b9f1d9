"""How bots are, as the manager that holds them writes it: many in one statement, and only under the lease of now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from chatai.core.database import Database
from chatai.core.statements import array_of
from chatai.domains.channels import notices
from chatai.domains.channels.schemas import BotState

# By keys from the first row on, as in `inbox`. The lock lets those through who write rows that refer to a bot (its log,
# its figures): they would wait for each other.
_WRITE: LiteralString = """
WITH told AS (
    SELECT bot.id, bot.workspace_id, bot.state AS was, told.state, told.reason, told.error
    FROM (
        SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(fences)s AS bigint[]), CAST(%(states)s AS text[]),
                             CAST(%(reasons)s AS text[]), CAST(%(errors)s AS text[]))
             AS told (bot_id, fence, state, reason, error) LIMIT %(number)s
    ) AS told
    JOIN bot ON bot.id = told.bot_id
    LEFT JOIN bot_lease ON bot_lease.bot_id = told.bot_id
    WHERE bot.desired_state = 'running' AND coalesce(bot_lease.fence, 0) = told.fence
      AND (bot.state, bot.state_reason, bot.last_error)
          IS DISTINCT FROM (told.state, told.reason, coalesce(told.error, bot.last_error))
    ORDER BY bot.id FOR NO KEY UPDATE OF bot
)
UPDATE bot SET state = told.state, state_reason = told.reason, last_error = coalesce(told.error, bot.last_error)
FROM told WHERE bot.id = told.id
RETURNING bot.id, bot.workspace_id, told.was, bot.state
"""


@dataclass(frozen=True, slots=True)
class StateRow:
    """How a bot is. `reason`: an error's code; `last_error=None` leaves the one that is there."""

    bot_id: UUID
    fence: int
    state: BotState
    reason: str = ""
    last_error: str | None = None


async def write(database: Database, rows: Sequence[StateRow]) -> None:
    """Writes how bots are, unless people have stopped one meanwhile or it has changed hands; of a token that was
    revoked its people are told in the same unit of work. Raises: DatabaseAway."""
    values = {
        "bots": array_of(row.bot_id for row in rows),
        "fences": array_of(row.fence for row in rows),
        "states": [row.state for row in rows],
        "reasons": [row.reason for row in rows],
        "errors": [None if row.last_error is None else storable(row.last_error) for row in rows],
        "number": len(rows),
    }
    if all(row.state != "revoked" for row in rows):
        await database.system_statements().run(_WRITE, values)
        return
    async with database.system() as uow:
        for bot_id, workspace_id, was, state in await uow.run(_WRITE, values):
            if state == "revoked" and was != "revoked":
                await notices.tell_of_revocation(uow, workspace_id, bot_id)


def storable(words: object) -> str:
    """As PostgreSQL takes it: many bots' states are written at once, and one bot's process may have said anything."""
    return str(words).replace("\0", "").encode("utf-8", "replace").decode()[:500]
