"""Many bots at a glance: pages of the list, searched, sorted and counted by PostgreSQL, and one bot closely.

The same statements serve the people of a workspace, whose rows row security picks, and the installation's admins, who
come with the system's unit of work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chatai.core.actor import Actor
from chatai.core.database import UnitOfWork
from chatai.domains.channels import events, live, repository, service
from chatai.domains.channels.access import require_everywhere, require_run_bots
from chatai.domains.channels.schemas import (
    STALE_AFTER,
    UNDELIVERED_FOR,
    BotLine,
    BotPage,
    BotQuery,
    BotSight,
    BotTotals,
    DesiredState,
    Minute,
)

LARGEST_PAGE = 200
MOST_SELECTED = 10_000

# Figures of a manager that fell silent say nothing: see LiveView.stale.
_LIVE = f"""LEFT JOIN bot_live live ON live.bot_id = bot.id
AND (live.pid IS NULL AND live.queued + live.in_work = 0
     OR live.updated_at > now() - interval '{STALE_AFTER.total_seconds():.0f} seconds')"""
_UNDELIVERED = f"""bot.webhook_error <> ''
AND bot.webhook_error_at > now() - interval '{UNDELIVERED_FOR.total_seconds():.0f} seconds'"""
_GROUP = f"""CASE WHEN bot.desired_state = 'stopped' THEN 'stopped'
     WHEN bot.state IN ('failed', 'revoked', 'conflict', 'quarantined') OR ({_UNDELIVERED}) THEN 'trouble'
     WHEN bot.state = 'sleeping' THEN 'sleeping' ELSE 'running' END"""
_TABLES = f"""FROM bot
JOIN assistant ON assistant.id = bot.assistant_id JOIN workspace ON workspace.id = bot.workspace_id
{_LIVE}"""
_FITS = f"""WHERE (:search = '' OR bot.name ILIKE :pattern OR bot.username ILIKE :pattern
  OR assistant.name ILIKE :pattern OR (:everywhere AND workspace.name ILIKE :pattern))
AND (:group = '' OR {_GROUP} = :group)"""
_ORDERS = {
    "name": "lower(bot.name)",
    "state": "CASE bot.state WHEN 'quarantined' THEN 0 WHEN 'revoked' THEN 1 WHEN 'failed' THEN 2 WHEN 'conflict'"
    " THEN 3 WHEN 'starting' THEN 4 WHEN 'running' THEN 5 WHEN 'sleeping' THEN 6 ELSE 7 END",
    "assistant": "lower(assistant.name)",
    "answered": "coalesce(live.answered, 0)",
    "rate": "coalesce(live.sent_per_second, 0)",
    "queue": "coalesce(live.queued + live.in_work, 0)",
    "memory": "coalesce(live.memory_kb, 0)",
    "restarts": "coalesce(live.restarts, 0)",
    "activity": "coalesce(live.last_update_at, '-infinity')",
}
_COLUMNS = f"""bot.id, bot.workspace_id, workspace.name AS workspace, bot.assistant_id, assistant.name AS assistant,
bot.username, bot.name, bot.desired_state, bot.state, bot.state_reason, bot.last_error,
CASE WHEN {_UNDELIVERED} THEN bot.webhook_error ELSE '' END AS webhook_error,
live.pid IS NOT NULL AS live, coalesce(live.answered, 0) AS answered,
coalesce(live.sent_per_second, 0) AS sent_per_second, coalesce(live.queued + live.in_work, 0) AS queue,
coalesce(live.memory_kb, 0) AS memory_kb, coalesce(live.restarts, 0) AS restarts, live.last_update_at"""
_TOTALS = text(  # all names are of this module
    f"""SELECT {_GROUP} AS kind, count(*) AS number, coalesce(sum(live.answered), 0)::bigint AS answered,
coalesce(sum(live.sent_per_second), 0) AS sent_per_second, coalesce(sum(live.queued + live.in_work), 0)::int AS queue,
coalesce(sum(live.memory_kb), 0)::bigint AS memory_kb
FROM bot {_LIVE} GROUP BY 1"""  # noqa: S608
)
_COUNT = text(f"SELECT count(*) {_TABLES} {_FITS}")
_IDS = text(f"SELECT bot.id {_TABLES} {_FITS} LIMIT {MOST_SELECTED}")
_WHERE = text("""
SELECT assistant.name AS assistant, workspace.name AS workspace FROM bot
JOIN assistant ON assistant.id = bot.assistant_id JOIN workspace ON workspace.id = bot.workspace_id WHERE bot.id = :bot
""")
_LAST_HOUR = text("""
SELECT minute, coalesce(messages, 0) AS messages, coalesce(wait_ms, 0)::int AS wait_ms
FROM generate_series(date_trunc('minute', now()) - interval '59 minutes', date_trunc('minute', now()), '1 minute')
     AS minute
LEFT JOIN (
    SELECT date_trunc('minute', received_at) AS at, count(*) AS messages,
           percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM done_at - received_at) * 1000) AS wait_ms
    FROM bot_update WHERE bot_id = :bot AND received_at > now() - interval '1 hour' GROUP BY 1
) AS told ON told.at = minute
ORDER BY minute
""")


async def list_page(uow: UnitOfWork, actor: Actor, query: BotQuery) -> BotPage:
    """A page of the workspace's bots. Raises: MayNotManageBots."""
    require_run_bots(actor)
    return await _page(uow, query, everywhere=False)


async def list_everywhere(uow: UnitOfWork, actor: Actor, query: BotQuery) -> BotPage:
    """A page of all bots of the installation, in the system's unit of work. Raises: NotInstallationAdmin."""
    require_everywhere(actor)
    return await _page(uow, query, everywhere=True)


async def select_all(uow: UnitOfWork, actor: Actor, query: BotQuery) -> list[UUID]:
    """Every bot of the workspace that fits the query, whatever page it is on. Raises: MayNotManageBots."""
    require_run_bots(actor)
    return list((await uow.session.execute(_IDS, _values(query, everywhere=False))).scalars())


async def select_everywhere(uow: UnitOfWork, actor: Actor, query: BotQuery) -> list[UUID]:
    """As `select_all`, of the whole installation. Raises: NotInstallationAdmin."""
    require_everywhere(actor)
    return list((await uow.session.execute(_IDS, _values(query, everywhere=True))).scalars())


async def want_everywhere(uow: UnitOfWork, actor: Actor, bot_ids: Sequence[UUID], desired: DesiredState) -> int:
    """Starts or stops bots of any workspace, in the system's unit of work; their workspaces' records say who did it.

    Raises:
        NotInstallationAdmin
    """
    require_everywhere(actor)
    return await service.want(uow, actor, bot_ids, desired)


async def look_at(uow: UnitOfWork, actor: Actor, bot_id: UUID, lines: int) -> BotSight:
    """How one of the workspace's bots fares, with so many lines of its log. Raises: MayNotManageBots, BotNotFound."""
    require_run_bots(actor)
    return await _sight(uow, bot_id, lines)


async def look_everywhere(uow: UnitOfWork, actor: Actor, bot_id: UUID, lines: int) -> BotSight:
    """As `look_at`, for any workspace's bot, in the system's unit of work.

    Raises: NotInstallationAdmin, BotNotFound.
    """
    require_everywhere(actor)
    return await _sight(uow, bot_id, lines)


async def _sight(uow: UnitOfWork, bot_id: UUID, lines: int) -> BotSight:
    bot = service.view(await repository.require(uow, bot_id))
    where = (await uow.session.execute(_WHERE, {"bot": bot_id})).one()
    hour = [Minute(*row) for row in await uow.session.execute(_LAST_HOUR, {"bot": bot_id})]
    told = await events.newest(uow, bot_id, None, lines)
    return BotSight(bot, where.assistant, where.workspace, await live.find(uow, bot_id), hour, told)


async def _page(uow: UnitOfWork, query: BotQuery, *, everywhere: bool) -> BotPage:
    values = _values(query, everywhere=everywhere)
    order = f"{_ORDERS[query.sort]} {'DESC' if query.descending else 'ASC'}, bot.id"
    rows = text(f"SELECT {_COLUMNS} {_TABLES} {_FITS} ORDER BY {order} LIMIT :limit OFFSET :offset")
    limits = {"limit": max(1, min(query.limit, LARGEST_PAGE)), "offset": max(0, query.offset)}
    names = [field.name for field in fields(BotLine)]
    found = await uow.session.execute(rows, values | limits)
    lines = [BotLine(**{name: getattr(row, name) for name in names}) for row in found]
    number = int((await uow.session.execute(_COUNT, values)).scalar_one())
    return BotPage(lines, number, await _totals(uow))


async def _totals(uow: UnitOfWork) -> BotTotals:
    rows = (await uow.session.execute(_TOTALS)).all()
    groups = {row.kind: row.number for row in rows}
    return BotTotals(
        groups=groups | {"": sum(groups.values())},
        answered=sum(row.answered for row in rows),
        sent_per_second=sum(row.sent_per_second for row in rows),
        queue=sum(row.queue for row in rows),
        memory_kb=sum(row.memory_kb for row in rows),
    )


def _values(query: BotQuery, *, everywhere: bool) -> dict[str, Any]:
    search = query.search.strip().removeprefix("@")[:100]
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"search": search, "pattern": f"%{escaped}%", "group": query.group, "everywhere": everywhere}
