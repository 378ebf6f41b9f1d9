"""The bot manager: receives the updates of all bots and has each bot's own process answer them.

    Telegram ──webhook or poll──▶ inbox (PostgreSQL) ──▶ queue ──▶ worker (one process a bot) ──▶ Telegram
                                                                     ▲  │ asks
                                                                     │  ▼
                                                               answer process (database, model)

Nothing is held only in memory: whatever is killed, undone updates are taken up again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import structlog
from aiohttp import web

from bots.answer_pool import AnswerPool
from bots.directory import Directory
from bots.fleet import Fleet
from bots.inbox import Inbox
from bots.leases import Leases
from bots.metrics import Metrics, Snapshot
from bots.pages import Pages
from bots.receiving import Refusals, Webhook
from bots.start import PortTaken
from bots.storage import open_database
from bots.tuning import Tuning
from bots.updates import MAX_BODY_BYTES
from bots.zygote_client import ZygoteClient
from chatai.core import landlock
from chatai.core.database import NOTICED_WHEN_LOST, DatabaseAway
from chatai.core.ids import new_id
from chatai.core.settings import Settings
from chatai.domains.channels.inbox import UPDATES_CHANNEL
from chatai.domains.channels.leases import LEASES_CHANNEL, Seat
from chatai.domains.channels.service import BOTS_CHANNEL

log = structlog.get_logger(__name__)

LISTEN_RETRY_SECONDS = 2.0


class Manager:
    """All that belongs to the manager, for one event loop."""

    def __init__(
        self,
        settings: Settings,
        tuning: Tuning | None = None,
        manager_id: UUID | None = None,
        predecessor: UUID | None = None,
        *,
        zygote: ZygoteClient | None = None,
        answers: AnswerPool | None = None,
    ) -> None:
        self._settings = settings
        self._tuning = tuning or Tuning()
        self._database = open_database(settings)
        self.metrics = Metrics()
        self._inbox = Inbox(self._database, self.metrics, self._tuning.loaded_updates)
        self.zygote = zygote or ZygoteClient(settings.bot_starts_at_once)
        self.answers = answers or AnswerPool(settings.bot_answer_processes, self._tuning)
        self.seat = Seat(manager_id or new_id(), f"{socket.gethostname()}:{os.getpid()}", *settings.shard())
        self.leases = Leases(open_database(settings, 1), self.seat, self._tuning, predecessor)
        self.fleet = Fleet(
            self._database, settings, self._inbox, self.zygote, self.answers, self._tuning, self.leases, self.metrics
        )
        self._directory = Directory(self._database)
        self.refusals = Refusals()
        self._pages = Pages(self._database, settings, self.metrics, self.leases)
        self.metrics.watch(self._snapshot)
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._renewing: list[asyncio.Task[None]] = []
        self._started = time.time()

    async def start(self) -> None:
        """Listens, and begins to make things as they are wanted. Raises: PortTaken."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        webhook = Webhook(self.fleet, self._inbox, self._directory, self.refusals, self.fleet.share, self._tuning)
        app.router.add_post("/telegram/{bot}", webhook.receive)
        app.router.add_get("/metrics", self._pages.metrics)
        app.router.add_get("/metrics/telegram-rate-limit", self._pages.load)
        app.router.add_get("/health", self._pages.health)
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
        self._renewing = [asyncio.create_task(self.leases.run(self.fleet))]
        log.info("the bot manager listens", port=self._settings.bots_port)
        if not landlock.version():
            log.warning("the kernel has no Landlock: bots' processes can read what this account can")

    async def stop(self) -> None:
        """Takes nothing more, lets the workers finish what they have, ends everything, frees the bots for others."""
        if self._runner is not None:
            await self._runner.cleanup()
        await _cancel(self._tasks)
        await self.fleet.close()  # under the leases, which are renewed until it is through
        await _cancel(self._renewing)
        with suppress(DatabaseAway):  # then the others wait until our time is over
            await self.leases.leave()
        await self.zygote.stop()
        await self.answers.stop()
        await self.leases.close()
        await self._database.close()

    def status(self) -> dict[str, Any]:
        """What runs, in numbers; no names, so that it may be seen."""
        runners = self.fleet.runners
        return {
            "bots": len(runners),
            "live": sum(runner.worker is not None for runner in runners),
            "given_up": len(self.fleet.given_up),
            "waiting_updates": sum(runner.backlog.undone for runner in runners),
            "oldest_update_seconds": round(self._oldest_seconds(), 1),
            "answered_updates": sum(runner.figures.answered for runner in runners),
            "restarts": sum(runner.restarts for runner in runners),
            "answers_under_way": self.answers.asking,
            "pids": {
                "manager": os.getpid(),
                "zygote": self.zygote.pid,
                "stand_by": self.zygote.spare_pid,
                "answers": self.answers.pids,
            },
            "manager": {"id": str(self.seat.id), "shard": self.seat.shard, "shards": self.seat.shards},
            "managers": self.leases.managers,
            "redis": "shared" if self.fleet.permits.shared else "away",
            "leases": {"held": len(self.leases.held), "valid": self.leases.valid, "lapses": self.leases.lapses},
            "memory_limits": "cgroup" if self.zygote.groups is not None else "process",
            "uptime_seconds": round(time.time() - self._started),
        }

    def _oldest_seconds(self) -> float:
        """How long the oldest undone update has waited, of the bots that run."""
        return max((runner.backlog.oldest_seconds or 0.0 for runner in self.fleet.runners), default=0.0)

    def _snapshot(self) -> Snapshot:
        figures = [one for runner in self.fleet.runners if (one := runner.live()) is not None]
        states = Counter[str](self.fleet.state_of(runner.bot.id) for runner in self.fleet.runners)
        states.update(self.fleet.given_up)
        return Snapshot(
            states=states,
            live=sum(one.pid is not None for one in figures),
            queued=sum(one.queued for one in figures),
            in_work=sum(one.in_work for one in figures),
            oldest_seconds=self._oldest_seconds(),
            answers_under_way=self.answers.asking,
            memory_sum_kb=sum(one.memory_kb for one in figures),
            memory_max_kb=max((one.memory_kb for one in figures), default=0),
            redis_away=not self.fleet.permits.shared,
            leases_held=len(self.leases.held),
            leases_valid=self.leases.valid,
            lease_lapses=self.leases.lapses,
            managers=self.leases.managers,
            events_dropped=self.fleet.events.dropped,
            posts_refused=self.refusals.total,
        )

    async def _status(self, _request: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _listen(self) -> None:
        """Hears at once what people change. When it cannot, the timer still finds it."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(
                    self._database.url,
                    autocommit=True,
                    **{**NOTICED_WHEN_LOST, "application_name": "chatai-bots"},
                ) as connection:
                    for channel in (BOTS_CHANNEL, LEASES_CHANNEL, UPDATES_CHANNEL):
                        await connection.execute(f"LISTEN {channel}")
                    self._directory.forget_all()
                    self.leases.look_again()  # what was changed while nobody listened
                    self.fleet.look_again()
                    async for notice in connection.notifies():
                        self._hear(notice.channel, notice.payload)
            self.leases.look_again()  # which finds out whether the database is away
            await asyncio.sleep(LISTEN_RETRY_SECONDS)

    def _hear(self, channel: str, payload: str) -> None:
        """Somebody changed a bot, let bots go, or stored an update of a bot that may be ours."""
        try:
            bot_id = UUID(payload) if payload else None
        except ValueError:
            bot_id = None
        if channel == UPDATES_CHANNEL and bot_id is not None:
            self.fleet.check_inbox(bot_id)
            return
        if channel == BOTS_CHANNEL:
            if bot_id is not None:
                self._directory.forget(bot_id)
            self.fleet.look_again(bot_id)
            if bot_id in self.leases.held:
                return
        self.leases.look_again()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    tasks.clear()  # one that was cancelled while it connected keeps that connection open, half made
