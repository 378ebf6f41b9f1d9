"""Rate limits shared by all processes over Redis; counted per process while Redis is away."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import limits
import structlog
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from chatai.core.cache import get_redis

_log = structlog.get_logger(__name__)


@lru_cache(maxsize=1)
def _shared() -> FixedWindowRateLimiter | None:
    client = get_redis()
    if client is None:
        return None
    storage = RedisStorage(
        "async+redis://localhost:6379",  # never used: the pool knows the way
        implementation="redispy",
        connection_pool=cast(Any, client.connection_pool),
        key_prefix="chatai:limits",
    )
    return FixedWindowRateLimiter(storage)


@lru_cache(maxsize=1)
def _local() -> FixedWindowRateLimiter:
    return FixedWindowRateLimiter(MemoryStorage())


async def allow(rule: str, name: str, *keys: str) -> bool:
    """Counts one attempt and says whether it is still within the limit.

    Args:
        rule: As in `10/5 minutes` (the notation of the `limits` library).
        name: What is limited.
        keys: For whom: an address, an account.
    """
    item = limits.parse(rule)
    shared = _shared()
    if shared is not None:
        try:
            return await shared.hit(item, name, *keys)
        except (RedisError, OSError) as error:
            _log.warning("rate limits are counted per process while Redis is away", error=type(error).__name__)
    return await _local().hit(item, name, *keys)


def forget() -> None:
    """Drops the connection and the local counts: for tests, whose settings change."""
    _shared.cache_clear()
    _local.cache_clear()
