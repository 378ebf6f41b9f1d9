"""A bot's own process, forked from the zygote: it takes updates from the manager, and answers through Telegram.

It holds no database connection and no other bot's secrets. It may crash, hang or run out of memory: the manager takes
the undone updates up again with a new one.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from pydantic import ValidationError

from bots import heap
from bots.confine import confine
from bots.delivery import Delivery, Dropped, Later, Revoked, Undeliverable
from bots.handlers import handle
from bots.job import BotConfig, Job, Link
from bots.own_process import call_process, end_with_parent, keep_only
from bots.reach import names_are_out_of_reach, restrict_reach
from bots.session import Session
from bots.wire import Message, Wire, WireError
from chatai.core.scrubbing import scrub

EXIT_ORPHANED = 70
EXIT_OUT_OF_MEMORY = 71
EXIT_FAILED = 72

REST_SECONDS = 20.0
"""A worker that has had nothing to do for so long gives back what it does not need."""
BUSY_UPDATES = 20
BREATHER_SECONDS = 1.0
"""One that has served so many updates meanwhile does so in a shorter pause, so that it does not grow."""


def run_child(end: socket.socket, parent: int, session: Session) -> None:
    """The life of the forked process. Never returns.

    Args:
        end: The worker's end of the wire.
        parent: Process id of the zygote: when it is gone, so is the worker.
        session: Made and warmed in the zygote; not connected yet.
    """
    code = EXIT_FAILED
    try:
        code = live(end, parent, session)
    except MemoryError:
        code = EXIT_OUT_OF_MEMORY
    except BaseException as error:
        # Nobody is left to handle it. Only where it happened is told: what it says may quote an address or a person.
        where = "".join(traceback.format_tb(error.__traceback__))
        os.write(2, f"a bot's process fails with {type(error).__name__}\n{where}".encode())
    finally:
        os._exit(code)


def live(end: socket.socket, parent: int, session: Session) -> int:
    """All that `run_child` does in a process that was just forked; the exit code."""
    _come_of_age(end, parent)
    return asyncio.run(_live(end, session))


def _come_of_age(end: socket.socket, parent: int) -> None:
    """Lets go of what was inherited and is not the child's: signals, descriptors, random state."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Ctrl-C in the terminal and the stop of a whole unit are for the manager, which drains its workers.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent(signal.SIGKILL)
    call_process("chatai-next")  # until it is a bot's
    if os.getppid() != parent:
        os._exit(EXIT_ORPHANED)
    os.setpgid(0, 0)  # what it should ever fork can then be ended with it
    keep_only(end.fileno())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    confine()
    random.seed()
    gc.set_threshold(300, 5, 5)
    gc.enable()


@cache
def data_at_first() -> int:
    """Bytes that this process had allocated when it was first asked. The zygote is before it forks: its workers begin
    with as much."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmData:")) * 1024


def limit_memory(megabytes: int) -> None:
    """What this process allocates beyond what it began with may be so much; more raises MemoryError."""
    if sys.platform != "linux":
        return  # elsewhere the data limit does not count mapped memory
    limit = data_at_first() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


async def _live(end: socket.socket, session: Session) -> int:
    """Serves until told to stop or until the manager is gone; the exit code."""
    wire = await Wire.over(end)
    start = await wire.receive()
    if start is None or start["type"] != "start":
        return EXIT_ORPHANED
    call_process("chatai-bot")
    config = BotConfig.of(start["bot"])
    limit_memory(config.memory_mb)
    bounded = restrict_reach(config.incoming, config.api)
    # Looking names up is the only thing done in threads.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=1))
    session.api = TelegramAPIServer.from_base(config.api)
    worker = Worker(config, wire, Bot(config.token, session=session), session.rest, bounded=bounded)
    wire.send({"type": "ready"})
    return await worker.serve()


class Worker:
    """One bot at work."""

    def __init__(
        self,
        config: BotConfig,
        wire: Wire,
        bot: Bot,
        rest: Callable[[], None] = lambda: None,
        *,
        bounded: bool = False,
    ) -> None:
        self._config = config
        self._wire = wire
        self._bot = bot
        self._link = Link(wire)
        self._delivery = Delivery(bot, self._link)
        self._rest = rest
        """Lets go of connections."""
        self._bounded = bounded
        """By `restrict_reach`."""
        self._leaving: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.TimerHandle | None = None
        self._since_tidied = 0

    async def serve(self) -> int:
        """Until all is done after `stop`, or until the manager is gone."""
        while True:
            try:
                message = await self._wire.receive()
            except WireError:
                return EXIT_FAILED
            if message is None:
                return EXIT_ORPHANED
            match message["type"]:
                case "update":
                    task = asyncio.create_task(self._work(message))
                    self._running.add(task)
                    task.add_done_callback(self._worked)
                case "event":
                    self._link.take_event(message)
                case "permitted":
                    self._link.take_permit(message)
                case "ping":
                    self._wire.send({"type": "pong", "beat": message["beat"]})
                case "stop":
                    self._go()
            await self._wire.drain()

    def _worked(self, task: asyncio.Task[None]) -> None:
        """When nothing is left to do, a while later is the time to tidy up."""
        self._running.discard(task)
        self._since_tidied += 1
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None
        if not self._running:
            seconds = REST_SECONDS if self._since_tidied < BUSY_UPDATES else BREATHER_SECONDS
            self._tidying = asyncio.get_running_loop().call_later(seconds, self._tidy)

    def _tidy(self) -> None:
        """A worker that has been in use owns garbage and free memory. Not while somebody waits for it."""
        if self._running:
            return
        if self._since_tidied < BUSY_UPDATES:
            self._rest()
        self._since_tidied = 0
        heap.give_back()

    def _go(self) -> None:
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        """Finishes what is running and goes. The manager kills one that takes too long."""
        while self._running:
            await asyncio.wait(self._running)
        await self._wire.close()
        os._exit(0)

    async def _work(self, message: Message) -> None:
        number = message["update"]
        job = Job(number, message["replies"], message["last"], self._config, self._link, self._delivery)
        try:
            await handle(message["payload"], job)
            self._wire.send({"type": "done", "update": number, "error": ""})
        except Dropped:
            self._wire.send({"type": "dropped", "update": number})
        except Undeliverable as error:
            self._wire.send({"type": "done", "update": number, "error": scrub(str(error))[:500]})
        except ValidationError:
            self._wire.send({"type": "done", "update": number, "error": "not an update that we understand"})
        except Revoked as error:
            self._wire.send({"type": "revoked", "reason": scrub(str(error))[:500]})
        except Later as error:
            self._wire.send(
                {"type": "failed", "update": number, "error": scrub(str(error))[:500], "blame": error.blame}
            )
            if self._bounded and not error.blame and names_are_out_of_reach():
                self._go()  # the next process may read the new files
        except MemoryError:
            # Nothing can be trusted any more: the process ends, and the manager tries anew.
            self._wire.flush()
            os._exit(EXIT_OUT_OF_MEMORY)
        except Exception as error:  # a fault of ours in one update must not end the others
            reason = f"{type(error).__name__}: {scrub(str(error))}"[:500]
            self._link.log("error", "an update failed", update=number, error=reason, where=_where(error))
            self._wire.send({"type": "failed", "update": number, "error": reason, "blame": True})


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
