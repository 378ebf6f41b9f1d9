"""A cgroup for each bot's process, where cgroup v2 is delegated: the kernel ends one that takes more than it may.

    handed over/            the unit's or the container's group; see `chatai.core.cgroup`
        chatai-main/        manager, zygotes, answer processes and whatever else was there
        chatai-bots-123/    of the manager with this process id, which holds a lock on it
            worker-1/       limits, and one process

A worker is forked where its zygote is and moved a moment later: nobody waits for that. So what it shares with the
zygote, and the little that it wrote to until then, is charged to `chatai-main`.

Moving one may wait for all processors (10 ms and more), so all is done in a thread, one after the other.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import structlog

from bots.procfs import stat_fields
from chatai.core import cgroup

log = structlog.get_logger(__name__)

CONTROLLERS = (cgroup.MEMORY, "pids")
PREFIX = "chatai-bots-"
MOST_TASKS = 16
"""Threads of one worker. It needs two."""
END_SECONDS = 2.0
"""So long the manager, at its end, waits for processes to be gone."""


class WorkerGroups:
    """The groups of one manager's workers, which are known by the manager's numbers for them."""

    def __init__(self, delegated: Path, megabytes: int, controllers: Sequence[str] = CONTROLLERS) -> None:
        """Divides what was handed over, and removes what is left of managers that are dead.

        Args:
            delegated: The folder of the group that is ours to divide.
            megabytes: What each worker may take.
            controllers: The first must be there, the others may.

        Raises:
            OSError: It may not be done.
        """
        _hand_down(delegated, controllers)
        remove_leftovers(delegated)
        self.folder, self._lock = _claim(delegated)
        try:
            _hand_down(self.folder, controllers)
        except OSError:
            self._remove()
            raise
        there = set(os.listdir(self.folder))  # the group itself has what those below will have
        limits = {
            "memory.max": megabytes * 1024 * 1024,
            "memory.swap.max": 0,
            "memory.oom.group": 1,
            "pids.max": MOST_TASKS,
        }
        self._limits = {file: value for file, value in limits.items() if file in there}
        self._thread = ThreadPoolExecutor(1, "cgroups")
        self._lingering: list[Path] = []
        self._failed = False

    def enter(self, number: int, process: int, parent: int) -> None:
        """Has a process put into a group of its own, soon. `parent`: its parent, by which it is known to be the one."""
        with suppress(RuntimeError):  # closed
            self._thread.submit(self._enter, self._group(number), process, parent)

    def leave(self, number: int) -> Future[bool]:
        """Has the group of a process that has ended removed; whether the kernel ended it because its group was full."""
        try:
            return self._thread.submit(self._leave, self._group(number))
        except RuntimeError:  # closed
            nothing: Future[bool] = Future()
            nothing.set_result(False)
            return nothing

    def close(self) -> None:
        """When no worker is left. Blocks."""
        self._thread.shutdown(wait=True)
        self._remove()

    def _group(self, number: int) -> Path:
        return self.folder / f"worker-{number}"

    def _enter(self, group: Path, process: int, parent: int) -> None:
        try:
            group.mkdir(exist_ok=True)
            for file, value in self._limits.items():
                cgroup.write(f"{group}/{file}", value)
            if _parent_of(process) == parent:  # else it has ended, and the number may be another's
                cgroup.write(f"{group}/cgroup.procs", process)
        except ProcessLookupError:
            return
        except OSError as error:
            if not self._failed:
                log.warning("a bot's process has no cgroup; its other limits stay", error=str(error))
            self._failed = True
        else:
            self._failed = False

    def _leave(self, group: Path) -> bool:
        full = was_full(group)
        self._lingering = [one for one in (*self._lingering, group) if not _is_removed(one)]
        return full

    def _remove(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        while not _clean_up(self.folder) and time.monotonic() < deadline:
            time.sleep(0.02)  # the last processes are ending; what they leave the next start removes
        os.close(self._lock)


def open_groups(megabytes: int) -> WorkerGroups | None:
    """Groups for the workers of this process, if it was handed a part of the tree that can be divided."""
    try:
        groups = WorkerGroups(cgroup.find_delegated(), megabytes)
    except cgroup.NotDelegated as why:
        log.info("bots' memory is limited without cgroups", why=str(why))
        return None
    except OSError as error:
        log.warning("the cgroup that was handed over can't be divided; bots' other limits stay", error=str(error))
        return None
    log.info("bots' memory is limited by cgroups", folder=str(groups.folder))
    return groups


def _hand_down(group: Path, controllers: Sequence[str]) -> None:
    needed, *others = controllers
    cgroup.hand_down(group, needed)
    for controller in others:
        with suppress(OSError):
            cgroup.hand_down(group, controller)


def was_full(group: Path) -> bool:
    """Whether a process of this group was killed because the group itself had no memory left; not the machine."""
    try:
        events = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
    except OSError:
        return False  # it never had one
    return events.get("oom", "0") != "0" and events.get("oom_kill", "0") != "0"


def _claim(delegated: Path) -> tuple[Path, int]:
    """Our own group, and the descriptor by which it is locked. Raises: OSError."""
    folder, others = delegated / f"{PREFIX}{os.getpid()}", itertools.count(1)
    while True:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = _lock(folder)
        if descriptor is not None:
            return folder, descriptor
        # Somebody who removes leftovers was faster.
        folder = delegated / f"{PREFIX}{os.getpid()}-{next(others)}"


def remove_leftovers(delegated: Path) -> None:
    """Removes the groups of managers that are dead: nobody holds their locks. Where processes still run they stay."""
    for folder in _below(delegated, PREFIX):
        descriptor = _lock(folder)
        if descriptor is not None:
            _clean_up(folder)
            os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Locks a manager's group; the descriptor. None: somebody else has it, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _clean_up(folder: Path) -> bool:
    """Removes a manager's group and all in it, as far as they are empty; whether that was all."""
    for group in _below(folder, "worker-"):
        _is_removed(group)
    return _is_removed(folder)


def _below(folder: Path, prefix: str) -> Iterator[Path]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)


def _is_removed(group: Path) -> bool:
    """Removes a group unless there is somebody in it."""
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _parent_of(process: int) -> int:
    """Raises: ProcessLookupError."""
    fields = stat_fields(process)
    if not fields:
        raise ProcessLookupError
    return int(fields[1])
