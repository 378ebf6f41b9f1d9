"""The same bots in one process: no zygote, no process of a bot's own, no answer process. `python -m ….single`.

The upper bound that isolation is measured against. Everything else is the product's own code: the webhook server, the
durable inbox, the order within chats, the handlers, the delivery, retrieval and answers. Where the product has
processes and sockets, there are tasks and queues here; one crash, one leak or one busy loop would take all bots along.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast

import uvloop
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

import bots.manager
from bots.answers import Answerer
from bots.handlers import build_dispatcher
from bots.job import BotConfig
from bots.session import build_session
from bots.storage import open_database
from bots.tuning import Tuning
from bots.wire import Message, Wire
from bots.worker import Worker
from bots.zygote_client import WorkerProcess
from chatai import wiring
from chatai.core.logging import configure
from chatai.core.settings import get_settings


class Pipe:
    """One end of a connection within the process, used as a `Wire`: what is sent is handed over as it is."""

    def __init__(self, coming: asyncio.Queue[Message | None], going: asyncio.Queue[Message | None]) -> None:
        self._coming, self._going = coming, going

    @classmethod
    def pair(cls) -> tuple[Wire, Wire]:
        one: asyncio.Queue[Message | None] = asyncio.Queue()
        other: asyncio.Queue[Message | None] = asyncio.Queue()
        return cast(Wire, cls(one, other)), cast(Wire, cls(other, one))

    def send(self, message: Message) -> None:
        self._going.put_nowait(message)

    async def drain(self) -> None:
        """Nothing to wait for."""

    async def receive(self) -> Message | None:
        return await self._coming.get()

    async def close(self) -> None:
        self._going.put_nowait(None)


class Tasks:
    """In the zygote's place: a worker is a task, and all share one connection pool to Telegram."""

    def __init__(self, *_given: Any, **_more: Any) -> None:
        self._dispatcher = build_dispatcher()
        self._session = build_session()
        self._numbers = itertools.count(1)
        self._running: dict[int, asyncio.Task[int]] = {}

    pid = os.getpid()

    async def start(self) -> None:
        """Nothing to start."""

    async def spawn(self) -> WorkerProcess:
        near, far = Pipe.pair()
        number = next(self._numbers)
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = self._running[number] = asyncio.create_task(self._live(far))
        task.add_done_callback(lambda _: exited.done() or exited.set_result(0))
        return WorkerProcess(number, os.getpid(), near, exited)

    async def _live(self, wire: Wire) -> int:
        start = await wire.receive()
        assert start is not None  # noqa: S101 - the first frame
        config = BotConfig(**{field.name: start["bot"][field.name] for field in fields(BotConfig)})
        self._session.api = TelegramAPIServer.from_base(config.api)
        worker = Worker(config, wire, self._dispatcher, Bot(config.token, session=self._session))
        wire.send({"type": "ready"})
        return await worker.serve()

    def may_replace(self, worker: WorkerProcess, *, idle: bool) -> bool:
        return False

    def kill(self, worker: WorkerProcess) -> None:
        self._running[worker.number].cancel()

    async def stop(self) -> None:
        for task in self._running.values():
            task.cancel()


class Answers:
    """In the answer pool's place: the same answerer, in this loop."""

    def __init__(self, *_given: Any, **_more: Any) -> None:
        self._numbers = itertools.count(1)
        self._asks: dict[int, Callable[[Message], None]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._wire: Wire | None = None

    @property
    def pids(self) -> list[int]:
        return []

    @property
    def asking(self) -> int:
        return len(self._asks)

    def start(self) -> None:
        if self._wire is None:
            self._wire, far = Pipe.pair()
            answerer = Answerer(open_database(get_settings()), far, get_settings().run_dir)
            self._tasks = [asyncio.create_task(answerer.serve()), asyncio.create_task(self._listen(self._wire))]

    def ask(self, message: Message, deliver: Callable[[Message], None]) -> int:
        self.start()
        assert self._wire  # noqa: S101 - started
        number = next(self._numbers)
        self._asks[number] = deliver
        self._wire.send({**message, "ask": number})
        return number

    def cancel(self, number: int) -> None:
        if self._asks.pop(number, None) is not None and self._wire:
            self._wire.send({"type": "cancel", "ask": number})

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _listen(self, wire: Wire) -> None:
        while (message := await wire.receive()) is not None:
            if message["type"] == "event" and (deliver := self._asks.get(message["ask"])):
                if message["event"] != "delta":
                    del self._asks[message["ask"]]
                deliver(message)


async def serve() -> None:
    settings = get_settings()
    wiring.bind(settings)
    # The manager makes these two by name; here they are no processes.
    bots.manager.ZygoteClient = Tasks  # type: ignore[misc,assignment]
    bots.manager.AnswerPool = Answers  # type: ignore[misc,assignment]
    await bots.manager.Manager(settings, Tuning(start_patience=600, pong_patience=600)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    configure("bench-single", get_settings())
    bots.manager.allow_many_descriptors()
    uvloop.run(serve())
