"""Keeps the memory of long-lived processes in order: no search for garbage among what stays, and free memory is given
back. What the zygote does so that its workers share memory is in `sharing`.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
import time
from collections.abc import Callable

TEND_SECONDS = 10.0
MOST_ENDED = 2000
SEARCH_SECONDS = 24 * 3600.0
_NEVER = 2**30

_M_TRIM_THRESHOLD = -1
_M_ARENA_MAX = -8
_TRIM_BYTES = 128 * 1024


def _open_libc() -> ctypes.CDLL | None:
    """glibc, or None where the allocator is another one."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None


LIBC = _open_libc()


def tune_allocator() -> None:
    """One arena for all threads (a worker has a second one, for looking names up); free memory is given back."""
    if LIBC is not None:
        LIBC.mallopt(_M_ARENA_MAX, 1)
        LIBC.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


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
    if LIBC is not None:
        LIBC.malloc_trim(0)
