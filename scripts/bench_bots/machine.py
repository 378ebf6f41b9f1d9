"""What machine it is, and how fast it is just now."""

from __future__ import annotations

import mmap
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "CPU"
    )
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {_system()}, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {datetime.now(UTC):%d %B %Y}. {_speed()}"
    )


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _speed() -> str:
    """How fast this machine is just now, in two figures that have nothing to do with ChatAI."""
    return (
        f"A million turns of an empty loop take Python {_empty_loop_ms():.0f} ms, "
        f"a page of memory that is used for the first time takes {_fresh_page_us():.1f} µs"
    )


def _empty_loop_ms() -> float:
    """The middle of seven."""

    def once() -> float:
        began = time.perf_counter()
        for _ in range(1_000_000):
            pass
        return (time.perf_counter() - began) * 1e3

    return statistics.median(once() for _ in range(7))


def _fresh_page_us(megabytes: int = 256) -> float:
    """What each new process pays for each page that it makes its own. In a virtual machine the host may have to find
    the page first, which takes many times as long."""
    with mmap.mmap(-1, megabytes * 1024 * 1024, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        began = time.perf_counter()
        for place in range(0, len(memory), mmap.PAGESIZE):
            memory[place] = 1
        return (time.perf_counter() - began) * 1e6 / (len(memory) / mmap.PAGESIZE)


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
