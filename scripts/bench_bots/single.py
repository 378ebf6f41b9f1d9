"""The same bots in one process: no zygote, no process of a bot's own, no answer process. `python -m ….single`.

The upper bound that isolation is measured against. Everything else is the product's own code: the webhook server, the
durable inbox, the order within chats, the handlers, the delivery, retrieval and answers. Where the product has
processes and sockets, there are tasks and queues here; one crash, one leak or one busy loop would take all bots along.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from typing import cast

import uvloop
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bots import heap
from bots.answer_pool import AnswerPool, _Process
from bots.answers import Answerer
from bots.job import BotConfig
from bots.manager import Manager
from bots.session import build_session
from bots.start import allow_many_descriptors
from bots.storage import open_database
from bots.tuning import Tuning
from bots.wire import Message, Wire
from bots.worker import Worker
from bots.zygote_client import ZygoteClient
from bots.zygote_handle import WorkerProcess
from chatai import wiring
from chatai.core.logging import configure
from chatai.core.settings import get_settings

NO_PROCESS = 1 << 30
"""Process ids from here on belong to nobody, so nobody weighs or kills this process in place of a bot's."""


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

    def bound(self, most_unread: int, overflow: Callable[[], None], longest_frame: int) -> None:
        """Whoever reads is here: nothing stays unread."""

    def flush(self) -> None:
        """It has left already."""

    async def drain(self) -> None:
        """Nothing to wait for."""

    async def receive(self) -> Message | None:
        return await self._coming.get()

    async def close(self) -> None:
        self._going.put_nowait(None)

    def cut(self) -> None:
        self._coming.put_nowait(None)


class Tasks(ZygoteClient):
    """In the zygote's place: a worker is a task, and all share one connection pool to Telegram."""

    def __init__(self) -> None:
        super().__init__()
        self._session = build_session()
        self._workers: dict[int, asyncio.Task[int]] = {}

    @property
    def pid(self) -> int:
        return os.getpid()

    async def start(self) -> None:
        """Nothing to start."""

    async def spawn(self) -> WorkerProcess:
        near, far = Pipe.pair()
        number = next(self._numbers)
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = self._workers[number] = asyncio.create_task(self._live(far))
        task.add_done_callback(lambda _: None if exited.cancelled() else exited.set_result(0))
        return WorkerProcess(number, NO_PROCESS + number, near, exited, None)

    async def _live(self, wire: Wire) -> int:
        start = await wire.receive()
        assert start is not None  # noqa: S101 - the first frame
        config = BotConfig.of(start["bot"])
        self._session.api = TelegramAPIServer.from_base(config.api)
        worker = Worker(config, wire, Bot(config.token, session=self._session))
        wire.send({"type": "ready"})
        return await worker.serve()

    def may_replace(self, worker: WorkerProcess, *, idle: bool) -> bool:
        return False

    def kill(self, worker: WorkerProcess) -> None:
        self._workers[worker.number].cancel()

    async def stop(self) -> None:
        for task in self._workers.values():
            task.cancel()


class Here:
    """In the place of an answer process's handle: what it would end is this process."""

    pid = os.getpid()

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    def kill(self) -> None:
        self._ended.set()

    def send_signal(self, _number: int) -> None:
        self.kill()

    async def wait(self) -> int:
        await self._ended.wait()
        return 0


class Answers(AnswerPool):
    """The answer pool with the answerer in this loop: the bots take turns as they do with processes."""

    async def _launch(self) -> _Process:
        near, far = Pipe.pair()
        answerer = Answerer(open_database(get_settings()), far, get_settings().run_dir)
        self._serving = asyncio.create_task(answerer.serve())
        far.send({"type": "ready"})
        return _Process(cast(asyncio.subprocess.Process, Here()), near)


async def serve() -> None:
    settings = get_settings()
    wiring.bind(settings)
    tuning = Tuning(start_patience=600, pong_patience=600)
    answers = Answers(settings.bot_answer_processes, tuning)
    # A bot's own process tidies up when it rests. Here it would be the whole heap, a thousand times over.
    setattr(heap, "give_back", lambda: None)  # noqa: B010
    gc.collect()
    gc.freeze()
    manager = Manager(settings, tuning, zygote=Tasks(), answers=answers)
    await manager.start()
    await heap.tend(lambda: manager.fleet.ended)


if __name__ == "__main__":
    configure("bench-single", get_settings())
    allow_many_descriptors()
    uvloop.run(serve())
