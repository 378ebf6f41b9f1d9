"""What becomes of one bot's updates, written to the inbox in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bots.inbox import Inbox
from chatai.domains.channels.schemas import StoredUpdate, UpdateMark, UpdateState

log = structlog.get_logger(__name__)


class Marks:
    """The marks of one bot that are not written yet."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_progress: dict[int, StoredUpdate] = {}

    def set_progress(self, update: StoredUpdate) -> None:
        """Marks how far the update has come; what it has come to meanwhile is written with it."""
        if update.update_id not in self._in_progress:
            self._in_progress[update.update_id] = update
            self.beside(self._write_progress(update.update_id))

    async def _write_progress(self, number: int) -> None:
        """However long that takes, and of however many steps: one write is under way at a time."""
        while True:
            update = self._in_progress[number]
            replies = list(update.replies)
            await self._write(update.marked("taken"))
            if update.replies == replies:
                del self._in_progress[number]
                return

    def set(
        self,
        update: StoredUpdate,
        state: UpdateState,
        error: str = "",
        *,
        repeated: int = 0,
        then: Callable[[int], None] | None = None,
    ) -> None:
        """Marks the update as it is now; `then` is called with its number once that is written. `repeated`: so many
        messages more may come twice."""
        mark = update.marked(state, error, repeated)

        async def write() -> None:
            if await self._write(mark) and then is not None:
                then(mark.update_id)

        self.beside(write())

    async def _write(self, mark: UpdateMark) -> bool:
        """Whether it is written. One that is refused for good stays known, so that it is not begun anew here."""
        try:
            await self._inbox.mark(mark)
        except Exception:
            log.exception("an update's mark is refused", bot_id=str(mark.bot_id), update_id=mark.update_id)
            return False
        return True

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something else that must be through before all counts as written."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def written(self, patience: float | None = None) -> None:
        """Waits until all is written; at most so many seconds."""
        try:
            async with asyncio.timeout(patience):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            return
