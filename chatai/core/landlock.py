"""Landlock: a process gives up, for good, all files and TCP ports but those that it names. Linux since 5.13.

What is open already stays open, and may be used. Later kernels refuse more; what this one cannot refuse is left out.
Source: https://docs.kernel.org/userspace-api/landlock.html and `linux/landlock.h`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any

# Rights to files, as they are numbered there.
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_FILE, MAKE_REG, TRUNCATE = 1 << 5, 1 << 8, 1 << 14
_CONNECT_TCP = 1 << 1

# From which version of the interface on which rights are known: files (so many, from bit 0), TCP (bind, connect),
# scopes (abstract sockets, signals).
_FILE_RIGHTS = ((5, 16), (3, 15), (2, 14), (1, 13))
_TCP_SINCE, _SCOPES_SINCE = 4, 6
_TCP_RIGHTS = _SCOPES = 0b11

# The calls have these numbers on every machine.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_PR_SET_NO_NEW_PRIVS = 38

# Looked up before any fork: that takes longer than the calls.
_LIBC: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_syscall: Any = _LIBC and _LIBC.syscall
_prctl: Any = _LIBC and _LIBC.prctl


@cache
def version() -> int:
    """The version of the kernel's interface; 0 where it has none, or where it is switched off or not allowed here."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return 0
    return max(0, int(_syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_ASK_VERSION))))


def restrict(paths: Iterable[tuple[str, int]], ports: Iterable[int]) -> bool:
    """From now on this thread, and whatever it starts, reaches these paths and connects to these TCP ports only; it
    listens on none.

    Args:
        paths: A file, or a folder with all that is below, and the rights to it. One that is not there is left out.
        ports: Of any host.

    Returns:
        Whether the kernel knows how.

    Raises:
        OSError: It knows, and refused.
    """
    known = version()
    if not known:
        return False
    files = (1 << next(count for since, count in _FILE_RIGHTS if known >= since)) - 1
    tcp = _TCP_RIGHTS if known >= _TCP_SINCE else 0
    wanted = struct.pack("=QQQ", files, tcp, _SCOPES if known >= _SCOPES_SINCE else 0)
    size = 24 if known >= _SCOPES_SINCE else 16 if tcp else 8
    ruleset = _call(_CREATE_RULESET, wanted, ctypes.c_size_t(size), ctypes.c_uint(0))
    try:
        for path, rights in paths:
            _allow_path(ruleset, path, rights & files)
        for port in ports if tcp else ():
            _add(ruleset, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
        if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs")
        _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint(0))
    finally:
        os.close(ruleset)
    return True


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is not there, or not for us anyway
    try:
        _add(ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place))
    finally:
        os.close(place)


def _add(ruleset: int, kind: int, rule: bytes) -> None:
    _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(kind), rule, ctypes.c_uint(0))


def _call(number: int, *arguments: object) -> int:
    answer = int(_syscall(number, *arguments))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer
