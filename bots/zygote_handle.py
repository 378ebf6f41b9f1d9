"""The manager's handles on a zygote and on the workers that are forked from it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import structlog

from bots.own_child import ChildProcess
from bots.wire import Wire
from chatai.core.patience import within

log = structlog.get_logger(__name__)

GROUP_SECONDS = 2.0
"""So long is waited for what an ended process's cgroup tells: after a start of many bots others come first."""
ANSWER_SECONDS = 10.0
"""A zygote that has said nothing for so long, although it was asked for something, hangs, and is ended."""
NO_PROCESS = "no process can be made for the bot now: {}"


class ZygoteError(Exception):
    """The zygote does not start, went away, hangs or cannot fork; no worker can be had now."""


@dataclass(eq=False)
class WorkerProcess:
    """A forked worker. `exited` gives its exit code; negative: the signal that ended it."""

    number: int
    pid: int
    wire: Wire
    exited: asyncio.Future[int]
    home: Running | None = field(default=None, repr=False)
    """The zygote that it was forked from."""
    filled_group: Future[bool] | None = field(default=None, repr=False)
    """Once it has ended, where it had a cgroup: whether the kernel ended it because that was full."""

    async def was_too_large(self) -> bool:
        """Whether the kernel ended it for the memory that it took. False also where that is not known soon."""
        if self.filled_group is None:
            return False
        try:
            return await within(GROUP_SECONDS, asyncio.shield(asyncio.wrap_future(self.filled_group)))
        except TimeoutError:
            return False


@dataclass(eq=False)
class Running:
    """One zygote, and who waits for what. `process`: of one that was started here; a copy of another has none."""

    process: ChildProcess | None
    control: socket.socket
    ready: asyncio.Future[None]
    pid: int = 0
    """As it told itself when it was ready."""
    asked: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    """What it was asked for, by number, and has not answered yet."""
    heard: int = 0
    """So many times it has said something."""
    exits: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    async def ask(self, order: str, number: int, descriptors: Sequence[int] = ()) -> int:
        """Has the zygote do something under this number; its answer. Raises: ZygoteError, OSError: it is gone."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.asked[number] = answer
        try:
            socket.send_fds(self.control, [json.dumps({order: number}).encode()], descriptors)
            return await self._in_time(answer)
        finally:
            self.asked.pop(number, None)

    def answered(self, news: dict[str, Any]) -> None:
        """The zygote has done what it was asked for, or could not."""
        number = next(news[kind] for kind in ("spawned", "failed", "pong") if kind in news)
        answer = self.asked.pop(number, None)
        if "failed" in news:
            self.exits.pop(number, None)
        if answer is None or answer.done():
            return
        if "failed" in news:
            answer.set_exception(ZygoteError(NO_PROCESS.format(news["error"])))
        else:
            answer.set_result(news.get("pid", 0))

    async def _in_time(self, answer: asyncio.Future[int]) -> int:
        """In two halves: a manager that stood still itself hears what was said meanwhile before it judges. A slow
        machine is told from a zygote that hangs by whatever else it says."""
        silent = 0
        while silent < 2:
            heard = self.heard
            if (await asyncio.wait({answer}, timeout=ANSWER_SECONDS / 2))[0]:
                return answer.result()
            silent = silent + 1 if self.heard == heard else 0
        log.error("the zygote does not answer and is ended", pid=self.pid)
        self.end()
        raise ZygoteError("the zygote did not answer")

    def hang_up(self) -> None:
        """It ends then, with its workers."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """At once. Nothing happens to one that has ended already."""
        with contextlib.suppress(ProcessLookupError):
            if self.process is not None:
                self.process.kill()
            elif self.pid:
                os.kill(self.pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Waits until the process has ended. A copy is no child of ours, and is waited for by a descriptor of it."""
        if self.process is not None:
            await self.process.wait()
            return
        try:
            descriptor = os.pidfd_open(self.pid) if self.pid else -1
        except ProcessLookupError:
            return
        if descriptor < 0:
            return  # it never told that it is there, and has nobody to serve
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
