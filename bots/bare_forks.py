"""Imported before everything else by the zygote: what Python's own modules do at each fork is left out.

They get a child ready whose parent had threads and a running loop: locks are made anew, threads forgotten, the loop let
go, random numbers begun afresh. That takes as long as a third of a fork, and a hundred pages become the child's own.
The zygote forks with one thread, no loop and no lock held; what a worker needs of it, it does itself (`worker`).

What other modules want done at a fork is done.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_NEEDLESS = {"threading", "logging", "asyncio.events", "random", "concurrent.futures.thread"}
_register = os.register_at_fork


def _register_others(**calls: Any) -> None:
    """In the place of `os.register_at_fork`."""
    if sys._getframe(1).f_globals.get("__name__") not in _NEEDLESS:
        _register(**calls)


os.register_at_fork = _register_others
