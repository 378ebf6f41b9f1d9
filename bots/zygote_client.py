"""The manager's side of the zygote: asks it for workers, hears how they end, starts it again when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import structlog

from bots.wire import MAX_PACKET_BYTES, Wire

log = structlog.get_logger(__name__)

START_SECONDS = 120
COLD_STARTS_AT_ONCE = 8
ZYGOTE = "bots.zygote"
"""The module that is run. Tests put one in its place whose workers misbehave."""
WENT_WITH_ZYGOTE = -1000
"""Exit status told of workers whose zygote went away, which is no fault of theirs."""

_INHERITED = (
    "PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "HOME", "TMPDIR", "CHATAI_RUN_DIR",
)  # fmt: skip
"""All that the zygote and the workers see of the environment. The secrets in it are not for them.

By `CHATAI_RUN_DIR` the launcher finds processes that outlived a kill.
"""


class ZygoteError(Exception):
    """The zygote does not start or went away; no worker can be had now."""


@dataclass(eq=False)
class WorkerProcess:
    """A forked worker. `exited` gives its exit code; negative: the signal that ended it."""

    number: int
    pid: int
    wire: Wire
    exited: asyncio.Future[int]


@dataclass(eq=False)
class _Running:
    """One zygote, and who waits for what."""

    process: asyncio.subprocess.Process
    control: socket.socket
    ready: asyncio.Future[None]
    spawning: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    exits: dict[int, asyncio.Future[int]] = field(default_factory=dict)


class ZygoteClient:
    """Gives out worker processes."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self._admission = asyncio.Semaphore(COLD_STARTS_AT_ONCE)
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Process id of the zygote, if there is one."""
        return self._running.process.pid if self._running else None

    async def start(self) -> None:
        """Starts a zygote unless there is one. Raises ZygoteError."""
        async with self._starting:
            if self._stopped:
                raise ZygoteError("the bot manager is stopping")
            if self._running is not None:
                return
            running = await self._launch()
            try:
                await asyncio.wait_for(asyncio.shield(running.ready), START_SECONDS)
            except TimeoutError:
                running.process.kill()
                raise ZygoteError(f"the zygote was not ready within {START_SECONDS} seconds") from None
            self._running = running
            log.info("the zygote is ready", pid=running.process.pid)

    async def spawn(self) -> WorkerProcess:
        """A new worker, which waits for its `start` frame. Raises ZygoteError."""
        await self.start()
        async with self._admission:
            running = self._running
            if running is None:
                raise ZygoteError("the zygote went away")
            number = next(self._numbers)
            loop = asyncio.get_running_loop()
            spawned: asyncio.Future[int] = loop.create_future()
            exited: asyncio.Future[int] = loop.create_future()
            running.spawning[number], running.exits[number] = spawned, exited
            ours, theirs = socket.socketpair()
            try:
                socket.send_fds(running.control, [json.dumps({"spawn": number}).encode()], [theirs.fileno()])
                pid = await spawned
            except BaseException as error:
                ours.close()
                running.exits.pop(number, None)
                if isinstance(error, OSError):
                    raise ZygoteError("the zygote went away") from None
                raise
            finally:
                theirs.close()
            return WorkerProcess(number, pid, await Wire.over(ours), exited)

    def kill(self, worker: WorkerProcess) -> None:
        """Ends a worker that does not end by itself. One that is gone already is not confused with another."""
        if self._running is not None and worker.number in self._running.exits:
            with contextlib.suppress(OSError):  # then the zygote is gone, and the worker with it
                self._running.control.send(json.dumps({"kill": worker.number}).encode())

    async def stop(self) -> None:
        """Ends the zygote and every worker that is left."""
        self._stopped = True
        async with self._starting:
            running = self._running
        if running is None:
            return
        with contextlib.suppress(OSError):
            running.control.shutdown(socket.SHUT_RDWR)
        try:
            await asyncio.wait_for(running.process.wait(), 5)
        except TimeoutError:
            running.process.kill()
            await running.process.wait()

    async def _launch(self) -> _Running:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            ZYGOTE,
            str(theirs.fileno()),
            pass_fds=(theirs.fileno(),),
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        running = _Running(process, ours, loop.create_future())
        loop.add_reader(ours.fileno(), self._read, running)
        return running

    def _read(self, running: _Running) -> None:
        """Takes one packet of news."""
        try:
            packet = running.control.recv(MAX_PACKET_BYTES)
        except BlockingIOError:
            return
        except OSError:
            packet = b""
        if not packet:
            self._lose(running)
            return
        news = json.loads(packet)
        if "ready" in news:
            running.ready.set_result(None)
        elif "spawned" in news:
            _settle(running.spawning.pop(news["spawned"], None), news["pid"])
        elif "exited" in news:
            _settle(running.exits.pop(news["exited"], None), news["status"])

    def _lose(self, running: _Running) -> None:
        """The zygote is gone, and its workers are going."""
        asyncio.get_running_loop().remove_reader(running.control.fileno())
        running.control.close()
        if self._running is running:
            self._running = None
        if not self._stopped:
            log.error("the zygote went away", workers=len(running.exits))
        waiting: list[asyncio.Future[Any]] = [running.ready, *running.spawning.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(ZygoteError("the zygote went away"))
        for exited in running.exits.values():
            _settle(exited, WENT_WITH_ZYGOTE)
        running.exits.clear()


def _settle(future: asyncio.Future[int] | None, value: int) -> None:
    if future is not None and not future.done():
        future.set_result(value)
