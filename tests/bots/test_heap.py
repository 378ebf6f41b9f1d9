"""The search for garbage in a process that keeps thousands of bots."""

from __future__ import annotations

import subprocess
import sys

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
