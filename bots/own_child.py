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
    """A child that no loop has started. It is reaped once it is watched; until then its number is nobody else's."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._ended: asyncio.Future[int] | None = None

    @classmethod
    def of(cls, pid: int) -> OwnChild | None:
        """The child with this number; None where no descriptor is left: it is then killed, and reaped."""
        try:
            return cls(pid, os.pidfd_open(pid))
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None

    def send_signal(self, number: int, /) -> None:
        if self._ended is None or not self._ended.done():
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def watch(self) -> asyncio.Future[int]:
        """From now on, in the running loop, its end is noticed, whether or not anybody waits for it: the status."""
        if self._ended is None:
            loop = asyncio.get_running_loop()
            self._ended = loop.create_future()
            loop.add_reader(self._descriptor, self._reap, loop, self._ended)
        return self._ended

    async def wait(self) -> int:
        return await asyncio.shield(self.watch())

    def _reap(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[int]) -> None:
        loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        ended.set_result(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]))


class Begun(NamedTuple):
    """A process that is getting ready, and our end of the connection to it."""

    process: OwnChild
    end: socket.socket


def can_be_begun() -> bool:
    """Whether this system has descriptors of processes."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True
