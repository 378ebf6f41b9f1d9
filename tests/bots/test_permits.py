"""Telegram's limits: kept by buckets in Redis that all managers share, and in memory while Redis is away."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from redis.asyncio import Redis

from bots.limits import Buckets, Rate, Rates, within
from bots.permits import CLOSED, Permits
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.engines import EmbeddedValkey
from tests.waiting import eventually

BOT, OTHER = new_id(), new_id()
PUBLISHED = Rates.of(Settings(_env_file=None))
SMALL = Rates(bot=within(5, 10.0, 5), chat=Rate(2.0, 2), group=within(4, 10.0, 2))


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def moments(rates: Rates, chats: list[int], seconds: float) -> list[float]:
    """When messages leave in this time when each goes as soon as it may."""
    clock, left = Clock(), []
    buckets, end = Buckets(rates, clock), clock.time + seconds
    while True:
        chat = chats[len(left) % len(chats)]
        clock.time += buckets.wait(BOT, chat)
        if clock.time >= end:
            return left
        buckets.take(BOT, chat)
        left.append(clock.time)


def most_within(left: list[float], seconds: float) -> int:
    """The most of these moments that fall into any window of this length."""
    return max(sum(start <= moment < start + seconds - 1e-6 for moment in left) for start in left)


@pytest.mark.parametrize(
    ("chats", "seconds", "window", "most", "least"),
    [([7], 60, 1, 3, 60), ([-100], 300, 60, 20, 80), (list(range(1, 1001)), 10, 1, 30, 260)],
    ids=["one a second in a chat", "20 a minute in a group", "30 a second for a bot"],
)
def test_the_published_limits_are_kept_in_every_window_and_used(chats, seconds, window, most, least):
    left = moments(PUBLISHED, chats, seconds)
    assert most_within(left, window) <= most
    assert len(left) >= least


@given(st.integers(1, 40), st.data())
def test_no_window_ever_sees_more_than_its_number(number, data):
    burst = data.draw(st.integers(1, number))
    rates = Rates(bot=within(number, 1.0, burst), chat=Rate(1e-9, 10**6), group=Rate(1e-9, 10**6))
    assert most_within(moments(rates, [1], 3), 1.0) <= number


def test_an_edit_leaves_something_for_the_answer():
    buckets = Buckets(PUBLISHED, Clock())
    for _ in range(PUBLISHED.chat.burst - 1):
        assert buckets.wait(BOT, 7, spare=1) == 0
        buckets.take(BOT, 7)
    assert buckets.wait(BOT, 7, spare=1) > 0
    assert buckets.wait(BOT, 7) == 0


def test_a_burst_larger_than_the_rate_is_refused():
    with pytest.raises(ValidationError, match="TELEGRAM_GROUP_BURST may not be more than TELEGRAM_GROUP_RATE"):
        Settings(_env_file=None, telegram_group_burst=21)


@pytest.fixture(params=["redis", "memory"])
async def open_permits(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Callable[..., Permits]]:
    opened: list[Permits] = []

    def make(rates: Rates = SMALL) -> Permits:
        opened.append(Permits(rates, redis_url if request.param == "redis" else None))
        return opened[-1]

    yield make
    for one in opened:
        assert one.shared == (request.param == "redis")  # what was tested is what was meant
        await one.close()


async def test_a_chat_gets_its_burst_and_then_waits(open_permits):
    permits = open_permits()
    assert [await permits.ask(BOT, 7, 1) for _ in range(2)] == [0, 0]
    wait = await permits.ask(BOT, 7, 1)
    assert 0 < wait <= 2
    assert await permits.ask(BOT, 8, 1) == 0  # another chat of the bot
    assert await permits.ask(OTHER, 7, 1) == 0  # the same person's chat with another bot

    async def goes() -> bool:
        return await permits.ask(BOT, 7, 1) == 0

    await eventually(goes)


async def test_who_asks_and_may_not_takes_nothing(open_permits):
    permits = open_permits(Rates(bot=within(1000, 1.0, 500), chat=Rate(60.0, 1), group=within(4, 1.0, 2)))
    assert await permits.ask(BOT, 7, 1) == 0
    waits = [await permits.ask(BOT, 7, 1) for _ in range(20)]
    assert all(0 < wait <= 60 for wait in waits)
    assert waits == sorted(waits, reverse=True)


async def test_a_group_is_held_to_both_its_limits(open_permits):
    permits = open_permits(Rates(bot=within(1000, 1.0, 500), chat=Rate(0.001, 100), group=within(4, 60.0, 4)))
    assert [await permits.ask(BOT, -100, 1) for _ in range(4)] == [0] * 4
    assert 50 < await permits.ask(BOT, -100, 1) <= 60


async def test_many_at_once_are_told_apart(open_permits):
    permits = open_permits(Rates(bot=within(30, 1.0, 30), chat=Rate(1.0, 1), group=within(20, 60.0, 5)))
    asked = [(bot, chat) for bot in (BOT, OTHER) for chat in (*range(1, 21), *range(1, 21), -5)]
    waits = await asyncio.gather(*(permits.ask(bot, chat, 1) for bot, chat in asked))
    for bot in (BOT, OTHER):
        mine = [wait for (whose, _), wait in zip(asked, waits, strict=True) if whose == bot]
        assert sum(wait == 0 for wait in mine) == 21
        assert all(0.5 < wait <= 1.0 for wait in mine[20:40])


async def test_a_bot_whose_bucket_is_empty_leaves_its_neighbour_alone(open_permits):
    permits = open_permits()
    waits = await asyncio.gather(*(permits.ask(BOT, chat, 1) for chat in range(1, 40)))
    assert sum(wait == 0 for wait in waits) == 5
    assert await permits.ask(OTHER, 1, 1) == 0


async def test_what_counts_for_the_bot_alone_takes_nothing_of_a_chat(open_permits):
    permits = open_permits()
    assert [await permits.ask(BOT, 0, 1) for _ in range(4)] == [0] * 4
    assert await permits.ask(BOT, 7, 1) == 0
    assert await permits.ask(BOT, 0, 1) > 0


async def test_a_pause_holds_the_bot_back_in_all_chats_and_never_gets_shorter(open_permits):
    permits = open_permits()
    permits.pause(BOT, 10)
    permits.pause(BOT, 3)
    assert 9 < await permits.ask(BOT, 1, 1) <= 10
    assert 9 < await permits.ask(BOT, -1, 1) <= 10
    assert await permits.ask(OTHER, 1, 1) == 0


async def test_a_closed_chat_takes_nothing_until_somebody_writes_there(open_permits):
    permits = open_permits()
    permits.close_chat(BOT, 7)
    assert await permits.ask(BOT, 7, 99) == CLOSED
    assert await permits.ask(BOT, 7, 60) == CLOSED
    assert await permits.ask(BOT, 8, 99) == 0
    assert await permits.ask(OTHER, 7, 99) == 0
    assert await permits.ask(BOT, 7, 0) == 0  # what came just now
    assert await permits.ask(BOT, 7, 99) == 0  # it is open again


async def test_managers_share_buckets_pauses_and_closed_chats(redis_url):
    one, two = Permits(SMALL, redis_url), Permits(SMALL, redis_url)
    assert await one.ask(BOT, 7, 1) == await two.ask(BOT, 7, 1) == 0
    assert await one.ask(BOT, 7, 1) > 0
    assert await two.ask(BOT, 7, 1) > 0
    one.pause(OTHER, 30)
    one.close_chat(BOT, 9)

    async def heard() -> bool:
        return await two.ask(OTHER, 1, 1) > 20 and await two.ask(BOT, 9, 3600) == CLOSED

    await eventually(heard)
    assert await two.ask(BOT, 9, 0) == 0  # what came later than it was closed
    assert await two.ask(BOT, 9, 3600) != CLOSED
    await one.close()
    await two.close()


async def test_what_is_left_in_redis_has_an_end_and_the_bots_own_prefix(redis_url):
    permits, client = Permits(SMALL, redis_url), Redis.from_url(redis_url, decode_responses=True)
    for chat in (0, 7, -7):
        await permits.ask(BOT, chat, 1)
    permits.pause(BOT, 1)
    permits.close_chat(BOT, 9)

    async def keys() -> list[str]:
        found = [key async for key in client.scan_iter()]
        return found if len(found) == 6 else []

    found = await eventually(keys)
    assert all(key.startswith(f"bot:{BOT}:") for key in found)
    assert all([await client.pttl(key) > 0 for key in found])
    await permits.close()
    await client.aclose()


@pytest.fixture
def own_valkey(tmp_path):
    server = EmbeddedValkey(tmp_path / "valkey", tmp_path / "run", tmp_path / "valkey.log", durable=False)
    server.start()
    yield server
    server.stop(at_once=True)


async def test_redis_killed_and_back(own_valkey):
    permits = Permits(SMALL, own_valkey.url, probe_interval=0.05)
    assert await permits.ask(BOT, 7, 1) == 0
    own_valkey.stop(at_once=True)
    started = time.monotonic()
    assert await permits.ask(BOT, 7, 1) == 0
    assert await permits.ask(BOT, 7, 1) > 0  # what was counted in Redis was counted here too
    assert time.monotonic() - started < 2
    assert not permits.shared
    permits.pause(OTHER, 60)
    own_valkey.start()
    await eventually(lambda: permits.shared)
    fresh = Permits(SMALL, own_valkey.url)
    assert await fresh.ask(OTHER, 1, 1) > 50  # it was told of the pause that it missed
    assert await permits.ask(BOT, 8, 1) == 0
    assert permits.shared
    await permits.close()
    await fresh.close()


async def test_a_frozen_redis_holds_up_only_who_meets_it_first(own_valkey):
    permits = Permits(SMALL, own_valkey.url, patience=2, probe_interval=0.05)
    assert await permits.ask(BOT, 7, 1) == 0
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert await permits.ask(BOT, 8, 1) == 0
        started = time.monotonic()  # it has waited for as long as is patient
        assert [await permits.ask(BOT, 10 + number, 1) for number in range(3)] == [0] * 3
        assert time.monotonic() - started < 2
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)
    await eventually(lambda: permits.shared)
    await permits.close()
