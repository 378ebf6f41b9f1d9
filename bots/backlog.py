"""How many undone updates a bot has, and how long they have waited: those in memory and those in the inbox alone.

Memory holds the oldest ones, and few. How many the inbox has is counted at each look of the fleet; what comes and what
ends in between moves that number.
"""

from __future__ import annotations

import time

from bots.queue import ChatQueues
from chatai.domains.channels.leases import Waiting


class Backlog:
    """The undone updates of one bot.

    `behind`: there may be some in the inbox that are not in memory. `loading`: they are being fetched.
    """

    __slots__ = ("_counted", "_oldest", "_queues", "behind", "loading")

    def __init__(self, queues: ChatQueues) -> None:
        self.behind = False
        self.loading = False
        self._queues = queues
        self._counted = 0
        self._oldest: float | None = None

    def looked(self, waiting: Waiting | None) -> None:
        """The inbox has these, or none."""
        self._counted = waiting.number if waiting is not None else 0
        self._oldest = time.monotonic() - waiting.seconds if waiting is not None else None

    def came(self, number: int) -> None:
        """So many more were stored."""
        if not self._counted:
            self._oldest = time.monotonic()
        self._counted += number

    def ended(self) -> None:
        """One is through."""
        self._counted = max(0, self._counted - 1)

    @property
    def undone(self) -> int:
        """All, those in work included."""
        here = self._queues.waiting + len(self._queues.in_work)
        return max(here, self._counted) if self._is_partly_away else here

    @property
    def waiting(self) -> int:
        """Those that wait for their turn."""
        return self.undone - len(self._queues.in_work)

    @property
    def oldest_seconds(self) -> float | None:
        """How long the oldest has waited; None without any."""
        came = self._queues.oldest
        if came is None and self._is_partly_away and self._counted:
            came = self._oldest
        return None if came is None else max(0.0, time.monotonic() - came)

    @property
    def _is_partly_away(self) -> bool:
        return self.behind or self.loading
