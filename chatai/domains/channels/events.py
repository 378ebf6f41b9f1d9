"""The log of each bot: written by the bot manager, read by the people of its workspace
and by the installation's admins, kept for a while."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, text
from sqlmodel import col

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.domains.channels import repository
from chatai.domains.channels.access import require_everywhere, require_run_bots
from chatai.domains.channels.models import BotEvent
from chatai.domains.channels.schemas import BotEventRow, BotEventView

MOST_LISTED = 200

_INSERT = text("""
INSERT INTO bot_event (id, created_at, workspace_id, bot_id, level, event, detail)
SELECT told.id, told.created_at, bot.workspace_id, told.bot_id, left(told.level, 8), left(told.event, 100), told.detail
FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[]), CAST(:bots AS uuid[]), CAST(:levels AS text[]),
            CAST(:events AS text[]), CAST(:details AS jsonb[])) AS told (id, created_at, bot_id, level, event, detail)
JOIN bot ON bot.id = told.bot_id
ON CONFLICT DO NOTHING
""")


async def insert(uow: UnitOfWork, rows: Sequence[BotEventRow]) -> None:
    """Writes events, in the system's unit of work. Those of bots that are gone are passed over."""
    await uow.session.execute(
        _INSERT,
        {
            "ids": [row.id for row in rows],
            "times": [row.created_at for row in rows],
            "bots": [row.bot_id for row in rows],
            "levels": [row.level for row in rows],
            "events": [row.event for row in rows],
            "details": [json.dumps(row.detail) for row in rows],
        },
    )


async def list_events(
    uow: UnitOfWork, actor: Actor, bot_id: UUID, before: UUID | None = None, limit: int = 50
) -> list[BotEventView]:
    """A page of the bot's log, the newest first.

    Args:
        uow: In the bot's workspace.
        actor: Must be allowed to look after bots.
        bot_id: The bot.
        before: The id of the last event of the page before; none for the first page.
        limit: How many, up to 200.

    Raises:
        MayNotManageBots: The role does not cover it.
        BotNotFound: There is no such bot in the workspace.
    """
    require_run_bots(actor)
    return await newest(uow, bot_id, before, limit)


async def list_everywhere(
    uow: UnitOfWork, actor: Actor, bot_id: UUID, before: UUID | None = None, limit: int = 50
) -> list[BotEventView]:
    """As `list_events`, of any workspace's bot, in the system's unit of work.

    Raises: NotInstallationAdmin, BotNotFound.
    """
    require_everywhere(actor)
    return await newest(uow, bot_id, before, limit)


async def newest(uow: UnitOfWork, bot_id: UUID, before: UUID | None, limit: int) -> list[BotEventView]:
    """As `list_events`; who may, the caller has asked. Raises: BotNotFound."""
    await repository.require(uow, bot_id)
    query = select(BotEvent).where(col(BotEvent.bot_id) == bot_id)
    if before is not None:
        query = query.where(col(BotEvent.id) < before)
    query = query.order_by(col(BotEvent.id).desc()).limit(max(1, min(limit, MOST_LISTED)))
    rows = (await uow.session.execute(query)).scalars()
    return [BotEventView(row.id, row.created_at, row.level, row.event, row.detail) for row in rows]
