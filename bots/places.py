"""So many bots' processes live at once: who wants one more waits for a place, and who has been idle longest makes room.

Nothing is lost meanwhile: a bot's updates are in PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chatai.core.cgroup import NotDelegated, locate_own

LOOK_SECONDS = 0.2
"""While somebody waits, so often is looked for who has become idle."""
TURN_SECONDS = 60.0
"""When somebody has waited so long and nobody is idle, who has had a place longest makes room once its work is done."""
EACH_BYTES = 8 * 1024 * 1024
"""A bot's process with all that it causes, the kernel's tables too."""
PART_OF_MEMORY = 0.75


class Lodger(Protocol):
    """Who takes a place."""

    @property
    def stays(self) -> bool:
        """Whether it cannot or must not make room: it begins, leaves already, or is always on."""

    @property
    def idle_since(self) -> float | None:
        """When it was last in use, as `time.monotonic()`; None while it has something to do."""

    def make_room(self) -> None:
        """Has it finish what it has and leave its place."""


class Places:
    """The places of one manager's processes; the one that is forked ahead needs none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[Lodger, float] = {}
        """Who has a place, and since when; longest first."""
        self._leaving: dict[Lodger, float] = {}
        """Of these, who was told to make room, and when."""
        self._waiting: dict[Lodger, tuple[asyncio.Future[None], float]] = {}
        """Who came first is first; with the time at which it came."""
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, lodger: Lodger) -> None:
        """Waits for a place, first come, first served. `leave` gives it back, and ends the wait of one that was
        cancelled."""
        if len(self._held) < self._most and not self._waiting:
            self._held[lodger] = time.monotonic()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[lodger] = (turn, time.monotonic())
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(0, self._look)
        await turn

    def leave(self, lodger: Lodger) -> None:
        """The lodger's process is gone, or is not wanted any more. One without a place may say so as well."""
        self._waiting.pop(lodger, None)
        self._held.pop(lodger, None)
        self._leaving.pop(lodger, None)
        while self._waiting and len(self._held) < self._most:
            first = next(iter(self._waiting))
            turn, _ = self._waiting.pop(first)
            if not turn.done():  # else it was cancelled
                self._held[first] = time.monotonic()
                turn.set_result(None)

    def _look(self) -> None:
        """Has as many make room as wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        now = time.monotonic()
        coming = sum(now - told < TURN_SECONDS for told in self._leaving.values())  # those that take long don't count
        if (wanted := len(self._waiting) - coming) > 0:
            for lodger in self._next_to_go(now, wanted, coming):
                self._leaving[lodger] = now
                lodger.make_room()
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _next_to_go(self, now: float, wanted: int, coming: int) -> list[Lodger]:
        """The idle ones, longest first; then, for those alone who have waited long, who has had a place as long."""
        able = [lodger for lodger in self._held if not lodger.stays and lodger not in self._leaving]
        idle: list[tuple[float, int]] = []
        busy: list[Lodger] = []
        for place, lodger in enumerate(able):
            if (since := lodger.idle_since) is not None:
                idle.append((since, place))
            elif now - self._held[lodger] >= TURN_SECONDS:
                busy.append(lodger)
        going = [able[place] for _, place in sorted(idle)[:wanted]]
        long = sum(now - since >= TURN_SECONDS for _, since in self._waiting.values()) - coming
        return going + busy[: max(0, min(wanted, long) - len(going))]


def most_live(setting: int) -> int:
    """What `BOT_LIVE_MOST` says; 0: as many as three quarters of the memory hold."""
    return setting or max(1, int(memory_bytes() * PART_OF_MEMORY) // EACH_BYTES)


def memory_bytes() -> int:
    """What the machine has, or less where the cgroups that this process is in have less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _limit_files():
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            limits.append(int(file.read_text()))
    return min(limits)


def _limit_files() -> list[Path]:
    """Of cgroup v2, from this process's group up."""
    try:
        own, top = locate_own()
    except NotDelegated:
        return []
    return [folder / "memory.max" for folder in (own, *own.parents) if folder.is_relative_to(top)]
