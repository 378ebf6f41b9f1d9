"""Turns among bots, so that the one with most to do is not the only one that gets something done.

Turns    questions wait for an answer process: one of each bot after the other, and a bot that asks without end
         gets a share while others ask as well
Pace     how fast one bot's updates are taken in: Telegram keeps the rest, and brings them in their time
Stride   how fast one bot's updates are begun: what came at once would be between the others and their answers
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Self, TypeVar
from uuid import UUID

from bots.tuning import Tuning

MOST_REMEMBERED = 10_000
BUSY_SECONDS = 1.0
BURST = 20
"""Turns that a bot may have at once before its share counts."""

_ROUNDING = 1e-6

T = TypeVar("T")


class Share:
    """What one bot may have of what all bots share.

    Args:
        capacity: Turns a second that are divided among the bots which are busy at the time.
        least: Turns a second that a bot may have, however many others are busy.
        most: Turns a second that a bot may have when it is busy alone.
    """

    def __init__(self, capacity: float, least: float, most: float, now: float) -> None:
        self._capacity = capacity
        self._least = least
        self._most = most
        self._busy: set[object] = set()
        self._busy_before: set[object] = set()
        self._number = 0
        """Of the bots in both."""
        self._since = now

    @classmethod
    def of(cls, tuning: Tuning) -> Self:
        """What a bot may bring."""
        return cls(tuning.answers_capacity, tuning.updates_share, tuning.updates_rate, time.monotonic())

    def had(self, bot: object) -> None:
        """A bot had a turn."""
        if bot not in self._busy:
            self._number += bot not in self._busy_before
            self._busy.add(bot)

    def interval(self, now: float, waiting: Iterable[object] = ()) -> float:
        """Seconds between two turns of one bot, by the bots that wait or had turns in this second and the one
        before."""
        if now - self._since >= BUSY_SECONDS:
            stale = now - self._since >= 2 * BUSY_SECONDS
            self._busy_before, self._busy, self._since = set() if stale else self._busy, set(), now
            self._number = len(self._busy_before)
        busy = self._number + sum(one not in self._busy and one not in self._busy_before for one in waiting)
        return 1 / (self._most if busy < 2 else min(self._most, max(self._least, self._capacity / busy)))


class Turns(Generic[T]):
    """What waits, by bot.

    Args:
        capacity: Items a second that are divided among the bots which are busy at the time.
        least: Items a second that a bot may begin, however many others are busy. One that is busy alone has no bound.
        clock: Monotonic seconds.
    """

    def __init__(self, capacity: float, least: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = Share(capacity, least, math.inf, clock())
        self._clock = clock
        self._queues: dict[str, deque[T]] = {}
        self._order: deque[str] = deque()
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, bot: str, item: T) -> None:
        """Puts an item at the end of its bot's queue."""
        queue = self._queues.get(bot)
        if queue is None:
            queue = self._queues[bot] = deque()
            self._order.append(bot)
        queue.append(item)

    def remove(self, bot: str, item: T) -> bool:
        """Takes an item out; whether it was there."""
        queue = self._queues.get(bot)
        if queue is None or item not in queue:
            return False
        queue.remove(item)
        if not queue:
            self._forget(bot)
        return True

    def take(self) -> T | None:
        """The next item, of the bot whose turn it is; None when all that wait have had their share for now."""
        now = self._clock()
        interval = self._share.interval(now, self._queues)
        for _ in range(len(self._order)):
            bot = self._order[0]
            self._order.rotate(-1)
            if self._wait(bot, now, interval) > 0:
                continue
            queue = self._queues[bot]
            item = queue.popleft()
            if not queue:
                self._forget(bot)
            self._share.had(bot)
            self._full_at[bot] = max(now, self._full_at.get(bot, 0.0)) + interval
            if len(self._full_at) > MOST_REMEMBERED:
                self._full_at = {known: full for known, full in self._full_at.items() if full > now}
            return item
        return None

    def delay(self) -> float | None:
        """Seconds until somebody's turn comes; None when nobody waits."""
        now = self._clock()
        interval = self._share.interval(now, self._queues)
        return min((self._wait(bot, now, interval) for bot in self._queues), default=None)

    def clear(self) -> list[T]:
        """Takes all that waits."""
        left = [item for queue in self._queues.values() for item in queue]
        self._queues.clear()
        self._order.clear()
        return left

    def _wait(self, bot: str, now: float, interval: float) -> float:
        # Never longer than the present interval allows for: the one that was counted with may have been longer.
        return min(self._full_at.get(bot, 0.0) - interval * BURST, BURST * interval + now) - now

    def _forget(self, bot: str) -> None:
        del self._queues[bot]
        self._order.remove(bot)


class Pace:
    """How long a bot's next update is kept waiting before it is taken in.

    Telegram posts a bounded number of a bot's updates at a time, so that an answer which comes later slows it down.
    Nothing is refused as long as the wait is bearable.

    Args:
        share: What one bot may bring.
        burst: So many at once before the share counts.
        longest: Seconds that a post may be kept waiting.
        clock: Monotonic seconds.
    """

    def __init__(self, share: Share, burst: int, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._share = share
        self._burst = burst
        self._longest = longest
        self._clock = clock
        self._full_at: dict[UUID, float] = {}

    def take(self, bot: UUID) -> float | None:
        """Seconds that the update has to wait; None: too long, and it must come again later."""
        now = self._clock()
        self._share.had(bot)
        interval = self._share.interval(now)
        full_at = max(now, self._full_at.get(bot, 0.0)) + interval
        wait = full_at - interval * self._burst - now
        if wait > self._longest:
            return None
        self._full_at[bot] = full_at
        if len(self._full_at) > MOST_REMEMBERED:
            self._full_at = {known: full for known, full in self._full_at.items() if full > now}
        return max(0.0, wait)


class Stride:
    """When the next of one bot's updates may be fetched, or begin: a leaky bucket, which leaks as the share then is.

    Args:
        share: What one bot may bring.
        bot: Whose updates they are.
        burst: So many at once before the share counts.
    """

    __slots__ = ("_at", "_bot", "_burst", "_level", "_share")

    def __init__(self, share: Share, bot: UUID, burst: int) -> None:
        self._share = share
        self._bot = bot
        self._burst = burst
        self._level = 0.0
        self._at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until one may begin, as the share is now; 0: at once."""
        interval = self._leak(now)
        over = self._level - (self._burst - 1)
        return over * interval if over > _ROUNDING else 0.0

    def take(self, now: float) -> None:
        """It is fetched, or begins."""
        self._leak(now)
        self._share.had(self._bot)
        self._level += 1

    def give_back(self) -> None:
        """It took next to nothing."""
        self._level = max(0.0, self._level - 1)

    def _leak(self, now: float) -> float:
        interval = self._share.interval(now)
        self._level = max(0.0, self._level - (now - self._at) / interval)
        self._at = now
        return interval
