"""Redis is speed, never truth: every user of it goes on when it is away."""

from __future__ import annotations

from functools import lru_cache

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chatai.core.settings import get_settings


@lru_cache(maxsize=1)
def get_redis() -> Redis | None:
    """This process's Redis client, or None where `REDIS_URL` is unset. It connects on first use.

    Short time-outs and no retries: a caller must not wait for what it can do without.
    """
    url = get_settings().redis_url
    if url is None:
        return None
    client: Redis = Redis.from_url(
        url.get_secret_value(),
        decode_responses=True,
        socket_connect_timeout=1,
        socket_timeout=2,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )
    return client
