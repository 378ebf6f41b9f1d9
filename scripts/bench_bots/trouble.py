"""Troublesome neighbours: a bot that is flooded, and one whose process dies again and again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Self

from bots.tuning import Tuning
from chatai.domains.channels import service
from scripts.bench_bots.installation import Installation, Registered

KILL_EVERY = 1.0  # seconds


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
                bots=[self._bot], rate=self._rate, seconds=0.5, patience=0.0, people=200, texts=["/help"]
            )
            self.posted += len(rows)


class Stranger:
    """Somebody else's bot at the same sandbox, for as long as the block lasts. Its server keeps each post waiting and
    refuses it then, as we do with what is more than a bot can take: the sandbox has the same posts under way."""

    def __init__(self, made: Installation) -> None:
        self._made = made
        self.number = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._refuse, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.number = await self._made.new_stranger(f"http://127.0.0.1:{port}/")
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server  # noqa: S101 - entered
        await self._made.remove_at_telegram(self.number)
        self._server.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seconds = Tuning().longest_hold
        refusal = f"HTTP/1.1 429 Too Many Requests\r\nRetry-After: {seconds:.0f}\r\nContent-Length: 0\r\n\r\n".encode()
        with contextlib.suppress(OSError, EOFError, ValueError), contextlib.closing(writer):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length.partition(b":")[2]))
                await asyncio.sleep(seconds)
                writer.write(refusal)


class Busy:
    """People write to one more bot, for as long as the block lasts: what a crashing one is compared with.

    Args:
        bot: The further bot.
        others: The processes of all other bots, which live already.
    """

    def __init__(self, made: Installation, bot: Registered, others: set[int]) -> None:
        self._made, self._bot, self._others = made, bot, others
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
            await self._made.load(bots=[self._bot.number], rate=5, seconds=KILL_EVERY, patience=0.0)
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
