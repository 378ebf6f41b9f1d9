"""The manager's handles on a zygote and on the workers that are forked from it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from concurrent.futures import Future
from dataclasses import dataclass, field

from bots.wire import Wire

GROUP_SECONDS = 2.0
"""So long is waited for what an ended process's cgroup tells: after a start of many bots others come first."""


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
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(self.filled_group)), GROUP_SECONDS)
        except TimeoutError:
            return False


@dataclass(eq=False)
class Running:
    """One zygote, and who waits for what. `process`: of one that was started here; a copy of another has none."""

    process: asyncio.subprocess.Process | None
    control: socket.socket
    ready: asyncio.Future[None]
    pid: int = 0
    """As it told itself when it was ready."""
    spawning: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    exits: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    def hang_up(self) -> None:
        """It ends then, with its workers."""
        with contextlib.suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """At once."""
        if self.process is not None:
            self.process.kill()
        elif self.pid:
            with contextlib.suppress(ProcessLookupError):
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
