"""Processes that never outlive the benchmark, and what they take of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bots.procfs import stat_fields
from chatai.core.patience import within
from chatai.engines.process import parent_death_signal

ROOT = Path(__file__).resolve().parents[2]
START_PATIENCE = 60.0
STOP_PATIENCE = 60.0


class ChildFailed(Exception):
    """A process of the benchmark did not start or ended by itself. Carries the end of its log."""


class Child:
    """One process, logging to a file of its own. It is killed when the benchmark ends, however it ends."""

    def __init__(
        self, name: str, arguments: list[str], environment: dict[str, str], folder: Path, *, speaks: bool = False
    ) -> None:
        self.name = name
        self._speaks = speaks  # whether its first line is waited for; else all it says goes into the log
        self._command = arguments
        self._environment = environment
        self._folder = folder
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        if self.process is None:
            raise ChildFailed(f"{self.name} does not run")
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self._speaks else log,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=parent_death_signal(signal.SIGKILL),
            )

    async def first_line(self) -> str:
        """What it says first: the address that it listens on."""
        assert self.process  # noqa: S101 - started
        assert self.process.stdout  # noqa: S101 - with a pipe
        try:
            line = await within(START_PATIENCE, asyncio.to_thread(self.process.stdout.readline))
        except TimeoutError:
            raise self.failure("said nothing") from None
        if not line:
            raise self.failure("ended")
        return line.strip()

    async def stop(self) -> float:
        """Tells it to stop; the seconds that it took. One that does not is killed, and that is an error."""
        assert self.process  # noqa: S101
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.to_thread(self.process.wait, STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.failure(f"did not stop within {STOP_PATIENCE:.0f} s") from None
        return time.monotonic() - began

    def kill(self) -> None:
        """Ends it at once, with all that it started."""
        if self.process is None:
            return
        below = []
        with contextlib.suppress(psutil.Error):
            below = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        for process in below:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def failure(self, what: str) -> ChildFailed:
        lines = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return ChildFailed("\n".join([f"{self.name} {what}. The end of its log:", *lines]))


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


@dataclass(frozen=True, slots=True)
class Memory:
    """MB. `pss`: shared pages split among those who share them; `own`: pages that nobody shares; `tables`: the
    kernel's page tables for it, which belong to no process's figure."""

    pss: float
    own: float
    rss: float
    tables: float


def memory(pid: int) -> Memory | None:
    """What a process takes; None when it is gone."""
    try:
        rollup = _fields(Path(f"/proc/{pid}/smaps_rollup"))
        status = _fields(Path(f"/proc/{pid}/status"))
    except (OSError, ProcessLookupError):
        return None
    own = rollup["Private_Clean"] + rollup["Private_Dirty"]
    return Memory(rollup["Pss"] / 1024, own / 1024, rollup["Rss"] / 1024, status.get("VmPTE", 0) / 1024)


def _fields(path: Path) -> dict[str, int]:
    found = {}
    for line in path.read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            found[name] = int(words[0])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Processor time that these processes have used. Those that are gone count no more."""
    ticks = 0
    for pid in pids:
        if fields := stat_fields(pid):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it; empty when it is gone."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def children_of(pid: int) -> list[int]:
    """Process ids of its children, at the cost of one read: a search through all processes would be felt."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def name_of(pid: int) -> str:
    """As the process calls itself, cut to 15 letters."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def processes_of(*words: str) -> list[int]:
    """All with these words in their command. A search through all processes."""
    return [pid for pid in psutil.pids() if all(word in f"{command_of(pid)} " for word in words)]


def available_mb() -> float:
    return _fields(Path("/proc/meminfo"))["MemAvailable"] / 1024
