"""The search for garbage in a process that keeps thousands of bots, and memory given back."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from bots import heap

TENDED = """
import asyncio, gc, weakref
from bots import heap

class Circle:
    def __init__(self):
        self.me = self

async def main():
    heap.TEND_SECONDS = 0.01
    heap.MOST_ENDED = 3
    ended, looked = 0, []
    tending = asyncio.create_task(heap.tend(lambda: ended))
    await asyncio.sleep(0)
    gc.callbacks.append(lambda phase, info: looked.append(info["generation"]))
    old = Circle()
    while not gc.get_freeze_count():
        await asyncio.sleep(0.001)
    assert not any(one is old for one in gc.get_objects())  # it is looked through no more
    gone = weakref.ref(old)
    del old
    kept = [[number] for number in range(200_000)]  # enough to have Python search everything, twice over
    kept += [[number] for number in range(200_000)]
    await asyncio.sleep(0.05)
    assert gone() is not None
    assert 2 not in looked, looked
    ended = 3
    while gone() is not None:
        await asyncio.sleep(0.001)
    assert 2 in looked
    tending.cancel()

asyncio.run(main())
print("well")
"""


def test_what_lives_long_is_searched_only_once_bots_have_ended() -> None:
    found = subprocess.run([sys.executable, "-c", TENDED], capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout == "well\n", found.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is another one")
def test_free_memory_is_given_back() -> None:
    script = """
from bots import heap
def own():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
big = [bytearray(5_000) for _ in range(10_000)]
pin = bytearray(5_000)
full = own()
big.clear()
heap.give_back()
assert own() < full - 30_000_000, (own(), full)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_allocator_is_tuned_without_a_word() -> None:
    heap.tune_allocator()
    assert ctypes.CDLL(None).malloc_trim(0) in {0, 1}
