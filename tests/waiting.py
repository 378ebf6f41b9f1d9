"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text

from chatai.core.database import Database

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


async def somebody_waits(database: Database, how_many: int = 1) -> None:
    """Until so many connections of the application wait for a lock that another one has."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def enough() -> bool:
        async with database.person() as uow:
            return int((await uow.session.execute(waiting)).scalar_one()) >= how_many

    await eventually(enough)
