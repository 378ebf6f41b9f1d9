"""Writes how bots are, a moment after it changed and many at once, and tells of it in their logs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from bots.events import Level
from bots.runner import BotRunner
from chatai.core.database import Database, DatabaseAway
from chatai.domains.channels import states
from chatai.domains.channels.schemas import IN_TROUBLE, BotState
from chatai.domains.channels.states import StateRow

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
LINGER_SECONDS = 0.1
"""Where bots change one after another, as after a start, they are written together; nobody sees a tenth of a second."""
MOST_AT_ONCE = 1_000

Said = tuple[BotState, str]
"""(state, code of the reason)"""


class StateWriter:
    """The states of this manager's bots on their way to PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[UUID, StateRow] = {}
        self._said: dict[UUID, Said] = {}
        self._wanted = asyncio.Event()

    def forget(self, bot_id: UUID) -> None:
        """The bot begins anew, or is no longer here: what was said of it counts no more."""
        self._said.pop(bot_id, None)

    def last(self, bot_id: UUID) -> BotState | None:
        """The state that was said last, since the bot began here."""
        said = self._said.get(bot_id)
        return said[0] if said is not None else None

    def drop(self, still_ours: Callable[[UUID], bool]) -> None:
        """Bots were lost: what was not written of them yet would be refused anyway."""
        self._waiting = {bot_id: row for bot_id, row in self._waiting.items() if still_ours(bot_id)}

    def say(self, runner: BotRunner, state: BotState, reason: str, last_error: str | None) -> None:
        """Writes how a bot is, unless that was said last."""
        bot_id = runner.bot.id
        before = self._said.get(bot_id)
        if before == (state, reason) and last_error is None:
            return
        self._note_change(runner, before or (runner.bot.state, ""), (state, reason), last_error)
        self._said[bot_id] = (state, reason)
        unwritten = self._waiting.get(bot_id)
        if last_error is None and unwritten is not None:
            last_error = unwritten.last_error
        self._waiting[bot_id] = StateRow(bot_id, runner.fence, state, reason, last_error)
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(LINGER_SECONDS)
            self._wanted.clear()
            try:
                await self.flush()
            except DatabaseAway:
                await asyncio.sleep(RETRY_SECONDS)
                self._wanted.set()
            except Exception:  # a state that cannot be written is wrong on a page; the next ones still count
                log.exception("the states of bots could not be written")

    async def flush(self) -> None:
        """Writes what waits. Raises: DatabaseAway."""
        while self._waiting:
            batch = dict(list(self._waiting.items())[:MOST_AT_ONCE])
            for bot_id in batch:
                del self._waiting[bot_id]
            try:
                await states.write(self._database, list(batch.values()))
            except DatabaseAway:
                self._waiting = batch | self._waiting  # what was said meanwhile is newer
                raise

    def _note_change(self, runner: BotRunner, before: Said | tuple[str, str], after: Said, error: str | None) -> None:
        """Into the bot's log goes what is bad, once, and that it is over."""
        state, reason = after
        if state in IN_TROUBLE:
            if before != after:
                level: Level = "warning" if state == "conflict" else "error"
                runner.note(level, f"bot_{state}", reason=reason, error=error or "")
        elif before[0] in IN_TROUBLE:
            runner.note("info", "bot_recovered")
