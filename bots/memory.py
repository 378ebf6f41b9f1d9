"""How much memory of its own a process has. RSS misleads: most of a bot's is shared with the zygote."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Protocol

ROUND_SECONDS = 60.0
"""Each process is looked at once in so long; one look costs about 4 ms of CPU, so they are spread evenly."""
LEAST_PAUSE = 0.02

_OWN = (b"Private_Clean:", b"Private_Dirty:", b"Private_Hugetlb:")


class Watched(Protocol):
    """A bot whose process is looked at."""

    @property
    def pid(self) -> int | None:
        """Of its process, if there is one."""

    def weighed(self, pid: int, kilobytes: int) -> None:
        """So much memory of its own the process has."""


def own_kilobytes(pid: int) -> int | None:
    """The memory that would be free if this process ended (USS); None where that cannot be seen."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith(_OWN))
    except OSError:  # it has just ended, or it is not ours to see
        return None


async def watch(bots: Callable[[], Iterable[Watched]]) -> None:
    """Weighs the processes in turn, until cancelled."""
    while True:
        weighed = [bot for bot in bots() if bot.pid is not None]
        pause = max(LEAST_PAUSE, ROUND_SECONDS / max(1, len(weighed)))
        for bot in weighed:
            pid = bot.pid
            kilobytes = own_kilobytes(pid) if pid is not None else None
            if pid is not None and kilobytes is not None:
                bot.weighed(pid, kilobytes)
            await asyncio.sleep(pause)
        if not weighed:
            await asyncio.sleep(1.0)
