"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(condition: Callable[[], Awaitable[T] | T], patience: float = 20, pause: float = 0.02) -> T:
    """Asks again and again until the answer is true, and returns it.

    Raises:
        AssertionError: It was not within `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        answer = condition()
        value = await answer if isinstance(answer, Awaitable) else answer
        if value:
            return value
        assert time.monotonic() < deadline, f"still not so after {patience} s"
        await asyncio.sleep(pause)
