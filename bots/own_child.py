"""Processes that are begun before there is a loop, which then waits for them by a descriptor (`pidfd_open(2)`)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import NamedTuple, Protocol


class ChildProcess(Protocol):
    """What is asked of a child, whoever started it: asyncio's own processes, or one of `OwnChild`."""

    @property
    def pid(self) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def kill(self) -> None: ...

    async def wait(self) -> int:
        """How it ended: a status, or less than 0 for a signal."""


class OwnChild:
    """A child that no loop has started. It is reaped by `wait` alone, so its number is nobody else's until then."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor = os.pidfd_open(pid)
        self._ended: asyncio.Future[int] | None = None

    def send_signal(self, number: int, /) -> None:
        if self._ended is None or not self._ended.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        if self._ended is None:
            loop = asyncio.get_running_loop()
            self._ended = loop.create_future()
            loop.add_reader(self._descriptor, self._reap, loop)
        return await asyncio.shield(self._ended)

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        assert self._ended is not None  # noqa: S101 - it is waited for
        self._ended.set_result(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


class Begun(NamedTuple):
    """A process that is getting ready, and our end of the connection to it."""

    process: ChildProcess
    end: socket.socket


def can_be_begun() -> bool:
    """Whether this system has descriptors of processes."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
