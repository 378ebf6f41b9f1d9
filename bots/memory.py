"""How much memory of its own a process has. RSS misleads: most of a bot's is shared with the zygote."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from bots.procfs import stat_fields

ROUND_SECONDS = 60.0
"""Each process is looked at once in so long. To weigh one costs a millisecond or more, so they are spread evenly."""
LEAST_PAUSE = 0.02
STEADY_PAGES = 64
"""A process that has got, written to for the first time, or given back fewer pages since (4 kB each) weighs as before:
most are quiet, and seeing that costs a fiftieth."""

_OWN = (b"Private_Clean:", b"Private_Dirty:", b"Private_Hugetlb:")


class Watched(Protocol):
    """A bot whose process is looked at."""

    @property
    def pid(self) -> int | None:
        """Of its process, if there is one."""

    def weighed(self, pid: int, kilobytes: int) -> None:
        """So much memory of its own the process has."""


class _Pages(NamedTuple):
    """What can be seen of a process at once: page faults so far, and pages that are there, shared ones included."""

    faults: int
    resident: int

    def is_near(self, other: _Pages) -> bool:
        return all(abs(ours - theirs) < STEADY_PAGES for ours, theirs in zip(self, other, strict=True))


def own_kilobytes(pid: int) -> int | None:
    """The memory that would be free if this process ended (USS); None where that cannot be seen."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith(_OWN))
    except OSError:  # it has just ended, or it is not ours to see
        return None


def _pages(pid: int) -> _Pages | None:
    """Of minflt and rss, the 10th and the 24th field."""
    fields = stat_fields(pid)
    return _Pages(int(fields[7]), int(fields[21])) if fields else None


class Scales:
    """Weighs processes, and knows what each weighed before."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[_Pages, int]] = {}

    def weigh(self, pid: int) -> int | None:
        """As `own_kilobytes`, to within `STEADY_PAGES`."""
        pages, known = _pages(pid), self._known.pop(pid, None)
        if pages is None:
            return None
        if known is None or not pages.is_near(known[0]):
            kilobytes = own_kilobytes(pid)
            if kilobytes is None:
                return None
            known = pages, kilobytes
        self._known[pid] = known
        return known[1]

    def forget_others(self, pids: Iterable[int]) -> None:
        """Only these processes are still of interest."""
        kept = set(pids)
        self._known = {pid: known for pid, known in self._known.items() if pid in kept}


async def watch(bots: Callable[[], Iterable[Watched]]) -> None:
    """Weighs the processes in turn, until cancelled."""
    scales = Scales()
    while True:
        live = [bot for bot in bots() if bot.pid is not None]
        scales.forget_others(pid for bot in live if (pid := bot.pid) is not None)
        pause = max(LEAST_PAUSE, ROUND_SECONDS / max(1, len(live)))
        for bot in live:
            pid = bot.pid
            kilobytes = scales.weigh(pid) if pid is not None else None
            if pid is not None and kilobytes is not None:
                bot.weighed(pid, kilobytes)
            await asyncio.sleep(pause)
        if not live:
            await asyncio.sleep(1.0)
