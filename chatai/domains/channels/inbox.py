"""The durable inbox: an update is stored before Telegram is told that it was received. For the bot manager.

Each statement takes many updates, so that one commit serves all who wait. Undone updates are those in state `new` and
`taken`; whoever takes a bot takes both up again.

A row that is taken carries the fence of the lease under which that was done. Whoever writes about it later names the
fence that they know; once another manager has taken the row, the two differ and nothing is written. PostgreSQL checks
that on the newest version of the row, so there is no moment in between.

Plans are made once for all values, and perhaps when a table is still empty. So that each finds its rows by their keys
then too, what is given has a LIMIT, of which the planner expects one row instead of ten; and where rows are named by
their keys, their state is compared as `state || ''`, lest the small index of the undone ones is read through: until it
is vacuumed, those that were undone stand in it as well.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import LiteralString
from uuid import UUID

from chatai.core.statements import Runs, array_of
from chatai.domains.channels.schemas import IncomingUpdate, StoredUpdate, UpdateMark

UPDATES_CHANNEL = "chatai_bot_updates"
"""PostgreSQL notifies the bot managers here of an update that its bot's manager does not know of yet: it came to
another one, or people want it tried again. The payload is the bot's id."""

_STORE: LiteralString = """
INSERT INTO bot_update (bot_id, update_id, workspace_id, chat_id, payload, state, attempts, reply_message_ids, error,
                        fence, taken_at)
SELECT incoming.bot_id, incoming.update_id, bot.workspace_id, incoming.chat_id, incoming.payload,
       CASE WHEN incoming.taken THEN 'taken' ELSE 'new' END, incoming.taken::int, '[]', '',
       CASE WHEN incoming.taken THEN incoming.fence ELSE 0 END, CASE WHEN incoming.taken THEN now() END
FROM (
    SELECT offered.bot_id, offered.update_id, offered.chat_id, offered.payload, offered.fence,
           offered.taken AND coalesce(bot_lease.fence, 0) = offered.fence AS taken
    FROM (
        SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(updates)s AS bigint[]), CAST(%(chats)s AS bigint[]),
                             CAST(%(payloads)s AS jsonb[]), CAST(%(taken)s AS boolean[]), CAST(%(fences)s AS bigint[]))
             AS offered (bot_id, update_id, chat_id, payload, taken, fence) LIMIT %(number)s
    ) AS offered
    LEFT JOIN bot_lease ON bot_lease.bot_id = offered.bot_id
) AS incoming
JOIN bot ON bot.id = incoming.bot_id
ON CONFLICT DO NOTHING
RETURNING bot_id, update_id, state
"""

_MOVE_OFFSETS: LiteralString = """
UPDATE bot SET polling_offset = moved.position
FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(offsets)s AS bigint[])) AS moved (bot_id, position)
WHERE bot.id = moved.bot_id
"""

_TELL: LiteralString = "SELECT pg_notify(%(channel)s, bot) FROM unnest(CAST(%(bots)s AS text[])) AS told (bot)"

_MARK: LiteralString = """
UPDATE bot_update
SET state = mark.state, attempts = mark.attempts, reply_message_ids = mark.replies, error = mark.error,
    sends_repeated = sends_repeated + mark.repeated,
    done_at = CASE WHEN mark.state IN ('done', 'failed', 'set_aside') THEN now() END
FROM (
    SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(updates)s AS bigint[]), CAST(%(states)s AS text[]),
                         CAST(%(attempts)s AS int[]), CAST(%(replies)s AS jsonb[]), CAST(%(errors)s AS text[]),
                         CAST(%(fences)s AS bigint[]), CAST(%(repeated)s AS int[]))
         AS mark (bot_id, update_id, state, attempts, replies, error, fence, repeated) LIMIT %(number)s
) AS mark
WHERE bot_update.bot_id = mark.bot_id AND bot_update.update_id = mark.update_id
  AND bot_update.state || '' IN ('new', 'taken') AND bot_update.fence = mark.fence
RETURNING bot_update.bot_id, bot_update.update_id
"""

_BEGIN_SENDS: LiteralString = """
UPDATE bot_update SET sends_begun = sends_begun + begun.number
FROM (
    SELECT * FROM unnest(CAST(%(bots)s AS uuid[]), CAST(%(updates)s AS bigint[]), CAST(%(fences)s AS bigint[]),
                         CAST(%(numbers)s AS int[]))
         AS begun (bot_id, update_id, fence, number) LIMIT %(number)s
) AS begun
WHERE bot_update.bot_id = begun.bot_id AND bot_update.update_id = begun.update_id
  AND bot_update.state || '' = 'taken' AND bot_update.fence = begun.fence
  AND begun.fence = coalesce((SELECT fence FROM bot_lease WHERE bot_lease.bot_id = begun.bot_id), 0)
RETURNING bot_update.bot_id, bot_update.update_id, bot_update.fence
"""

# Messages that were begun, are not recorded and were not counted before may come twice: they are counted now.
_TAKE: LiteralString = """
    WITH chosen AS MATERIALIZED (
        SELECT undone.*, wish.fence
        FROM (
            SELECT * FROM unnest(%(bots)s::uuid[], %(fences)s::bigint[], %(known)s::text[])
                 AS wish (bot_id, fence, known) LIMIT %(number)s
        ) AS wish
        CROSS JOIN LATERAL (
            SELECT bot_id, update_id,
                   greatest(0, sends_begun - jsonb_array_length(reply_message_ids) - sends_repeated) AS repeated
            FROM bot_update
            WHERE bot_update.bot_id = wish.bot_id AND state IN ('new', 'taken') AND bot_update.fence <= wish.fence
              AND NOT update_id = ANY(wish.known::bigint[])
              AND wish.fence = coalesce((SELECT fence FROM bot_lease WHERE bot_lease.bot_id = wish.bot_id), 0)
            ORDER BY update_id LIMIT %(most)s FOR UPDATE
        ) AS undone
    )
    UPDATE bot_update SET state = 'taken', attempts = attempts + 1, fence = chosen.fence, taken_at = now(),
                          sends_repeated = sends_repeated + chosen.repeated
    FROM chosen
    WHERE bot_update.bot_id = chosen.bot_id AND bot_update.update_id = chosen.update_id
    RETURNING bot_update.bot_id, bot_update.update_id, chat_id, payload, attempts, reply_message_ids, bot_update.fence,
              extract(epoch FROM clock_timestamp() - received_at)::float8 AS age, repeated
"""

Key = tuple[UUID, int]
"""(bot, update_id)"""


@dataclass(frozen=True, slots=True)
class SendBegun:
    """A new message is about to be sent for an update. `number` is 0 where it was begun before, and Telegram certainly
    does not have it."""

    bot_id: UUID
    update_id: int
    fence: int
    number: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """A bot's undone updates are wanted, save those that are `known` to be in work."""

    bot_id: UUID
    fence: int
    known: tuple[int, ...] = ()


async def store(
    uow: Runs, updates: Sequence[IncomingUpdate], offsets: Mapping[UUID, int] | None = None
) -> dict[Key, bool]:
    """Stores updates; those that are there already, and those of bots that are gone, are passed over.

    Args:
        uow: The system's.
        updates: What Telegram brought, of any number of bots.
        offsets: Next `getUpdates` offset of polled bots, to be kept with them.

    Returns:
        Those that are new, and of each whether it is taken: False also where the bot has changed hands meanwhile.
    """
    fresh: dict[Key, bool] = {}
    if updates:
        rows = await uow.run(
            _STORE,
            {
                "bots": array_of(update.bot_id for update in updates),
                "updates": array_of(update.update_id for update in updates),
                "chats": array_of(update.chat_id for update in updates),
                "payloads": [json.dumps(update.payload) for update in updates],
                "taken": array_of(update.taken for update in updates),
                "fences": array_of(update.fence for update in updates),
                "number": len(updates),
            },
        )
        fresh = {(bot_id, update_id): state == "taken" for bot_id, update_id, state in rows}
    if offsets:
        await uow.run(_MOVE_OFFSETS, {"bots": list(offsets), "offsets": list(offsets.values())})
    return fresh


async def tell_managers(uow: Runs, bots: Collection[str]) -> None:
    """Has the managers of these bots look for updates that came elsewhere."""
    await uow.run(_TELL, {"channel": UPDATES_CHANNEL, "bots": list(bots)})


async def mark(uow: Runs, marks: Sequence[UpdateMark]) -> set[Key]:
    """Writes how far updates have come; of several marks of one update the last counts, and an end is final.

    Returns:
        Those that were written; the others have an end already, or somebody else has taken them.
    """
    last = {(one.bot_id, one.update_id): one for one in marks}.values()
    repeated = Counter[Key]()
    for one in marks:
        repeated[one.bot_id, one.update_id] += one.repeated
    rows = await uow.run(
        _MARK,
        {
            "bots": array_of(one.bot_id for one in last),
            "updates": array_of(one.update_id for one in last),
            "states": [one.state for one in last],
            "attempts": array_of(one.attempts for one in last),
            "replies": [json.dumps(one.replies) for one in last],
            "errors": [one.error[:500] for one in last],
            "fences": array_of(one.fence for one in last),
            "repeated": array_of(repeated[one.bot_id, one.update_id] for one in last),
            "number": len(last),
        },
    )
    return {(bot_id, update_id) for bot_id, update_id in rows}


async def begin_sends(uow: Runs, sends: Sequence[SendBegun]) -> set[SendBegun]:
    """Writes that new messages are about to be sent, so that one which may come twice is known for it later.

    Returns:
        Those that may be sent: their updates are in work, under the lease as it is now.
    """
    numbers = Counter[SendBegun]()
    for one in sends:
        numbers[one] += one.number
    rows = await uow.run(
        _BEGIN_SENDS,
        {
            "bots": array_of(one.bot_id for one in numbers),
            "updates": array_of(one.update_id for one in numbers),
            "fences": array_of(one.fence for one in numbers),
            "numbers": array_of(numbers.values()),
            "number": len(numbers),
        },
    )
    return {SendBegun(bot_id, update_id, fence) for bot_id, update_id, fence in rows}


async def take(uow: Runs, wishes: Sequence[Wish], most: int) -> dict[UUID, list[StoredUpdate]]:
    """Takes each bot's oldest undone updates, `most` of each, in order of their ids. Without bots that have none.

    None where the lease of the wish's fence has passed to another.
    """
    rows = await uow.run(
        _TAKE,
        {
            "bots": array_of(wish.bot_id for wish in wishes),
            "fences": array_of(wish.fence for wish in wishes),
            "known": [array_of(wish.known) for wish in wishes],
            "number": len(wishes),
            "most": most,
        },
    )
    here = time.monotonic()
    taken: dict[UUID, list[StoredUpdate]] = {}
    for bot_id, number, chat_id, payload, attempts, replies, fence, age, repeated in sorted(rows, key=itemgetter(0, 1)):
        update = StoredUpdate(bot_id, number, chat_id, payload, attempts, replies, fence, here - age, repeated=repeated)
        taken.setdefault(bot_id, []).append(update)
    return taken
