"""The embedded servers as `chatai up` runs them: only those that no setting replaces, started at once, watched."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

from chatai import migrate
from chatai.core.settings import Settings
from chatai.engines import EmbeddedPostgres, EmbeddedValkey, EngineError
from chatai.engines.valkey import find_binary
from chatai.launcher.checks import LaunchError, claim, running
from chatai.launcher.console import Screen

WATCH_INTERVAL = 2.0  # seconds between two looks at the processes
PROBE_EVERY = 8  # looks between two questions to the servers
MISSED_PROBES = 3

Engine = EmbeddedPostgres | EmbeddedValkey


class Engines:
    """PostgreSQL and Valkey for the children: embedded, or at the addresses of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.postgres = None if settings.database_url else embedded_postgres(settings)
        self.valkey = None if settings.redis_url or find_binary() is None else embedded_valkey(settings)

    @property
    def without_redis(self) -> bool:
        return self.valkey is None and self._settings.redis_url is None

    @property
    def owner_url(self) -> str:
        """The address for the owner of the tables."""
        if self.postgres:
            return self.postgres.owner_url()
        assert self._settings.database_url  # noqa: S101 - either one or the other
        return self._settings.database_url.get_secret_value()

    @property
    def app_url(self) -> str:
        return migrate.application_url(self._settings, self.owner_url)

    @property
    def redis_url(self) -> str | None:
        if self.valkey:
            return self.valkey.url
        return self._settings.redis_url.get_secret_value() if self._settings.redis_url else None

    async def start(self, engine: Engine) -> None:
        """Starts one server. Its process is made by this thread, the main one, whose end it would notice."""
        await asyncio.to_thread(engine.prepare)
        engine.spawn()
        await asyncio.to_thread(engine.wait_ready)

    async def watch(self, screen: Screen) -> None:
        """Starts a server again that ended or does not answer; the application reconnects by itself."""
        watched = [engine for engine in (self.postgres, self.valkey) if engine]
        await asyncio.gather(*(self._watch_one(engine, screen) for engine in watched))

    async def _watch_one(self, engine: Engine, screen: Screen) -> None:
        looks = missed = failures = 0
        while True:
            await asyncio.sleep(WATCH_INTERVAL)
            looks += 1
            if engine.running and looks % PROBE_EVERY == 0:
                missed = 0 if await asyncio.to_thread(engine.probe) else missed + 1
                failures = 0 if missed == 0 else failures
            if engine.running and missed < MISSED_PROBES:
                continue
            failures += 1
            screen.line(engine.name, "does not answer" if engine.running else "ended by itself")
            await asyncio.to_thread(engine.stop, at_once=True)
            await asyncio.sleep(min(0.2 * 2 ** (failures - 1), 30) * random.uniform(0.5, 1.0))
            try:
                await self.start(engine)
            except EngineError as error:
                screen.line(engine.name, str(error))
            else:
                missed = 0
                screen.line(engine.name, "runs again")

    async def stop(self, *, at_once: bool = False) -> None:
        engines = [engine for engine in (self.valkey, self.postgres) if engine]
        await asyncio.gather(*(asyncio.to_thread(engine.stop, at_once=at_once) for engine in engines))

    def kill(self) -> None:
        """Stops both within seconds; the next start recovers what was going on."""
        for engine in (self.valkey, self.postgres):
            if engine:
                engine.stop(at_once=True)


def embedded_postgres(settings: Settings) -> EmbeddedPostgres:
    data = settings.data_dir.absolute()
    return EmbeddedPostgres(
        data / "postgres", settings.run_dir, settings.secrets_dir, settings.logs_dir / "postgres.log"
    )


def embedded_valkey(settings: Settings) -> EmbeddedValkey:
    data = settings.data_dir.absolute()
    return EmbeddedValkey(data / "valkey", settings.run_dir, settings.logs_dir / "valkey.log")


@contextmanager
def borrowed_database(settings: Settings) -> Iterator[str]:
    """The owner's address for a single command: of the settings, of the running launcher, or of a server for now."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    server = embedded_postgres(settings)
    if running(settings):
        server.attach()
        yield server.owner_url()
        return
    with claim(settings):
        try:
            server.start()
        except EngineError as error:
            raise LaunchError(str(error)) from None
        try:
            yield server.owner_url()
        finally:
            server.stop()
