"""Troublesome neighbours: a bot that is flooded, and one whose process dies again and again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from typing import Any, Self

from aiohttp import web

from bots.tuning import Tuning
from chatai.domains.channels import service
from scripts.bench_bots.installation import Installation, Registered

KILL_EVERY = 1.0  # seconds
FLOODED_WITH = ["/help"]


class Flood:
    """One bot gets far more updates than it can answer, for as long as the block lasts. `bot`: its number."""

    def __init__(self, made: Installation, bot: int, rate: float) -> None:
        self._made, self._bot, self._rate = made, bot, rate
        self.posted = 0
        self._over = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._flood())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._task  # noqa: S101 - entered
        self._over = True
        await self._task

    async def _flood(self) -> None:
        """Half a second at a time, the last one to its end: nothing of it is left for what is measured next."""
        while not self._over:
            rows = await self._made.load(
                bots=[self._bot], rate=self._rate, seconds=0.5, patience=0.0, people=200, texts=FLOODED_WITH
            )
            self.posted += len(rows)


class Stranger:
    """Somebody else's bot at the same sandbox, for as long as the block lasts. Its server keeps each post waiting and
    refuses it then, as we do with what is more than a bot can take: the sandbox has the same posts under way."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self.number = 0
        self._server: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/", self._refuse)
        self._server = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._server.setup()
        await web.TCPSite(self._server, "127.0.0.1", 0).start()
        self.number = await self._made.new_stranger(f"http://127.0.0.1:{self._server.addresses[0][1]}/")
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server  # noqa: S101 - entered
        await self._made.remove_at_telegram(self.number)
        await self._server.cleanup()

    async def _refuse(self, _: web.Request) -> web.Response:
        seconds = Tuning().longest_hold
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))
        return web.Response(status=429, headers={"Retry-After": f"{seconds:.0f}"})


class Busy:
    """People write to one more bot, for as long as the block lasts: what a troublesome one is compared with.

    Args:
        bot: The further bot.
        others: The processes of all other bots, which live already.
        rate: Updates a second.
        plan: Further what the load shall be.
    """

    def __init__(self, made: Installation, bot: Registered, others: set[int], rate: float = 5, **plan: Any) -> None:
        self._made, self._bot, self._others = made, bot, others
        self._plan = {"bots": [bot.number], "rate": rate, "seconds": KILL_EVERY, "patience": 0.0, **plan}
        self.kills = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_busy())
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._task  # noqa: S101 - entered
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _keep_busy(self) -> None:
        while True:
            await self._made.load(**self._plan)
            # Looked for in either case: reading of all processes takes the benchmark some milliseconds.
            await self._done_to(set(self._made.parts()["workers"]) - self._others)

    async def _done_to(self, processes: set[int]) -> None:
        """What happens every second to the processes of the bot."""


class Crasher(Busy):
    """The same, and its process is killed every second; when it is quarantined, it is started."""

    async def _done_to(self, processes: set[int]) -> None:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
        if not processes:
            async with self._made.database.workspace(self._made.actor.workspace_id) as uow:
                view = await service.get_bot(uow, self._made.actor, self._bot.id)
                if view.state == "quarantined":
                    await service.start_bot(uow, self._made.actor, self._bot.id)


async def discard(made: Installation, bot: Registered) -> None:
    """Removes a bot with all that waits for it, here and at the sandbox."""
    made.bots.remove(bot)
    await made.remove_at_telegram(bot.number)
    async with made.database.workspace(made.actor.workspace_id, made.actor.account_id) as uow:
        await service.delete_bot(uow, made.actor, bot.id)
