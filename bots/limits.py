"""When the next call to Telegram may leave, for one bot.

Telegram's published limits: about one message a second in a chat (short bursts are borne), 20 a minute in a group,
30 a second for a bot over all chats. They are kept here so that 429 is the exception; where it comes all the same,
its `retry_after` holds back this bot and nobody else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

REMEMBERED_CHATS = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, and one more each `interval` seconds."""

    interval: float
    burst: int


PER_BOT = Rate(interval=1 / 30, burst=30)
PER_CHAT = Rate(interval=1.0, burst=3)
PER_GROUP = Rate(interval=3.0, burst=5)


class Limits:
    """The buckets of one bot. Groups are the chats with a negative id."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paused_until = 0.0
        self._bot = 0.0
        self._chats: OrderedDict[int, float] = OrderedDict()

    def pause(self, seconds: float) -> None:
        """Nothing leaves for so long: Telegram said so."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def paused(self) -> float:
        """Seconds that are left of the pause."""
        return max(0.0, self._paused_until - self._clock())

    def delay(self, chat_id: int) -> float:
        """Seconds until a message may leave for this chat; 0 when it may leave now."""
        now = self._clock()
        rate = PER_GROUP if chat_id < 0 else PER_CHAT
        return max(
            0.0,
            self._paused_until - now,
            self._bot - PER_BOT.interval * (PER_BOT.burst - 1) - now,
            self._chats.get(chat_id, 0.0) - rate.interval * (rate.burst - 1) - now,
        )

    def take(self, chat_id: int) -> None:
        """A message leaves for this chat."""
        now = self._clock()
        rate = PER_GROUP if chat_id < 0 else PER_CHAT
        self._bot = max(now, self._bot) + PER_BOT.interval
        self._chats[chat_id] = max(now, self._chats.get(chat_id, 0.0)) + rate.interval
        self._chats.move_to_end(chat_id)
        if len(self._chats) > REMEMBERED_CHATS:
            self._chats.popitem(last=False)
