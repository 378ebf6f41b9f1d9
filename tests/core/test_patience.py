"""Waiting, but not for ever."""

from __future__ import annotations

import asyncio

import pytest

from chatai.core.patience import within


async def test_what_comes_in_time_is_given_and_what_does_not_is_given_up():
    assert await within(60, asyncio.sleep(0, "here")) == "here"
    never = asyncio.Event()
    with pytest.raises(TimeoutError):
        await within(0.01, never.wait())


async def test_a_cancellation_at_the_moment_when_the_wait_ends_is_not_lost():
    news, turns = asyncio.Event(), 0

    async def listen() -> None:
        nonlocal turns
        while True:
            await within(60, news.wait())
            news.clear()
            turns += 1

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    news.set()
    await asyncio.sleep(0)  # the wait is over, and the listener has not been told yet
    listening.cancel()
    done, _ = await asyncio.wait({listening}, timeout=5)
    listening.cancel()
    assert done, "it went on listening"
    assert listening.cancelled()
    assert turns <= 1
