"""Who may write to Telegram now: token buckets of all bots, shared by all managers through Redis.

Before each call that counts for Telegram's limits a worker asks its manager, which asks here. Whoever asks while a
round trip is under way shares the next one: one script decides on many. What is in Redis, under the bot's own prefix
and with an end:

    bot:{id}:rate            the bot's bucket          bot:{id}:pause         until when a 429 holds the bot back
    bot:{id}:rate:{chat}     the chat's bucket         bot:{id}:group:{chat}  the group's bucket
    bot:{id}:closed:{chat}   when the chat was found closed to the bot

Moments are microseconds of Redis's own clock, so managers need not agree on the time. Redis is speed, not truth: while
it is away the buckets of this process count at once, and somebody else than those who wait finds out when it is back.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bots.inbox import Batcher
from bots.limits import Buckets, Rate, Rates

log = structlog.get_logger(__name__)

REDIS_PATIENCE = 0.5
"""Longest wait for Redis before the buckets in memory count, in seconds. Only who asks first waits so long."""
PROBE_INTERVAL = 1.0
CLOSED_SECONDS = 30 * 24 * 3600
MOST_CLOSED = 20_000
"""Closed chats that are remembered here, besides in Redis."""
CLOSED = math.inf
"""The wait for a chat that is closed to the bot."""

# One request: kind (0 counts for the bot alone, 1 a chat, 2 a group), how many tokens of the chat must be left, the age
# in microseconds of the update that is answered.
# Its keys: pause, bot; closed, chat; group. The answer: microseconds to wait, 0 go, -1 the chat is closed.
_DECIDE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local rate = {}
for i = 1, 6 do rate[i] = tonumber(ARGV[i]) end
local waits, key = {}, 1
for i = 7, #ARGV, 3 do
  local kind, spare, age = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local last = key + (kind == 0 and 1 or kind + 2)
  local values = redis.call('MGET', unpack(KEYS, key, last))
  local closed = values[3]
  if closed and now - age > tonumber(closed) then
    redis.call('DEL', KEYS[key + 2])
    closed = false
  end
  local wait = -1
  if not closed then
    wait = math.max(0, tonumber(values[1] or 0) - now,
      tonumber(values[2] or 0) - rate[1] * (rate[2] - 1) - now)
    for j = 1, kind do
      wait = math.max(wait, tonumber(values[3 + j] or 0) - rate[1 + 2 * j] * (rate[2 + 2 * j] - 1 - spare) - now)
    end
    if wait == 0 then
      for j = 0, kind do
        local at = j == 0 and 2 or 3 + j
        local full = math.max(now, tonumber(values[at] or 0)) + rate[1 + 2 * j]
        redis.call('SET', KEYS[key + at - 1], string.format('%.0f', full),
          'PX', math.ceil((full - now) / 1000) + 1000)
      end
    end
  end
  waits[#waits + 1] = math.ceil(wait)
  key = last + 1
end
return waits
"""

_PAUSE = """
local time = redis.call('TIME')
local till = time[1] * 1000000 + time[2] + ARGV[1] * 1000000
if till > tonumber(redis.call('GET', KEYS[1]) or 0) then
  redis.call('SET', KEYS[1], string.format('%.0f', till), 'PX', math.ceil(ARGV[1] * 1000) + 1000)
end
"""

# How long ago the chat was found closed, in seconds; for how long that is remembered.
_CLOSE = """
local time = redis.call('TIME')
local closed = time[1] * 1000000 + time[2] - ARGV[1] * 1000000
redis.call('SET', KEYS[1], string.format('%.0f', closed), 'EX', ARGV[2])
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    bot: UUID
    chat: int
    age: float
    spare: int


class Permits:
    """The limits of all bots of this manager.

    Args:
        rates: The limits.
        url: Redis. None: the buckets are in memory only.
    """

    def __init__(
        self,
        rates: Rates,
        url: str | None,
        *,
        patience: float = REDIS_PATIENCE,
        probe_interval: float = PROBE_INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = Buckets(rates, clock)
        self._clock = clock
        self._paused: dict[UUID, float] = {}
        self._closed: OrderedDict[tuple[UUID, int], float] = OrderedDict()
        self._asks: Batcher[_Ask, dict[_Ask, float]] = Batcher(self._decide)
        self._tasks: set[asyncio.Task[None]] = set()
        self._probe_interval = probe_interval
        self._redis: Redis | None = None
        self.shared = False
        """Whether Redis counts now, and not this process alone."""
        if url is not None:
            self._redis = Redis.from_url(
                url,
                socket_timeout=patience,
                socket_connect_timeout=patience,
                retry=Retry(NoBackoff(), 0),
            )
            self._script = self._redis.register_script(_DECIDE)
            self._pause_script = self._redis.register_script(_PAUSE)
            self._close_script = self._redis.register_script(_CLOSE)
            self.shared = True
        self._rates = [_microseconds(rate) for rate in (rates.bot, rates.chat, rates.group)]

    async def ask(self, bot: UUID, chat: int, age: float, spare: int = 0) -> float:
        """Takes the tokens of one message, or says when to ask again.

        Args:
            bot: The bot that wants to write.
            chat: Where to; 0 for what counts for the bot alone.
            age: So many seconds ago the update came that is answered: one that came after the chat was closed opens
                it again.
            spare: So many of the chat's tokens must be left after this one.

        Returns:
            Seconds to wait; 0: go, and the tokens are taken. `CLOSED`: the chat takes nothing from this bot.
        """
        if (held := self.paused(bot)) > 0:
            return held
        if (closed := self._closed.get((bot, chat))) is not None:
            if self._clock() - age <= closed:
                return CLOSED
            del self._closed[bot, chat]
        ask = _Ask(bot, chat, age, spare)
        return (await self._asks.add(ask))[ask]

    def pause(self, bot: UUID, seconds: float) -> None:
        """Telegram said 429: this bot, and no other, writes nothing for so long."""
        until = self._clock() + seconds
        if until > self._paused.get(bot, 0.0):
            self._paused[bot] = until
            self._later(self._share_pause(bot, seconds))

    def paused(self, bot: UUID) -> float:
        """Seconds that are left of the bot's pause, as far as this manager knows."""
        until = self._paused.get(bot)
        if until is None:
            return 0.0
        left = until - self._clock()
        if left <= 0:
            del self._paused[bot]
        return max(0.0, left)

    def close_chat(self, bot: UUID, chat: int) -> None:
        """The chat takes nothing from the bot: updates that came before now are not answered there."""
        self._closed[bot, chat] = self._clock()
        self._closed.move_to_end((bot, chat))
        if len(self._closed) > MOST_CLOSED:
            self._closed.popitem(last=False)
        self._later(self._share_closed(bot, chat, self._closed[bot, chat]))

    async def close(self) -> None:
        """Lets go of Redis."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._redis is not None:
            await self._redis.aclose()

    async def _decide(self, asks: list[_Ask]) -> dict[_Ask, float]:
        if self.shared:
            keys: list[str] = []
            arguments: list[int] = [number for pair in self._rates for number in pair]
            for ask in asks:
                keys += _keys(ask.bot, ask.chat)
                arguments += (0 if not ask.chat else 1 if ask.chat > 0 else 2, ask.spare, int(ask.age * 1e6))
            try:
                waits = await self._script(keys=keys, args=arguments)
            except (RedisError, OSError) as error:
                self._lost(error)
            else:
                for ask, wait in zip(asks, waits, strict=True):
                    if wait == 0:  # counted here too, so that these buckets are right when Redis goes
                        self._buckets.take(ask.bot, ask.chat)
                return {ask: wait / 1e6 if wait >= 0 else CLOSED for ask, wait in zip(asks, waits, strict=True)}
        return {ask: self._decide_here(ask) for ask in asks}

    def _decide_here(self, ask: _Ask) -> float:
        wait = self._buckets.wait(ask.bot, ask.chat, ask.spare)
        if wait == 0:
            self._buckets.take(ask.bot, ask.chat)
        return wait

    def _lost(self, error: Exception) -> None:
        """From now on nobody waits for Redis until it is known to be back."""
        if self.shared:
            self.shared = False
            log.warning(
                "bots' limits are counted by this manager alone while Redis is away", error=type(error).__name__
            )
            if self._redis is not None:
                self._later(self._probe(self._redis))

    async def _probe(self, redis: Redis) -> None:
        """Finds out when Redis is back, and tells it of the pauses that it missed."""
        while not self.shared:
            await asyncio.sleep(self._probe_interval)
            try:
                await redis.ping()  # type: ignore[misc]  # typed as what the blocking client gives
                for bot in list(self._paused):
                    if (left := self.paused(bot)) > 0:
                        await self._pause_script(keys=[_pause_key(bot)], args=[left])
            except (RedisError, OSError):
                continue
            self.shared = True
        log.info("bots' limits are counted in Redis again")

    async def _share_pause(self, bot: UUID, seconds: float) -> None:
        if self.shared:
            try:
                await self._pause_script(keys=[_pause_key(bot)], args=[seconds])
            except (RedisError, OSError) as error:
                self._lost(error)

    async def _share_closed(self, bot: UUID, chat: int, closed: float) -> None:
        if self.shared:
            try:
                await self._close_script(keys=[_keys(bot, chat)[2]], args=[self._clock() - closed, CLOSED_SECONDS])
            except (RedisError, OSError) as error:
                self._lost(error)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _microseconds(rate: Rate) -> tuple[int, int]:
    return round(rate.interval * 1e6), rate.burst


def _pause_key(bot: UUID) -> str:
    return f"bot:{bot}:pause"


def _keys(bot: UUID, chat: int) -> list[str]:
    keys = [_pause_key(bot), f"bot:{bot}:rate"]
    if chat:
        keys += [f"bot:{bot}:closed:{chat}", f"bot:{bot}:rate:{chat}"]
    if chat < 0:
        keys.append(f"bot:{bot}:group:{chat}")
    return keys
