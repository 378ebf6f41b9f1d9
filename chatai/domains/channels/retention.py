"""What the bots leave behind goes after a while: settled updates and old events, a few at a time.

Each call is a short transaction of its own over rows that nobody works on, so nothing waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import TextClause, text

from chatai.core.database import Database

AT_ONCE = 2_000

_UPDATES = text("""
DELETE FROM bot_update WHERE (bot_id, update_id) IN (
    SELECT bot_id, update_id FROM bot_update
    WHERE received_at < now() - make_interval(days => :days) AND state = ANY(CAST(:states AS text[]))
    ORDER BY received_at LIMIT :most FOR UPDATE SKIP LOCKED)
RETURNING 1
""")
_EVENTS = text("""
DELETE FROM bot_event WHERE id IN (
    SELECT id FROM bot_event WHERE created_at < now() - make_interval(days => :days) ORDER BY created_at LIMIT :most)
RETURNING 1
""")


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days what is kept. Updates that are not settled stay as long as it takes."""

    updates: int
    set_aside: int
    events: int


async def clean_up(database: Database, retention: Retention) -> dict[str, int]:
    """Removes all that is older; how many rows of each kind went."""
    settled = {"days": retention.updates, "states": ["done", "failed"]}
    poison = {"days": retention.set_aside, "states": ["set_aside"]}
    return {
        "updates": await _remove(database, _UPDATES, settled),
        "set_aside": await _remove(database, _UPDATES, poison),
        "events": await _remove(database, _EVENTS, {"days": retention.events}),
    }


async def _remove(database: Database, statement: TextClause, values: dict[str, object]) -> int:
    total = 0
    while True:
        async with database.system() as uow:
            removed = len((await uow.session.execute(statement, {**values, "most": AT_ONCE})).all())
        total += removed
        if removed < AT_ONCE:
            return total
