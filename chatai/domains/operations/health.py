"""Whether the parts that ChatAI stands on are there.

A good result is kept for `HEALTH_CHECK_INTERVAL` seconds, so that watchers cost nothing; a bad one for one second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import structlog
from redis.exceptions import RedisError
from sqlalchemy import text

from chatai.core.cache import get_redis
from chatai.core.database import Database
from chatai.core.errors import ChatAIError
from chatai.core.settings import Settings
from chatai.domains.models.ports import language_model

_log = structlog.get_logger(__name__)

ComponentStatus = Literal["healthy", "degraded", "unhealthy", "not_configured"]
PATIENCE = 3.0  # seconds for one component


@dataclass(frozen=True, slots=True)
class Component:
    """One part. `detail` is for the operator and holds no secrets."""

    status: ComponentStatus
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All parts, and what follows from them: only without the database is the whole unhealthy."""

    timestamp: float  # seconds since 1970
    components: dict[str, Component]

    @property
    def status(self) -> Literal["healthy", "degraded", "unhealthy"]:
        if self.components["database"].status == "unhealthy":
            return "unhealthy"
        weak = any(c.status in ("degraded", "unhealthy") for c in self.components.values())
        return "degraded" if weak else "healthy"

    def as_json(self) -> dict[str, Any]:
        """`{"status", "timestamp", "components": {name: {"status", …}}}`."""
        components = {name: {"status": c.status, **c.detail} for name, c in self.components.items()}
        return {"status": self.status, "timestamp": self.timestamp, "components": components}


_latest: HealthReport | None = None


async def check(database: Database, settings: Settings) -> HealthReport:
    """The latest report, made anew if it is too old."""
    global _latest
    if _latest is not None:
        keep = settings.health_check_interval if _latest.status == "healthy" else 1
        if time.time() - _latest.timestamp < keep:
            return _latest
    names = ("database", "redis", "ai_token_manager", "jobs")
    found = await asyncio.gather(
        _timed(lambda: _database(database)), _timed(_redis), _timed(_models), _timed(lambda: _jobs(database))
    )
    report = HealthReport(time.time(), dict(zip(names, found, strict=True)))
    if _latest is None or _latest.status != report.status:
        _log.info("health", status=report.status, **{name: c.status for name, c in report.components.items()})
    _latest = report
    return report


def forget() -> None:
    """The next check asks anew."""
    global _latest
    _latest = None


async def _timed(probe: Callable[[], Awaitable[Component]]) -> Component:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE):
            component = await probe()
    except (ChatAIError, RedisError, OSError, TimeoutError) as error:
        return Component("unhealthy", {"error": type(error).__name__})
    return Component(
        component.status, {"latency_ms": round((time.perf_counter() - started) * 1000, 1)} | component.detail
    )


async def _database(database: Database) -> Component:
    async with database.person() as uow:
        await uow.session.execute(text("SELECT 1"))
    pool: Any = database.engine.pool
    return Component("healthy", {"connections_in_use": database.connections_in_use, "pool_size": pool.size()})


async def _redis() -> Component:
    client = get_redis()
    if client is None:
        return Component("not_configured")
    await client.get("chatai:health")
    return Component("healthy")


async def _models() -> Component:
    """Whether a model is set up. It is not called: that would cost money with each check."""
    return Component("healthy" if language_model.optional else "not_configured")


async def _jobs(database: Database) -> Component:
    """How long the oldest job that is due has been waiting, in seconds."""
    statement = text(
        "SELECT count(*), coalesce(extract(epoch FROM now() - min(e.at)), 0) FROM procrastinate_jobs j"
        " JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'"
        " WHERE j.status = 'todo' AND j.scheduled_at IS NULL"
    )
    async with database.person() as uow:
        waiting, oldest = (await uow.session.execute(statement)).one()
    late = float(oldest) > 60
    return Component(
        "degraded" if late else "healthy", {"waiting": int(waiting), "oldest_seconds": round(float(oldest))}
    )
