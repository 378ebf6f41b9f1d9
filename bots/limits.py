"""Telegram's published limits as token buckets, and the buckets that a manager keeps in its own memory.

Telegram bears 30 messages a second from a bot over all chats, 20 a minute in a group, and about one a second in a chat
(short bursts are borne there). Edits count as messages do. Groups are the chats with a negative id; chat 0 stands for
what counts for the bot alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from chatai.core.settings import Settings

MOST_REMEMBERED = 50_000
"""Buckets in memory before the full ones are dropped: a full bucket is the same as none."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `burst` tokens that gains one each `interval` seconds."""

    interval: float
    burst: int


def within(number: int, seconds: float, burst: int) -> Rate:
    """The bucket that lets no more than `number` through in any `seconds`, at most `burst` of them at once."""
    return Rate(seconds / (number - burst + 1), burst)


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of every bot, of every chat, and of every group besides that of its chat."""

    bot: Rate
    chat: Rate
    group: Rate

    @classmethod
    def of(cls, settings: Settings) -> Rates:
        return cls(
            bot=within(settings.telegram_bot_rate, 1.0, settings.telegram_bot_burst),
            chat=Rate(1 / settings.telegram_chat_rate, settings.telegram_chat_burst),
            group=within(settings.telegram_group_rate, 60.0, settings.telegram_group_burst),
        )


class Allowance:
    """One bucket, which is full at first."""

    __slots__ = ("_clock", "_full_at", "_rate")

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._full_at = -math.inf

    def take(self) -> bool:
        """Takes a token, if there is one."""
        now = self._clock()
        if self._full_at - self._rate.interval * (self._rate.burst - 1) > now:
            return False
        self._full_at = max(now, self._full_at) + self._rate.interval
        return True


class Buckets:
    """The buckets of all bots, for this process alone.

    A bucket is the moment at which it will be full again (generic cell rate algorithm): a token is there while that
    moment is less than `burst - 1` intervals ahead.
    """

    def __init__(self, rates: Rates, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._full_at: dict[tuple[UUID, int, str], float] = {}

    def wait(self, bot: UUID, chat: int, spare: int = 0) -> float:
        """Seconds until a message may leave; 0: it may leave now. `spare` tokens of the chat must then be left."""
        now = self._clock()
        return max(
            0.0,
            *(
                self._full_at.get(key, 0.0) - rate.interval * (rate.burst - 1 - (spare if key[1] else 0)) - now
                for key, rate in self._of(bot, chat)
            ),
        )

    def take(self, bot: UUID, chat: int) -> None:
        """A message leaves."""
        now = self._clock()
        for key, rate in self._of(bot, chat):
            self._full_at[key] = max(now, self._full_at.get(key, 0.0)) + rate.interval
        if len(self._full_at) > MOST_REMEMBERED:
            self._full_at = {key: moment for key, moment in self._full_at.items() if moment > now}

    def _of(self, bot: UUID, chat: int) -> list[tuple[tuple[UUID, int, str], Rate]]:
        buckets = [((bot, 0, ""), self._rates.bot)]
        if chat:
            buckets.append(((bot, chat, ""), self._rates.chat))
        if chat < 0:
            buckets.append(((bot, chat, "group"), self._rates.group))
        return buckets
