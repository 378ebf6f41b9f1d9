"""What happens to bots, for their pages' logs: collected without waiting, written in batches.

Telling must cost the teller nothing and fail nowhere. What cannot be written (PostgreSQL is away) is kept up to a
bound, the newest last; a bot that has much to tell is cut short, and what was left out is counted.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog

from chatai.core.clock import now
from chatai.core.database import Database, DatabaseAway
from chatai.core.ids import new_id
from chatai.core.scrubbing import scrub
from chatai.domains.channels import events
from chatai.domains.channels.schemas import BotEventRow

log = structlog.get_logger(__name__)

Level = Literal["info", "warning", "error"]

MOST_KEPT = 5_000
MOST_AT_ONCE = 1_000
WRITE_INTERVAL = 1.0
BURST = 60
PER_SECOND = 0.2
FOR_ERRORS = 15
"""Of the burst, so many are for errors alone: a talkative bot's quarantine must not go unsaid."""
LONGEST_DETAIL = 500


@dataclass(slots=True)
class _Allowance:
    """How much a bot may still tell: BURST at once, PER_SECOND in the long run."""

    left: float
    counted_at: float
    left_out: int = 0


class EventLog:
    """The events of all bots of this manager."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[BotEventRow] = deque()
        self._allowances: dict[UUID, _Allowance] = {}
        self._wanted = asyncio.Event()
        self.dropped = 0
        """Events that were never written: the buffer was full, or a bot told too much."""

    def add(self, bot_id: UUID, workspace_id: UUID, level: Level, event: str, **detail: object) -> None:
        """Tells of something that happened to a bot. Returns at once and never raises.

        Args:
            bot_id: The bot.
            workspace_id: Its workspace.
            level: How bad it is.
            event: Its code; `channels.event_texts` has a sentence for each.
            detail: What fills the sentence: short values. Secrets in them are cut out.
        """
        left_out = self._allow(bot_id, 1 if level == "error" else 1 + FOR_ERRORS)
        if left_out is None:
            self.dropped += 1
            return
        if left_out:
            self._put(bot_id, workspace_id, "warning", "events_left_out", {"number": left_out})
        self._put(bot_id, workspace_id, level, event, {key: _fit(value) for key, value in detail.items()})

    async def run(self) -> None:
        """Writes until cancelled."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(WRITE_INTERVAL)
            self._wanted.clear()
            await self.flush()
            self._forget_quiet_bots()

    async def flush(self) -> None:
        """Writes what waits. What PostgreSQL does not take now is kept for the next time."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
            try:
                async with self._database.system() as uow:
                    await events.insert(uow, batch)
            except DatabaseAway:
                self._waiting.extendleft(reversed(batch))
                while len(self._waiting) > MOST_KEPT:
                    self._waiting.popleft()
                    self.dropped += 1
                self._wanted.set()
                return
            except Exception:  # a batch that cannot be written must not hold up the later ones
                self.dropped += len(batch)
                log.exception("events of bots could not be written", events=len(batch))

    def _put(self, bot_id: UUID, workspace_id: UUID, level: Level, event: str, detail: dict[str, object]) -> None:
        if len(self._waiting) >= MOST_KEPT:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(BotEventRow(new_id(), now(), bot_id, workspace_id, level, event, detail))
        self._wanted.set()

    def _allow(self, bot_id: UUID, needed: int) -> int | None:
        """None: the bot has told enough for now. Else how many of its events were left out before this one."""
        moment = time.monotonic()
        allowance = self._allowances.setdefault(bot_id, _Allowance(BURST, moment))
        allowance.left = min(BURST, allowance.left + (moment - allowance.counted_at) * PER_SECOND)
        allowance.counted_at = moment
        if allowance.left < needed:
            allowance.left_out += 1
            return None
        allowance.left -= 1
        left_out, allowance.left_out = allowance.left_out, 0
        return left_out

    def _forget_quiet_bots(self) -> None:
        moment = time.monotonic()
        quiet = [
            bot_id
            for bot_id, one in self._allowances.items()
            if not one.left_out and one.left + (moment - one.counted_at) * PER_SECOND >= BURST
        ]
        for bot_id in quiet:
            del self._allowances[bot_id]


def _fit(value: object) -> object:
    """As JSONB takes it: short, without secrets, NUL and lone surrogates."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = scrub(str(value)).replace("\0", "")[:LONGEST_DETAIL]
    return text.encode("utf-8", "replace").decode()
