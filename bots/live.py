"""How each bot fares right now: counted at the manager, written to PostgreSQL every few seconds.

Pages, metrics and other processes read it there, so that they see the same whichever manager runs a bot.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from operator import attrgetter
from uuid import UUID

import structlog

from bots.metrics import Metrics
from chatai.core.clock import now
from chatai.core.database import Database, DatabaseAway
from chatai.domains.channels import live
from chatai.domains.channels.schemas import LiveFigures

log = structlog.get_logger(__name__)

WRITE_INTERVAL = 5.0
REWRITE_INTERVAL = 20.0
"""Figures of a bot with a process or with something to do are written at least so often: whoever reads older ones knows
that the manager is gone (see `schemas.STALE_AFTER`)."""
AT_ONCE = 50
"""So many bots are looked at and written in one turn of the loop: some milliseconds."""
_NEWS = attrgetter(*(field.name for field in fields(LiveFigures) if field.name != "paused_until"))
"""All but the time that a pause ends, which is reckoned anew each time."""
WINDOW = 60.0
LONGEST_WAIT_MS = 2**31 - 1
"""As its column holds: what came three weeks ago, to a bot that was stopped, may be answered now."""
MOST_WAITS = 256
"""Of so many answers the wait is remembered, the latest ones."""


class Figures:
    """What is counted of one bot. Times without a zone are monotonic. One that did nothing yet holds next to nothing:
    there may be ten thousand."""

    __slots__ = (
        "_metrics",
        "_sends",
        "_waits",
        "answered",
        "last_update_at",
        "memory_kb",
        "memory_peak_kb",
        "paused_until",
        "repeated",
        "sent_total",
        "started_at",
        "throttled_at",
        "throttled_total",
    )

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.answered = 0
        self.sent_total = 0
        self.throttled_total = 0
        self.throttled_at: datetime | None = None
        self.repeated = 0
        self.paused_until = 0.0
        self.memory_kb = 0
        self.memory_peak_kb = 0
        self.started_at: datetime | None = None
        self.last_update_at: datetime | None = None
        self._sends: deque[tuple[int, int]] | None = None
        self._waits: deque[tuple[float, float]] | None = None

    def received(self) -> None:
        """An update came."""
        self.last_update_at = now()

    def settled(self, waited: float) -> None:
        """An update is through, so many seconds after it came."""
        self.answered += 1
        self._metrics.waits.observe(max(0.0, waited))
        if self._waits is None:
            self._waits = deque(maxlen=MOST_WAITS)
        self._waits.append((time.monotonic(), waited))

    def sent(self, number: int = 1) -> None:
        """So many calls went to Telegram that count for its limits."""
        self.sent_total += number
        self._metrics.sends.inc(number)
        second = int(time.monotonic())
        if self._sends is None:
            self._sends = deque(maxlen=int(WINDOW) + 1)
        if self._sends and self._sends[-1][0] == second:
            number += self._sends.pop()[1]
        self._sends.append((second, number))

    def throttled(self, seconds: float) -> None:
        """Telegram answered 429: the bot must be still for so long."""
        self.throttled_total += 1
        self.throttled_at = now()
        self._metrics.throttled.inc()
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)

    def sent_again(self, number: int) -> None:
        """So many messages may have come twice."""
        self.repeated += number
        self._metrics.repeated.inc(number)

    def process_started(self) -> None:
        self.started_at = now()
        self.memory_kb = self.memory_peak_kb = 0

    def process_ended(self) -> None:
        self.started_at = None
        self.memory_kb = 0

    def weighed(self, kilobytes: int) -> None:
        self.memory_kb = kilobytes
        self.memory_peak_kb = max(self.memory_peak_kb, kilobytes)

    def live(
        self,
        bot_id: UUID,
        manager_id: UUID,
        pid: int | None,
        restarts: int,
        queued: int,
        in_work: int,
        oldest: float | None,
    ) -> LiveFigures:
        """As they are written. `oldest`: so many seconds has the oldest undone update waited."""
        return LiveFigures(
            bot_id=bot_id,
            manager_id=manager_id,
            pid=pid,
            memory_kb=self.memory_kb,
            memory_peak_kb=self.memory_peak_kb,
            started_at=self.started_at,
            restarts=restarts,
            queued=queued,
            in_work=in_work,
            answered=self.answered,
            sent=self.sent_total,
            sent_per_second=round(self.sent_per_second, 3),
            throttled=self.throttled_total,
            paused_until=self.paused_until_time,
            throttled_at=self.throttled_at,
            wait_p95_ms=min(round(self.wait_p95 * 1000), LONGEST_WAIT_MS),
            # In whole seconds, so that it stays the same for as long as the update does.
            waiting_since=None if oldest is None else (now() - timedelta(seconds=oldest)).replace(microsecond=0),
            last_update_at=self.last_update_at,
        )

    @property
    def sent_per_second(self) -> float:
        """Over the last minute."""
        since = time.monotonic() - WINDOW
        return sum(number for second, number in self._sends or () if second >= since) / WINDOW

    @property
    def wait_p95(self) -> float:
        """Seconds from an update's arrival to its end, over the last minute; 0 without any."""
        since = time.monotonic() - WINDOW
        waits = sorted(waited for when, waited in self._waits or () if when >= since)
        return waits[int(0.95 * (len(waits) - 1))] if waits else 0.0

    @property
    def paused_until_time(self) -> datetime | None:
        """Until when Telegram's 429 keeps the bot still, if it does."""
        left = self.paused_until - time.monotonic()
        return (now() + timedelta(seconds=left)).replace(microsecond=0) if left > 0 else None


class LiveWriter:
    """Writes the figures of this manager's bots, those that changed.

    Args:
        database: Where.
        manager_id: Who runs the bots.
        bots: Gives the bots that run.
        look: Gives a bot's figures, if it runs still and has any.
    """

    def __init__(
        self,
        database: Database,
        manager_id: UUID,
        bots: Callable[[], Sequence[UUID]],
        look: Callable[[UUID], LiveFigures | None],
    ) -> None:
        self._database = database
        self._manager_id = manager_id
        self._bots = bots
        self._look = look
        self._written: dict[UUID, tuple[LiveFigures, float]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due = time.monotonic() + WRITE_INTERVAL
            try:
                await self.write(spread=WRITE_INTERVAL)
            except DatabaseAway:
                pass  # they are of the moment: the next ones will do
            except Exception:  # figures that cannot be written must not end the writer of the later ones
                log.exception("live figures of bots could not be written")
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def write(self, spread: float = 0.0) -> None:
        """Writes what changed, and removes the figures of bots that are no longer run here.

        Args:
            spread: Over so many seconds, some bots at a time: those of a thousand at once would hold up everybody.

        Raises:
            DatabaseAway
        """
        bots = self._bots()
        await self._remove_others(set(bots))
        seen: set[UUID] = set()
        parts = [bots[start : start + AT_ONCE] for start in range(0, len(bots), AT_ONCE)]
        for part in parts:
            figures = [one for bot_id in part if (one := self._look(bot_id)) is not None]
            seen.update(one.bot_id for one in figures)
            await self._write(figures)
            await asyncio.sleep(spread / len(parts))
        await self._remove_others(seen)

    async def _remove_others(self, kept: set[UUID]) -> None:
        if gone := [bot_id for bot_id in self._written if bot_id not in kept]:
            async with self._database.system() as uow:
                await live.remove(uow, self._manager_id, gone)
            for bot_id in gone:
                del self._written[bot_id]

    async def _write(self, figures: list[LiveFigures]) -> None:
        moment = time.monotonic()
        if changed := [one for one in figures if self._is_due(one, moment)]:
            async with self._database.system() as uow:
                await live.upsert(uow, changed)
            for one in changed:
                self._written[one.bot_id] = (one, moment)

    async def clear(self) -> None:
        """Removes all figures that were written here. Raises: DatabaseAway."""
        async with self._database.system() as uow:
            await live.remove(uow, self._manager_id, list(self._written))
        self._written.clear()

    def _is_due(self, figures: LiveFigures, moment: float) -> bool:
        before = self._written.get(figures.bot_id)
        if before is None:
            return True
        written, when = before
        if figures.under_way and moment - when >= REWRITE_INTERVAL - WRITE_INTERVAL:
            return True
        return _NEWS(figures) != _NEWS(written) or (figures.paused_until is None) != (written.paused_until is None)
