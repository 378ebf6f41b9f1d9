"""Keeps the memory of the forked processes shared: what the zygote does before it forks, and a worker when it is quiet.

A forked process owns a copy of each 4 kB page that it writes to, and CPython writes to whatever it touches: reference
counts lie within the objects. What helps, with what it brought a worker after twenty answers (8.5 MB before):

- What runs in workers lies together (`gather_code`): fewer pages are touched. 0.5 MB.
- Free places in half-used pages are taken (`fill_pages`), so that what a worker allocates begins on pages of its own
  instead of making many shared ones its own. 0.3 MB.
- A worker that is quiet collects its garbage and gives free memory back (`give_back`): it does not grow with use.

Large pages (MADV_COLLAPSE) would halve a fork's time. But whatever of the kernel looks for who uses a page, as when
memory is short, then looks at five hundred entries in each of a thousand processes: that cost a third of a core.

docs/decisions/0012 has the rest of the figures.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

TEND_SECONDS = 10.0
MOST_ENDED = 2000
SEARCH_SECONDS = 24 * 3600.0
_NEVER = 2**30

_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8
_TRIM_BYTES = 128 * 1024

_BYTES_OVERHEAD = sys.getsizeof(b"")
_POOL_LINE = re.compile(r"\s*\d+\s+(\d+)\s+\d+\s+\d+\s+(\d+)\s*")
"""A size class in `sys._debugmallocstats`: number, bytes of a block, pools, blocks in use, free blocks."""

_kept: list[object] = []


def _open_libc() -> ctypes.CDLL | None:
    """glibc, or None where the allocator is another one."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None


_LIBC = _open_libc()


def tune_allocator() -> None:
    """One arena for all threads (a worker has a second one, for looking names up); free memory is given back."""
    if _LIBC is not None:
        _LIBC.mallopt(_M_ARENA_MAX, 1)
        _LIBC.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


def gather_code(run: Callable[[], object]) -> int:
    """Puts the code that `run` executes side by side; how many functions have it now.

    A function keeps its identity; its code becomes a copy, made in the order of first use.
    """
    order: dict[CodeType, int] = {}

    def see(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            order.setdefault(frame.f_code, len(order))

    sys.setprofile(see)
    try:
        run()
    finally:
        sys.setprofile(None)
    used = [
        (order[function.__code__], function)
        for function in gc.get_objects()
        if isinstance(function, FunctionType) and function.__code__ in order
    ]
    used.sort(key=lambda pair: pair[0])
    # Equal code of different functions (a dataclass's, a lambda's) stays one object each, as it was.
    copies: dict[int, tuple[CodeType, CodeType]] = {}
    for _place, function in used:
        function.__code__ = _copy(function.__code__, copies)
    return len(used)


def _copy(code: CodeType, copies: dict[int, tuple[CodeType, CodeType]]) -> CodeType:
    """The copies keep their originals alive, so that an id means one object."""
    if id(code) not in copies:
        constants = tuple(_copy(value, copies) if isinstance(value, CodeType) else value for value in code.co_consts)
        copies[id(code)] = (code, code.replace(co_consts=constants))
    return copies[id(code)][1]


def fill_pages() -> int:
    """Takes the free blocks between the zygote's objects, for good; how many bytes."""
    free = _free_blocks()
    filling: list[object] = [None] * sum(free.values())
    place = taken = 0
    for size, blocks in free.items():
        if size <= _BYTES_OVERHEAD:
            continue
        for _ in range(blocks):
            filling[place] = bytes(size - _BYTES_OVERHEAD)
            place += 1
        taken += size * blocks
    _kept.append(filling)
    return taken


def keep_for_good() -> None:
    """Leaves out of all collections from now on what is there: what was imported is no garbage, and looking through its
    hundred thousand objects holds up whoever waits for an answer."""
    gc.freeze()
    gc.enable()


async def tend(ended: Callable[[], int]) -> None:
    """Keeps what lives long out of the search for garbage in a process with thousands of bots, until cancelled.

    With ten thousand polled bots Python searched two million objects every fifteen seconds, found nothing, and held up
    everybody for 0.6 s. Now what has lived for a while is looked through only once much of it has ended, or a day is
    over.

    Args:
        ended: How many bots and processes of bots have ended since the start: what was made for them may know each
            other in circles.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    searched, searched_at = ended(), time.monotonic()
    while True:
        await asyncio.sleep(TEND_SECONDS)
        if ended() - searched >= MOST_ENDED or time.monotonic() - searched_at >= SEARCH_SECONDS:
            searched, searched_at = ended(), time.monotonic()
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(1)
        gc.freeze()


def give_back() -> None:
    """Collects garbage and returns free memory to the system. About a millisecond; not in the middle of work."""
    gc.collect()
    if _LIBC is not None:
        _LIBC.malloc_trim(0)


def _free_blocks() -> dict[int, int]:
    """Bytes of a block → how many are free in pages that are in use; nothing where CPython's allocator is not used."""
    show = getattr(sys, "_debugmallocstats", None)
    if show is None:
        return {}
    with tempfile.TemporaryFile() as told:
        # It speaks to the C library's stderr, whatever that is.
        stderr = os.dup(2)
        os.dup2(told.fileno(), 2)
        try:
            show()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        told.seek(0)
        lines = told.read().decode("ascii", "replace").splitlines()
    return {int(found[1]): int(found[2]) for line in lines if (found := _POOL_LINE.fullmatch(line))}
