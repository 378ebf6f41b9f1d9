"""The bot manager: receives the updates of all bots and has each bot's own process answer them.

    Telegram ──webhook or poll──▶ inbox (PostgreSQL) ──▶ queue ──▶ worker (one process a bot) ──▶ Telegram
                                                                     ▲  │ asks
                                                                     │  ▼
                                                               answer process (database, model)

Nothing is held only in memory: whatever is killed, undone updates are taken up again.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from aiohttp import web

from bots.answer_pool import AnswerPool
from bots.fleet import Fleet
from bots.inbox import Inbox
from bots.receiving import Webhook
from bots.storage import open_database
from bots.tuning import Tuning
from bots.updates import MAX_BODY_BYTES
from bots.zygote_client import ZygoteClient
from chatai import wiring
from chatai.core.ids import new_id
from chatai.core.logging import configure
from chatai.core.settings import Settings, SettingsError, load_settings
from chatai.domains.channels.service import BOTS_CHANNEL

log = structlog.get_logger(__name__)

LISTEN_RETRY_SECONDS = 2.0
PID_FILE = "bots.pid"
MOST_DESCRIPTORS = 65_536


class AlreadyRunning(Exception):
    """Another bot manager holds this data folder."""


class PortTaken(Exception):
    """The webhook server cannot listen; it says why."""


class Manager:
    """All that belongs to the manager, for one event loop."""

    def __init__(self, settings: Settings, tuning: Tuning | None = None) -> None:
        self._settings = settings
        self._tuning = tuning or Tuning()
        self._database = open_database(settings)
        self._inbox = Inbox(self._database)
        self.zygote = ZygoteClient()
        self.answers = AnswerPool(settings.bot_answer_processes, self._tuning)
        self.id = new_id()
        self.fleet = Fleet(
            self._database, settings, self._inbox, self.zygote, self.answers, self._tuning, manager_id=self.id
        )
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._started = time.time()

    async def start(self) -> None:
        """Listens, and begins to make things as they are wanted. Raises: PortTaken."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/telegram/{bot}", Webhook(self.fleet, self._inbox).receive)
        app.router.add_get("/health", self._health)
        app.router.add_get("/status", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        # The loopback address always: the launcher and a proxy on this machine ask there.
        for host in dict.fromkeys((self._settings.host, "127.0.0.1")):
            if host == "127.0.0.1" and self._settings.host == "0.0.0.0":  # noqa: S104 - compared, not bound
                continue
            try:
                await web.TCPSite(self._runner, host, self._settings.bots_port, backlog=1024).start()
            except OSError as error:
                await self._runner.cleanup()
                raise PortTaken(error.strerror) from None
        self._tasks = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self.fleet.run()),
        ]
        log.info("the bot manager listens", port=self._settings.bots_port)

    async def stop(self) -> None:
        """Takes nothing more, lets the workers finish what they have, and ends everything."""
        if self._runner is not None:
            await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.fleet.close()
        await self.zygote.stop()
        await self.answers.stop()
        await self._database.close()

    def status(self) -> dict[str, Any]:
        """What runs, in numbers; no names, so that it may be seen."""
        runners = self.fleet.runners
        return {
            "bots": len(runners),
            "live": sum(runner.worker is not None for runner in runners),
            "waiting_updates": sum(runner.known for runner in runners),
            "answered_updates": sum(runner.figures.answered for runner in runners),
            "restarts": sum(runner.restarts for runner in runners),
            "answers_under_way": self.answers.asking,
            "pids": {"manager": os.getpid(), "zygote": self.zygote.pid, "answers": self.answers.pids},
            "uptime_seconds": round(time.time() - self._started),
        }

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "bots": len(self.fleet.runners)})

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _listen(self) -> None:
        """Hears at once what people change. When it cannot, the timer still finds it."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(
                    self._database.url, autocommit=True, connect_timeout=5, application_name="chatai-bots"
                ) as connection:
                    await connection.execute(f"LISTEN {BOTS_CHANNEL}")
                    self.fleet.look_again()  # what was changed while nobody listened
                    async for _ in connection.notifies():
                        self.fleet.look_again()
            await asyncio.sleep(LISTEN_RETRY_SECONDS)


def hold_pid_file(settings: Settings) -> int:
    """Writes our process id and keeps the file locked for as long as we live; the descriptor.

    Raises:
        AlreadyRunning: Another manager holds it.
    """
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.run_dir / PID_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise AlreadyRunning from None
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def allow_many_descriptors() -> None:
    """A live bot takes one here and a polled one another; the usual soft limit of 1,024 is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    wiring.bind(settings, models=False)
    manager = Manager(settings)
    await manager.start()
    try:
        await stopped.wait()
    finally:
        await manager.stop()
        await wiring.close()


def main() -> None:
    """The process `chatai bots`."""
    import uvloop

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.exit(str(error))
    configure("bots", settings)
    try:
        held = hold_pid_file(settings)
    except AlreadyRunning:
        sys.exit(f"A bot manager already runs on {settings.data_dir}. Stop it first.")
    allow_many_descriptors()
    try:
        uvloop.run(run(settings))
    except PortTaken as error:
        sys.exit(f"The bot manager cannot listen on port {settings.bots_port}: {error}. Set BOTS_PORT to another.")
    finally:
        (settings.run_dir / PID_FILE).unlink(missing_ok=True)
        os.close(held)


if __name__ == "__main__":
    main()
