"""How bots fare right now. Written by the manager that runs them, a few rows at a time; read by pages and metrics.

The table is unlogged: it costs next to nothing to write, and a crash of the server empties it until the next writing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlmodel import col

from chatai.core.database import UnitOfWork
from chatai.domains.channels.models import Bot, BotLive
from chatai.domains.channels.schemas import LiveFigures, LiveView

_NAMES = [field.name for field in fields(LiveFigures)]
_VALUES = attrgetter(*_NAMES)
_TYPES = {
    "bot_id": "uuid",
    "manager_id": "uuid",
    "started_at": "timestamptz",
    "paused_until": "timestamptz",
    "throttled_at": "timestamptz",
    "waiting_since": "timestamptz",
    "last_update_at": "timestamptz",
    "answered": "bigint",
    "sent": "bigint",
    "throttled": "bigint",
    "sent_per_second": "float8",
}
_ROW = ", ".join(f"{name} {_TYPES.get(name, 'int')}" for name in _NAMES)
_UPSERT = text(  # all names are of this module
    f"""
INSERT INTO bot_live (workspace_id, updated_at, {", ".join(_NAMES)})
SELECT bot.workspace_id, now(), {", ".join(f"seen.{name}" for name in _NAMES)}
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS seen ({_ROW})
JOIN bot ON bot.id = seen.bot_id
ON CONFLICT (bot_id) DO UPDATE SET updated_at = now(), {", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])}
"""  # noqa: S608 - no value in it
)


async def upsert(uow: UnitOfWork, rows: Sequence[LiveFigures]) -> None:
    """Writes figures, in the system's unit of work. Those of bots that are gone are passed over."""
    if rows:
        values = [dict(zip(_NAMES, _VALUES(row), strict=True)) for row in rows]
        await uow.session.execute(_UPSERT, {"rows": json.dumps(values, default=str)})


async def remove(uow: UnitOfWork, manager_id: UUID, bot_ids: Sequence[UUID]) -> None:
    """Removes the figures that this manager wrote of bots which it no longer runs."""
    written = (col(BotLive.manager_id) == manager_id) & col(BotLive.bot_id).in_(bot_ids)
    await uow.session.execute(delete(BotLive).where(written))


async def find(uow: UnitOfWork, bot_id: UUID) -> LiveView | None:
    """One bot's figures; who may see them, the caller has asked."""
    row = await uow.session.get(BotLive, bot_id)
    return _view(row) if row is not None else None


async def list_everywhere(uow: UnitOfWork) -> list[LiveView]:
    """The figures of all bots, in the system's unit of work: for metrics.

    Without those that a manager left behind which was killed, of bots that nobody wants to run any more: nobody would
    ever write them anew.
    """
    query = select(BotLive, col(Bot.desired_state)).join(Bot, col(Bot.id) == col(BotLive.bot_id))
    found = [(_view(row), desired) for row, desired in await uow.session.execute(query)]
    return [view for view, desired in found if not view.stale or desired == "running"]


def _view(row: BotLive) -> LiveView:
    return LiveView(**{field.name: getattr(row, field.name) for field in fields(LiveView)})
