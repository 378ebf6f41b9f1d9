"""What becomes of one bot's updates, written to the inbox in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from bots.inbox import Inbox
from chatai.domains.channels.schemas import StoredUpdate, UpdateState

log = structlog.get_logger(__name__)


class Marks:
    """The marks of one bot that are not written yet."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._tasks: set[asyncio.Task[None]] = set()

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
            try:
                await self._inbox.mark(mark)
            except Exception:  # it stays known, so that this process does not begin it anew
                log.exception("an update's mark is refused", bot_id=str(mark.bot_id), update_id=mark.update_id)
                return
            if then is not None:
                then(mark.update_id)

        self.beside(write())

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
