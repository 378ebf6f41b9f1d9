"""How all bots of the installation fare, one by one: `/metrics/telegram-rate-limit`. Read from the database, so that
every process tells the same."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from chatai.core.clock import now
from chatai.core.database import UnitOfWork
from chatai.core.settings import Settings
from chatai.domains.channels import live
from chatai.domains.channels.schemas import IN_TROUBLE, LiveView

THROTTLED_FOR = timedelta(seconds=60)
"""So long after a 429 a bot's limits count as not respected."""

_STATES = text("""
SELECT CASE desired_state WHEN 'stopped' THEN 'stopped' ELSE state END AS state, count(*) AS number,
       count(*) FILTER (WHERE desired_state = 'running') AS wanted
FROM bot GROUP BY 1 ORDER BY 1
""")
_IN_TROUBLE = text("""
SELECT bot.id, bot.state, bot.state_reason AS reason,
       (SELECT count(*) FROM bot_update WHERE bot_id = bot.id AND bot_update.state IN ('new', 'taken')) AS undone
FROM bot WHERE desired_state = 'running' AND bot.state = ANY(:states) ORDER BY bot.id
""")


async def report(uow: UnitOfWork, settings: Settings) -> dict[str, Any]:
    """The figures of all bots, in the system's unit of work. No names: bots are told apart by their ids."""
    moment = now()
    counted = (await uow.session.execute(_STATES)).all()
    troubled = await uow.session.execute(_IN_TROUBLE, {"states": sorted(IN_TROUBLE)})
    trouble = [
        {"bot_id": str(row.id), "state": row.state, "reason": row.reason, "undone_updates": row.undone}
        for row in troubled
    ]
    views = await live.list_everywhere(uow)
    bots = [_bot(view, settings, moment) for view in views]
    alive = [view for view in views if view.pid is not None and not view.stale]
    return {
        "timestamp": moment.isoformat(),
        "total_bots": len(alive),
        "registered_bots": sum(row.number for row in counted),
        "wanted_bots": sum(row.wanted for row in counted),
        "states": {row.state: row.number for row in counted},
        "limits": {
            "bot_messages_per_second": settings.telegram_bot_rate,
            "chat_messages_per_second": settings.telegram_chat_rate,
            "group_messages_per_minute": settings.telegram_group_rate,
        },
        "limits_respected": _all_respected([bot["limits_respected"] for bot in bots]),
        "messages_per_second": round(sum(view.sent_per_second for view in alive), 3),
        "throttled": sum(view.throttled for view in views),
        "queue": {
            "waiting": sum(view.queued for view in views),
            "in_work": sum(view.in_work for view in views),
            "longest": max((view.queued for view in views), default=0),
            "delay_p95_ms": max((view.wait_ms(moment) for view in views), default=0),
            "oldest_update_ms": max((view.oldest_ms(moment) for view in views), default=0),
        },
        "workers": {
            "live": len(alive),
            "restarts": sum(view.restarts for view in views),
            "memory_kb": sum(view.memory_kb for view in alive),
            "memory_max_kb": max((view.memory_kb for view in alive), default=0),
        },
        "trouble": trouble,
        "bots": bots,
    }


def as_text(found: dict[str, Any]) -> str:
    """As JSON with a field a line, so that `grep total_bots` finds one."""
    return json.dumps(found, indent=1) + "\n"


def _all_respected(told: list[bool | None]) -> bool | None:
    """None where nothing is known of any bot."""
    known = [one for one in told if one is not None]
    return all(known) if known or not told else None


def _respects_limits(view: LiveView, settings: Settings, moment: datetime) -> bool | None:
    """Whether Telegram held the bot back neither now nor within the last minute, and it sends no more than it may. None
    where nobody knows: its manager has fallen silent."""
    if view.stale:
        return None
    throttled = view.throttled_at is not None and moment - view.throttled_at < THROTTLED_FOR
    paused = view.paused_until is not None and view.paused_until > moment
    return not throttled and not paused and view.sent_per_second <= settings.telegram_bot_rate


def _bot(view: LiveView, settings: Settings, moment: datetime) -> dict[str, Any]:
    paused = view.paused_until is not None and view.paused_until > moment
    if view.stale:
        state = "unknown"  # its manager has fallen silent
    elif view.pid is None:
        state = "sleeping"
    else:
        state = "paused" if paused else "live"
    return {
        "bot_id": str(view.bot_id),
        "state": state,
        "messages_per_second": view.sent_per_second,
        "limits_respected": _respects_limits(view, settings, moment),
        "throttled": view.throttled,
        "throttled_at": view.throttled_at.isoformat() if view.throttled_at is not None else None,
        "paused_until": view.paused_until.isoformat() if view.paused_until is not None and paused else None,
        "queued": view.queued,
        "in_work": view.in_work,
        "delay_p95_ms": view.wait_ms(moment),
        "oldest_update_ms": view.oldest_ms(moment),
        "answered": view.answered,
        "sent": view.sent,
        "pid": view.pid,
        "memory_kb": view.memory_kb,
        "memory_peak_kb": view.memory_peak_kb,
        "restarts": view.restarts,
    }
