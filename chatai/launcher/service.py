"""Keeps one process alive and well: starts it, watches its health, starts it again, stops it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chatai.engines.process import parent_death_signal
from chatai.launcher.console import Screen

HEALTHY_AGAIN = 60.0  # seconds of life after which earlier failures are forgotten
LONGEST_PAUSE = 30.0  # seconds between two starts
CHECK_INTERVAL = 5.0
ANSWER_PATIENCE = 10.0
MISSED_CHECKS = 4  # so many in a row and the process counts as hung
FIRST_PATIENCE = 180.0  # seconds until a fresh process has to be ready
STARTS_BEFORE_GIVING_UP = 3
LONGEST_LINE = 65536  # bytes


class Health(Protocol):
    """How a process tells that it is well. Both answer within `ANSWER_PATIENCE`."""

    async def ready(self, since: float) -> bool:
        """Whether the process that was started at `since` (seconds since the epoch) does its work."""

    async def alive(self) -> bool:
        """Whether the process reacts at all, though what it depends on may be away."""


class HttpHealth:
    """Well if it answers on `/health`: 200 is ready, any answer is alive."""

    def __init__(self, host: str, port: int) -> None:
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where to ask, not to listen
        self._port = port

    async def ready(self, since: float) -> bool:
        return await self._status() == 200

    async def alive(self) -> bool:
        return await self._status() is not None

    async def _status(self) -> int | None:
        with suppress(OSError, TimeoutError, ValueError, IndexError):
            async with asyncio.timeout(ANSWER_PATIENCE):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    line = await reader.readline()
                    return int(line.split()[1])
                finally:
                    writer.close()
        return None


class HeartbeatHealth:
    """Well if it touches a file every few seconds (see `chatai.core.heartbeat`)."""

    def __init__(self, file: Path, longest_gap: float = 60.0) -> None:
        self._file = file
        self._longest_gap = longest_gap

    def _last(self) -> float:
        try:
            return self._file.stat().st_mtime
        except OSError:
            return 0.0

    async def ready(self, since: float) -> bool:
        return self._last() >= since

    async def alive(self) -> bool:
        return time.time() - self._last() < self._longest_gap


class Service:
    """One supervised process.

    Args:
        name: As it is called on the console.
        command: Program and arguments.
        environment: The process's whole environment.
        health: How to see that it is well.
        screen: Where its lines go.
        stop_patience: Seconds from SIGTERM to SIGKILL.
        orphan_signal: What the kernel sends it when the launcher is killed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        health: Health,
        screen: Screen,
        stop_patience: float = 10.0,
        orphan_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.name = name
        self.ready = asyncio.Event()
        self.gave_up = asyncio.Event()
        self._command = command
        self._environment = environment
        self._health = health
        self._screen = screen
        self._stop_patience = stop_patience
        self._orphan_signal = orphan_signal
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Keeps the process running until `stop`; gives up only if it never once became ready."""
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            reason = await self._once()
            if self._stopping:
                return
            failures = 1 if time.monotonic() - started > HEALTHY_AGAIN else failures + 1
            if not self.ready.is_set() and failures >= STARTS_BEFORE_GIVING_UP:
                self._screen.line(self.name, f"{reason}, {failures} times in a row")
                self.gave_up.set()
                return
            pause = min(0.5 * 2 ** (failures - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.5)
            self._screen.line(self.name, f"{reason}; starting it again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _once(self) -> str:
        """One life of the process. Returns what ended it, in words."""
        since = time.time()
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
            preexec_fn=parent_death_signal(self._orphan_signal),
        )
        lines = asyncio.create_task(self._copy_lines(process))
        watch = asyncio.create_task(self._watch(since))
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({watch, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                code = process.returncode or 0
                return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            await self._end(process, patience=3.0)
            return watch.result()
        finally:
            watch.cancel()
            if process.returncode is None and not self._stopping:
                await self._end(process, patience=0)
            sweep(process.pid)
            with suppress(TimeoutError):
                async with asyncio.timeout(1):  # a grandchild may hold the pipe open
                    await asyncio.shield(lines)
            lines.cancel()

    async def _watch(self, since: float) -> str:
        """Returns when the process is not well any more, with the reason."""
        deadline = time.monotonic() + FIRST_PATIENCE
        while not await self._health.ready(since):
            if time.monotonic() > deadline:
                return f"was not ready after {FIRST_PATIENCE:.0f} s"
            await asyncio.sleep(0.1)
        self.ready.set()
        missed = 0
        while missed < MISSED_CHECKS:
            await asyncio.sleep(CHECK_INTERVAL)
            missed = 0 if await self._health.alive() else missed + 1
        return f"did not react to {MISSED_CHECKS} checks"

    async def _copy_lines(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        rest = b""
        while chunk := await process.stdout.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._screen.line(self.name, line.decode(errors="replace").rstrip("\r"))
            if len(rest) > LONGEST_LINE:
                self._screen.line(self.name, rest.decode(errors="replace"))
                rest = b""
        if rest:
            self._screen.line(self.name, rest.decode(errors="replace"))

    async def stop(self) -> None:
        """Asks the process to end, and ends it when it has not in time. It is not started again."""
        self._stopping = True
        if self._process is not None:
            await self._end(self._process, self._stop_patience)

    async def _end(self, process: asyncio.subprocess.Process, patience: float) -> None:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await process.wait()
        if process.returncode is None:
            self._screen.line(self.name, f"did not end within {patience:.0f} s, killed")
        sweep(process.pid)
        await process.wait()

    def kill(self) -> None:
        """Ends the process and its children at once."""
        self._stopping = True
        if self._process is not None:
            sweep(self._process.pid)


def sweep(session: int) -> None:
    """Kills whatever is left of a process's group; it leads a session of its own, so nobody else is in it."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)
