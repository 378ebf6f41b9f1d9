"""The durable inbox: an update is stored before Telegram is told that it was received. For the bot manager.

Each statement takes many updates, so that one commit serves all who wait. Undone updates are those in state `new` and
`taken`; a manager that starts takes both up again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from chatai.core.database import UnitOfWork
from chatai.domains.channels.schemas import IncomingUpdate, StoredUpdate, UpdateMark

_STORE = text("""
INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids, error,
                        taken_at)
SELECT incoming.bot_id, incoming.update_id, bot.workspace_id, incoming.chat_id, incoming.payload,
       CASE WHEN incoming.taken THEN 'taken' ELSE 'new' END, incoming.taken::int, '[]', '',
       CASE WHEN incoming.taken THEN now() END
FROM unnest(CAST(:bots AS uuid[]), CAST(:updates AS bigint[]), CAST(:chats AS bigint[]), CAST(:payloads AS jsonb[]),
            CAST(:taken AS boolean[])) AS incoming (bot_id, update_id, chat_id, payload, taken)
JOIN bot ON bot.id = incoming.bot_id
ON CONFLICT DO NOTHING
RETURNING bot_id, update_id
""")

_MOVE_OFFSETS = text("""
UPDATE bot SET polling_offset = moved.position
FROM unnest(CAST(:bots AS uuid[]), CAST(:offsets AS bigint[])) AS moved (bot_id, position)
WHERE bot.id = moved.bot_id AND bot.polling_offset < moved.position
""")

_MARK = text("""
UPDATE bot_update
SET state = mark.state, attempts = mark.attempts, reply_message_ids = mark.replies, error = mark.error,
    done_at = CASE WHEN mark.state IN ('done', 'failed', 'set_aside') THEN now() END
FROM unnest(CAST(:bots AS uuid[]), CAST(:updates AS bigint[]), CAST(:states AS text[]), CAST(:attempts AS int[]),
            CAST(:replies AS jsonb[]), CAST(:errors AS text[]))
     AS mark (bot_id, update_id, state, attempts, replies, error)
WHERE bot_update.bot_id = mark.bot_id AND bot_update.update_id = mark.update_id
  AND bot_update.state IN ('new', 'taken')
""")

_TAKE = text("""
UPDATE bot_update SET state = 'taken', attempts = attempts + 1, taken_at = now()
WHERE bot_id = :bot AND update_id IN (
    SELECT update_id FROM bot_update
    WHERE bot_id = :bot AND state IN ('new', 'taken') AND NOT update_id = ANY(CAST(:known AS bigint[]))
    ORDER BY update_id LIMIT :most)
RETURNING update_id, chat_id, payload, attempts, reply_message_ids,
          extract(epoch FROM clock_timestamp() - received_at)::float8 AS age
""")

_WAITING = text("SELECT bot_id, count(*) AS number FROM bot_update WHERE state IN ('new', 'taken') GROUP BY bot_id")


async def store(
    uow: UnitOfWork, updates: Sequence[IncomingUpdate], offsets: Mapping[UUID, int] | None = None
) -> set[tuple[UUID, int]]:
    """Stores updates; those that are there already, and those of bots that are gone, are passed over.

    Args:
        uow: The system's.
        updates: What Telegram brought, of any number of bots.
        offsets: Next `getUpdates` offset of polled bots, to be kept with them.

    Returns:
        (bot, update_id) of those that are new.
    """
    fresh: set[tuple[UUID, int]] = set()
    if updates:
        rows = await uow.session.execute(
            _STORE,
            {
                "bots": [update.bot_id for update in updates],
                "updates": [update.update_id for update in updates],
                "chats": [update.chat_id for update in updates],
                "payloads": [json.dumps(update.payload) for update in updates],
                "taken": [update.taken for update in updates],
            },
        )
        fresh = {(row.bot_id, row.update_id) for row in rows}
    if offsets:
        await uow.session.execute(_MOVE_OFFSETS, {"bots": list(offsets), "offsets": list(offsets.values())})
    return fresh


async def mark(uow: UnitOfWork, marks: Sequence[UpdateMark]) -> None:
    """Writes how far updates have come; of several marks of one update the last counts, and an end is final."""
    last = {(one.bot_id, one.update_id): one for one in marks}.values()
    await uow.session.execute(
        _MARK,
        {
            "bots": [one.bot_id for one in last],
            "updates": [one.update_id for one in last],
            "states": [one.state for one in last],
            "attempts": [one.attempts for one in last],
            "replies": [json.dumps(one.replies) for one in last],
            "errors": [one.error[:500] for one in last],
        },
    )


async def take(uow: UnitOfWork, bot_id: UUID, known: Sequence[int], most: int) -> list[StoredUpdate]:
    """Takes the bot's oldest undone updates, save those that are `known` to be in work, in order of their ids."""
    rows = await uow.session.execute(_TAKE, {"bot": bot_id, "known": list(known), "most": most})
    here = time.monotonic()
    taken = [
        StoredUpdate(
            bot_id, row.update_id, row.chat_id, row.payload, row.attempts, row.reply_message_ids, here - row.age
        )
        for row in rows
    ]
    return sorted(taken, key=lambda update: update.update_id)


async def count_waiting(uow: UnitOfWork) -> dict[UUID, int]:
    """How many undone updates each bot has, those in work included. Bots with none are left out."""
    rows = await uow.session.execute(_WAITING)
    return {row.bot_id: row.number for row in rows}
