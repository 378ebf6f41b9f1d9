"""What a process does to itself: how it is called, and what it keeps of what it inherited."""

from __future__ import annotations

import ctypes
import os
import resource
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
# Looked up before a fork: the child need not.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def call_process(name: str) -> None:
    """How `ps` and `top` show this process; up to 15 letters."""
    if _prctl is not None:
        _prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def end_with_parent(number: int) -> None:
    """Has the kernel send this signal when the parent ends."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def keep_only(descriptor: int) -> None:
    """Closes whatever else was inherited, but the three standard ones."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 65_536))
