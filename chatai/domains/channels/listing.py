"""Telling Telegram which commands bots know: when one is connected or gets a token, and after an upgrade."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from chatai.core.database import Database
from chatai.domains.channels import repository
from chatai.domains.channels.commands import LIST_VERSION, LOCK, enqueue
from chatai.domains.channels.errors import TokenUnreadable
from chatai.domains.channels.ports import TelegramRefusal, telegram
from chatai.domains.channels.service import token_of

MOST_AT_ONCE = 2000
"""So many bots are told of a new list in an hour: four calls each."""

_OUTDATED = text("""
SELECT id FROM bot WHERE desired_state = 'running' AND state <> 'revoked' AND commands_told <> :version
AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = :lock || bot.id::text AND status = 'todo')
ORDER BY id LIMIT :most
""")


async def enqueue_outdated(database: Database) -> int:
    """Has Telegram told anew of bots for which it was told another list: after an upgrade. The work of a job.

    Returns:
        How many they are.
    """
    async with database.system() as uow:
        found = await uow.session.execute(_OUTDATED, {"version": LIST_VERSION, "lock": LOCK, "most": MOST_AT_ONCE})
        bot_ids = list(found.scalars())
        for bot_id in bot_ids:
            await enqueue(uow, bot_id)
    return len(bot_ids)


async def tell(database: Database, bot_id: UUID) -> None:
    """Tells Telegram which commands a bot knows, unless it is gone or its token is of no use. The work of a job.

    Raises:
        TelegramAway, TelegramRefusal: Worth another try.
    """
    async with database.system() as uow:
        bot = await repository.find(uow, bot_id)
    if bot is None:
        return
    try:
        await telegram().set_commands(token_of(bot))
    except TokenUnreadable:
        return
    except TelegramRefusal as refusal:
        if refusal.status not in {400, 401, 404}:  # with a new token they are told again, and this list never
            raise
    async with database.system() as uow:
        await repository.change(uow, bot_id, restarts=False, commands_told=LIST_VERSION)
