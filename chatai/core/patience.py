"""Waiting for something, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, awaited: Awaitable[T]) -> T:
    """What is waited for, if it comes in time.

    Instead of `asyncio.wait_for`: Python 3.11's loses a cancellation that comes at the moment when the wait ends, so
    that who was told to stop goes on for ever. Source: https://github.com/python/cpython/issues/86296

    Raises:
        TimeoutError
    """
    async with asyncio.timeout(seconds):
        return await awaited
